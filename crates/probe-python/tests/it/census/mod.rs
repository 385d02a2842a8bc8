//! Objects and pools of every Python of the machine, counted from outside and compared with what
//! the interpreter says itself.
#![forbid(unsafe_code)]
#![allow(clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used, reason = "tests")]

mod planted;
mod pools;
mod probe_tables;
mod real;
mod target;
