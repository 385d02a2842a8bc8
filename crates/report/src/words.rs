//! What text and Markdown both say, in words; nothing here knows how it will look.
//!
//! Strings that come out of here may hold names from strangers and are not clean yet.

use diagnose::{Frequency, FrequencyKind, Repeatability, Shape, Verdict};
use diff::human;
use probe::{Certainty, Finding, FindingKind, Growth, Holder, Issue, Severity, Step, Unit};

use crate::model::Report;

/// What the verdict means for the reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    Bad,
    Good,
    Unsure,
}

/// The first line: a word to see from afar, and what it means.
pub(crate) struct Headline {
    pub(crate) tone: Tone,
    pub(crate) word: &'static str,
    pub(crate) rest: String,
}

pub(crate) fn headline(verdict: &Verdict) -> Headline {
    let severity = &verdict.severity;
    let (tone, word, rest) = match verdict.leak {
        Some(true) => {
            let mut rest = format!("memory grows by {}", human::rate(severity.bytes_per_s));
            rest.push_str(match verdict.shape {
                Shape::Linear => ", steadily",
                Shape::Steps => ", in steps",
                Shape::Sawtooth => ", and is only partly given back",
                Shape::Flat | Shape::Plateau | Shape::Irregular => "",
            });
            if let Some(left) = severity.time_to_limit_s {
                rest.push_str(&format!("; it reaches its limit in {}", human::duration(left)));
            }
            (Tone::Bad, "LEAK", rest)
        }
        Some(false) => {
            let rest = match verdict.shape {
                Shape::Flat => "memory does not grow",
                Shape::Plateau => "memory grew and has stopped growing",
                Shape::Sawtooth => "memory rises and is given back again",
                Shape::Linear | Shape::Steps | Shape::Irregular => {
                    "memory does not grow beyond what is normal"
                }
            };
            (Tone::Good, "NO LEAK", rest.into())
        }
        None => (Tone::Unsure, "UNDECIDED", "it cannot be told yet whether this is a leak".into()),
    };
    Headline { tone, word, rest }
}

/// The figures of the verdict, each with what it answers.
pub(crate) fn figures(verdict: &Verdict) -> Vec<(&'static str, String)> {
    let label = if verdict.leak == Some(true) { "how badly" } else { "growth" };
    let mut figures = vec![
        (label, severity(&verdict.severity)),
        ("how often", frequency(&verdict.frequency)),
        ("repeats", repeatability(&verdict.repeatability)),
        ("shape", shape(verdict.shape).into()),
    ];
    if let Some(bytes) = verdict.severity.bytes_per_event {
        figures.insert(1, ("per event", human::bytes_signed(bytes)));
    }
    if let Some(limit) = limit(&verdict.severity, verdict.leak) {
        figures.push(("limit", limit));
    }
    figures.push(("confidence", human::percent(verdict.confidence)));
    figures
}

fn severity(severity: &diagnose::Severity) -> String {
    format!(
        "{} (95 % interval {} to {}), {} over the run",
        human::rate(severity.bytes_per_s),
        human::rate(severity.low),
        human::rate(severity.high),
        human::bytes_signed(severity.bytes_total),
    )
}

fn frequency(frequency: &Frequency) -> String {
    let seen = || match frequency.events {
        1 => "1 increase seen".to_owned(),
        n => format!("{} increases seen", human::count(n as f64)),
    };
    match (frequency.kind, frequency.period_s) {
        (FrequencyKind::Continuous, _) => "all the time".into(),
        (FrequencyKind::Periodic, Some(s)) => format!("every {}: {}", human::duration(s), seen()),
        (FrequencyKind::Periodic, None) => format!("at regular intervals: {}", seen()),
        (FrequencyKind::Bursts, _) => format!("now and then: {}", seen()),
        (FrequencyKind::Once, _) => "once".into(),
        (FrequencyKind::None, _) => "never".into(),
    }
}

fn repeatability(repeatability: &Repeatability) -> String {
    let Repeatability { runs, leaking_runs: grew, spread } = *repeatability;
    let mut text = match (runs, grew) {
        (0, _) => return "not known: it was watched for too short a time".into(),
        (1, 0) => "no growth in the only run or time window".into(),
        (1, _) => "not known: seen in the only run or time window there was".into(),
        (_, 0) => format!("no: growth in none of {runs} runs or time windows"),
        (_, _) if grew >= runs => format!("yes: growth in all {runs} runs or time windows"),
        _ => format!("in part: growth in {grew} of {runs} runs or time windows"),
    };
    if let Some(spread) = spread.filter(|s| s.is_finite() && grew > 1) {
        text.push_str(&format!(", the rate varies by {}", human::percent(spread)));
    }
    text
}

fn shape(shape: Shape) -> &'static str {
    match shape {
        Shape::Flat => "flat: no growth beyond the noise",
        Shape::Linear => "linear: steady growth",
        Shape::Steps => "steps: jumps with level stretches between",
        Shape::Sawtooth => "saw-tooth: growth that is given back again and again",
        Shape::Plateau => "plateau: growth that has ended",
        Shape::Irregular => "irregular",
    }
}

fn limit(severity: &diagnose::Severity, leak: Option<bool>) -> Option<String> {
    let limit = human::bytes(severity.limit_bytes?);
    Some(match severity.time_to_limit_s {
        Some(left) => format!("{limit}, reached in {} at this rate", human::duration(left)),
        None if leak.is_none() => format!("{limit}; whether it is reached cannot be told yet"),
        None => format!("{limit}, not reached at this rate"),
    })
}

/// What was watched, each with its label.
pub(crate) fn context(report: &Report) -> Vec<(&'static str, String)> {
    let target = &report.target;
    let mut process = format!("PID {}", target.pid);
    if let Some(python) = &target.python {
        process.push_str(&format!(", Python {python}"));
    }
    if target.processes > 1 {
        process.push_str(&format!(", {} processes with its children", target.processes));
    }
    let pauses = &report.pauses;
    let how = &pauses.method;
    let paused = match pauses.count {
        0 => "never paused".to_owned(),
        1 => format!("paused once for {} ({how})", human::duration(pauses.max_ms / 1e3)),
        n => format!(
            "paused {n} times ({how}), {} in all, {} at most",
            human::duration(pauses.total_ms / 1e3),
            human::duration(pauses.max_ms / 1e3)
        ),
    };
    let watched = format!(
        "{} from {}, level {}, {paused}",
        human::duration(report.duration_s),
        report.started_at,
        report.level.name()
    );
    vec![("process", process), ("watched", watched)]
}

/// The kind of a finding for somebody who does not know its name.
pub(crate) fn kind(kind: FindingKind) -> &'static str {
    match kind {
        FindingKind::PythonGrowth => "Python objects that are in use and keep increasing",
        FindingKind::CyclicGarbage => "Python garbage that its own references keep alive",
        FindingKind::RefcountLeak => "Python objects whose reference count was raised too often",
        FindingKind::NativeLeak => "native memory that nothing points to any more",
        FindingKind::NativeGrowth => "native memory that is in use and keeps increasing",
        FindingKind::AllocatorHeld => "memory that is free but kept by the allocator",
        FindingKind::MappingGrowth => "mapped or shared memory that grows",
        FindingKind::ThreadGrowth => "threads that never end",
        FindingKind::HandleGrowth => "open handles that are never closed",
        FindingKind::ChildGrowth => "a child process that grows",
    }
}

/// How sure a finding is.
pub(crate) fn certainty(certainty: Certainty) -> &'static str {
    match certainty {
        Certainty::Possible => "possible",
        Certainty::Likely => "likely",
        Certainty::Proved => "proved",
    }
}

/// How sure a finding is, and how much it explains.
pub(crate) fn weight(finding: &Finding) -> String {
    let certainty = certainty(finding.certainty);
    match finding.share.filter(|s| s.is_finite()) {
        Some(share) => format!("{certainty}, {} of the growth", human::percent(share)),
        None => certainty.into(),
    }
}

/// How much a finding grew; `None` if nothing is known.
pub(crate) fn growth(growth: &Growth) -> Option<String> {
    let in_brackets = |rate: Option<f64>, unit: Unit| {
        rate.map_or_else(String::new, |r| format!(" ({})", per_second(r, unit)))
    };
    let bytes = growth
        .bytes
        .map(|b| human::bytes_signed(b) + &in_brackets(growth.bytes_per_s, Unit::Bytes))
        .or_else(|| growth.bytes_per_s.map(|r| per_second(r, Unit::Bytes)));
    let objects = growth.objects.map(|n| {
        let rate = in_brackets(growth.objects_per_s, Unit::Count);
        format!("{} objects{rate}", human::value_signed(n, Unit::Count))
    });
    let known: Vec<String> = bytes.into_iter().chain(objects).collect();
    (!known.is_empty()).then(|| known.join(", "))
}

/// A holder's path from the root on, and how much is held that way.
pub(crate) fn holder(holder: &Holder, ascii: bool) -> (String, String) {
    let arrow = if ascii { " -> " } else { " → " };
    let path: Vec<String> = holder.path.iter().map(step).collect();
    let bytes = holder.bytes.map(human::bytes);
    let objects = holder.objects.map(|n| format!("{} objects", human::count(n)));
    let held: Vec<String> = bytes.into_iter().chain(objects).collect();
    (path.join(arrow), held.join(", "))
}

fn step(step: &Step) -> String {
    let mut text = step.kind.clone();
    if let Some(name) = &step.name {
        text.push(' ');
        text.push_str(name);
    }
    if let Some(type_name) = &step.type_name {
        text.push_str(&format!(" ({type_name})"));
    }
    text
}

/// Issues that differ, worst first, each with how often it came.
pub(crate) fn issues(issues: &[Issue]) -> Vec<(&Issue, usize)> {
    let mut index = std::collections::HashMap::new();
    let mut different: Vec<(&Issue, usize)> = Vec::new();
    for issue in issues {
        let at =
            *index.entry((issue.severity, &issue.probe, &issue.message)).or_insert_with(|| {
                different.push((issue, 0));
                different.len() - 1
            });
        different[at].1 += 1;
    }
    different.sort_by_key(|(issue, _)| std::cmp::Reverse(issue.severity));
    different
}

/// An issue as one sentence, with its hint.
pub(crate) fn issue(issue: &Issue, times: usize) -> String {
    let mut text = String::new();
    if let Some(probe) = &issue.probe {
        text.push_str(&format!("{probe}: "));
    }
    text.push_str(&issue.message);
    if times > 1 {
        text.push_str(&format!(" ({times} times)"));
    }
    if let Some(hint) = &issue.hint {
        text.push_str(&format!("; {hint}"));
    }
    text
}

/// The word for how much an issue matters.
pub(crate) fn gravity(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "note",
        Severity::Warning => "warning",
        Severity::Error => "error",
    }
}

/// A change per second, with its sign.
pub(crate) fn per_second(change: f64, unit: Unit) -> String {
    format!("{}/s", human::value_signed(change, unit))
}
