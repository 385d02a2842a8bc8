//! The sentence of the verdict, for whoever is woken by it.

use diff::human;

use crate::curve::{Curve, Decision, Doubt};
use crate::judge::Context;
use crate::{Repeatability, Severity, Shape};

pub(crate) fn sentence(
    curve: &Curve,
    severity: &Severity,
    windows: &Repeatability,
    context: &Context,
) -> String {
    match curve.decision {
        Decision::Growing => growing(curve, severity, windows, context),
        Decision::Level => level(curve, context),
        Decision::Open(doubt, seconds) => open(doubt, seconds, curve, context),
    }
}

/// `1.9 MiB/s (95 %: 1.8 MiB/s to 2 MiB/s)`.
fn rate(severity: &Severity) -> String {
    let (low, high) = (human::rate(severity.low), human::rate(severity.high));
    let rate = human::rate(severity.bytes_per_s);
    if low == high { rate } else { format!("{rate} (95 %: {low} to {high})") }
}

fn growing(
    curve: &Curve,
    severity: &Severity,
    windows: &Repeatability,
    context: &Context,
) -> String {
    let manner = match curve.shape {
        Shape::Steps => match curve.jumps.period() {
            Some(period) => format!(", in steps, one every {}", human::duration(period)),
            None => ", in steps".into(),
        },
        Shape::Sawtooth => ", under a saw-tooth whose lowest points rise".into(),
        _ => ", steadily".into(),
    };
    let warmup = match curve.warmup_s {
        s if s >= 1.0 => format!(" after a warm-up of {}", human::duration(s)),
        _ => String::new(),
    };
    let events = match severity.bytes_per_event {
        Some(bytes) => format!(", {} per event", human::bytes(bytes)),
        None => String::new(),
    };
    let repeated = if windows.runs > 0 {
        format!(", in {} of {} windows", windows.leaking_runs, windows.runs)
    } else {
        String::new()
    };
    let subject = &context.subject;
    let limit = limit(severity, context);
    format!("{subject} grows by {}{manner}{warmup}{repeated}{events}{limit}", rate(severity))
}

/// Farther away than this, a limit is no news.
const FAR_S: f64 = 10.0 * 365.0 * 86_400.0;

fn limit(severity: &Severity, context: &Context) -> String {
    match (&context.limit, severity.time_to_limit_s) {
        (Some(limit), Some(seconds)) if seconds < FAR_S => format!(
            "; at this rate {} ({}) is reached in {}",
            limit.name,
            human::bytes(limit.bytes),
            human::duration(seconds)
        ),
        _ => String::new(),
    }
}

fn level(curve: &Curve, context: &Context) -> String {
    let subject = &context.subject;
    let watched = human::duration(curve.watched_s);
    match curve.shape {
        Shape::Sawtooth => format!(
            "{subject} goes up and down by {}, and comes back to the same level: {} times in {watched}",
            human::bytes(curve.teeth.amplitude()),
            curve.teeth.count(),
        ),
        Shape::Plateau => format!(
            "{subject} grew by {} and then stopped: its last part is level",
            human::bytes(curve.total.max(0.0)),
        ),
        _ => format!(
            "{subject} does not grow: in {watched}, any steady growth above {} would have shown",
            human::rate(curve.line.high.max(curve.smallest_visible())),
        ),
    }
}

fn open(doubt: Doubt, seconds: f64, curve: &Curve, context: &Context) -> String {
    let subject = &context.subject;
    let rate = human::rate(curve.line.slope.max(0.0));
    let why = match doubt {
        Doubt::Short => format!("{} is too short a watch", human::duration(curve.watched_s)),
        Doubt::MayEnd => {
            format!("{subject} grows by {rate}, but the growth may be coming to its end")
        }
        Doubt::FewTeeth => {
            format!(
                "{subject} goes up and down, and too few ups and downs were seen to tell a trend"
            )
        }
        Doubt::Small => format!("{subject} grows by {rate}, which is too little so far to count"),
        Doubt::Lately => format!("{subject} began to grow only lately"),
        Doubt::Uneven => {
            format!("{subject} rises by about {rate}, but so unevenly that it may be chance")
        }
        Doubt::Noise => format!(
            "{subject} goes up and down by about {}, which may hide a growth of up to {}",
            human::bytes(2.0 * curve.noise),
            human::rate(curve.line.high.max(0.0)),
        ),
    };
    format!("Undecided: {why}; watch {} more", human::duration(seconds.ceil()))
}
