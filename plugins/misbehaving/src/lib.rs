//! A plugin that does on command all that a plugin must not. For the tests of the host.
//!
//! What the trait allows is asked for by the configuration, `{"mode": "panic-at-snapshot"}`; see
//! `probe`. What only a plugin without our macro can do is in `raw`, by the same
//! configuration, and in `tables`, by the variable `MEMPROBE_MISBEHAVE`, since it happens
//! before there is any configuration. Without either it behaves.
//!
//! The other crates of probes forbid unsafe code. This one breaks the contract of the ABI on
//! purpose, below what the safe interface lets it do, and no program ever links it.

mod files;
mod probe;
mod raw;
mod tables;

plugin::export_table!(tables::choose());
