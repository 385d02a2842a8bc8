//! Does the level move upward for good? Tests on the levels of equal windows.

use diff::stats::{self, Point};

/// The equal windows into which a stretch is cut.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Windows {
    /// Median of each window, at its middle.
    pub(crate) middle: Vec<Point>,
    /// Lower envelope: the 10 % quantile of each window.
    pub(crate) low: Vec<Point>,
}

impl Windows {
    pub(crate) fn cut(points: &[Point], count: usize) -> Self {
        let mut windows = Self { middle: Vec::new(), low: Vec::new() };
        let (Some(first), Some(last)) = (points.first(), points.last()) else { return windows };
        let width = (last.0 - first.0) / count.max(1) as f64;
        let index = |p: &Point| (((p.0 - first.0) / width) as usize).min(count.max(1) - 1);
        for chunk in points.chunk_by(|a, b| index(a) == index(b)) {
            let time = first.0 + (index(&chunk[0]) as f64 + 0.5) * width;
            let mut values: Vec<f64> = chunk.iter().map(|p| p.1).collect();
            windows.middle.extend(stats::median(&mut values).map(|v| (time, v)));
            windows.low.extend(stats::quantile(&mut values, 0.1).map(|v| (time, v)));
        }
        windows
    }
}

/// The result of [`drift`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Drift {
    /// Mean increment by its standard error.
    pub(crate) score: f64,
    /// What the score must exceed to be significant.
    pub(crate) needed: f64,
    /// Share of the increments that are upward.
    pub(crate) upward: f64,
    /// Mann-Kendall's tau of the levels.
    pub(crate) tau: f64,
    /// Increment of the last third by the mean increment.
    pub(crate) late: f64,
    /// By how much the increments speak for a steady pace against one that dies away: the
    /// difference of the squared errors, in units of the spread of the increments.
    pub(crate) steady: f64,
}

impl Drift {
    /// Whether the pace is steady rather than dying away.
    pub(crate) fn is_steady(&self) -> bool {
        self.steady > STEADY
    }

    pub(crate) fn is_upward(&self) -> bool {
        self.score > self.needed && self.upward >= 0.75 && self.tau >= 0.7 && self.late > 0.3
    }
}

/// The advantage of a steady pace from which on it is believed.
const STEADY: f64 = 2.0;

/// One false alarm in 200, one-sided, as a normal score.
const Z: f64 = 2.6;

/// Whether levels drift upward even if they were a random walk: the mean of the increments
/// against their own spread (Student's t). This is stricter than any test that takes the noise
/// for stationary: a level that merely wanders has increments of both signs.
pub(crate) fn drift(levels: &[Point]) -> Option<Drift> {
    let steps: Vec<f64> = levels.windows(2).map(|w| w[1].1 - w[0].1).collect();
    let n = steps.len() as f64;
    if steps.len() < 3 {
        return None;
    }
    let mean = steps.iter().sum::<f64>() / n;
    let variance = steps.iter().map(|s| (s - mean).powi(2)).sum::<f64>() / (n - 1.0);
    // The grain of the measure: two pages, spread evenly, are never noise-free.
    let error = ((variance + 4096.0_f64.powi(2) / 6.0) / n).sqrt();
    let upward = steps.iter().filter(|s| **s > 0.0).count() as f64 / n;
    let tau = stats::mann_kendall(&levels.iter().map(|p| p.1).collect::<Vec<_>>())?.tau;
    let third = &steps[steps.len() - steps.len().div_ceil(3)..];
    let late = third.iter().sum::<f64>() / third.len() as f64 / mean;
    let late = if mean > 0.0 { late } else { 0.0 };
    let steady = steadiness(&steps, mean, variance);
    Some(Drift { score: mean / error, needed: student(Z, n - 1.0), upward, tau, late, steady })
}

/// A constant pace against one that dies away with a time constant of 1.3 times the stretch.
fn steadiness(steps: &[f64], mean: f64, variance: f64) -> f64 {
    let n = steps.len() as f64;
    let dying: Vec<f64> = (0..steps.len()).map(|i| (-(i as f64 + 0.5) / n / 1.3).exp()).collect();
    let both: f64 = steps.iter().zip(&dying).map(|(s, d)| s * d).sum();
    let scale = both / dying.iter().map(|d| d * d).sum::<f64>();
    let of = |f: &dyn Fn(usize) -> f64| -> f64 {
        steps.iter().enumerate().map(|(i, s)| (s - f(i)).powi(2)).sum()
    };
    (of(&|i| scale * dying[i]) - of(&|_| mean)) / (variance + 4096.0_f64.powi(2) / 6.0)
}

/// The score of Student's distribution that is as rare as a normal score (Cornish-Fisher).
pub(crate) fn student(z: f64, freedom: f64) -> f64 {
    let first = (z.powi(3) + z) / 4.0;
    let second = (5.0 * z.powi(5) + 16.0 * z.powi(3) + 3.0 * z) / 96.0;
    let third = (3.0 * z.powi(7) + 19.0 * z.powi(5) + 17.0 * z.powi(3) - 15.0 * z) / 384.0;
    z + first / freedom + second / freedom.powi(2) + third / freedom.powi(3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steady_growth_drifts_and_a_jump_does_not() {
        let line: Vec<Point> = (0..120).map(|i| (f64::from(i), 5e4 * f64::from(i))).collect();
        let windows = Windows::cut(&line, 10);
        assert_eq!(windows.middle.len(), 10);
        assert!(drift(&windows.middle).is_some_and(|d| d.is_upward()));
        let jump: Vec<Point> =
            (0..120).map(|i| (f64::from(i), if i < 60 { 0.0 } else { 1e7 })).collect();
        assert!(drift(&Windows::cut(&jump, 10).middle).is_some_and(|d| !d.is_upward()));
        assert_eq!(drift(&[(0.0, 1.0), (1.0, 2.0)]), None);
    }

    /// Tabled values: t(0.995, 9) = 3.250, t(0.995, 4) = 4.604.
    #[test]
    fn student_is_close_to_the_table() {
        assert!((student(2.576, 9.0) - 3.250).abs() < 0.05);
        assert!((student(2.576, 4.0) - 4.604).abs() < 0.1);
    }
}
