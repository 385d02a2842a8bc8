//! Code is delivered to real interpreters, and nothing is left of it.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "a test that cannot set itself up should stop"
)]

#[path = "deliver_support/mod.rs"]
mod support;

#[path = "deliver_support/blocked.rs"]
mod blocked;
#[path = "deliver_support/filtered.rs"]
mod filtered;
#[path = "deliver_support/kept.rs"]
mod kept;
#[path = "deliver_support/killed.rs"]
mod killed;
#[path = "deliver_support/plain.rs"]
mod plain;
