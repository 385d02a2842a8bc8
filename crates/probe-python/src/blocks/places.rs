//! What the memory around blocks is: heaps, pools, stacks, variables, and what is left.

use std::ops::Range;

use glibc_heap::{Native, State};
use probe::FrozenThread;
use target::images::Mapping;
use target::memory::ReadMemory;

use super::aims::Aim;
use super::pages::Pages;
use super::roots::{merged, stack_pointer, without};
use crate::refs::data::Data;

/// The smallest page.
const PAGE: u64 = 4096;
/// The largest guard in front of a stack.
const MOST_GUARD: u64 = 1 << 20;
/// The C library keeps what it knows of a thread at the end of its stack: so much is searched.
const CONTROL: u64 = 8 << 10;
/// The longest stack that is believed to be one where only its neighbours tell.
const LONGEST: u64 = 256 << 20;

/// What glibc's heaps have of free memory, by where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Free {
    pub(super) name: &'static str,
    pub(super) chunks: u64,
    pub(super) resident: u64,
}

/// glibc's memory.
#[derive(Clone, Debug, Default)]
pub(super) struct Heaps {
    /// All of it, in order.
    pub(super) ranges: Vec<Range<u64>>,
    pub(super) free: Vec<Free>,
}

impl Heaps {
    pub(super) fn new(native: &Native, pages: &Pages) -> Self {
        let page_of = |at: u64| at - at % PAGE;
        // In front of the first chunk of a heap stand its header and the state of its arena.
        let heaps = native.segments.iter().map(|s| page_of(s.start)..s.end);
        let own = native.mmapped.iter().map(|m| m.start..m.start.saturating_add(m.total));
        let mut heaps = Self { ranges: merged(heaps.chain(own).collect()), free: Vec::new() };
        for segment in &native.segments {
            let main = native.arenas.get(segment.arena as usize).is_some_and(|arena| arena.main);
            for block in (0..segment.len()).filter_map(|index| segment.block(index)) {
                if let Some(name) = free_name(main, block.state) {
                    let start = block.address.saturating_sub(16);
                    let end = block.address.saturating_add(block.usable).saturating_sub(8);
                    heaps.add(name, pages.bytes(&(start..end)));
                }
            }
        }
        heaps
    }

    fn add(&mut self, name: &'static str, resident: u64) {
        match self.free.iter_mut().find(|free| free.name == name) {
            Some(free) => {
                free.chunks += 1;
                free.resident = free.resident.saturating_add(resident);
            }
            None => self.free.push(Free { name, chunks: 1, resident }),
        }
    }
}

fn free_name(main: bool, state: State) -> Option<&'static str> {
    Some(match (main, state) {
        (true, State::Free | State::Unsorted) => "main arena, inside",
        (true, State::Fast | State::Cached) => "main arena, caches",
        (true, State::Top) => "main arena, top",
        (false, State::Free | State::Unsorted) => "thread arenas, inside",
        (false, State::Fast | State::Cached) => "thread arenas, caches",
        (false, State::Top) => "thread arenas, top",
        _ => return None,
    })
}

/// Memory that is no heap.
#[derive(Clone, Debug, Default)]
pub(super) struct Places {
    /// Whether it is the main thread's, and where it is.
    pub(super) stacks: Vec<(bool, Range<u64>)>,
    /// Name of the file, and where its variables and changed pages are.
    pub(super) data: Vec<(String, Range<u64>)>,
    /// What nothing of this explains.
    pub(super) rest: Vec<Aim>,
}

impl Places {
    /// `heaps`: what allocators have, in order and without overlaps.
    pub(super) fn new<M: ReadMemory>(
        memory: &M,
        mappings: &[Mapping],
        heaps: &[Range<u64>],
        data: &[Data],
        threads: &[FrozenThread],
    ) -> Self {
        let mut places = Self::default();
        let mut known = heaps.to_vec();
        for (main, stack) in stacks(memory, mappings, threads) {
            places.stacks.extend(without(&stack, heaps).map(|range| (main, range)));
            known.push(stack);
        }
        known = merged(known);
        let mut taken = known.clone();
        for data in data {
            let parts = without(&data.range, &known);
            places.data.extend(parts.map(|range| (data.name.clone(), range)));
            taken.push(data.range.clone());
        }
        taken = merged(taken);
        for mapping in mappings.iter().filter(|m| !m.perms.shared) {
            let parts = without(&(mapping.start..mapping.end), &taken);
            if mapping.inode != 0 && mapping.path.starts_with('/') {
                let name = mapping.path.rsplit('/').next().unwrap_or_default();
                places.data.extend(parts.map(|range| (name.to_owned(), range)));
                continue;
            }
            let (name, start) = (mapping.path.clone().into_owned(), mapping.start);
            places.rest.extend(parts.map(|range| {
                let mapping = (range.start == start).then_some(start);
                Aim { range, name: name.clone(), of_file: false, mapping }
            }));
        }
        places
    }
}

/// The stacks of threads: those that the kernel names, and those that have a guard in front and
/// hold a stack pointer, or what the C library knows of a thread (also after that has ended: it
/// keeps stacks to use them again).
fn stacks<M: ReadMemory>(
    memory: &M,
    mappings: &[Mapping],
    threads: &[FrozenThread],
) -> Vec<(bool, Range<u64>)> {
    let mut pointers: Vec<u64> =
        threads.iter().filter_map(|thread| stack_pointer(&thread.registers)).collect();
    pointers.sort_unstable();
    let mut found = Vec::new();
    for pair in mappings.windows(2) {
        let (before, mapping) = (&pair[0], &pair[1]);
        let is_anonymous = mapping.inode == 0 && mapping.perms.write && !mapping.perms.shared;
        if !is_anonymous || !is_guard(before) || before.end != mapping.start {
            continue;
        }
        let at = pointers.partition_point(|&pointer| pointer < mapping.start);
        let in_use = pointers.get(at).is_some_and(|&pointer| pointer < mapping.end);
        if in_use || has_control(memory, mapping) {
            found.push((false, mapping.start..mapping.end));
        }
    }
    let main = mappings.iter().filter(|mapping| mapping.path == "[stack]");
    found.extend(main.map(|mapping| (true, mapping.start..mapping.end)));
    found
}

fn is_guard(mapping: &Mapping) -> bool {
    let perms = mapping.perms;
    mapping.inode == 0 && !perms.read && !perms.write && mapping.len() <= MOST_GUARD
}

/// A thread's control block holds its own address twice (`tcbhead_t` of glibc for x86-64,
/// `struct pthread` of musl).
fn has_control<M: ReadMemory>(memory: &M, mapping: &Mapping) -> bool {
    if mapping.len() > LONGEST {
        return false;
    }
    let length = mapping.len().min(CONTROL);
    let start = mapping.end - length;
    let mut bytes = vec![0; length as usize];
    if memory.read(start, &mut bytes).is_err() {
        return false;
    }
    let words: Vec<u64> =
        bytes.as_chunks::<8>().0.iter().map(|word| u64::from_ne_bytes(*word)).collect();
    let own = |index: usize| start + 8 * index as u64;
    (0..words.len().saturating_sub(2))
        .any(|index| words[index] == own(index) && words[index + 2] == own(index))
}

#[cfg(test)]
mod tests {
    use target::memory::FakeMemory;

    use super::*;

    fn mappings(text: &str) -> Vec<Mapping> {
        target::procfs::smaps::parse(text.as_bytes()).map(|m| m.into_owned()).collect()
    }

    const TEXT: &str = "1000-3000 rw-p 0 08:01 7 /usr/bin/python3\n\
                        3000-5000 rw-p 0 00:00 0 \n\
                        6000-8000 rw-p 0 00:00 0 [heap]\n\
                        10000-11000 ---p 0 00:00 0 \n\
                        11000-14000 rw-p 0 00:00 0 \n\
                        14000-15000 ---p 0 00:00 0 \n\
                        15000-18000 rw-p 0 00:00 0 \n\
                        18000-19000 ---p 0 00:00 0 \n\
                        19000-1c000 rw-p 0 00:00 0 \n\
                        20000-21000 rw-s 0 00:01 9 /dev/shm/x\n\
                        30000-34000 rw-p 0 00:00 0 [stack]\n";

    /// A stack in use by its pointer, one kept by what stands at its end, and no other.
    #[test]
    fn each_byte_has_one_place() {
        let mut memory = FakeMemory::default();
        for start in [0x12000_u64, 0x16000, 0x1a000] {
            memory.add(start, vec![0; 0x2000]);
        }
        memory.put_u64(0x17f00, 0x17f00).put_u64(0x17f10, 0x17f00);
        let data = [Data { name: "python3".into(), base: 0x1000, range: 0x2000..0x3800 }];
        let mut registers = vec![0; 27];
        registers[19] = 0x12000;
        let threads = [FrozenThread { tid: 1, registers }];
        let heaps = [0x6000..0x8000, 0x19000..0x1a000];
        let places = Places::new(&memory, &mappings(TEXT), &heaps, &data, &threads);
        let stacks =
            [(false, 0x11000..0x14000), (false, 0x15000..0x18000), (true, 0x30000..0x34000)];
        assert_eq!(places.stacks, stacks);
        let name = || "python3".to_owned();
        assert_eq!(places.data, [(name(), 0x2000..0x3800), (name(), 0x1000..0x2000)]);
        let rest: Vec<_> = places.rest.iter().map(|aim| aim.range.clone()).collect();
        let guards = [0x10000..0x11000, 0x14000..0x15000, 0x18000..0x19000];
        let wanted = [
            0x3800..0x5000,
            guards[0].clone(),
            guards[1].clone(),
            guards[2].clone(),
            0x1a000..0x1c000,
        ];
        assert_eq!(rest, wanted);
    }
}
