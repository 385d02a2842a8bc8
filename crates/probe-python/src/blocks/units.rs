//! All blocks in use in order of address, and which of them an address lies in.

use std::ops::Range;

use super::Pointed;
use crate::walk::seen::{Seen, place};

/// Sizes are kept in these units, bytes: all allocators round to it.
const GRAIN: u64 = 8;
/// The smallest page.
const PAGE: u64 = 4096;
/// Blocks that are farther apart than this belong to different stretches, bytes.
const GAP: u64 = 1 << 20;
/// The most blocks: the highest bit of a number is a mark of pointers.
const MOST: usize = 1 << 31;
/// What stands in front of values or behind the headers of debug allocators, bytes.
const FRONT: u64 = 64;
/// The bits of an address; programs use the others for marks.
const ADDRESS: u64 = (1 << 48) - 1;
/// Stands for the type of what is no object.
pub(super) const NO_OBJECT: u32 = u32::MAX;

/// Blocks in columns.
#[derive(Debug, Default)]
pub(super) struct Units {
    address: Vec<u64>,
    /// In [`GRAIN`]s.
    size: Vec<u32>,
    /// The number of the type of the object in it, or [`NO_OBJECT`].
    pub(super) shape: Vec<u32>,
    /// Whether it is pymalloc's.
    pub(super) pool: Vec<bool>,
    stretches: Vec<Stretch>,
}

/// A block as an allocator gave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Given {
    address: u64,
    /// In [`GRAIN`]s.
    size: u32,
    pool: bool,
}

impl Given {
    /// Address and bytes, and whether it is pymalloc's.
    pub(super) fn new(address: u64, bytes: u64, pool: bool) -> Self {
        Self { address, size: u32::try_from(bytes / GRAIN).unwrap_or(u32::MAX), pool }
    }
}

/// Memory with few holes, and the first block that ends behind the start of each page.
#[derive(Debug)]
struct Stretch {
    range: Range<u64>,
    first: Vec<u32>,
}

impl Units {
    /// From blocks and objects, both in any order.
    pub(super) fn new(mut blocks: Vec<Given>, objects: &mut [Seen]) -> Self {
        blocks.sort_unstable();
        let mut units = Self {
            address: Vec::with_capacity(blocks.len()),
            size: Vec::with_capacity(blocks.len()),
            pool: Vec::with_capacity(blocks.len()),
            ..Self::default()
        };
        let mut behind = 0;
        for Given { address, size, pool } in blocks {
            // What lies inside of another one is another allocator's: the outer one counts.
            if size > 0 && address >= behind && units.len() < MOST {
                behind = address.saturating_add(u64::from(size) * GRAIN);
                units.address.push(address);
                units.size.push(size);
                units.pool.push(pool);
            }
        }
        units.shape = vec![NO_OBJECT; units.len()];
        units.stretch();
        objects.sort_unstable_by_key(|object| object.address);
        for object in objects.iter().filter(|object| object.place != place::STATIC) {
            if let Some(unit) = units.around(object.address) {
                units.shape[unit as usize] = object.shape;
            }
        }
        units
    }

    fn stretch(&mut self) {
        let mut from = 0;
        while from < self.len() {
            let mut to = from + 1;
            while to < self.len() && self.address[to] < self.end(to - 1).saturating_add(GAP) {
                to += 1;
            }
            let range = self.address[from]..self.end(to - 1);
            let pages = (range.end - range.start).div_ceil(PAGE);
            let mut at = from;
            let first = (0..pages).map(|page| {
                let start = range.start + page * PAGE;
                while at + 1 < to && self.end(at) < start {
                    at += 1;
                }
                at as u32
            });
            let first = first.collect();
            self.stretches.push(Stretch { range, first });
            from = to;
        }
    }

    pub(super) fn len(&self) -> usize {
        self.address.len()
    }

    fn end(&self, unit: usize) -> u64 {
        self.address[unit].saturating_add(self.bytes(unit))
    }

    pub(super) fn bytes(&self, unit: usize) -> u64 {
        u64::from(self.size[unit]) * GRAIN
    }

    pub(super) fn range(&self, unit: usize) -> Range<u64> {
        self.address[unit]..self.end(unit)
    }

    /// The block that an address points into, or one past of whose end it points.
    pub(super) fn around(&self, address: u64) -> Option<u32> {
        let after = self.stretches.partition_point(|s| s.range.start <= address);
        let stretch = &self.stretches[after.checked_sub(1)?];
        if address > stretch.range.end {
            return None;
        }
        let page = ((address - stretch.range.start) / PAGE) as usize;
        let first = *stretch.first.get(page).or(stretch.first.last())? as usize;
        let last = stretch.first.get(page + 1).map_or(self.len() - 1, |&last| last as usize);
        let near = &self.address[first..=last];
        let unit = first + near.partition_point(|&start| start <= address).checked_sub(1)?;
        (address <= self.end(unit)).then_some(unit as u32)
    }

    /// The block that a word points to, with marks in its lowest or highest bits or not. With marks
    /// in the highest ones only to its beginning: numbers, hashes and texts look like those at
    /// times, and whoever marks a pointer marks that which it was given.
    pub(super) fn pointed(&self, word: u64) -> Option<u32> {
        if word < PAGE {
            return None;
        }
        let place = word & ADDRESS;
        let unit = self.around(place)?;
        let is_plain = place == word;
        (is_plain || self.address[unit as usize] == place & !(GRAIN - 1)).then_some(unit)
    }

    /// Whether a word that points to a block points to its beginning, or right behind what may
    /// stand in front of its contents.
    pub(super) fn begins_near(&self, unit: u32, word: u64) -> bool {
        let start = self.address.get(unit as usize).copied().unwrap_or(0);
        (word & ADDRESS).saturating_sub(start) <= FRONT
    }

    /// Counts a word that points to a block by where it points to.
    pub(super) fn classify(&self, unit: u32, word: u64, counts: &mut Pointed) {
        let start = self.address.get(unit as usize).copied().unwrap_or(0);
        let place = word & ADDRESS;
        // All allocators give addresses that are multiples of a word.
        if word != place || !place.is_multiple_of(GRAIN) {
            counts.marked += 1;
        } else if place == self.end(unit as usize) {
            counts.past += 1;
        } else if place.saturating_sub(start) > FRONT {
            counts.inside += 1;
        } else {
            counts.begin += 1;
        }
    }

    #[cfg(test)]
    pub(super) fn addresses(&self) -> &[u64] {
        &self.address
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers_lead_to_blocks() {
        let far = 0x7f00_0000_0000;
        let blocks = [(0x10010, 40), (0x10040, 24), (far, 3 << 20), (0x10050, 8), (0x13000, 16)];
        let blocks = blocks.map(|(address, bytes)| Given::new(address, bytes, false)).to_vec();
        let units = Units::new(blocks, &mut []);
        assert_eq!(units.addresses(), [0x10010, 0x10040, 0x13000, far]);
        for (address, unit) in [
            (0x10010, Some(0)),
            (0x10011, Some(0)),
            (0x10038, Some(0)),
            (0x10039, None),
            (0x10040, Some(1)),
            (0x10058, Some(1)),
            (0x12fff, None),
            (0x13008, Some(2)),
            (0x13011, None),
            (far - 1, None),
            (far + (2 << 20), Some(3)),
            (far + (3 << 20), Some(3)),
            (far + (3 << 20) + 1, None),
            (0, None),
            (u64::MAX, None),
        ] {
            assert_eq!(units.around(address), unit, "{address:#x}");
        }
        assert_eq!(units.pointed(0xab00_0001_0001_0041), None);
        assert_eq!(units.pointed(0xab00_0000_0001_0041), Some(1), "marks in the highest bits");
        assert_eq!(units.pointed(0xab00_0000_0001_0048), None, "and not to the beginning");
        assert_eq!(Units::default().around(0x10010), None);
    }
}
