//! Every Python of the machine, looked at from outside and compared with what it says itself. One
//! program of all tests: it is linked once, and who waits leaves the processor to the others.
#![forbid(unsafe_code)]
#![allow(clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used, reason = "tests")]

mod access;
mod audit;
mod blocks;
mod census;
mod census_fuzz;
mod core;
mod edges;
mod embedded;
mod graph;
mod holders;
#[cfg(feature = "capture")]
mod kept;
mod layout;
mod levers;
mod live;
mod mapped;
mod packages;
mod referents;
mod stacks;
mod tracemalloc;
