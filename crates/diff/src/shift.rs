//! How far two small samples are apart, with an interval that is honest at few values.

/// The share of a sample that is cut off at each end: one wild value of five says nothing.
const TRIM: f64 = 0.2;
/// Significance of the two ends of the interval together.
const TWO_TAILS: f64 = 0.05;
/// The normal quantile that belongs to it.
const Z: f64 = 1.959_963_984_540_054;

/// Two samples and what lies between them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shift {
    /// Middle of the first sample: its trimmed mean.
    pub a: f64,
    /// Middle of the second.
    pub b: f64,
    /// `b` less `a`.
    pub difference: f64,
    /// Lower end of the 95 % interval of the difference.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// A value and the standard error that it comes with; 0 where none is known.
pub type Measured = (f64, f64);

/// The difference of two samples by their trimmed means (Yuen 1974; below five values, Welch's
/// test): a fifth is cut off at each end, and spreads may differ. The spread *between* the values
/// decides, and never less than what their own errors make: values that agree by luck do not make
/// the interval narrower than they are known.
///
/// `None` of fewer than two values on a side, or where one is not finite.
#[must_use]
pub fn shift(a: &[Measured], b: &[Measured]) -> Option<Shift> {
    let (a, b) = (Sample::of(a)?, Sample::of(b)?);
    let difference = b.middle - a.middle;
    let half = student_95(freedom(&a, &b)) * (a.square + b.square).sqrt();
    let half = half.max(Z * (a.own + b.own).sqrt());
    let (low, high) = (difference - half, difference + half);
    Some(Shift { a: a.middle, b: b.middle, difference, low, high })
}

struct Sample {
    middle: f64,
    /// Square of the standard error of the middle, by the spread of the values.
    square: f64,
    /// The same by the errors of the values.
    own: f64,
    /// Values that are left, less one.
    freedom: f64,
}

impl Sample {
    fn of(values: &[Measured]) -> Option<Self> {
        let all_finite = values.iter().all(|(v, e)| v.is_finite() && e.is_finite());
        if values.len() < 2 || !all_finite {
            return None;
        }
        let mut sorted: Vec<f64> = values.iter().map(|v| v.0).collect();
        sorted.sort_by(f64::total_cmp);
        let cut = (sorted.len() as f64 * TRIM) as usize;
        let kept = &sorted[cut..sorted.len() - cut];
        let (n, h) = (sorted.len() as f64, kept.len() as f64);
        let middle = kept.iter().sum::<f64>() / h;
        // Winsorized: what was cut off counts as the last that was not.
        let (least, most) = (kept[0], kept[kept.len() - 1]);
        let pulled = |v: &f64| v.clamp(least, most);
        let mean = sorted.iter().map(pulled).sum::<f64>() / n;
        let squares: f64 = sorted.iter().map(|v| (pulled(v) - mean).powi(2)).sum();
        let own = values.iter().map(|v| v.1.powi(2)).sum::<f64>() / (n * n);
        Some(Self { middle, square: squares / (h * (h - 1.0)), own, freedom: h - 1.0 })
    }
}

/// Degrees of freedom of the difference (Welch-Satterthwaite).
fn freedom(a: &Sample, b: &Sample) -> f64 {
    let parts = a.square.powi(2) / a.freedom + b.square.powi(2) / b.freedom;
    let all = a.freedom + b.freedom;
    if parts > 0.0 { ((a.square + b.square).powi(2) / parts).min(all) } else { all }
}

/// The score of Student's distribution that 5 % exceed on both sides together (Hill 1970,
/// algorithm 396); degrees of freedom of 1 and more, whole or not.
#[must_use]
pub fn student_95(freedom: f64) -> f64 {
    let n = freedom.max(1.0);
    if n < 2.0 {
        // Between the exact values of 1 and 2 degrees, on the line of their logarithms.
        let (one, two) = (12.706_205_f64, 4.302_653_f64);
        return (one.ln() + (two.ln() - one.ln()) * (n - 1.0)).exp();
    }
    let a = 1.0 / (n - 0.5);
    let b = 48.0 / (a * a);
    let c = ((20_700.0 * a / b - 98.0) * a - 16.0) * a + 96.36;
    let pi = std::f64::consts::PI;
    let d = ((94.5 / (b + c) - 3.0) / b + 1.0) * (a * pi / 2.0).sqrt() * n;
    let y = (d * TWO_TAILS).powf(2.0 / n);
    if y <= 0.05 + a {
        let slow = 1.0 / (((n + 6.0) / (n * y) - 0.089 * d - 0.822) * (n + 2.0) * 3.0);
        let y = ((slow + 0.5 / (n + 4.0)) * y - 1.0) * (n + 1.0) / (n + 2.0) + 1.0 / y;
        return (n * y).sqrt();
    }
    let x = -Z;
    let c = if n < 5.0 { c + 0.3 * (n - 4.5) * (x + 0.6) } else { c };
    let c = (((0.05 * d * x - 5.0) * x - 7.0) * x - 2.0) * x + b + c;
    let y = x * x;
    let y = (((((0.4 * y + 6.3) * y + 36.0) * y + 94.5) / c - y - 3.0) / b + 1.0) * x;
    (n * (a * y * y).exp_m1()).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn exact(values: &[f64]) -> Vec<Measured> {
        values.iter().map(|&v| (v, 0.0)).collect()
    }

    /// Tabled values of Student's distribution, 97.5 %.
    #[test]
    fn student_is_as_in_the_table() {
        for (freedom, score) in [
            (1.0, 12.706),
            (2.0, 4.303),
            (3.0, 3.182),
            (4.0, 2.776),
            (5.0, 2.571),
            (8.0, 2.306),
            (10.0, 2.228),
            (30.0, 2.042),
            (1e6, 1.960),
        ] {
            let found = student_95(freedom);
            assert!((found - score).abs() < 0.01 * score, "{freedom}: {found}, not {score}");
        }
        let scores: Vec<f64> = (10..200).map(|n| student_95(f64::from(n) / 10.0)).collect();
        assert!(scores.windows(2).all(|w| w[0] >= w[1]), "{scores:?}");
    }

    /// Welch's example by hand: means 2 and 12, both of variance 1 and three values; t of 4
    /// degrees is 2.776, the error is the root of 2/3.
    #[test]
    fn a_clear_shift() {
        let found = shift(&exact(&[1.0, 2.0, 3.0]), &exact(&[11.0, 12.0, 13.0])).expect("a shift");
        assert_eq!((found.a, found.b, found.difference), (2.0, 12.0, 10.0));
        assert!((found.low - (10.0 - 2.2666)).abs() < 0.03, "{found:?}");
        assert!((found.high - (10.0 + 2.2666)).abs() < 0.03, "{found:?}");
    }

    /// Of five values one may be anything.
    #[test]
    fn one_wild_value_of_five() {
        let tame = exact(&[1.0, 1.1, 0.9, 1.0, 1.05]);
        let wild = exact(&[5.0, 5.1, 4.9, 5.0, 1e9]);
        let found = shift(&tame, &wild).expect("a shift");
        assert!(found.low > 3.0 && found.high < 5.0, "{found:?}");
    }

    /// Values that agree by luck are not known better than their errors allow.
    #[test]
    fn own_errors_are_the_least() {
        let same = [(3.0, 2.0), (3.0, 2.0)];
        let found = shift(&same, &same).expect("a shift");
        assert!((found.high - Z * 2.0).abs() < 1e-9 && found.low == -found.high, "{found:?}");
        assert_eq!(shift(&same[..1], &same), None);
        assert_eq!(shift(&[(f64::NAN, 0.0), (1.0, 0.0)], &same), None);
    }

    /// The interval covers the truth about 95 times in 100, also at two values and where spreads
    /// differ. The noise is a fixed sequence, so the count is always the same.
    #[test]
    fn the_interval_covers_the_truth() {
        let mut state = 7_u64;
        let mut uniform = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 11) as f64 / (1_u64 << 53) as f64
        };
        // Twelve evenly spread numbers add up to a normal one, nearly.
        let mut normal = || (0..12).map(|_| uniform()).sum::<f64>() - 6.0;
        for (runs, wider) in [(2, 1.0), (3, 1.0), (3, 5.0), (5, 1.0), (8, 3.0)] {
            let mut sample = |middle: f64, spread: f64| {
                (0..runs).map(|_| (middle + spread * normal(), 0.0)).collect::<Vec<_>>()
            };
            let covered = (0..2000)
                .filter(|_| {
                    let found = shift(&sample(0.0, 1.0), &sample(1.0, wider)).expect("a shift");
                    found.low <= 1.0 && 1.0 <= found.high
                })
                .count();
            assert!((1850..1990).contains(&covered), "{covered} of 2000 at {runs}, {wider}");
        }
    }

    proptest! {
        /// Whatever the numbers: no panic, and the difference lies in its interval.
        #[test]
        fn nothing_breaks_it(
            a in prop::collection::vec((any::<f64>(), any::<f64>()), 0..9),
            b in prop::collection::vec((-1e9..1e9_f64, 0.0..1e9_f64), 2..9),
        ) {
            let _ = shift(&a, &b);
            let own = shift(&b, &b).expect("enough values");
            prop_assert!(own.low <= own.difference && own.difference <= own.high);
        }
    }
}
