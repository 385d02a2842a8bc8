//! `memprobe capture`: everything that the plugins of a level tell about one moment of a process,
//! as a folder of Parquet tables.

use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use capture::folder::{Existing, Made, Manifest, Summary, Tool, Writer};
use diff::human;
use plugin_host::{LoadedProbe, OpenOptions};
use probe::{
    Error, ErrorKind, Frozen, Issue, Probe, Request, Result, ResultExt, Severity, Snapshot, Taken,
    Target,
};
use serde_json::{Map, Value, json};
use target::corefile::CoreFile;
use target::freeze::Method;

use crate::args::{CaptureArgs, Format, GlobalArgs, LookArgs};
use crate::commands::answer::remarks;
use crate::exit::{Exit, Failure};
use crate::guardian::Guardian;
use crate::output::{harmless, to_stdout};
use crate::plan::{Plan, PlannedProbe};
use crate::{clock, freezing, interrupt, targets};

/// How long a plugin may take: a heap of 10 million objects takes it some seconds.
const DEADLINE: Duration = Duration::from_secs(600);

/// Looks once with every plugin and writes what comes back.
///
/// # Errors
/// When the folder cannot be written, no plugin could look, or the process cannot be looked at.
pub fn run(args: &CaptureArgs, global: &GlobalArgs) -> Result<Exit, Failure> {
    let plan = Plan::load(&look(args), global)?;
    let target = match &args.core {
        Some(core) => CoreFile::open(core).map(|core| core.target()),
        None => targets::identify(args.pid.unwrap_or_default()),
    };
    let target = target.map_err(Failure::of_target)?;
    let existing = if args.force { Existing::Overwrite } else { Existing::Keep };
    let writer = Writer::create(&args.output, existing)?;
    interrupt::remove_at_end(writer.partial().to_owned());
    let wanted = Wanted { questions: &[], core: args.core.as_deref(), values: args.values };
    let (manifest, summary) = take(writer, target, &plan, &wanted)?;
    to_stdout(said(args, &manifest, summary)?.as_bytes())?;
    Ok(Exit::Fine)
}

/// What is captured.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Wanted<'a> {
    /// What plugins are asked; nothing: everything that they answer.
    pub(crate) questions: &'a [&'a str],
    /// A core file that is read instead of the process.
    pub(crate) core: Option<&'a Path>,
    /// Whether short contents are kept.
    pub(crate) values: bool,
}

/// Asks the plugins of a plan and keeps what they tell.
///
/// # Errors
/// When no plugin could look, or the folder cannot be written.
pub(crate) fn take(
    writer: Writer,
    target: Target,
    plan: &Plan,
    wanted: &Wanted<'_>,
) -> Result<(Manifest, Summary), Failure> {
    let mut capture = Capturing::new(writer, target, plan, wanted)?;
    let all: Vec<&PlannedProbe> = plan.probes.iter().collect();
    // What need not stand still is asked before: a copy of the process changes what it shares.
    let wants_frozen = |planned: &&PlannedProbe| {
        let questions = &planned.plugin.descriptor().questions;
        wanted.core.is_none() && questions.iter().any(|question| question.frozen)
    };
    let (frozen, live): (Vec<&PlannedProbe>, Vec<_>) = all.into_iter().partition(wants_frozen);
    let mut failed = capture.take(&live, None)?;
    if !frozen.is_empty() {
        failed = failed.or(capture.take_frozen(&frozen, plan.freeze)?);
    }
    failed = failed.or(capture.unheeded(wanted));
    match failed {
        Some(error) if capture.manifest.probes.is_empty() => Err(Failure::of_target(error)),
        _ => Ok(capture.finish()?),
    }
}

fn look(args: &CaptureArgs) -> LookArgs {
    LookArgs {
        level: args.level,
        preset: args.preset.clone(),
        plugin: args.plugin.clone(),
        freeze: args.freeze,
        duration: None,
        every: None,
        events: None,
        event_regex: None,
    }
}

/// A capture while it is taken.
struct Capturing {
    target: Target,
    writer: Writer,
    manifest: Manifest,
    began: Instant,
    /// What is asked; empty: everything.
    questions: Vec<String>,
    /// Settings that not every plugin knows.
    settings: Map<String, Value>,
    /// How many plugins know them.
    heeded: usize,
}

impl Capturing {
    fn new(writer: Writer, target: Target, plan: &Plan, wanted: &Wanted<'_>) -> Result<Self> {
        let tool = Tool { name: "memprobe".into(), version: env!("CARGO_PKG_VERSION").into() };
        let mut taken = Taken { unix_ns: clock::unix_ns(), monotonic_ns: clock::monotonic_ns() };
        let mut settings = Map::new();
        if let Some(core) = wanted.core {
            taken = written(core).unwrap_or(taken);
            let cannot = || format!("cannot name the core {}", core.display());
            let core = std::path::absolute(core).with_context(cannot)?;
            settings.insert("core".into(), json!(core));
        }
        if wanted.values {
            settings.insert("values".into(), json!(true));
        }
        let mut manifest = Manifest::new(tool, plan.level, target.clone(), taken);
        manifest.complete = plan.issues.is_empty();
        manifest.issues.clone_from(&plan.issues);
        let questions = wanted.questions.iter().map(|&question| question.into()).collect();
        let began = Instant::now();
        Ok(Self { target, writer, manifest, began, questions, settings, heeded: 0 })
    }

    /// Asks plugins and writes what they tell. Returns why the first of them failed.
    fn take(&mut self, probes: &[&PlannedProbe], frozen: Option<&Frozen>) -> Result<Option<Error>> {
        let mut failed = None;
        for planned in probes {
            match self.ask(planned, frozen) {
                Ok(Some(snapshot)) => self.keep(&snapshot)?,
                Ok(None) => {}
                Err(error) => {
                    let mut issue = error.to_issue(Severity::Error);
                    issue.probe = Some(planned.plugin.descriptor().name.clone());
                    self.lack(issue);
                    failed.get_or_insert(error);
                }
            }
        }
        Ok(failed)
    }

    /// The same while the target stands still, once for all.
    fn take_frozen(&mut self, probes: &[&PlannedProbe], method: Method) -> Result<Option<Error>> {
        let guardian = Guardian::of(method);
        let target = self.target.clone();
        let mut failed = Ok(None);
        let round = freezing::round(&target, method, guardian.as_ref(), |frozen| {
            failed = self.take(probes, frozen);
            Vec::new()
        });
        let round = round?;
        round.issues.into_iter().for_each(|issue| self.lack(issue));
        if let Some(pause) = round.pause {
            self.manifest.freeze = pause.by.name().into();
            self.manifest.taken = pause.taken;
            self.manifest.paused_ns = pause.ns;
        }
        failed
    }

    /// Asks a plugin for everything that it can tell; nothing of one that cannot read a core file.
    fn ask(&mut self, planned: &PlannedProbe, frozen: Option<&Frozen>) -> Result<Option<Snapshot>> {
        let Some(mut probe) = self.open(planned)? else {
            let name = &planned.plugin.descriptor().name;
            let message = format!("the plugin `{name}` reads no core files, and is left out");
            self.manifest.issues.push(Issue::info(message));
            return Ok(None);
        };
        let request = self.request(&planned.plugin.descriptor().name, frozen)?;
        probe.snapshot(&request).map(Some)
    }

    /// With our settings, or, of a plugin that does not know them, without.
    fn open(&mut self, planned: &PlannedProbe) -> Result<Option<LoadedProbe>> {
        let open = |config: &Value| planned.plugin.open(config, OpenOptions { deadline: DEADLINE });
        if !self.settings.is_empty() {
            let mut config = planned.config.as_object().cloned().unwrap_or_default();
            config.extend(self.settings.clone());
            if let Ok(probe) = open(&Value::Object(config)) {
                self.heeded += 1;
                return Ok(Some(probe));
            }
        }
        let probe = open(&planned.config)?;
        Ok((!self.settings.contains_key("core")).then_some(probe))
    }

    /// What was wanted that no plugin knows of.
    fn unheeded(&mut self, wanted: &Wanted<'_>) -> Option<Error> {
        if self.settings.is_empty() || self.heeded > 0 {
            return None;
        }
        let what = if wanted.core.is_some() { "reads a core file" } else { "keeps contents" };
        let error = Error::new(ErrorKind::Unsupported, format!("no plugin of this level {what}"))
            .with_hint("those of level medium do, of Python processes");
        self.lack(error.to_issue(Severity::Warning));
        Some(error)
    }

    /// All plugins that want it speak of the same moment.
    fn request(&self, probe: &str, frozen: Option<&Frozen>) -> Result<Request> {
        let folder = self.writer.folder_for(probe)?;
        let capture_dir = std::path::absolute(&folder)
            .map_err(|e| Error::io(e, format!("cannot name the folder {}", folder.display())))?;
        Ok(Request {
            target: self.target.clone(),
            questions: self.questions.clone(),
            frozen: frozen.cloned(),
            capture_dir: Some(capture_dir),
        })
    }

    /// Writes what a plugin told. Files that are not what it said are left out.
    fn keep(&mut self, snapshot: &Snapshot) -> Result<()> {
        let probe = &snapshot.probe.name;
        for table in snapshot.tables.iter().filter(|t| !t.columns.is_empty()) {
            self.writer.table(probe, table)?;
        }
        for file in &snapshot.files {
            if let Err(error) = self.writer.adopt(probe, file) {
                let table = file.table.escape_debug();
                let mut issue =
                    error.context(format!("table `{table}` is left out")).to_issue(Severity::Error);
                issue.probe = Some(probe.clone());
                self.lack(issue);
            }
        }
        let manifest = &mut self.manifest;
        manifest.probes.push(Made::of(snapshot));
        manifest.complete &= snapshot.complete;
        if manifest.target.python.is_none() {
            manifest.target.python.clone_from(&snapshot.target.python);
        }
        for issue in &snapshot.issues {
            if !manifest.issues.contains(issue) {
                manifest.issues.push(issue.clone());
            }
        }
        Ok(())
    }

    fn lack(&mut self, issue: Issue) {
        self.manifest.complete = false;
        self.manifest.issues.push(issue);
    }

    fn finish(mut self) -> Result<(Manifest, Summary)> {
        let took = self.began.elapsed().as_nanos();
        self.manifest.duration_ns = u64::try_from(took).unwrap_or(u64::MAX);
        let mut manifest = self.manifest.clone();
        manifest.tables = self.writer.tables().to_vec();
        let summary = self.writer.finish(self.manifest)?;
        Ok((manifest, summary))
    }
}

/// When a core file was written: its process stood then.
fn written(core: &Path) -> Option<Taken> {
    let time = std::fs::metadata(core).and_then(|found| found.modified()).ok()?;
    let since = time.duration_since(std::time::UNIX_EPOCH).ok()?;
    Some(Taken { unix_ns: u64::try_from(since.as_nanos()).ok()?, monotonic_ns: 0 })
}

/// What is said of a capture that was written.
fn said(args: &CaptureArgs, manifest: &Manifest, summary: Summary) -> Result<String> {
    if args.format == Format::Json {
        let text = serde_json::to_string(manifest)
            .map_err(|e| Error::io(e.into(), "cannot render the manifest"))?;
        return Ok(text + "\n");
    }
    let folder = harmless(&args.output.display().to_string());
    let mut text = format!("{folder}: {}\n", describe(manifest));
    for table in &manifest.tables {
        let (rows, bytes) = (human::count(table.rows as f64), human::bytes(table.bytes as f64));
        let _ = writeln!(text, "  {:<20} {rows:>10} rows  {bytes:>10}", table.name);
    }
    let _ = writeln!(
        text,
        "{} tables, {}, in {}; {}",
        summary.tables,
        human::bytes(summary.bytes as f64),
        human::ns(manifest.duration_ns as f64),
        match args.core {
            Some(_) => "read from a core file".into(),
            None => paused(manifest),
        },
    );
    if args.values {
        text.push_str("it holds contents of the process: mind to whom you give it\n");
    }
    Ok(text + &remarks(&manifest.issues))
}

/// Of which process a capture is, and of when.
pub(crate) fn describe(manifest: &Manifest) -> String {
    let target = &manifest.target;
    let mut text = format!("process {}", target.pid);
    if let Some(python) = &target.python {
        let _ = write!(text, ", Python {}", harmless(python));
    }
    let _ = write!(text, ", {}", clock::rfc3339(manifest.taken.unix_ns));
    if !target.command.is_empty() {
        let words: Vec<&str> = target.command.split_whitespace().collect();
        let command: String = words.join(" ").chars().take(80).collect();
        let _ = write!(text, ", {}", harmless(&command));
    }
    text
}

fn paused(manifest: &Manifest) -> String {
    match manifest.paused_ns {
        0 => "the process was not paused".into(),
        ns => format!("the process was paused for {}", human::ns(ns as f64)),
    }
}
