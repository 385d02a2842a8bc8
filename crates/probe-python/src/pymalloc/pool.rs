//! A pool: blocks of one size, with a header that can be told from anything else.

use crate::walk::window::Bytes;

/// Bytes of a pool's header.
pub(crate) const HEADER: u64 = 48;
/// The smallest page.
pub(crate) const PAGE: u64 = 4096;
/// The largest block that pymalloc gives.
pub(crate) const LARGEST: u64 = 512;
/// The most blocks that a pool has: 16 KiB of 16 bytes.
const MOST_BLOCKS: usize = 1024;

/// How a version cuts its memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// Bytes of a pool, to which it is aligned.
    pub pool: u64,
    /// Bytes of an arena.
    pub arena: u64,
    /// Bytes by which the sizes of blocks differ.
    pub step: u64,
}

impl Geometry {
    /// Bytes of a block of a size class.
    #[must_use]
    pub fn block(&self, class: u32) -> u64 {
        (u64::from(class) + 1) * self.step
    }

    /// How many size classes there are.
    #[must_use]
    pub fn classes(&self) -> u32 {
        (LARGEST / self.step) as u32
    }

    /// Blocks of a pool of a size class.
    #[must_use]
    pub fn blocks(&self, class: u32) -> u64 {
        (self.pool - HEADER) / self.block(class)
    }
}

/// A pool that was read.
#[derive(Clone, Debug)]
pub(crate) struct Pool {
    /// Its size class.
    pub(crate) class: u32,
    /// Blocks in use, as the header says.
    pub(crate) used: u64,
    /// Blocks that were handed out at least once.
    pub(crate) carved: u64,
    /// The number of its arena.
    pub(crate) arena: u32,
    /// Whether the free list does not fit the header: the process was in the middle of a change.
    pub(crate) torn: bool,
    free: [u64; MOST_BLOCKS / 64],
}

impl Pool {
    /// Reads the pool at `address`, if there is one.
    pub(crate) fn read(bytes: Bytes<'_>, address: u64, geometry: &Geometry) -> Option<Self> {
        let class = bytes.half(address + 36)?;
        let last = u64::from(bytes.half(address + 44)?);
        if class >= geometry.classes() || last != geometry.pool - geometry.block(class) {
            return None;
        }
        bytes.slice(address, geometry.pool as usize)?;
        let (size, blocks) = (geometry.block(class), geometry.blocks(class));
        let used = u64::from(bytes.half(address)?);
        let next = u64::from(bytes.half(address + 40)?);
        let carved = next.checked_sub(HEADER)? / size;
        let links = [bytes.word(address + 16)?, bytes.word(address + 24)?];
        let sound = (next - HEADER).is_multiple_of(size)
            && carved <= blocks
            && used <= blocks
            && links.iter().all(|link| link % 8 == 0);
        if !sound {
            return None;
        }
        let arena = bytes.half(address + 32)?;
        let mut pool =
            Self { class, used, carved, arena, torn: false, free: [0; MOST_BLOCKS / 64] };
        let free = pool.walk_free(bytes, address, size);
        // A process that was stopped inside the allocator may be off by one.
        pool.torn = free.is_none_or(|free| (carved - free).abs_diff(used) > 1);
        Some(pool)
    }

    /// Marks the free blocks; their number, or `None` when the list leaves the pool or loops.
    fn walk_free(&mut self, bytes: Bytes<'_>, address: u64, size: u64) -> Option<u64> {
        let mut count = 0;
        let mut at = bytes.word(address + 8)?;
        while at != 0 {
            let offset = at.checked_sub(address + HEADER)?;
            let index = offset / size;
            if !offset.is_multiple_of(size) || index >= self.carved || self.is_free(index) {
                return None;
            }
            *self.free.get_mut(index as usize / 64)? |= 1 << (index % 64);
            count += 1;
            at = bytes.word(at)?;
        }
        Some(count)
    }

    /// Whether a block is in the free list.
    pub(crate) fn is_free(&self, index: u64) -> bool {
        self.free.get(index as usize / 64).is_some_and(|word| word >> (index % 64) & 1 == 1)
    }

    /// Pages of it that blocks in use lie in, and those that were used and none lies in now.
    pub(crate) fn pages(&self, geometry: &Geometry) -> (u64, u64) {
        let size = geometry.block(self.class);
        let mut used = 0_u64;
        for index in self.blocks_in_use() {
            let start = HEADER + index * size;
            let pages = start / PAGE..=(start + size - 1) / PAGE;
            used |= pages.fold(0, |mask, page| mask | 1 << (page % 64));
        }
        let touched = (HEADER + self.carved * size).div_ceil(PAGE);
        let used = u64::from(used.count_ones());
        (used, touched.saturating_sub(used))
    }

    /// The numbers of the blocks in use.
    pub(crate) fn blocks_in_use(&self) -> impl Iterator<Item = u64> + '_ {
        (0..if self.used == 0 { 0 } else { self.carved }).filter(|&index| !self.is_free(index))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) const GEOMETRY: Geometry = Geometry { pool: 4096, arena: 256 << 10, step: 16 };

    /// A pool of 32-byte blocks: 5 carved, blocks 1 and 3 free.
    pub(crate) fn pool(address: u64) -> Vec<u8> {
        let mut bytes = vec![0; 4096];
        let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
        put(0, &3_u32.to_ne_bytes());
        put(8, &(address + 48 + 32).to_ne_bytes());
        put(32, &7_u32.to_ne_bytes());
        put(36, &1_u32.to_ne_bytes());
        put(40, &(48 + 5 * 32_u32).to_ne_bytes());
        put(44, &(4096 - 32_u32).to_ne_bytes());
        put(48 + 32, &(address + 48 + 96).to_ne_bytes());
        bytes
    }

    fn read(bytes: &[u8]) -> Option<Pool> {
        Pool::read(Bytes { start: 0x10000, bytes }, 0x10000, &GEOMETRY)
    }

    #[test]
    fn a_pool_is_read() {
        let pool = read(&pool(0x10000)).unwrap();
        assert_eq!((pool.class, pool.used, pool.carved, pool.arena), (1, 3, 5, 7));
        assert!(!pool.torn);
        assert_eq!(pool.blocks_in_use().collect::<Vec<_>>(), [0, 2, 4]);
    }

    /// Pools of 16 KiB have pages of their own: 24 blocks of 512 bytes were handed out, and the
    /// last seven are in use.
    #[test]
    fn pages_without_a_block_in_use_are_told() {
        let geometry = Geometry { pool: 16 << 10, arena: 1 << 20, step: 16 };
        let mut pool = read(&pool(0x10000)).unwrap();
        assert_eq!(pool.pages(&GEOMETRY), (1, 0));
        (pool.class, pool.used, pool.carved, pool.free) = (31, 7, 24, [0; MOST_BLOCKS / 64]);
        pool.free[0] = (1 << 17) - 1;
        assert_eq!(pool.pages(&geometry), (2, 2));
        (pool.used, pool.carved) = (0, 3);
        assert_eq!(pool.pages(&geometry), (0, 1));
    }

    /// A header that lies is no pool; a list that lies is a torn one, and its walk ends.
    #[test]
    fn lies_are_noticed() {
        let change = |at: usize, value: u64, length: usize| {
            let mut bytes = pool(0x10000);
            bytes[at..at + length].copy_from_slice(&value.to_ne_bytes()[..length]);
            read(&bytes)
        };
        for (at, value) in [(36, 32), (44, 4095), (40, 47), (40, 49), (40, 5000), (0, 9999)] {
            assert!(change(at, value, 4).is_none(), "{at} {value}");
        }
        assert!(change(16, 3, 8).is_none());
        for (at, value) in
            [(8, 0x10000), (8, 1), (80, 0x10000 + 80), (80, u64::MAX), (144, 0x10000 + 48 + 32 * 9)]
        {
            assert!(change(at, value, 8).unwrap().torn, "{at} {value:#x}");
        }
        assert!(read(&[0; 4096]).is_none());
        assert!(read(&pool(0x10000)[..4000]).is_none());
    }
}
