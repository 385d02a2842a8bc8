//! The state of an arena (`struct malloc_state`).

use probe::Result;
use target::memory::ReadMemory;

use crate::window::word;

/// Bins of an arena: the unsorted one, and those for small and large chunks.
pub(crate) const BINS: usize = 127;
/// Bytes of the bins.
pub(crate) const BINS_SIZE: u64 = BINS as u64 * 16;
/// Bytes from the pointer to the top to the bins.
pub(crate) const TOP_TO_BINS: u64 = 16;
/// Words behind the bins that are looked at: two of the bit map, then what follows.
const TAIL: usize = 7;
/// No arena has so many threads, and none has so few bytes.
const MOST_THREADS: u64 = 1 << 16;
/// Fast bins, where a version has them.
const FAST_BINS: u64 = 10;

/// How this version lays out the state of an arena.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Bytes in front of the pointer to the top: 88 up to 2.26, 96 from 2.27; less where there
    /// are no fast bins.
    pub(crate) head: u64,
    /// Whether attached threads are counted (2.23 and up).
    pub(crate) attached: bool,
}

impl Shape {
    /// The values of `head` that are tried.
    pub(crate) const HEADS: [u64; 4] = [96, 88, 8, 16];

    /// Bytes of the whole state.
    pub(crate) fn size(self) -> u64 {
        let words = if self.attached { 7 } else { 6 };
        self.head + TOP_TO_BINS + BINS_SIZE + words * 8
    }

    /// Address of the bins of an arena.
    pub(crate) fn bins(self, arena: u64) -> u64 {
        arena.saturating_add(self.head + TOP_TO_BINS)
    }

    /// Number of fast bins.
    pub(crate) fn fast_bins(self) -> u64 {
        if self.head > 80 { FAST_BINS } else { 0 }
    }
}

/// An arena, as its state says. Bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arena {
    /// Address of its state.
    pub address: u64,
    /// Whether it is the main arena, which grows with `brk`.
    pub main: bool,
    /// Address of its top chunk, which borders on the end of its newest heap.
    pub top: u64,
    /// Threads that allocate from it; `None` before 2.23.
    pub threads: Option<u64>,
    /// What it has from the system.
    pub system: u64,
    /// The most it ever had.
    pub most_system: u64,
    /// First chunk of each fast bin; 0 where it is empty.
    pub(crate) fast: Vec<u64>,
    /// First and last chunk of the unsorted bin and those behind.
    pub(crate) bins: Vec<(u64, u64)>,
    pub(crate) next: u64,
}

impl Arena {
    /// Reads the state at an address. `None` when there is no such thing.
    pub(crate) fn read<M: ReadMemory>(
        memory: &M,
        address: u64,
        shape: Shape,
    ) -> Result<Option<Self>> {
        let size = shape.bins(0) + BINS_SIZE + TAIL as u64 * 8;
        let mut bytes = vec![0; size as usize];
        if memory.read_prefix(address, &mut bytes)? < shape.size() as usize {
            return Ok(None);
        }
        let bins_at = shape.bins(0) as usize;
        let pair = |n: usize| (word(&bytes, bins_at + 16 * n), word(&bytes, bins_at + 16 * n + 8));
        let bins: Vec<_> = (0..BINS).map(pair).collect();
        if !are_bins(&bins, shape.bins(address)) {
            return Ok(None);
        }
        let head = shape.head as usize;
        let fast = (head - 8 * shape.fast_bins() as usize..head).step_by(8);
        let tail = |n: usize| word(&bytes, bins_at + BINS_SIZE as usize + 16 + 8 * n);
        let sizes = if shape.attached { 3 } else { 2 };
        Ok(Some(Self {
            address,
            main: false,
            top: word(&bytes, head),
            threads: shape.attached.then(|| tail(2)),
            system: tail(sizes),
            most_system: tail(sizes + 1),
            fast: fast.map(|at| word(&bytes, at)).collect(),
            bins,
            next: tail(0),
        }))
    }
}

/// Whether these are bins that lie at an address: each is empty and points to itself, or has
/// chunks. The last one is never used.
pub(crate) fn are_bins(bins: &[(u64, u64)], at: u64) -> bool {
    let sound = |(n, &(first, last)): (usize, &(u64, u64))| {
        let own = at.wrapping_add(16 * n as u64).wrapping_sub(16);
        let empty = first == own && last == own;
        let filled = |p: u64| p > 0xffff && p.is_multiple_of(8) && p != own;
        empty || (n + 1 < BINS && filled(first) && filled(last))
    };
    bins.len() == BINS && bins.iter().enumerate().all(sound)
}

/// Whether the words behind the two links of an arena begin with a number of threads.
pub(crate) fn counts_threads(words: [u64; 2]) -> bool {
    words[0] < MOST_THREADS
}
