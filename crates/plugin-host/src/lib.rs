//! Finds, loads, checks and calls plugins.
//!
//! [`Search`] looks for a plugin by name in the folders that are trusted for it, or takes one by
//! path; [`Plugin`] is one that was found and has described itself; [`LoadedProbe`] is a probe
//! that it opened, which is a [`probe::Probe`] like any other. A plugin that hangs, panics or
//! answers nonsense costs its own data and nothing else: every error names it and its file.
//!
//! A plugin runs in this process. What only a process of its own could survive, a plugin that
//! writes where it should not, is not survived; [`check`] is made to be run in a child.

mod binary;
mod call;
pub mod check;
mod folder;
mod library;
mod list;
mod log;
mod plugin;
mod search;
mod worker;

pub use list::{Listed, Status};
pub use plugin::{LoadedProbe, OpenOptions, Plugin};
pub use search::{Search, SearchOptions};
