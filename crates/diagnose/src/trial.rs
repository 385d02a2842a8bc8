//! A process before, while and after something about it was changed: does that make a difference
//! to how fast its memory grows? The rules are in `docs/verdict.md`.

use diff::stats::{self, Point};
use serde::{Deserialize, Serialize};

pub use crate::comparison::Effect;
use crate::comparison::MATTERS;
use crate::curve::{FLOOR_BYTES, TOLERATED_RATE};

/// With fewer points nothing is said of a slope.
const LEAST_POINTS: usize = 8;

/// How fast memory grew in a stretch of time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Slope {
    /// Bytes per second.
    pub bytes_per_s: f64,
    /// Lower end of the 95 % interval.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Seconds from the first point to the last.
    pub seconds: f64,
}

impl Slope {
    /// The slope of a series of `(seconds, bytes)`: Theil-Sen, with an interval that is wider
    /// where neighbouring points say the same. `None` of too few points.
    #[must_use]
    pub fn of(points: &[Point]) -> Option<Self> {
        let points = stats::thin(points, stats::MAX_POINTS);
        let (first, last) = (points.first()?, points.last()?);
        let line = stats::theil_sen(&points).filter(|_| points.len() >= LEAST_POINTS)?;
        let rest: Vec<f64> = points.iter().map(|p| p.1 - line.at(p.0)).collect();
        let line = stats::theil_sen_inflated(&points, stats::inflation(&rest))?;
        let seconds = last.0 - first.0;
        Some(Self { bytes_per_s: line.slope, low: line.low, high: line.high, seconds })
    }
}

/// How much faster memory grew with the change than before it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Added {
    /// Bytes per second more.
    pub bytes_per_s: f64,
    /// Lower end of the 95 % interval.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// A difference of this size does not matter.
    pub tolerance: f64,
    /// What follows.
    pub effect: Effect,
}

impl Added {
    /// From the slopes before the change and with it.
    ///
    /// What comes after the change is no measure of it: what was given back then is filled again
    /// first, and hides growth.
    #[must_use]
    pub fn between(before: &Slope, during: &Slope) -> Self {
        let bytes_per_s = during.bytes_per_s - before.bytes_per_s;
        let down = (during.bytes_per_s - during.low).hypot(before.high - before.bytes_per_s);
        let up = (during.high - during.bytes_per_s).hypot(before.bytes_per_s - before.low);
        let (low, high) = (bytes_per_s - down, bytes_per_s + up);
        let seconds = before.seconds.min(during.seconds).max(1.0);
        let steeper = before.bytes_per_s.abs().max(during.bytes_per_s.abs());
        let tolerance = TOLERATED_RATE.max(FLOOR_BYTES / seconds).max(MATTERS * steeper);
        let effect = Effect::of(bytes_per_s, low, high, tolerance);
        Self { bytes_per_s, low, high, tolerance, effect }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::Random;

    const MIB: f64 = 1048576.0;

    /// A series of 20 s that grows so fast, with noise of so many bytes.
    fn series(rate: f64, noise: f64, seed: u64) -> Vec<Point> {
        let mut rng = Random::new(seed);
        let point = |n: u32| f64::from(n) / 10.0;
        (0..200).map(point).map(|t| (t, 50.0 * MIB + rate * t + noise * rng.normal())).collect()
    }

    fn added(before: f64, during: f64, noise: f64) -> Added {
        let slope = |rate, seed| Slope::of(&series(rate, noise, seed)).expect("a slope");
        Added::between(&slope(before, 1), &slope(during, 2))
    }

    #[test]
    fn what_is_added_is_found() {
        let found = added(0.2 * MIB, 1.4 * MIB, 0.3 * MIB);
        assert_eq!(found.effect, Effect::Difference);
        assert!(found.low < 1.2 * MIB && 1.2 * MIB < found.high, "{found:?}");
        assert!((found.bytes_per_s - 1.2 * MIB).abs() < 0.1 * MIB, "{found:?}");
        let less = added(1.4 * MIB, 0.2 * MIB, 0.3 * MIB);
        assert_eq!(less.effect, Effect::Difference);
        assert!(less.bytes_per_s < 0.0, "{less:?}");
    }

    /// Nothing added is none, whether it leaks or not; with much noise it is not known.
    #[test]
    fn nothing_added_is_none_or_unknown() {
        for rate in [0.0, 3.0 * MIB] {
            assert_eq!(added(rate, rate, 10_000.0).effect, Effect::None);
        }
        assert_eq!(added(30_000.0, 0.0, 2.0 * MIB).effect, Effect::Undecided);
        assert_eq!(Slope::of(&series(0.0, 0.0, 1)[..5]), None);
    }
}
