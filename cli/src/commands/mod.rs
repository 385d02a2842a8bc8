//! The subcommands, one file each.

pub mod answer;
pub mod check;
pub mod diff;
pub mod generated;
pub mod plugins;
pub mod presets;
pub mod probes;
pub mod report;
mod tracebacks;
