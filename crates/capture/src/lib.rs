//! What is kept on disk.
//!
//! A [`recording`] is the series of small snapshots of one run, as JSON Lines, written while the
//! run goes on: `memprobe --record FILE` makes one, `memprobe report` and `memprobe diff` read it.
#![forbid(unsafe_code)]

pub mod recording;
