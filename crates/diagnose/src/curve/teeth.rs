//! Give-backs: memory that grows and is given back again, as a garbage collector does.

use diff::stats::Point;

/// A turn is a turn when the curve comes back by this many times the quick noise,
const TURN_SIGMAS: f64 = 5.0;
/// and by this share of its whole range,
const TURN_SHARE: f64 = 0.15;
/// and by this many bytes.
const TURN_BYTES: f64 = 64.0 * 1024.0;
/// A bump is over after this share of the watch.
const LONGEST_BUMP: f64 = 0.2;
/// What must be left of the looks when the bumps are taken out.
const LEAST_LEFT: f64 = 0.5;

/// Memory given back: from a peak down to a trough.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct GiveBack {
    pub(crate) peak: Point,
    pub(crate) trough: Point,
}

impl GiveBack {
    pub(crate) fn size(&self) -> f64 {
        self.peak.1 - self.trough.1
    }
}

/// The give-backs of a curve.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Teeth {
    pub(crate) give_backs: Vec<GiveBack>,
}

impl Teeth {
    /// Finds them by following the curve from turn to turn; `quick` is the standard deviation
    /// of the noise from one look to the next.
    pub(crate) fn find(points: &[Point], quick: f64) -> Self {
        let smooth = without_spikes(points);
        let (low, high) = range(&smooth);
        let turn = (quick * TURN_SIGMAS).max((high - low) * TURN_SHARE).max(TURN_BYTES);
        let Some(&first) = smooth.first() else { return Self::default() };
        let mut give_backs = Vec::new();
        let (mut peak, mut trough) = (first, first);
        let mut falling = false;
        for &point in &smooth {
            if falling {
                if point.1 < trough.1 {
                    trough = point;
                } else if point.1 - trough.1 >= turn {
                    give_backs.push(GiveBack { peak, trough });
                    (falling, peak) = (false, point);
                }
            } else if point.1 > peak.1 {
                peak = point;
            } else if peak.1 - point.1 >= turn {
                (falling, trough) = (true, point);
            }
        }
        if falling {
            give_backs.push(GiveBack { peak, trough });
        }
        Self { give_backs }
    }

    /// Takes out the bumps: memory that was taken at once, kept for a short while and given back
    /// whole. They say nothing about growth, so the curve is judged without them. Returns
    /// the curve without the bumps; it stays as it is when they are most of it.
    pub(crate) fn take_out_bumps(&mut self, points: &[Point]) -> Vec<Point> {
        let watched = points.last().map_or(0.0, |p| p.0) - points.first().map_or(0.0, |p| p.0);
        let found: Vec<Option<(f64, f64)>> =
            self.give_backs.iter().map(|g| bump(points, g, watched)).collect();
        let bumps: Vec<(f64, f64)> = found.iter().flatten().copied().collect();
        let inside = |t: f64| bumps.iter().any(|b| b.0 < t && t < b.1);
        let rest: Vec<Point> = points.iter().filter(|p| !inside(p.0)).copied().collect();
        if (rest.len() as f64) < LEAST_LEFT * points.len() as f64 {
            return points.to_vec();
        }
        let mut found = found.iter();
        self.give_backs.retain(|_| found.next().is_some_and(Option::is_none));
        rest
    }

    /// The give-backs whose peak lies at or after a moment.
    pub(crate) fn since(&self, seconds: f64) -> Self {
        let after = |g: &&GiveBack| g.peak.0 >= seconds;
        Self { give_backs: self.give_backs.iter().filter(after).copied().collect() }
    }

    pub(crate) fn count(&self) -> usize {
        self.give_backs.len()
    }

    /// All that was given back, bytes.
    pub(crate) fn total(&self) -> f64 {
        self.give_backs.iter().map(GiveBack::size).sum()
    }

    /// Mean size, bytes.
    pub(crate) fn amplitude(&self) -> f64 {
        if self.count() == 0 { 0.0 } else { self.total() / self.count() as f64 }
    }

    /// Seconds from one give-back to the next.
    pub(crate) fn gaps(&self) -> Vec<f64> {
        self.give_backs.windows(2).map(|w| w[1].peak.0 - w[0].peak.0).collect()
    }

    pub(crate) fn troughs(&self) -> Vec<Point> {
        self.give_backs.iter().map(|g| g.trough).collect()
    }
}

/// The stretch of a bump, from the last look before it rose to the first after it fell; `None`
/// if the give-back ends something else than a bump.
fn bump(points: &[Point], give_back: &GiveBack, watched: f64) -> Option<(f64, f64)> {
    let level = |share: f64| give_back.trough.1 + share * give_back.size();
    let peak = points.partition_point(|p| p.0 < give_back.peak.0);
    let foot = (0..peak).rev().find(|&i| points[i].1 <= level(0.3))?;
    let top = (foot..points.len()).find(|&i| points[i].1 >= level(0.8))?;
    let came_from = (points[foot].1 - give_back.trough.1).abs();
    let is_bump = top - foot <= 2
        && came_from <= 0.3 * give_back.size()
        && give_back.trough.0 - points[foot].0 <= LONGEST_BUMP * watched;
    let after = (peak..points.len()).find(|&i| points[i].1 <= level(0.3))?;
    is_bump.then(|| (points[foot].0, points[after].0))
}

/// The median of each point and its neighbours: a value that stands alone is no turn.
fn without_spikes(points: &[Point]) -> Vec<Point> {
    let middle = |i: usize| {
        let (a, b, c) = (points[i - 1].1, points[i].1, points[i + 1].1);
        (points[i].0, a.max(b).min(a.min(b).max(c)))
    };
    let last = points.len().saturating_sub(1);
    let at = |i: usize| if i == 0 || i == last { points[i] } else { middle(i) };
    (0..points.len()).map(at).collect()
}

fn range(points: &[Point]) -> (f64, f64) {
    points
        .iter()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), p| (low.min(p.1), high.max(p.1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn teeth_are_counted_and_spikes_are_not() {
        const MIB: f64 = 1_048_576.0;
        let points: Vec<Point> =
            (0..120).map(|i| (f64::from(i) / 4.0, f64::from(i % 24) * MIB / 4.0)).collect();
        let teeth = Teeth::find(&points, 0.0);
        assert_eq!(teeth.count(), 4);
        assert!(teeth.gaps().iter().all(|g| (g - 6.0).abs() < 0.5), "{:?}", teeth.gaps());
        let mut flat: Vec<Point> = (0..120).map(|i| (f64::from(i), 5.0 * MIB)).collect();
        flat[60].1 = 50.0 * MIB;
        assert_eq!(Teeth::find(&flat, 0.0).count(), 0);
        assert_eq!(Teeth::find(&[], 0.0).count(), 0);
    }
}
