//! Experiments: what changes a running process for a while.

use std::time::Duration;

use clap::{Args, Subcommand};

use super::choices::Format;
use crate::units;

/// Change one thing in a running process, for a while, and say what difference it makes.
#[derive(Clone, Debug, Subcommand)]
pub enum TryCmd {
    /// Turn the garbage collector off for a while: do cycles make the memory grow?
    GcOff(GcOffArgs),
    /// Set the thresholds of the garbage collector for a while: does it run often enough?
    GcThresholds(GcThresholdsArgs),
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

/// Turn the garbage collector off for a while.
#[derive(Clone, Debug, Args)]
pub struct GcOffArgs {
    /// What and how
    #[command(flatten)]
    pub trial: TrialArgs,
    /// For how long it is off; half of that, at most 30 s, is measured before and after
    #[arg(long = "for", value_name = "DURATION", value_parser = units::duration, default_value = "60s")]
    pub duration: Duration,
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
