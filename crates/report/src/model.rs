//! The report as data: exactly the document of `docs/report.md`, with additions at its end.

use diagnose::Verdict;
use diagnose::account::PartGrowth;
use diagnose::comparison::{Comparison, RunFigures};
use diff::{TableDiff, TableTrend};
use probe::{Finding, Issue, Level};
use serde::{Deserialize, Serialize};

/// Everything a run has to say.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Always [`Report::SCHEMA`].
    pub schema: String,
    /// Who made it.
    pub tool: Tool,
    /// What was watched.
    pub target: TargetInfo,
    /// At which level.
    pub level: Level,
    /// RFC 3339.
    pub started_at: String,
    /// Seconds.
    pub duration_s: f64,
    /// What it cost the target.
    pub pauses: Pauses,
    /// Is it a leak, how bad.
    pub verdict: Verdict,
    /// What leaks, most important first.
    pub findings: Vec<Finding>,
    /// What is missing or less exact.
    pub issues: Vec<Issue>,
    /// Added field: in which parts of memory the growth is, from the account at the beginning and
    /// at the end; only there when memory was told apart.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub account: Vec<PartGrowth>,
    /// Added field: what to run next, as commands to paste with a reason each.
    #[serde(default)]
    pub next: Vec<NextStep>,
    /// Added field: what is not known at this level, one sentence each.
    #[serde(default)]
    pub unknown: Vec<String>,
    /// Added field: the judged series, seconds and bytes.
    #[serde(default)]
    pub series: Vec<(f64, f64)>,
    /// Added field: every table that any probe yielded, with its trend.
    #[serde(default)]
    pub tables: Vec<TableTrend>,
    /// Added field: what `memprobe check` decided; only there when it was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<CheckResult>,
}

/// What `memprobe check` decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckResult {
    /// `None`: undecided.
    pub passed: Option<bool>,
    /// The growth that was allowed, in words; `None`: no leak at all.
    pub limit: Option<String>,
    /// One sentence, for people; the first line of a text report of a check.
    pub message: String,
}

/// Two recordings or captures compared: what each is, and their tables subtracted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DiffReport {
    /// The earlier one.
    pub before: Side,
    /// The later one.
    pub after: Side,
    /// The tables that differ.
    pub tables: Vec<TableDiff>,
    /// What could not be compared.
    pub issues: Vec<Issue>,
}

/// One of two recordings or captures that are compared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Side {
    /// Its file or folder.
    pub file: String,
    /// The verdict on it; a capture is of one moment and has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// What else is to be said of it: of which process it is, and when it was taken.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub about: String,
}

/// Two commands, run in turn and compared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CompareReport {
    /// Always [`CompareReport::SCHEMA`].
    pub schema: String,
    /// Who made it.
    pub tool: Tool,
    /// RFC 3339.
    pub started_at: String,
    /// Seconds that all runs took together.
    pub duration_s: f64,
    /// Seconds after which a run was stopped.
    pub seconds_per_run: f64,
    /// What was changed, where one command was run with and without it.
    pub change: Option<String>,
    /// The first side.
    pub a: CompareSide,
    /// The second.
    pub b: CompareSide,
    /// The answer.
    pub verdict: Comparison,
    /// What is missing or less exact.
    pub issues: Vec<Issue>,
    /// What to run next.
    pub next: Vec<NextStep>,
}

/// One of two commands that are compared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CompareSide {
    /// The command.
    pub command: String,
    /// Its runs, in the order in which they were made.
    pub runs: Vec<RunFigures>,
}

impl CompareReport {
    /// The name and version of the document.
    pub const SCHEMA: &'static str = "memprobe.compare/1";
}

impl Report {
    /// The name and version of the document.
    pub const SCHEMA: &'static str = "memprobe.report/1";
}

/// Name and version of the program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tool {
    /// `memprobe`.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// What was watched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetInfo {
    /// PID (the first, when several were given).
    pub pid: u32,
    /// RFC 3339.
    pub started_at: Option<String>,
    /// Command line.
    pub command: String,
    /// Path of the executable.
    pub exe: Option<String>,
    /// "3.11.7", if it runs CPython and a probe has said so.
    pub python: Option<String>,
    /// The highest number of processes seen at once.
    pub processes: u64,
}

/// For how long the target stood still.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pauses {
    /// How often.
    pub count: u64,
    /// The longest, milliseconds.
    pub max_ms: f64,
    /// All together, milliseconds.
    pub total_ms: f64,
    /// `none`, `stop` or `fork`.
    pub method: String,
}

impl Default for Pauses {
    fn default() -> Self {
        Self { count: 0, max_ms: 0.0, total_ms: 0.0, method: "none".into() }
    }
}

/// A command to run next, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextStep {
    /// The command, to be pasted.
    pub command: String,
    /// What it will tell.
    pub why: String,
}
