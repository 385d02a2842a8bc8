//! What a session has gathered so far.

use std::collections::VecDeque;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use diagnose::Observation;
use probe::{Error, ErrorKind, Issue, Result, Severity, Snapshot, Target};

use super::{HOLD, Outcome, Stopped};
use crate::clock;
use crate::facts::Facts;
use crate::plan::Plan;

/// What a session has gathered so far.
pub(super) struct State {
    pub(super) observation: Observation,
    pub(super) facts: Facts,
    pub(super) held: VecDeque<(Instant, Snapshot)>,
    pub(super) begun: Instant,
    pub(super) lanes_left: usize,
    pub(super) failures: Vec<Error>,
    pub(super) status: Option<ExitStatus>,
}

impl State {
    pub(super) fn new(plan: &Plan, targets: &[Target]) -> Self {
        Self {
            observation: Observation::new(plan.judging.clone()),
            facts: Facts::new(clock::unix_ns(), targets),
            held: VecDeque::new(),
            begun: Instant::now(),
            lanes_left: 0,
            failures: Vec::new(),
            status: None,
        }
    }

    pub(super) fn release(&mut self, now: Instant) {
        while self.held.front().is_some_and(|(at, _)| now.duration_since(*at) >= HOLD) {
            if let Some((_, snapshot)) = self.held.pop_front() {
                self.observation.push(snapshot);
            }
        }
    }

    pub(super) fn release_all(&mut self) {
        for (_, snapshot) in self.held.drain(..) {
            self.observation.push(snapshot);
        }
    }

    pub(super) fn fail(&mut self, name: &str, error: Error) {
        let mut issue = error.to_issue(Severity::Error);
        issue.probe = Some(name.into());
        self.facts.issue(issue);
        self.failures.push(error);
    }

    pub(super) fn lane_ended(&mut self, name: &str, target: &Target, reason: Option<Error>) {
        self.lanes_left = self.lanes_left.saturating_sub(1);
        let Some(error) = reason else { return };
        if error.kind() == ErrorKind::TargetEnded && self.facts.has_measured() {
            let after = diff::human::duration(self.begun.elapsed().as_secs_f64());
            self.facts.issue(Issue::info(format!(
                "process {} ended {after} after the watch began; the report covers what was seen",
                target.pid
            )));
        } else {
            self.fail(name, error);
        }
    }

    pub(super) fn finish(
        mut self,
        stopped: Stopped,
        targets: &[Target],
        skip: Duration,
    ) -> Result<Outcome> {
        if self.observation.is_empty() {
            if self.facts.has_measured() && !skip.is_zero() {
                return Err(all_warm_up(self.begun.elapsed(), skip));
            }
            if let Some(error) = self.failures.into_iter().next() {
                return Err(error);
            }
            let pid = targets.first().map_or(0, |t| t.pid);
            return Err(Error::new(
                ErrorKind::TargetEnded,
                format!("process {pid} ended before anything was measured"),
            )
            .with_hint("give a process, or a command, that runs for at least a second"));
        }
        if stopped == Stopped::Interrupted {
            self.facts.issue(Issue::info("stopped by the user before the time was up"));
        }
        let judgement = self.observation.judge();
        Ok(Outcome {
            judgement,
            observation: self.observation,
            facts: self.facts,
            stopped,
            status: self.status,
        })
    }
}

fn all_warm_up(ran: Duration, skip: Duration) -> Error {
    let in_words = |duration: Duration| diff::human::duration(duration.as_secs_f64());
    let message = format!(
        "nothing was left to be judged: the run took {}, and the first {} of it are warm-up",
        in_words(ran),
        in_words(skip)
    );
    Error::new(ErrorKind::InvalidInput, message).with_hint(
        "shorten --warmup, or give the command more work; a command that does not end by itself \
         runs for as long as --for says",
    )
}
