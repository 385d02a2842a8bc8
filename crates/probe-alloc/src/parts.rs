//! Which mapping is which part of the native heap.
//!
//! Pure: mappings go in, parts come out. What needs a look into the process is asked for through
//! [`Look`].

use std::collections::BTreeMap;
use std::ops::Range;

use target::images::Mapping;

/// Heaps of glibc's arenas begin at multiples of this and never grow over the next: 64 MiB on
/// 64-bit machines.
pub const HEAP_SIZE: u64 = 64 << 20;
/// The largest guard that is taken for one of a thread's stack. The default has one page.
const MAX_GUARD: u64 = 1 << 20;

/// The most heaps that are looked for in one mapping: 4 TiB.
const MAX_HEAPS: usize = 1 << 16;

/// What a heap of an arena begins with, as glibc keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeapHeader {
    /// The arena that the heap belongs to; it stands in the first heap of the arena.
    pub arena: u64,
    /// The heap before this one; 0 for the first.
    pub previous: u64,
    /// Bytes in use.
    pub size: u64,
    /// Bytes that can be written.
    pub writable: u64,
}

/// What mappings alone do not tell.
pub trait Look {
    /// The header at the beginning of what may be a heap; `None` when memory cannot be read.
    fn heap_header(&self, address: u64) -> Option<HeapHeader>;
    /// Whether a thread other than the first has its stack here.
    fn is_stack(&self, range: Range<u64>) -> bool;
    /// The length of a new thread's stack, bytes.
    fn stack_size(&self) -> Option<u64>;
    /// Where the zeroed data of the library whose mapping ends at `address` end.
    fn zeroed_data_end(&self, library: &Mapping) -> Option<u64>;
}

/// A part of the native heap, or of what cannot be told from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// What `brk` grows.
    MainHeap,
    /// An arena of glibc.
    ThreadArena,
    /// Other private anonymous memory that can be written.
    MmappedBlock,
    /// Stacks of threads.
    ThreadStack,
}

impl Kind {
    /// The name in tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::MainHeap => "main heap",
            Self::ThreadArena => "thread arena",
            Self::MmappedBlock => "mmapped block",
            Self::ThreadStack => "thread stack",
        }
    }
}

/// What belongs to a part, summed. Bytes; `None` where the kernel does not report it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// Mappings.
    pub mappings: u64,
    /// Address space that can be written.
    pub size: u64,
    /// Address space that is kept free for growth.
    pub reserved: u64,
    /// Resident.
    pub rss: Option<u64>,
    /// Resident, but the kernel may take it at any time.
    pub lazy_free: Option<u64>,
    /// Swapped out.
    pub swap: Option<u64>,
}

impl Part {
    fn add(&mut self, mapping: &Mapping) {
        fn add(sum: &mut Option<u64>, value: Option<u64>) {
            if let Some(value) = value {
                *sum = Some(sum.unwrap_or(0).saturating_add(value));
            }
        }
        self.mappings += 1;
        self.size = self.size.saturating_add(mapping.len());
        add(&mut self.rss, mapping.counts.rss);
        add(&mut self.lazy_free, mapping.counts.lazy_free);
        add(&mut self.swap, mapping.counts.swap);
    }
}

/// The parts of a process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parts {
    /// By kind and address; parts that are summed up have the address 0.
    pub parts: BTreeMap<(Kind, u64), Part>,
    /// Mappings that hold an arena and something else that the kernel joined with it.
    pub mixed: u64,
    /// Heaps that were told by place alone, since memory could not be read.
    pub unconfirmed: u64,
}

/// Sorts mappings, which are in order of address, into parts. At most `most_arenas` arenas get a
/// row of their own; the rest are summed up in one.
#[must_use]
pub fn sort(mappings: &[Mapping], look: &impl Look, most_arenas: usize) -> Parts {
    let mut parts = Parts::default();
    for (index, mapping) in mappings.iter().enumerate() {
        if mapping.path == "[heap]" {
            // One row, whatever the number of mappings: rights may differ within the heap.
            parts.parts.entry((Kind::MainHeap, 0)).or_default().add(mapping);
            continue;
        }
        if !is_anonymous(mapping) || !mapping.perms.write || mapping.perms.exec {
            continue;
        }
        let before = index.checked_sub(1).map(|i| &mappings[i]).filter(|m| m.end == mapping.start);
        let behind = mappings.get(index + 1).filter(|m| m.start == mapping.end);
        if before.is_some_and(|before| is_zeroed_data(before, mapping, look)) {
            continue;
        }
        if !parts.take_arena(mapping, behind, look, most_arenas) {
            let stack = is_stack(mapping, before, look);
            let kind = if stack { Kind::ThreadStack } else { Kind::MmappedBlock };
            parts.parts.entry((kind, 0)).or_default().add(mapping);
        }
    }
    parts
}

fn is_anonymous(mapping: &Mapping) -> bool {
    let name = &mapping.path;
    let named = name.is_empty() || name.starts_with("[anon:") || name.starts_with("[stack:");
    mapping.inode == 0 && !mapping.perms.shared && named
}

fn is_reserve(mapping: &Mapping) -> bool {
    let perms = mapping.perms;
    is_anonymous(mapping) && !perms.read && !perms.write && !perms.exec
}

/// The part of a library's data that is zero at first and so needs no file behind it.
fn is_zeroed_data(before: &Mapping, mapping: &Mapping, look: &impl Look) -> bool {
    before.inode != 0
        && before.path.starts_with('/')
        && look.zeroed_data_end(before).is_some_and(|end| mapping.end <= end)
}

fn is_stack(mapping: &Mapping, before: Option<&Mapping>, look: &impl Look) -> bool {
    if look.is_stack(mapping.start..mapping.end) {
        return true;
    }
    let guard = before.filter(|m| is_reserve(m) && m.len() <= MAX_GUARD).map(|m| m.len());
    let (Some(guard), Some(size)) = (guard, look.stack_size()) else { return false };
    // Libraries differ on whether the guard is a part of the length.
    mapping.len() == size || mapping.len().checked_add(guard) == Some(size)
}

impl Parts {
    /// Takes a mapping that holds heaps of arenas; false if it holds none.
    fn take_arena(
        &mut self,
        mapping: &Mapping,
        behind: Option<&Mapping>,
        look: &impl Look,
        most: usize,
    ) -> bool {
        let heaps: Vec<Heap> = heaps(mapping, behind, look).collect();
        let inside: u64 = heaps.iter().map(|heap| heap.writable).sum();
        let Some(first) = heaps.first().filter(|_| inside > mapping.len() / 2) else {
            return false;
        };
        let joined = inside != mapping.len() || heaps.iter().any(|h| h.arena != first.arena);
        self.mixed += u64::from(joined);
        self.unconfirmed += heaps.iter().filter(|heap| !heap.confirmed).count() as u64;
        let known = self.parts.keys().filter(|(kind, _)| *kind == Kind::ThreadArena).count();
        let mut key = (Kind::ThreadArena, first.arena);
        if known >= most && !self.parts.contains_key(&key) {
            key.1 = 0;
        }
        let part = self.parts.entry(key).or_default();
        part.add(mapping);
        part.reserved += heaps.iter().map(|heap| HEAP_SIZE - heap.writable).sum::<u64>();
        true
    }
}

/// A heap of an arena.
struct Heap {
    /// Where the arena's first heap begins.
    arena: u64,
    writable: u64,
    confirmed: bool,
}

/// The heaps that begin in a mapping.
fn heaps<'a>(
    mapping: &'a Mapping,
    behind: Option<&'a Mapping>,
    look: &'a impl Look,
) -> impl Iterator<Item = Heap> {
    let first = mapping.start.checked_next_multiple_of(HEAP_SIZE).unwrap_or(mapping.end);
    let starts = (first..mapping.end).step_by(HEAP_SIZE as usize).take(MAX_HEAPS);
    starts.filter_map(move |start| {
        let writable = (mapping.end - start).min(HEAP_SIZE);
        let end = start.checked_add(HEAP_SIZE)?;
        let reserve = behind.is_some_and(|m| is_reserve(m) && m.end >= end);
        if writable < HEAP_SIZE && !reserve {
            return None;
        }
        match look.heap_header(start) {
            Some(header) => header.fits(start, writable).then(|| Heap {
                arena: header.arena - header.arena % HEAP_SIZE,
                writable,
                confirmed: true,
            }),
            // A heap that is full has no mark but its header.
            None => reserve.then_some(Heap { arena: start, writable, confirmed: false }),
        }
    })
}

impl HeapHeader {
    /// Whether this can be the header of the heap at `start`.
    fn fits(&self, start: u64, writable: u64) -> bool {
        let own = start..start + HEAP_SIZE;
        let place = if self.previous == 0 {
            // The first heap of an arena holds the arena itself, behind the header.
            own.contains(&self.arena) && self.arena - start < 4096
        } else {
            !own.contains(&self.arena) && self.previous.is_multiple_of(HEAP_SIZE)
        };
        // Between the growth of the mapping and the note of it, the process may be stopped.
        place && self.size > 0 && self.size <= self.writable && self.writable <= writable
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;
    const BASE: u64 = 0x7000_0000_0000;

    /// A process made by hand.
    #[derive(Default)]
    struct Fake {
        headers: BTreeMap<u64, HeapHeader>,
        blind: bool,
        stack: u64,
    }

    impl Look for Fake {
        fn heap_header(&self, address: u64) -> Option<HeapHeader> {
            let none = HeapHeader { arena: 0, previous: 0, size: 0, writable: 0 };
            (!self.blind).then(|| self.headers.get(&address).copied().unwrap_or(none))
        }
        fn is_stack(&self, range: Range<u64>) -> bool {
            range.contains(&self.stack)
        }
        fn stack_size(&self) -> Option<u64> {
            Some(8 * MIB)
        }
        fn zeroed_data_end(&self, library: &Mapping) -> Option<u64> {
            Some(library.end + 4096)
        }
    }

    fn mappings(text: &[(u64, u64, &str)]) -> Vec<Mapping> {
        let line = |(start, length, rest): &(u64, u64, &str)| {
            format!("{:x}-{:x} {rest}\n", start, start + length)
        };
        let text: String = text.iter().map(line).collect();
        target::procfs::smaps::parse(text.as_bytes()).map(|m| m.into_owned()).collect()
    }

    const RW: &str = "rw-p 00000000 00:00 0";
    const NONE: &str = "---p 00000000 00:00 0";

    fn first(start: u64, writable: u64) -> (u64, HeapHeader) {
        (start, HeapHeader { arena: start + 48, previous: 0, size: writable, writable })
    }

    fn sizes(parts: &Parts, kind: Kind) -> Vec<(u64, u64, u64)> {
        let of_kind = parts.parts.iter().filter(|((k, _), _)| *k == kind);
        of_kind.map(|((_, at), part)| (*at, part.size / MIB, part.reserved / MIB)).collect()
    }

    #[test]
    fn parts_are_told_apart() {
        let list = mappings(&[
            (0x10_0000, 2 * MIB, "rw-p 00000000 00:00 0  [heap]"),
            (BASE, 3 * MIB, RW),
            (BASE + 3 * MIB, 61 * MIB, NONE),
            (BASE + 64 * MIB, MIB, "---p 00000000 00:00 0"),
            (BASE + 65 * MIB, 8 * MIB, RW),
            (BASE + 80 * MIB, 5 * MIB, RW),
            (BASE + 90 * MIB, MIB, "rw-p 00000000 08:01 7 /lib/x.so"),
            (BASE + 91 * MIB, 4096, RW),
            (BASE + 95 * MIB, MIB, RW),
            (BASE + 97 * MIB, MIB, "rwxp 00000000 00:00 0"),
            (BASE + 98 * MIB, MIB, "rw-s 00000000 00:00 0"),
        ]);
        let fake = Fake {
            headers: [first(BASE, 3 * MIB)].into(),
            stack: BASE + 95 * MIB + 8,
            ..Fake::default()
        };
        let parts = sort(&list, &fake, 10);
        assert_eq!(sizes(&parts, Kind::MainHeap), [(0, 2, 0)]);
        assert_eq!(sizes(&parts, Kind::ThreadArena), [(BASE, 3, 61)]);
        assert_eq!(sizes(&parts, Kind::ThreadStack), [(0, 9, 0)]);
        assert_eq!(sizes(&parts, Kind::MmappedBlock), [(0, 5, 0)]);
        assert_eq!((parts.mixed, parts.unconfirmed), (0, 0));
    }

    /// Further heaps belong to the arena of the first, also when they are full.
    #[test]
    fn an_arena_may_have_many_heaps() {
        let second = BASE + 64 * MIB;
        let list = mappings(&[
            (BASE, 128 * MIB, RW),
            (BASE + 192 * MIB, MIB, RW),
            (BASE + 193 * MIB, 63 * MIB, NONE),
        ]);
        let further =
            |previous| HeapHeader { arena: BASE + 48, previous, size: 4096, writable: MIB };
        let headers =
            [first(BASE, 64 * MIB), (second, further(BASE)), (BASE + 192 * MIB, further(second))];
        let parts = sort(&list, &Fake { headers: headers.into(), ..Fake::default() }, 10);
        assert_eq!(sizes(&parts, Kind::ThreadArena), [(BASE, 129, 63)]);
        assert_eq!(sizes(&parts, Kind::MmappedBlock), []);
    }

    /// Place alone is not believed where the header can be read; where it cannot, it counts and
    /// that is said.
    #[test]
    fn what_looks_like_an_arena_needs_its_header() {
        let list = mappings(&[(BASE, MIB, RW), (BASE + MIB, 63 * MIB, NONE)]);
        let seeing = sort(&list, &Fake::default(), 10);
        assert_eq!(sizes(&seeing, Kind::ThreadArena), []);
        assert_eq!(sizes(&seeing, Kind::MmappedBlock), [(0, 1, 0)]);
        let blind = sort(&list, &Fake { blind: true, ..Fake::default() }, 10);
        assert_eq!(sizes(&blind, Kind::ThreadArena), [(BASE, 1, 63)]);
        assert_eq!(blind.unconfirmed, 1);
    }

    /// However many arenas: the rows are bounded and nothing is lost.
    #[test]
    fn rows_are_bounded() {
        let (mut text, mut headers) = (Vec::new(), BTreeMap::new());
        for n in 0..20 {
            let start = BASE + n * 64 * MIB;
            text.extend([(start, MIB, RW), (start + MIB, 63 * MIB, NONE)]);
            headers.extend([first(start, MIB)]);
        }
        let parts = sort(&mappings(&text), &Fake { headers, ..Fake::default() }, 5);
        assert_eq!(parts.parts.len(), 6);
        assert_eq!(parts.parts.values().map(|p| p.size).sum::<u64>(), 20 * MIB);
        assert_eq!(parts.parts[&(Kind::ThreadArena, 0)].mappings, 15);
    }

    /// Any mappings at all end in an answer.
    #[test]
    fn nonsense_is_survived() {
        let list = mappings(&[
            (u64::MAX - 4096, 4095, RW),
            (0, u64::MAX, RW),
            (BASE, 0, NONE),
            (BASE, 1, RW),
        ]);
        let _ = sort(&list, &Fake::default(), 1);
        let _ = sort(&list, &Fake { blind: true, ..Fake::default() }, 1);
    }
}
