//! The figures of the tree as a [`Probe`]: questions in, tables and issues out.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use probe::{
    Characteristics, Descriptor, Error, ErrorKind, Issue, Level, Open, Probe, ProbeId, Request,
    Result, Severity, Snapshot, Table, Target,
};
use serde::Deserialize;
use target::procfs::clock;

use crate::figures::{Memory, Source};
use crate::limits::{limits, pressure};
use crate::mappings::OTHERS;
use crate::questions::questions;
use crate::rows::{self, Row};
use crate::sampler::ProcessSampler;
use crate::shm::SharedWatch;
use crate::tree::Tree;
use crate::waits;

/// For how long the list of processes is believed when only `rss` is asked.
const TREE_AGE: Duration = Duration::from_secs(1);

/// What a preset may set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Whether descendants are watched too.
    pub tree: bool,
    /// Most rows of table `mappings` per process; the others are summed in one row.
    pub max_mapping_groups: usize,
    /// Most handles of a process that are looked at.
    pub max_handles: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self { tree: true, max_mapping_groups: 2000, max_handles: 100_000 }
    }
}

/// The probe `process`.
#[derive(Debug)]
pub struct ProcessProbe {
    descriptor: Descriptor,
    config: Config,
    watch: Option<Watch>,
}

/// What is kept between two looks at the same target.
#[derive(Debug)]
struct Watch {
    target: Target,
    tree: Tree,
    shared: SharedWatch,
    /// Kinds of issues that were told.
    told: HashSet<String>,
}

impl Open for ProcessProbe {
    type Config = Config;

    fn describe() -> Descriptor {
        Descriptor {
            name: "process".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            summary: "memory of a process and its tree as the platform counts it".into(),
            level: Level::High,
            questions: questions(),
            characteristics: Characteristics {
                availability: "Linux, any program; same user, root or CAP_SYS_PTRACE (without: \
                               RSS only)"
                    .into(),
                memory_granularity: "page; mapping".into(),
                execution_granularity: "process".into(),
                memory_cost: "none in the target".into(),
                execution_cost: "none in the target but its mmap lock while the kernel counts"
                    .into(),
                developer_cost: "none".into(),
            },
        }
    }

    fn open(config: Config) -> Result<Self> {
        if config.max_mapping_groups == 0 || config.max_handles == 0 {
            let message = "max_mapping_groups and max_handles must be at least 1";
            return Err(Error::new(ErrorKind::InvalidInput, message));
        }
        Ok(Self { descriptor: Self::describe(), config, watch: None })
    }
}

impl Probe for ProcessProbe {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn snapshot(&mut self, request: &Request) -> Result<Snapshot> {
        let started = Instant::now();
        let unknown = self.unknown(request)?;
        let config = self.config;
        let watch = self.watch_of(&request.target)?;
        let id = ProbeId { name: "process".into(), version: env!("CARGO_PKG_VERSION").into() };
        let mut look = Look {
            snapshot: Snapshot::new(id, watch.target.clone(), clock::now()),
            config,
            watch,
            failure: None,
        };
        look.answer(request)?;
        let mut snapshot = look.snapshot;
        unknown.into_iter().for_each(|issue| snapshot.lack(issue));
        snapshot.duration_ns = u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX);
        Ok(snapshot)
    }
}

impl ProcessProbe {
    /// Questions that this probe does not know, as issues: a newer host may ask more.
    ///
    /// # Errors
    /// When it knows none of them.
    fn unknown(&self, request: &Request) -> Result<Vec<Issue>> {
        let known = |question: &&String| self.descriptor.answers(question);
        let message = |q: &String| format!("probe `process` does not answer question `{q}`");
        let names: Vec<_> = self.descriptor.questions.iter().map(|q| q.name.as_str()).collect();
        let hint = format!("it answers: {}", names.join(", "));
        match request.questions.first() {
            Some(first) if !request.questions.iter().any(|q| known(&q)) => {
                Err(Error::new(ErrorKind::InvalidInput, message(first)).with_hint(hint))
            }
            _ => {
                let unknown = request.questions.iter().filter(|q| !known(q));
                Ok(unknown.map(|q| Issue::info(message(q)).with_hint(hint.clone())).collect())
            }
        }
    }

    /// What is kept for this target; begun anew when it is another than before.
    fn watch_of(&mut self, target: &Target) -> Result<&mut Watch> {
        let same = self.watch.as_ref().is_some_and(|w| w.target.is_same_process(target));
        if !same {
            self.watch = None;
            let tree = Tree::attach(target, self.config.tree)?;
            let target = tree.root().target().clone();
            self.watch =
                Some(Watch { target, tree, shared: SharedWatch::default(), told: HashSet::new() });
        }
        self.watch.as_mut().ok_or_else(|| Error::new(ErrorKind::Other, "no target"))
    }
}

/// One look: the snapshot that grows, and what it grows from.
struct Look<'w> {
    snapshot: Snapshot,
    config: Config,
    watch: &'w mut Watch,
    /// The last error of a process that could not answer a question.
    failure: Option<Error>,
}

impl Look<'_> {
    fn answer(&mut self, request: &Request) -> Result<()> {
        let only_rss = request.questions.iter().all(|q| q == "rss") && request.wants("rss");
        let only_rss = only_rss && !request.questions.is_empty();
        let age = if only_rss { TREE_AGE } else { Duration::ZERO };
        if let Some(issue) = self.watch.tree.refresh(age) {
            self.lack("tree", issue);
        }
        if request.wants("memory") {
            self.memory()?;
        } else if request.wants("rss") {
            self.rss()?;
        }
        if request.wants("mappings") {
            self.mappings()?;
        }
        if request.wants("handles") {
            self.handles()?;
        }
        if request.wants("shared_memory") {
            self.shared_memory()?;
        }
        if request.wants("thread_waits") {
            self.thread_waits()?;
        }
        if request.wants("limits") {
            self.limits()?;
        }
        if request.wants("pressure") {
            self.pressure()?;
        }
        match self.failure.take() {
            Some(error) if self.snapshot.tables.is_empty() => Err(error),
            _ => Ok(()),
        }
    }

    /// Says that something is missing: each time that it is, but why only once.
    fn lack(&mut self, kind: &str, issue: Issue) {
        self.snapshot.complete = false;
        self.note(kind, issue);
    }

    fn note(&mut self, kind: &str, issue: Issue) {
        if !self.watch.told.contains(kind) {
            self.watch.told.insert(kind.to_owned());
            self.snapshot.issues.push(issue);
        }
    }

    /// Asks every process of the tree; those that cannot answer are missing, and it is said.
    fn ask<T>(
        &mut self,
        question: &str,
        ask: impl FnMut(&mut ProcessSampler) -> Result<T>,
    ) -> Result<Vec<Row<T>>> {
        let answers = self.watch.tree.ask(ask)?;
        let mut rows = Vec::with_capacity(answers.len());
        let mut failures = Vec::new();
        for (index, answer) in answers {
            let process = &self.watch.tree.processes()[index];
            match answer {
                Ok(figures) => rows.push(Row {
                    target: process.target().clone(),
                    parent: process.parent(),
                    figures,
                }),
                Err(error) => failures.push(error),
            }
        }
        for error in failures {
            let kind = format!("{question}: {:?}", error.kind());
            self.lack(&kind, error.to_issue(Severity::Warning));
            self.failure = Some(error);
        }
        Ok(rows)
    }

    /// Adds a table, unless nothing of it could be read: an empty table says "there is none".
    fn add(&mut self, rows: usize, table: Table) {
        if rows > 0 {
            self.snapshot.tables.push(table);
        }
    }

    fn rss(&mut self) -> Result<()> {
        let rows = self.ask("rss", ProcessSampler::rss)?;
        self.add(rows.len(), rows::rss(&rows));
        Ok(())
    }

    fn memory(&mut self) -> Result<()> {
        let rows = self.ask("memory", ProcessSampler::memory)?;
        for row in &rows {
            self.judge(row);
        }
        self.add(rows.len(), rows::memory(&rows));
        Ok(())
    }

    /// Says what is missing among the figures of a process, and why.
    fn judge(&mut self, row: &Row<Memory>) {
        let pid = row.target.pid;
        let missing_parts = row.figures.pss_anon.is_none();
        match row.figures.source {
            Source::Status => self.lack(
                "memory-status",
                Issue::warning(format!(
                    "PSS, USS and swap share of process {pid} cannot be read: its figures come \
                     from /proc/{pid}/status, which sums loosely"
                ))
                .with_hint("run as the same user as the process, as root, or with CAP_SYS_PTRACE"),
            ),
            Source::Smaps => self.lack(
                "memory-smaps",
                Issue::warning(
                    "this kernel has no smaps_rollup (Linux 4.14): figures are summed from smaps, \
                     which is slower, and PSS is not split into parts",
                ),
            ),
            Source::Rollup if missing_parts => self.lack(
                "memory-parts",
                Issue::warning("this kernel (before Linux 5.4) does not split PSS into parts"),
            ),
            _ => {}
        }
        if row.figures.handles.is_none() {
            self.lack(
                "memory-handles",
                Issue::warning(format!("the open handles of process {pid} cannot be counted"))
                    .with_hint("run as the same user as the process, or as root"),
            );
        }
    }

    fn mappings(&mut self) -> Result<()> {
        let most = self.config.max_mapping_groups;
        let answers = self.ask("mappings", |process| process.mappings(most))?;
        let answered = answers.len();
        let mut rows = Vec::new();
        for Row { target, figures, .. } in answers {
            let pid = target.pid;
            if figures.last().is_some_and(|group| group.name == OTHERS) {
                let message = format!(
                    "process {pid} has more than {most} groups of mappings: the smallest are \
                     summed in one row"
                );
                self.lack("mappings-cut", Issue::warning(message));
            }
            if figures.iter().all(|group| group.counts.rss.is_none()) && !figures.is_empty() {
                let message = "this kernel has no smaps: only the sizes of mappings are known";
                self.lack("mappings-smaps", Issue::warning(message));
            }
            rows.extend(figures.into_iter().map(|group| (pid, group)));
        }
        self.add(answered, rows::mapping_groups(&rows));
        Ok(())
    }

    fn handles(&mut self) -> Result<()> {
        let most = self.config.max_handles;
        let answers = self.ask("handles", |process| process.handles(most))?;
        let rows: Vec<_> = answers.into_iter().map(|row| (row.target.pid, row.figures)).collect();
        for (pid, _) in rows.iter().filter(|(_, handles)| handles.cut) {
            let message = format!(
                "process {pid} has more than {most} open handles: the others \
                                   are not counted"
            );
            self.lack("handles-cut", Issue::warning(message));
        }
        self.add(rows.len(), rows::handle_groups(&rows));
        Ok(())
    }

    fn thread_waits(&mut self) -> Result<()> {
        let answers = self.ask("thread_waits", |process| waits::waits(process.dir()))?;
        let rows: Vec<_> = answers.into_iter().map(|row| (row.target.pid, row.figures)).collect();
        if let Some((pid, _)) = rows.iter().find(|(_, waits)| waits.cut) {
            let most = waits::MOST_THREADS;
            let message =
                format!("process {pid} has more than {most} threads: others are left out");
            self.lack("waits-cut", Issue::warning(message));
        }
        self.add(rows.len(), waits::table(&rows));
        Ok(())
    }

    fn shared_memory(&mut self) -> Result<()> {
        let seen = self.watch.shared.look(self.watch.tree.processes())?;
        for (kind, issue) in seen.lacks {
            self.lack(kind, issue);
        }
        for (kind, issue) in seen.notes {
            self.note(kind, issue);
        }
        self.snapshot.tables.push(rows::shared_files(&seen.files));
        Ok(())
    }

    fn limits(&mut self) -> Result<()> {
        let found = limits(self.watch.tree.root().dir())?;
        for issue in found.issues {
            self.lack(&format!("limits: {}", issue.message), issue);
        }
        self.snapshot.tables.push(rows::limit_rows(&found.limits));
        Ok(())
    }

    fn pressure(&mut self) -> Result<()> {
        let scopes = pressure(self.watch.tree.root().dir());
        if scopes.is_empty() {
            let issue = Issue::info("this kernel does not measure memory pressure (PSI)")
                .with_hint("boot with psi=1 to have it");
            self.lack("pressure", issue);
        }
        self.snapshot.tables.push(rows::pressure_rows(&scopes));
        Ok(())
    }
}
