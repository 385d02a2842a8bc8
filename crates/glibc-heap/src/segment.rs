//! Chunks of a heap, one behind the other, in few bytes.

/// What a chunk is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// In use.
    Used,
    /// Free, in the bin of its size.
    Free,
    /// Free, in the bin of what was freed last.
    Unsorted,
    /// Free, in a fast bin: not yet merged with its neighbours.
    Fast,
    /// Free, in the cache of a thread.
    Cached,
    /// The end of the heap, from which new chunks are cut.
    Top,
    /// A mark at the end of a heap.
    Fence,
    /// Bytes that make no sense as chunks: overwritten, another's, or not readable.
    Unknown,
}

impl State {
    /// Whether the program has it.
    #[must_use]
    pub fn is_used(self) -> bool {
        self == Self::Used
    }
}

/// A chunk as the program sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// Address that `malloc` gave, or would give.
    pub address: u64,
    /// Bytes that may be used, what `malloc_usable_size` says.
    pub usable: u64,
    /// Index of the arena in [`Native::arenas`](crate::Native::arenas); `None` for a block with a
    /// mapping of its own.
    pub arena: Option<u32>,
    /// What it is.
    pub state: State,
}

/// A contiguous part of an arena: `brk`'s, or one heap of a thread arena.
#[derive(Clone, Debug)]
pub struct Segment {
    /// Address of the first chunk.
    pub start: u64,
    /// Behind the last chunk.
    pub end: u64,
    /// Index of the arena.
    pub arena: u32,
    /// Where each chunk begins, in units of 16 bytes from the start.
    pub(crate) offsets: Vec<u32>,
    pub(crate) states: Vec<State>,
}

/// Bytes in front of what the program gets.
pub(crate) const HEADER: u64 = 16;

impl Segment {
    /// Number of chunks.
    #[must_use]
    pub fn len(&self) -> usize {
        self.offsets.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.offsets.is_empty()
    }

    /// Address, size and state of a chunk, header included.
    pub(crate) fn chunk(&self, index: usize) -> Option<(u64, u64, State)> {
        let at = |offset: u32| self.start + u64::from(offset) * 16;
        let start = at(*self.offsets.get(index)?);
        let end = self.offsets.get(index + 1).map_or(self.end, |&offset| at(offset));
        Some((start, end.saturating_sub(start), *self.states.get(index)?))
    }

    /// All chunks: address, size, state.
    pub(crate) fn chunks(&self) -> impl Iterator<Item = (u64, u64, State)> + '_ {
        (0..self.len()).filter_map(|index| self.chunk(index))
    }

    /// The chunk in which an address lies.
    pub(crate) fn around(&self, address: u64) -> Option<usize> {
        let offset = address.checked_sub(self.start).filter(|_| address < self.end)? / 16;
        self.offsets.partition_point(|&o| u64::from(o) <= offset).checked_sub(1)
    }

    /// A chunk as the program sees it.
    #[must_use]
    pub fn block(&self, index: usize) -> Option<Block> {
        let (start, size, state) = self.chunk(index)?;
        // The first word of the next chunk belongs to the one in front, unless that is free.
        let usable = size.saturating_sub(8);
        let (address, arena) = (start + HEADER, Some(self.arena));
        Some(Block { address, usable, arena, state })
    }
}
