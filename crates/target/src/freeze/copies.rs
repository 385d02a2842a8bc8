//! Memory that was copied while the target stood, in front of the memory of its copy.

use probe::{Issue, Result};

use crate::memory::{LiveMemory, ReadMemory};

/// Ranges of memory, copied.
#[derive(Clone, Debug, Default)]
pub(super) struct Copies {
    /// First address and bytes, in order of address, none overlapping another.
    ranges: Vec<(u64, Vec<u8>)>,
    /// Bytes that were not copied.
    left: u64,
}

impl Copies {
    /// Copies ranges in order of address, `most` bytes of them.
    pub(super) fn take(memory: &impl ReadMemory, ranges: &[(u64, u64)], most: u64) -> Self {
        let mut copies = Self::default();
        let mut budget = most;
        for &(start, end) in ranges {
            let length = end.saturating_sub(start);
            let mut bytes = vec![0; length.min(budget) as usize];
            match memory.read_with_holes(start, &mut bytes) {
                Ok(_) => {
                    budget -= bytes.len() as u64;
                    copies.left = copies.left.saturating_add(length - bytes.len() as u64);
                    copies.ranges.push((start, bytes));
                }
                Err(_) => copies.left = copies.left.saturating_add(length),
            }
        }
        copies.ranges.retain(|(_, bytes)| !bytes.is_empty());
        copies
    }

    /// What is missing.
    pub(super) fn issue(&self) -> Option<Issue> {
        let message = format!(
            "{} KiB of memory that the target keeps from its children (MADV_DONTFORK, \
             MADV_WIPEONFORK) are missing from the frozen copy",
            self.left >> 10
        );
        (self.left > 0).then(|| {
            Issue::warning(message).with_hint("--freeze stop reads everything, with a longer pause")
        })
    }

    /// The bytes from `addr` to the end of its range, or how far it is to the next range.
    fn at(&self, addr: u64) -> Result<&[u8], u64> {
        let after = self.ranges.partition_point(|(start, _)| *start <= addr);
        let here = after.checked_sub(1).and_then(|index| self.ranges.get(index));
        let rest = here.and_then(|(start, bytes)| bytes.get((addr - start) as usize..));
        match rest {
            Some(rest) if !rest.is_empty() => Ok(rest),
            _ => Err(self.ranges.get(after).map_or(u64::MAX, |(next, _)| next - addr)),
        }
    }
}

/// The memory of a frozen target.
#[derive(Debug)]
pub struct FrozenMemory<'a> {
    pub(super) memory: LiveMemory,
    pub(super) copies: &'a Copies,
}

impl ReadMemory for FrozenMemory<'_> {
    fn read_prefix(&self, addr: u64, buf: &mut [u8]) -> Result<usize> {
        overlay(self.copies, &self.memory, addr, buf)
    }
}

fn overlay(copies: &Copies, memory: &impl ReadMemory, addr: u64, buf: &mut [u8]) -> Result<usize> {
    let mut done = 0;
    while done < buf.len() {
        let Some(at) = addr.checked_add(done as u64) else { break };
        let rest = &mut buf[done..];
        match copies.at(at) {
            Ok(bytes) => {
                let count = bytes.len().min(rest.len());
                rest[..count].copy_from_slice(&bytes[..count]);
                done += count;
            }
            Err(distance) => {
                let want = usize::try_from(distance).unwrap_or(usize::MAX).min(rest.len());
                let read = memory.read_prefix(at, &mut rest[..want])?;
                done += read;
                if read < want {
                    break;
                }
            }
        }
    }
    Ok(done)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::FakeMemory;

    /// What was copied hides what is there, and reads run across the borders.
    #[test]
    fn copies_hide_memory() {
        let mut then = FakeMemory::default();
        then.add(0x2000, vec![2; 0x1000]).add(0x5000, vec![5; 0x1000]);
        let copies = Copies::take(&then, &[(0x2000, 0x3000), (0x5000, 0x6000)], 0x1800);
        assert!(copies.issue().unwrap().message.starts_with("2 KiB"));
        let mut now = FakeMemory::default();
        now.add(0x1000, vec![1; 0x3000]);
        let mut buf = vec![0xff; 0x3000];
        assert_eq!(overlay(&copies, &now, 0x1000, &mut buf).unwrap(), 0x3000);
        assert_eq!((buf[0xfff], buf[0x1000], buf[0x1fff], buf[0x2000]), (1, 2, 2, 1));
        assert_eq!(overlay(&copies, &now, 0x3fff, &mut buf).unwrap(), 1);
        assert_eq!(overlay(&copies, &now, 0x4000, &mut buf).unwrap(), 0);
        assert_eq!(overlay(&copies, &now, 0x5400, &mut buf).unwrap(), 0x400);
        assert_eq!(overlay(&copies, &now, 0x5800, &mut buf).unwrap(), 0);
        assert_eq!(overlay(&copies, &now, u64::MAX - 1, &mut buf).unwrap(), 0);
    }
}
