//! `memprobe check`: the test that shows that a leak is fixed.

use std::time::Duration;

use ::diff::human;
use ::report::CheckResult;
use diagnose::Judgement;

use crate::args::{CheckArgs, GlobalArgs, TargetArgs};
use crate::exit::{Exit, Failure, usage};
use crate::session::Stopped;
use crate::units::GrowthLimit;
use crate::watch::Job;

/// What the check says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// No leak, or growth within the limit.
    Fixed,
    /// A leak, or growth over the limit.
    Leaking,
    /// Neither can be said.
    Undecided,
}

/// Runs the command and fails if it still leaks.
///
/// # Errors
/// When the options make no sense, or nothing was measured.
pub fn run(args: &CheckArgs, global: &GlobalArgs) -> Result<Exit, Failure> {
    let counts_events = args.look.events.is_some() || args.look.event_regex.is_some();
    if matches!(args.max_growth, Some(GrowthLimit::PerEvent(_))) && !counts_events {
        return Err(usage("--max-growth per event needs events")
            .with_hint("count them with --events FILE or --event-regex REGEX")
            .into());
    }
    if let (Some(warmup), Some(duration)) = (args.warmup, args.look.duration)
        && warmup >= duration
    {
        return Err(usage("--warmup is as long as --for, or longer: nothing would be judged")
            .with_hint("--for counts from the start: give it the warm-up and the time to judge")
            .into());
    }
    let job = Job {
        target: TargetArgs::default(),
        command_line: &args.command_line,
        look: &args.look,
        output: &args.output,
        global,
        repeat: args.repeat,
        skip: args.warmup.unwrap_or(Duration::ZERO),
    };
    // A check has three answers; a command that does not start is an error like any other.
    let mut answer = job.run().map_err(|failure| Failure { exit: Exit::Error, ..failure })?;
    let decision = match answer.stopped {
        Stopped::Interrupted => Decision::Undecided,
        _ => decide(&answer.judgement, args.max_growth),
    };
    let exit = match decision {
        Decision::Fixed => Exit::Fine,
        Decision::Leaking => Exit::Met,
        Decision::Undecided if args.allow_undecided => Exit::Fine,
        Decision::Undecided => Exit::Error,
    };
    answer.report.check = Some(CheckResult {
        passed: match decision {
            Decision::Fixed => Some(true),
            Decision::Leaking => Some(false),
            Decision::Undecided => None,
        },
        limit: args.max_growth.map(limit_text),
        message: message(decision, args, &answer.judgement),
    });
    answer.sink.write(&answer.report, args.output.format)?;
    Ok(exit)
}

/// Compares a judgement with what is allowed. Between "surely within" and "surely over" nothing
/// is said.
#[must_use]
pub fn decide(judgement: &Judgement, limit: Option<GrowthLimit>) -> Decision {
    let verdict = &judgement.verdict;
    let severity = &verdict.severity;
    match (verdict.leak, limit) {
        (Some(false), _) => Decision::Fixed,
        (Some(true), None) => Decision::Leaking,
        (None, None) => Decision::Undecided,
        (_, Some(GrowthLimit::PerSecond(allowed))) => within(severity.low, severity.high, allowed),
        (leak, Some(GrowthLimit::PerEvent(allowed))) => {
            let Some(per_event) = severity.bytes_per_event else { return Decision::Undecided };
            // The interval is known for the time; the events share its relative width.
            let scale = |edge: f64| match severity.bytes_per_s {
                rate if rate > 0.0 => per_event * (edge / rate),
                _ => per_event,
            };
            let decision = within(scale(severity.low), scale(severity.high), allowed);
            if leak.is_none() && decision == Decision::Leaking {
                Decision::Undecided
            } else {
                decision
            }
        }
    }
}

fn within(low: f64, high: f64, allowed: f64) -> Decision {
    if high <= allowed {
        Decision::Fixed
    } else if low > allowed {
        Decision::Leaking
    } else {
        Decision::Undecided
    }
}

fn limit_text(limit: GrowthLimit) -> String {
    match limit {
        GrowthLimit::PerSecond(bytes) => human::rate(bytes),
        GrowthLimit::PerEvent(bytes) => format!("{}/event", human::bytes(bytes)),
    }
}

fn message(decision: Decision, args: &CheckArgs, judgement: &Judgement) -> String {
    let allowed = args.max_growth.map(limit_text);
    match (decision, allowed) {
        (Decision::Fixed, None) => "passed: it does not leak".into(),
        (Decision::Fixed, Some(limit)) => format!("passed: growth stays within {limit}"),
        (Decision::Leaking, None) => "failed: it still leaks".into(),
        (Decision::Leaking, Some(limit)) => format!("failed: it grows by more than {limit}"),
        (Decision::Undecided, _) => {
            let more = judgement.watch_more_s.map_or_else(String::new, |s| {
                format!("; {} more should decide it (--for)", human::duration(s))
            });
            let passes = if args.allow_undecided { ", and is allowed to pass" } else { "" };
            format!("undecided{passes}: the run says neither{more}")
        }
    }
}
