//! Which pools lie in one arena.

use std::collections::HashMap;
use std::ops::Range;

use super::pool::{Geometry, Pool};

/// Pools with the number of one arena in one stretch as long as an arena. An arena that does
/// not begin at such a stretch has two of these.
#[derive(Clone, Copy, Debug, Default)]
struct Part {
    lowest: u64,
    highest: u64,
    pools: u64,
    used_bytes: u64,
}

impl Part {
    fn add(&mut self, other: &Self) {
        if self.pools == 0 {
            *self = *other;
            return;
        }
        self.lowest = self.lowest.min(other.lowest);
        self.highest = self.highest.max(other.highest);
        self.pools += other.pools;
        self.used_bytes += other.used_bytes;
    }
}

/// Pools by arena.
#[derive(Clone, Debug, Default)]
pub(crate) struct Arenas {
    parts: HashMap<(u32, u64), Part>,
}

/// What is known of all arenas.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ArenaTotals {
    /// Arenas that hold at least one pool that was ever used.
    pub(crate) arenas: u64,
    /// Those of which less than a quarter is in use.
    pub(crate) sparse: u64,
    /// Bytes of those that are not in use.
    pub(crate) sparse_bytes: u64,
    /// From the first to the last pool of each arena that was ever used.
    pub(crate) extents: Vec<Range<u64>>,
}

impl Arenas {
    /// Adds a pool.
    pub(crate) fn add(&mut self, address: u64, pool: &Pool, geometry: &Geometry) {
        let part = Part {
            lowest: address,
            highest: address,
            pools: 1,
            used_bytes: pool.used * geometry.block(pool.class),
        };
        let key = (pool.arena, address / geometry.arena);
        self.parts.entry(key).or_default().add(&part);
    }

    /// Adds what another thread saw.
    pub(crate) fn merge(&mut self, other: Self) {
        for (key, part) in other.parts {
            self.parts.entry(key).or_default().add(&part);
        }
    }

    /// Some arenas: their numbers, and a pool of each. The lowest numbers are the oldest.
    pub(crate) fn landmarks(&self) -> Vec<(u32, u64)> {
        /// As many are enough to know the array of one interpreter among those of others.
        const MOST: usize = 16;
        let mut list: Vec<_> =
            self.parts.iter().map(|(&(index, _), part)| (index, part.lowest)).collect();
        list.sort_unstable();
        list.truncate(MOST);
        list
    }

    /// The highest number of an arena.
    pub(crate) fn highest(&self) -> u64 {
        self.parts.keys().map(|&(index, _)| u64::from(index)).max().unwrap_or(0)
    }

    /// Puts the parts of each arena together.
    pub(crate) fn totals(&self, geometry: &Geometry) -> ArenaTotals {
        let mut parts: Vec<_> = self.parts.iter().map(|(&key, &part)| (key, part)).collect();
        parts.sort_unstable_by_key(|&(key, _)| key);
        let mut totals = ArenaTotals::default();
        let mut last: Option<(u32, Part)> = None;
        for ((index, _), part) in parts {
            match &mut last {
                Some((same, arena))
                    if *same == index
                        && part.highest + geometry.pool - arena.lowest <= geometry.arena =>
                {
                    arena.add(&part);
                }
                _ => {
                    totals.count(last.replace((index, part)), geometry);
                }
            }
        }
        totals.count(last, geometry);
        totals
    }
}

impl ArenaTotals {
    fn count(&mut self, arena: Option<(u32, Part)>, geometry: &Geometry) {
        let Some((_, arena)) = arena else { return };
        self.arenas += 1;
        self.extents.push(arena.lowest..arena.highest.saturating_add(geometry.pool));
        if arena.used_bytes < geometry.arena / 4 {
            self.sparse += 1;
            self.sparse_bytes += geometry.arena - arena.used_bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pymalloc::pool::tests::{GEOMETRY, pool};
    use crate::walk::window::Bytes;

    /// An arena across a border is one; two with the same number far apart are two.
    #[test]
    fn arenas_are_put_together() {
        let mut arenas = Arenas::default();
        let arena = GEOMETRY.arena;
        for address in [arena - 8192, arena - 4096, arena, arena + 4096, 10 * arena] {
            let bytes = pool(address);
            let read = Pool::read(Bytes { start: address, bytes: &bytes }, address, &GEOMETRY);
            arenas.add(address, &read.unwrap(), &GEOMETRY);
        }
        let totals = arenas.totals(&GEOMETRY);
        assert_eq!((totals.arenas, totals.sparse), (2, 2));
        assert_eq!(totals.sparse_bytes, 2 * arena - 5 * 3 * 32);
        let extents = [arena - 8192..arena + 8192, 10 * arena..10 * arena + 4096];
        assert_eq!(totals.extents, extents);
    }
}
