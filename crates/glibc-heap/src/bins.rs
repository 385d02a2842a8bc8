//! Lists of free chunks that the flags of their neighbours do not tell.

use probe::Result;
use target::memory::ReadMemory;

use crate::arena::{Arena, Shape};
use crate::native::Chunks;
use crate::segment::{HEADER, State};

/// What was marked on the lists of an arena, and what on them was no chunk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Listed {
    /// Entries that lead to no chunk of that list: overwritten, or changed meanwhile.
    pub(crate) wrong: u64,
}

/// Marks what is in fast bins: it looks as if it were in use.
pub(crate) fn fast<M: ReadMemory>(
    memory: &M,
    chunks: &mut Chunks<'_>,
    arena: &Arena,
    listed: &mut Listed,
) -> Result<()> {
    for (n, &first) in arena.fast.iter().enumerate() {
        let size = 32 + 16 * n as u64;
        let mut at = first;
        // A chunk is marked once, so that a list that bites its tail ends.
        while at != 0 {
            if !chunks.mark(at, State::Used, State::Fast, |s| s == size) {
                listed.wrong += 1;
                break;
            }
            let link = at + HEADER;
            at = next(memory, chunks, link, 0)?;
        }
    }
    Ok(())
}

/// Marks what is in the unsorted bin, and looks at the first of each other bin.
pub(crate) fn others<M: ReadMemory>(
    memory: &M,
    chunks: &mut Chunks<'_>,
    arena: &Arena,
    shape: Shape,
    listed: &mut Listed,
) -> Result<()> {
    let end = shape.bins(arena.address) - 16;
    let mut at = arena.bins.first().map_or(end, |bin| bin.0);
    while at != end {
        if !chunks.mark(at, State::Free, State::Unsorted, |_| true) {
            listed.wrong += 1;
            break;
        }
        at = memory.read_u64(at + HEADER).unwrap_or(0);
    }
    for (n, &(first, last)) in arena.bins.iter().enumerate().skip(1) {
        let own = end + 16 * n as u64;
        for at in [first, last].into_iter().filter(|&at| at != own) {
            listed.wrong += u64::from(chunks.state(at) != Some(State::Free));
        }
    }
    Ok(())
}

/// The next entry of a list with single links: as it stands, or (2.32 and up) mixed with the
/// address of the link. `from_chunk` is what lies between a chunk and where links point to.
pub(crate) fn next<M: ReadMemory>(
    memory: &M,
    chunks: &Chunks<'_>,
    link: u64,
    from_chunk: u64,
) -> Result<u64> {
    let mut bytes = [0; 8];
    if memory.read_prefix(link, &mut bytes)? < 8 {
        return Ok(0);
    }
    let plain = u64::from_ne_bytes(bytes);
    let mixed = plain ^ (link >> 12);
    if plain == 0 || mixed == 0 {
        return Ok(0);
    }
    let plausible = |at: u64| chunks.state(at.wrapping_sub(from_chunk)).is_some();
    Ok(if plausible(mixed) { mixed } else { plain })
}
