//! The command line, as clap sees it: dumb values. [`crate::watch`] makes sense of them.

mod choices;
mod comparing;
mod graph;
mod kept;
mod moment;
mod try_;
mod watching;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueHint};

pub use choices::{Format, FreezeArg, LevelArg};
pub use comparing::{CompareArgs, FailOnAnswer, RunsArgs};
pub use graph::{
    AuditArgs, BiggestArgs, DominatorsArgs, GarbageArgs, GraphArgs, HoldersArgs, LeaksArgs,
    ToldArgs, asked_of,
};
pub use kept::{DiffArgs, ReportArgs, ShowArgs};
pub use moment::{AccountArgs, AnswerArgs, BlocksArgs, CaptureArgs, DoctorArgs};
pub use try_::{
    DebugmallocstatsArgs, DeliveryArgs, EnvArgs, GcCollectArgs, GcOffArgs, GcThresholdsArgs,
    PythonArgs, Thresholds, TracemallocArgs, TrialArgs, TrimArgs, TryCmd,
};
pub use watching::{CheckArgs, FailOn, LookArgs, OutputArgs, TargetArgs, WatchArgs};

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

/// Subcommands.
#[derive(Debug, Subcommand)]
pub enum Cmd {
    /// Prove that a leak is fixed: run a command and fail if it still leaks
    Check(CheckArgs),
    /// Keep everything about this moment of a process in a folder of Parquet tables
    Capture(CaptureArgs),
    /// Say who holds the objects of a type, or an object, and what would be freed with them
    Holders(HoldersArgs),
    /// Say which objects and types hold most memory alone
    Biggest(BiggestArgs),
    /// Print the tree of what holds what alone
    Dominators(DominatorsArgs),
    /// Say what only reference cycles keep
    Garbage(GarbageArgs),
    /// Say which reference counts nothing in the process accounts for
    Audit(AuditArgs),
    /// Say what grew between two captures, and what holds it
    Leaks(LeaksArgs),
    /// Print the tables of a capture
    Show(ShowArgs),
    /// Run two commands in turn and say whether what differs makes a difference to their memory
    Compare(CompareArgs),
    /// Compare two recordings, or two captures
    Diff(DiffArgs),
    /// Make the report of a recording again
    Report(ReportArgs),
    /// Say what every resident byte of a process is used for, and with --for which part grows
    Account(AccountArgs),
    /// Count the live Python objects of a process by type, once
    Census(AnswerArgs),
    /// Say what the small-block allocator of a Python process holds, once
    Pymalloc(AnswerArgs),
    /// Say what glibc's malloc holds in a process, free and in use, once
    Malloc(AnswerArgs),
    /// Say what each native block of a Python process is, and what holds it, once
    Blocks(BlocksArgs),
    /// Say how the garbage collector of a Python process stands, once
    Gc(AnswerArgs),
    /// Change one thing in a running process, for a while, and say what difference it makes
    #[command(subcommand)]
    Try(TryCmd),
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
