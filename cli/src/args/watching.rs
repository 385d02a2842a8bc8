//! What is watched for a while: `watch` and `check`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum, ValueHint};

use super::choices::{Format, FreezeArg, LevelArg};
use crate::units::{self, GrowthLimit};

/// Which process, how deep, how long, and what to do with the answer.
#[derive(Clone, Debug, Args)]
pub struct WatchArgs {
    /// Which processes.
    #[command(flatten)]
    pub target: TargetArgs,

    /// How to look.
    #[command(flatten)]
    pub look: LookArgs,

    /// What to do with the answer.
    #[command(flatten)]
    pub output: OutputArgs,

    /// End with status 1 when this is the verdict; may be given several times
    #[arg(long, value_name = "VERDICT", value_delimiter = ',')]
    pub fail_on: Vec<FailOn>,

    /// End with the exit status of the command that was started, unless memprobe has one to give
    #[arg(long, requires = "command_line")]
    pub pass_status: bool,

    /// Run the command this many times and say whether the growth repeats
    #[arg(long, value_name = "N", default_value_t = 1, requires = "command_line",
          value_parser = clap::value_parser!(u32).range(1..=100))]
    pub repeat: u32,

    /// Start this command and watch it
    #[arg(last = true, value_name = "COMMAND", value_hint = ValueHint::CommandWithArguments)]
    pub command_line: Vec<String>,
}

/// Which processes.
#[derive(Clone, Debug, Default, Args)]
pub struct TargetArgs {
    /// Watch this process and its children; may be given several times
    #[arg(short, long, value_name = "PID", value_delimiter = ',',
          value_parser = clap::value_parser!(u32).range(1..))]
    pub pid: Vec<u32>,

    /// Watch every process whose command line matches this regular expression
    #[arg(short, long, value_name = "REGEX")]
    pub r#match: Option<String>,
}

/// How to look.
#[derive(Clone, Debug, Default, Args)]
pub struct LookArgs {
    /// How deep to look
    #[arg(short, long, value_enum, default_value_t = LevelArg::High, conflicts_with = "preset")]
    pub level: LevelArg,

    /// Use this preset instead of a level: a file, or a name in the configuration folder
    #[arg(long, value_name = "NAME|FILE", value_hint = ValueHint::FilePath)]
    pub preset: Option<String>,

    /// Ask this plugin too: a name, or a file; may be given several times
    #[arg(long, value_name = "NAME|FILE", value_hint = ValueHint::FilePath)]
    pub plugin: Vec<String>,

    /// Watch for this long; without it, until the answer is sure, at most 50 s (a command that
    /// was started: until it ends)
    #[arg(long = "for", value_name = "DURATION", value_parser = units::duration)]
    pub duration: Option<Duration>,

    /// Look this often instead of as the preset says
    #[arg(long, value_name = "DURATION", value_parser = units::duration)]
    pub every: Option<Duration>,

    /// Hold the process still while its memory is read
    #[arg(long, value_name = "HOW", value_enum, default_value_t = FreezeArg::Auto)]
    pub freeze: FreezeArg,

    /// Count events in this file: a log that grows by lines, or a file that holds a number
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub events: Option<PathBuf>,

    /// Count lines that match (in --events FILE, or in the output of the command); a group that
    /// matches a number gives the total so far
    #[arg(long, value_name = "REGEX")]
    pub event_regex: Option<String>,
}

/// What to do with the answer.
#[derive(Clone, Debug, Args)]
pub struct OutputArgs {
    /// Form of the report
    #[arg(short, long, value_enum, default_value_t = Format::Text)]
    pub format: Format,

    /// Write the report to this file instead of standard output (a started command's text
    /// report: instead of standard error)
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub output: Option<PathBuf>,

    /// Keep the whole series in this file, for `memprobe report` and `memprobe diff`
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub record: Option<PathBuf>,

    /// Overwrite the files of --output and --record if they exist
    #[arg(long)]
    pub force: bool,
}

/// Verdicts that make a run fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FailOn {
    /// It is a leak
    Leak,
    /// It cannot be told
    Undecided,
}

/// Prove that a leak is fixed.
#[derive(Clone, Debug, Args)]
pub struct CheckArgs {
    /// How to look.
    #[command(flatten)]
    pub look: LookArgs,

    /// What to do with the answer.
    #[command(flatten)]
    pub output: OutputArgs,

    /// Allow this much growth; without it any leak fails
    #[arg(long, value_name = "RATE", value_parser = units::growth_limit)]
    pub max_growth: Option<GrowthLimit>,

    /// Run the command this many times
    #[arg(long, value_name = "N", default_value_t = 1,
          value_parser = clap::value_parser!(u32).range(1..=100))]
    pub repeat: u32,

    /// Do not judge the first part of a run: the program is warming up
    #[arg(long, value_name = "DURATION", value_parser = units::duration)]
    pub warmup: Option<Duration>,

    /// Let an undecided answer pass, with a warning
    #[arg(long)]
    pub allow_undecided: bool,

    /// The command; a server that does not end by itself needs --for
    #[arg(last = true, required = true, value_name = "COMMAND",
          value_hint = ValueHint::CommandWithArguments)]
    pub command_line: Vec<String>,
}
