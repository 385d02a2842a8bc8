//! What is asked of one moment of a process.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueHint};

use super::choices::{Format, FreezeArg, LevelArg};
use crate::units;

/// One question, asked once.
#[derive(Clone, Debug, Args)]
pub struct AnswerArgs {
    /// The process
    #[arg(short, long, value_name = "PID", value_parser = clap::value_parser!(u32).range(1..),
          required_unless_present = "core")]
    pub pid: Option<u32>,
    /// Read this core file instead of a process
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with = "pid")]
    pub core: Option<PathBuf>,
    /// Hold the process still while its memory is read
    #[arg(long, value_name = "HOW", value_enum, default_value_t = FreezeArg::Auto)]
    pub freeze: FreezeArg,
    /// Form of the answer; JSON is the snapshot of the probe
    #[arg(short, long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// Show at most this many rows of a table, or frames of a thread
    #[arg(long, value_name = "N", default_value_t = 30)]
    pub rows: usize,
}

/// What native blocks are.
#[derive(Clone, Debug, Args)]
pub struct BlocksArgs {
    /// What every question has
    #[command(flatten)]
    pub answer: AnswerArgs,
    /// Show the first 64 bytes of some blocks, too. Without it no contents leave the process
    #[arg(long)]
    pub samples: bool,
}

/// Every resident byte.
#[derive(Clone, Debug, Args)]
pub struct AccountArgs {
    /// The process
    #[arg(short, long, value_name = "PID", value_parser = clap::value_parser!(u32).range(1..))]
    pub pid: u32,
    /// Look again after so long, and say which rows grew
    #[arg(long = "for", value_name = "DURATION", value_parser = units::duration)]
    pub duration: Option<Duration>,
    /// Hold the process still while its memory is read
    #[arg(long, value_name = "HOW", value_enum, default_value_t = FreezeArg::Auto)]
    pub freeze: FreezeArg,
    /// Form of the answer
    #[arg(short, long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// Show at most this many rows of a table; JSON has all
    #[arg(long, value_name = "N", default_value_t = 15)]
    pub rows: usize,
}

/// Keep everything about one moment of a process.
#[derive(Clone, Debug, Args)]
pub struct CaptureArgs {
    /// The process
    #[arg(short, long, value_name = "PID", value_parser = clap::value_parser!(u32).range(1..),
          required_unless_present = "core")]
    pub pid: Option<u32>,
    /// Read this core file instead of a process
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with = "pid")]
    pub core: Option<PathBuf>,
    /// The folder to be made
    #[arg(short, long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub output: PathBuf,
    /// Replace the capture of --output if there is one
    #[arg(long)]
    pub force: bool,
    /// Keep short contents too: the first 64 characters of every text and bytes, and numbers. Without
    /// it no contents leave the process
    #[arg(long)]
    pub values: bool,
    /// How deep to look
    #[arg(short, long, value_enum, default_value_t = LevelArg::Medium, conflicts_with = "preset")]
    pub level: LevelArg,
    /// Ask the plugins of this preset instead: a file, or a name in the configuration folder
    #[arg(long, value_name = "NAME|FILE", value_hint = ValueHint::FilePath)]
    pub preset: Option<String>,
    /// Ask this plugin too: a name, or a file; may be given several times
    #[arg(long, value_name = "NAME|FILE", value_hint = ValueHint::FilePath)]
    pub plugin: Vec<String>,
    /// Hold the process still while its memory is read
    #[arg(long, value_name = "HOW", value_enum, default_value_t = FreezeArg::Auto)]
    pub freeze: FreezeArg,
    /// Form of what is said of it; JSON is the manifest
    #[arg(short, long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

/// What works on a process.
#[derive(Clone, Debug, Args)]
pub struct DoctorArgs {
    /// The process
    #[arg(value_name = "PID", value_parser = clap::value_parser!(u32).range(1..),
          required_unless_present = "pid", conflicts_with = "pid")]
    pub process: Option<u32>,
    /// The process
    #[arg(short, long, value_name = "PID", value_parser = clap::value_parser!(u32).range(1..))]
    pub pid: Option<u32>,
    /// Form of the answer; JSON is `memprobe.doctor/1`
    #[arg(short, long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}
