//! Chunks in the caches of threads (2.26 and up).
//!
//! Each thread's cache is a chunk that glibc takes from the thread's arena; nothing but the thread
//! points to it. It is known by its size and by how counts and lists fit each other. A chunk of
//! the program that happens to have the size and holds zeros is the same as an empty cache.

use probe::Result;
use target::memory::ReadMemory;

use crate::bins;
use crate::native::Chunks;
use crate::segment::{HEADER, State};
use crate::window::{Window, word};

/// How a version keeps the cache.
#[derive(Clone, Copy, Debug)]
struct Layout {
    /// Bins.
    bins: usize,
    /// Bytes of a count.
    count: usize,
    /// Whether counts are of free places (2.42 and up), not of chunks.
    places: bool,
    /// Bytes that some versions have behind it: 2.43 and up.
    more: u64,
}

/// Up to 2.29, up to 2.41, and behind.
const LAYOUTS: [Layout; 3] = [
    Layout { bins: 64, count: 1, places: false, more: 0 },
    Layout { bins: 64, count: 2, places: false, more: 0 },
    Layout { bins: 76, count: 2, places: true, more: 16 },
];
/// Bins that have one size each; those behind have ranges.
const EXACT_BINS: usize = 64;

impl Layout {
    fn size(self) -> usize {
        self.bins * (self.count + 8)
    }

    /// Whether a chunk of so many bytes can hold it: the rest of a split may be too short to
    /// stand alone.
    fn fits(self, chunk: u64) -> bool {
        let least = (self.size() as u64 + 8).next_multiple_of(16);
        (least..=least + self.more + 16).contains(&chunk)
    }

    fn count(self, bytes: &[u8], bin: usize) -> u64 {
        let at = bin * self.count;
        if self.count == 1 { u64::from(bytes[at]) } else { word(bytes, at) & 0xffff }
    }

    fn entry(self, bytes: &[u8], bin: usize) -> u64 {
        word(bytes, self.bins * self.count + 8 * bin)
    }
}

/// Marks what is in the caches; the number of caches that hold something.
pub(crate) fn mark<M: ReadMemory>(memory: &M, chunks: &mut Chunks<'_>) -> Result<u64> {
    let may_be = |&(_, size, state): &(u64, u64, State)| {
        state == State::Used && LAYOUTS.iter().any(|layout| layout.fits(size))
    };
    let candidates: Vec<_> = chunks.all().filter(may_be).map(|(at, size, _)| (at, size)).collect();
    // A program may have millions of the size: one reading each would take seconds.
    let mut window = Window::new(memory);
    let mut caches = 0;
    for (at, size) in candidates {
        let Some(&layout) = LAYOUTS.iter().find(|layout| layout.fits(size)) else { continue };
        let bytes = window.bytes(at + HEADER, layout.size(), u64::MAX)?;
        if let Some(cached) = cached(memory, chunks, layout, bytes)? {
            for chunk in &cached {
                chunks.mark(*chunk, State::Used, State::Cached, |_| true);
            }
            caches += u64::from(!cached.is_empty());
        }
    }
    Ok(caches)
}

/// The chunks in what may be a cache; `None` if it is none.
fn cached<M: ReadMemory>(
    memory: &M,
    chunks: &Chunks<'_>,
    layout: Layout,
    bytes: &[u8],
) -> Result<Option<Vec<u64>>> {
    let mut all = Vec::new();
    let mut limit = None;
    for bin in 0..layout.bins {
        let (count, entry) = (layout.count(bytes, bin), layout.entry(bytes, bin));
        if !layout.places && (count == 0) != (entry == 0) {
            return Ok(None);
        }
        let most = if layout.places { u64::from(u16::MAX) } else { count };
        let Some(list) = list(memory, chunks, bin, entry, most)? else { return Ok(None) };
        let length = list.len() as u64;
        if layout.places && count + length > 0 {
            if *limit.get_or_insert(count + length) != count + length {
                return Ok(None);
            }
        } else if !layout.places && length != count {
            return Ok(None);
        }
        all.extend(list);
    }
    Ok(Some(all))
}

/// The chunks of one list; `None` if it leads to what cannot be on it.
fn list<M: ReadMemory>(
    memory: &M,
    chunks: &Chunks<'_>,
    bin: usize,
    first: u64,
    most: u64,
) -> Result<Option<Vec<u64>>> {
    let mut list = Vec::new();
    let mut at = first;
    while at != 0 {
        let chunk = at.wrapping_sub(HEADER);
        let fits = chunks.get(chunk).is_some_and(|(size, state)| {
            let exact = 32 + 16 * bin as u64;
            let right = if bin < EXACT_BINS { size == exact } else { size > 1040 };
            state == State::Used && right
        });
        if !fits || list.len() as u64 >= most {
            return Ok(None);
        }
        list.push(chunk);
        at = bins::next(memory, chunks, at, HEADER)?;
    }
    Ok(Some(list))
}
