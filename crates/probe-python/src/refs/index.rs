//! From the address of an object to its number, in two steps and without a search.

use std::collections::TryReserveError;

/// Bytes of address space that a block answers for.
const BLOCK: u64 = 1 << 20;
/// Objects stand at multiples of this.
const STEP: u64 = 8;
/// Words of a block's bitmap.
const WORDS: usize = (BLOCK / STEP / 64) as usize;
/// Above all addresses of programs of 47 bits.
const HIGHEST: u64 = 1 << 47;
/// Blocks behind one entry of the directory.
const FANOUT: usize = 1 << 13;

/// A bit for each place where an object can begin, and how many begin before each word of bits.
struct Block {
    bits: Box<[u64]>,
    before: Box<[u32]>,
}

/// Which addresses are those of objects, and what their numbers are in order of address.
pub(crate) struct Index {
    /// Blocks by their place in the address space; 0: none.
    directory: Vec<Option<Box<[u32]>>>,
    blocks: Vec<Block>,
    count: u32,
}

impl Index {
    /// From addresses in ascending order, of which there are fewer than 2^32.
    pub(crate) fn new(addresses: &[u64]) -> Result<Self, TryReserveError> {
        let entries = (HIGHEST / BLOCK) as usize / FANOUT;
        let mut index =
            Self { directory: (0..entries).map(|_| None).collect(), blocks: Vec::new(), count: 0 };
        let mut rest = addresses;
        while let Some(&first) = rest.first() {
            let number = first / BLOCK;
            let length = rest.partition_point(|&address| address / BLOCK == number);
            let (here, behind) = rest.split_at(length);
            index.add(number, here)?;
            rest = behind;
        }
        Ok(index)
    }

    fn add(&mut self, number: u64, addresses: &[u64]) -> Result<(), TryReserveError> {
        let (outer, inner) = ((number as usize) / FANOUT, number as usize % FANOUT);
        let mut bits = vec![0_u64; WORDS].into_boxed_slice();
        for &address in addresses {
            let place = (address % BLOCK / STEP) as usize;
            bits[place / 64] |= 1 << (place % 64);
        }
        let mut count = self.count;
        let before = bits.iter().map(|word| {
            let before = count;
            count += word.count_ones();
            before
        });
        let before: Box<[u32]> = before.collect();
        self.count = count;
        let Some(entry) = self.directory.get_mut(outer) else { return Ok(()) };
        self.blocks.try_reserve(1)?;
        self.blocks.push(Block { bits, before });
        let table = entry.get_or_insert_with(|| vec![0; FANOUT].into_boxed_slice());
        table[inner] = self.blocks.len() as u32;
        Ok(())
    }

    /// The number of the object at an address.
    pub(crate) fn get(&self, address: u64) -> Option<u32> {
        if !address.is_multiple_of(STEP) {
            return None;
        }
        let number = (address / BLOCK) as usize;
        let table = self.directory.get(number / FANOUT)?.as_ref()?;
        let block = self.blocks.get((table[number % FANOUT] as usize).checked_sub(1)?)?;
        let place = (address % BLOCK / STEP) as usize;
        let (word, bit) = (block.bits[place / 64], 1_u64 << (place % 64));
        (word & bit != 0).then(|| block.before[place / 64] + (word & (bit - 1)).count_ones())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_follow_addresses() {
        let addresses = [8, 16, 0x10_0000, 0x7f00_0000_0008, 0x7f00_0000_0400, HIGHEST - 8];
        let index = Index::new(&addresses).unwrap();
        for (number, &address) in addresses.iter().enumerate() {
            assert_eq!(index.get(address), Some(number as u32), "{address:#x}");
            assert_eq!(index.get(address + 4), None);
        }
        for none in [0, 24, 0x20_0000, 0x7f00_0000_0010, HIGHEST, u64::MAX - 7] {
            assert_eq!(index.get(none), None, "{none:#x}");
        }
        assert_eq!(Index::new(&[]).unwrap().get(8), None);
    }
}
