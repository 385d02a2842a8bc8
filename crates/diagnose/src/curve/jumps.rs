//! Growth in jumps with level stretches between.

use diff::stats::{self, Point};

/// A look moves when it rises by this many times the quick noise,
const MOVE_SIGMAS: f64 = 6.0;
/// and by at least this much: two pages.
const MOVE_BYTES: f64 = 8192.0;
/// Jumps at more than this share of the looks are no rare events.
const MOST_RARE: f64 = 0.1;

/// An upward jump: when, and by how much.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Jump {
    pub(crate) at: f64,
    pub(crate) size: f64,
}

/// The jumps of a curve.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Jumps {
    pub(crate) list: Vec<Jump>,
    /// Share of the looks that move upward.
    pub(crate) moving: f64,
    /// Seconds of level ground after the last jump.
    pub(crate) quiet_s: f64,
}

impl Jumps {
    /// Finds the upward jumps; `quick` is the noise from one look to the next. Looks that move
    /// one after the other are one jump.
    pub(crate) fn find(points: &[Point], quick: f64) -> Self {
        let threshold = (quick * MOVE_SIGMAS).max(MOVE_BYTES);
        let mut list: Vec<Jump> = Vec::new();
        let mut moving = 0_usize;
        let mut was_moving = false;
        for pair in points.windows(2) {
            let rise = pair[1].1 - pair[0].1;
            let moves = rise >= threshold;
            moving += usize::from(moves);
            match list.last_mut() {
                Some(jump) if moves && was_moving => jump.size += rise,
                _ if moves => list.push(Jump { at: pair[1].0, size: rise }),
                _ => {}
            }
            was_moving = moves;
        }
        let end = points.last().map_or(0.0, |p| p.0);
        let start = points.first().map_or(0.0, |p| p.0);
        let quiet_s = end - list.last().map_or(start, |j| j.at);
        let looks = points.len().saturating_sub(1).max(1);
        Self { list, moving: moving as f64 / looks as f64, quiet_s }
    }

    pub(crate) fn total(&self) -> f64 {
        self.list.iter().map(|j| j.size).sum()
    }

    pub(crate) fn gaps(&self) -> Vec<f64> {
        self.list.windows(2).map(|w| w[1].at - w[0].at).collect()
    }

    /// Seconds from one jump to the next, where they come regularly.
    pub(crate) fn period(&self) -> Option<f64> {
        period(&self.gaps())
    }

    /// Whether the next jump is overdue, so that the jumps seem to have ended: `before` is how
    /// many seconds of level ground were seen before the first.
    pub(crate) fn ended(&self, before: f64) -> bool {
        let longest = self.gaps().into_iter().fold(before, f64::max);
        self.quiet_s > 1.5 * longest
    }

    /// Whether the jumps alone prove that growth goes on: they come regularly, are of similar
    /// size, and the next one is not overdue. The fewer, the more alike they must be.
    pub(crate) fn go_on(&self) -> bool {
        let sizes: Vec<f64> = self.list.iter().map(|j| j.size).collect();
        let most = match self.list.len() {
            0..3 => return false,
            3 => 0.15,
            4 => 0.25,
            5 => 0.3,
            _ => 0.4,
        };
        let gaps = self.gaps();
        let longest = gaps.iter().copied().fold(0.0, f64::max);
        variation(&gaps) < most && variation(&sizes) < most && self.quiet_s < 1.8 * longest
    }
}

/// The curve without its upward jumps: of each only what an even pace would have risen in its time
/// is left. `None` where there is no jump, or where they are no rare events. What is left grows
/// by less than the whole does: a decline between jumps stays.
pub(crate) fn between(points: &[Point], quick: f64) -> Option<Vec<Point>> {
    let rates = |w: &[Point]| (w[1].0 > w[0].0).then(|| (w[1].1 - w[0].1) / (w[1].0 - w[0].0));
    let pace = stats::median(&mut points.windows(2).filter_map(rates).collect::<Vec<_>>())?;
    let threshold = (quick * MOVE_SIGMAS).max(MOVE_BYTES);
    let (mut taken, mut jumps) = (0.0, 0);
    let mut calm = vec![*points.first()?];
    for pair in points.windows(2) {
        let excess = pair[1].1 - pair[0].1 - pace.max(0.0) * (pair[1].0 - pair[0].0);
        if excess >= threshold {
            taken += excess;
            jumps += 1;
        }
        calm.push((pair[1].0, pair[1].1 - taken));
    }
    let rare = jumps as f64 <= MOST_RARE * points.len() as f64;
    (jumps > 0 && rare).then_some(calm)
}

/// The median gap, if there are at least two and they are alike.
pub(crate) fn period(gaps: &[f64]) -> Option<f64> {
    (gaps.len() >= 2 && variation(gaps) < 0.35).then(|| stats::median(&mut gaps.to_vec()))?
}

/// Standard deviation by mean.
pub(crate) fn variation(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n;
    if mean > 0.0 { variance.sqrt() / mean } else { f64::INFINITY }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn staircase(every: usize) -> Vec<Point> {
        (0..120).map(|i| (i as f64 / 4.0, (i / every) as f64 * 1e6)).collect()
    }

    #[test]
    fn a_regular_staircase_goes_on_and_a_single_jump_does_not() {
        let stairs = Jumps::find(&staircase(20), 0.0);
        assert_eq!((stairs.list.len(), stairs.period()), (5, Some(5.0)));
        assert!(stairs.go_on());
        let once = Jumps::find(&staircase(60), 0.0);
        assert_eq!((once.list.len(), once.go_on()), (1, false));
        let mut overdue = staircase(10);
        for point in &mut overdue[60..] {
            point.1 = 5e6;
        }
        assert!(!Jumps::find(&overdue, 0.0).go_on());
    }

    #[test]
    fn between_jumps_is_what_rises_evenly() {
        let slow = |i: usize| (i as f64, 1e4 * i as f64 + [0.0, 3e5, 9e5][i / 40]);
        let points: Vec<Point> = (0..120).map(slow).collect();
        let calm = between(&points, 0.0).expect("two jumps");
        assert!(calm.iter().all(|p| (p.1 - 1e4 * p.0).abs() < 1.0), "{calm:?}");
        assert_eq!(between(&calm, 0.0), None, "no jump");
        assert_eq!(between(&staircase(5), 0.0), None, "a staircase");
    }
}
