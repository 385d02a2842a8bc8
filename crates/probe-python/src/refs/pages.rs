//! Memory of the target near to what was read last.
//!
//! An object and the buffers that belong to it were often made together and lie near their
//! neighbours' buffers: reading in lines saves most of the calls.

use probe::{Error, Result};
use target::memory::ReadMemory;

/// Bytes that are read at once.
const LINE: u64 = 16 << 10;
/// Lines that are kept: 16 MiB.
const LINES: usize = 1 << 10;
/// Above all addresses of programs.
pub(super) const HIGHEST: u64 = 1 << 57;

/// A cache in front of memory. What cannot be read is zero.
pub(crate) struct Pages<'m, M> {
    memory: &'m M,
    /// Which line stands at each place.
    tags: Vec<u64>,
    buffer: Vec<u8>,
    /// Why nothing could be read any more.
    error: Option<Error>,
}

impl<'m, M: ReadMemory> Pages<'m, M> {
    pub(crate) fn new(memory: &'m M) -> Self {
        let buffer = vec![0; LINES * LINE as usize];
        Self { memory, tags: vec![u64::MAX; LINES], buffer, error: None }
    }

    /// Fails when memory could not be read at all.
    pub(crate) fn check(&mut self) -> Result<()> {
        self.error.take().map_or(Ok(()), Err)
    }

    /// Where the line of an address stands in the buffer.
    fn line(&mut self, address: u64) -> usize {
        let tag = address / LINE;
        let place = (tag ^ tag >> 10) as usize % LINES;
        let at = place * LINE as usize;
        if self.tags[place] != tag {
            self.tags[place] = tag;
            let line = &mut self.buffer[at..at + LINE as usize];
            let read = self.memory.read_with_holes(tag * LINE, line);
            if let Err(error) = read {
                line.fill(0);
                self.error.get_or_insert(error);
            }
        }
        at
    }

    /// A word at an address that is a multiple of 8.
    pub(crate) fn word(&mut self, address: u64) -> u64 {
        if !address.is_multiple_of(8) || address >= HIGHEST {
            return 0;
        }
        let at = self.line(address) + (address % LINE) as usize;
        self.buffer[at..].first_chunk().map_or(0, |bytes| u64::from_ne_bytes(*bytes))
    }

    /// Four bytes at an address that is a multiple of 4.
    pub(crate) fn half(&mut self, address: u64) -> u32 {
        let word = self.word(address & !7);
        (word >> (address % 8 / 4 * 32)) as u32
    }

    /// A byte.
    pub(crate) fn byte(&mut self, address: u64) -> u8 {
        (self.word(address & !7) >> (address % 8 * 8)) as u8
    }

    /// As many bytes as a buffer takes.
    pub(crate) fn bytes(&mut self, address: u64, buffer: &mut [u8]) {
        let mut done = 0;
        while done < buffer.len() {
            let at = address.saturating_add(done as u64);
            if at >= HIGHEST {
                return;
            }
            let inside = (at % LINE) as usize;
            let count = (LINE as usize - inside).min(buffer.len() - done);
            let from = self.line(at) + inside;
            buffer[done..done + count].copy_from_slice(&self.buffer[from..from + count]);
            done += count;
        }
    }
}
