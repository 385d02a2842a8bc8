//! All blocks in use in order of address, and which of them an address lies in, in few bytes: a
//! bit for each place at which one can begin, a byte for its size, and some more for large ones.

use std::ops::Range;

use super::Pointed;
use super::bits::{Bits, CELL, Cell};
use crate::numbers::Numbers;

/// Sizes are kept in these units, bytes: all allocators round to it.
const GRAIN: u64 = 8;
/// What most allocators round addresses to, as a power of two.
const WIDE: u32 = 4;
/// The same of those of old interpreters.
const NARROW: u32 = 3;
/// Numbers below this are no addresses, bytes.
pub(super) const PAGE: u64 = 4096;
/// Blocks between whose beginnings there are more empty cells than this belong to different
/// stretches.
const GAP: usize = 256;
/// The most blocks: two bits more than their numbers have room in the marks of pointers.
const MOST: usize = 1 << 30;
/// What stands in front of values or behind the headers of debug allocators, bytes.
const FRONT: u64 = 64;
/// The bits of an address; programs use the others for marks.
pub(super) const ADDRESS: u64 = (1 << 48) - 1;
/// Stands for the size of a block that is in the list of large ones, as all from so many
/// [`GRAIN`]s up are.
const LARGE: u8 = u8::MAX;

/// Blocks, numbered in order of address.
#[derive(Debug, Default)]
pub(super) struct Units {
    stretches: Vec<Stretch>,
    /// In [`GRAIN`]s, or [`LARGE`].
    sizes: Vec<u8>,
    large: Vec<Large>,
    /// Those of pymalloc.
    pool: Bits,
    /// Those that are Python objects.
    objects: Bits,
    /// The numbers of the types of these.
    shapes: Numbers,
}

/// A block as an allocator gave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Given {
    address: u64,
    /// In [`GRAIN`]s.
    size: u32,
    pool: bool,
    shape: Option<u32>,
}

impl Given {
    /// A block of `malloc`: address and bytes.
    pub(super) fn new(address: u64, bytes: u64) -> Self {
        let size = u32::try_from(bytes / GRAIN).unwrap_or(u32::MAX);
        Self { address, size, pool: false, shape: None }
    }

    /// One of pymalloc, and the type of the object in it.
    pub(super) fn of_pool(address: u64, bytes: u64, shape: Option<u32>) -> Self {
        Self { pool: true, shape, ..Self::new(address, bytes) }
    }
}

/// A block: its number and where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unit {
    pub(super) number: u32,
    pub(super) start: u64,
    pub(super) end: u64,
}

impl Unit {
    pub(super) fn range(&self) -> Range<u64> {
        self.start..self.end
    }

    pub(super) fn bytes(&self) -> u64 {
        self.end - self.start
    }

    /// Whether a word that points to it points to its beginning, or right behind what may stand
    /// in front of its contents.
    pub(super) fn begins_near(&self, word: u64) -> bool {
        (word & ADDRESS).saturating_sub(self.start) <= FRONT
    }

    /// Counts a word that points to it by where it points to.
    pub(super) fn classify(&self, word: u64, counts: &mut Pointed) {
        let place = word & ADDRESS;
        // All allocators give addresses that are multiples of a word.
        if word != place || !place.is_multiple_of(GRAIN) {
            counts.marked += 1;
        } else if place == self.end {
            counts.past += 1;
        } else if place.saturating_sub(self.start) > FRONT {
            counts.inside += 1;
        } else {
            counts.begin += 1;
        }
    }
}

/// Memory with few holes.
#[derive(Debug)]
struct Stretch {
    /// From the first block to the end of the last one.
    range: Range<u64>,
    /// Where the first cell begins.
    base: u64,
    /// Bytes that a mark stands for, as a power of two.
    shift: u32,
    /// Where blocks begin. The marks in front of a cell are blocks of all stretches.
    cells: Vec<Cell>,
}

impl Stretch {
    fn at(start: u64, shift: u32) -> Self {
        let base = start - start % ((CELL as u64) << shift);
        Self { range: start..start, base, shift, cells: Vec::new() }
    }

    /// Cell and mark of an address in it.
    fn place(&self, address: u64) -> (usize, usize) {
        let mark = ((address - self.base) >> self.shift) as usize;
        (mark / CELL, mark % CELL)
    }

    fn address(&self, cell: usize, mark: usize) -> u64 {
        self.base + (((cell * CELL + mark) as u64) << self.shift)
    }

    fn add(&mut self, start: u64, end: u64, number: u32) {
        let (cell, mark) = self.place(start);
        while self.cells.len() <= cell {
            self.cells.push(Cell::behind(number));
        }
        self.cells[cell].mark(mark);
        self.range.end = end;
    }
}

/// A block whose size is no byte.
#[derive(Debug)]
struct Large {
    start: u64,
    number: u32,
    /// In [`GRAIN`]s.
    size: u32,
}

impl Units {
    /// From blocks, and addresses and types of objects in those of `malloc`, both in order of
    /// address.
    pub(super) fn new(
        blocks: impl Iterator<Item = Given>,
        objects: impl Iterator<Item = (u64, u32)>,
    ) -> Self {
        let mut units = Self::default();
        let mut objects = objects.peekable();
        let mut behind = 0;
        for Given { address, size, pool, shape } in blocks {
            // What lies inside of another one is another allocator's: the outer one counts.
            let fits = address >= behind && address.is_multiple_of(GRAIN);
            if size == 0 || !fits || units.len() >= MOST {
                continue;
            }
            behind = address.saturating_add(u64::from(size) * GRAIN);
            units.add(address, size, pool);
            while objects.next_if(|object| object.0 < address).is_some() {}
            let mut shape = shape;
            while let Some(object) = objects.next_if(|object| object.0 < behind) {
                // Of several in one block the last one counts.
                shape = Some(object.1);
            }
            if let Some(shape) = shape {
                units.objects.add(units.len() - 1);
                units.shapes.push(shape);
            }
        }
        units
    }

    fn add(&mut self, address: u64, size: u32, pool: bool) {
        let number = self.sizes.len();
        let aligned = address.is_multiple_of(1 << WIDE);
        let end = address.saturating_add(u64::from(size) * GRAIN);
        let goes_on = |last: &&mut Stretch| {
            last.place(address).0 < last.cells.len() + GAP && (aligned || last.shift == NARROW)
        };
        match self.stretches.last_mut().filter(goes_on) {
            Some(last) => last.add(address, end, number as u32),
            None => {
                let mut next = Stretch::at(address, if aligned { WIDE } else { NARROW });
                next.add(address, end, number as u32);
                self.stretches.push(next);
            }
        }
        let code = u8::try_from(size).unwrap_or(LARGE);
        if code == LARGE {
            self.large.push(Large { start: address, number: number as u32, size });
        }
        self.sizes.push(code);
        if pool {
            self.pool.add(number);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.sizes.len()
    }

    /// Where there are blocks, without a word on holes in between.
    pub(super) fn ranges(&self) -> impl Iterator<Item = Range<u64>> + '_ {
        self.stretches.iter().map(|stretch| stretch.range.clone())
    }

    /// Those that are large, and some more.
    pub(super) fn large_ones(&self) -> impl Iterator<Item = Unit> + '_ {
        self.large.iter().map(|large| self.unit(large.number, large.start))
    }

    /// Whether a block is pymalloc's.
    pub(super) fn is_pool(&self, number: u32) -> bool {
        self.pool.contains(number as usize)
    }

    /// The type of the object in a block.
    pub(super) fn shape(&self, number: u32) -> Option<u32> {
        let number = number as usize;
        let place = || self.objects.rank(number) as usize;
        self.objects.contains(number).then(|| self.shapes.get(place())).flatten()
    }

    /// The number of a block among those that are no objects.
    pub(super) fn native(&self, number: u32) -> Option<u32> {
        let below = || self.objects.rank(number as usize);
        (!self.objects.contains(number as usize)).then(|| number - below())
    }

    /// How many are no objects.
    pub(super) fn natives(&self) -> usize {
        self.len() - self.objects.len() as usize
    }

    /// How many in front of a block are no objects.
    pub(super) fn natives_before(&self, number: u32) -> u32 {
        number - self.objects.rank(number as usize)
    }

    /// The block that an address points into, or one past of whose end it points.
    pub(super) fn around(&self, address: u64) -> Option<Unit> {
        // A small one that reaches to here begins in this cell or in the one in front.
        self.search(address, 1).filter(|unit| address <= unit.end)
    }

    /// The last block that begins at an address or in front of it.
    pub(super) fn front(&self, address: u64) -> Option<Unit> {
        self.search(address, usize::MAX)
    }

    /// The same, but of a small one only so many cells in front are looked at.
    fn search(&self, address: u64, cells: usize) -> Option<Unit> {
        let after = self.stretches.partition_point(|s| s.range.start <= address);
        let stretch = &self.stretches[after.checked_sub(1)?];
        let (cell, mark) = stretch.place(address);
        // What is behind the last beginning needs no cells.
        let last = stretch.cells.len() - 1;
        let (cell, mark) = if cell > last { (last, CELL - 1) } else { (cell, mark) };
        if let Some(found) = stretch.cells[cell].last(mark) {
            let number = stretch.cells[cell].rank(found);
            return Some(self.unit(number, stretch.address(cell, found)));
        }
        let number = stretch.cells[cell].before.checked_sub(1)?;
        if let Some(large) = self.large(number) {
            return Some(self.unit(number, large.start));
        }
        let found = |cell: usize| Some((cell, stretch.cells[cell].last(CELL - 1)?));
        let front = (0..cell).rev().take(cells).find_map(found);
        front.map(|(cell, found)| self.unit(number, stretch.address(cell, found)))
    }

    fn large(&self, number: u32) -> Option<&Large> {
        if self.sizes.get(number as usize) != Some(&LARGE) {
            return None;
        }
        let index = self.large.binary_search_by_key(&number, |large| large.number);
        index.ok().and_then(|index| self.large.get(index))
    }

    fn unit(&self, number: u32, start: u64) -> Unit {
        let size = match self.sizes.get(number as usize) {
            Some(&LARGE) => self.large(number).map_or(0, |large| large.size),
            size => size.copied().map_or(0, u32::from),
        };
        Unit { number, start, end: start.saturating_add(u64::from(size) * GRAIN) }
    }

    /// The block that a word points to, with marks in its lowest or highest bits or not. With marks
    /// in the highest ones only to its beginning: numbers, hashes and texts look like those at
    /// times, and whoever marks a pointer marks that which it was given.
    pub(super) fn pointed(&self, word: u64) -> Option<Unit> {
        if word < PAGE {
            return None;
        }
        let place = word & ADDRESS;
        let unit = self.around(place)?;
        let is_plain = place == word;
        (is_plain || unit.start == place & !(GRAIN - 1)).then_some(unit)
    }

    /// Blocks by their numbers, in order.
    pub(super) fn iter(&self, numbers: Range<usize>) -> impl Iterator<Item = Unit> + '_ {
        let from = numbers.start as u32;
        let first = |stretch: &Stretch| stretch.cells.first().map_or(0, |cell| cell.before);
        let stretch = self.stretches.partition_point(|stretch| first(stretch) <= from);
        let mut stretch = stretch.saturating_sub(1);
        let cells = self.stretches.get(stretch).map_or(&[][..], |stretch| &stretch.cells);
        let mut cell = cells.partition_point(|cell| cell.before <= from).saturating_sub(1);
        let mut skip = cells.get(cell).map_or(0, |cell| from.saturating_sub(cell.before));
        let mut mark = 0;
        let mut number = from;
        let next = move || loop {
            let here = self.stretches.get(stretch)?;
            match here.cells.get(cell).map(|cell| cell.next(mark)) {
                Some(Some(found)) => {
                    mark = found + 1;
                    if skip == 0 {
                        number += 1;
                        return Some(self.unit(number - 1, here.address(cell, found)));
                    }
                    skip -= 1;
                }
                Some(None) => (cell, mark) = (cell + 1, 0),
                None => (stretch, cell, mark) = (stretch + 1, 0, 0),
            }
        };
        let count = numbers.len();
        std::iter::from_fn(next).take(count)
    }
}

/// Blocks of two lists that are in order, in order.
pub(super) fn merge(
    one: impl Iterator<Item = Given>,
    other: impl Iterator<Item = Given>,
) -> impl Iterator<Item = Given> {
    let (mut one, mut other) = (one.peekable(), other.peekable());
    std::iter::from_fn(move || match (one.peek(), other.peek()) {
        (Some(a), Some(b)) if b < a => other.next(),
        (Some(_), _) => one.next(),
        (None, _) => other.next(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn units(blocks: &[(u64, u64)]) -> Units {
        let mut given: Vec<_> = blocks.iter().map(|&(at, n)| Given::new(at, n)).collect();
        given.sort_unstable();
        Units::new(given.into_iter(), std::iter::empty())
    }

    #[test]
    fn pointers_lead_to_blocks() {
        let far = 0x7f00_0000_0000;
        let units =
            units(&[(0x10010, 40), (0x10040, 24), (far, 3 << 20), (0x10050, 8), (0x13000, 16)]);
        let starts: Vec<_> = units.iter(0..9).map(|unit| unit.start).collect();
        assert_eq!(starts, [0x10010, 0x10040, 0x13000, far]);
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
            assert_eq!(units.around(address).map(|unit| unit.number), unit, "{address:#x}");
        }
        let pointed = |word| units.pointed(word).map(|unit| unit.number);
        assert_eq!(pointed(0xab00_0001_0001_0041), None);
        assert_eq!(pointed(0xab00_0000_0001_0041), Some(1), "marks in the highest bits");
        assert_eq!(pointed(0xab00_0000_0001_0048), None, "and not to the beginning");
        assert_eq!(Units::default().around(0x10010), None);
        assert_eq!(Units::default().iter(0..3).count(), 0);
    }

    #[test]
    fn objects_have_types() {
        let blocks = [
            Given::new(0x10010, 40),
            Given::new(0x10040, 600),
            Given::of_pool(0x11030, 32, Some(70_000)),
            Given::of_pool(0x11050, 32, None),
            Given::new(0x12010, 104),
        ];
        let objects = [(0x10020, 3), (0x10030, 4), (0x10050, 5), (0x10060, 6), (0x12078, 7)];
        let units = Units::new(blocks.into_iter(), objects.into_iter());
        let shapes: Vec<_> = (0..5).map(|number| units.shape(number)).collect();
        assert_eq!(shapes, [Some(4), Some(6), Some(70_000), None, None]);
        let natives: Vec<_> = (0..5).map(|number| units.native(number)).collect();
        assert_eq!(natives, [None, None, None, Some(0), Some(1)]);
        assert_eq!((units.natives(), units.natives_before(4)), (2, 1));
        assert!(units.is_pool(3) && !units.is_pool(4));
    }

    /// Against a search in a plain list: blocks of all sizes and alignments, side by side and far
    /// apart.
    #[test]
    fn all_addresses_lead_where_a_list_says() {
        let mut random = 88_172_645_463_325_252_u64;
        let mut next = |most: u64| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random % most
        };
        let (mut at, mut blocks) = (0x10_0000_u64, Vec::new());
        for _ in 0..20_000 {
            let size = 8 * [1 + next(8), 1 + next(64), 200 + next(100), next(100_000)]
                [(next(40) / 13) as usize]
                .max(1);
            blocks.push((at, size));
            let hole = [0, 8, 16, 5000, 3 << 20][(next(1000).saturating_sub(990) / 2) as usize];
            at += size + hole + if next(3) == 0 { 0 } else { 8 };
            if next(2000) > 0 {
                at = at.next_multiple_of(16);
            }
        }
        let units = units(&blocks);
        assert_eq!(units.len(), blocks.len());
        assert!(units.stretches.len() > 2 && units.large.len() > 100);
        assert!(units.stretches.iter().any(|stretch| stretch.shift == NARROW));
        let all = units.iter(0..blocks.len()).map(|unit| (unit.start, unit.bytes()));
        assert!(all.eq(blocks.iter().copied()));
        for from in [0, 1, 255, 256, 257, 9999, 19_999, 20_000] {
            let starts = units.iter(from..from + 3).map(|unit| (unit.number, unit.start));
            let wanted = (from..blocks.len().min(from + 3)).map(|n| (n as u32, blocks[n].0));
            assert!(starts.eq(wanted), "{from}");
        }
        let probe = |address: u64| {
            let number = blocks.partition_point(|block| block.0 <= address).checked_sub(1)?;
            (address <= blocks[number].0 + blocks[number].1).then_some(number as u32)
        };
        for &(start, size) in &blocks {
            for address in [start - 1, start, start + 9, start + size / 2, start + size] {
                let found = units.around(address).map(|unit| unit.number);
                assert_eq!(found, probe(address), "{address:#x}");
            }
            let front = units.front(start + size / 2).map(|unit| unit.start);
            assert_eq!(front, Some(start));
            let behind = start + size + 1;
            assert_eq!(units.around(behind).map(|unit| unit.number), probe(behind), "{behind:#x}");
        }
    }
}
