//! What is kept of pools and objects where blocks are what matters: a number of two bytes for each
//! block of a pool, and a word for each object in a block of `malloc`.

use super::seen::place;
use crate::census::object::Object;
use crate::numbers::Numbers;
use crate::pymalloc::pool::{HEADER, Pool};

/// What a block of a pool holds: nothing, no object, or an object of the type with this number
/// less two.
const FREE: u32 = 0;
const NO_OBJECT: u32 = 1;
const FIRST: u32 = 2;
/// Bits of an address, above those of the type.
const SHAPE_BITS: u32 = 16;
/// Types with larger numbers are in a list.
const LISTED: u64 = (1 << SHAPE_BITS) - 1;

/// What `PYTHONMALLOC=debug` has in front of a block, bytes: its size, the kind, and a guard.
const LABEL: u64 = 16;
/// So many objects are asked whether there is one.
const SAMPLE: u32 = 64;

/// A pool and where its blocks are in the column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    address: u64,
    first: u32,
    blocks: u16,
    /// Bytes of a block.
    size: u16,
}

/// A block of a pool in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PoolBlock {
    pub(crate) address: u64,
    pub(crate) bytes: u64,
    /// The type of the object in it.
    pub(crate) shape: Option<u32>,
}

/// All pools, and the objects in them and in blocks of `malloc`.
#[derive(Debug, Default)]
pub(crate) struct Placed {
    pools: Vec<Place>,
    codes: Numbers,
    /// Address and type of objects in blocks of `malloc`.
    objects: Vec<u64>,
    /// Those whose type has a large number.
    listed: Vec<(u64, u32)>,
    /// Objects that were asked whether a debug allocator has made them, and whether one said so.
    asked: u32,
    labelled: bool,
}

impl Placed {
    /// Adds a pool; what it holds is noted next.
    pub(crate) fn add(&mut self, address: u64, pool: &Pool, size: u64) {
        let first = self.codes.len();
        let blocks = pool.blocks_in_use().last().map_or(0, |last| last as usize + 1);
        self.codes.extend(blocks);
        pool.blocks_in_use().for_each(|index| self.codes.set(first + index as usize, NO_OBJECT));
        let (first, blocks, size) = (first as u32, blocks as u16, size as u16);
        self.pools.push(Place { address, first, blocks, size });
    }

    /// Notes an object: in the pool that was added last, or in a block of `malloc`.
    pub(crate) fn note(&mut self, object: &Object, place: u8) {
        let (address, shape) = (object.address, object.shape.index);
        match (place, self.pools.last()) {
            (place::POOL, Some(pool)) => {
                let offset = address.saturating_sub(pool.address + HEADER);
                let index = offset / u64::from(pool.size.max(1));
                if self.asked < SAMPLE {
                    self.asked += 1;
                    let inside = offset % u64::from(pool.size.max(1));
                    self.labelled |= inside.checked_sub(object.shape.pre) == Some(LABEL);
                }
                if index < u64::from(pool.blocks) {
                    let code = shape.saturating_add(FIRST);
                    self.codes.set(pool.first as usize + index as usize, code);
                }
            }
            (place::MALLOC, _) if address >> (64 - SHAPE_BITS) == 0 => {
                let code = u64::from(shape).min(LISTED);
                self.objects.push(address << SHAPE_BITS | code);
                if code == LISTED {
                    self.listed.push((address, shape));
                }
            }
            _ => {}
        }
    }

    pub(crate) fn merge(&mut self, other: Self) {
        let before = self.codes.len() as u32;
        let moved = |pool: Place| Place { first: pool.first.saturating_add(before), ..pool };
        self.pools.extend(other.pools.into_iter().map(moved));
        self.codes.append(other.codes);
        self.objects.extend(other.objects);
        self.listed.extend(other.listed);
        self.labelled |= other.labelled;
    }

    /// What a debug allocator has in front of each object, bytes; 0 without one.
    pub(crate) fn front(&self) -> u64 {
        if self.labelled { LABEL } else { 0 }
    }

    pub(crate) fn sort(&mut self) {
        self.pools.sort_unstable();
        self.objects.sort_unstable();
        self.listed.sort_unstable();
    }

    /// Addresses of all pools, those without a block in use as well.
    pub(crate) fn pools(&self) -> Vec<u64> {
        self.pools.iter().map(|pool| pool.address).collect()
    }

    /// Blocks of pools in use, in order of address once sorted.
    pub(crate) fn blocks(&self) -> impl Iterator<Item = PoolBlock> + '_ {
        self.pools.iter().flat_map(|pool| {
            (0..u32::from(pool.blocks)).filter_map(|index| {
                let code = self.codes.get((pool.first + index) as usize)?;
                let bytes = u64::from(pool.size);
                let address = pool.address + HEADER + u64::from(index) * bytes;
                let shape = code.checked_sub(FIRST);
                (code != FREE).then_some(PoolBlock { address, bytes, shape })
            })
        })
    }

    /// Address and type of objects in blocks of `malloc`, in order of address once sorted.
    pub(crate) fn objects(&self) -> impl Iterator<Item = (u64, u32)> + '_ {
        self.objects.iter().map(|packed| {
            let (address, code) = (packed >> SHAPE_BITS, packed & LISTED);
            let listed = || {
                let index = self.listed.binary_search_by_key(&address, |object| object.0);
                index.ok().and_then(|index| self.listed.get(index)).map(|object| object.1)
            };
            let shape = if code == LISTED { listed() } else { None };
            (address, shape.unwrap_or(code as u32))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::census::types::{Kind, Shape};
    use crate::pymalloc::pool::tests::{GEOMETRY, pool};
    use crate::walk::window::Bytes;

    fn object(address: u64, index: u32) -> Object {
        let shape = Shape {
            index,
            address: 0x1000,
            kind: Kind::Plain,
            pre: 0,
            gc: false,
            heap: false,
            managed_dict: false,
            basic: 16,
            item: 0,
            values: 0,
        };
        Object { address, pre: 0, shape, tracked: false, immortal: false, count: 1 }
    }

    fn placed(address: u64, objects: &[(u64, u32, u8)]) -> Placed {
        let (bytes, mut placed) = (pool(address), Placed::default());
        let read = Pool::read(Bytes { start: address, bytes: &bytes }, address, &GEOMETRY);
        placed.add(address, &read.unwrap(), 32);
        for &(at, shape, place) in objects {
            placed.note(&object(at, shape), place);
        }
        placed
    }

    /// What two threads found comes back in order, types with large numbers too.
    #[test]
    fn blocks_and_objects_come_back() {
        let malloc = [(0x9010, 7, place::MALLOC), (0x9000, 70_000, place::MALLOC)];
        let mut all = placed(0x20000, &malloc);
        assert_eq!(all.front(), 0);
        let of_pool =
            [(0x10000 + 48 + 16, 5, place::POOL), (0x10000 + 48 + 64, 70_000, place::POOL)];
        let other = [&of_pool[..], &[(0x500, 3, place::STATIC), (1 << 60, 1, place::MALLOC)]];
        all.merge(placed(0x10000, &other.concat()));
        all.sort();
        assert_eq!(all.pools(), [0x10000, 0x20000]);
        let blocks: Vec<_> = all.blocks().map(|block| (block.address, block.shape)).collect();
        let starts = |pool: u64| [0, 64, 128].map(|offset| pool + 48 + offset);
        let [[a, b, c], [d, e, f]] = [starts(0x10000), starts(0x20000)];
        let wanted = [(a, Some(5)), (b, Some(70_000)), (c, None), (d, None), (e, None), (f, None)];
        assert_eq!(blocks, wanted);
        assert!(all.objects().eq([(0x9000, 70_000), (0x9010, 7)]));
        assert_eq!(all.front(), LABEL, "an object 16 bytes behind the start of its block");
    }
}
