//! The line that shows how a run goes.

use std::time::Duration;

use diagnose::Judgement;
use diff::human;
use probe::Unit;

use crate::clean::{clean, clean_ascii, columns, shorten};
use crate::spark::sparkline_over_time;
use crate::words::per_second;

/// How a run goes, at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Live<'a> {
    /// Put in front, such as `run 2 of 3`; may be empty.
    pub label: &'a str,
    /// What is known so far.
    pub judgement: &'a Judgement,
    /// For how long it has been going on.
    pub elapsed: Duration,
    /// For how long it will go on at most; `None`: until it is stopped or sure.
    pub limit: Option<Duration>,
}

/// The longest curve, characters.
const CURVE: usize = 24;
/// The shortest curve that says anything.
const SHORTEST: usize = 6;

/// One line of at most `width` columns, without a line end and without colour. What matters
/// least is left out where the line is narrow.
#[must_use]
pub fn live_line(live: &Live<'_>, width: usize, ascii: bool) -> String {
    let scrub = |text: &str| if ascii { clean_ascii(text) } else { clean(text) }.into_owned();
    // Each with its importance: the highest goes first where there is no room.
    let mut parts: Vec<(u8, String)> = vec![
        (3, shorten(&scrub(live.label), 30, ascii).into_owned()),
        (2, time(live)),
        (0, footprint(live.judgement)),
        (1, slope(live.judgement)),
        (0, state(live.judgement)),
        (4, left(live)),
    ];
    parts.retain(|(_, text)| !text.is_empty());
    while taken(&parts) > width && parts.len() > 1 {
        let least = parts.iter().enumerate().max_by_key(|(_, (rank, _))| *rank);
        let Some(at) = least.map(|(at, _)| at) else { break };
        parts.remove(at);
    }
    let room = width.saturating_sub(taken(&parts) + 2).min(CURVE);
    if room >= SHORTEST && !live.judgement.series.is_empty() {
        let curve = sparkline_over_time(&live.judgement.series, room, ascii);
        let before_figures = parts.iter().position(|(rank, _)| *rank < 2).unwrap_or(parts.len());
        parts.insert(before_figures, (1, curve));
    }
    let line: Vec<String> = parts.into_iter().map(|(_, text)| text).collect();
    shorten(&line.join("  "), width, ascii).into_owned()
}

/// Columns of all parts with two blanks between.
fn taken(parts: &[(u8, String)]) -> usize {
    parts.iter().map(|(_, text)| columns(text) + 2).sum::<usize>().saturating_sub(2)
}

fn time(live: &Live<'_>) -> String {
    let elapsed = human::duration(live.elapsed.as_secs_f64());
    match live.limit {
        Some(limit) => format!("{elapsed} of {}", human::duration(limit.as_secs_f64())),
        None => elapsed,
    }
}

fn footprint(judgement: &Judgement) -> String {
    judgement.series.last().map_or_else(String::new, |&(_, bytes)| human::bytes(bytes))
}

fn slope(judgement: &Judgement) -> String {
    // A slope of one or two values says nothing.
    if judgement.series.len() < 3 {
        return String::new();
    }
    per_second(judgement.verdict.severity.bytes_per_s, Unit::Bytes)
}

fn state(judgement: &Judgement) -> String {
    let sure = || human::percent(judgement.verdict.confidence);
    match judgement.verdict.leak {
        None => "undecided".into(),
        Some(true) => format!("leak ({} sure)", sure()),
        Some(false) => format!("no leak ({} sure)", sure()),
    }
}

fn left(live: &Live<'_>) -> String {
    let until_limit = live.limit.map(|limit| limit.saturating_sub(live.elapsed).as_secs_f64());
    if let Some(left) = until_limit {
        return format!("{} left", human::duration(left));
    }
    match live.judgement.watch_more_s.filter(|s| s.is_finite() && *s > 0.0) {
        Some(more) => format!("about {} more to decide", human::duration(more)),
        None => "Ctrl-C for the report".into(),
    }
}

#[cfg(test)]
mod tests {
    use diagnose::{
        Frequency, FrequencyKind, Observation, Repeatability, Severity, Shape, Verdict,
    };

    use super::*;

    fn judgement(leak: Option<bool>) -> Judgement {
        let severity = Severity { bytes_per_s: 1.5 * 1024.0 * 1024.0, ..Severity::default() };
        Judgement {
            verdict: Verdict {
                leak,
                shape: Shape::Linear,
                confidence: 0.97,
                severity,
                frequency: Frequency { kind: FrequencyKind::Continuous, events: 0, period_s: None },
                repeatability: Repeatability::default(),
                reason: String::new(),
            },
            sure: false,
            watch_more_s: Some(20.0),
            series: (0..40).map(|t| (f64::from(t), f64::from(t) * 1048576.0)).collect(),
            ..Observation::default().judge()
        }
    }

    fn line(leak: Option<bool>, label: &str, limit: Option<u64>, width: usize) -> String {
        let limit = limit.map(Duration::from_secs);
        let live =
            Live { label, judgement: &judgement(leak), elapsed: Duration::from_secs(12), limit };
        live_line(&live, width, false)
    }

    /// Everything is there where there is room, and what matters most where there is not.
    #[test]
    fn what_matters_stays() {
        assert_eq!(
            line(Some(true), "run 2 of 3", Some(60), 100),
            "run 2 of 3  12 s of 60 s  ▁▁▁▂▂▂▃▃▃▄▄▄▅▅▅▆▆▆▇▇▇███  39 MiB  +1.5 MiB/s  leak (97 % sure)  48 s left"
        );
        assert_eq!(
            line(None, "", None, 100),
            "12 s  ▁▁▁▂▂▂▃▃▃▄▄▄▅▅▅▆▆▆▇▇▇███  39 MiB  +1.5 MiB/s  undecided  about 20 s more to decide"
        );
        assert_eq!(
            line(Some(true), "", Some(60), 45),
            "▁▂▃▅▆▇█  39 MiB  +1.5 MiB/s  leak (97 % sure)"
        );
        assert_eq!(line(Some(false), "", Some(60), 30), "39 MiB  no leak (97 % sure)");
    }

    /// However narrow the line and whatever the label, it stays on one line.
    #[test]
    fn it_always_fits() {
        for width in 0..140 {
            for label in ["", "run \u{1b}[2J\n 漢字漢字漢字漢字漢字漢字漢字漢字"] {
                let line = line(Some(true), label, None, width);
                assert!(columns(&line) <= width.max(1), "{width}: {line}");
                assert!(!line.contains(['\n', '\u{1b}']));
            }
        }
        let empty = Judgement { series: Vec::new(), watch_more_s: None, ..judgement(None) };
        let live = Live { label: "", judgement: &empty, elapsed: Duration::ZERO, limit: None };
        assert_eq!(live_line(&live, 100, true), "0 s  undecided  Ctrl-C for the report");
    }
}
