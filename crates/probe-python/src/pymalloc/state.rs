//! What the allocator says of itself: the array of its arenas, and the counters beside the
//! variable that leads there (`Objects/obmalloc.c`; from 3.12 on `struct _obmalloc_mgmt` in
//! `Include/internal/pycore_obmalloc.h`).
//!
//! No symbol is needed: the variable leads to the array that places every arena where its pools
//! are. The variables stand in the order of the source or, as compilers like to have it, in the
//! opposite one; counters that do not fit the arenas are not believed.

use std::ops::Range;

use probe::Result;
use target::memory::{CachedMemory, ReadMemory};

use super::Pymalloc;
use crate::find::search;
use crate::walk::spans::Spans;
use crate::walk::window::Bytes;

/// Bytes of `struct arena_object`: its address, where its next pool begins, two numbers of 32
/// bits (pools free, pools in all), and three links.
const ARENA: u64 = 48;
/// The most arenas whose descriptions are read: 256 GiB of the smaller kind.
const MOST_ARENAS: u64 = 1 << 20;
/// Arenas described in one read.
const BATCH: u64 = 1 << 12;
/// From the variable to the number of arenas; from 3.8 on the table `nfp2lasta` is between them.
const DISTANCE: i64 = 552;
/// The same without that table.
const OLD_DISTANCE: i64 = 32;
/// The last minor version without it.
const LAST_WITHOUT_TABLE: u32 = 7;
/// Room for arenas at the beginning, which is doubled when it is not enough.
const FIRST_ROOM: u32 = 16;
/// Up to this minor version the counter of blocks counts those in pools too.
const LAST_THAT_COUNTS_ALL: u32 = 8;
/// More arenas or blocks are not believed.
const MOST: u64 = 1 << 40;

/// What the allocator says of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// Pools in no use: those given back, and those never used.
    pub unused_pools: u64,
    /// Bytes that arenas lose that do not begin where a pool can.
    pub alignment_bytes: u64,
    /// Counters, where they were found.
    pub counters: Option<Counters>,
}

/// What the allocator counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Arenas taken so far, those given back included.
    pub arenas_taken: u64,
    /// The most arenas at one time.
    pub arenas_highwater: u64,
    /// What `sys.getallocatedblocks()` gives: blocks in pools, and larger ones.
    pub blocks: u64,
}

/// What the allocator says of itself, and where its arenas begin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) state: State,
    pub(crate) arenas: Vec<u64>,
}

/// Finds what the allocator says of itself in the data of a library. `None` when nothing there
/// leads to the arenas that were `found`, or only to a part of them: interpreters with
/// allocators of their own.
pub(crate) fn find<M: ReadMemory>(
    memory: &M,
    data: impl Iterator<Item = Range<u64>>,
    spans: &Spans,
    minor: u32,
    found: &Pymalloc,
) -> Result<Option<Known>> {
    if found.highest_arena >= MOST_ARENAS {
        return Ok(None);
    }
    let cached = CachedMemory::new(memory);
    let length = ARENA * (found.highest_arena + 1);
    // Links to the first free or usable arena lead to the array too: the one with counters counts.
    let mut plain = None;
    let whole = search(data, memory, |start, bytes| {
        let skip = start.next_multiple_of(8) - start;
        let words = bytes.get(skip as usize..).unwrap_or_default().chunks_exact(8);
        (start + skip..).step_by(8).zip(words).find_map(|(variable, word)| {
            let array = word.try_into().map_or(0, u64::from_ne_bytes);
            let fits = array.is_multiple_of(8)
                && spans.contains(array, length)
                && places_an_arena(&cached, array, found);
            let mut known = if fits { arenas(memory, array, found) } else { None }?;
            let counters = counters(memory, variable, minor, found);
            if counters.is_none() {
                plain = Some(known);
                return None;
            }
            known.state.counters = counters;
            Some(known)
        })
    })?;
    Ok(whole.or(plain))
}

/// Whether an array places a known arena where its pools are.
fn places_an_arena<M: ReadMemory>(memory: &M, array: u64, found: &Pymalloc) -> bool {
    found.landmarks.iter().any(|&(index, pool)| {
        let start = memory.read_u64(array.saturating_add(ARENA * u64::from(index)));
        start.is_ok_and(|start| {
            pool.checked_sub(start).is_some_and(|offset| offset < found.geometry.arena)
        })
    })
}

/// Sums over the array of arenas; `None` when it does not have all that were found.
fn arenas<M: ReadMemory>(memory: &M, array: u64, found: &Pymalloc) -> Option<Known> {
    let (pool, most_pools) = (found.geometry.pool, found.geometry.arena / found.geometry.pool);
    let (mut state, mut arenas, mut at) = (State::default(), Vec::new(), 0);
    while at <= found.highest_arena {
        let count = (found.highest_arena + 1 - at).min(BATCH);
        let mut buffer = vec![0; (ARENA * count) as usize];
        memory.read(array.checked_add(ARENA * at)?, &mut buffer).ok()?;
        let bytes = Bytes { start: 0, bytes: &buffer };
        for arena in (0..count).map(|index| ARENA * index) {
            let start = bytes.word(arena)?;
            if start == 0 {
                continue;
            }
            let free = u64::from(bytes.half(arena + 16)?);
            if free > most_pools {
                return None;
            }
            arenas.push(start);
            state.unused_pools += free;
            state.alignment_bytes += if start.is_multiple_of(pool) { 0 } else { pool };
        }
        at += count;
    }
    (arenas.len() as u64 == found.arenas).then_some(Known { state, arenas })
}

/// The counters on either side of the variable.
fn counters<M: ReadMemory>(
    memory: &M,
    variable: u64,
    minor: u32,
    found: &Pymalloc,
) -> Option<Counters> {
    let distance = if minor <= LAST_WITHOUT_TABLE { OLD_DISTANCE } else { DISTANCE };
    [1, -1].into_iter().find_map(|direction| {
        let at = |distance: i64| variable.checked_add_signed(direction * distance);
        let word = |index: i64| memory.read_u64(at(distance + 8 * index)?).ok();
        // `maxarenas` is the variable's neighbour.
        let room = memory.read_u64(at(8)?).ok()? as u32;
        let [current, taken, highwater, blocks] = [word(0)?, word(1)?, word(2)?, word(3)?];
        let sane = (room / FIRST_ROOM).is_power_of_two()
            && room.is_multiple_of(FIRST_ROOM)
            && u64::from(room) > found.highest_arena
            && current == found.arenas
            && (current..=taken).contains(&highwater)
            && taken.max(blocks) < MOST;
        let inside = if minor <= LAST_THAT_COUNTS_ALL { 0 } else { found.blocks() };
        let blocks = blocks.saturating_add(inside);
        sane.then_some(Counters { arenas_taken: taken, arenas_highwater: highwater, blocks })
    })
}

#[cfg(test)]
mod tests {
    use target::memory::FakeMemory;

    use super::*;
    use crate::pymalloc::PoolTally;
    use crate::pymalloc::pool::Pool;
    use crate::pymalloc::pool::tests::{GEOMETRY, pool};

    const DATA: u64 = 0x10_0000;
    const ARRAY: u64 = 0x20_0000;
    /// Where the arena with the number 7 begins: not where a pool can.
    const START: u64 = 0x40_0800;

    fn found() -> Pymalloc {
        let mut tally = PoolTally::new(GEOMETRY);
        let address = START.next_multiple_of(4096);
        let bytes = pool(address);
        let read = Pool::read(Bytes { start: address, bytes: &bytes }, address, &GEOMETRY);
        tally.add(address, &read.unwrap());
        tally.finish()
    }

    fn look(memory: &FakeMemory, minor: u32) -> Option<State> {
        let text = "100000-102000 rw-p 0 08:01 7 /x\n200000-201000 rw-p 0 00:00 0 [heap]\n";
        let mappings: Vec<_> =
            target::procfs::smaps::parse(text.as_bytes()).map(|m| m.into_owned()).collect();
        let spans = Spans::new(&mappings);
        let data = std::iter::once(DATA..DATA + 0x2000);
        let known = find(memory, data, &spans, minor, &found()).unwrap()?;
        assert_eq!(known.arenas, [START]);
        Some(known.state)
    }

    fn memory() -> FakeMemory {
        let mut memory = FakeMemory::default();
        memory.add(DATA, vec![0; 0x2000]).add(ARRAY, vec![0; 0x1000]);
        memory.put_u64(ARRAY + 7 * ARENA, START).put_u64(ARRAY + 7 * ARENA + 16, 3 | 64 << 32);
        memory
    }

    /// Counters are read in either order, and those that contradict the arenas are not.
    #[test]
    fn counters_are_found_on_either_side() {
        for (distance, step, minor, blocks) in
            [(552, 8, 12, 13), (-552, -8, 9, 13), (-32, -8, 6, 10)]
        {
            let mut memory = memory();
            let variable = DATA + 0x1000;
            memory.put_u64(variable, ARRAY).put_u64(variable.wrapping_add_signed(step), 32);
            for (index, value) in [1, 9, 4, 10].into_iter().enumerate() {
                let at = variable.wrapping_add_signed(distance + step * index as i64);
                memory.put_u64(at, value);
            }
            let state = look(&memory, minor).unwrap();
            assert_eq!((state.unused_pools, state.alignment_bytes), (3, 4096));
            let wanted = Counters { arenas_taken: 9, arenas_highwater: 4, blocks };
            assert_eq!(state.counters, Some(wanted));
            memory.put_u64(variable.wrapping_add_signed(distance), 2);
            assert_eq!(look(&memory, minor).unwrap().counters, None);
        }
    }

    /// Arrays that lie are no arrays.
    #[test]
    fn lies_are_noticed() {
        let mut memory = memory();
        assert_eq!(look(&memory, 12), None);
        memory.put_u64(DATA + 0x1000, ARRAY);
        assert!(look(&memory, 12).is_some());
        memory.put_u64(ARRAY + 7 * ARENA + 16, 65);
        assert_eq!(look(&memory, 12), None);
        memory.put_u64(ARRAY + 7 * ARENA + 16, 0).put_u64(ARRAY, 0x90_0000);
        assert_eq!(look(&memory, 12), None);
        memory.put_u64(ARRAY, 0).put_u64(ARRAY + 7 * ARENA, START + 0x10_0000);
        assert_eq!(look(&memory, 12), None);
        memory.put_u64(DATA + 0x1000, u64::MAX - 7);
        assert_eq!(look(&memory, 12), None);
    }
}
