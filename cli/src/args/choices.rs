//! What several commands let choose from.

use clap::ValueEnum;

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

/// How a process is held still while its memory is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum FreezeArg {
    /// As fork where that can be had, else as stop
    #[default]
    Auto,
    /// Read a copy that the process makes of itself: a pause of about 20 ms per GB
    Fork,
    /// Stop it for as long as it is read
    Stop,
    /// Read it while it runs: no pause, but figures may be torn
    None,
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
