//! The one trait that every probe implements, and the data that crosses it.
//!
//! Data flow in one direction: *target -> probe -> snapshot -> diff -> findings -> report*.
//! This crate holds the vocabulary of that flow and nothing else. It does no I/O, knows no
//! probe, no report and no plugin mechanism, and is all that the author of a probe compiles.
//!
//! Suggested reading order: [`probe`] (the trait), [`target`] (what is looked at),
//! [`snapshot`] (what comes back), [`table`] (what a snapshot is made of), [`error`]
//! (what can go wrong), [`finding`] (what is concluded from it).
#![forbid(unsafe_code)]

pub mod error;
pub mod file;
pub mod finding;
pub mod probe;
pub mod snapshot;
pub mod table;
pub mod tables;
pub mod target;

pub use error::{Error, ErrorKind, Issue, Result, ResultExt, Severity};
pub use file::{FileColumn, FileType, TableFile};
pub use finding::{Certainty, Finding, FindingKind, Growth, Holder, Step, path_text};
pub use probe::{Characteristics, Descriptor, Level, Open, Probe, Question, Request};
pub use snapshot::{Limits, ProbeId, Snapshot, Taken};
pub use table::{Column, Role, Table, Unit, Value, Values};
pub use target::{Frozen, FrozenBy, FrozenThread, Target};
