//! Where the heaps of an arena are.
//!
//! The main arena grows with `brk`. Every other has one heap or more, each in an aligned stretch
//! of address space that begins with a header (`struct heap_info`): arena, the heap before, bytes
//! in use. The arena's top lies in the newest heap.

use std::collections::HashSet;

use probe::Result;
use target::memory::ReadMemory;

use crate::arena::{Arena, Shape};
use crate::params::Params;
use crate::regions::Regions;
use crate::walk::Extent;
use crate::window::word;

/// Alignments of heaps: the default, and those with huge pages of 2 MiB and 1 GiB (2.35 and up).
const ALIGNMENTS: [u64; 3] = [64 << 20, 8 << 20, 4 << 30];
/// Header sizes: up to 2.34, and from 2.35.
const HEADERS: [u64; 2] = [0x20, 0x30];
/// The most heaps of one arena: 4 TiB.
const MOST_HEAPS: usize = 1 << 16;

/// The heaps of an arena, and whether all were found.
pub(crate) fn heaps<M: ReadMemory>(
    memory: &M,
    arena: &Arena,
    index: u32,
    shape: Shape,
) -> Result<(Vec<Extent>, bool)> {
    for alignment in ALIGNMENTS {
        let first = arena.address - arena.address % alignment;
        let header = arena.address - first;
        if !HEADERS.contains(&header)
            || header_of(memory, first)?.is_none_or(|h| h.arena != arena.address)
        {
            continue;
        }
        return chain(memory, arena, index, shape, alignment);
    }
    Ok((Vec::new(), false))
}

/// From the newest heap back to the first.
fn chain<M: ReadMemory>(
    memory: &M,
    arena: &Arena,
    index: u32,
    shape: Shape,
    alignment: u64,
) -> Result<(Vec<Extent>, bool)> {
    let first = arena.address - arena.address % alignment;
    let header = arena.address - first;
    let mut found = Vec::new();
    let mut seen = HashSet::new();
    let mut at = arena.top - arena.top % alignment;
    while found.len() < MOST_HEAPS && seen.insert(at) {
        let sound = header_of(memory, at)?.filter(|h| {
            h.arena == arena.address && (4096..=alignment).contains(&h.size) && h.size <= h.writable
        });
        let Some(heap) = sound else { break };
        let start = if at == first {
            (arena.address + shape.size()).next_multiple_of(16)
        } else {
            at + header
        };
        found.push(Extent {
            start,
            end: at.saturating_add(heap.size),
            top: arena.top,
            arena: index,
        });
        if at == first {
            return Ok((found, true));
        }
        at = heap.previous;
    }
    Ok((found, false))
}

struct HeapHeader {
    arena: u64,
    previous: u64,
    size: u64,
    writable: u64,
}

fn header_of<M: ReadMemory>(memory: &M, at: u64) -> Result<Option<HeapHeader>> {
    let mut bytes = [0; 32];
    if memory.read_prefix(at, &mut bytes)? < bytes.len() {
        return Ok(None);
    }
    let [arena, previous, size, writable] = [0, 8, 16, 24].map(|offset| word(&bytes, offset));
    Ok(Some(HeapHeader { arena, previous, size, writable }))
}

/// What `brk` grew for the main arena.
pub(crate) fn brk(
    arena: &Arena,
    index: u32,
    params: Option<&Params>,
    regions: &Regions,
) -> Option<Extent> {
    let brk = regions.brk.as_ref().filter(|_| arena.system > 0)?;
    let base = params.map(|p| p.brk_base).filter(|base| brk.contains(base)).unwrap_or(brk.start);
    Some(Extent { start: base.next_multiple_of(16), end: brk.end, top: arena.top, arena: index })
}
