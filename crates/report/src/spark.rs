//! Curves of one line.

const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const ASCII: [char; 8] = ['_', '.', ':', '-', '=', '+', '*', '#'];

/// The part of the highest value below which a difference is not drawn, so that a curve of
/// 100 MiB that wavers by one page looks as level as it is.
const LEVEL: f64 = 1.0 / 200.0;

/// A curve of at most `width` characters, from the lowest value to the highest. Neighbours are
/// averaged where there are more values than characters; what is not a number leaves a gap.
#[must_use]
pub fn sparkline(values: &[f64], width: usize, ascii: bool) -> String {
    draw(&averages(values, width), ascii)
}

/// The same for values at uneven moments: each character stands for an equal span of time.
pub(crate) fn sparkline_over_time(series: &[(f64, f64)], width: usize, ascii: bool) -> String {
    let width = width.min(series.len());
    let moments = || series.iter().map(|p| p.0).filter(|t| t.is_finite());
    let (start, end) = moments()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), t| (low.min(t), high.max(t)));
    if width == 0 || start >= end {
        let values: Vec<f64> = series.iter().map(|p| p.1).collect();
        return sparkline(&values, width, ascii);
    }
    let mut slots = vec![(0.0, 0_u32); width];
    for &(t, value) in series.iter().filter(|(t, v)| t.is_finite() && v.is_finite()) {
        let slot = ((t - start) / (end - start) * width as f64) as usize;
        let (sum, n) = &mut slots[slot.min(width - 1)];
        *sum += value;
        *n += 1;
    }
    // A span without a value goes on at the height of the one before.
    let mut last = f64::NAN;
    let values: Vec<f64> = slots
        .into_iter()
        .map(|(sum, n)| {
            if n > 0 {
                last = sum / f64::from(n);
            }
            last
        })
        .collect();
    draw(&values, ascii)
}

fn averages(values: &[f64], width: usize) -> Vec<f64> {
    if values.len() <= width {
        return values.to_vec();
    }
    let edge = |i: usize| i * values.len() / width;
    (0..width)
        .map(|i| {
            let part = values[edge(i)..edge(i + 1)].iter().filter(|v| v.is_finite());
            let (sum, n) = part.fold((0.0, 0_u32), |(sum, n), v| (sum + v, n + 1));
            sum / f64::from(n)
        })
        .collect()
}

fn draw(values: &[f64], ascii: bool) -> String {
    let finite = || values.iter().copied().filter(|v| v.is_finite());
    let low = finite().fold(f64::INFINITY, f64::min);
    let high = finite().fold(f64::NEG_INFINITY, f64::max);
    let span = (high - low).max(high.abs().max(low.abs()) * LEVEL);
    let steps = if ascii { ASCII } else { BLOCKS };
    let one = |&v: &f64| {
        if !v.is_finite() {
            return ' ';
        }
        // A span of 0 gives no number, which becomes the lowest step.
        let step = ((v - low) / span * steps.len() as f64) as usize;
        steps[step.min(steps.len() - 1)]
    };
    values.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Shapes can be told apart at a glance.
    #[test]
    fn shapes() {
        let ramp: Vec<f64> = (0..80).map(f64::from).collect();
        assert_eq!(sparkline(&ramp, 8, false), "▁▂▃▄▅▆▇█");
        assert_eq!(sparkline(&ramp, 8, true), "_.:-=+*#");
        assert_eq!(sparkline(&[1.0, 2.0], 8, false), "▁█");
        assert_eq!(sparkline(&[5.0; 4], 8, false), "▁▁▁▁");
        assert_eq!(sparkline(&[0.0; 4], 8, false), "▁▁▁▁");
        let waver = [100e6, 100e6 + 4096.0, 100e6, 100e6 + 4096.0];
        assert_eq!(sparkline(&waver, 8, false), "▁▁▁▁");
        assert_eq!(sparkline(&[1.0, f64::NAN, 2.0, f64::INFINITY], 8, false), "▁ █ ");
        assert_eq!(sparkline(&[-3.0, -1.0], 8, false), "▁█");
        assert_eq!(sparkline(&[], 8, false), "");
        assert_eq!(sparkline(&ramp, 0, false), "");
        assert_eq!(sparkline(&[-f64::MAX, f64::MAX], 8, false).chars().count(), 2);
    }

    /// A pause in the series takes its place on the line.
    #[test]
    fn time_is_to_scale() {
        let series = [(0.0, 1.0), (1.0, 2.0), (2.0, 3.0), (9.0, 10.0)];
        assert_eq!(sparkline_over_time(&series, 10, false), "▁▁▁█");
        let mut long: Vec<(f64, f64)> = (0..10).map(|t| (f64::from(t), f64::from(t))).collect();
        long.extend((0..10).map(|t| (90.0 + f64::from(t), 9.0)));
        assert_eq!(sparkline_over_time(&long, 10, false), "▁▁▁▁▁▁▁▁▁█");
        assert_eq!(sparkline_over_time(&[(0.0, 1.0), (0.0, 2.0)], 10, false), "▁█");
        assert_eq!(sparkline_over_time(&[], 10, false), "");
    }
}
