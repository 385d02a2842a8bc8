//! Freezing real programs, and what it must not do to them.
//!
//! `cargo xtask torture` (or `MEMPROBE_TORTURE=1`) makes it long: 300 freezes of each program in each
//! way and over 200 kills with each of six programs, on every interpreter.

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
