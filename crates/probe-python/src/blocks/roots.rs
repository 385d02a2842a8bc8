//! Where pointers to native blocks begin: variables of libraries, registers, the live part of
//! stacks, and all other memory that is no heap.

use std::ops::Range;

use probe::FrozenThread;
use target::images::Mapping;

use crate::refs::data::Data;

/// Bytes below the stack pointer that a function may use (System V ABI of x86-64).
pub(crate) const RED_ZONE: u64 = 128;
/// Where the stack pointer is among the registers of x86-64, and how many there are.
const STACK_POINTER: (usize, usize) = (19, 27);
/// The same of other machines: 31 general ones come first.
const STACK_POINTER_ARM: (usize, usize) = (31, 34);

/// What kind of memory a root is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RootKind {
    /// The variables of a library: an index into the list of them.
    Global(usize),
    Stack,
    Mapping,
}

/// Memory whose words are roots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Root {
    pub(super) kind: RootKind,
    pub(super) range: Range<u64>,
}

/// The roots of a process. `heaps`: what allocators have, in any order.
pub(super) fn roots(
    data: &[Data],
    mappings: &[Mapping],
    heaps: Vec<Range<u64>>,
    threads: &[FrozenThread],
) -> Vec<Root> {
    let heaps = merged(heaps);
    let mut roots = Vec::new();
    for (number, data) in data.iter().enumerate() {
        let parts = without(&data.range, &heaps);
        roots.extend(parts.map(|range| Root { kind: RootKind::Global(number), range }));
    }
    let stacks = stacks(mappings, threads);
    let mut known = heaps;
    known.extend(data.iter().map(|data| data.range.clone()));
    let mut known = merged(known);
    let mut seen = Vec::with_capacity(2 * stacks.len());
    for (live, dead) in stacks {
        let parts = without(&live, &known);
        roots.extend(parts.map(|range| Root { kind: RootKind::Stack, range }));
        seen.extend([live, dead]);
    }
    known.extend(seen);
    let known = merged(known);
    for mapping in mappings.iter().filter(|mapping| is_memory(mapping)) {
        let kind = if mapping.path == "[stack]" { RootKind::Stack } else { RootKind::Mapping };
        let parts = without(&(mapping.start..mapping.end), &known);
        roots.extend(parts.map(|range| Root { kind, range }));
    }
    roots
}

/// Memory of no file.
fn is_memory(mapping: &Mapping) -> bool {
    let writable = mapping.perms.read && mapping.perms.write && mapping.start < mapping.end;
    let no_file = mapping.inode == 0 || mapping.path.starts_with("/dev/zero");
    writable && no_file && !mapping.path.starts_with("[v")
}

/// The live and the dead part of the stack of each thread whose registers are known.
fn stacks(mappings: &[Mapping], threads: &[FrozenThread]) -> Vec<(Range<u64>, Range<u64>)> {
    let stack = |thread: &FrozenThread| {
        let pointer = stack_pointer(&thread.registers)?;
        // They are in order of address; there may be 100 thousand, and as many threads.
        let index = mappings.partition_point(|m| m.start <= pointer).checked_sub(1)?;
        let mapping = mappings.get(index).filter(|mapping| pointer < mapping.end)?;
        let top = pointer.saturating_sub(RED_ZONE).max(mapping.start) & !7;
        // Without a guard in front of it, other memory may have been joined to it.
        let before = index.checked_sub(1).map(|before| &mappings[before]);
        let guarded = before.is_some_and(|m| m.end == mapping.start && !m.perms.read);
        let is_stack = guarded || mapping.path == "[stack]";
        let bottom = if is_stack { mapping.start } else { top };
        Some((top..mapping.end, bottom..top))
    };
    threads.iter().filter_map(stack).collect()
}

/// Where a thread's registers say that its stack ends.
pub(crate) fn stack_pointer(registers: &[u64]) -> Option<u64> {
    let ways = [STACK_POINTER, STACK_POINTER_ARM];
    let way = ways.into_iter().find(|way| way.1 == registers.len())?;
    registers.get(way.0).copied()
}

/// Ranges in order and without overlaps.
pub(super) fn merged(mut ranges: Vec<Range<u64>>) -> Vec<Range<u64>> {
    ranges.retain(|range| range.start < range.end);
    ranges.sort_by_key(|range| range.start);
    let mut merged: Vec<Range<u64>> = Vec::new();
    for range in ranges {
        match merged.last_mut() {
            Some(last) if last.end >= range.start => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    merged
}

/// What is left of a range without others, which are in order.
pub(super) fn without<'a>(
    range: &Range<u64>,
    others: &'a [Range<u64>],
) -> impl Iterator<Item = Range<u64>> + use<'a> {
    let (mut at, end) = (range.start, range.end);
    let first = others.partition_point(|other| other.end <= at);
    let near = others[first..].iter().take_while(move |other| other.start < end);
    let ends = near.cloned().chain(std::iter::once(end..end));
    ends.filter_map(move |other| {
        let part = at..other.start.min(end);
        at = at.max(other.end);
        (part.start < part.end).then_some(part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roots_are_what_is_no_heap() {
        let text = "1000-3000 rw-p 0 08:01 7 /usr/bin/python3\n\
                    3000-5000 rw-p 0 00:00 0 \n\
                    6000-8000 rw-p 0 00:00 0 [heap]\n\
                    10000-11000 ---p 0 00:00 0 \n\
                    11000-14000 rw-p 0 00:00 0 \n\
                    20000-21000 r--p 0 00:00 0 \n\
                    30000-34000 rw-p 0 00:00 0 [stack]\n";
        let mappings: Vec<super::Mapping> =
            target::procfs::smaps::parse(text.as_bytes()).map(|m| m.into_owned()).collect();
        let data = [Data { name: "python3".into(), base: 0x1000, range: 0x2000..0x3800 }];
        let mut registers = vec![0; 27];
        registers[19] = 0x12000 + 128;
        let thread = FrozenThread { tid: 1, registers };
        let heaps = vec![0x6000..0x8000, 0x2100..0x2200, 0x2180..0x2300];
        let found = roots(&data, &mappings, heaps, &[thread]);
        let found: Vec<_> = found.into_iter().map(|root| (root.kind, root.range)).collect();
        use RootKind::{Global, Mapping, Stack};
        let wanted = [
            (Global(0), 0x2000..0x2100),
            (Global(0), 0x2300..0x3800),
            (Stack, 0x12000..0x14000),
            (Mapping, 0x3800..0x5000),
            (Stack, 0x30000..0x34000),
        ];
        assert_eq!(found, wanted);
    }

    /// As many threads as a machine lets a process have, each with a mapping and a guard.
    #[test]
    fn many_threads_have_stacks() {
        const THREADS: u64 = 50_000;
        let base = 0x7f00_0000_0000;
        let line = |n: u64| {
            let (guard, stack) = (base + n * 0x3000, base + n * 0x3000 + 0x1000);
            let end = stack + 0x2000;
            format!("{guard:x}-{stack:x} ---p 0 00:00 0 \n{stack:x}-{end:x} rw-p 0 00:00 0 \n")
        };
        let text: String = (0..THREADS).map(line).collect();
        let mappings: Vec<Mapping> =
            target::procfs::smaps::parse(text.as_bytes()).map(|m| m.into_owned()).collect();
        let thread = |n: u64| {
            let mut registers = vec![0; 27];
            registers[19] = base + n * 0x3000 + 0x2000;
            FrozenThread { tid: n as u32, registers }
        };
        let threads: Vec<_> = (0..THREADS).map(thread).collect();
        let found = roots(&[], &mappings, Vec::new(), &threads);
        assert_eq!(found.len() as u64, THREADS);
        let live =
            |root: &Root| root.kind == RootKind::Stack && root.range.end % 0x3000 == base % 0x3000;
        assert!(found.iter().all(live));
        let bytes: u64 = found.iter().map(|root| root.range.end - root.range.start).sum();
        assert_eq!(bytes, THREADS * (0x1000 + RED_ZONE));
    }

    #[test]
    fn without_cuts() {
        let cut = |others: &[(u64, u64)]| {
            let others: Vec<Range<u64>> = others.iter().map(|&(from, to)| from..to).collect();
            without(&(10..20), &others).map(|range| (range.start, range.end)).collect::<Vec<_>>()
        };
        assert_eq!(cut(&[]), [(10, 20)]);
        assert_eq!(cut(&[(0, 12), (14, 15), (19, 40)]), [(12, 14), (15, 19)]);
        assert_eq!(cut(&[(0, 40)]), []);
        assert_eq!(cut(&[(20, 30)]), [(10, 20)]);
    }
}
