//! The probe: from what was read to tables.

mod collectors;
mod threads;

use std::path::PathBuf;
use std::time::Instant;

use probe::{
    Descriptor, Error, Issue, Open, Probe, ProbeId, Question, Request, Result, Severity, Snapshot,
    Table, TableFile,
};
use serde::Deserialize;
use target::procfs::{ProcessDir, clock};

use crate::attach::Python;
use crate::blocks::Blocks;
use crate::blocks::{samples as block_samples, table as block_tables};
use crate::describe::descriptor;
use crate::find::{Finder, Runtime};
use crate::levers::{self, Lever};
use crate::os_threads::OsThreads;
use crate::refs::GraphOptions;
use crate::rows::{GenerationRow, InterpreterRow, Key, Rows, ThreadRow};
use crate::stacks::table::FrameRow;
use crate::state::Interpreter;
use crate::tracemalloc::table::{self as traced, Found, remark};
use crate::walk::{Survey, Wanted};
use crate::{heap, holders, kept};

/// Settings of the probe, from a preset.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The most objects of a generation that are counted. Counting costs this program some
    /// 0.2 s per million objects, and the target nothing.
    pub most_objects: u64,
    /// A core file that is read instead of the process of a request.
    pub core: Option<PathBuf>,
    /// Whether short contents of texts and numbers are kept with the graph of objects, and the
    /// first bytes of some native blocks told.
    pub values: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self { most_objects: 50_000_000, core: None, values: false }
    }
}

/// Looks at the CPython in a process from outside.
#[derive(Debug)]
pub struct PythonProbe {
    descriptor: Descriptor,
    config: Config,
    finder: Finder,
}

impl Open for PythonProbe {
    type Config = Config;

    fn describe() -> Descriptor {
        descriptor()
    }

    fn open(config: Config) -> Result<Self> {
        Ok(Self { descriptor: Self::describe(), config, finder: Finder::default() })
    }
}

impl Probe for PythonProbe {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn snapshot(&mut self, request: &Request) -> Result<Snapshot> {
        let (taken, began) = (clock::now(), Instant::now());
        let python = match &self.config.core {
            Some(core) => Python::from_core(core)?,
            None => {
                Python::attach_again(&request.target, request.frozen.as_ref(), &mut self.finder)?
            }
        };
        let id = ProbeId {
            name: self.descriptor.name.clone(),
            version: self.descriptor.version.clone(),
        };
        let mut snapshot = Snapshot::new(id, request.target.clone(), taken);
        let mut look = Look::new(&python, request, &self.config);
        let frozen = |question: &Question| question.frozen && request.wants(&question.name);
        let runs = request.frozen.is_none() && python.process().is_some();
        look.is_torn = runs && self.descriptor.questions.iter().any(frozen);
        python.issues().for_each(|issue| look.lack(issue));
        let failed = look.runtimes();
        if look.interpreters.rows.is_empty()
            && let Some(error) = failed
        {
            return Err(error);
        }
        look.finish(&mut snapshot);
        snapshot.duration_ns = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        Ok(snapshot)
    }
}

/// One look, while it fills its tables.
struct Look<'a> {
    python: &'a Python,
    request: &'a Request,
    most_objects: u64,
    values: bool,
    os_threads: OsThreads,
    interpreters: Rows<InterpreterRow>,
    threads: Rows<ThreadRow>,
    frames: Rows<FrameRow>,
    collectors: Rows<GenerationRow>,
    levers: Rows<Lever>,
    /// Newest version seen.
    version: Option<(u32, u32, String)>,
    survey: Option<Survey>,
    /// Tables of the graph of references.
    graph: Vec<Table>,
    blocks: Option<Blocks>,
    /// The graph itself, in files.
    files: Vec<TableFile>,
    traced: Vec<Found>,
    /// Whether a question is answered that wants a picture of one instant, and had none.
    is_torn: bool,
    issues: Vec<Issue>,
    complete: bool,
}

impl<'a> Look<'a> {
    fn new(python: &'a Python, request: &'a Request, config: &Config) -> Self {
        Self {
            python,
            request,
            most_objects: config.most_objects,
            values: config.values,
            os_threads: OsThreads::default(),
            interpreters: Rows { rows: Vec::new() },
            threads: Rows { rows: Vec::new() },
            frames: Rows { rows: Vec::new() },
            collectors: Rows { rows: Vec::new() },
            levers: Rows { rows: Vec::new() },
            version: None,
            survey: None,
            graph: Vec::new(),
            blocks: None,
            files: Vec::new(),
            traced: Vec::new(),
            is_torn: false,
            issues: Vec::new(),
            complete: true,
        }
    }

    fn lack(&mut self, issue: Issue) {
        self.complete = false;
        self.issues.push(issue);
    }

    /// Looks at every runtime. Returns why one of them could not be read, if any could not.
    fn runtimes(&mut self) -> Option<Error> {
        let wanted = self.request.wants("threads") || self.request.wants("stacks");
        if wanted && self.python.process().is_some() {
            self.os_threads = self.read_os_threads();
        }
        let mut failed = None;
        for runtime in self.python.runtimes() {
            if let Err(error) = self.runtime(runtime) {
                self.lack(error.to_issue(Severity::Warning));
                failed = Some(error);
            }
        }
        if self.request.wants("census") || self.request.wants("pymalloc") {
            self.survey();
        }
        let tables = self.request.wants("holders") || self.request.wants("audit");
        if tables || kept::is_wanted(self.request) {
            self.graph();
        }
        if self.request.wants("blocks") {
            self.blocks();
        }
        if kept::lacks_folder(self.request) {
            self.lack(Issue::warning(
                "the graph of objects goes into files, and no folder was named",
            ));
        }
        failed
    }

    /// Follows all references.
    fn graph(&mut self) {
        let mut options = GraphOptions::default();
        if let Some(frozen) = &self.request.frozen {
            options.threads.clone_from(&frozen.threads);
        }
        match self.python.graph(&options) {
            Ok((mut graph, issues)) => {
                issues.into_iter().for_each(|issue| self.lack(issue));
                if !self.values {
                    graph.forget_contents();
                }
                let shapes = match kept::write(self.python, &graph, self.request, self.values) {
                    Ok((files, shapes)) => {
                        self.files = files;
                        shapes
                    }
                    Err(error) => {
                        self.lack(error.to_issue(Severity::Error));
                        None
                    }
                };
                let minor = self.python.rules().map_or(0, |(rules, _)| rules.minor);
                let memory = (self.python.memory(), minor);
                self.graph = holders::tables(&graph, shapes, memory, self.request);
            }
            Err(error) => self.lack(error.to_issue(Severity::Warning)),
        }
    }

    fn blocks(&mut self) {
        let threads = self.request.frozen.as_ref().map_or(&[][..], |frozen| &frozen.threads);
        match self.python.blocks(threads) {
            Ok((blocks, issues)) => {
                self.complete &= issues.iter().all(|issue| issue.severity == Severity::Info);
                self.issues.extend(issues);
                self.blocks = Some(blocks);
            }
            Err(error) => self.lack(error.to_issue(Severity::Warning)),
        }
    }

    /// Goes over all memory, once for all interpreters: an object does not tell whose it is.
    fn survey(&mut self) {
        let objects = self.request.wants("census");
        let wanted = if objects { Wanted::Objects } else { Wanted::Pools };
        match self.python.survey(wanted) {
            Ok((survey, issues)) => {
                issues.into_iter().for_each(|issue| self.lack(issue));
                self.survey = Some(survey);
            }
            Err(error) => self.lack(error.to_issue(Severity::Warning)),
        }
    }

    /// The threads of the target itself: a frozen copy has none of them.
    fn read_os_threads(&mut self) -> OsThreads {
        match ProcessDir::open_target(&self.request.target) {
            Ok(process) => OsThreads::read(&process),
            Err(error) => {
                self.lack(error.to_issue(Severity::Warning));
                OsThreads::default()
            }
        }
    }

    fn runtime(&mut self, runtime: &Runtime) -> Result<()> {
        let list = self.python.interpreters(runtime)?;
        let version = &runtime.version;
        if list.is_empty() {
            self.issues.push(Issue::info(format!(
                "Python {version} in {} is loaded but not initialised",
                runtime.library
            )));
        }
        let seen = (version.major, version.minor, version.to_string());
        self.version = self.version.take().max((!list.is_empty()).then_some(seen));
        self.remark(runtime);
        if self.request.wants("stacks") {
            self.stacks(runtime, &list);
        }
        if self.request.wants("tracemalloc") && !list.is_empty() {
            self.tracemalloc(runtime);
        }
        for interpreter in &list {
            let key = self.key(runtime, interpreter);
            let threads = interpreter.threads.len() as u64;
            self.interpreters
                .rows
                .push((key, InterpreterRow { runtime: runtime.clone(), threads }));
            if self.request.wants("threads") {
                self.threads(key, interpreter);
            }
            if self.request.wants("gc") {
                self.collector(key, runtime, interpreter);
            }
            if self.request.wants("levers") {
                match levers::of(self.python, runtime, interpreter) {
                    Ok(levers) => {
                        self.levers.rows.extend(levers.into_iter().map(|lever| (key, lever)));
                    }
                    Err(error) => self.lack(error.to_issue(Severity::Warning)),
                }
            }
        }
        Ok(())
    }

    fn tracemalloc(&mut self, runtime: &Runtime) {
        match self.python.tracemalloc(runtime, self.most_objects) {
            Ok(tracing) => {
                let (issue, is_lack) = remark(runtime, &tracing);
                self.complete &= !is_lack;
                self.issues.extend(issue);
                self.traced.push((runtime.address, tracing));
            }
            Err(error) => self.lack(error.to_issue(Severity::Warning)),
        }
    }

    fn key(&self, runtime: &Runtime, interpreter: &Interpreter) -> Key {
        Key {
            pid: self.request.target.pid.into(),
            runtime: runtime.address,
            interpreter: interpreter.id,
        }
    }

    fn finish(mut self, snapshot: &mut Snapshot) {
        if self.is_torn {
            self.issues.push(Issue::info(
                "the process was not frozen: it ran on while its structures were read, so the \
                 figures are of moments some milliseconds apart",
            ));
        }
        let ended = self.python.process().is_some_and(|process| !process.is_alive());
        if self.request.frozen.is_none() && ended {
            self.lack(Issue::warning("the process ended while it was read"));
        }
        snapshot.target.python = self.version.take().map(|(_, _, text)| text);
        if self.request.wants("runtime") {
            snapshot.tables.push(self.interpreters.table());
        }
        if self.request.wants("threads") {
            snapshot.tables.push(self.threads.table());
        }
        if self.request.wants("stacks") {
            snapshot.tables.push(self.frames.table());
        }
        if self.request.wants("gc") {
            snapshot.tables.push(self.collectors.table());
        }
        if self.request.wants("levers") {
            snapshot.tables.push(self.levers.table());
        }
        if self.request.wants("tracemalloc") {
            let pid = self.request.target.pid.into();
            snapshot.tables.extend(traced::tables(&self.traced, pid));
        }
        snapshot.tables.append(&mut self.graph);
        snapshot.files = self.files;
        if let Some(survey) = &self.survey {
            let pid = self.request.target.pid.into();
            snapshot.tables.extend(heap::tables(survey, pid, self.request));
        }
        if let Some(blocks) = &self.blocks {
            let pid = self.request.target.pid.into();
            snapshot.tables.extend(block_tables::tables(blocks, pid));
            if self.values {
                let samples = self.python.samples(blocks);
                snapshot.tables.push(block_samples::table(blocks, &samples, pid));
            }
        }
        snapshot.issues = self.issues;
        snapshot.complete = self.complete;
    }
}
