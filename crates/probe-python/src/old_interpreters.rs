//! The interpreters of 3.6, which has no runtime structure: a variable of the library's own, which
//! no symbol names, leads to the newest interpreter.
//!
//! It is told by what it leads to (`PyInterpreterState` and `PyThreadState` in
//! `Include/pystate.h` of 3.6): an interpreter whose first thread state says that it belongs to it.

use std::ops::Range;

use probe::Result;
use target::memory::{CachedMemory, ReadMemory};

use crate::find::search;

/// Interpreter: its first thread state.
const THREADS_HEAD: u64 = 8;
/// Thread state: its interpreter.
const THREAD_INTERPRETER: u64 = 16;
/// The most interpreters that are followed.
const MOST: usize = 4096;
/// Below this is no heap.
const LOWEST: u64 = 1 << 16;

/// The address of the variable, in the writable data of the library; `None` when no interpreter
/// was made.
pub(crate) fn find<M: ReadMemory>(data: &[Range<u64>], memory: &M) -> Result<Option<u64>> {
    let cached = CachedMemory::new(memory);
    let mut best: Option<(usize, u64)> = None;
    search(data.iter().cloned(), memory, |start, bytes| {
        let skip = start.next_multiple_of(8) - start;
        let words = bytes.get(skip as usize..).unwrap_or_default().chunks_exact(8);
        for (at, word) in (start + skip..).step_by(8).zip(words) {
            let word = word.try_into().map_or(0, u64::from_ne_bytes);
            // The longest list is that of all: the main one alone is kept elsewhere too.
            let length = length(&cached, word);
            if length > best.map_or(0, |(longest, _)| longest) {
                best = Some((length, at));
            }
        }
        None::<()>
    })?;
    Ok(best.map(|(_, at)| at))
}

/// How many interpreters follow each other from an address; 0 when there is none, or when what
/// follows is none.
fn length<M: ReadMemory>(memory: &M, first: u64) -> usize {
    let mut at = first;
    for count in 0..MOST {
        if at == 0 {
            return count;
        }
        if !is_interpreter(memory, at) {
            return 0;
        }
        let Ok(next) = memory.read_u64(at) else { return 0 };
        at = next;
    }
    0
}

fn is_interpreter<M: ReadMemory>(memory: &M, address: u64) -> bool {
    let word = |base: u64, offset: u64| memory.read_u64(base.checked_add(offset)?).ok();
    if address < LOWEST || !address.is_multiple_of(8) {
        return false;
    }
    let thread = word(address, THREADS_HEAD).filter(|&t| t >= LOWEST && t.is_multiple_of(8));
    thread.and_then(|thread| word(thread, THREAD_INTERPRETER)) == Some(address)
}

#[cfg(test)]
mod tests {
    use target::memory::FakeMemory;

    use super::*;

    /// Of the newest interpreter, the main one and what only looks like one, the newest is taken.
    #[test]
    fn the_longest_list_is_found() {
        let mut memory = FakeMemory::default();
        memory.add(0x10_0000, vec![0; 0x1000]).add(0x20_0000, vec![0; 0x1000]);
        let (main, newest, odd) = (0x20_0000, 0x20_0100, 0x20_0200);
        for (interpreter, next) in [(main, 0), (newest, main), (odd, odd)] {
            memory.put_u64(interpreter, next).put_u64(interpreter + 8, interpreter + 0x40);
            memory.put_u64(interpreter + 0x40 + 16, interpreter);
        }
        memory.put_u64(0x10_0010, main).put_u64(0x10_0020, odd).put_u64(0x10_0800, newest);
        let data = std::slice::from_ref(&(0x10_0000..0x10_1000));
        assert_eq!(find(data, &memory).unwrap(), Some(0x10_0800));
        memory.put_u64(0x10_0800, u64::MAX).put_u64(0x10_0010, newest + 8);
        assert_eq!(find(data, &memory).unwrap(), None);
    }
}
