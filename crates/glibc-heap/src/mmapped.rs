//! Blocks with a mapping of their own.
//!
//! Such a block is a chunk at the start of a page, with a flag in its size; the kernel joins
//! neighbours, so that it need not be at the start of a mapping. `malloc` counts them: what is
//! found is compared with that.

use std::ops::Range;

use probe::Result;
use target::memory::ReadMemory;

use crate::regions::Regions;
use crate::segment::{Block, HEADER, State};
use crate::window::{Window, word};

/// The smallest page.
const PAGE: u64 = 4096;
/// The flags of such a chunk: mapped, and nothing else.
const MAPPED: u64 = 2;
/// A mark of blocks in huge pages (2.43 and up), where the offset stands.
const HUGE: u64 = 1;
/// No block is larger.
const MOST_BYTES: u64 = 1 << 56;
/// The most blocks: what the kernel allows by default is less.
const MOST: usize = 1 << 22;
/// The greatest alignment that is tried for blocks of `memalign`.
const MOST_ALIGNED: u64 = 64 << 20;

/// A block with a mapping of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mmapped {
    /// Where the mapping begins.
    pub start: u64,
    /// Bytes of it.
    pub total: u64,
    /// Address that `malloc` gave.
    pub address: u64,
    /// Bytes that may be used.
    pub usable: u64,
}

impl Mmapped {
    pub(crate) fn block(&self) -> Block {
        Block { address: self.address, usable: self.usable, arena: None, state: State::Used }
    }
}

/// Searches all anonymous memory but the heaps. If more is found than `malloc` counts, only what
/// begins or ends where a mapping does or another block ends is believed.
pub(crate) fn find<M: ReadMemory>(
    memory: &M,
    regions: &Regions,
    heaps: &[Range<u64>],
    counted: Option<(u64, u64)>,
) -> Result<Vec<Mmapped>> {
    let mut window = Window::new(memory);
    let mut found = Vec::new();
    for region in &regions.anonymous {
        let mut at = region.start;
        let mut heap = heaps.partition_point(|heap| heap.end <= at);
        while at.saturating_add(PAGE) <= region.end && found.len() < MOST {
            if let Some(next) = heaps.get(heap).filter(|heap| heap.start <= at + PAGE) {
                at = at.max(next.end.next_multiple_of(PAGE));
                heap += 1;
                continue;
            }
            let (previous, word) = window.pair(at, region.end)?;
            let block = match first(previous, word) {
                Some(whole) => placed(memory, at, whole, region.end - at)?,
                None => None,
            };
            at += block.map_or(PAGE, |block| block.total);
            found.extend(block.map(|block| (block, region)));
        }
    }
    if counted.is_some_and(|(count, _)| (found.len() as u64) > count) {
        drop_unanchored(&mut found);
    }
    Ok(found.into_iter().map(|(block, _)| block).collect())
}

/// The length of the mapping of a chunk with these words at its start, and usable bytes.
fn first(previous: u64, word: u64) -> Option<(u64, u64)> {
    let is_one = previous & !HUGE == 0 && word & 7 == MAPPED;
    whole(0, word).filter(|&(total, _)| is_one && total >= PAGE)
}

fn drop_unanchored(found: &mut Vec<(Mmapped, &Range<u64>)>) {
    let mut behind = 0;
    found.retain(|&(block, region)| {
        let (start, end) = (block.start, block.start + block.total);
        let anchored = start == region.start || start == behind || end == region.end;
        behind = end;
        anchored
    });
}

/// `memalign` moves the chunk inside the mapping, and writes how far in front of its size. What
/// then stands at the start is not kept up when the block is made longer or shorter.
fn placed<M: ReadMemory>(
    memory: &M,
    start: u64,
    first: (u64, u64),
    room: u64,
) -> Result<Option<Mmapped>> {
    let mut page = [0; PAGE as usize];
    let read = memory.read_prefix(start, &mut page)? as u64;
    let near = (16..read.saturating_sub(8))
        .step_by(16)
        .map(|by| (by, word(&page, by as usize), word(&page, by as usize + 8)));
    let moved = |(by, previous, word): (u64, u64, u64)| moved(by, previous, word, room);
    let mut found = near.filter_map(moved).last();
    let mut alignment = 2 * PAGE;
    while found.is_none() && alignment <= MOST_ALIGNED {
        let by = (start + HEADER).next_multiple_of(alignment) - HEADER - start;
        let mut pair = [0; 16];
        if by < room && memory.read_prefix(start + by, &mut pair)? == 16 {
            found = moved((by, word(&pair, 0), word(&pair, 8)));
        }
        alignment *= 2;
    }
    let (by, total, usable) = found.unwrap_or((0, first.0, first.1));
    Ok((total <= room).then_some(Mmapped { start, total, address: start + by + HEADER, usable }))
}

/// How far a chunk was moved, the length of its mapping, and its usable bytes, if these are its
/// words.
fn moved(by: u64, previous: u64, word: u64, room: u64) -> Option<(u64, u64, u64)> {
    let (total, usable) = whole(by, word)?;
    let is_one = previous & !HUGE == by && word & 7 == MAPPED;
    (is_one && by + 32 <= total && total <= room).then_some((by, total, usable))
}

/// The length of the mapping of a chunk so far behind its start, which is whole pages, and usable
/// bytes. From 2.43 on the header is not counted, and the last word is not used.
fn whole(by: u64, word: u64) -> Option<(u64, u64)> {
    let size = Some(word & !7).filter(|&size| size < MOST_BYTES)?;
    let total = size.checked_add(by)?;
    if total.is_multiple_of(PAGE) {
        return Some((total, size.checked_sub(HEADER)?));
    }
    let total = total.checked_add(HEADER).filter(|total| total.is_multiple_of(PAGE))?;
    Some((total, size.checked_sub(8)?))
}
