//! Experiments: what changes a running process for a while.

use std::time::Duration;

use clap::{Args, Subcommand, ValueHint};

use super::choices::Format;
use super::comparing::RunsArgs;
use crate::units;

/// Change one thing in a running process, for a while, and say what difference it makes.
#[derive(Clone, Debug, Subcommand)]
pub enum TryCmd {
    /// Turn the garbage collector off for a while: do cycles make the memory grow?
    GcOff(GcOffArgs),
    /// Set the thresholds of the garbage collector for a while: does it run often enough?
    GcThresholds(GcThresholdsArgs),
    /// Have glibc's malloc give back what it keeps: is it a leak, or memory that is free?
    Trim(TrimArgs),
    /// Have the interpreter's allocator tell of itself, beside what is read of it from outside
    Debugmallocstats(DebugmallocstatsArgs),
    /// Run a command with and without variables in its environment, such as MALLOC_ARENA_MAX=2
    Env(EnvArgs),
    /// Run a command with the Python it names and with another one
    Python(PythonArgs),
    /// Collect garbage now: what comes back, by type, and why had it not?
    GcCollect(GcCollectArgs),
    /// Trace where memory is allocated, for a while: which lines make what stays?
    Tracemalloc(TracemallocArgs),
}

/// What all experiments have in common.
#[derive(Clone, Debug, Args)]
pub struct TrialArgs {
    /// The process
    #[arg(short, long, value_name = "PID", value_parser = clap::value_parser!(u32).range(1..))]
    pub pid: u32,
    /// Form of the answer; JSON is `memprobe.try/1`
    #[arg(short, long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// Show at most this many rows of a table; JSON has all
    #[arg(long, value_name = "N", default_value_t = 15)]
    pub rows: usize,
}

/// Turn the garbage collector off for a while, or for all of the runs of a command.
#[derive(Clone, Debug, Args)]
pub struct GcOffArgs {
    /// The process; or a command after `--`, which is run in turn with and without the collector
    #[arg(short, long, value_name = "PID", required_unless_present = "command_line",
          conflicts_with = "command_line", value_parser = clap::value_parser!(u32).range(1..))]
    pub pid: Option<u32>,
    /// For how long it is off (60s), of which half, at most 30 s, is measured before and after; of a
    /// command: after how long a run is stopped (30s)
    #[arg(long = "for", value_name = "DURATION", value_parser = units::duration)]
    pub duration: Option<Duration>,
    /// Form of the answer; JSON is `memprobe.try/1`, of a command `memprobe.compare/1`
    #[arg(short, long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// Show at most this many rows of a table; JSON has all
    #[arg(long, value_name = "N", default_value_t = 15, conflicts_with = "command_line")]
    pub rows: usize,
    /// Run each side of a command this many times
    #[arg(short = 'n', long, value_name = "N", default_value_t = 3, conflicts_with = "pid",
          value_parser = clap::value_parser!(u32).range(2..=50))]
    pub runs: u32,
    /// Do not judge the first part of each run of a command
    #[arg(long, value_name = "DURATION", value_parser = units::duration, conflicts_with = "pid")]
    pub warmup: Option<Duration>,
    /// Count the lines of the output of a command that match; a group that matches a number gives
    /// the total so far
    #[arg(long, value_name = "REGEX", conflicts_with = "pid")]
    pub event_regex: Option<String>,
    /// The command
    #[arg(last = true, value_name = "COMMAND", value_hint = ValueHint::CommandWithArguments)]
    pub command_line: Vec<String>,
}

impl GcOffArgs {
    /// How a process is tried.
    #[must_use]
    pub fn trial(&self, pid: u32) -> TrialArgs {
        TrialArgs { pid, format: self.format, rows: self.rows }
    }

    /// How a command is tried.
    #[must_use]
    pub fn runs(&self) -> RunsArgs {
        RunsArgs {
            runs: self.runs,
            duration: self.duration.unwrap_or(Duration::from_secs(30)),
            warmup: self.warmup,
            every: None,
            events: None,
            event_regex: self.event_regex.clone(),
            fail_on: Vec::new(),
            format: self.format,
            output: None,
            force: false,
        }
    }
}

/// Run a command with and without variables in its environment.
#[derive(Clone, Debug, Args)]
pub struct EnvArgs {
    /// The variables, such as PYTHONMALLOC=malloc
    #[arg(required = true, value_name = "NAME=VALUE", value_parser = variable)]
    pub variables: Vec<(String, String)>,
    /// How both are run
    #[command(flatten)]
    pub runs: RunsArgs,
    /// The command
    #[arg(last = true, required = true, value_name = "COMMAND",
          value_hint = ValueHint::CommandWithArguments)]
    pub command_line: Vec<String>,
}

/// Run a command with another Python.
#[derive(Clone, Debug, Args)]
pub struct PythonArgs {
    /// The other Python, such as that of another environment: it takes the place of the first word
    /// of the command
    #[arg(value_name = "PYTHON", value_hint = ValueHint::ExecutablePath)]
    pub python: String,
    /// How both are run
    #[command(flatten)]
    pub runs: RunsArgs,
    /// The command, a Python and what it runs
    #[arg(last = true, required = true, value_name = "COMMAND",
          value_hint = ValueHint::CommandWithArguments)]
    pub command_line: Vec<String>,
}

fn variable(text: &str) -> Result<(String, String), String> {
    let wrong = || format!("`{text}` is no variable: write for example MALLOC_ARENA_MAX=2");
    let (name, value) = text.split_once('=').ok_or_else(wrong)?;
    if name.is_empty() { Err(wrong()) } else { Ok((name.into(), value.into())) }
}

/// Set the thresholds of the garbage collector for a while.
#[derive(Clone, Debug, Args)]
pub struct GcThresholdsArgs {
    /// What and how
    #[command(flatten)]
    pub trial: TrialArgs,
    /// The thresholds, as `gc.set_threshold` takes them; those that are left out stay
    #[arg(long, value_name = "T0[,T1[,T2]]", value_parser = thresholds)]
    pub set: Thresholds,
    /// For how long they are set; half of that, at most 30 s, is measured before and after
    #[arg(long = "for", value_name = "DURATION", value_parser = units::duration, default_value = "60s")]
    pub duration: Duration,
}

/// Have glibc's malloc give back what it keeps.
#[derive(Clone, Debug, Args)]
pub struct TrimArgs {
    /// What and how
    #[command(flatten)]
    pub trial: TrialArgs,
    /// For how long it is watched afterwards whether the program takes the memory again
    #[arg(long = "for", value_name = "DURATION", value_parser = units::duration, default_value = "5s")]
    pub duration: Duration,
    /// How long the main thread may take to come to a place where it holds no lock
    #[arg(long, value_name = "DURATION", value_parser = units::duration, default_value = "10s")]
    pub patience: Duration,
}

/// Have the interpreter's allocator tell of itself.
#[derive(Clone, Debug, Args)]
pub struct DebugmallocstatsArgs {
    /// What and how
    #[command(flatten)]
    pub trial: TrialArgs,
    /// Of the code that runs in it
    #[command(flatten)]
    pub delivery: DeliveryArgs,
}

/// What experiments have in common that run code in the process.
#[derive(Clone, Debug, Args)]
pub struct DeliveryArgs {
    /// How long the main thread may take to come to the code; then it is taken back
    #[arg(long, value_name = "DURATION", value_parser = units::duration, default_value = "10s")]
    pub patience: Duration,
}

/// Collect garbage now.
#[derive(Clone, Debug, Args)]
pub struct GcCollectArgs {
    /// What and how
    #[command(flatten)]
    pub trial: TrialArgs,
    /// Of the code that runs in it
    #[command(flatten)]
    pub delivery: DeliveryArgs,
}

/// Trace where memory is allocated, for a while.
#[derive(Clone, Debug, Args)]
pub struct TracemallocArgs {
    /// What and how
    #[command(flatten)]
    pub trial: TrialArgs,
    /// Of the code that runs in it
    #[command(flatten)]
    pub delivery: DeliveryArgs,
    /// Frames of a traceback that are kept; more say more and cost more
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub frames: u32,
    /// For how long it is on; it ends at that time even if memprobe is gone
    #[arg(long = "for", value_name = "DURATION", value_parser = units::duration, default_value = "60s")]
    pub duration: Duration,
}

/// One to three thresholds, youngest generation first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thresholds(pub Vec<u32>);

fn thresholds(text: &str) -> Result<Thresholds, String> {
    let wrong = || format!("`{text}` are no thresholds: write for example 700 or 700,10,10");
    let number = |part: &str| part.trim().parse::<u32>().ok().filter(|&n| n <= i32::MAX as u32);
    let all: Option<Vec<u32>> = text.split(',').map(number).collect();
    all.filter(|all| all.len() <= 3).map(Thresholds).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_are_one_to_three_numbers() {
        assert_eq!(thresholds("700"), Ok(Thresholds(vec![700])));
        assert_eq!(thresholds("0, 5,7"), Ok(Thresholds(vec![0, 5, 7])));
        for wrong in ["", "a", "-1", "1,2,3,4", "1,,2", "4000000000"] {
            assert!(thresholds(wrong).is_err(), "{wrong}");
        }
    }
}
