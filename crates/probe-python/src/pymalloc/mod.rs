//! The interpreter's allocator for blocks of up to 512 bytes, told by its structure alone: no
//! symbol and no offset of a version but the sizes of pool and arena.

mod arenas;
pub(crate) mod pool;
pub(crate) mod state;
pub(crate) mod table;

use std::ops::Range;

use arenas::{ArenaTotals, Arenas};
pub use pool::Geometry;
use pool::{HEADER, PAGE, Pool};
pub use state::{Counters, State};

/// A size class: what `sys._debugmallocstats()` prints in a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SizeClass {
    /// Bytes of a block.
    pub block: u64,
    /// Pools with at least one block in use.
    pub pools: u64,
    /// Blocks in use.
    pub used: u64,
    /// Blocks that could be given without another pool.
    pub free: u64,
    /// Blocks in use in which an object was recognised; 0 where objects were not looked for.
    pub objects: u64,
}

/// What the allocator holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pymalloc {
    /// How memory is cut.
    pub geometry: Geometry,
    /// The size classes, smallest first.
    pub classes: Vec<SizeClass>,
    /// Arenas that hold at least one pool that was ever used.
    pub arenas: u64,
    /// Pools that were in use and have no block in use now; not those never used.
    pub empty_pools: u64,
    /// Arenas of which less than a quarter is in use.
    pub sparse_arenas: u64,
    /// Bytes of those arenas that are not in use: what fragmentation costs.
    pub sparse_bytes: u64,
    /// Pools whose list of free blocks did not fit their header.
    pub torn_pools: u64,
    /// Bytes of whole pages that blocks in use lie in.
    pub pages_used: u64,
    /// Bytes of whole pages that were used and have no block in use now.
    pub pages_free: u64,
    /// What the allocator says of itself, where that was found.
    pub state: Option<State>,
    /// Where arenas are: from the first to the last pool of each that was ever used.
    pub(crate) extents: Vec<Range<u64>>,
    /// Some arenas: their numbers, and a pool of each.
    pub(crate) landmarks: Vec<(u32, u64)>,
    /// The highest number of an arena.
    pub(crate) highest_arena: u64,
}

impl Pymalloc {
    fn sum(&self, of: impl Fn(&SizeClass) -> u64) -> u64 {
        self.classes.iter().map(of).sum()
    }

    /// Pools with at least one block in use.
    #[must_use]
    pub fn pools(&self) -> u64 {
        self.sum(|class| class.pools)
    }

    /// Blocks in use.
    #[must_use]
    pub fn blocks(&self) -> u64 {
        self.sum(|class| class.used)
    }

    /// Bytes of blocks in use.
    #[must_use]
    pub fn used_bytes(&self) -> u64 {
        self.sum(|class| class.used * class.block)
    }

    /// Bytes of free blocks in pools that have others in use.
    #[must_use]
    pub fn free_bytes(&self) -> u64 {
        self.sum(|class| class.free * class.block)
    }

    /// Bytes of the headers of pools in use.
    #[must_use]
    pub fn header_bytes(&self) -> u64 {
        self.pools() * HEADER
    }

    /// Bytes at the ends of pools in use that are too few for a block.
    #[must_use]
    pub fn quantisation_bytes(&self) -> u64 {
        let room = self.geometry.pool - HEADER;
        self.sum(|class| room.checked_rem(class.block).unwrap_or(0) * class.pools)
    }

    /// Bytes of all arenas.
    #[must_use]
    pub fn arena_bytes(&self) -> u64 {
        self.arenas * self.geometry.arena
    }

    /// Bytes of arenas in pools that are not in use, or lost because an arena did not begin
    /// where a pool can.
    #[must_use]
    pub fn unused_bytes(&self) -> u64 {
        self.arena_bytes().saturating_sub(self.pools() * self.geometry.pool)
    }
}

/// Pools as they are found.
#[derive(Clone, Debug)]
pub(crate) struct PoolTally {
    geometry: Geometry,
    classes: Vec<SizeClass>,
    arenas: Arenas,
    empty: u64,
    torn: u64,
    /// Pages with and without a block in use.
    pages: (u64, u64),
}

impl PoolTally {
    pub(crate) fn new(geometry: Geometry) -> Self {
        let class = |class| SizeClass { block: geometry.block(class), ..SizeClass::default() };
        let classes = (0..geometry.classes()).map(class).collect();
        Self { geometry, classes, arenas: Arenas::default(), empty: 0, torn: 0, pages: (0, 0) }
    }

    /// Adds a pool.
    pub(crate) fn add(&mut self, address: u64, pool: &Pool) {
        self.arenas.add(address, pool, &self.geometry);
        self.torn += u64::from(pool.torn);
        let (used, free) = pool.pages(&self.geometry);
        self.pages.0 += used;
        self.pages.1 += free;
        if pool.used == 0 {
            self.empty += 1;
        } else if let Some(class) = self.classes.get_mut(pool.class as usize) {
            class.pools += 1;
            class.used += pool.used;
            class.free += self.geometry.blocks(pool.class) - pool.used;
        }
    }

    /// Says that so many blocks of a class hold objects.
    pub(crate) fn add_objects(&mut self, class: u32, objects: u64) {
        if let Some(class) = self.classes.get_mut(class as usize) {
            class.objects += objects;
        }
    }

    /// Adds what another thread saw.
    pub(crate) fn merge(&mut self, other: Self) {
        for (mine, theirs) in self.classes.iter_mut().zip(other.classes) {
            mine.pools += theirs.pools;
            mine.used += theirs.used;
            mine.free += theirs.free;
            mine.objects += theirs.objects;
        }
        self.arenas.merge(other.arenas);
        self.empty += other.empty;
        self.torn += other.torn;
        self.pages.0 += other.pages.0;
        self.pages.1 += other.pages.1;
    }

    pub(crate) fn finish(self) -> Pymalloc {
        let ArenaTotals { arenas, sparse, sparse_bytes, extents } =
            self.arenas.totals(&self.geometry);
        Pymalloc {
            geometry: self.geometry,
            classes: self.classes,
            arenas,
            empty_pools: self.empty,
            sparse_arenas: sparse,
            sparse_bytes,
            torn_pools: self.torn,
            pages_used: self.pages.0 * PAGE,
            pages_free: self.pages.1 * PAGE,
            state: None,
            extents,
            landmarks: self.arenas.landmarks(),
            highest_arena: self.arenas.highest(),
        }
    }
}
