//! Two ways of running a program, some runs of each: does what differs between them make a
//! difference to its memory? Rules, with how often they are wrong, in `docs/verdict.md`.

use diff::{human, shift, stats};
use serde::{Deserialize, Serialize};

use crate::curve::{FLOOR_BYTES, TOLERATED_RATE};
use crate::{Judgement, Observation};

/// A difference below this share of the larger side does not matter.
pub(crate) const MATTERS: f64 = 0.1;
/// The 97.5 % quantile of the normal distribution.
const Z95: f64 = 1.959_964;
/// Nobody is asked for more runs of each side than that.
const MOST_RUNS: f64 = 30.0;
/// A rate over less than this many seconds is that of the start of a program.
const LEAST_S: f64 = 2.0;
/// Growth per event is not told of fewer events.
const LEAST_EVENTS: f64 = 3.0;

/// What one run says.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RunFigures {
    /// Seconds that were watched.
    pub seconds: f64,
    /// Whether it ended by itself, so that it was watched for all of its life.
    pub ended: bool,
    /// The verdict on this run alone.
    pub leak: Option<bool>,
    /// Seconds at its start that were cut off as warm-up.
    pub warmup_s: f64,
    /// Slope after the warm-up, bytes per second; missing where it was too short.
    pub bytes_per_s: Option<f64>,
    /// Lower end of the 95 % interval of the slope.
    pub low: Option<f64>,
    /// Upper end.
    pub high: Option<f64>,
    /// Bytes per event, where events were counted.
    pub bytes_per_event: Option<f64>,
    /// Events per second, where they were counted.
    pub events_per_s: Option<f64>,
    /// What it had at its end, bytes.
    pub bytes_at_end: f64,
    /// The most that was seen, bytes.
    pub bytes_peak: f64,
}

impl RunFigures {
    /// The figures of a run; `None` if its memory was seen fewer than twice.
    #[must_use]
    pub fn of(observation: &Observation, judgement: &Judgement, ended: bool) -> Option<Self> {
        let events_per_s = observation.events_per_s();
        Self::of_series(judgement, ended).map(|run| Self { events_per_s, ..run })
    }

    /// The same of a judged series alone.
    #[must_use]
    pub fn of_series(judgement: &Judgement, ended: bool) -> Option<Self> {
        let (first, last) = (judgement.series.first()?, judgement.series.last()?);
        let severity = &judgement.verdict.severity;
        let seconds = last.0 - first.0;
        if seconds <= 0.0 {
            return None;
        }
        let is_known = seconds >= LEAST_S && judgement.series.len() >= 3;
        let known = |value: f64| Some(value).filter(|v| is_known && v.is_finite());
        let late = (judgement.series.len() / 20).max(1);
        let mut late: Vec<f64> = judgement.series.iter().rev().take(late).map(|p| p.1).collect();
        Some(Self {
            seconds,
            ended,
            leak: judgement.verdict.leak,
            warmup_s: judgement.warmup_s,
            bytes_per_s: known(severity.bytes_per_s),
            low: known(severity.low),
            high: known(severity.high),
            bytes_per_event: severity.bytes_per_event.filter(|v| v.is_finite()),
            events_per_s: None,
            bytes_at_end: stats::median(&mut late).unwrap_or(last.1),
            bytes_peak: judgement.series.iter().map(|p| p.1).fold(0.0, f64::max),
        })
    }

    /// Standard error of the slope, bytes per second.
    fn error(&self) -> f64 {
        self.high.zip(self.low).map_or(0.0, |(high, low)| (high - low) / 2.0 / Z95)
    }
}

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Bytes per event: a property of the program, whatever its load.
    PerEvent,
    /// What a program that ends by itself has at its end: its growth over all of its life.
    AtEnd,
    /// Bytes per second.
    PerSecond,
    /// The most memory that a run had: what settings of allocators change.
    Peak,
}

impl Measure {
    /// All, those that say most about the program first.
    pub const ALL: [Self; 4] = [Self::PerEvent, Self::AtEnd, Self::PerSecond, Self::Peak];

    /// A quantity of this measure, in words.
    #[must_use]
    pub fn quantity(self, bytes: f64) -> String {
        match self {
            Self::PerEvent => format!("{}/event", human::bytes(bytes)),
            Self::AtEnd => format!("{} at the end", human::bytes(bytes)),
            Self::PerSecond => human::rate(bytes),
            Self::Peak => format!("{} at the peak", human::bytes(bytes)),
        }
    }

    /// What a side does by it: so much, or less than the other.
    fn verbs(self) -> (&'static str, &'static str) {
        match self {
            Self::PerEvent | Self::PerSecond => ("grows by", "grows"),
            Self::AtEnd | Self::Peak => ("has", "needs"),
        }
    }

    /// The value of a run and its standard error.
    fn of(self, run: &RunFigures) -> Option<diff::Measured> {
        let relative = |value: f64| match run.bytes_per_s {
            Some(rate) if rate != 0.0 => (value * run.error() / rate).abs(),
            _ => 0.0,
        };
        match self {
            Self::PerEvent => {
                let events = run.events_per_s? * run.seconds;
                let value = run.bytes_per_event.filter(|_| events >= LEAST_EVENTS)?;
                // Where nothing grows, an error of the rate says nothing about events.
                Some((value, relative(value).min(run.error() / run.events_per_s?)))
            }
            Self::AtEnd => run.ended.then_some((run.bytes_at_end, 0.0)),
            Self::PerSecond => Some((run.bytes_per_s?, run.error())),
            Self::Peak => Some((run.bytes_peak, 0.0)),
        }
    }

    /// The difference that does not matter, whatever the sides.
    fn grain(self, runs: &[&RunFigures]) -> f64 {
        let middle = |of: fn(&RunFigures) -> f64| {
            stats::median(&mut runs.iter().map(|r| of(r)).collect::<Vec<_>>()).unwrap_or(0.0)
        };
        let judged = middle(|r| r.seconds - r.warmup_s).max(1.0);
        let rate = TOLERATED_RATE.max(FLOOR_BYTES / judged);
        match self {
            Self::PerEvent => rate / middle(|r| r.events_per_s.unwrap_or(0.0)).max(1e-9),
            Self::AtEnd | Self::Peak => FLOOR_BYTES,
            Self::PerSecond => rate,
        }
    }
}

/// Whether it makes a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// It does.
    Difference,
    /// It does not: any difference that could hide in the spread of the runs would not matter.
    None,
    /// Neither can be said.
    Undecided,
}

impl Effect {
    /// From a difference, its interval, and the difference that does not matter.
    pub(crate) fn of(difference: f64, low: f64, high: f64, tolerance: f64) -> Self {
        let excludes_zero = low > 0.0 || high < 0.0;
        match () {
            () if low >= -tolerance && high <= tolerance => Self::None,
            () if excludes_zero && difference.abs() > tolerance => Self::Difference,
            () => Self::Undecided,
        }
    }

    /// The verdict in words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Difference => "makes a difference",
            Self::None => "makes no difference",
            Self::Undecided => "undecided",
        }
    }
}

/// One of the two sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Which {
    /// The first.
    A,
    /// The second.
    B,
}

impl Which {
    /// Its letter.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::B => "B",
        }
    }
}

/// One measure of both sides.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Contrast {
    /// What is compared; its unit is bytes, or bytes per second.
    pub measure: Measure,
    /// The middle of the runs of A.
    pub a: f64,
    /// The middle of the runs of B.
    pub b: f64,
    /// B less A.
    pub difference: f64,
    /// Lower end of the 95 % interval of the difference.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// The difference as a share of A; missing where A does not grow by what matters.
    pub relative: Option<f64>,
    /// A difference of this size does not matter.
    pub tolerance: f64,
    /// What follows.
    pub effect: Effect,
}

impl Contrast {
    fn of(measure: Measure, a: &[RunFigures], b: &[RunFigures]) -> Option<Self> {
        let values = |runs: &[RunFigures]| runs.iter().map(|r| measure.of(r)).collect();
        let (of_a, of_b): (Option<Vec<_>>, Option<Vec<_>>) = (values(a), values(b));
        let found = shift(&of_a?, &of_b?)?;
        let all: Vec<&RunFigures> = a.iter().chain(b).collect();
        let grain = measure.grain(&all);
        let tolerance = grain.max(MATTERS * found.a.abs().max(found.b.abs()));
        let effect = Effect::of(found.difference, found.low, found.high, tolerance);
        Some(Self {
            measure,
            a: found.a,
            b: found.b,
            difference: found.difference,
            low: found.low,
            high: found.high,
            relative: (found.a > grain).then(|| found.difference / found.a),
            tolerance,
            effect,
        })
    }

    /// How many runs of each side should decide; `None` if more than anybody would wait for.
    fn runs_needed(&self, runs: usize) -> Option<u64> {
        let half = (self.high - self.low) / 2.0;
        let size = self.difference.abs();
        // What the interval must come to exclude: 0, or what matters.
        let aim = if size > self.tolerance { size } else { self.tolerance - size };
        let needed = runs as f64 * (half / aim.max(f64::MIN_POSITIVE)).powi(2);
        let needed = needed.ceil().max(runs as f64 + 1.0);
        (needed <= MOST_RUNS).then_some(needed as u64)
    }
}

/// The answer over all runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// Whether it makes a difference.
    pub effect: Effect,
    /// The side that grows less, where it makes a difference.
    pub better: Option<Which>,
    /// The measure that decides: the first of [`Measure::ALL`] that all runs have.
    pub decided_by: Option<Measure>,
    /// Undecided: so many runs of each side should decide.
    pub runs_needed: Option<u64>,
    /// One sentence.
    pub reason: String,
    /// Every measure that all runs have; the one that decides is the first.
    pub measures: Vec<Contrast>,
}

/// Compares the runs of both sides.
///
/// The measure that decides is the one that depends least on how fast the program happened to
/// run: bytes per event where events were counted, what is there at the end where every run ended by
/// itself, else bytes per second. Where that shows no difference and the peak does, it is the peak.
#[must_use]
pub fn compare_runs(a: &[RunFigures], b: &[RunFigures]) -> Comparison {
    let mut measures: Vec<Contrast> =
        Measure::ALL.iter().filter_map(|&measure| Contrast::of(measure, a, b)).collect();
    let grows = measures.first().is_some_and(|first| first.effect == Effect::Difference);
    if !grows && measures.last().is_some_and(|peak| peak.effect == Effect::Difference) {
        measures.rotate_right(1);
    }
    let has_growth = measures.iter().any(|of| of.measure != Measure::Peak);
    let Some(first) = measures.first().filter(|_| has_growth) else {
        return nothing_to_compare(a, b);
    };
    let better = match first.effect {
        Effect::Difference if first.difference < 0.0 => Some(Which::B),
        Effect::Difference => Some(Which::A),
        _ => None,
    };
    let runs = a.len().min(b.len());
    let undecided = first.effect == Effect::Undecided;
    let runs_needed = undecided.then(|| first.runs_needed(runs)).flatten();
    let reason = reason(first, better, runs, runs_needed);
    let (effect, decided_by) = (first.effect, Some(first.measure));
    Comparison { effect, better, decided_by, runs_needed, reason, measures }
}

fn nothing_to_compare(a: &[RunFigures], b: &[RunFigures]) -> Comparison {
    let reason = if a.len().min(b.len()) < 2 {
        "Two runs of each are the least from which anything follows: one alone does not show by how \
         much runs differ by themselves"
    } else {
        "Some runs were too short to have a slope: give the commands more work, or more time (--for)"
    };
    Comparison {
        effect: Effect::Undecided,
        better: None,
        decided_by: None,
        runs_needed: None,
        reason: reason.into(),
        measures: Vec::new(),
    }
}

fn reason(of: &Contrast, better: Option<Which>, runs: usize, needed: Option<u64>) -> String {
    let quantity = |bytes: f64| of.measure.quantity(bytes);
    let (verb, does) = of.measure.verbs();
    let between = format!(
        "95 % interval of the difference {} to {}, {runs} runs of each",
        human::bytes_signed(of.low),
        human::bytes_signed(of.high)
    );
    let sides = |a: f64, b: f64| format!("{} instead of {}", quantity(a), quantity(b));
    match (of.effect, better) {
        (Effect::Difference, Some(better)) => {
            let (less, more) = match better {
                Which::A => (of.a, of.b),
                Which::B => (of.b, of.a),
            };
            let share = if more > 0.0 && less >= 0.0 {
                format!(" ({} less)", human::percent(round((more - less) / more)))
            } else {
                String::new()
            };
            format!("{} {does} less: {}{share}; {between}", better.name(), sides(less, more))
        }
        (Effect::None, _) => format!(
            "A {verb} {}, B {}; what could hide in the spread between the runs is below {}, \
             which does not matter; {between}",
            quantity(of.a),
            quantity(of.b),
            quantity(of.tolerance)
        ),
        _ => {
            let more = match needed {
                Some(n) => format!("--runs {n} should decide"),
                None => "longer runs (--for) should decide sooner than more of them".into(),
            };
            format!(
                "A {verb} {}, B {}, which may be chance; {between}; {more}",
                quantity(of.a),
                quantity(of.b)
            )
        }
    }
}

/// A share to three digits.
fn round(share: f64) -> f64 {
    (share * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(rate: f64, error: f64) -> RunFigures {
        RunFigures {
            seconds: 30.0,
            bytes_per_s: Some(rate),
            low: Some(rate - Z95 * error),
            high: Some(rate + Z95 * error),
            bytes_at_end: rate * 30.0,
            ..RunFigures::default()
        }
    }

    fn runs(rates: &[f64]) -> Vec<RunFigures> {
        rates.iter().map(|&rate| run(rate, 100.0)).collect()
    }

    const MIB: f64 = 1048576.0;

    /// A leak against its fix, and the same turned round.
    #[test]
    fn a_fix_makes_a_difference() {
        let (leak, fixed) =
            (runs(&[1.0 * MIB, 1.02 * MIB, 0.99 * MIB]), runs(&[0.0, 800.0, 100.0]));
        let found = compare_runs(&leak, &fixed);
        assert_eq!((found.effect, found.better), (Effect::Difference, Some(Which::B)));
        assert_eq!(found.decided_by, Some(Measure::PerSecond));
        let first = found.measures.first().unwrap();
        assert!(first.relative.is_some_and(|r| (-1.01..-0.99).contains(&r)), "{first:?}");
        assert!(found.reason.starts_with("B grows less: 300 B/s instead of 1 MiB/s (100 % less)"));
        let turned = compare_runs(&fixed, &leak);
        assert_eq!((turned.effect, turned.better), (Effect::Difference, Some(Which::A)));
        assert_eq!(turned.measures[0].relative, None, "a share of nothing is no share");
    }

    /// Two that are alike, whether they leak or not; a difference that nobody would mind.
    #[test]
    fn alike_makes_none() {
        for (a, b) in [
            ([0.0, 500.0, 100.0], [300.0, 0.0, 0.0]),
            ([MIB, 1.01 * MIB, 0.99 * MIB], [1.005 * MIB, MIB, 0.995 * MIB]),
            ([0.0; 3], [4096.0; 3]),
        ] {
            let found = compare_runs(&runs(&a), &runs(&b));
            assert_eq!((found.effect, found.better), (Effect::None, None), "{}", found.reason);
        }
    }

    /// Runs that differ more among themselves than the sides do.
    #[test]
    fn a_wide_spread_is_undecided() {
        let found = compare_runs(
            &runs(&[1.0 * MIB, 0.2 * MIB, 0.6 * MIB]),
            &runs(&[0.9 * MIB, 0.1 * MIB, 0.3 * MIB]),
        );
        assert_eq!(found.effect, Effect::Undecided);
        assert!(found.reason.contains("may be chance"), "{}", found.reason);
        let nearly = compare_runs(
            &runs(&[1.0 * MIB, 0.6 * MIB, 0.8 * MIB]),
            &runs(&[0.5 * MIB, 0.3 * MIB, 0.6 * MIB]),
        );
        assert_eq!(nearly.effect, Effect::Undecided);
        let needed = nearly.runs_needed.expect("a number of runs");
        assert!((4..12).contains(&needed), "{needed}");
    }

    /// Per event and per life come before per second; what one run lacks is not compared.
    #[test]
    fn the_measure_that_depends_least_on_the_pace_decides() {
        let mut slow = runs(&[MIB, MIB, MIB]);
        let mut fast = runs(&[2.0 * MIB, 2.0 * MIB, 2.0 * MIB]);
        for (side, pace) in [(&mut slow, 50.0), (&mut fast, 100.0)] {
            for run in side {
                run.events_per_s = Some(pace);
                run.bytes_per_event = run.bytes_per_s.map(|rate| rate / pace);
            }
        }
        let found = compare_runs(&slow, &fast);
        assert_eq!((found.decided_by, found.effect), (Some(Measure::PerEvent), Effect::None));
        assert_eq!(found.measures[1].effect, Effect::Difference, "per second, twice as much");
        fast[1].bytes_per_event = None;
        assert_eq!(compare_runs(&slow, &fast).decided_by, Some(Measure::PerSecond));
        for run in slow.iter_mut().chain(&mut fast) {
            (run.ended, run.bytes_per_s) = (true, None);
        }
        let found = compare_runs(&slow, &fast);
        assert_eq!((found.decided_by, found.measures.len()), (Some(Measure::AtEnd), 2));
    }

    /// Memory that is level on both sides, at different heights.
    #[test]
    fn the_peak_decides_where_nothing_grows() {
        let at = |peak: f64| {
            let mut runs = runs(&[0.0, 50.0, 0.0]);
            runs.iter_mut().for_each(|run| run.bytes_peak = peak);
            runs
        };
        let found = compare_runs(&at(50.0 * MIB), &at(10.0 * MIB));
        assert_eq!((found.decided_by, found.better), (Some(Measure::Peak), Some(Which::B)));
        assert!(
            found
                .reason
                .starts_with("B needs less: 10 MiB at the peak instead of 50 MiB at the peak")
        );
        let found = compare_runs(&at(50.0 * MIB), &at(49.0 * MIB));
        assert_eq!((found.decided_by, found.effect), (Some(Measure::PerSecond), Effect::None));
    }

    /// One run of each, or runs without a slope.
    #[test]
    fn too_little_is_said_to_be_too_little() {
        let found = compare_runs(&runs(&[MIB]), &runs(&[0.0]));
        assert_eq!((found.effect, found.decided_by), (Effect::Undecided, None));
        assert!(found.reason.contains("Two runs"), "{}", found.reason);
        let short = vec![RunFigures { seconds: 0.5, bytes_peak: MIB, ..RunFigures::default() }; 3];
        assert!(compare_runs(&short, &short).reason.contains("too short"));
        let none = Judgement { series: vec![(0.0, 1.0)], ..crate::judge_series(&[]) };
        assert_eq!(RunFigures::of_series(&none, true), None);
    }
}
