//! One run of one side.

use std::process::ExitStatus;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use ::diff::human;
use diagnose::comparison::RunFigures;
use probe::{Error, ErrorKind, Issue, Result};

use super::line::Side;
use crate::args::{GlobalArgs, RunsArgs};
use crate::command::{self, LastWords, Launched};
use crate::commands::try_;
use crate::plan::Plan;
use crate::progress::Progress;
use crate::session::{Message, Outcome, Session, Stopped, Until};
use crate::{events, interrupt, watch};

/// How long the end of a command is waited for that could not be looked at.
const ENDS: Duration = Duration::from_secs(1);

/// What a run needs beside the side.
pub(super) struct Setting<'a> {
    pub(super) plan: &'a Plan,
    pub(super) args: &'a RunsArgs,
    pub(super) global: &'a GlobalArgs,
    /// "run 2 of 6 (B)".
    pub(super) label: String,
}

/// What came of a run.
pub(super) enum Run {
    Seen(Box<RunFigures>, Vec<Issue>),
    Interrupted,
}

impl Setting<'_> {
    /// Starts the command, watches it and ends it.
    pub(super) fn run(&self, side: &Side) -> Result<Run> {
        let words = LastWords::default();
        let begun = Instant::now();
        let outcome = self.session(side, &words);
        let ran = begun.elapsed();
        let failed = |why: String| self.failed(side, why, &words);
        match outcome {
            Ok(outcome) if outcome.stopped == Stopped::Interrupted => Ok(Run::Interrupted),
            Ok(outcome) => {
                // Its probes may notice its end before its status is known.
                let by_itself = outcome.stopped == Stopped::TargetEnded;
                let status = words.status().filter(|status| by_itself && !status.success());
                if let Some(status) = status {
                    return Err(failed(ended(status, ran)));
                }
                let Outcome { observation, judgement, facts, .. } = outcome;
                let figures = RunFigures::of(&observation, &judgement, by_itself);
                let figures = figures.ok_or_else(|| failed(too_short(ran)))?;
                Ok(Run::Seen(Box::new(figures), facts.issues))
            }
            // What was asked for cannot be had, whatever became of the command then.
            Err(error) if error.kind() == ErrorKind::Incompatible => {
                Err(error.context(self.label.clone()))
            }
            Err(error) => match words.status() {
                Some(status) if !status.success() => Err(failed(ended(status, ran))),
                Some(_) if error.kind() == ErrorKind::TargetEnded => Err(failed(too_short(ran))),
                _ => Err(error.context(self.label.clone())),
            },
        }
    }

    fn session(&self, side: &Side, words: &LastWords) -> Result<Outcome> {
        let (outbox, inbox) = channel();
        interrupt::forward_to(outbox.clone());
        let RunsArgs { events, event_regex, .. } = self.args;
        let counter = events::of_run(events.as_deref(), event_regex.as_deref(), true, &outbox)?;
        let to = outbox.clone();
        let launched = Launched::start_quietly(&side.line, &side.variables, counter, words, to)?;
        let target = watch::identify_launched(&launched).inspect_err(|_| {
            launched.kill();
            await_end(&inbox);
        })?;
        // It is off for the whole run, and is put back only in a process that has ended.
        let changed = match side.collector_off {
            true => {
                let off = try_::collector_off(&target, self.args.duration, self.global);
                Some(off.inspect_err(|_| {
                    launched.kill();
                    await_end(&inbox);
                })?)
            }
            false => None,
        };
        let session = Session {
            plan: self.plan,
            targets: vec![target],
            launched: Some(launched),
            until: Until::Elapsed(self.args.duration),
            skip: self.args.warmup.unwrap_or_default(),
            inbox,
            outbox,
            progress: Progress::new(self.global.quiet, self.label.clone()),
            recorder: None,
        };
        let outcome = session.run();
        drop(changed);
        outcome
    }

    fn failed(&self, side: &Side, why: String, words: &LastWords) -> Error {
        let message = format!("{}: `{}` {why}", self.label, side.text);
        let said = words.lines();
        let error = Error::new(ErrorKind::InvalidInput, message);
        if said.is_empty() {
            return error
                .with_hint("it wrote nothing to its standard error; run it alone to see more");
        }
        error.with_hint(format!(
            "the last that it wrote to its standard error:\n  {}",
            said.join("\n  ")
        ))
    }
}

fn await_end(inbox: &Receiver<Message>) {
    let until = Instant::now() + ENDS;
    while let Ok(message) = inbox.recv_timeout(until.saturating_duration_since(Instant::now())) {
        if matches!(message, Message::CommandEnded(_)) {
            return;
        }
    }
}

fn ended(status: ExitStatus, after: Duration) -> String {
    let after = human::duration(after.as_secs_f64());
    match std::os::unix::process::ExitStatusExt::signal(&status) {
        Some(signal) => format!("was ended by signal {signal} after {after}"),
        None => format!("ended with status {} after {after}", command::shell_status(status)),
    }
}

fn too_short(ran: Duration) -> String {
    let ran = human::duration(ran.as_secs_f64());
    format!("ended after {ran}, before its memory was seen twice: give it more work")
}
