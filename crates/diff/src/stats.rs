//! Robust statistics over short series of points `(seconds, value)`.
//!
//! Everything that is quadratic in the number of points first thins the series to a fixed
//! number of buckets, so that no function here takes long, whatever it is given. Values that
//! are not finite are left out.

/// A point: seconds, value.
pub type Point = (f64, f64);

/// The most points that a quadratic function looks at: 200 points are 19 900 pairs.
pub const MAX_POINTS: usize = 200;

/// Factor that makes the median absolute deviation of normal noise its standard deviation.
const MAD_TO_SIGMA: f64 = 1.4826;

/// The 97.5 % quantile of the normal distribution: what a 95 % interval is made of.
const Z95: f64 = 1.959_964;

/// The median; `None` of nothing. Reorders what it is given.
#[must_use]
pub fn median(values: &mut [f64]) -> Option<f64> {
    quantile(values, 0.5)
}

/// The value below which this share of the values lies, interpolated; `None` of nothing.
#[must_use]
pub fn quantile(values: &mut [f64], share: f64) -> Option<f64> {
    if values.is_empty() {
        return None;
    }
    let place = share.clamp(0.0, 1.0) * (values.len() - 1) as f64;
    let (_, &mut low, rest) = values.select_nth_unstable_by(place as usize, f64::total_cmp);
    let next = rest.iter().copied().min_by(f64::total_cmp);
    Some(match next {
        Some(high) if place.fract() > 0.0 => low * (1.0 - place.fract()) + high * place.fract(),
        _ => low,
    })
}

/// Robust standard deviation: the median absolute deviation from the median, scaled so that
/// it equals the standard deviation where the noise is normal.
#[must_use]
pub fn mad_sigma(values: &[f64]) -> Option<f64> {
    let mut values = values.to_vec();
    let middle = median(&mut values)?;
    let mut off: Vec<f64> = values.iter().map(|v| (v - middle).abs()).collect();
    median(&mut off).map(|m| m * MAD_TO_SIGMA)
}

/// A robust straight line with the 95 % interval of its slope.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Line {
    /// Median of the slopes of all pairs of points.
    pub slope: f64,
    /// Value at second 0.
    pub intercept: f64,
    /// Lower end of the 95 % interval of the slope, for independent noise.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Line {
    /// The value of the line at a moment.
    #[must_use]
    pub fn at(&self, seconds: f64) -> f64 {
        self.intercept + self.slope * seconds
    }
}

/// The Theil-Sen line: the median slope of all pairs (Theil 1950), with Sen's interval
/// (1968) from the variance of Kendall's S. Up to 29 % of the points may be wild.
///
/// `None` of fewer than two moments.
#[must_use]
pub fn theil_sen(points: &[Point]) -> Option<Line> {
    theil_sen_inflated(points, 1.0)
}

/// [`theil_sen`] where the noise is not independent: `inflation` is the number of points that
/// say as much as one independent point would, see [`inflation`].
#[must_use]
pub fn theil_sen_inflated(points: &[Point], inflation: f64) -> Option<Line> {
    let points = thin(points, MAX_POINTS);
    let mut slopes = Vec::with_capacity(points.len() * points.len().saturating_sub(1) / 2);
    for (i, a) in points.iter().enumerate() {
        for b in &points[i + 1..] {
            let slope = (b.1 - a.1) / (b.0 - a.0);
            if b.0 > a.0 && slope.is_finite() {
                slopes.push(slope);
            }
        }
    }
    let slope = median(&mut slopes)?;
    let values: Vec<f64> = points.iter().map(|p| p.1).collect();
    let spread = Z95 * (kendall_variance(&values) * inflation.max(1.0)).sqrt();
    let pairs = slopes.len() as f64;
    let half = (spread / 2.0 / pairs).min(0.5);
    let low = quantile(&mut slopes, 0.5 - half)?;
    let high = quantile(&mut slopes, 0.5 + half)?;
    let mut rest: Vec<f64> = points.iter().map(|p| p.1 - slope * p.0).collect();
    Some(Line { slope, intercept: median(&mut rest)?, low, high })
}

/// How many neighbouring points say as much as one independent one: `1 + 2 * sum of the
/// autocorrelations` of the residuals, summed until they are no longer positive.
#[must_use]
pub fn inflation(residuals: &[f64]) -> f64 {
    let n = residuals.len();
    if n < 4 {
        return 1.0;
    }
    let mean = residuals.iter().sum::<f64>() / n as f64;
    let off: Vec<f64> = residuals.iter().map(|r| r - mean).collect();
    let variance: f64 = off.iter().map(|r| r * r).sum();
    if variance <= 0.0 {
        return 1.0;
    }
    let mut sum = 1.0;
    for lag in 1..n / 2 {
        let with: f64 = off.iter().zip(&off[lag..]).map(|(a, b)| a * b).sum();
        let correlation = with / variance;
        if correlation <= 0.0 {
            break;
        }
        sum += 2.0 * correlation;
    }
    sum.clamp(1.0, n as f64 / 2.0)
}

/// The result of a Mann-Kendall test.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MannKendall {
    /// Pairs that rise less pairs that fall.
    pub s: f64,
    /// Kendall's tau-b style share: `s` by the number of pairs, -1 to 1.
    pub tau: f64,
    /// Standard score of `s` with the tie correction and the continuity correction.
    pub z: f64,
}

/// The Mann-Kendall test for a monotone trend, with the correction for ties. The values are
/// taken as independent; never judge by it alone (Machida et al. 2013).
#[must_use]
pub fn mann_kendall(values: &[f64]) -> Option<MannKendall> {
    let points: Vec<Point> = values.iter().enumerate().map(|(i, &v)| (i as f64, v)).collect();
    let values: Vec<f64> = thin(&points, MAX_POINTS).iter().map(|p| p.1).collect();
    if values.len() < 3 {
        return None;
    }
    let mut s = 0.0;
    for (i, a) in values.iter().enumerate() {
        for b in &values[i + 1..] {
            s += match b.total_cmp(a) {
                std::cmp::Ordering::Greater => 1.0,
                std::cmp::Ordering::Equal => 0.0,
                std::cmp::Ordering::Less => -1.0,
            };
        }
    }
    let variance = kendall_variance(&values);
    let z = if variance > 0.0 && s != 0.0 { (s - f64::signum(s)) / variance.sqrt() } else { 0.0 };
    let n = values.len() as f64;
    Some(MannKendall { s, tau: s / (n * (n - 1.0) / 2.0), z })
}

/// Variance of Kendall's S without a trend, corrected for tied values.
fn kendall_variance(values: &[f64]) -> f64 {
    let term = |n: f64| n * (n - 1.0) * (2.0 * n + 5.0);
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let ties: f64 = sorted.chunk_by(|a, b| a == b).map(|group| term(group.len() as f64)).sum();
    (term(values.len() as f64) - ties) / 18.0
}

/// At most `most` points in order of time: each bucket of equal time is one point, the medians
/// of its times and values. Fewer points come back as they are.
#[must_use]
pub fn thin(points: &[Point], most: usize) -> Vec<Point> {
    let finite = |p: &&Point| p.0.is_finite() && p.1.is_finite();
    let mut points: Vec<Point> = points.iter().filter(finite).copied().collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    if points.len() <= most || most == 0 {
        return points;
    }
    let (first, last) = (points[0].0, points[points.len() - 1].0);
    let width = (last - first) / most as f64;
    let bucket = |p: &Point| (((p.0 - first) / width) as usize).min(most - 1);
    points
        .chunk_by(|a, b| bucket(a) == bucket(b))
        .filter_map(|chunk| {
            let mut times: Vec<f64> = chunk.iter().map(|p| p.0).collect();
            let mut values: Vec<f64> = chunk.iter().map(|p| p.1).collect();
            Some((median(&mut times)?, median(&mut values)?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn medians_of_few_and_many() {
        assert_eq!(median(&mut []), None);
        assert_eq!(median(&mut [3.0]), Some(3.0));
        assert_eq!(median(&mut [4.0, 1.0]), Some(2.5));
        assert_eq!(median(&mut [9.0, 1.0, 5.0]), Some(5.0));
        assert_eq!(quantile(&mut [0.0, 10.0, 20.0], 0.25), Some(5.0));
        assert_eq!(mad_sigma(&[1.0, 1.0, 1.0, 100.0]), Some(0.0));
        assert_eq!(mad_sigma(&[]), None);
    }

    /// A quarter of wild points does not move the line.
    #[test]
    fn the_line_ignores_wild_points() {
        let points: Vec<Point> = (0..40)
            .map(|i| (f64::from(i), if i % 4 == 0 { 1e9 } else { 5.0 + 3.0 * f64::from(i) }))
            .collect();
        let line = theil_sen(&points).expect("a line");
        assert!((line.slope - 3.0).abs() < 0.5, "{line:?}");
        assert_eq!(theil_sen(&[(1.0, 2.0), (1.0, 3.0)]), None);
        assert_eq!(theil_sen(&[(1.0, 2.0)]), None);
    }

    /// The example of Sen's interval holds its meaning: it covers the truth about 95 times
    /// in 100. The noise is a fixed sequence, so the count is always the same.
    #[test]
    fn the_interval_covers_the_truth() {
        let mut state = 1_u64;
        let mut uniform = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 11) as f64 / (1_u64 << 53) as f64 - 0.5
        };
        let covered = (0..400)
            .filter(|_| {
                let points: Vec<Point> =
                    (0..30).map(|i| (f64::from(i), f64::from(i) + 20.0 * uniform())).collect();
                let line = theil_sen(&points).expect("a line");
                line.low <= 1.0 && 1.0 <= line.high
            })
            .count();
        assert!((370..=395).contains(&covered), "{covered} of 400");
    }

    #[test]
    fn mann_kendall_knows_up_down_and_ties() {
        let up = mann_kendall(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).expect("enough values");
        assert_eq!((up.s, up.tau), (15.0, 1.0));
        assert!(up.z > 2.5);
        let flat = mann_kendall(&[7.0; 10]).expect("enough values");
        assert_eq!((flat.s, flat.z), (0.0, 0.0));
        let down = mann_kendall(&[3.0, 2.0, 1.0]).expect("enough values");
        assert_eq!(down.s, -3.0);
        assert!(mann_kendall(&[1.0]).is_none());
    }

    /// Noise that lasts counts for less than noise that is new at every point.
    #[test]
    fn lasting_noise_inflates() {
        let lasting: Vec<f64> =
            (0..100).map(|i| if (i / 10) % 2 == 0 { 1.0 } else { -1.0 }).collect();
        let quick: Vec<f64> = (0..100).map(|i| if i % 2 == 0 { 1.0 } else { -1.0 }).collect();
        assert!(inflation(&lasting) > 4.0);
        assert_eq!(inflation(&quick), 1.0);
        assert_eq!(inflation(&[0.0; 50]), 1.0);
    }

    proptest! {
        /// Whatever the numbers: no panic, the slope lies in its interval, thinning keeps order.
        #[test]
        fn nothing_breaks_it(points in prop::collection::vec((any::<f64>(), any::<f64>()), 0..300)) {
            let thinned = thin(&points, 50);
            prop_assert!(thinned.len() <= points.len());
            prop_assert!(thinned.windows(2).all(|w| w[0].0 <= w[1].0));
            if let Some(line) = theil_sen(&points) {
                prop_assert!(line.low <= line.slope && line.slope <= line.high);
            }
            let values: Vec<f64> = points.iter().map(|p| p.1).collect();
            let _ = (mann_kendall(&values), inflation(&values), mad_sigma(&values));
        }

        /// A straight line is found again, wherever and however steep.
        #[test]
        fn straight_lines_are_found(slope in -1e6..1e6_f64, start in -1e6..1e6_f64, n in 3..400_usize) {
            let points: Vec<Point> = (0..n).map(|i| (i as f64, start + slope * i as f64)).collect();
            let line = theil_sen(&points).expect("a line");
            prop_assert!((line.slope - slope).abs() <= 1e-6 * (1.0 + slope.abs()));
        }
    }
}
