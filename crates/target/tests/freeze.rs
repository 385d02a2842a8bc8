//! Freezing real programs, and what it must not do to them.
//!
//! `MEMPROBE_TORTURE=1` makes it long: hundreds of freezes of each program and 200 kills.

#![allow(
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a test that cannot set itself up should stop, loudly"
)]

#[path = "freeze_support/mod.rs"]
mod support;

#[path = "freeze_support/harmless.rs"]
mod harmless;
#[path = "freeze_support/killed.rs"]
mod killed;
#[path = "freeze_support/picture.rs"]
mod picture;
#[path = "freeze_support/refused.rs"]
mod refused;
