//! One curve of bytes over time, judged by the rules of `docs/verdict.md`.
//!
//! The order: give-backs are found first, since they decide how long a window must be and
//! where a warm-up may be cut; then the last regime; then the tests for growth. Growth is
//! called only when every test says so; absence of growth only when any growth that could
//! hide in the noise would not matter; everything else is open.

mod drift;
mod jumps;
mod rules;
mod saturation;
mod teeth;
mod warmup;
mod windows;

use diff::stats::{self, Line, Point};

pub(crate) use jumps::{Jumps, period, variation};
pub(crate) use teeth::Teeth;
pub(crate) use windows::Window;

use crate::Shape;
use drift::{Drift, Windows, drift};
use saturation::Lasting;

/// Growth that is smaller than this is not called, bytes. An interpreter that does something
/// for the first thousand times still grows by some hundred KiB (free lists, specialised
/// code, arenas with holes), slowly enough to look like a leak.
pub const FLOOR_BYTES: f64 = 192.0 * 1024.0;

/// A change that is smaller than this is no change, bytes: sixteen pages.
pub(crate) const GRAIN_BYTES: f64 = 64.0 * 1024.0;

/// Growth that cannot be ruled out must be below this for "no leak", bytes per second; or
/// below what doubles the process in an hour, whichever is more.
pub const TOLERATED_RATE: f64 = 8.0 * 1024.0;

/// Windows into which the last regime is cut for the tests.
const WINDOWS: usize = 10;

/// What the rules say of a curve.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Decision {
    /// It grows and will go on growing.
    Growing,
    /// It does not, and what might hide in the noise does not matter.
    Level,
    /// It cannot be told: why, and how many more seconds should tell.
    Open(Doubt, f64),
}

/// Why a curve is undecided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Doubt {
    /// Too short or too few looks.
    Short,
    /// It grows, and growth may come to an end.
    MayEnd,
    /// It grows between give-backs, of which too few were seen.
    FewTeeth,
    /// It grows, by less than counts.
    Small,
    /// Growth began only lately.
    Lately,
    /// It rises on the whole, but so unevenly that it may be chance.
    Uneven,
    /// The noise hides what happens.
    Noise,
}

/// A curve and everything that was found in it.
#[derive(Clone, Debug)]
pub(crate) struct Curve {
    pub(crate) decision: Decision,
    pub(crate) shape: Shape,
    /// Seconds that were watched.
    pub(crate) watched_s: f64,
    /// Seconds cut off as warm-up.
    pub(crate) warmup_s: f64,
    /// Line through the last regime; its interval counts independent points only.
    pub(crate) line: Line,
    /// Standard deviation around the line, bytes.
    pub(crate) noise: f64,
    /// Growth over the whole watch, from level to level, bytes.
    pub(crate) total: f64,
    /// Growth that cannot be told from none, bytes per second.
    pub(crate) tolerance: f64,
    pub(crate) drift: Option<Drift>,
    pub(crate) lasting: Option<Lasting>,
    pub(crate) teeth: Teeth,
    pub(crate) jumps: Jumps,
    pub(crate) windows: Vec<Window>,
    /// Looks at which the last regime stood higher than at the look before.
    pub(crate) upward_looks: usize,
}

/// What the tests look at.
struct Seen<'a> {
    all: &'a [Point],
    /// The last regime.
    rest: &'a [Point],
    watched_s: f64,
    rest_s: f64,
    warmup_s: f64,
}

impl Curve {
    /// Judges a curve; `points` in order of time. `None` of fewer than three moments.
    ///
    /// What grows evenly grows also where it jumps besides: a table that doubles in size, beside
    /// what it points to, makes windows so unequal that the whole seems to grow by chance.
    pub(crate) fn of(points: &[Point]) -> Option<Self> {
        let mut curve = Self::of_all(points)?;
        if matches!(curve.decision, Decision::Open(..))
            && let Some(calm) = jumps::between(points, quick_noise(points))
            && Self::of_all(&calm).is_some_and(|calm| calm.decision == Decision::Growing)
        {
            curve.decision = Decision::Growing;
        }
        Some(curve)
    }

    fn of_all(points: &[Point]) -> Option<Self> {
        let (first, last) = (*points.first()?, *points.last()?);
        let watched_s = last.0 - first.0;
        if points.len() < 3 || watched_s <= 0.0 {
            return None;
        }
        let quick = quick_noise(points);
        let mut teeth = Teeth::find(points, quick);
        let calm = teeth.take_out_bumps(points);
        let points = calm.as_slice();
        let teeth = rules::without_startup(teeth, points);
        let first_peak = teeth.give_backs.first().map_or(f64::INFINITY, |g| g.peak.0);
        let start = warmup::last_regime(points, |t| t < first_peak);
        let index = points.partition_point(|p| p.0 < start);
        let seen = Seen {
            all: points,
            rest: &points[index..],
            watched_s,
            rest_s: last.0 - start,
            warmup_s: start - first.0,
        };
        Self::judge(&seen, teeth.since(start), Jumps::find(&points[index..], quick))
    }

    fn judge(seen: &Seen<'_>, teeth: Teeth, jumps: Jumps) -> Option<Self> {
        let plain = stats::theil_sen(seen.rest)?;
        let residuals: Vec<f64> = seen.rest.iter().map(|p| p.1 - plain.at(p.0)).collect();
        let inflation = stats::inflation(&residuals);
        let line = stats::theil_sen_inflated(seen.rest, inflation)?;
        let noise = stats::mad_sigma(&residuals)?;
        let level = stats::median(&mut seen.rest.iter().map(|p| p.1).collect::<Vec<_>>())?;
        let count = rules::window_count(seen, &teeth, &jumps, &line);
        let windows = Windows::cut(seen.rest, count);
        let troughs = rules::trough_levels(&teeth);
        let mut curve = Self {
            decision: Decision::Open(Doubt::Short, 0.0),
            shape: Shape::Irregular,
            watched_s: seen.watched_s,
            warmup_s: seen.warmup_s,
            line,
            noise,
            total: rules::total_growth(seen.all),
            tolerance: TOLERATED_RATE.max(level / 3600.0),
            drift: troughs.as_deref().map_or_else(|| drift(&windows.middle), drift),
            lasting: rules::lasting_growth(seen, &teeth, line.slope),
            windows: windows::split(seen.rest, count),
            upward_looks: seen.rest.windows(2).filter(|w| w[1].1 > w[0].1).count(),
            teeth,
            jumps,
        };
        curve.decision = rules::decide(seen, &curve, &windows);
        if curve.decision == Decision::Level {
            curve.total = rules::settled_growth(seen.all);
        }
        curve.shape = rules::shape(seen, &curve);
        Some(curve)
    }

    /// The smallest rate that would have counted over this watch, bytes per second.
    pub(crate) fn smallest_visible(&self) -> f64 {
        GRAIN_BYTES / self.watched_s
    }

    /// Growth over the last regime along the line, bytes.
    pub(crate) fn growth(&self) -> f64 {
        self.line.slope * (self.watched_s - self.warmup_s)
    }
}

/// Standard deviation of the noise from one look to the next.
fn quick_noise(points: &[Point]) -> f64 {
    let steps: Vec<f64> = points.windows(2).map(|w| w[1].1 - w[0].1).collect();
    stats::mad_sigma(&steps).unwrap_or(0.0) / std::f64::consts::SQRT_2
}
