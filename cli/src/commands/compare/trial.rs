//! All runs of both sides, and the answer.

use std::time::Instant;

use diagnose::compare_runs;
use diagnose::comparison::{Comparison, Effect, RunFigures, Which};
use probe::{Error, Issue};
use report::{CompareReport, CompareSide, NextStep};

use super::line::{Side, joined};
use super::run::{Run, Setting};
use crate::args::{FailOnAnswer, GlobalArgs, LookArgs, RunsArgs};
use crate::exit::{Exit, Failure, usage};
use crate::output::Sink;
use crate::plan::Plan;
use crate::{clock, summary};

/// Two sides that are run in turn.
pub(in crate::commands) struct Trial<'a> {
    /// What was changed, where both are the same command.
    pub(in crate::commands) change: Option<String>,
    /// The side as it is.
    pub(in crate::commands) a: &'a Side,
    /// The side with the change.
    pub(in crate::commands) b: &'a Side,
    /// The command that does the same with so many runs.
    pub(in crate::commands) again: &'a dyn Fn(u64) -> String,
    /// How.
    pub(in crate::commands) args: &'a RunsArgs,
    /// Options of every command.
    pub(in crate::commands) global: &'a GlobalArgs,
}

/// What was seen so far.
#[derive(Default)]
struct Seen {
    a: Vec<RunFigures>,
    b: Vec<RunFigures>,
    issues: Vec<Issue>,
}

impl Trial<'_> {
    /// Runs both sides in turn, and writes the answer.
    ///
    /// # Errors
    /// When the options make no sense, a command does not start, fails, or is too short.
    pub(in crate::commands) fn run(&self) -> Result<Exit, Failure> {
        if self.args.warmup.is_some_and(|warmup| warmup >= self.args.duration) {
            let error = usage("--warmup is as long as --for, or longer: nothing would be judged");
            return Err(error.with_hint("--for counts from the start of a run").into());
        }
        let plan = Plan::load(&self.look(), self.global)?;
        let mut sink = Sink::open(self.args.output.as_deref(), self.args.force, Sink::Stdout)?;
        let (begun, started_at) = (Instant::now(), clock::rfc3339(clock::unix_ns()));
        let seen = self.all_runs(&plan)?;
        let verdict = compare_runs(&seen.a, &seen.b);
        let next = self.next(&seen, &verdict);
        let mut issues = plan.issues.clone();
        issues.extend(uneven(&seen));
        issues.extend(seen.issues);
        let side = |side: &Side, runs| CompareSide { command: side.text.clone(), runs };
        let report = CompareReport {
            schema: CompareReport::SCHEMA.into(),
            tool: summary::tool(),
            started_at,
            duration_s: begun.elapsed().as_secs_f64(),
            seconds_per_run: self.args.duration.as_secs_f64(),
            change: self.change.clone(),
            a: side(self.a, seen.a),
            b: side(self.b, seen.b),
            verdict,
            issues,
            next,
        };
        let mut text = Vec::new();
        let renderer = sink.renderer(self.args.format);
        renderer
            .render_comparison(&report, &mut text)
            .map_err(|e| Error::io(e, "cannot render the comparison"))?;
        sink.write_bytes(&text)?;
        Ok(if self.is_met(&report.verdict) { Exit::Met } else { Exit::Fine })
    }

    fn look(&self) -> LookArgs {
        let RunsArgs { duration, every, events, event_regex, .. } = self.args.clone();
        LookArgs { duration: Some(duration), every, events, event_regex, ..LookArgs::default() }
    }

    fn all_runs(&self, plan: &Plan) -> Result<Seen, Failure> {
        let mut seen = Seen::default();
        let order = order(self.args.runs);
        for (at, which) in order.iter().enumerate() {
            let label = format!("run {} of {} ({})", at + 1, order.len(), which.name());
            let setting = Setting { plan, args: self.args, global: self.global, label };
            let side = if *which == Which::A { self.a } else { self.b };
            match setting.run(side)? {
                Run::Seen(figures, issues) => {
                    let runs = if *which == Which::A { &mut seen.a } else { &mut seen.b };
                    runs.push(*figures);
                    for issue in issues {
                        if !issue.message.starts_with("process ") && !seen.issues.contains(&issue) {
                            seen.issues.push(issue);
                        }
                    }
                }
                Run::Interrupted if seen.a.len().min(seen.b.len()) >= 2 => {
                    let message = format!("stopped by the user after {at} of {} runs", order.len());
                    seen.issues.push(Issue::info(message));
                    break;
                }
                Run::Interrupted => {
                    return Err(usage("stopped before there were two runs of each side").into());
                }
            }
        }
        Ok(seen)
    }

    fn is_met(&self, verdict: &Comparison) -> bool {
        self.args.fail_on.iter().any(|on| match on {
            FailOnAnswer::Worse => verdict.better == Some(Which::A),
            FailOnAnswer::NotBetter => verdict.better != Some(Which::B),
            FailOnAnswer::Undecided => verdict.effect == Effect::Undecided,
        })
    }

    /// What to do with the answer.
    fn next(&self, seen: &Seen, verdict: &Comparison) -> Vec<NextStep> {
        let step = |command: String, why: &str| NextStep { command, why: why.into() };
        let words = |side: &Side| {
            let set = side.variables.iter().map(|(name, value)| format!("{name}={value}"));
            let env = (!side.variables.is_empty()).then(|| "env".to_owned());
            let words: Vec<String> = env.into_iter().chain(set).chain(side.line.clone()).collect();
            joined(words.iter().map(String::as_str))
        };
        let leaks = |runs: &[RunFigures]| runs.iter().any(|run| run.leak != Some(false));
        let look = |side: &Side| format!("memprobe --level medium --for 60s -- {}", words(side));
        match (verdict.effect, verdict.better) {
            (Effect::Undecided, _) => verdict
                .runs_needed
                .map(|runs| step((self.again)(runs), "so many runs should decide"))
                .into_iter()
                .collect(),
            (Effect::Difference, Some(Which::A)) => {
                vec![step(look(self.b), "B grows more: which objects, and who holds them")]
            }
            (Effect::Difference, _) if leaks(&seen.b) => {
                vec![step(look(self.b), "B grows less and may still leak: what is left")]
            }
            (Effect::Difference, _) => {
                let command = format!("memprobe check --for 60s -- {}", words(self.b));
                vec![step(command, "holds it: ends with status 0 as long as B does not leak")]
            }
            (Effect::None, _) if leaks(&seen.a) => vec![step(
                look(self.a),
                "what differs is not the cause: look at which objects grow, and who holds them",
            )],
            (Effect::None, _) => Vec::new(),
        }
    }
}

/// Which side runs when: A B, B A, A B, so that a machine that becomes slower or faster meanwhile
/// favours neither.
fn order(runs: u32) -> Vec<Which> {
    let pair =
        |n: u32| if n.is_multiple_of(2) { [Which::A, Which::B] } else { [Which::B, Which::A] };
    (0..runs).flat_map(pair).collect()
}

/// Sides that were not watched alike.
fn uneven(seen: &Seen) -> Option<Issue> {
    let ended = |runs: &[RunFigures]| runs.iter().filter(|run| run.ended).count();
    let (a, b) = (ended(&seen.a), ended(&seen.b));
    let all = seen.a.len() + seen.b.len();
    (a + b > 0 && a + b < all).then(|| {
        Issue::warning(format!(
            "{a} of {} runs of A and {b} of {} of B ended by themselves, the others were stopped: \
             what they did may not be the same",
            seen.a.len(),
            seen.b.len()
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_is_balanced() {
        let names: String = order(4).iter().map(|which| which.name()).collect();
        assert_eq!(names, "ABBAABBA");
    }
}
