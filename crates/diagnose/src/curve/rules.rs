//! The rules that turn what was found in a curve into a decision and a shape.

use diff::stats::{self, Line, Point};

use super::drift::Windows;
use super::saturation::{self, Lasting};
use super::{
    Curve, Decision, Doubt, FLOOR_BYTES, GRAIN_BYTES, Jumps, Seen, Teeth, WINDOWS, drift, variation,
};
use crate::Shape;

/// A level last fifth of the watch is a plateau only if it is this long, seconds.
const SHORT_TAIL_S: f64 = 5.0;
/// Nothing is said before this many seconds and looks.
const LEAST_S: f64 = 6.0;
const LEAST_LOOKS: usize = 12;
/// The last regime must be at least this share of the watch before growth is called.
const LEAST_SHARE: f64 = 0.35;
/// Growth below this rate is never a leak in practice, bytes per second: 450 KiB in an hour.
const NEGLIGIBLE_RATE: f64 = 128.0;
/// The lasting slope must be at least this share of the slope that is seen.
const LASTING_SHARE: f64 = 0.1;
/// Give-backs below this share of the net growth are noise upon a leak.
const SMALL_TEETH: f64 = 0.25;
/// Troughs from which on they are tested instead of windows.
const LEAST_TROUGHS: usize = 6;
/// A warm-up longer than this share of the watch makes what follows suspect of being its end.
const LONG_WARMUP: f64 = 0.3;
/// Windows of a saw-tooth that are needed to call growth.
const LEAST_WINDOWS: usize = 4;

/// Leaves out a give-back at the very start, of what a program needed only to start: it lies
/// in the first part of the watch, and the curve rose in another way before it than after it.
pub(super) fn without_startup(mut teeth: Teeth, points: &[Point]) -> Teeth {
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return teeth };
    let early = first.0 + 0.15 * (last.0 - first.0);
    while let Some(give_back) = teeth.give_backs.first().copied() {
        let next = teeth.give_backs.get(1).map_or(*last, |g| g.peak);
        let rate = |a: Point, b: Point| (b.1 - a.1) / (b.0 - a.0).max(0.05);
        let (before, after) = (rate(*first, give_back.peak), rate(give_back.trough, next));
        let alike = before < 2.5 * after && after < 2.5 * before;
        if give_back.peak.0 > early || (alike && give_back.peak.0 > first.0) {
            break;
        }
        teeth.give_backs.remove(0);
    }
    teeth
}

/// How many windows the last regime is cut into: each must hold a whole tooth or jump.
pub(super) fn window_count(seen: &Seen<'_>, teeth: &Teeth, jumps: &Jumps, line: &Line) -> usize {
    let mut longest: f64 = 0.0;
    if teeth.total() > SMALL_TEETH * line.slope.max(0.0) * seen.rest_s {
        let mut edges: Vec<f64> = vec![seen.watched_s - seen.rest_s];
        edges.extend(teeth.give_backs.iter().map(|g| g.peak.0 - seen.all[0].0));
        edges.push(seen.watched_s);
        longest = edges.windows(2).map(|w| w[1] - w[0]).fold(longest, f64::max);
    }
    if is_stepwise(jumps, line.slope * seen.rest_s) {
        longest = stats::median(&mut jumps.gaps()).unwrap_or(seen.rest_s).max(longest);
    }
    let by_period = if longest > 0.0 { (seen.rest_s / longest) as usize } else { WINDOWS };
    by_period.min(WINDOWS).min(seen.rest.len() / 3)
}

/// Whether growth comes in jumps: few looks move, and they make up what grew.
fn is_stepwise(jumps: &Jumps, growth: f64) -> bool {
    let share = jumps.total() / growth.abs();
    let matters = !jumps.list.is_empty() && growth.abs() >= 0.5 * GRAIN_BYTES;
    matters && jumps.moving <= 0.4 && (0.7..1.5).contains(&share)
}

/// Growth from the level of the first twentieth of the watch to that of the last, bytes.
pub(super) fn total_growth(points: &[Point]) -> f64 {
    growth_to_last(points, (points.len() / 20).clamp(1, 20))
}

/// Growth to the level of the last fifth of the watch: a burst at the very end is no level.
pub(super) fn settled_growth(points: &[Point]) -> f64 {
    growth_to_last(points, points.len().div_ceil(5))
}

fn growth_to_last(points: &[Point], looks: usize) -> f64 {
    let level = |part: &[Point]| stats::median(&mut part.iter().map(|p| p.1).collect::<Vec<_>>());
    let first = (points.len() / 20).clamp(1, 20).min(points.len());
    let (start, end) = (level(&points[..first]), level(&points[points.len() - looks..]));
    end.zip(start).map_or(0.0, |(end, start)| end - start)
}

/// Levels of the troughs, where they are so many that they say more than windows do.
pub(super) fn trough_levels(teeth: &Teeth) -> Option<Vec<Point>> {
    (teeth.count() >= LEAST_TROUGHS).then(|| stats::thin(&teeth.troughs(), WINDOWS))
}

/// Whether growth goes on in the last regime; and in the whole watch too, where the warm-up is
/// so long that what follows may be its end.
pub(super) fn lasting_growth(seen: &Seen<'_>, teeth: &Teeth, slope: f64) -> Option<Lasting> {
    let end = LASTING_SHARE * slope.max(0.0);
    let troughs = trough_levels(teeth).map(|_| teeth.troughs());
    let rest = saturation::lasting(troughs.as_deref().unwrap_or(seen.rest), end)?;
    if seen.warmup_s <= LONG_WARMUP * seen.watched_s {
        return Some(rest);
    }
    let whole = saturation::lasting(seen.all, end)?;
    Some(if whole.score < rest.score { whole } else { rest })
}

pub(super) fn decide(seen: &Seen<'_>, curve: &Curve, windows: &Windows) -> Decision {
    if seen.watched_s < LEAST_S || seen.all.len() < LEAST_LOOKS {
        return Decision::Open(Doubt::Short, (10.0 - seen.watched_s).max(4.0));
    }
    if rises(curve, windows) {
        return rising(seen, curve);
    }
    if is_level(seen, curve) {
        return Decision::Level;
    }
    doubt(seen, curve)
}

/// Whether the level moves upward beyond what wandering noise does.
fn rises(curve: &Curve, windows: &Windows) -> bool {
    let enough = windows.middle.len() >= LEAST_WINDOWS || curve.teeth.count() >= LEAST_TROUGHS;
    let low = drift(&windows.low);
    let middle = curve.drift.is_some_and(|d| d.is_upward())
        && low.is_none_or(|d| d.tau >= 0.5 && d.score > 0.0);
    // Bursts disturb the medians and leave the lower envelope as it is.
    let envelope = low.is_some_and(|d| d.is_upward()) && curve.drift.is_some_and(|d| d.tau >= 0.5);
    let by_levels = enough && (middle || envelope) && curve.line.low > 0.0;
    by_levels || by_jumps(curve)
}

/// Whether a regular staircase proves growth.
fn by_jumps(curve: &Curve) -> bool {
    curve.teeth.count() == 0
        && is_stepwise(&curve.jumps, curve.growth())
        && curve.total > 0.5 * curve.growth()
        && curve.jumps.go_on()
}

/// It rises: is that a leak?
fn rising(seen: &Seen<'_>, curve: &Curve) -> Decision {
    if curve.line.high < NEGLIGIBLE_RATE {
        return Decision::Level;
    }
    if curve.growth() < FLOOR_BYTES {
        let rate = curve.line.slope.max(NEGLIGIBLE_RATE);
        return Decision::Open(Doubt::Small, (FLOOR_BYTES / rate - seen.rest_s).max(2.0));
    }
    if seen.rest_s < LEAST_S.max(LEAST_SHARE * seen.watched_s) {
        return Decision::Open(Doubt::Lately, (LEAST_SHARE * seen.watched_s).max(LEAST_S));
    }
    let steady = curve.drift.is_some_and(|d| d.is_steady());
    if steady || by_jumps(curve) || curve.lasting.is_some_and(Lasting::goes_on) {
        return Decision::Growing;
    }
    Decision::Open(Doubt::MayEnd, seen.watched_s.clamp(10.0, 3600.0))
}

/// Whether growth is ruled out.
fn is_level(seen: &Seen<'_>, curve: &Curve) -> bool {
    if grows_lately(seen, curve) {
        return false;
    }
    if is_sawtooth(curve) {
        return troughs_are_level(seen, curve);
    }
    let before = curve.jumps.list.first().map_or(0.0, |j| j.at - seen.all[0].0);
    let stepwise = is_stepwise(&curve.jumps, curve.growth().max(curve.total));
    if stepwise && curve.jumps.list.len() > 1 && !curve.jumps.ended(before) {
        return false;
    }
    if curve.line.high <= curve.tolerance && seen.rest_s >= LEAST_S {
        return true;
    }
    // A plateau or a single jump that the cut did not reach: the last part is level. A shorter
    // part must be the more level.
    let is_plateau = |share: f64, least_s: f64, most: f64| {
        tail(seen, share).is_some_and(|(line, seconds)| {
            let tolerated = curve.tolerance.min(most);
            seconds >= least_s && line.high <= tolerated && line.low > -4.0 * curve.tolerance
        })
    };
    let rate = curve.total.abs() / seen.watched_s;
    is_plateau(0.4, LEAST_S, f64::INFINITY) || is_plateau(0.2, SHORT_TAIL_S, 0.05 * rate)
}

/// The line through the last share of the watch, and its seconds.
fn tail(seen: &Seen<'_>, share: f64) -> Option<(Line, f64)> {
    let last = seen.all.last()?.0;
    let from = last - share * seen.watched_s;
    let part = &seen.all[seen.all.partition_point(|p| p.0 < from)..];
    let plain = stats::theil_sen(part)?;
    let residuals: Vec<f64> = part.iter().map(|p| p.1 - plain.at(p.0)).collect();
    let line = stats::theil_sen_inflated(part, stats::inflation(&residuals))?;
    Some((line, last - part.first()?.0))
}

/// Whether the last quarter grows although the whole does not.
fn grows_lately(seen: &Seen<'_>, curve: &Curve) -> bool {
    let Some((line, seconds)) = tail(seen, 0.25) else { return false };
    let beyond_noise = line.slope * seconds > (4.0 * curve.noise).max(GRAIN_BYTES);
    !is_sawtooth(curve) && line.low > curve.tolerance && beyond_noise
}

/// Whether most of what rises is given back, again and again.
fn is_sawtooth(curve: &Curve) -> bool {
    let given = curve.teeth.total();
    curve.teeth.count() >= 3 && given >= 0.5 * (given + curve.growth().max(0.0))
}

/// Whether the lower envelope of a saw-tooth does not rise by what would matter.
fn troughs_are_level(seen: &Seen<'_>, curve: &Curve) -> bool {
    let troughs = curve.teeth.troughs();
    let Some(line) = stats::theil_sen(&troughs) else { return false };
    let drifts = drift(&troughs).is_some_and(|d| d.score > d.needed);
    let rise = line.slope * seen.rest_s;
    !drifts && (rise < 0.3 * curve.teeth.amplitude() || line.slope <= curve.tolerance)
}

/// Neither growing nor level: why, and for how long.
fn doubt(seen: &Seen<'_>, curve: &Curve) -> Decision {
    if curve.teeth.count() > 0 && curve.teeth.total() > 0.5 * curve.growth().abs() {
        let gaps = curve.teeth.gaps();
        let period = gaps.iter().copied().fold(seen.rest_s / 2.0, f64::max);
        return Decision::Open(Doubt::FewTeeth, (5.0 * period - seen.rest_s).clamp(5.0, 3600.0));
    }
    if grows_lately(seen, curve) && curve.line.low <= 0.0 {
        return Decision::Open(Doubt::Lately, seen.watched_s.clamp(10.0, 3600.0));
    }
    // The interval of a slope narrows with the power 1.5 of the time.
    let excess = (curve.line.high - curve.line.low) / (2.0 * curve.tolerance);
    let factor = excess.max(1.5).powf(2.0 / 3.0);
    let doubt = if curve.line.low > 0.0 { Doubt::Uneven } else { Doubt::Noise };
    Decision::Open(doubt, (seen.watched_s * (factor - 1.0)).clamp(5.0, 3600.0))
}

/// The shape that a person would draw.
pub(super) fn shape(seen: &Seen<'_>, curve: &Curve) -> Shape {
    if is_sawtooth(curve) {
        let regular = variation(&curve.teeth.gaps()) < 0.6;
        return if regular { Shape::Sawtooth } else { Shape::Irregular };
    }
    let stepwise = curve.jumps.list.len() >= 3 && is_stepwise(&curve.jumps, curve.growth());
    match curve.decision {
        Decision::Growing if stepwise => Shape::Steps,
        Decision::Growing => Shape::Linear,
        Decision::Level => level_shape(seen, curve),
        Decision::Open(..) if curve.line.low > 0.0 && curve.growth() > GRAIN_BYTES => {
            if stepwise {
                Shape::Steps
            } else {
                Shape::Linear
            }
        }
        Decision::Open(..) if curve.noise < GRAIN_BYTES => Shape::Flat,
        Decision::Open(..) => Shape::Irregular,
    }
}

fn level_shape(seen: &Seen<'_>, curve: &Curve) -> Shape {
    let level = seen.rest.last().map_or(0.0, |p| p.1.abs());
    let matters = (0.01 * level).max(4.0 * curve.noise).max(4.0 * GRAIN_BYTES);
    if curve.total > matters {
        Shape::Plateau
    } else if curve.noise > (0.02 * level).max(4.0 * GRAIN_BYTES) {
        Shape::Irregular
    } else {
        Shape::Flat
    }
}
