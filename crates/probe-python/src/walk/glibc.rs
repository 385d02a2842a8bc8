//! Blocks of glibc's allocator, one behind the other.

use probe::Result;
use target::memory::ReadMemory;

use super::seen::place;
use super::worker::{NEEDED, THREAD_HEAP, Worker};

/// The smallest chunk.
const SMALLEST: u64 = 32;
/// Bytes in front of what the program gets.
const HEADER: u64 = 16;
/// Sane chunks in a row that are believed to be a chain.
const CHAIN: usize = 4;
/// Bytes of an arena's state in the first heap of a thread arena (glibc 2.27 and up).
const ARENA: u64 = 2200;
/// Flags in the low bits of a size.
const FLAGS: u64 = 7;

impl<M: ReadMemory> Worker<'_, '_, '_, M> {
    /// Goes over a heap of glibc from chunk to chunk.
    pub(crate) fn scan_heap(&mut self, start: u64, end: u64) -> Result<()> {
        let mut at = start.next_multiple_of(16);
        while at.saturating_add(SMALLEST) <= end {
            self.window.ensure(at, NEEDED, end)?;
            let Some(size) = self.chunk(at, end) else {
                let next = self.find_chain(at, end)?;
                self.torn = self.torn.saturating_add(next - at);
                at = next;
                continue;
            };
            // The header of the next chunk may need another window: look first, count later.
            let found = self.examine(at + HEADER, size - 8);
            let next = at + size;
            self.place = place::MALLOC;
            if let Some(found) = found
                && self.is_in_use(next, end)?
            {
                self.count(&found, size)?;
            }
            at = next;
        }
        Ok(())
    }

    /// The size of the chunk at an address, if it is a sane one. The window must be there.
    fn chunk(&self, at: u64, end: u64) -> Option<u64> {
        let size = self.window.bytes().word(at + 8)? & !FLAGS;
        let fits = at.checked_add(size).is_some_and(|next| next <= end);
        (size >= SMALLEST && size.is_multiple_of(16) && fits).then_some(size)
    }

    /// The first chunk says in its flags whether the one before it is in use. The last chunk of
    /// a heap is never.
    fn is_in_use(&mut self, next: u64, end: u64) -> Result<bool> {
        if next.saturating_add(16) > end {
            return Ok(false);
        }
        self.window.ensure(next, 16, end)?;
        Ok(self.window.bytes().word(next + 8).is_some_and(|word| word & 1 == 1))
    }

    /// The next address at which some sane chunks follow each other.
    fn find_chain(&mut self, from: u64, end: u64) -> Result<u64> {
        let mut at = from + 16;
        while at.saturating_add(SMALLEST) <= end {
            self.window.ensure(at, NEEDED, end)?;
            if self.chunk(at, end).is_some() && self.is_chain(at, end) {
                return Ok(at);
            }
            at += 16;
        }
        Ok(end)
    }

    /// Whether sane chunks follow, as far as the window shows.
    fn is_chain(&self, start: u64, end: u64) -> bool {
        let mut at = start;
        for _ in 0..CHAIN {
            let Some(size) = self.chunk(at, end) else {
                return at >= end || self.window.bytes().word(at + 8).is_none();
            };
            at += size;
        }
        true
    }

    /// Goes over the heap of a thread arena at an address, if there is one; the address behind.
    pub(crate) fn thread_heap(&mut self, at: u64, end: u64) -> Result<Option<u64>> {
        let bytes = self.window.bytes();
        let words = [0, 16, 24].map(|offset| bytes.word(at + offset));
        let [Some(arena), Some(size), Some(committed)] = words else { return Ok(None) };
        let sound = size.is_multiple_of(4096)
            && (4096..=THREAD_HEAP).contains(&size)
            && (size..=THREAD_HEAP).contains(&committed)
            && at + size <= end
            && self.recogniser.spans.contains(arena, ARENA);
        if !sound {
            return Ok(None);
        }
        let is_first = arena.checked_sub(at).is_some_and(|offset| offset <= 0x100);
        let first = if is_first { arena + ARENA } else { at + 0x20 };
        self.scan_heap(first, at + size)?;
        // What follows may be another program part's.
        Ok(Some(at + size))
    }
}
