//! What mimalloc 2.0 has given: its segments, found by what they say of themselves.
//!
//! A segment of 32 MiB begins at a multiple of that with a header and a list of its slices of
//! 64 KiB. In the header stands a cookie, which is the segment's address and a number that is the
//! same in all of them; behind it how many slices there are. A page of blocks is a run of slices,
//! whose first entry says how long it is, how large its blocks are, and how many are in use.
//! Where any of this does not add up nothing is said.

use target::images::Mapping;
use target::memory::ReadMemory;

/// A segment is as long, and begins at a multiple of it, bytes.
const SEGMENT: u64 = 32 << 20;
const SLICE: u64 = 64 << 10;
/// Slices of a segment.
const SLICES: u64 = SEGMENT / SLICE;
/// Where a cookie may stand in a header, bytes.
const COOKIES: std::ops::Range<usize> = 64..384;
/// Words from the cookie to the entries of slices, and bytes of an entry.
const WORDS: usize = 6;
const ENTRY: usize = 80;
/// Headers are no longer than this.
const HEADER: usize = COOKIES.end + 8 * WORDS + SLICES as usize * ENTRY;
/// The slices that a header takes at the most.
const MOST_HEAD: u64 = 16;
/// A block from this size on has a page of its own that says its size in slices.
const HUGE: u64 = 2 << 30;
/// The most segments that are read: half a TiB.
const MOST: usize = 1 << 14;

/// Blocks that an allocator has given and not taken back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// How many.
    pub blocks: u64,
    /// Bytes, as the allocator rounds them.
    pub bytes: u64,
}

/// What is in use in all segments; what another thread has given back counts until its owner
/// looks. `None`: there is none, or its segments are not as known.
pub(crate) fn held(memory: &impl ReadMemory, mappings: &[Mapping]) -> Option<Held> {
    let mut header = vec![0; HEADER];
    let mut read = |start| {
        let read = memory.read_prefix(start, &mut header).ok()?;
        header.get(..read).map(<[u8]>::to_vec)
    };
    let known = starts(mappings).find_map(|start| cookie(start, &read(start)?));
    let (place, key) = known?;
    let mut sum = Held::default();
    for start in starts(mappings) {
        let Some(header) = read(start) else { continue };
        if word(&header, place).is_some_and(|word| word ^ start == key) {
            // One that says it is a segment and does not add up makes all of it doubtful.
            let held = slices(&header, place)?;
            sum.blocks = sum.blocks.checked_add(held.blocks)?;
            sum.bytes = sum.bytes.checked_add(held.bytes)?;
        }
    }
    Some(sum)
}

/// Where segments may begin.
fn starts(mappings: &[Mapping]) -> impl Iterator<Item = u64> + '_ {
    let own = mappings.iter().filter(|m| m.perms.write && m.inode == 0);
    let starts = own.flat_map(|m| {
        let first = m.start.checked_next_multiple_of(SEGMENT).unwrap_or(u64::MAX);
        (first..m.end).step_by(SEGMENT as usize)
    });
    starts.take(MOST)
}

/// Where the cookie stands in the header of a segment, and what all of them have in common.
fn cookie(start: u64, header: &[u8]) -> Option<(usize, u64)> {
    COOKIES.step_by(8).find_map(|place| {
        let key = word(header, place)? ^ start;
        (key != 0 && slices(header, place).is_some()).then_some((place, key))
    })
}

/// What is in use, by the list of slices; `None` if it is none.
fn slices(header: &[u8], cookie: usize) -> Option<Held> {
    let [slices, head, kind, entries] = [1, 2, 3, 4].map(|n| word(header, cookie + 8 * n));
    let (slices, head, kind, entries) = (slices?, head?, kind?, entries?);
    let is_huge = kind & 0xffff_ffff == 1;
    let fits = (is_huge || slices == SLICES) && entries == slices.min(SLICES);
    if !fits || !(1..=MOST_HEAD).contains(&head) || kind & 0xffff_ffff > 1 {
        return None;
    }
    let (mut at, mut held) = (head, Held::default());
    while at < entries {
        let place = cookie + 8 * WORDS + at as usize * ENTRY;
        let (count, used) = page(header.get(place..place + ENTRY)?)?;
        at = at.checked_add(count)?;
        held.blocks += used.blocks;
        held.bytes = held.bytes.checked_add(used.bytes)?;
    }
    (at == slices).then_some(held)
}

/// The slices of a page, and what is in use of it.
fn page(entry: &[u8]) -> Option<(u64, Held)> {
    let counts = word(entry, 0)?;
    let (count, offset) = (counts & 0xffff_ffff, counts >> 32);
    let blocks = word(entry, 8)?;
    let (capacity, reserved) = (blocks >> 16 & 0xffff, blocks >> 32 & 0xffff);
    let sizes = word(entry, 24)?;
    let (used, size) = (sizes & 0xffff_ffff, sizes >> 32);
    if count == 0 || offset != 0 {
        return None;
    }
    // A free run has no size.
    if size <= 1 {
        return Some((count, Held::default()));
    }
    let size = if size >= HUGE { count * SLICE } else { size };
    let fits = used <= capacity && capacity <= reserved && reserved * size <= count * SLICE;
    fits.then_some((count, Held { blocks: used, bytes: used * size }))
}

fn word(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().map(|word| u64::from_ne_bytes(*word))
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: u64 = 32 << 40;
    const KEY: u64 = 0x1dc5_b7c2_dd22_b35a;
    const COOKIE: usize = 216;

    fn put(header: &mut [u8], at: usize, word: u64) {
        header[at..at + 8].copy_from_slice(&word.to_ne_bytes());
    }

    /// A segment with a page of three blocks of 1000 bytes in use, and the rest free.
    fn header() -> Vec<u8> {
        let mut header = vec![0; HEADER];
        for (n, word) in [START ^ KEY, SLICES, 1, 0, SLICES].into_iter().enumerate() {
            put(&mut header, COOKIE + 8 * n, word);
        }
        let entry = |slice: usize| COOKIE + 8 * WORDS + slice * ENTRY;
        put(&mut header, entry(1), 1);
        put(&mut header, entry(1) + 8, 60 << 16 | 65 << 32);
        put(&mut header, entry(1) + 24, 3 | 1000 << 32);
        put(&mut header, entry(2), SLICES - 2);
        header
    }

    #[test]
    fn what_adds_up_is_counted_and_nothing_else() {
        let whole = header();
        assert_eq!(cookie(START, &whole), Some((COOKIE, KEY)));
        assert_eq!(slices(&whole, COOKIE), Some(Held { blocks: 3, bytes: 3000 }));
        let entry = COOKIE + 8 * WORDS + ENTRY;
        // Slices, head, kind, entries; the page's slices, blocks, sizes.
        let places = [8, 16, 24, 32].map(|at| COOKIE + at).into_iter();
        for at in places.chain([entry, entry + 8, entry + 24]) {
            let mut damaged = whole.clone();
            put(&mut damaged, at, u64::MAX);
            assert_eq!(slices(&damaged, COOKIE), None, "{at}");
        }
        assert_eq!(slices(&whole[..entry], COOKIE), None);
        assert_eq!(cookie(START, &[0; HEADER]), None);
        assert_eq!(cookie(START, &[0xff; HEADER]), None);
    }
}
