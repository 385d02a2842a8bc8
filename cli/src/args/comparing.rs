//! Commands that are run several times and compared.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum, ValueHint};

use super::choices::Format;
use crate::units;

/// Compare two commands.
#[derive(Clone, Debug, Args)]
pub struct CompareArgs {
    /// The first command, as one argument: 'python3 server.py'
    #[arg(value_name = "A", value_hint = ValueHint::CommandString)]
    pub a: String,

    /// The second, such as the same with a fix: 'env MALLOC_ARENA_MAX=2 python3 server.py'
    #[arg(value_name = "B", value_hint = ValueHint::CommandString)]
    pub b: String,

    /// Have a shell run both, for pipes and variables
    #[arg(long)]
    pub shell: bool,

    /// How they are run.
    #[command(flatten)]
    pub trial: RunsArgs,
}

/// How both sides are run, and what to do with the answer.
#[derive(Clone, Debug, Args)]
pub struct RunsArgs {
    /// Run each side this many times
    #[arg(short = 'n', long, value_name = "N", default_value_t = 3,
          value_parser = clap::value_parser!(u32).range(2..=50))]
    pub runs: u32,

    /// Stop a run after this long; one that ends by itself before is watched for all of its life
    #[arg(long = "for", value_name = "DURATION", default_value = "30s",
          value_parser = units::duration)]
    pub duration: Duration,

    /// Do not judge the first part of each run: the program is warming up
    #[arg(long, value_name = "DURATION", value_parser = units::duration)]
    pub warmup: Option<Duration>,

    /// Look this often instead of as the preset says
    #[arg(long, value_name = "DURATION", value_parser = units::duration)]
    pub every: Option<Duration>,

    /// Count events in this file: a log that grows by lines, or a file that holds a number
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub events: Option<PathBuf>,

    /// Count lines that match (in --events FILE, or in the output of the commands); a group that
    /// matches a number gives the total so far
    #[arg(long, value_name = "REGEX")]
    pub event_regex: Option<String>,

    /// End with status 1 when this is the answer; may be given several times
    #[arg(long, value_name = "ANSWER", value_delimiter = ',')]
    pub fail_on: Vec<FailOnAnswer>,

    /// Form of the answer
    #[arg(short, long, value_enum, default_value_t = Format::Text)]
    pub format: Format,

    /// Write the answer to this file instead of standard output
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub output: Option<PathBuf>,

    /// Overwrite the file of --output if it exists
    #[arg(long)]
    pub force: bool,
}

/// Answers that make a comparison fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FailOnAnswer {
    /// B grows more than A
    Worse,
    /// B does not grow less than A, or it cannot be told: B is no fix
    NotBetter,
    /// It cannot be told
    Undecided,
}
