//! Questions to the graph of objects.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueHint};

use super::choices::{Format, FreezeArg};
use crate::units;

/// Which graph, and how it is told.
#[derive(Clone, Debug, Args)]
pub struct GraphArgs {
    /// The capture
    #[arg(value_name = "CAPTURE", value_hint = ValueHint::DirPath, required_unless_present = "pid")]
    pub capture: Option<PathBuf>,
    /// Look at this process instead of a capture
    #[arg(short, long, value_name = "PID", value_parser = clap::value_parser!(u32).range(1..),
          conflicts_with = "capture")]
    pub pid: Option<u32>,
    /// How the answer is told.
    #[command(flatten)]
    pub told: ToldArgs,
}

impl GraphArgs {
    /// What another question to the same graph is asked of.
    #[must_use]
    pub fn of(&self) -> String {
        asked_of(self.pid, "CAPTURE")
    }
}

/// What a question is asked of: a process, if there is one that was asked, or else this capture.
#[must_use]
pub fn asked_of(pid: Option<u32>, capture: &str) -> String {
    pid.map_or_else(|| capture.to_owned(), |pid| format!("--pid {pid}"))
}

/// How an answer is told.
#[derive(Clone, Debug, Args)]
pub struct ToldArgs {
    /// Hold the process still while its memory is read
    #[arg(long, value_name = "HOW", value_enum, default_value_t = FreezeArg::Auto)]
    pub freeze: FreezeArg,
    /// Form of the answer
    #[arg(short, long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// Show at most this many rows of a table
    #[arg(long, value_name = "N", default_value_t = 15)]
    pub rows: usize,
}

/// Who holds it.
#[derive(Clone, Debug, Args)]
pub struct HoldersArgs {
    /// Which graph.
    #[command(flatten)]
    pub graph: GraphArgs,
    /// The objects of this type, by its full name
    #[arg(
        short,
        long = "type",
        value_name = "TYPE",
        required_unless_present = "object",
        conflicts_with = "object"
    )]
    pub type_name: Option<String>,
    /// The object at this address, in hexadecimal
    #[arg(long, value_name = "ADDR", value_parser = address)]
    pub object: Option<u64>,
    /// Count what would be freed, instead of telling at most how much that is: takes longer
    #[arg(long)]
    pub retained: bool,
    /// Draw the ways into this file too: dot, or svg if the program `dot` is there
    #[arg(long = "graph", value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub drawing: Option<PathBuf>,
}

fn address(text: &str) -> Result<u64, String> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    u64::from_str_radix(digits, 16).map_err(|_| "an address is hexadecimal: 0x7f12ab34cd10".into())
}

/// What holds most.
#[derive(Clone, Debug, Args)]
pub struct BiggestArgs {
    /// Which graph.
    #[command(flatten)]
    pub graph: GraphArgs,
}

/// The tree of dominators.
#[derive(Clone, Debug, Args)]
pub struct DominatorsArgs {
    /// Which graph.
    #[command(flatten)]
    pub graph: GraphArgs,
    /// How many levels
    #[arg(long, value_name = "N", default_value_t = 3,
          value_parser = clap::value_parser!(u32).range(1..=64))]
    pub depth: u32,
}

/// What cycles keep.
#[derive(Clone, Debug, Args)]
pub struct GarbageArgs {
    /// Which graph.
    #[command(flatten)]
    pub graph: GraphArgs,
}

/// Reference counts.
#[derive(Clone, Debug, Args)]
pub struct AuditArgs {
    /// Which graph.
    #[command(flatten)]
    pub graph: GraphArgs,
}

/// Growth between two captures.
#[derive(Clone, Debug, Args)]
pub struct LeaksArgs {
    /// The earlier capture
    #[arg(value_name = "BEFORE", value_hint = ValueHint::DirPath, requires = "after",
          required_unless_present = "pid")]
    pub before: Option<PathBuf>,
    /// The later capture
    #[arg(value_name = "AFTER", value_hint = ValueHint::DirPath)]
    pub after: Option<PathBuf>,
    /// Look at this process twice instead
    #[arg(short, long, value_name = "PID", value_parser = clap::value_parser!(u32).range(1..),
          conflicts_with = "before")]
    pub pid: Option<u32>,
    /// How long to wait between the two looks
    #[arg(long = "for", value_name = "DURATION", value_parser = units::duration,
          default_value = "20s")]
    pub duration: Duration,
    /// How the answer is told.
    #[command(flatten)]
    pub told: ToldArgs,
}
