//! A series of points in bounded memory, however long the run.

use diff::stats::{self, Point};

/// Points that are kept when a series is thinned; it may grow to twice as many in between.
const MOST: usize = 600;

/// Points in order of time. When there are too many, each bucket of equal time becomes one
/// point, its median, and from then on points are collected in buckets of that width.
#[derive(Clone, Debug, Default)]
pub(crate) struct Series {
    points: Vec<Point>,
    /// Seconds of a bucket; 0: points are kept as they come.
    width: f64,
    bucket: Vec<Point>,
}

impl Series {
    /// Takes a point. One that is not finite, or not later than the last, is left out.
    pub(crate) fn push(&mut self, seconds: f64, value: f64) {
        let newest = self.bucket.last().or(self.points.last());
        if !seconds.is_finite() || !value.is_finite() || newest.is_some_and(|p| p.0 >= seconds) {
            return;
        }
        if self.bucket.first().is_some_and(|p| seconds - p.0 >= self.width) {
            self.points.extend(middle(&self.bucket));
            self.bucket.clear();
        }
        self.bucket.push((seconds, value));
        if self.points.len() >= 2 * MOST {
            let span = seconds - self.points[0].0;
            self.points = stats::thin(&self.points, MOST);
            self.width = span / MOST as f64;
        }
    }

    pub(crate) fn points(&self) -> Vec<Point> {
        self.points.iter().copied().chain(middle(&self.bucket)).collect()
    }

    pub(crate) fn last(&self) -> Option<Point> {
        self.bucket.last().or(self.points.last()).copied()
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

fn middle(bucket: &[Point]) -> Option<Point> {
    let mut times: Vec<f64> = bucket.iter().map(|p| p.0).collect();
    let mut values: Vec<f64> = bucket.iter().map(|p| p.1).collect();
    Some((stats::median(&mut times)?, stats::median(&mut values)?))
}

/// The value at a moment, on the straight line between its neighbours; held at both ends.
/// `None` of an empty series.
pub(crate) fn interpolate(points: &[Point], seconds: f64) -> Option<f64> {
    let after = points.partition_point(|p| p.0 < seconds);
    let (Some(&b), Some(&a)) =
        (points.get(after), after.checked_sub(1).and_then(|i| points.get(i)))
    else {
        return points.get(after).or(points.last()).map(|p| p.1);
    };
    Some(a.1 + (b.1 - a.1) * (seconds - a.0) / (b.0 - a.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_takes_no_more_memory_than_ten_minutes() {
        let mut series = Series::default();
        for i in 0..345_600 {
            series.push(f64::from(i) / 4.0, f64::from(i));
        }
        let points = series.points();
        assert!(points.len() <= 2 * MOST + 1 && points.len() >= MOST, "{}", points.len());
        assert!(series.bucket.len() < 2000);
        assert!(points.windows(2).all(|w| w[0].0 < w[1].0));
        let line = stats::theil_sen(&points).expect("a line");
        assert!((line.slope - 4.0).abs() < 1e-6);
        series.push(0.0, 0.0);
        series.push(f64::NAN, 0.0);
        assert_eq!(series.points(), points);
    }

    #[test]
    fn between_looks_the_value_is_on_the_line() {
        let points = [(1.0, 10.0), (3.0, 30.0)];
        let at = |t| interpolate(&points, t);
        assert_eq!((at(0.0), at(2.0), at(9.0)), (Some(10.0), Some(20.0), Some(30.0)));
        assert_eq!(interpolate(&[], 1.0), None);
    }
}
