//! A process on which an experiment is made: who it is, whom to ask about it, what was said.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io::Write;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use plugin_host::{LoadedProbe, OpenOptions, Search};
use probe::{Finding, Issue, Probe, Request, Result, Snapshot, Table, Target};
use report::{Answer, NextStep, Subject, Tool, Trial};
use serde_json::json;
use target::freeze::Method;

use crate::args::{Format, GlobalArgs, TrialArgs};
use crate::commands::answer::{ask as ask_frozen, who_answers};
use crate::exit::{Exit, Failure};
use crate::output::{harmless, lines_to_stdout, to_stdout};
use crate::session::Message;
use crate::{clock, freezing, interrupt, plan, targets};

/// The process, and all that an experiment needs around it.
pub(super) struct Stage {
    pub(super) target: Target,
    experiment: &'static str,
    args: TrialArgs,
    quiet: bool,
    search: Search,
    /// Plugins that were asked, by the question.
    asked: BTreeMap<String, LoadedProbe>,
    interrupts: Receiver<Message>,
    began: (Instant, u64),
    plan: Vec<String>,
    /// What is missing or less exact.
    pub(super) issues: Vec<Issue>,
}

/// What an experiment found.
#[derive(Default)]
pub(super) struct Found {
    pub(super) result: Answer,
    pub(super) tables: Vec<Table>,
    /// What became of everything that was changed.
    pub(super) restored: Vec<String>,
    pub(super) findings: Vec<Finding>,
    pub(super) next: Vec<NextStep>,
}

impl Stage {
    /// Opens one on the process that was named. From now on Ctrl-C ends the experiment early.
    pub(super) fn open(
        experiment: &'static str,
        args: &TrialArgs,
        global: &GlobalArgs,
    ) -> Result<Self, Failure> {
        let target = targets::identify(args.pid).map_err(Failure::of_target)?;
        let (sender, interrupts) = mpsc::channel();
        interrupt::forward_to(sender);
        Ok(Self {
            target,
            experiment,
            args: args.clone(),
            quiet: global.quiet,
            search: plan::search(global),
            asked: BTreeMap::new(),
            interrupts,
            began: (Instant::now(), clock::unix_ns()),
            plan: Vec::new(),
            issues: Vec::new(),
        })
    }

    /// Asks the plugin that answers the first of these questions, about the process as it runs.
    pub(super) fn ask(&mut self, questions: &[&str]) -> Result<Snapshot> {
        let first = questions.first().copied().unwrap_or_default();
        let asked = match self.asked.entry(first.into()) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(free) => {
                let plugin = self.search.find(&who_answers(&self.search, first)?)?;
                let options = OpenOptions { deadline: freezing::ANSWER };
                free.insert(plugin.open(&json!({}), options)?)
            }
        };
        let snapshot = asked.snapshot(&Request::new(self.target.clone(), questions))?;
        if let Some(python) = &snapshot.target.python {
            self.target.python = Some(python.clone());
        }
        Ok(snapshot)
    }

    /// Asks the plugin that answers a question about the frozen process.
    pub(super) fn ask_frozen(&mut self, question: &str) -> Result<Snapshot> {
        let plugin = self.search.find(&who_answers(&self.search, question)?)?;
        let options = OpenOptions { deadline: freezing::ANSWER };
        let mut probe = plugin.open(&json!({}), options)?;
        let request = Request::new(self.target.clone(), &[question]);
        ask_frozen(&mut probe, request, Method::Auto)
    }

    /// Says what will be done, before anything is done.
    pub(super) fn announce(&mut self, plan: Vec<String>) -> Result<()> {
        let name = format!("process {} ({})", self.target.pid, self.target.command);
        let text = format!("On {name}:\n{}\n", indented(&plan));
        self.plan = plan;
        match self.args.format {
            Format::Text => lines_to_stdout(&text),
            _ => {
                self.progress(&text);
                Ok(())
            }
        }
    }

    /// Says what is being done, on standard error.
    pub(super) fn progress(&self, line: &str) {
        if !self.quiet {
            let _ = writeln!(std::io::stderr(), "{}", harmless(line));
        }
    }

    /// Waits until a moment; `false` when the user wants an end, as soon as that.
    pub(super) fn wait_until(&self, moment: Instant) -> bool {
        let left = moment.saturating_duration_since(Instant::now());
        matches!(self.interrupts.recv_timeout(left), Err(RecvTimeoutError::Timeout))
    }

    /// Prints what was found.
    pub(super) fn finish(self, found: Found) -> Result<Exit, Failure> {
        let Found { result, tables, restored, findings, next } = found;
        let (target, (began, unix_ns)) = (self.target, self.began);
        let trial = Trial {
            schema: Trial::SCHEMA,
            tool: Tool { name: "memprobe".into(), version: env!("CARGO_PKG_VERSION").into() },
            experiment: self.experiment,
            target: Subject { pid: target.pid, command: target.command, python: target.python },
            started_at: clock::rfc3339(unix_ns),
            duration_s: began.elapsed().as_secs_f64(),
            plan: self.plan,
            result,
            tables,
            restored,
            findings,
            next,
            issues: self.issues,
        };
        let format = match self.args.format {
            Format::Text => report::Format::Text,
            Format::Json => report::Format::Json,
            Format::Markdown => report::Format::Markdown,
        };
        to_stdout(trial.render(format, self.args.rows).as_bytes())?;
        Ok(Exit::Fine)
    }

    /// The same, of an experiment that was not made because it makes no sense here.
    pub(super) fn needless(self, why: impl Into<String>) -> Result<Exit, Failure> {
        let result = Answer { sentence: why.into(), ..Answer::default() };
        self.finish(Found { result, ..Found::default() })
    }
}

fn indented(lines: &[String]) -> String {
    lines.iter().map(|line| format!("  {line}\n")).collect()
}

/// Half of a time, and not too long: how long is measured before and after a change that lasts so
/// long.
pub(super) fn beside(duration: Duration) -> Duration {
    (duration / 2).min(Duration::from_secs(30))
}
