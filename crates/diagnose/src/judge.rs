//! From a judged curve to the verdict of the report.

use diff::human;
use diff::stats::{self, Point};

use crate::curve::{Curve, Decision, Jumps, Window, period};
use crate::findings::Cause;
use crate::limit::Limit;
use crate::series::interpolate;
use crate::{
    Frequency, FrequencyKind, Judgement, Repeatability, Severity, Shape, Verdict, WindowGrowth,
    reason,
};

/// Points of the series that a judgement carries.
const SERIES_POINTS: usize = 300;
/// Nobody may stop for a leak before this many seconds,
const SURE_LEAK_S: f64 = 20.0;
/// nor for its absence before this many: slow leaks and saw-teeth need time.
const SURE_LEVEL_S: f64 = 20.0;

/// Confidence of a verdict that tables decide and the curve alone does not.
const BY_TABLES: f64 = 0.75;

/// What the judged series is and what else is known.
#[derive(Clone, Debug, Default)]
pub(crate) struct Context {
    /// What grows, in words, to begin a sentence with.
    pub(crate) subject: String,
    pub(crate) limit: Option<Limit>,
    /// Events so far, over time.
    pub(crate) events: Vec<Point>,
}

/// Judges a series of `(seconds, bytes)` by itself, as a recording or a simulation gives it.
#[must_use]
pub fn judge_series(points: &[(f64, f64)]) -> Judgement {
    let context = Context { subject: "Memory".into(), ..Context::default() };
    judgement(points, Curve::of(points).as_ref(), &context)
}

pub(crate) fn judgement(points: &[Point], curve: Option<&Curve>, context: &Context) -> Judgement {
    let start = points.first().map_or(0.0, |p| p.0);
    let series: Vec<Point> =
        stats::thin(points, SERIES_POINTS).into_iter().map(|(t, v)| (t - start, v)).collect();
    let Some(curve) = curve else { return nothing_yet(series) };
    let severity = severity(points, curve, context);
    let leak = match curve.decision {
        Decision::Growing => Some(true),
        Decision::Level => Some(false),
        Decision::Open(..) => None,
    };
    let repeatability = repeatability(&curve.windows, curve.noise);
    let verdict = Verdict {
        leak,
        shape: curve.shape,
        confidence: confidence(curve),
        severity,
        frequency: frequency(curve),
        repeatability,
        reason: reason::sentence(curve, &severity, &repeatability, context),
    };
    let watch_more_s = match curve.decision {
        Decision::Open(_, seconds) => Some(seconds.ceil()),
        _ => None,
    };
    let window = |w: &Window| WindowGrowth { seconds: w.seconds, bytes: w.growth };
    let windows = curve.windows.iter().map(window).collect();
    let warmup_s = curve.warmup_s;
    let is_bounded = false;
    Judgement { verdict, sure: is_sure(curve), watch_more_s, series, is_bounded, warmup_s, windows }
}

/// Makes it a leak: nobody can give back what grows.
pub(crate) fn is_lost(judgement: &mut Judgement, cause: &Cause, subject: &str) {
    let verdict = &mut judgement.verdict;
    let rate = human::rate(verdict.severity.bytes_per_s.max(0.0));
    verdict.reason = format!(
        "{subject} grows by {rate}, and nobody can ever give back what there is more of at every \
         look: {}",
        cause.words
    );
    verdict.leak = Some(true);
    verdict.confidence = BY_TABLES;
    if verdict.shape == Shape::Flat {
        verdict.shape = Shape::Irregular;
    }
    (judgement.sure, judgement.watch_more_s) = (false, None);
}

/// Makes it no leak: what grows comes to an end by itself.
pub(crate) fn is_bounded(judgement: &mut Judgement, causes: &[Cause], subject: &str) {
    let verdict = &mut judgement.verdict;
    let words: Vec<&str> = causes.iter().map(|cause| cause.words.as_str()).collect();
    verdict.reason = format!(
        "{subject} grew by {}, and what grew comes to an end by itself: {}",
        human::bytes(verdict.severity.bytes_total.max(0.0)),
        words.join("; ")
    );
    verdict.leak = Some(false);
    verdict.confidence = BY_TABLES;
    verdict.severity.time_to_limit_s = None;
    judgement.is_bounded = true;
    (judgement.sure, judgement.watch_more_s) = (false, None);
}

fn nothing_yet(series: Vec<Point>) -> Judgement {
    let reason = if series.is_empty() {
        "No figure of memory has been read yet".to_owned()
    } else {
        "Memory was looked at too few times to say anything: watch 10 s more".to_owned()
    };
    let verdict = Verdict {
        leak: None,
        shape: Shape::Flat,
        confidence: 0.0,
        severity: Severity::default(),
        frequency: Frequency { kind: FrequencyKind::None, events: 0, period_s: None },
        repeatability: Repeatability::default(),
        reason,
    };
    let windows = Vec::new();
    Judgement {
        verdict,
        sure: false,
        watch_more_s: Some(10.0),
        series,
        is_bounded: false,
        warmup_s: 0.0,
        windows,
    }
}

fn severity(points: &[Point], curve: &Curve, context: &Context) -> Severity {
    let rate = curve.line.slope;
    let limit = context.limit.as_ref();
    let grows = curve.decision == Decision::Growing && rate > 0.0;
    Severity {
        bytes_per_s: rate,
        low: curve.line.low,
        high: curve.line.high,
        bytes_total: curve.total,
        bytes_per_event: per_event(points, curve, &context.events),
        limit_bytes: limit.map(|l| l.bytes),
        time_to_limit_s: limit.filter(|_| grows).map(|l| l.room / rate),
    }
}

/// Bytes per event: the robust slope of bytes over events, in the last regime.
fn per_event(points: &[Point], curve: &Curve, events: &[Point]) -> Option<f64> {
    let (first, last) = (events.first()?.0, events.last()?.0);
    let start = (points.first()?.0 + curve.warmup_s).max(first);
    let pairs: Vec<Point> = points
        .iter()
        .filter(|p| p.0 >= start && p.0 <= last)
        .filter_map(|p| Some((interpolate(events, p.0)?, p.1)))
        .collect();
    let happened = pairs.last()?.0 - pairs.first()?.0;
    if happened < 1.0 || pairs.len() < 3 {
        return None;
    }
    stats::theil_sen(&pairs).map(|l| l.slope).filter(|s| s.is_finite())
}

fn repeatability(windows: &[Window], noise: f64) -> Repeatability {
    let rates: Vec<f64> = windows.iter().map(Window::rate).collect();
    // A window grew if its growth is more than what noise does between two medians.
    let least = (0.5 * noise).max(8192.0);
    let leaking = windows.iter().filter(|w| w.growth > least).count();
    Repeatability {
        runs: windows.len() as u64,
        leaking_runs: leaking as u64,
        spread: spread(&rates),
    }
}

/// Standard deviation by mean; `None` without a positive mean of at least two.
pub(crate) fn spread(rates: &[f64]) -> Option<f64> {
    let n = rates.len() as f64;
    let mean = rates.iter().sum::<f64>() / n;
    if rates.len() < 2 || mean <= 0.0 {
        return None;
    }
    let variance = rates.iter().map(|r| (r - mean).powi(2)).sum::<f64>() / (n - 1.0);
    Some(variance.sqrt() / mean)
}

fn frequency(curve: &Curve) -> Frequency {
    let grew = curve.decision == Decision::Growing
        || (curve.decision != Decision::Level && curve.line.low > 0.0);
    let teeth = curve.teeth.count() as u64;
    let jumps = curve.jumps.list.len() as u64;
    let by = |kind, events, period_s| Frequency { kind, events, period_s };
    match curve.shape {
        Shape::Sawtooth => {
            let period_s = period(&curve.teeth.gaps());
            let regular = period_s.is_some();
            by(
                if regular { FrequencyKind::Periodic } else { FrequencyKind::Bursts },
                teeth,
                period_s,
            )
        }
        Shape::Steps => stepwise(&curve.jumps),
        Shape::Plateau if jumps == 1 => by(FrequencyKind::Once, 1, None),
        _ if grew => by(FrequencyKind::Continuous, curve.upward_looks as u64, None),
        Shape::Irregular if teeth > 0 => by(FrequencyKind::Bursts, teeth, None),
        _ => by(FrequencyKind::None, 0, None),
    }
}

fn stepwise(jumps: &Jumps) -> Frequency {
    let period_s = jumps.period();
    let events = jumps.list.len() as u64;
    let kind = match events {
        1 => FrequencyKind::Once,
        _ if period_s.is_some() => FrequencyKind::Periodic,
        _ => FrequencyKind::Bursts,
    };
    Frequency { kind, events, period_s }
}

/// How far the tests are from tipping over, and how much of a watch stands behind them.
fn confidence(curve: &Curve) -> f64 {
    let long = (curve.watched_s / 30.0).clamp(0.3, 1.0);
    match curve.decision {
        Decision::Growing => {
            let margin = curve.drift.map_or(1.0, |d| d.score / d.needed) - 1.0;
            let clear = 1.0 - 0.3 * (-margin.max(0.0)).exp();
            (0.7 + 0.3 * clear * long).min(0.99)
        }
        Decision::Level => {
            let hidden = (curve.line.high / curve.tolerance).clamp(0.0, 1.0);
            (0.6 + 0.4 * (1.0 - 0.5 * hidden) * long).min(0.99)
        }
        Decision::Open(..) => 0.3 * long,
    }
}

/// Whether watching longer would not change the answer. No open hypothesis may be left: no
/// bend, no few teeth, no plateau that has only just begun.
fn is_sure(curve: &Curve) -> bool {
    match curve.decision {
        Decision::Growing => {
            let clear = curve.drift.is_some_and(|d| d.score > 3.0 * d.needed && d.tau > 0.9);
            let lasts = curve.lasting.is_some_and(|l| l.score > 4.0 && l.bend < 1.5);
            let steady = curve.warmup_s <= 0.3 * curve.watched_s && curve.teeth.count() == 0;
            let much = curve.growth() > (1 << 20) as f64;
            curve.watched_s >= SURE_LEAK_S && clear && lasts && steady && much
        }
        Decision::Level => {
            let quiet = curve.line.high <= 0.5 * curve.tolerance;
            let calm = match curve.shape {
                Shape::Flat => true,
                Shape::Sawtooth => curve.teeth.count() >= 8,
                _ => curve.watched_s >= 3.0 * SURE_LEVEL_S,
            };
            curve.watched_s >= SURE_LEVEL_S && quiet && calm
        }
        Decision::Open(..) => false,
    }
}
