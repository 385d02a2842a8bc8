//! Memory made by hand, for tests.

use std::collections::BTreeMap;

use probe::Result;

use super::ReadMemory;

/// Segments of bytes at addresses of the test's choice. Everything else cannot be read.
#[derive(Clone, Debug, Default)]
pub struct FakeMemory {
    segments: BTreeMap<u64, Vec<u8>>,
}

impl FakeMemory {
    /// Puts bytes at an address. A later segment hides the rest of an earlier one.
    pub fn add(&mut self, addr: u64, bytes: Vec<u8>) -> &mut Self {
        self.segments.insert(addr, bytes);
        self
    }

    /// Changes a word of 64 bits inside a segment; outside of any, it makes one.
    pub fn put_u64(&mut self, addr: u64, value: u64) -> &mut Self {
        let bytes = value.to_ne_bytes();
        if let Some((&start, segment)) = self.segments.range_mut(..=addr).next_back() {
            let at = (addr - start) as usize;
            if let Some(place) = at.checked_add(8).and_then(|end| segment.get_mut(at..end)) {
                place.copy_from_slice(&bytes);
                return self;
            }
        }
        self.add(addr, bytes.to_vec())
    }
}

impl ReadMemory for FakeMemory {
    fn read_prefix(&self, addr: u64, buf: &mut [u8]) -> Result<usize> {
        let mut done = 0;
        while done < buf.len() {
            let Some(at) = addr.checked_add(done as u64) else { break };
            let Some((&start, segment)) = self.segments.range(..=at).next_back() else { break };
            let rest = segment.get((at - start) as usize..).unwrap_or_default();
            if rest.is_empty() {
                break;
            }
            let count = rest.len().min(buf.len() - done);
            buf[done..done + count].copy_from_slice(&rest[..count]);
            done += count;
        }
        Ok(done)
    }
}
