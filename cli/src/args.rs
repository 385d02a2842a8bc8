//! The command line, as clap sees it: dumb values. [`crate::watch`] makes sense of them.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};

use crate::units::{self, GrowthLimit};

/// Finds memory leaks of running Python processes, from outside, without touching the code.
///
/// Watches a process, says whether it leaks, how badly, how often and whether that repeats,
/// what grows, and what to run next.
#[derive(Debug, Parser)]
#[command(
    name = "memprobe",
    version,
    args_conflicts_with_subcommands = true,
    after_help = "Exit status: 0 it ran; 1 --fail-on (or check) is met; 2 error; 3 the target could \
                  not be reached, or ended before anything was measured."
)]
pub struct Cli {
    /// Without a subcommand: watch.
    #[command(flatten)]
    pub watch: WatchArgs,

    /// What else it can do.
    #[command(subcommand)]
    pub command: Option<Cmd>,

    /// Options of every command.
    #[command(flatten)]
    pub global: GlobalArgs,
}

/// Options of every command.
#[derive(Clone, Debug, Args)]
pub struct GlobalArgs {
    /// Say more about what is done, on standard error (-v, -vv, -vvv)
    #[arg(short, long, action = clap::ArgAction::Count, global = true)]
    pub verbose: u8,

    /// Show no progress, only the result and errors
    #[arg(short, long, global = true)]
    pub quiet: bool,

    /// Look for plugins in this folder first; may be given several times
    #[arg(long, value_name = "DIR", global = true, value_hint = ValueHint::DirPath)]
    pub plugin_dir: Vec<PathBuf>,
}

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
#[derive(Clone, Debug, Args)]
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

/// How deep to look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LevelArg {
    /// Platform numbers: leak or not, how badly, how often; costs the target nothing
    #[default]
    High,
    /// And what the Python interpreter knows
    Medium,
    /// And the native heap
    Low,
}

/// Form of a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    #[default]
    Text,
    /// For programs: `memprobe.report/1`
    Json,
    /// For pasting into an issue tracker
    Markdown,
}

/// Verdicts that make a run fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FailOn {
    /// It is a leak
    Leak,
    /// It cannot be told
    Undecided,
}

/// Subcommands.
#[derive(Debug, Subcommand)]
pub enum Cmd {
    /// Prove that a leak is fixed: run a command and fail if it still leaks
    Check(CheckArgs),
    /// Keep everything about this moment of a process in a folder of Parquet tables
    Capture(CaptureArgs),
    /// Print the tables of a capture
    Show(ShowArgs),
    /// Compare two recordings, or two captures
    Diff(DiffArgs),
    /// Make the report of a recording again
    Report(ReportArgs),
    /// Count the live Python objects of a process by type, once
    Census(AnswerArgs),
    /// Say what the small-block allocator of a Python process holds, once
    Pymalloc(AnswerArgs),
    /// Say how the garbage collector of a Python process stands, once
    Gc(AnswerArgs),
    /// Say what works on a process, what does not, why, and the one thing to change
    Doctor(DoctorArgs),
    /// Print the Python stacks of all threads of a process, once
    Stacks(AnswerArgs),
    /// Say which lines allocated the memory of a process that has tracemalloc on, once
    Tracemalloc(AnswerArgs),
    /// List the plugins that are found, and where they were looked for
    Plugins,
    /// Work with one plugin
    #[command(subcommand)]
    Plugin(PluginCmd),
    /// Compare the probes by the six characteristics of the trade
    Probes,
    /// List the presets, or show one
    Presets {
        /// What to do; without it: list
        #[command(subcommand)]
        action: Option<PresetsCmd>,
    },
    /// Print the completions of a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    Man,
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
    /// Form of the answer; JSON is the snapshot of the probe
    #[arg(short, long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// Show at most this many rows of a table, or frames of a thread
    #[arg(long, value_name = "N", default_value_t = 30)]
    pub rows: usize,
}

/// Keep everything about one moment of a process.
#[derive(Clone, Debug, Args)]
pub struct CaptureArgs {
    /// The process
    #[arg(short, long, value_name = "PID", value_parser = clap::value_parser!(u32).range(1..))]
    pub pid: u32,
    /// The folder to be made
    #[arg(short, long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub output: PathBuf,
    /// Replace the capture of --output if there is one
    #[arg(long)]
    pub force: bool,
    /// How deep to look
    #[arg(short, long, value_enum, default_value_t = LevelArg::Medium, conflicts_with = "preset")]
    pub level: LevelArg,
    /// Ask the plugins of this preset instead: a file, or a name in the configuration folder
    #[arg(long, value_name = "NAME|FILE", value_hint = ValueHint::FilePath)]
    pub preset: Option<String>,
    /// Ask this plugin too: a name, or a file; may be given several times
    #[arg(long, value_name = "NAME|FILE", value_hint = ValueHint::FilePath)]
    pub plugin: Vec<String>,
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

/// Work with one plugin.
#[derive(Debug, Subcommand)]
pub enum PluginCmd {
    /// Check that a plugin keeps the contract
    Check {
        /// The shared library
        #[arg(value_hint = ValueHint::FilePath)]
        file: PathBuf,
        /// Run the checks in this process; a crash of the plugin is then a crash of memprobe
        #[arg(long, hide = true)]
        in_process: bool,
    },
}

/// Presets.
#[derive(Debug, Subcommand)]
pub enum PresetsCmd {
    /// Print a preset as TOML, to be read or copied
    Show {
        /// A name, or a file
        name: String,
    },
}
