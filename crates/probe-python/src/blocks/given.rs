//! What allocators gave, and where they have memory.

use std::ops::Range;

use glibc_heap::{Native, Regions};
use probe::{Error, ErrorKind, Result};
use target::images::Mapping;
use target::memory::ReadMemory;

use super::units::{Given, merge};
use crate::walk::placed::Placed;

/// Bytes of the state of an arena of `malloc` that may point to free chunks.
const ARENA_STATE: u64 = 2400;

/// Reads glibc's heap, which is one chain, while `meanwhile` uses the other processors.
pub(super) fn read<M: ReadMemory + Sync, T>(
    memory: &M,
    mappings: &[Mapping],
    meanwhile: impl FnOnce() -> Result<T>,
) -> Result<(Option<Native>, T)> {
    std::thread::scope(|scope| {
        let native = scope.spawn(|| glibc_heap::read(memory, &Regions::new(mappings)));
        let other = meanwhile();
        let panicked = |_| Error::new(ErrorKind::Panicked, "the walk over malloc's heap panicked");
        Ok((native.join().map_err(panicked)??, other?))
    })
}

/// Every block in use, in order of address.
pub(super) fn blocks<'a>(
    native: &'a Native,
    placed: &'a Placed,
) -> impl Iterator<Item = Given> + use<'a> {
    let used = native.segments.iter().flat_map(|s| (0..s.len()).filter_map(|n| s.block(n)));
    let used = used.filter(|block| block.state.is_used());
    let used = used.map(|block| Given::new(block.address, block.usable));
    let mapped = native.mmapped.iter().map(|block| Given::new(block.address, block.usable));
    let pools = placed.blocks().map(|b| Given::of_pool(b.address, b.bytes, b.shape));
    merge(merge(used, mapped), pools)
}

/// All memory of allocators, the free part too: what was freed holds no pointers.
pub(super) fn known(native: &Native, pools: &[u64], pool: u64) -> Vec<Range<u64>> {
    let mut heaps: Vec<Range<u64>> = native.segments.iter().map(|s| s.start..s.end).collect();
    heaps.extend(native.mmapped.iter().map(|m| m.start..m.start.saturating_add(m.total)));
    let states = native.arenas.iter().map(|arena| arena.address);
    heaps.extend(states.map(|at| at..at.saturating_add(ARENA_STATE)));
    heaps.extend(pools.iter().map(|&at| at..at.saturating_add(pool)));
    heaps
}
