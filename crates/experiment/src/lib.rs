//! Experiments: one thing is changed in a running Python process, for a while, and put back.
//!
//! Everything else in this workspace only reads. What is here writes to the target or has it run
//! something, so it runs only where the user asks for it by name, says first what it will do, and
//! leaves the target as it was at its deadline, whether memprobe lives or not.
//!
//! This crate knows no probe. Where the words are that it writes, the python probe says in its
//! answer to the question `levers`; what changes in the meantime, the probes measure.

#![forbid(unsafe_code)]

#[cfg(target_os = "linux")]
pub mod deliver;
mod keeper;
mod kin;
mod trim;
mod word;

pub use keeper::{Keeper, serve, serve_second};
pub use trim::trim;
pub use word::{Anchor, Outcome, Restored, Size, Word};
