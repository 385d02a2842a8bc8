//! A piece of the target's memory at a time.

use probe::Result;
use target::memory::ReadMemory;

/// Bytes that are read at once: small enough to stay in the processor's cache.
pub(crate) const WINDOW: u64 = 1 << 20;

/// Bytes of the target with the address at which they stand.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bytes<'a> {
    /// Address of the first.
    pub(crate) start: u64,
    /// The bytes.
    pub(crate) bytes: &'a [u8],
}

impl<'a> Bytes<'a> {
    /// So many bytes at an address.
    pub(crate) fn slice(&self, address: u64, length: usize) -> Option<&'a [u8]> {
        let at = usize::try_from(address.checked_sub(self.start)?).ok()?;
        self.bytes.get(at..at.checked_add(length)?)
    }

    /// A word of 64 bits.
    pub(crate) fn word(&self, address: u64) -> Option<u64> {
        let at = usize::try_from(address.checked_sub(self.start)?).ok()?;
        let bytes = self.bytes.get(at..)?.first_chunk::<8>()?;
        Some(u64::from_ne_bytes(*bytes))
    }

    /// A word of 32 bits.
    pub(crate) fn half(&self, address: u64) -> Option<u32> {
        let at = usize::try_from(address.checked_sub(self.start)?).ok()?;
        let bytes = self.bytes.get(at..)?.first_chunk::<4>()?;
        Some(u32::from_ne_bytes(*bytes))
    }
}

/// A buffer that moves over the memory of a process.
#[derive(Debug)]
pub(crate) struct Window<'m, M> {
    memory: &'m M,
    buffer: Vec<u8>,
    start: u64,
    length: usize,
    /// Bytes that could not be read.
    pub(crate) unreadable: u64,
}

impl<'m, M: ReadMemory> Window<'m, M> {
    /// A window on nothing yet.
    pub(crate) fn new(memory: &'m M) -> Self {
        Self { memory, buffer: vec![0; WINDOW as usize], start: 0, length: 0, unreadable: 0 }
    }

    /// The memory behind it.
    pub(crate) fn memory(&self) -> &'m M {
        self.memory
    }

    /// Moves to `at` and reads as much as fits before `end`.
    pub(crate) fn load(&mut self, at: u64, end: u64) -> Result<()> {
        let length = end.saturating_sub(at).min(WINDOW) as usize;
        self.start = at;
        self.length = 0;
        let missing = self.memory.read_with_holes(at, &mut self.buffer[..length])?;
        self.unreadable = self.unreadable.saturating_add(missing);
        self.length = length;
        Ok(())
    }

    /// Moves only when `length` bytes at `at` (or those up to `end`) are not in it.
    pub(crate) fn ensure(&mut self, at: u64, length: u64, end: u64) -> Result<()> {
        if self.lacks(at, length, end) { self.load(at, end) } else { Ok(()) }
    }

    /// Whether `length` bytes at `at` (or those up to `end`) are not all in it.
    pub(crate) fn lacks(&self, at: u64, length: u64, end: u64) -> bool {
        let wanted = at.saturating_add(length.min(WINDOW)).min(end);
        at < self.start || wanted > self.start.saturating_add(self.length as u64)
    }

    /// What is in it.
    pub(crate) fn bytes(&self) -> Bytes<'_> {
        Bytes { start: self.start, bytes: &self.buffer[..self.length] }
    }
}
