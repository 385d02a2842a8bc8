//! Durations, sizes and growth limits as people type them.

use std::time::Duration;

/// Parses `90`, `90s`, `1.5m`, `1h30m`, `250ms`. A bare number is seconds.
///
/// # Errors
/// One sentence that says what is wrong and shows an example.
pub fn duration(text: &str) -> Result<Duration, String> {
    const UNITS: [(&str, f64); 5] =
        [("ms", 1e-3), ("s", 1.0), ("m", 60.0), ("h", 3600.0), ("d", 86400.0)];
    const LONGEST_S: f64 = 366.0 * 86400.0;
    let wrong =
        |why: &str| format!("`{text}` is no duration: {why}; write for example 30s, 5m or 1h30m");
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(wrong("it is empty"));
    }
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let (number, after) = leading_number(rest).ok_or_else(|| wrong("a number is missing"))?;
        let end = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let (unit, next) = after.split_at(end);
        let factor = match unit {
            // A bare number is seconds, but only alone: `1h30` may mean anything.
            "" if next.is_empty() && rest.len() == text.trim().len() => 1.0,
            "" => return Err(wrong("a unit is missing")),
            "min" => 60.0,
            _ => UNITS.iter().find(|u| u.0 == unit).ok_or_else(|| wrong("unknown unit"))?.1,
        };
        seconds += number * factor;
        rest = next;
    }
    if seconds <= 0.0 {
        return Err(wrong("it must be more than zero"));
    }
    if seconds > LONGEST_S {
        return Err(wrong("it is longer than a year"));
    }
    Ok(Duration::from_secs_f64(seconds))
}

/// Parses `512`, `64KiB`, `1.5 GB`. A bare number is bytes; KB is 1000, KiB is 1024.
///
/// # Errors
/// One sentence that says what is wrong and shows an example.
pub fn bytes(text: &str) -> Result<f64, String> {
    let wrong = |why: &str| format!("`{text}` is no size: {why}; write for example 64KiB or 1MiB");
    let (number, unit) = leading_number(text.trim()).ok_or_else(|| wrong("a number is missing"))?;
    let unit = unit.trim().to_ascii_lowercase();
    let factor: f64 = match unit.as_str() {
        "" | "b" => 1.0,
        "k" | "kb" => 1e3,
        "kib" => 1024.0,
        "m" | "mb" => 1e6,
        "mib" => 1024.0 * 1024.0,
        "g" | "gb" => 1e9,
        "gib" => 1024.0 * 1024.0 * 1024.0,
        "t" | "tb" => 1e12,
        "tib" => 1024f64.powi(4),
        _ => return Err(wrong("unknown unit")),
    };
    Ok(number * factor)
}

/// The number at the front of a text, and what follows it. No sign, no exponent.
fn leading_number(text: &str) -> Option<(f64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, rest) = text.split_at(end);
    Some((number.parse().ok()?, rest))
}

/// How much growth is allowed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum GrowthLimit {
    /// Bytes per second.
    PerSecond(f64),
    /// Bytes per event.
    PerEvent(f64),
}

/// Parses `1MiB/min`, `4KiB/s`, `0B/event`.
///
/// # Errors
/// One sentence that says what is wrong and shows an example.
pub fn growth_limit(text: &str) -> Result<GrowthLimit, String> {
    let wrong = |why: String| format!("{why}; write for example 1MiB/min or 0B/event");
    let (size, per) = text
        .split_once('/')
        .ok_or_else(|| wrong(format!("`{text}` is no rate: `/` is missing")))?;
    let size = bytes(size).map_err(wrong)?;
    Ok(match per.trim() {
        "event" => GrowthLimit::PerEvent(size),
        "s" | "sec" | "second" => GrowthLimit::PerSecond(size),
        "m" | "min" | "minute" => GrowthLimit::PerSecond(size / 60.0),
        "h" | "hour" => GrowthLimit::PerSecond(size / 3600.0),
        "d" | "day" => GrowthLimit::PerSecond(size / 86400.0),
        other => return Err(wrong(format!("`{text}` is no rate: unknown unit `{other}`"))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What people type is understood, and nothing else is.
    #[test]
    fn durations() {
        let seconds = |text| duration(text).map(|d| d.as_secs_f64());
        assert_eq!(seconds("30"), Ok(30.0));
        assert_eq!(seconds("1h30m"), Ok(5400.0));
        assert_eq!(seconds("250ms"), Ok(0.25));
        assert_eq!(seconds("1.5min"), Ok(90.0));
        for bad in
            ["", "s", "-5s", "5 parsecs", "0", "1e9s", "5s3", "1h30", "9999d", "1..2s", "NaN", "٣s"]
        {
            let message = seconds(bad).unwrap_err();
            assert!(message.contains("for example"), "{bad}: {message}");
        }
    }

    #[test]
    fn sizes_and_limits() {
        assert_eq!(bytes("64KiB"), Ok(65536.0));
        assert_eq!(bytes("1.5 GB"), Ok(1.5e9));
        assert_eq!(growth_limit("60KiB/min"), Ok(GrowthLimit::PerSecond(1024.0)));
        assert_eq!(growth_limit("0B/event"), Ok(GrowthLimit::PerEvent(0.0)));
        for bad in ["", "KiB", "1XB/s", "1MiB", "1MiB/lightyear", "-1B/s", "inf/s"] {
            let message = growth_limit(bad).unwrap_err();
            assert!(message.contains("for example"), "{bad}: {message}");
        }
    }
}
