//! The start of the last regime: what lies before it is warm-up.

use diff::stats::{self, Point};

/// At most this share of the watch is cut.
const MOST: f64 = 0.6;
/// What is left is at least this long, seconds.
const LEAST_LEFT_S: f64 = 5.0;
/// Regimes that are cut one after the other.
const ROUNDS: usize = 3;
/// A page: variance below this is no noise but the grain of the measure.
const GRAIN: f64 = 4096.0;

/// The moment at which the last regime begins: `points[0].0` when there is only one.
///
/// Two straight lines that need not meet are fitted for every possible cut (ordinary least
/// squares by prefix sums). The best cut stands if it is better than one line by the Bayesian
/// information criterion, counted in independent points. Again, up to three times, for what
/// is left: a warm-up may have phases. `allowed` refuses a cut, such as one at a give-back.
pub(crate) fn last_regime(points: &[Point], allowed: impl Fn(f64) -> bool) -> f64 {
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return 0.0 };
    let limit = (first.0 + MOST * (last.0 - first.0)).min(last.0 - LEAST_LEFT_S);
    let mut start = 0;
    for _ in 0..ROUNDS {
        match best_cut(&points[start..], limit, &allowed) {
            Some(cut) => start += cut,
            None => break,
        }
    }
    points[start].0
}

fn best_cut(points: &[Point], limit: f64, allowed: &impl Fn(f64) -> bool) -> Option<usize> {
    let n = points.len();
    if n < 12 {
        return None;
    }
    let sums = Sums::new(points);
    let grain = GRAIN * GRAIN / 4.0 * n as f64;
    let possible =
        (3..n - 6).take_while(|&i| points[i].0 <= limit).filter(|&i| allowed(points[i].0));
    let cost = |i: usize| sums.residual(0, i) + sums.residual(i, n) + grain;
    let cut = possible.min_by(|&a, &b| cost(a).total_cmp(&cost(b)))?;
    let whole = sums.residual(0, n) + grain;
    let independent = n as f64 / stats::inflation(&sums.residuals(points, cut));
    let gain = independent * (whole / cost(cut)).ln();
    let better = gain > 3.0 * independent.max(3.0).ln() + 3.0;
    (better && sums.is_other_regime(points, cut)).then_some(cut)
}

/// Prefix sums that give the squared error of a straight line over any stretch at once.
struct Sums {
    rows: Vec<[f64; 5]>,
    origin: Point,
}

impl Sums {
    fn new(points: &[Point]) -> Self {
        let origin = points[points.len() / 2];
        let mut rows = Vec::with_capacity(points.len() + 1);
        let mut sum = [0.0; 5];
        rows.push(sum);
        for p in points {
            let (x, y) = (p.0 - origin.0, p.1 - origin.1);
            for (s, v) in sum.iter_mut().zip([x, y, x * x, x * y, y * y]) {
                *s += v;
            }
            rows.push(sum);
        }
        Self { rows, origin }
    }

    fn moments(&self, from: usize, to: usize) -> ([f64; 5], f64) {
        let mut m = self.rows[to];
        for (a, b) in m.iter_mut().zip(self.rows[from]) {
            *a -= b;
        }
        (m, (to - from) as f64)
    }

    /// Slope and intercept (around the origin) over a stretch.
    fn line(&self, from: usize, to: usize) -> (f64, f64) {
        let ([x, y, xx, xy, _], n) = self.moments(from, to);
        let spread = xx - x * x / n;
        let slope = if spread > 0.0 { (xy - x * y / n) / spread } else { 0.0 };
        (slope, (y - slope * x) / n)
    }

    fn residual(&self, from: usize, to: usize) -> f64 {
        let ([x, y, _, xy, yy], n) = self.moments(from, to);
        let (slope, _) = self.line(from, to);
        (yy - y * y / n - slope * (xy - x * y / n)).max(0.0)
    }

    /// Whether the two sides differ as regimes do, not as noise that lasts: the slopes by half
    /// of the steeper one, or the level jumps at the cut by a quarter of all that grew.
    fn is_other_regime(&self, points: &[Point], cut: usize) -> bool {
        let (before, after) = (self.line(0, cut), self.line(cut, points.len()));
        let steeper = before.0.abs().max(after.0.abs());
        let x = points[cut].0 - self.origin.0;
        let jump = (after.1 + after.0 * x) - (before.1 + before.0 * x);
        let first = points[0].0 - self.origin.0;
        let last = points[points.len() - 1].0 - self.origin.0;
        let grown = (after.1 + after.0 * last) - (before.1 + before.0 * first);
        (before.0 - after.0).abs() > 0.5 * steeper || jump.abs() > 0.25 * grown.abs()
    }

    fn residuals(&self, points: &[Point], cut: usize) -> Vec<f64> {
        let (before, after) = (self.line(0, cut), self.line(cut, points.len()));
        let off = |(i, p): (usize, &Point)| {
            let (slope, base) = if i < cut { before } else { after };
            p.1 - self.origin.1 - base - slope * (p.0 - self.origin.0)
        };
        points.iter().enumerate().map(off).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_regime_begins_where_the_slope_changes() {
        let bent: Vec<Point> = (0..120)
            .map(|i| {
                let t = f64::from(i) / 4.0;
                (t, if t < 6.0 { 10e6 * t } else { 60e6 + 1e5 * (t - 6.0) })
            })
            .collect();
        let start = last_regime(&bent, |_| true);
        assert!((5.0..7.5).contains(&start), "{start}");
        let straight: Vec<Point> = (0..120).map(|i| (f64::from(i), 1e5 * f64::from(i))).collect();
        assert_eq!(last_regime(&straight, |_| true), 0.0);
        assert_eq!(last_regime(&bent, |_| false), 0.0);
        assert_eq!(last_regime(&[], |_| true), 0.0);
    }
}
