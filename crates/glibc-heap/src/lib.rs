//! The heap of glibc's `malloc` (2.17 and up, 64 bit), read from another process.
//!
//! Nothing but the process's memory is needed: no symbols, no debug files. The main arena is
//! recognised by its bins (`find`), which are lists that point to themselves where they are
//! empty; its ring leads to the other arenas, their tops to their heaps (`heaps`); heaps are
//! walked chunk by chunk (`walk`), and the lists of free chunks that look as if they were in
//! use are followed (`bins`, `tcache`). What has a mapping of its own is in `mmapped`.
//!
//! Facts on structures are from glibc's `malloc/malloc.c` and `malloc/arena.c`, versions 2.17 to
//! 2.44. Everything that is read is hostile: no list is followed further than there are chunks,
//! and what makes no sense is counted and stepped over.
#![forbid(unsafe_code)]

mod arena;
mod bins;
mod find;
mod heaps;
mod mmapped;
mod native;
mod params;
mod regions;
mod segment;
mod sums;
mod tcache;
mod trim;
mod walk;
mod window;

pub use arena::Arena;
pub use mmapped::Mmapped;
pub use native::{Native, read};
pub use params::Params;
pub use regions::Regions;
pub use segment::{Block, Segment, State};
pub use sums::{Amount, FreeClass, Sums};
pub use trim::{TrimRange, trimmable};
