//! Fewer system calls for walks along pointers.

use std::cell::RefCell;
use std::collections::HashMap;

use probe::Result;

use super::{PAGE, ReadMemory};

/// Bytes read at once: lists run through neighbouring objects.
const CHUNK: u64 = 16 << 10;
/// Chunks kept, 64 MiB in all. Then everything is dropped, which is cheaper than knowing which.
const MOST_CHUNKS: usize = 4096;

/// Memory that is read in aligned pieces which are kept.
///
/// What was read stays as it was read: on a process that runs, one walk sees memory of one short
/// time, and [`CachedMemory::forget`] makes the next one see it fresh.
#[derive(Debug)]
pub struct CachedMemory<M> {
    inner: M,
    chunks: RefCell<HashMap<u64, Box<[u8]>>>,
}

impl<M: ReadMemory> CachedMemory<M> {
    /// A cache in front of `inner`.
    pub fn new(inner: M) -> Self {
        Self { inner, chunks: RefCell::default() }
    }

    /// Drops what was read.
    pub fn forget(&self) {
        self.chunks.borrow_mut().clear();
    }

    /// Copies from the chunk that holds `addr`; 0 when it cannot be read there.
    fn copy(&self, addr: u64, buf: &mut [u8]) -> Result<usize> {
        let start = addr - addr % CHUNK;
        let mut chunks = self.chunks.borrow_mut();
        if !chunks.contains_key(&start) {
            let mut bytes = vec![0; CHUNK as usize];
            let read = self.inner.read_prefix(start, &mut bytes)?;
            if (read as u64) <= addr - start {
                drop(chunks);
                return self.uncached(addr, buf);
            }
            bytes.truncate(read);
            if chunks.len() >= MOST_CHUNKS {
                chunks.clear();
            }
            chunks.insert(start, bytes.into_boxed_slice());
        }
        let chunk = chunks.get(&start).map_or(&[][..], |c| c);
        let rest = chunk.get((addr - start) as usize..).unwrap_or_default();
        if rest.is_empty() {
            drop(chunks);
            return self.uncached(addr, buf);
        }
        let count = rest.len().min(buf.len());
        buf[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    /// Reads behind a hole of a chunk, to the end of the page.
    fn uncached(&self, addr: u64, buf: &mut [u8]) -> Result<usize> {
        let count = buf.len().min((PAGE - addr % PAGE) as usize);
        self.inner.read_prefix(addr, &mut buf[..count])
    }
}

impl<M: ReadMemory> ReadMemory for CachedMemory<M> {
    fn read_prefix(&self, addr: u64, buf: &mut [u8]) -> Result<usize> {
        let mut done = 0;
        while done < buf.len() {
            let Some(at) = addr.checked_add(done as u64) else { break };
            match self.copy(at, &mut buf[done..])? {
                0 => break,
                count => done += count,
            }
        }
        Ok(done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::FakeMemory;

    /// Every read gives what the memory behind gives, whatever the holes.
    #[test]
    fn the_cache_changes_nothing() {
        let mut memory = FakeMemory::default();
        memory.add(0x5000, (0..0x4000_u32).map(|n| n as u8).collect());
        memory.add(0xa000, vec![7; 0x123]);
        let cached = CachedMemory::new(&memory);
        for addr in (0x3000..0xb000).step_by(0x7f) {
            for length in [1, 8, 0x1000, 0x5001] {
                let (mut a, mut b) = (vec![0; length], vec![0; length]);
                let plain = memory.read_prefix(addr, &mut a).unwrap();
                assert_eq!(cached.read_prefix(addr, &mut b).unwrap(), plain, "{addr:#x} {length}");
                assert_eq!(a, b);
            }
        }
    }
}
