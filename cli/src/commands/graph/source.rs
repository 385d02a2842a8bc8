//! Where a graph comes from: a capture, or a process, of which a capture is taken and removed.

use std::path::{Path, PathBuf};

use capture::folder::{Capture, Existing, Manifest, Writer};
use heap::Graph;
use probe::{Error, ErrorKind, ResultExt};

use crate::args::{FreezeArg, GlobalArgs, GraphArgs, LevelArg, LookArgs};
use crate::commands::capture::{Wanted, take};
use crate::exit::Failure;
use crate::plan::Plan;
use crate::{interrupt, targets};

/// The question that a plugin answers with a graph.
const QUESTION: &str = "capture";
/// How the collector stood at the same moment: why garbage is still there.
const COLLECTOR: &str = "gc";

/// A capture that was asked about, or one that was taken for the question.
pub(super) struct Opened {
    pub(super) capture: Capture,
    /// Where it is, if it is ours: removed with this.
    _folder: Option<Folder>,
}

/// A graph, and of what it is.
pub(super) struct Source {
    pub(super) graph: Graph,
    pub(super) manifest: Manifest,
}

impl Opened {
    /// The capture, or one of a process.
    pub(super) fn get(args: &GraphArgs, global: &GlobalArgs) -> Result<Self, Failure> {
        match (args.pid, &args.capture) {
            (Some(pid), _) => Self::of_process(pid, args.told.freeze, global),
            (None, Some(folder)) => Self::of_capture(folder),
            (None, None) => {
                Err(Error::new(ErrorKind::InvalidInput, "no capture and no process").into())
            }
        }
    }

    fn of_capture(folder: &Path) -> Result<Self, Failure> {
        Ok(Self { capture: Capture::open(folder)?, _folder: None })
    }

    /// A process is held still while it is captured.
    pub(super) fn of_process(
        pid: u32,
        freeze: FreezeArg,
        global: &GlobalArgs,
    ) -> Result<Self, Failure> {
        let mut plan = Plan::load(&look(freeze), global)?;
        plan.probes.retain(|planned| {
            let questions = &planned.plugin.descriptor().questions;
            questions.iter().any(|question| question.name == QUESTION)
        });
        if plan.probes.is_empty() {
            let message = format!("no plugin answers the question `{QUESTION}`");
            return Err(Error::new(ErrorKind::NotFound, message)
                .with_hint("`memprobe plugins` lists what there is")
                .into());
        }
        let target = targets::identify(pid).map_err(Failure::of_target)?;
        let folder = Folder::make()?;
        let to = folder.path.join("capture");
        let wanted = Wanted { questions: &[QUESTION, COLLECTOR], ..Wanted::default() };
        let (manifest, _) = take(Writer::create(&to, Existing::Keep)?, target, &plan, &wanted)?;
        let capture = Capture::open(&to)?;
        if !capture::graph::has_graph(&capture) {
            return Err(Failure::of_target(without_graph(pid, &manifest)));
        }
        Ok(Self { capture, _folder: Some(folder) })
    }

    /// The graph in it.
    pub(super) fn graph(&self) -> probe::Result<Graph> {
        capture::graph::read(&self.capture)
            .with_context(|| format!("the capture {}", self.capture.folder().display()))
    }

    fn read(self) -> Result<Source, Failure> {
        Ok(Source { graph: self.graph()?, manifest: self.capture.manifest().clone() })
    }
}

impl Source {
    /// The graph of a capture or of a process.
    pub(super) fn get(args: &GraphArgs, global: &GlobalArgs) -> Result<Self, Failure> {
        Opened::get(args, global)?.read()
    }

    /// The graph of a capture.
    pub(super) fn of_capture(folder: &Path) -> Result<Self, Failure> {
        Opened::of_capture(folder)?.read()
    }

    /// The graph of a process, which is held still meanwhile.
    pub(super) fn of_process(
        pid: u32,
        freeze: FreezeArg,
        global: &GlobalArgs,
    ) -> Result<Self, Failure> {
        Opened::of_process(pid, freeze, global)?.read()
    }
}

/// Why there is no graph: what the probe said.
fn without_graph(pid: u32, manifest: &Manifest) -> Error {
    let why = manifest.issues.first().map_or("no reason was given", |issue| &issue.message);
    let message = format!("the objects of process {pid} could not be read: {why}");
    Error::new(ErrorKind::Unsupported, message)
        .with_hint(format!("`memprobe doctor {pid}` says what works on it"))
}

fn look(freeze: FreezeArg) -> LookArgs {
    LookArgs {
        level: LevelArg::Medium,
        preset: None,
        plugin: Vec::new(),
        freeze,
        duration: None,
        every: None,
        events: None,
        event_regex: None,
    }
}

/// A folder of our own, removed at the end, Ctrl-C included.
struct Folder {
    path: PathBuf,
}

impl Folder {
    fn make() -> probe::Result<Self> {
        let name = format!("memprobe.{}.{}", std::process::id(), crate::clock::monotonic_ns());
        let path = std::env::temp_dir().join(name);
        let mut builder = std::fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder
            .create(&path)
            .with_context(|| format!("cannot make the folder {}", path.display()))
            .map_err(|e| e.with_hint("TMPDIR names another place for temporary files"))?;
        interrupt::remove_at_end(path.clone());
        Ok(Self { path })
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.path) {
            tracing::warn!("{} is left: {error}", self.path.display());
        }
    }
}
