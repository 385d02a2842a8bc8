//! What a report says beside the verdict, gathered as snapshots pass: who was watched, what it
//! cost, what is missing.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use probe::tables::{interpreters, processes};
use probe::{FrozenBy, Issue, Snapshot, Target};
use report::Pauses;

use crate::freezing::Pause;

/// More different issues than that help nobody.
const MAX_ISSUES: usize = 200;

/// Everything but verdict and findings.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Start of the run, nanoseconds since the Unix epoch.
    pub started_unix_ns: u64,
    /// Length of the run.
    pub duration: Duration,
    /// The processes that were named.
    pub targets: Vec<Target>,
    /// Version of the interpreter, when a probe has said so.
    pub python: Option<String>,
    /// The highest number of processes seen at once.
    pub processes: u64,
    /// For how long the target stood still.
    pub pauses: Pauses,
    /// What is missing or less exact.
    pub issues: Vec<Issue>,
    seen: HashSet<Issue>,
    counts: HashMap<u32, u64>,
    /// The moment of the last round by process: its snapshots share one pause.
    rounds: HashMap<u32, u64>,
    measured: bool,
}

impl Facts {
    /// At the start of a run.
    #[must_use]
    pub fn new(started_unix_ns: u64, targets: &[Target]) -> Self {
        Self {
            started_unix_ns,
            duration: Duration::ZERO,
            targets: targets.to_vec(),
            python: targets.first().and_then(|t| t.python.clone()),
            processes: targets.len() as u64,
            pauses: Pauses::default(),
            issues: Vec::new(),
            seen: HashSet::new(),
            counts: HashMap::new(),
            rounds: HashMap::new(),
            measured: false,
        }
    }

    /// Whether anything was measured.
    #[must_use]
    pub fn has_measured(&self) -> bool {
        self.measured
    }

    /// Sets the length of the run.
    pub fn measured(&mut self, duration: Duration) {
        self.duration = duration;
    }

    /// Takes what is now known of a target that has become another program.
    pub fn refresh(&mut self, now: Option<Target>) {
        let Some(now) = now else { return };
        if let Some(known) = self.targets.iter_mut().find(|known| known.is_same_process(&now)) {
            *known = now;
        }
    }

    /// Adds an issue, once.
    pub fn issue(&mut self, issue: Issue) {
        if self.seen.len() < MAX_ISSUES && self.seen.insert(issue.clone()) {
            self.issues.push(issue);
        }
    }

    /// Takes what a snapshot says beside its measures.
    pub fn note(&mut self, snapshot: &Snapshot) {
        self.measured = true;
        for issue in &snapshot.issues {
            let mut issue = issue.clone();
            issue.probe.get_or_insert_with(|| snapshot.probe.name.clone());
            self.issue(issue);
        }
        self.note_pause(snapshot);
        let processes = snapshot.table(processes::TABLE).filter(|_| !snapshot.beside_copy);
        if let Some(table) = processes {
            self.counts.insert(snapshot.target.pid, table.rows() as u64);
            self.processes = self.processes.max(self.counts.values().sum());
        }
        if self.python.is_none()
            && let Some(table) = snapshot.table(interpreters::TABLE)
        {
            self.python = table.value(interpreters::VERSION, 0).as_str().map(Into::into);
        }
    }

    fn note_pause(&mut self, snapshot: &Snapshot) {
        if snapshot.paused_ns == 0 {
            return;
        }
        // A probe that pauses the target by itself can do so by stopping it only.
        let by = snapshot.frozen.unwrap_or(FrozenBy::Stop);
        let (taken, ns) = (snapshot.taken, snapshot.paused_ns);
        let of_round = snapshot.frozen.map(|_| taken.monotonic_ns);
        let shared =
            of_round.is_some() && self.rounds.get(&snapshot.target.pid) == of_round.as_ref();
        if !shared {
            self.pause(snapshot.target.pid, Pause { by, taken, ns });
        }
    }

    /// Counts a pause.
    pub fn pause(&mut self, pid: u32, pause: Pause) {
        self.rounds.insert(pid, pause.taken.monotonic_ns);
        let ms = pause.ns as f64 / 1e6;
        self.pauses.count += 1;
        self.pauses.max_ms = self.pauses.max_ms.max(ms);
        self.pauses.total_ms += ms;
        // Of several methods, that which costs the target more.
        if self.pauses.method != FrozenBy::Stop.name() {
            self.pauses.method = pause.by.name().into();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use probe::{ProbeId, Taken};

    fn seen(pid: u32, at: u64, ms: u64, frozen: Option<FrozenBy>) -> Snapshot {
        let taken = Taken { unix_ns: at, monotonic_ns: at };
        let mut snapshot = Snapshot::new(ProbeId::default(), Target::from_pid(pid), taken);
        snapshot.paused_ns = ms * 1_000_000;
        snapshot.frozen = frozen;
        snapshot
    }

    /// Two probes of one round share its pause; rounds and processes have their own.
    #[test]
    fn a_pause_counts_once() {
        let mut facts = Facts::new(0, &[]);
        facts.note(&seen(1, 5, 0, None));
        assert_eq!(facts.pauses, Pauses::default());
        let fork = Some(FrozenBy::Fork);
        for (pid, at) in [(1, 10), (1, 10), (2, 10), (1, 20)] {
            facts.note(&seen(pid, at, 4, fork));
        }
        let method = "fork".into();
        assert_eq!(facts.pauses, Pauses { count: 3, max_ms: 4.0, total_ms: 12.0, method });
        for at in [30, 30] {
            facts.note(&seen(1, at, 1, None));
        }
        assert_eq!((facts.pauses.count, &*facts.pauses.method), (5, "stop"));
        facts.note(&seen(1, 40, 1, fork));
        assert_eq!(facts.pauses.method, "stop", "the dearest of all");
    }
}
