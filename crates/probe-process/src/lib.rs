//! The high level: what the platform says about the memory of a process and its tree.
//!
//! Two ways in. Embedders use the typed interface: [`ProcessSampler`] for one process, [`Tree`]
//! for a process and its descendants, [`SharedWatch`] for shared memory that is left behind,
//! [`limits`](fn@limits) and [`pressure`]. Hosts use [`ProcessProbe`], which is the same as tables.
//!
//! | question | yields | costs |
//! |---|---|---|
//! | `rss` | resident set, loosely summed by the kernel | one `pread` per process |
//! | `memory` | RSS, PSS, USS, swap... exact | one `smaps_rollup` per process |
//! | `mappings` | mappings by kind and name | one `smaps` per process |
//! | `handles` | open handles by kind | one `readlink` per handle |
//! | `shared_memory` | files in `/dev/shm` and memfds | one `maps` per process, one `stat` per file |
//! | `limits`, `pressure` | cgroup, rlimits, host; PSI | some small files |
//!
//! # Platforms
//!
//! Linux is complete and tested. For other platforms there is a fallback on `sysinfo` (module
//! `portable`) with resident set, address space, threads of the tree and CPU time; its code
//! is tested on Linux only: on macOS and Windows it is untested.
//!
//! # What the figures are worth
//!
//! Since Linux 6.2 `statm` and `status` sum counters of all CPUs loosely: each may be off by up to
//! 64 pages for every CPU. Question `memory` walks the page tables and is exact. PSS counts each
//! page once over all of its mappers, so the sum over a tree is right where the sum of RSS
//! counts pages shared after a `fork` many times. But USS and PSS also move when a *neighbour*
//! starts or ends: file pages of a program that runs twice are shared, and when one of the two
//! ends they belong to the other alone. `rss_anon` and `pss_anon` are free of that.
#![forbid(unsafe_code)]

pub mod figures;
#[cfg(any(test, not(target_os = "linux")))]
pub mod portable;

#[cfg(target_os = "linux")]
mod limits;
#[cfg(target_os = "linux")]
mod mappings;
#[cfg(target_os = "linux")]
mod probe_impl;
#[cfg(target_os = "linux")]
mod questions;
#[cfg(target_os = "linux")]
mod rows;
#[cfg(target_os = "linux")]
mod sampler;
#[cfg(target_os = "linux")]
mod shm;
#[cfg(target_os = "linux")]
mod stacks;
#[cfg(target_os = "linux")]
mod tree;
#[cfg(target_os = "linux")]
mod waits;

pub use figures::{HandleGroup, Handles, Limit, Memory, Rss, Source};
#[cfg(not(target_os = "linux"))]
pub use portable::{Config, ProcessProbe, ProcessSampler};

#[cfg(target_os = "linux")]
pub use limits::{LimitsFound, limits, pressure};
#[cfg(target_os = "linux")]
pub use mappings::{ANON, Grouper, MappingGroup, OTHERS, THREAD_STACKS};
#[cfg(target_os = "linux")]
pub use probe_impl::{Config, ProcessProbe};
#[cfg(target_os = "linux")]
pub use sampler::ProcessSampler;
#[cfg(target_os = "linux")]
pub use shm::{SharedFile, SharedMemory, SharedState, SharedWatch};
#[cfg(target_os = "linux")]
pub use tree::Tree;
#[cfg(target_os = "linux")]
pub use waits::{Wait, Waits};
