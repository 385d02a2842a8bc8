//! A process with CPython in it, for typed use.

use std::path::Path;

use probe::{Error, ErrorKind, Frozen, Issue, Result, Target};
use target::procfs::ProcessDir;

use crate::collector::{self, Collector, Counting};
use crate::find::{Finder, Found, Runtime};
use crate::layout::{CollectorTable, Layout, Place, Table, table};
use crate::source::Source;
use crate::state::{self, Interpreter};

/// The CPython in a process, found and ready to be asked.
#[derive(Debug)]
pub struct Python {
    memory: Source,
    found: Found,
    /// The process itself stands still until it is read.
    stopped: bool,
}

/// The version of the newest CPython in a process, such as "3.11.7"; `None` when there is none.
///
/// # Errors
/// When the process cannot be looked at: it does not exist, or its memory may not be read.
pub fn version(pid: u32) -> Result<Option<String>> {
    let source = Source::live(&Target::from_pid(pid), None)?;
    let found = Python::look(source, &mut Finder::default())?.found;
    let newest = found.runtimes.iter().max_by_key(|r| (r.version.major, r.version.minor));
    Ok(newest.map(|runtime| runtime.version.to_string()))
}

impl Python {
    /// Finds the CPython in a process.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] when there is none, or none that can be read;
    /// [`ErrorKind::PermissionDenied`] with the right that is missing; those of
    /// [`ProcessDir::open_target`].
    pub fn attach(target: &Target) -> Result<Self> {
        Self::attach_again(target, None, &mut Finder::default())
    }

    /// The same, with what was found out about files before, and in a frozen copy if there is one.
    pub(crate) fn attach_again(
        target: &Target,
        frozen: Option<&Frozen>,
        finder: &mut Finder,
    ) -> Result<Self> {
        let mut python = Self::look(Source::live(target, frozen)?, finder)?;
        python.stopped = frozen.is_some_and(|frozen| frozen.pid == target.pid);
        python.or_none(&format!("process {}", target.pid))
    }

    /// Finds the CPython in a core file. What it leaves out is read from the files that its
    /// process had mapped, where they are still the same.
    ///
    /// # Errors
    /// Those of [`CoreFile::open`](target::corefile::CoreFile::open);
    /// [`ErrorKind::Unsupported`] when there is no CPython in it, or none that can be read.
    pub fn from_core(path: &Path) -> Result<Self> {
        let python = Self::look(Source::core(path)?, &mut Finder::default())?;
        python.or_none(&format!("the core {}", path.display()))
    }

    fn or_none(self, whose: &str) -> Result<Self> {
        if self.found.runtimes.is_empty() {
            let lacks = self.memory.issues();
            return Err(no_python(whose, &self.found, &lacks));
        }
        Ok(self)
    }

    fn look(memory: Source, finder: &mut Finder) -> Result<Self> {
        let found = finder.find(&memory, &memory.mappings()?)?;
        Ok(Self { memory, found, stopped: false })
    }

    /// The copies of CPython in the process that have a runtime structure.
    #[must_use]
    pub fn runtimes(&self) -> &[Runtime] {
        &self.found.runtimes
    }

    /// What went wrong while they were searched, and interpreters that cannot be read.
    pub(crate) fn issues(&self) -> impl Iterator<Item = Issue> {
        let refused = self.found.refused.iter().map(|text| Issue::warning(text.as_str()));
        self.memory.issues().into_iter().chain(self.found.issues.iter().cloned()).chain(refused)
    }

    /// The process that is read, or its copy; none behind a core file.
    #[must_use]
    pub fn process(&self) -> Option<&ProcessDir> {
        self.memory.process()
    }

    /// Whether the process stands still until it has been read.
    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped
    }

    pub(crate) fn memory(&self) -> &Source {
        &self.memory
    }

    pub(crate) fn layout(&self, runtime: &Runtime) -> Result<(&'static Table, Layout)> {
        let table = table(&runtime.version)?;
        Ok((table, table.layout(&self.memory, runtime.address)?))
    }

    /// The interpreters of a runtime, newest first; none when it was not initialised.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] when the version is not known, [`ErrorKind::InvalidData`] when
    /// what is there does not look as the version says; those of reading memory.
    pub fn interpreters(&self, runtime: &Runtime) -> Result<Vec<Interpreter>> {
        let (_, layout) = self.layout(runtime)?;
        state::interpreters(&self.memory, &layout, runtime.address)
            .map_err(|error| distrust(runtime, error))
    }

    /// The collector of an interpreter, with lists of up to `most_objects` walked. `None` for a
    /// subinterpreter of 3.7 or 3.8: the main interpreter's collector serves all. `None` in 3.6,
    /// whose collector is in variables that no symbol names.
    ///
    /// # Errors
    /// As [`Python::interpreters`].
    pub fn collector(
        &self,
        runtime: &Runtime,
        interpreter: &Interpreter,
        most_objects: u64,
    ) -> Result<Option<Collector>> {
        let found = self.collector_at(runtime, interpreter, most_objects)?;
        Ok(found.map(|found| found.state))
    }

    /// The same, with where it stands.
    pub(crate) fn collector_at(
        &self,
        runtime: &Runtime,
        interpreter: &Interpreter,
        most_objects: u64,
    ) -> Result<Option<CollectorAt>> {
        let (table, layout) = self.layout(runtime)?;
        let address = match layout.collector {
            Place::Interpreter(offset) => interpreter.address.saturating_add(offset),
            Place::Runtime(offset) if interpreter.id == 0 => runtime.address.saturating_add(offset),
            Place::Runtime(_) | Place::Unknown => return Ok(None),
        };
        let counting = match runtime.free_threaded {
            true => Counting::NoLists { check_heads: table.later_collector.is_some() },
            false => Counting::UpTo(most_objects),
        };
        let read = |table: &'static CollectorTable| -> Result<CollectorAt> {
            let state = collector::read(&self.memory, table, address, counting)?;
            Ok(CollectorAt { address, table, state })
        };
        let first = read(&table.collector);
        match (&first, &table.later_collector) {
            (Err(error), Some(later)) if error.kind() == ErrorKind::InvalidData => {
                // What is said is said of the table that most releases have.
                read(later).or(first)
            }
            _ => first,
        }
        .map(Some)
        .map_err(|error| distrust(runtime, error))
    }
}

/// A collector's state, and where it stands.
pub(crate) struct CollectorAt {
    pub(crate) address: u64,
    pub(crate) table: &'static CollectorTable,
    pub(crate) state: Collector,
}

/// Says of structures that make no sense whose they are.
fn distrust(runtime: &Runtime, error: Error) -> Error {
    if error.kind() != ErrorKind::InvalidData {
        return error;
    }
    let message = format!(
        "the runtime of Python {} ({}) at {:#x} in {} does not look as its version says",
        runtime.version,
        runtime.build(),
        runtime.address,
        runtime.library
    );
    let hint = if runtime.debug {
        "debug builds before 3.13 may have other structures; try a release build"
    } else {
        "the process may have been changing it at that moment: try again"
    };
    error.context(message).with_hint(hint)
}

fn no_python(whose: &str, found: &Found, lacks: &[Issue]) -> Error {
    if !found.refused.is_empty() {
        let message = format!("{whose}: {}", found.refused.join("; "));
        return Error::new(ErrorKind::Unsupported, message)
            .with_hint("the high level works for every process");
    }
    let mut message = format!(
        "no Python interpreter in {whose}: none of its {} mapped programs and libraries \
         has the symbol or the section of a CPython runtime",
        found.files
    );
    for issue in found.issues.iter().chain(lacks) {
        message.push_str("; ");
        message.push_str(&issue.message);
    }
    let mut error = Error::new(ErrorKind::Unsupported, message);
    if let Some(hint) = lacks.iter().find_map(|issue| issue.hint.clone()) {
        error = error.with_hint(hint);
    }
    error.with_hint(
        "if it is a shell or a launcher, give the PID of the Python process that it started; the \
         high level works for every process",
    )
}
