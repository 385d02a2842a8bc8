//! A piece of the target's memory at a time.

use probe::Result;
use target::memory::ReadMemory;

/// Bytes that are read at once: small enough to stay in the processor's cache.
const WINDOW: u64 = 1 << 20;

/// A buffer that moves over the memory of a process. What cannot be read is zero.
#[derive(Debug)]
pub(crate) struct Window<'m, M> {
    memory: &'m M,
    buffer: Vec<u8>,
    start: u64,
    length: usize,
}

impl<'m, M: ReadMemory> Window<'m, M> {
    /// A window on nothing yet.
    pub(crate) fn new(memory: &'m M) -> Self {
        Self { memory, buffer: vec![0; WINDOW as usize], start: 0, length: 0 }
    }

    /// The two words at an address, which is below `end` by at least 16.
    pub(crate) fn pair(&mut self, at: u64, end: u64) -> Result<(u64, u64)> {
        let offset = self.place(at, 16, end)?;
        Ok((word(&self.buffer, offset), word(&self.buffer, offset + 8)))
    }

    /// So many bytes at an address, fewer than [`WINDOW`]; `end` is where memory ends.
    pub(crate) fn bytes(&mut self, at: u64, count: usize, end: u64) -> Result<&[u8]> {
        let offset = self.place(at, count, end)?;
        Ok(self.buffer.get(offset..offset + count).unwrap_or_default())
    }

    /// Where in the buffer they are.
    fn place(&mut self, at: u64, count: usize, end: u64) -> Result<usize> {
        let behind = at.saturating_add(count as u64);
        if at < self.start || behind > self.start.saturating_add(self.length as u64) {
            let length = end.saturating_sub(at).clamp(count as u64, WINDOW) as usize;
            self.length = 0;
            self.memory.read_with_holes(at, &mut self.buffer[..length])?;
            (self.start, self.length) = (at, length);
        }
        Ok((at - self.start) as usize)
    }
}

/// A word of 64 bits in a buffer; 0 behind its end.
pub(crate) fn word(bytes: &[u8], offset: usize) -> u64 {
    let tail = bytes.get(offset..).and_then(|tail| tail.first_chunk::<8>());
    tail.map_or(0, |bytes| u64::from_ne_bytes(*bytes))
}
