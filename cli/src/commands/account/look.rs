//! All tables of the account of a process, of one instant as far as it can be had.

use std::time::Instant;

use diagnose::account::Account;
use plugin_host::{LoadedProbe, OpenOptions};
use probe::tables::{native_heap, private_memory};
use probe::target::FrozenBy;
use probe::{
    Error, ErrorKind, Frozen, Issue, Probe, Request, Severity, Snapshot, Table, Taken, Target,
};
use serde_json::json;
use target::freeze::Method;

use crate::args::GlobalArgs;
use crate::commands::answer::who_answers;
use crate::exit::Failure;
use crate::guardian::Guardian;
use crate::{clock, freezing, plan};

/// The questions whose tables make the account. Who answers is found out; what nobody answers is
/// in fewer rows.
const QUESTIONS: [&str; 5] = ["memory", "mappings", "shared_memory", "native", "blocks"];

/// A plugin and what it is asked.
struct Asked {
    probe: LoadedProbe,
    name: String,
    live: Vec<&'static str>,
    frozen: Vec<&'static str>,
}

/// Looks at one process.
pub(super) struct Looker {
    target: Target,
    method: Method,
    asked: Vec<Asked>,
    issues: Vec<Issue>,
}

impl Looker {
    pub(super) fn new(
        target: Target,
        method: Method,
        global: &GlobalArgs,
    ) -> Result<Self, Failure> {
        let search = plan::search(global);
        let mut looker = Self { target, method, asked: Vec::new(), issues: Vec::new() };
        for question in QUESTIONS {
            let name = match who_answers(&search, question) {
                Ok(name) => name,
                Err(error) => {
                    looker.issues.push(error.to_issue(Severity::Warning));
                    continue;
                }
            };
            let known = looker.asked.iter().position(|asked| asked.name == name);
            let place = match known {
                Some(place) => place,
                None => {
                    let options = OpenOptions { deadline: freezing::ANSWER };
                    let probe = search.find(&name)?.open(&json!({}), options)?;
                    let (live, frozen) = (Vec::new(), Vec::new());
                    looker.asked.push(Asked { probe, name, live, frozen });
                    looker.asked.len() - 1
                }
            };
            let asked = &mut looker.asked[place];
            let frozen = asked.probe.descriptor().wants_frozen(question);
            (if frozen { &mut asked.frozen } else { &mut asked.live }).push(question);
        }
        Ok(looker)
    }

    /// What need not stand still is asked right before: a copy of the process changes what it
    /// shares. While the process itself stands, it is asked again: all tables of one instant.
    pub(super) fn look(&mut self) -> Result<Look, Failure> {
        let (target, method) = (self.target.clone(), self.method);
        let mut look = Look::new(&target, &self.issues);
        look.add(self.ask(None, |asked| &asked.live));
        let guardian = Guardian::of(method);
        let mut again = Vec::new();
        let round = freezing::round(&target, method, guardian.as_ref(), |frozen| {
            let stopped = frozen.is_some_and(|frozen| frozen.pid == target.pid);
            if stopped {
                again = self.ask(None, |asked| &asked.live);
            }
            let answers = self.ask(frozen, |asked| &asked.frozen);
            answers.into_iter().filter_map(|answer| look.note(answer)).collect()
        });
        let round = round.map_err(Failure::of_target)?;
        look.add(again);
        look.issues.extend(round.issues);
        if let Some(pause) = round.pause {
            look.taken = pause.taken;
            look.pause = Some((pause.by, pause.ns));
        }
        look.snapshots.extend(round.answers);
        look.finish()
    }

    fn ask(
        &mut self,
        frozen: Option<&Frozen>,
        questions: impl Fn(&Asked) -> &[&'static str],
    ) -> Vec<probe::Result<Snapshot>> {
        let target = &self.target;
        let wanted = self.asked.iter_mut().filter(|asked| !questions(asked).is_empty());
        let ask = |asked: &mut Asked| {
            let mut request = Request::new(target.clone(), questions(asked));
            request.frozen = frozen.cloned();
            asked.probe.snapshot(&request)
        };
        wanted.map(ask).collect()
    }
}

/// One look, while it is taken and afterwards.
pub(super) struct Look {
    pub(super) target: Target,
    pub(super) began: Instant,
    pub(super) taken: Taken,
    pub(super) pause: Option<(FrozenBy, u64)>,
    snapshots: Vec<Snapshot>,
    failed: Option<Error>,
    pub(super) issues: Vec<Issue>,
    pub(super) account: Account,
}

impl Look {
    fn new(target: &Target, issues: &[Issue]) -> Self {
        Self {
            target: target.clone(),
            began: Instant::now(),
            taken: Taken { unix_ns: clock::unix_ns(), monotonic_ns: clock::monotonic_ns() },
            pause: None,
            snapshots: Vec::new(),
            failed: None,
            issues: issues.to_vec(),
            account: Account::default(),
        }
    }

    /// Notes why an answer is missing.
    fn note(&mut self, answer: probe::Result<Snapshot>) -> Option<Snapshot> {
        match answer {
            Ok(snapshot) => Some(snapshot),
            Err(error) => {
                self.issues.push(error.to_issue(Severity::Warning));
                self.failed.get_or_insert(error);
                None
            }
        }
    }

    /// Takes answers; a table that is there already is replaced.
    fn add(&mut self, answers: Vec<probe::Result<Snapshot>>) {
        for answer in answers {
            let Some(snapshot) = self.note(answer) else { continue };
            self.snapshots.retain(|old| old.probe != snapshot.probe);
            self.snapshots.push(snapshot);
        }
    }

    fn finish(mut self) -> Result<Self, Failure> {
        let tables: Vec<&Table> = self.snapshots.iter().flat_map(|s| &s.tables).collect();
        let Some(account) = Account::of(&tables, self.target.pid.into()) else {
            let pid = self.target.pid;
            let message = format!("nothing says what process {pid} has mapped");
            let error = self.failed.unwrap_or_else(|| Error::new(ErrorKind::Unsupported, message));
            return Err(Failure::of_target(error));
        };
        self.account = account;
        // What they have to say is of use where their tables are all there is.
        let told = |s: &Snapshot| s.table(private_memory::TABLE).is_some_and(|t| t.rows() > 0);
        if self.snapshots.iter().any(told) {
            self.snapshots.retain(|s| s.table(native_heap::TABLE).is_none());
        }
        for issue in self.snapshots.iter_mut().flat_map(|s| s.issues.drain(..)) {
            if !self.issues.contains(&issue) {
                self.issues.push(issue);
            }
        }
        let python = self.snapshots.iter().find_map(|s| s.target.python.clone());
        self.target.python = python.or(self.target.python);
        self.snapshots.clear();
        Ok(self)
    }

    pub(super) fn seconds_since(&self, earlier: &Self) -> f64 {
        self.taken.monotonic_ns.saturating_sub(earlier.taken.monotonic_ns) as f64 / 1e9
    }
}
