//! One verdict over several runs of the same command.

use diff::{human, stats};

use crate::judge::spread;
use crate::{Frequency, FrequencyKind, Judgement, Repeatability, Severity, Verdict};

/// The verdict over runs of the same command, with the spread between them.
///
/// It is a leak if at least two thirds of the runs are judged one, and none if no run is and
/// most are judged sound; else it is undecided. The rate is the median of the runs. The shape,
/// the frequency and the series are those of the run whose rate is the median one.
///
/// Without runs the answer is undecided, and says so.
#[must_use]
pub fn combine(runs: &[Judgement]) -> Judgement {
    let count = |leak| runs.iter().filter(|j| j.verdict.leak == leak).count();
    let (yes, no) = (count(Some(true)), count(Some(false)));
    let Some(middle) = middle(runs) else { return crate::judge_series(&[]) };
    let leak = match () {
        () if yes * 3 >= runs.len() * 2 => Some(true),
        () if yes == 0 && no * 2 > runs.len() => Some(false),
        () => None,
    };
    let each = |of: fn(&Severity) -> f64| runs.iter().map(|j| of(&j.verdict.severity)).collect();
    let rates: Vec<f64> = each(|s| s.bytes_per_s);
    let verdict = Verdict {
        leak,
        shape: middle.verdict.shape,
        confidence: confidence(runs, leak),
        severity: severity(runs, &rates),
        frequency: if yes == 0 && leak == Some(false) {
            Frequency { kind: FrequencyKind::None, events: 0, period_s: None }
        } else {
            middle.verdict.frequency
        },
        repeatability: Repeatability {
            runs: runs.len() as u64,
            leaking_runs: yes as u64,
            spread: spread(&rates),
        },
        reason: reason(runs, leak, yes, &rates),
    };
    let more: Vec<f64> = runs.iter().filter_map(|j| j.watch_more_s).collect();
    let watch_more_s = more.into_iter().max_by(f64::total_cmp).filter(|_| leak.is_none());
    let sure = leak.is_some() && runs.iter().all(|j| j.verdict.leak == leak);
    Judgement { verdict, sure, watch_more_s, ..middle.clone() }
}

/// The run whose rate is the median one.
fn middle(runs: &[Judgement]) -> Option<&Judgement> {
    let mut sorted: Vec<&Judgement> = runs.iter().collect();
    let rate = |j: &Judgement| j.verdict.severity.bytes_per_s;
    sorted.sort_by(|a, b| rate(a).total_cmp(&rate(b)));
    sorted.get(sorted.len() / 2).copied()
}

fn severity(runs: &[Judgement], rates: &[f64]) -> Severity {
    let median = |mut values: Vec<f64>| stats::median(&mut values);
    let all = |of: fn(&Severity) -> Option<f64>| -> Vec<f64> {
        runs.iter().filter_map(|j| of(&j.verdict.severity)).collect()
    };
    let lowest = |values: Vec<f64>| values.into_iter().min_by(f64::total_cmp);
    Severity {
        bytes_per_s: median(rates.to_vec()).unwrap_or_default(),
        low: median(all(|s| Some(s.low))).unwrap_or_default(),
        high: median(all(|s| Some(s.high))).unwrap_or_default(),
        bytes_total: median(all(|s| Some(s.bytes_total))).unwrap_or_default(),
        bytes_per_event: median(all(|s| s.bytes_per_event)),
        limit_bytes: lowest(all(|s| s.limit_bytes)),
        time_to_limit_s: lowest(all(|s| s.time_to_limit_s)),
    }
}

/// Runs that agree strengthen each other; the doubt of the weakest that disagrees remains.
fn confidence(runs: &[Judgement], leak: Option<bool>) -> f64 {
    let agree = runs.iter().filter(|j| j.verdict.leak == leak);
    let doubt: f64 = agree.map(|j| 1.0 - j.verdict.confidence).product();
    let share = runs.iter().filter(|j| j.verdict.leak == leak).count() as f64 / runs.len() as f64;
    if leak.is_none() { 0.3 } else { ((1.0 - doubt) * share).clamp(0.0, 0.99) }
}

fn reason(runs: &[Judgement], leak: Option<bool>, yes: usize, rates: &[f64]) -> String {
    let all = runs.len();
    let lowest = rates.iter().copied().fold(f64::INFINITY, f64::min);
    let highest = rates.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let between = format!("{} to {}", human::rate(lowest), human::rate(highest));
    match leak {
        Some(true) => format!("Memory grows in {yes} of {all} runs, by {between}"),
        Some(false) => format!("Memory grows in none of {all} runs"),
        None if yes > 0 => {
            format!(
                "Undecided: memory grows in {yes} of {all} runs, by {between}; repeat more often"
            )
        }
        None => {
            let first = runs.iter().find(|j| j.verdict.leak.is_none());
            let why = first.map_or("", |j| j.verdict.reason.as_str());
            format!("No run grows for certain, and not all are sound: {why}")
        }
    }
}
