//! What `malloc_trim(0)` would give back.
//!
//! It merges what is in fast bins, gives back the whole pages inside of free chunks that are
//! longer than a page, of all arenas, and shortens the top of the main heap. It does not touch
//! the tops of other arenas, nor the caches of threads (`mtrim` and `systrim` in `malloc.c`).

use std::ops::Range;

use crate::native::Native;
use crate::segment::{Segment, State};

/// Bytes at the start of a free chunk that hold its links and stay.
const LINKS: u64 = 48;
/// The smallest chunk, which stays as top.
const SMALLEST: u64 = 32;

/// A stretch of whole pages that would be given back, if they are resident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrimRange {
    /// Index of the arena.
    pub arena: u32,
    /// The pages.
    pub range: Range<u64>,
    /// Whether it is at the top of the main heap, rather than inside of an arena.
    pub top: bool,
}

/// The stretches, in order of address. What they give is what of them is resident.
#[must_use]
pub fn trimmable(native: &Native, page: u64) -> Vec<TrimRange> {
    let page = page.max(1);
    let mut found = Vec::new();
    for segment in &native.segments {
        let main = native.arenas.get(segment.arena as usize).is_some_and(|arena| arena.main);
        for (range, top) in runs(segment) {
            let pages = if !top {
                inside(&range, page)
            } else if main {
                shortened(&range, page)
            } else {
                None
            };
            found.extend(pages.map(|range| TrimRange { arena: segment.arena, range, top }));
        }
    }
    found
}

/// Free chunks as they are once fast bins are merged, and whether they end in the top.
fn runs(segment: &Segment) -> Vec<(Range<u64>, bool)> {
    let mut runs: Vec<(Range<u64>, bool)> = Vec::new();
    let mut open = false;
    for (at, size, state) in segment.chunks() {
        let free = matches!(state, State::Free | State::Unsorted | State::Fast | State::Top);
        if free {
            let top = state == State::Top;
            match runs.last_mut().filter(|_| open) {
                Some(run) => *run = (run.0.start..at + size, top),
                None => runs.push((at..at + size, top)),
            }
        }
        open = free;
    }
    runs
}

fn inside(chunk: &Range<u64>, page: u64) -> Option<Range<u64>> {
    let start = (chunk.start + LINKS).checked_next_multiple_of(page)?;
    let end = start.saturating_add(chunk.end.checked_sub(start)? / page * page);
    (start < end).then_some(start..end)
}

fn shortened(top: &Range<u64>, page: u64) -> Option<Range<u64>> {
    let extra = (top.end - top.start).checked_sub(SMALLEST + 1)? / page * page;
    (extra > 0).then(|| top.end - extra..top.end)
}
