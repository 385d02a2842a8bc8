//! The native heap of a process, as its mappings show it.
//!
//! glibc's `malloc` keeps small blocks in the main heap (`brk`) and in arenas that threads of
//! their own get, and big ones in mappings of their own. Which mapping is what follows from its
//! place and neighbours ([`parts`]), for arenas confirmed by the header that glibc keeps at
//! their beginning. What is in use and free *inside* the heaps is another question (`heap`),
//! answered by the crate `glibc-heap`.
#![forbid(unsafe_code)]

pub mod allocators;
mod heap;
mod heap_tables;
mod mimalloc;
pub mod parts;
mod probe_impl;
mod versions;

pub use probe_impl::{AllocProbe, Config};
