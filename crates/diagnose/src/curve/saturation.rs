//! Does growth go on, or does it merely come to an end slowly?

use diff::stats::{self, Point};

/// Time constants that are tried, as shares of the stretch. A warm-up that is slower than the
/// longest cannot be told from a leak by watching.
const SHORTEST: f64 = 0.03;
const LONGEST: f64 = 1.3;
/// Steps of the coarse search, and of the fine one around its best.
const COARSE: usize = 16;
const FINE: usize = 20;
/// The normal score from which on an end is ruled out.
const SURE: f64 = 1.3;
/// A curve that bends by this score seems to come to an end, and must prove more.
const BENT: f64 = 2.3;
const SURE_IF_BENT: f64 = 4.0;
/// A part that ends with a time constant below this share of the stretch is over at its end.
const OVER: f64 = 0.2;
/// Looks that are fitted.
const POINTS: usize = 60;

/// How sure it is that growth goes on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Lasting {
    /// By how much the curve speaks against an end: the likelihood ratio of the best curve
    /// with lasting growth against the best curve without, as a normal score.
    pub(crate) score: f64,
    /// By how much the curve bends downward: the likelihood ratio of the best saturating curve
    /// against the straight line, as a normal score; 0 if the part that ends is over.
    pub(crate) bend: f64,
}

impl Lasting {
    /// Whether an end is improbable: one in 15.
    pub(crate) fn goes_on(self) -> bool {
        self.score > if self.bend > BENT { SURE_IF_BENT } else { SURE }
    }
}

/// Compares `a - b * exp(-t / T) + s * t` (`b` not negative) with the same curve whose lasting
/// slope is only `slope_of_end`, over all time constants `T`, by the sum of squared errors in
/// units of the noise, where neighbouring looks that move together count once.
pub(crate) fn lasting(points: &[Point], slope_of_end: f64) -> Option<Lasting> {
    let points = stats::thin(points, POINTS);
    let (first, last) = (points.first()?.0, points.last()?.0);
    if points.len() < 6 || last <= first {
        return None;
    }
    let curve = Centred::new(&points, first, last - first);
    let free = curve.best(None);
    let ended = curve.best(Some(slope_of_end));
    // With a lasting slope below that of the end there is nothing to prove.
    if free.slope <= slope_of_end {
        return Some(Lasting { score: 0.0, bend: 0.0 });
    }
    let straight = curve.fit(None, None);
    let residuals = curve.residuals(&free);
    let n = points.len() as f64;
    let grain = 4096.0_f64.powi(2) / 12.0;
    let variance = (free.squares / (n - 4.0).max(1.0)).max(grain) * stats::inflation(&residuals);
    let score = |worse: f64| ((worse - free.squares).max(0.0) / variance).sqrt();
    let is_over = free.constant.is_some_and(|c| c <= OVER);
    let bend = if is_over { 0.0 } else { score(straight.squares) };
    Some(Lasting { score: score(ended.squares), bend })
}

#[derive(Clone, Copy, Debug)]
struct Fit {
    slope: f64,
    height: f64,
    /// Time constant as a share of the stretch; `None`: a straight line.
    constant: Option<f64>,
    squares: f64,
}

/// Times from 0 to 1 and values around their mean.
struct Centred {
    times: Vec<f64>,
    values: Vec<f64>,
    span: f64,
}

impl Centred {
    fn new(points: &[Point], first: f64, span: f64) -> Self {
        let mean = points.iter().map(|p| p.1).sum::<f64>() / points.len() as f64;
        Self {
            times: points.iter().map(|p| (p.0 - first) / span).collect(),
            values: points.iter().map(|p| p.1 - mean).collect(),
            span,
        }
    }

    /// The best fit over all time constants: a coarse grid, then a golden section.
    fn best(&self, slope: Option<f64>) -> Fit {
        let share = |i: f64| SHORTEST * (LONGEST / SHORTEST).powf(i / (COARSE - 1) as f64);
        let fit = |i: f64| self.fit(Some(share(i)), slope);
        let coarse = (0..COARSE).map(|i| i as f64);
        let nearest = coarse.min_by(|&a, &b| fit(a).squares.total_cmp(&fit(b).squares));
        let nearest = nearest.unwrap_or(0.0);
        let (mut low, mut high) = ((nearest - 1.0).max(0.0), (nearest + 1.0).min(15.0));
        for _ in 0..FINE {
            let third = (high - low) * 0.382;
            if fit(low + third).squares < fit(high - third).squares {
                high -= third;
            } else {
                low += third;
            }
        }
        let ending = fit((low + high) / 2.0);
        let straight = self.fit(None, slope);
        if ending.height >= 0.0 && ending.squares < straight.squares { ending } else { straight }
    }

    /// Least squares; a part that ends downward (`b` negative) would make growth look better
    /// than it is, so that the straight line is taken instead.
    fn fit(&self, constant: Option<f64>, slope: Option<f64>) -> Fit {
        let ending = self.ending(constant);
        let fixed = slope.map(|s| s * self.span);
        let (mut tt, mut te, mut ee, mut ty, mut ey) = (0.0, 0.0, 0.0, 0.0, 0.0);
        let middle = self.times.iter().sum::<f64>() / self.times.len() as f64;
        for ((t, e), y) in self.times.iter().zip(&ending).zip(&self.values) {
            let t = t - middle;
            let y = y - fixed.unwrap_or(0.0) * t;
            tt += t * t;
            te += t * e;
            ee += e * e;
            ty += t * y;
            ey += e * y;
        }
        let determinant = tt * ee - te * te;
        let (slope, height) = match fixed {
            Some(s) if ee > 0.0 => (s, (ey / ee).max(0.0)),
            Some(s) => (s, 0.0),
            None if determinant > 1e-9 * tt * ee => {
                let height = (tt * ey - te * ty) / determinant;
                if height > 0.0 {
                    ((ee * ty - te * ey) / determinant, height)
                } else {
                    (ty / tt, 0.0)
                }
            }
            None => (ty / tt, 0.0),
        };
        let mut fit = Fit { slope, height, constant, squares: 0.0 };
        fit.squares = self.residuals_of(&fit, &ending, middle).iter().map(|r| r * r).sum();
        fit.slope /= self.span;
        fit
    }

    /// `-exp(-t / T)` around its mean.
    fn ending(&self, constant: Option<f64>) -> Vec<f64> {
        let Some(constant) = constant else { return vec![0.0; self.times.len()] };
        let raw: Vec<f64> = self.times.iter().map(|t| -(-t / constant).exp()).collect();
        let mean = raw.iter().sum::<f64>() / raw.len() as f64;
        raw.into_iter().map(|e| e - mean).collect()
    }

    fn residuals_of(&self, fit: &Fit, ending: &[f64], middle: f64) -> Vec<f64> {
        let of = |((t, e), y): ((&f64, &f64), &f64)| y - fit.slope * (t - middle) - fit.height * e;
        self.times.iter().zip(ending).zip(&self.values).map(of).collect()
    }

    fn residuals(&self, fit: &Fit) -> Vec<f64> {
        let middle = self.times.iter().sum::<f64>() / self.times.len() as f64;
        let scaled = Fit { slope: fit.slope * self.span, ..*fit };
        self.residuals_of(&scaled, &self.ending(fit.constant), middle)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn goes_on(f: impl Fn(f64) -> f64) -> bool {
        let points: Vec<Point> =
            (0..120).map(|i| (f64::from(i) / 4.0, f(f64::from(i) / 4.0))).collect();
        lasting(&points, 1e4).expect("enough points").goes_on()
    }

    #[test]
    fn a_line_lasts_and_a_saturating_curve_does_not() {
        assert!(goes_on(|t| 1e5 * t));
        assert!(goes_on(|t| -1e7 * (-t / 2.0).exp() + 1e5 * t));
        assert!(goes_on(|t| 1e4 * t * t), "growth that speeds up does not end");
        for constant in [3.0, 10.0, 17.0, 30.0] {
            assert!(!goes_on(|t| -1e7 * (-t / constant).exp()), "{constant}");
        }
        assert_eq!(lasting(&[], 0.0), None);
    }
}
