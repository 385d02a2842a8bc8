//! What is done with captures and recordings.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::choices::Format;

/// Print the tables of a capture.
#[derive(Clone, Debug, Args)]
pub struct ShowArgs {
    /// The capture
    #[arg(value_hint = ValueHint::DirPath)]
    pub folder: PathBuf,
    /// Show this table alone; may be given several times
    #[arg(long, value_name = "NAME")]
    pub table: Vec<String>,
    /// Show at most this many rows of a table
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub rows: usize,
    /// Form of the answer; JSON is the manifest, and the tables with all their rows
    #[arg(short, long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

/// Compare two recordings, or two captures.
#[derive(Clone, Debug, Args)]
pub struct DiffArgs {
    /// The earlier recording or capture
    #[arg(value_hint = ValueHint::AnyPath)]
    pub before: PathBuf,
    /// The later one
    #[arg(value_hint = ValueHint::AnyPath)]
    pub after: PathBuf,
    /// Form of the answer
    #[arg(short, long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

/// Make the report of a recording again.
#[derive(Clone, Debug, Args)]
pub struct ReportArgs {
    /// The recording
    #[arg(value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// Form of the report
    #[arg(short, long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// Write the report to this file instead of standard output
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub output: Option<PathBuf>,
    /// Overwrite the file of --output if it exists
    #[arg(long)]
    pub force: bool,
}
