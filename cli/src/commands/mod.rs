//! The subcommands, one file each.

pub mod account;
pub mod answer;
pub mod capture;
pub mod check;
pub mod compare;
pub mod diff;
pub mod doctor;
pub mod generated;
pub mod graph;
pub mod plugins;
pub mod presets;
pub mod probes;
pub mod report;
pub mod show;
mod tracebacks;
pub mod try_;
