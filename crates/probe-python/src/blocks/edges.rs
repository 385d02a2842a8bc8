//! Pointers from block to block in few bytes: most lead to near by, so differences are kept.

use super::mark::Target;

/// Blocks that share an entry that says where their pointers begin.
const GROUP: usize = 16;

/// Pointers of neighbouring blocks that are no objects.
#[derive(Debug, Default)]
pub(super) struct Edges {
    /// The number of the first block.
    first: u32,
    count: usize,
    /// Where those of each [`GROUP`] of blocks begin.
    starts: Vec<u32>,
    /// Of each block one 0, or its pointers: the difference to the one in front, and of the first
    /// one to the block itself; whether it leads to the beginning; whether more follow.
    bytes: Vec<u8>,
}

impl Edges {
    /// None yet, of blocks from a number on.
    pub(super) fn from(first: u32) -> Self {
        Self { first, ..Self::default() }
    }

    pub(super) fn first(&self) -> u32 {
        self.first
    }

    /// Adds what the next block points to; not to itself.
    pub(super) fn push(&mut self, targets: &[Target]) {
        if self.count.is_multiple_of(GROUP) {
            self.starts.push(u32::try_from(self.bytes.len()).unwrap_or(u32::MAX));
        }
        let mut last = self.first + self.count as u32;
        self.count += 1;
        if targets.is_empty() {
            self.bytes.push(0);
        }
        for (index, target) in targets.iter().enumerate() {
            let more = index + 1 < targets.len();
            let code = difference(last, target.native) << 2;
            put(&mut self.bytes, code | u64::from(target.near) << 1 | u64::from(more));
            last = target.native;
        }
    }

    /// Shows what a block points to.
    pub(super) fn each(&self, block: u32, mut see: impl FnMut(Target)) {
        let Some(number) = block.checked_sub(self.first).map(|number| number as usize) else {
            return;
        };
        let Some(&start) = self.starts.get(number / GROUP) else { return };
        let mut bytes = self.bytes.get(start as usize..).unwrap_or_default();
        skip(&mut bytes, number % GROUP);
        // No block points to itself: its first pointer is no 0.
        if bytes.first() == Some(&0) {
            return;
        }
        let mut last = block;
        while let Some(code) = take(&mut bytes) {
            last = apart(last, code >> 2);
            see(Target { native: last, near: code & 2 != 0 });
            if code & 1 == 0 {
                break;
            }
        }
    }

    pub(super) fn shrink(&mut self) {
        self.bytes.shrink_to_fit();
        self.starts.shrink_to_fit();
    }
}

/// Pointers from objects, in order.
#[derive(Debug, Default)]
pub(super) struct Owned {
    bytes: Vec<u8>,
    last: (u32, u32),
}

impl Owned {
    /// Adds a pointer of an object of a type.
    pub(super) fn push(&mut self, shape: u32, target: Target) {
        put(&mut self.bytes, difference(self.last.0, shape));
        let code = difference(self.last.1, target.native) << 1;
        put(&mut self.bytes, code | u64::from(target.near));
        self.last = (shape, target.native);
    }

    /// All of them, with the types of the objects.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, Target)> + '_ {
        let mut bytes = &*self.bytes;
        let mut last = (0, 0);
        std::iter::from_fn(move || {
            let (shape, code) = (take(&mut bytes)?, take(&mut bytes)?);
            last = (apart(last.0, shape), apart(last.1, code >> 1));
            Some((last.0, Target { native: last.1, near: code & 1 == 1 }))
        })
    }

    pub(super) fn shrink(&mut self) {
        self.bytes.shrink_to_fit();
    }
}

/// Small for numbers that are near to each other.
fn difference(from: u32, to: u32) -> u64 {
    let by = i64::from(to) - i64::from(from);
    (by << 1 ^ by >> 63) as u64
}

fn apart(from: u32, code: u64) -> u32 {
    let by = (code >> 1) as i64 ^ -((code & 1) as i64);
    i64::from(from).wrapping_add(by) as u32
}

/// Seven bits to a byte, the lowest first; the highest bit says that more follow.
fn put(bytes: &mut Vec<u8>, code: u64) {
    let mut left = code;
    while left >= 0x80 {
        bytes.push(left as u8 | 0x80);
        left >>= 7;
    }
    bytes.push(left as u8);
}

/// Skips the pointers of so many blocks.
fn skip(bytes: &mut &[u8], blocks: usize) {
    let (mut left, mut begins, mut more) = (blocks, true, false);
    let mut at = 0;
    while left > 0 {
        let Some(byte) = bytes.get(at) else { break };
        more = if begins { byte & 1 == 1 } else { more };
        begins = byte & 0x80 == 0;
        left -= usize::from(begins && !more);
        at += 1;
    }
    *bytes = bytes.get(at..).unwrap_or_default();
}

fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut code = 0;
    for (index, &byte) in bytes.iter().enumerate().take(10) {
        code |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            *bytes = &bytes[index + 1..];
            return Some(code);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(native: u32, near: bool) -> Target {
        Target { native, near }
    }

    #[test]
    fn pointers_come_back() {
        const FIRST: u32 = 5_000_000;
        let most = (1 << 30) - 1;
        let of = |block: u32| match block % 5 {
            0 => vec![],
            1 => vec![target(block + 1, true)],
            2 => vec![target(0, false), target(most, true), target(most, false)],
            3 => (0..40).map(|n| target(block ^ n << 3 ^ 1, n % 3 == 0)).collect(),
            _ => vec![target(block - 1, false), target(block + 2, true), target(block + 2, false)],
        };
        let mut edges = Edges::from(FIRST);
        (FIRST..FIRST + 100).for_each(|block| edges.push(&of(block)));
        for block in (FIRST..FIRST + 100).rev() {
            let mut found = Vec::new();
            edges.each(block, |target| found.push(target));
            assert_eq!(found, of(block), "{block}");
        }
        for none in [0, FIRST - 1, FIRST + 200, u32::MAX] {
            edges.each(none, |target| panic!("{none} has {target:?}"));
        }
    }

    #[test]
    fn pointers_of_objects_come_back() {
        let all = [(7, target(9, true)), (7, target(9, false)), (0, target(1 << 29, true))];
        let mut owned = Owned::default();
        all.iter().for_each(|&(shape, target)| owned.push(shape, target));
        assert!(owned.iter().eq(all));
        assert_eq!(Owned::default().iter().count(), 0);
    }
}
