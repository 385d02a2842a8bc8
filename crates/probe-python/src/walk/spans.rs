//! Which memory of a process may hold Python objects.

use std::ops::Range;

use target::images::Mapping;

/// The most of the writable memory behind a file's data that is searched for static objects:
/// `.bss` begins there, and the kernel may have merged other memory to it.
const MOST_BSS: u64 = 16 << 20;
/// Above all addresses of programs.
const HIGHEST: u64 = 1 << 57;

/// What a stretch of memory is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SpanKind {
    /// The heap that grows with `brk`.
    Brk,
    /// Anonymous memory: arenas, big blocks, stacks.
    Anonymous,
    /// Writable data of a program or library.
    Data,
}

/// A stretch of private, writable memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    /// Its addresses.
    pub(crate) range: Range<u64>,
    /// What it is.
    pub(crate) kind: SpanKind,
}

/// All private, writable memory of a process.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spans {
    list: Vec<Span>,
    /// The same without borders between neighbours: structures lie across them.
    merged: Vec<Range<u64>>,
}

impl Spans {
    /// From the mappings of a process.
    pub(crate) fn new(mappings: &[Mapping]) -> Self {
        let mut spans = Self::default();
        let mut data_end = 0;
        let mut ordered: Vec<&Mapping> =
            mappings.iter().filter(|m| m.start < m.end && m.end < HIGHEST).collect();
        ordered.sort_by_key(|m| m.start);
        for mapping in ordered {
            let is_private = mapping.perms.read && mapping.perms.write && !mapping.perms.shared;
            let Some(kind) = kind(mapping).filter(|_| is_private) else { continue };
            let range = mapping.start..mapping.end;
            spans.merge(&range);
            if kind == SpanKind::Data {
                data_end = range.end;
            } else if range.start == data_end {
                // `.bss`, perhaps with an arena merged to its end.
                let end = range.end.min(range.start.saturating_add(MOST_BSS));
                spans.list.push(Span { range: range.start..end, kind: SpanKind::Data });
            }
            spans.list.push(Span { range, kind });
        }
        spans
    }

    fn merge(&mut self, range: &Range<u64>) {
        match self.merged.last_mut() {
            Some(last) if last.end >= range.start => last.end = last.end.max(range.end),
            _ => self.merged.push(range.clone()),
        }
    }

    /// The stretches, in order of address. Data may stand twice: as data and as what else it
    /// could be.
    pub(crate) fn list(&self) -> &[Span] {
        &self.list
    }

    /// Bytes of all of it.
    pub(crate) fn bytes(&self) -> u64 {
        self.merged.iter().fold(0, |sum, range| sum.saturating_add(range.end - range.start))
    }

    /// How far it goes on from an address without a hole; the address itself where there is none.
    pub(crate) fn reach(&self, address: u64) -> u64 {
        let after = self.merged.partition_point(|range| range.start <= address);
        let range = after.checked_sub(1).and_then(|at| self.merged.get(at));
        range.map_or(address, |range| range.end.max(address))
    }

    /// Whether all of `length` bytes at an address belong to it.
    pub(crate) fn contains(&self, address: u64, length: u64) -> bool {
        let after = self.merged.partition_point(|range| range.start <= address);
        let Some(range) = after.checked_sub(1).and_then(|at| self.merged.get(at)) else {
            return false;
        };
        address.checked_add(length).is_some_and(|end| end <= range.end)
    }
}

fn kind(mapping: &Mapping) -> Option<SpanKind> {
    match &*mapping.path {
        "[heap]" => Some(SpanKind::Brk),
        "" => Some(SpanKind::Anonymous),
        path if path.starts_with("[anon:") => Some(SpanKind::Anonymous),
        path if path.starts_with('/') && mapping.inode != 0 => Some(SpanKind::Data),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spans(text: &str) -> Spans {
        let mappings: Vec<Mapping> =
            target::procfs::smaps::parse(text.as_bytes()).map(|m| m.into_owned()).collect();
        Spans::new(&mappings)
    }

    /// Only private writable memory counts, `.bss` is both, and borders are no borders.
    #[test]
    fn mappings_become_spans() {
        let spans = spans(
            "1000-2000 r-xp 0 08:01 7 /usr/bin/python3\n\
             2000-3000 rw-p 1000 08:01 7 /usr/bin/python3\n\
             3000-5000 rw-p 0 00:00 0 \n\
             6000-7000 rw-p 0 00:00 0 [heap]\n\
             8000-9000 rw-s 0 00:01 9 /dev/zero (deleted)\n\
             9000-a000 rw-p 0 00:00 0 [stack]\n\
             b000-c000 rw-p 0 00:00 0 [anon:cpython:pymalloc]\n",
        );
        let list: Vec<_> = spans.list().iter().map(|s| (s.range.start, s.kind)).collect();
        use SpanKind::{Anonymous, Brk, Data};
        let wanted = [
            (0x2000, Data),
            (0x3000, Data),
            (0x3000, Anonymous),
            (0x6000, Brk),
            (0xb000, Anonymous),
        ];
        assert_eq!(list, wanted);
        assert!(spans.contains(0x2ff8, 0x100));
        assert!(!spans.contains(0x1000, 8) && !spans.contains(0x4ff8, 16));
        assert!(!spans.contains(0, 8) && !spans.contains(u64::MAX, 8));
        assert!(!spans.contains(0x6000, u64::MAX));
        assert_eq!(spans.reach(0x2008), 0x5000);
        assert_eq!(spans.reach(0x8000), 0x8000);
        assert_eq!(spans.reach(0), 0);
    }
}
