//! The series of a run, as JSON Lines.
//!
//! ```text
//! {"schema":"memprobe.recording/1","tool":{...},"started_unix_ns":...,"level":"high","targets":[...]}
//! {"snapshot":{...}}
//! {"event":{"monotonic_ns":...,"total":...}}
//! {"issue":{"severity":"warning","message":"..."}}
//! {"run":{"number":2,...}}
//! {"end":{...}}
//! ```
//!
//! The first line is the [`Header`], every other line is one [`Item`]. A line is written whole
//! and never changed, so a recording can be read up to its last whole line whenever and however
//! the writer ended; without the `end` line it counts as unfinished, and the reader says so.
//! Readers skip kinds of lines that they do not know and count them, so kinds may be added
//! without a new schema.
//!
//! **Privacy.** A recording holds what the probes saw: command lines with their arguments (which
//! may hold secrets), paths of executables, libraries and open files, names of types. It holds
//! no memory contents. It is made readable by its owner alone (mode 0600); look through it
//! before you hand it on.

mod ends;
mod lines;
mod reader;
mod writer;

use probe::{Issue, Level, Snapshot, Target};
use serde::{Deserialize, Serialize};

pub use ends::{Ends, TableEnds};
pub use reader::{ReadLimits, Recording};
pub use writer::{Existing, Writer};

/// Name of the format without its version.
const FORMAT: &str = "memprobe.recording";

/// The first line: what was recorded, by whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// Always [`Header::SCHEMA`].
    pub schema: String,
    /// The program that wrote it.
    pub tool: Tool,
    /// When the run began, nanoseconds since the Unix epoch.
    pub started_unix_ns: u64,
    /// The level of the run.
    pub level: Level,
    /// The processes that were named when the run began; more may join (children, further runs).
    #[serde(default)]
    pub targets: Vec<Target>,
    /// The preset of the run, by name or path.
    #[serde(default)]
    pub preset: Option<String>,
    /// The command that was started, if it was not attached to; arguments joined by spaces.
    #[serde(default)]
    pub command: Option<String>,
}

impl Header {
    /// Name and version of the format.
    pub const SCHEMA: &'static str = "memprobe.recording/1";
    /// The version in [`Header::SCHEMA`].
    const VERSION: u64 = 1;

    /// A header with nothing optional in it.
    #[must_use]
    pub fn new(tool: Tool, started_unix_ns: u64, level: Level, targets: Vec<Target>) -> Self {
        let schema = Self::SCHEMA.into();
        Self { schema, tool, started_unix_ns, level, targets, preset: None, command: None }
    }
}

/// Name and version of a program.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tool {
    /// Name.
    pub name: String,
    /// Version.
    pub version: String,
}

/// One line after the header.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Item {
    /// A look of one probe at one target.
    Snapshot(Box<Snapshot>),
    /// How many events had happened by a moment.
    Event(Event),
    /// Something the run itself (not a probe) lost or wants known, or, from the reader,
    /// something that is wrong with the recording.
    Issue(Issue),
    /// A further run begins.
    Run(Run),
    /// The run ended as it should; nothing comes after.
    End(End),
}

/// How many events had happened by a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// The moment, on the clock of [`probe::Taken::monotonic_ns`].
    pub monotonic_ns: u64,
    /// Events since the run began.
    pub total: u64,
}

/// A run begins, where a command is run several times.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// 1 for the first.
    pub number: u64,
    /// When, on the clock of [`probe::Taken::monotonic_ns`].
    pub monotonic_ns: u64,
    /// The process of this run.
    #[serde(default)]
    pub target: Option<Target>,
}

/// The last line of a finished recording.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// When, nanoseconds since the Unix epoch.
    pub unix_ns: u64,
    /// How many snapshots were written before; the writer fills it in.
    #[serde(default)]
    pub snapshots: u64,
    /// Why the run ended, in words: `time is up`, `the process ended with status 1`.
    #[serde(default)]
    pub reason: String,
}

/// The same as [`Item`], borrowed, for writing.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum ItemRef<'a> {
    Snapshot(&'a Snapshot),
    Event(&'a Event),
    Issue(&'a Issue),
    Run(&'a Run),
    End(&'a End),
}
