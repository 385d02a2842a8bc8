//! Where the arenas are.
//!
//! An empty bin points to itself, and most are empty: 127 pairs of words of which the last
//! points to itself and each other does or has chunks are the bins of an arena, and nothing
//! else looks like it. The main arena is the one that lies in the data of a library.

use std::collections::HashSet;
use std::ops::Range;

use probe::{Issue, Result};
use target::memory::ReadMemory;

use crate::arena::{Arena, BINS, BINS_SIZE, Shape, TOP_TO_BINS, are_bins, counts_threads};
use crate::window::word;

/// The most arenas that are followed. glibc makes 8 per core unless told otherwise.
const MOST_ARENAS: usize = 1 << 14;

/// The arenas of one copy of the library.
#[derive(Clone, Debug)]
pub(crate) struct Ring {
    pub(crate) shape: Shape,
    /// The main arena first.
    pub(crate) arenas: Vec<Arena>,
    /// The data in which the main arena lies.
    pub(crate) data: Range<u64>,
    pub(crate) issues: Vec<Issue>,
}

/// Searches data for main arenas and follows their rings. The data of the C library come first:
/// where there is one, what lies in other files is not searched.
pub(crate) fn rings<M: ReadMemory>(memory: &M, data: &[Range<u64>]) -> Result<Vec<Ring>> {
    let mut found = Vec::new();
    for range in data {
        let mut bytes = vec![0; (range.end - range.start) as usize];
        memory.read_with_holes(range.start, &mut bytes)?;
        for bins in find_bins(&bytes, range.start) {
            found.extend(ring(memory, bins, range)?);
        }
        if !found.is_empty() {
            break;
        }
    }
    Ok(found)
}

/// Addresses of what looks like the bins of an arena.
fn find_bins(bytes: &[u8], start: u64) -> Vec<u64> {
    let own = |at: usize| {
        let address = (start + at as u64).wrapping_sub(16);
        word(bytes, at) == address && word(bytes, at + 8) == address
    };
    let first = (BINS - 1) * 16;
    let lasts = (first..bytes.len().saturating_sub(16)).step_by(8).filter(|&at| own(at));
    let bins = lasts.map(|at| at - first).filter(|&at| {
        let pair = |n: usize| (word(bytes, at + 16 * n), word(bytes, at + 16 * n + 8));
        are_bins(&(0..BINS).map(pair).collect::<Vec<_>>(), start + at as u64)
    });
    bins.map(|at| start + at as u64).collect()
}

/// The ring that begins at the arena with these bins; `None` if the words around them are not
/// those of an arena.
fn ring<M: ReadMemory>(memory: &M, bins: u64, data: &Range<u64>) -> Result<Option<Ring>> {
    let mut tail = [0; 40];
    if memory.read_prefix(bins + BINS_SIZE + 16, &mut tail)? < tail.len() {
        return Ok(None);
    }
    let attached = counts_threads([word(&tail, 16), word(&tail, 24)]);
    let mut best: Option<Ring> = None;
    for head in Shape::HEADS {
        let shape = Shape { head, attached };
        let main = bins.wrapping_sub(TOP_TO_BINS + head);
        let Some(mut first) = Arena::read(memory, main, shape)? else { continue };
        first.main = true;
        let (ring, closed) = follow(memory, first, shape, data)?;
        if closed {
            return Ok(Some(ring));
        }
        // A ring that is broken somewhere is better than none, but not one that was never seen.
        let longest = best.as_ref().map_or(1, |best| best.arenas.len());
        if ring.arenas.len() > longest {
            best = Some(ring);
        }
    }
    Ok(best)
}

/// Follows the links of arenas; whether they lead back to the first.
fn follow<M: ReadMemory>(
    memory: &M,
    first: Arena,
    shape: Shape,
    data: &Range<u64>,
) -> Result<(Ring, bool)> {
    let main = first.address;
    let mut seen = HashSet::from([main]);
    let mut at = first.next;
    let mut arenas = vec![first];
    let mut issues = Vec::new();
    while at != main {
        let arena = Arena::read(memory, at, shape)?;
        let Some(arena) = arena.filter(|_| arenas.len() < MOST_ARENAS && seen.insert(at)) else {
            issues.push(Issue::warning(format!(
                "the list of malloc's arenas breaks off behind {} of them, at {at:#x}: it was \
                 being changed, was overwritten, or is longer than {MOST_ARENAS}",
                arenas.len()
            )));
            break;
        };
        at = arena.next;
        arenas.push(arena);
    }
    let closed = issues.is_empty();
    Ok((Ring { shape, arenas, data: data.clone(), issues }, closed))
}
