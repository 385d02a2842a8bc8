//! Windows of one run, for repeatability.

use diff::stats::{self, Point};

/// One window: how much the level moved from its beginning to its end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Window {
    pub(crate) seconds: f64,
    pub(crate) growth: f64,
}

impl Window {
    pub(crate) fn rate(&self) -> f64 {
        if self.seconds > 0.0 { self.growth / self.seconds } else { 0.0 }
    }
}

/// Three to six windows, no shorter than those of the tests (`most` of them). The level at
/// a boundary is the median of the quarter of a window around it.
pub(crate) fn split(points: &[Point], most: usize) -> Vec<Window> {
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return Vec::new() };
    let count = most.clamp(3, 6);
    let width = (last.0 - first.0) / count as f64;
    let level = |boundary: usize| {
        let middle = first.0 + width * boundary as f64;
        let near = |p: &&Point| (p.0 - middle).abs() <= width * 0.25;
        let mut values: Vec<f64> = points.iter().filter(near).map(|p| p.1).collect();
        stats::median(&mut values)
    };
    // The outermost boundaries see half a neighbourhood, an eighth of a window inward.
    let seconds = |i: usize| if i == 0 || i + 1 == count { width * 0.875 } else { width };
    (0..count)
        .filter_map(|i| {
            let growth = level(i + 1)? - level(i)?;
            Some(Window { seconds: seconds(i), growth })
        })
        .collect()
}
