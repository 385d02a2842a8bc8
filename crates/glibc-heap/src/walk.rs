//! From chunk to chunk through a heap.

use probe::Result;
use target::memory::ReadMemory;

use crate::segment::{Segment, State};
use crate::window::Window;

/// The smallest chunk.
const SMALLEST: u64 = 32;
/// The size of the marks at the end of a heap that cannot grow any more.
const FENCE: u64 = 16;
/// Flags in the low bits of a size.
const FLAGS: u64 = 7;
/// The chunk in front is in use.
const PREVIOUS_USED: u64 = 1;
/// The chunk has a mapping of its own: none in a heap has.
const MAPPED: u64 = 2;
/// Sane chunks in a row that are believed to be a chain.
const CHAIN: usize = 8;
/// The longest heap whose chunks fit into the columns.
const MOST_BYTES: u64 = 16 << 32;
/// The most chunks of one heap.
const MOST_CHUNKS: usize = 1 << 29;

/// What did not add up on the way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Damage {
    /// Places at which a size made no sense.
    pub(crate) places: u64,
    /// Bytes that were stepped over.
    pub(crate) bytes: u64,
    /// The first of them.
    pub(crate) first: Option<u64>,
    /// Free chunks whose size is not what the next chunk says.
    pub(crate) disagreeing: u64,
}

impl Damage {
    pub(crate) fn add(&mut self, other: &Self) {
        self.places += other.places;
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.disagreeing += other.disagreeing;
        self.first = self.first.or(other.first);
    }
}

/// Where a heap is, and where its arena's top.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extent {
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) top: u64,
    pub(crate) arena: u32,
}

/// Walks a heap.
pub(crate) fn walk<M: ReadMemory>(
    window: &mut Window<'_, M>,
    extent: Extent,
) -> Result<(Segment, Damage)> {
    let end = extent.end.min(extent.start.saturating_add(MOST_BYTES));
    let (start, arena) = (extent.start, extent.arena);
    let segment = Segment { start, end, arena, offsets: Vec::new(), states: Vec::new() };
    let mut walk = Walk { window, extent, end, segment, damage: Damage::default() };
    walk.run()?;
    Ok((walk.segment, walk.damage))
}

struct Walk<'w, 'm, M> {
    window: &'w mut Window<'m, M>,
    extent: Extent,
    end: u64,
    segment: Segment,
    damage: Damage,
}

impl<M: ReadMemory> Walk<'_, '_, M> {
    fn run(&mut self) -> Result<()> {
        let mut at = self.extent.start;
        while at.saturating_add(16) <= self.end && self.segment.len() < MOST_CHUNKS {
            let (previous, word) = self.window.pair(at, self.end)?;
            let size = word & !FLAGS;
            if at != self.extent.start {
                self.previous(previous, word, at);
            }
            if at == self.extent.top && self.is_sane(at, word) {
                self.push(at, State::Top);
                self.segment.end = at + size;
                return Ok(());
            }
            if size == FENCE || (size == 0 && self.end - at <= FENCE) {
                self.push(at, State::Fence);
                if self.end - at <= 2 * FENCE {
                    return Ok(());
                }
                at = self.behind_fence(at + FENCE)?;
            } else if self.is_sane(at, word) {
                self.push(at, State::Used);
                at += size;
            } else {
                at = self.step_over(at)?;
            }
        }
        Ok(())
    }

    fn push(&mut self, at: u64, state: State) {
        self.segment.offsets.push(((at - self.extent.start) / 16) as u32);
        self.segment.states.push(state);
    }

    /// A chunk says in its flags whether the one in front is in use, and if not, how long it is.
    fn previous(&mut self, size: u64, word: u64, at: u64) {
        let last = self.segment.len().wrapping_sub(1);
        let Some((start, _, State::Used)) = self.segment.chunk(last) else { return };
        if word & PREVIOUS_USED != 0 {
            return;
        }
        self.segment.states[last] = State::Free;
        if size != at - start {
            self.damage.disagreeing += 1;
        }
    }

    fn is_sane(&self, at: u64, word: u64) -> bool {
        let size = word & !FLAGS;
        size >= SMALLEST
            && size.is_multiple_of(16)
            && word & MAPPED == 0
            && at.checked_add(size).is_some_and(|next| next <= self.end)
    }

    /// Behind the two marks that glibc leaves when another moved `brk`, there is what the other
    /// has, and then chunks again.
    fn behind_fence(&mut self, at: u64) -> Result<u64> {
        let (_, word) = self.window.pair(at, self.end)?;
        if word & !FLAGS == FENCE {
            return Ok(at);
        }
        self.push(at, State::Unknown);
        self.find_chain(at)
    }

    fn step_over(&mut self, at: u64) -> Result<u64> {
        self.push(at, State::Unknown);
        self.damage.places += 1;
        self.damage.first = self.damage.first.or(Some(at));
        let next = self.find_chain(at + 16)?;
        self.damage.bytes += next - at;
        Ok(next)
    }

    /// The next address at which some sane chunks follow each other, or the top.
    fn find_chain(&mut self, from: u64) -> Result<u64> {
        let mut at = from;
        while at.saturating_add(SMALLEST) <= self.end {
            if at == self.extent.top || self.is_chain(at)? {
                return Ok(at);
            }
            at += 16;
        }
        Ok(self.end)
    }

    fn is_chain(&mut self, start: u64) -> Result<bool> {
        let mut at = start;
        for _ in 0..CHAIN {
            if at == self.extent.top {
                return Ok(true);
            }
            if at.saturating_add(16) > self.end {
                return Ok(at == self.end);
            }
            let (_, word) = self.window.pair(at, self.end)?;
            if !self.is_sane(at, word) {
                return Ok(false);
            }
            at += word & !FLAGS;
        }
        Ok(true)
    }
}
