//! What is kept on disk.
//!
//! A [`recording`] is the series of small snapshots of one run, as JSON Lines, written while the
//! run goes on: `memprobe --record FILE` makes one, `memprobe report` and `memprobe diff` read it.
//!
//! A capture (`folder`, with the feature `parquet`) is everything about one moment of a process,
//! as a folder of Parquet tables: `memprobe capture -o DIR` makes one, and so do probes whose
//! tables have millions of rows. `graph` (feature of the same name) keeps a graph of objects there.
#![forbid(unsafe_code)]

#[cfg(feature = "parquet")]
pub mod folder;
#[cfg(feature = "graph")]
pub mod graph;
mod private;
pub mod recording;
