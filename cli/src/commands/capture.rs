//! `memprobe capture`: everything that the plugins of a level tell about one moment of a process,
//! as a folder of Parquet tables.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use capture::folder::{Existing, Made, Manifest, Summary, Tool, Writer};
use diff::human;
use plugin_host::OpenOptions;
use probe::{Error, Frozen, Issue, Probe, Request, Result, Severity, Snapshot, Taken, Target};

use crate::args::{CaptureArgs, Format, GlobalArgs, LookArgs};
use crate::commands::answer::remarks;
use crate::exit::{Exit, Failure};
use crate::output::{harmless, to_stdout};
use crate::plan::{Plan, PlannedProbe};
use crate::{clock, interrupt, targets};

/// How long a plugin may take: a heap of 10 million objects takes it some seconds.
const DEADLINE: Duration = Duration::from_secs(600);

/// Looks once with every plugin and writes what comes back.
///
/// # Errors
/// When the folder cannot be written, no plugin could look, or the process cannot be looked at.
pub fn run(args: &CaptureArgs, global: &GlobalArgs) -> Result<Exit, Failure> {
    let plan = Plan::load(&look(args), global)?;
    let target = targets::identify(args.pid).map_err(Failure::of_target)?;
    let existing = if args.force { Existing::Overwrite } else { Existing::Keep };
    let writer = Writer::create(&args.output, existing)?;
    interrupt::remove_at_end(writer.partial().to_owned());
    let mut capture = Capturing::new(writer, target, &plan);
    let mut failed = None;
    for planned in &plan.probes {
        match capture.ask(planned) {
            Ok(snapshot) => capture.keep(&snapshot)?,
            Err(error) => {
                let mut issue = error.to_issue(Severity::Error);
                issue.probe = Some(planned.plugin.descriptor().name.clone());
                capture.lack(issue);
                failed.get_or_insert(error);
            }
        }
    }
    match failed {
        Some(error) if capture.manifest.probes.is_empty() => return Err(Failure::of_target(error)),
        _ => {}
    }
    let (manifest, summary) = capture.finish()?;
    to_stdout(said(args, &manifest, summary)?.as_bytes())?;
    Ok(Exit::Fine)
}

fn look(args: &CaptureArgs) -> LookArgs {
    LookArgs {
        level: args.level,
        preset: args.preset.clone(),
        plugin: args.plugin.clone(),
        duration: None,
        every: None,
        events: None,
        event_regex: None,
    }
}

/// A capture while it is taken.
struct Capturing {
    target: Target,
    /// The copy of the target that all plugins read, where there is one.
    frozen: Option<Frozen>,
    writer: Writer,
    manifest: Manifest,
    began: Instant,
}

impl Capturing {
    fn new(writer: Writer, target: Target, plan: &Plan) -> Self {
        let tool = Tool { name: "memprobe".into(), version: env!("CARGO_PKG_VERSION").into() };
        let taken = Taken { unix_ns: clock::unix_ns(), monotonic_ns: clock::monotonic_ns() };
        let mut manifest = Manifest::new(tool, plan.level, target.clone(), taken);
        manifest.complete = plan.issues.is_empty();
        manifest.issues.clone_from(&plan.issues);
        Self { target, frozen: None, writer, manifest, began: Instant::now() }
    }

    /// Asks a plugin for everything that it can tell.
    fn ask(&self, planned: &PlannedProbe) -> Result<Snapshot> {
        let request = self.request(&planned.plugin.descriptor().name)?;
        let options = OpenOptions { deadline: DEADLINE };
        planned.plugin.open(&planned.config, options)?.snapshot(&request)
    }

    /// All plugins speak of the same moment: what is frozen is named here.
    fn request(&self, probe: &str) -> Result<Request> {
        let folder = self.writer.folder_for(probe)?;
        let capture_dir = std::path::absolute(&folder)
            .map_err(|e| Error::io(e, format!("cannot name the folder {}", folder.display())))?;
        Ok(Request {
            target: self.target.clone(),
            questions: Vec::new(),
            frozen: self.frozen.clone(),
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
        manifest.paused_ns = manifest.paused_ns.saturating_add(snapshot.paused_ns);
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
        paused(manifest),
    );
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
