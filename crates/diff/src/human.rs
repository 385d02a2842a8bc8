//! The one formatter of quantities in the workspace: three significant digits, IEC units.
//!
//! Reports, progress lines and the reason sentence of a verdict all use it, so that a figure
//! reads the same wherever it stands. A number that is not finite reads `unknown`.

use probe::Unit;

const UNKNOWN: &str = "unknown";
const IEC: [&str; 7] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

/// Bytes: `512 B`, `1.9 MiB`.
#[must_use]
pub fn bytes(value: f64) -> String {
    scaled(value, 1024.0, &IEC)
}

/// Bytes with a sign, for changes: `+1.9 MiB`, `-4 KiB`, `0 B`.
#[must_use]
pub fn bytes_signed(value: f64) -> String {
    signed(value, bytes)
}

/// Bytes per second: `1.9 MiB/s`.
#[must_use]
pub fn rate(value: f64) -> String {
    if value.is_finite() { format!("{}/s", bytes(value)) } else { UNKNOWN.into() }
}

/// Seconds: `350 ms`, `17 s`, `17 min`, `5 h 20 min`, `12 days`, `3 years`.
#[must_use]
pub fn duration(seconds: f64) -> String {
    const MINUTE: f64 = 60.0;
    const HOUR: f64 = 3600.0;
    const DAY: f64 = 86_400.0;
    let size = seconds.abs();
    if !seconds.is_finite() {
        UNKNOWN.into()
    } else if size == 0.0 {
        "0 s".into()
    } else if size < 0.9995 {
        ns(seconds * 1e9)
    } else if size < 99.5 {
        format!("{} s", digits(seconds, 2))
    } else if size < 99.5 * MINUTE {
        format!("{} min", digits(seconds / MINUTE, 2))
    } else if size < 2.0 * DAY {
        let minutes = (size / MINUTE).round();
        let sign = if seconds < 0.0 { "-" } else { "" };
        let (hours, rest) = ((minutes / MINUTE).floor(), minutes % MINUTE);
        // From ten hours on nobody plans by the minute.
        match () {
            () if hours >= 10.0 => format!("{sign}{} h", (size / HOUR).round()),
            () if rest == 0.0 => format!("{sign}{hours} h"),
            () => format!("{sign}{hours} h {rest} min"),
        }
    } else if size < 999.5 * DAY {
        format!("{} days", digits(seconds / DAY, 2))
    } else {
        format!("{} years", number(seconds / (365.25 * DAY)))
    }
}

/// Nanoseconds, in the unit that reads best: `850 ns`, `1.2 ms`, `3 s`.
#[must_use]
pub fn ns(value: f64) -> String {
    if value.is_finite() && value.abs() >= 999.5e6 {
        return duration(value / 1e9);
    }
    scaled(value, 1000.0, &["ns", "µs", "ms"])
}

/// Things: exact up to 99999, then `123 k`, `1.23 M`. Fractions keep three digits.
#[must_use]
pub fn count(value: f64) -> String {
    if !value.is_finite() {
        UNKNOWN.into()
    } else if value.abs() < 99_999.5 {
        number(value)
    } else {
        scaled(value, 1000.0, &["", "k", "M", "G", "T", "P", "E"])
    }
}

/// A share of one: `12 %`, `0.4 %`.
#[must_use]
pub fn percent(share: f64) -> String {
    if share.is_finite() { format!("{} %", number(share * 100.0)) } else { UNKNOWN.into() }
}

/// A value of a column, by the column's unit.
#[must_use]
pub fn value(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Bytes => bytes(value),
        Unit::Count => count(value),
        Unit::Ns => ns(value),
        Unit::Ratio => percent(value),
        Unit::Address => address(value),
        Unit::None => number(value),
    }
}

/// A change of a value, with its sign, by the column's unit.
#[must_use]
pub fn value_signed(change: f64, unit: Unit) -> String {
    signed(change, |v| value(v, unit))
}

fn address(value: f64) -> String {
    if value.is_finite() && value >= 0.0 { format!("{:#x}", value as u64) } else { UNKNOWN.into() }
}

fn signed(value: f64, format: impl Fn(f64) -> String) -> String {
    let text = format(value);
    let is_zero = !text.bytes().any(|b| (b'1'..=b'9').contains(&b));
    if value > 0.0 && value.is_finite() && !is_zero { format!("+{text}") } else { text }
}

/// A number without a unit: whole ones exact, others with three significant digits.
fn number(value: f64) -> String {
    if !value.is_finite() {
        UNKNOWN.into()
    } else if value.fract() == 0.0 && value.abs() < 1e15 {
        // Adding zero turns -0 into 0.
        format!("{}", value + 0.0)
    } else {
        digits(value, 3)
    }
}

/// Picks the unit in which the *rounded* number is below the step to the next one, so that
/// 1023.9 KiB reads `1 MiB` and never `1024 KiB`.
fn scaled(value: f64, step: f64, units: &[&str]) -> String {
    if !value.is_finite() {
        return UNKNOWN.into();
    }
    let mut scaled = value;
    let mut unit = 0;
    while unit + 1 < units.len() && scaled.abs().round() >= step {
        scaled /= step;
        unit += 1;
    }
    // 999.6 of a thousand-step unit rounds to 1000 and is caught above; of 1024 it stays.
    let text = digits(scaled, 3);
    let name = units.get(unit).copied().unwrap_or_default();
    if name.is_empty() { text } else { format!("{text} {name}") }
}

/// Significant digits without trailing zeros; from 100 up, the whole number.
fn digits(value: f64, significant: usize) -> String {
    let size = value.abs();
    if size == 0.0 || size < 1e-9 {
        return "0".into();
    }
    let magnitude = size.log10().floor() as i32;
    let decimals = usize::try_from(significant as i32 - 1 - magnitude).unwrap_or(0).min(12);
    let text = format!("{value:.decimals$}");
    if !text.contains('.') {
        return text;
    }
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_switch_units_where_the_rounded_number_does() {
        const KIB: f64 = 1024.0;
        for (value, expected) in [
            (0.0, "0 B"),
            (-0.0, "0 B"),
            (1.0, "1 B"),
            (0.25, "0.25 B"),
            (48.34, "48.3 B"),
            (1023.0, "1023 B"),
            (1023.6, "1 KiB"),
            (1023.4 * KIB, "1023 KiB"),
            (1023.9 * KIB, "1 MiB"),
            (1.9 * KIB * KIB, "1.9 MiB"),
            (1.934 * KIB * KIB, "1.93 MiB"),
            (17.04 * KIB * KIB, "17 MiB"),
            (999.6 * KIB * KIB, "1000 MiB"),
            (-2.0 * KIB, "-2 KiB"),
            (u64::MAX as f64, "16 EiB"),
            (f64::NAN, "unknown"),
            (f64::INFINITY, "unknown"),
        ] {
            assert_eq!(bytes(value), expected, "{value}");
        }
        assert_eq!(rate(1.9 * KIB * KIB), "1.9 MiB/s");
        assert_eq!(rate(f64::NAN), "unknown");
    }

    #[test]
    fn changes_bear_their_sign_and_nothing_has_none() {
        assert_eq!(bytes_signed(2048.0), "+2 KiB");
        assert_eq!(bytes_signed(-2048.0), "-2 KiB");
        assert_eq!(bytes_signed(0.0), "0 B");
        assert_eq!(bytes_signed(1e-12), "0 B");
        assert_eq!(bytes_signed(f64::INFINITY), "unknown");
        assert_eq!(value_signed(3.0, Unit::Count), "+3");
    }

    #[test]
    fn durations_read_as_people_say_them() {
        for (seconds, expected) in [
            (0.0, "0 s"),
            (0.000_001_2, "1.2 µs"),
            (0.35, "350 ms"),
            (0.9996, "1 s"),
            (2.54, "2.5 s"),
            (9.96, "10 s"),
            (17.0, "17 s"),
            (99.6, "1.7 min"),
            (1020.0, "17 min"),
            (19_200.0, "5 h 20 min"),
            (7_200.0, "2 h"),
            (7_199.0, "2 h"),
            (50_000.0, "14 h"),
            (12.2 * 86_400.0, "12 days"),
            (3.0 * 365.25 * 86_400.0, "3 years"),
            (f64::NAN, "unknown"),
        ] {
            assert_eq!(duration(seconds), expected, "{seconds}");
        }
    }

    #[test]
    fn every_unit_has_its_form() {
        assert_eq!(value(1536.0, Unit::Bytes), "1.5 KiB");
        assert_eq!(value(12_345.0, Unit::Count), "12345");
        assert_eq!(value(123_456.0, Unit::Count), "123 k");
        assert_eq!(value(999_999.0, Unit::Count), "1 M");
        assert_eq!(value(2.5, Unit::Count), "2.5");
        assert_eq!(value(1500.0, Unit::Ns), "1.5 µs");
        assert_eq!(value(2e9, Unit::Ns), "2 s");
        assert_eq!(value(0.1234, Unit::Ratio), "12.3 %");
        assert_eq!(value(4096.0, Unit::Address), "0x1000");
        assert_eq!(value(7.0, Unit::None), "7");
    }
}
