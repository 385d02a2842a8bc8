//! Mappings that are no heap, stack or library: who points to them.

use std::collections::HashMap;
use std::ops::Range;

use target::images::Mapping;

use super::pages::Pages;
use super::roots::RootKind;

/// The most mappings that are asked about.
const MOST: usize = 1 << 16;

/// What lies farther apart than this within a mapping may be others' memory, which the kernel has
/// joined to one mapping, bytes.
const GAP: u64 = 64 << 10;

/// A stretch of memory of a mapping.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Aim {
    pub(super) range: Range<u64>,
    /// Where the mapping begins, if the stretch has all in front of it: who points there holds
    /// the stretch as well.
    pub(super) mapping: Option<u64>,
    /// Path or label; empty for plain anonymous memory.
    pub(super) name: String,
    /// Whether it is memory of a file, or shared.
    pub(super) of_file: bool,
}

/// All of them, in order of address.
#[derive(Debug, Default)]
pub(super) struct Aims {
    pub(super) list: Vec<Aim>,
    whole: Range<u64>,
}

impl Aims {
    pub(super) fn new(mut list: Vec<Aim>) -> Self {
        list.retain(|aim| aim.range.start < aim.range.end);
        list.sort_by_key(|aim| aim.range.start);
        list.truncate(MOST);
        let start = list.first().map_or(0, |aim| aim.range.start);
        let end = list.last().map_or(0, |aim| aim.range.end);
        Self { list, whole: start..end }
    }

    /// The one that a word points into.
    pub(super) fn of(&self, word: u64) -> Option<u32> {
        if !self.whole.contains(&word) {
            return None;
        }
        let index = self.list.partition_point(|aim| aim.range.start <= word).checked_sub(1)?;
        self.list[index].range.contains(&word).then_some(index as u32)
    }
}

/// Cuts what is not resident out of stretches, but for the beginnings of mappings.
pub(super) fn resident(list: &[Aim], pages: &Pages) -> Vec<Aim> {
    let mut found = Vec::new();
    for aim in list {
        let stretches = pages.stretches(&aim.range, GAP);
        let first = stretches.first().map_or(aim.range.start, |stretch| stretch.start);
        let head = aim.mapping.map(|start| start..first);
        let ranges = head.into_iter().chain(stretches);
        found.extend(ranges.map(|range| Aim { range, ..aim.clone() }));
    }
    found
}

/// What is mapped of files or shared, and is no program, library or device of the kernel.
pub(super) fn of_files(mappings: &[Mapping], is_image: impl Fn(u64) -> bool) -> Vec<Aim> {
    let is_one = |m: &&Mapping| {
        let of_file = m.inode != 0 || m.perms.shared;
        of_file && m.perms.read && !m.path.starts_with('[') && !is_image(m.start)
    };
    let aim = |m: &Mapping| Aim {
        range: m.start..m.end,
        name: m.path.clone().into_owned(),
        of_file: true,
        mapping: None,
    };
    mappings.iter().filter(is_one).map(aim).collect()
}

/// Where a pointer stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// In a block.
    Unit(u32),
    /// In a root: its number, and the address of the word.
    Root(u32, u64),
}

/// The most telling pointer to each mapping.
#[derive(Clone, Debug, Default)]
pub(super) struct Aimed {
    found: HashMap<u32, (Rank, Source)>,
}

/// Smaller tells more: a pointer to the beginning, and from an object before one from an object that
/// only borrows memory before one from a variable before one from a native block before one from a
/// stack.
type Rank = (bool, u8);

/// What has a pointer in a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Has {
    Object,
    /// A view of memory that another object has.
    View,
    Native,
}

impl Aimed {
    fn see(&mut self, aim: u32, rank: Rank, source: Source) {
        let best = self.found.entry(aim).or_insert((rank, source));
        if rank < best.0 {
            *best = (rank, source);
        }
    }

    /// Notes a pointer that stands in a block. Objects know where their memory begins: what
    /// points into the middle is left over from what was there before.
    pub(super) fn note_unit(&mut self, aims: &Aims, word: u64, unit: u32, has: Has) {
        if let Some(aim) = aims.of(word) {
            let inside = aims.list[aim as usize].range.start != word;
            if inside && has != Has::Native {
                return;
            }
            let rank = match has {
                Has::Object => 0,
                Has::View => 1,
                Has::Native => 3,
            };
            self.see(aim, (inside, rank), Source::Unit(unit));
        }
    }

    /// Notes a pointer that stands in a root; not those of a mapping to itself.
    pub(super) fn note_root(&mut self, aims: &Aims, word: u64, at: u64, root: (u32, RootKind)) {
        let Some(aim) = aims.of(word) else { return };
        let range = &aims.list[aim as usize].range;
        let rank = match root.1 {
            RootKind::Global(_) => 2,
            RootKind::Stack => 4,
            RootKind::Mapping => 5,
        };
        if !range.contains(&at) {
            self.see(aim, (range.start != word, rank), Source::Root(root.0, at));
        }
    }

    pub(super) fn merge(&mut self, other: Self) {
        for (aim, (rank, source)) in other.found {
            self.see(aim, rank, source);
        }
    }

    /// The pointer to a mapping, or else that to the beginning of what it is a part of.
    /// Whether it leads into the middle is said, too.
    pub(super) fn of(&self, aims: &Aims, aim: usize) -> Option<(bool, Source)> {
        let found = |aim: usize| self.found.get(&(aim as u32));
        let beginning = || {
            let start = aims.list.get(aim)?.mapping?;
            let ((inside, _), source) = found(aims.of(start)? as usize)?;
            (!inside).then_some((false, *source))
        };
        found(aim).map(|&((inside, _), source)| (inside, source)).or_else(beginning)
    }

    /// Who holds each of them in the end: a mapping that only another mapping points to is that
    /// one's, as those of a list are. `is_mapping`: whether a root is such memory.
    pub(super) fn ends(
        &self,
        aims: &Aims,
        is_mapping: impl Fn(u32) -> bool,
    ) -> Vec<Option<(bool, Source)>> {
        let next = |aim: usize, source| match source {
            Some((_, Source::Root(root, at))) if is_mapping(root) => {
                aims.of(at).map(|next| next as usize).filter(|&next| next != aim)
            }
            _ => None,
        };
        let mut ends: Vec<_> = (0..aims.list.len()).map(|aim| self.of(aims, aim)).collect();
        let mut seen = vec![false; ends.len()];
        let mut way = Vec::new();
        for start in 0..ends.len() {
            let mut at = start;
            while !std::mem::replace(&mut seen[at], true) {
                way.push(at);
                let Some(further) = next(at, ends[at]) else { break };
                at = further;
            }
            // In a ring, and behind what nothing points to, each has who points to it itself.
            let end = ends[at].filter(|end| next(at, Some(*end)).is_none());
            for aim in way.drain(..) {
                ends[aim] = end.or(ends[aim]);
            }
        }
        ends
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn aims() -> Aims {
        let aim = |range| Aim { range, ..Aim::default() };
        Aims::new(vec![aim(0x8000..0x9000), aim(0x1000..0x3000), aim(5..5)])
    }

    #[test]
    fn words_lead_to_mappings() {
        let aims = aims();
        let found = [0, 0xfff, 0x1000, 0x2fff, 0x3000, 0x8000, 0x9000].map(|at| aims.of(at));
        assert_eq!(found, [None, None, Some(0), Some(0), None, Some(1), None]);
        assert_eq!(Aims::default().of(0), None);
    }

    /// A list of mappings is whose its first one is; a ring is nobody's.
    #[test]
    fn mappings_behind_mappings_have_the_same_holder() {
        let aim = |start: u64| Aim { range: start..start + 0x1000, ..Aim::default() };
        let aims = Aims::new((1..9).map(|n| aim(n << 16)).collect());
        let mut seen = Aimed::default();
        let mapping = (7, RootKind::Mapping);
        seen.note_root(&aims, 0x40000, 0x9999, (3, RootKind::Global(0)));
        seen.note_root(&aims, 0x20000, 0x40008, mapping);
        seen.note_root(&aims, 0x10000, 0x20008, mapping);
        seen.note_root(&aims, 0x30000, 0x10008, mapping);
        seen.note_root(&aims, 0x60000, 0x50008, mapping);
        seen.note_root(&aims, 0x70000, 0x80008, mapping);
        seen.note_root(&aims, 0x80000, 0x70008, mapping);
        let ends = seen.ends(&aims, |root| root == 7);
        let first = Some((false, Source::Root(3, 0x9999)));
        assert_eq!(ends[..5], [first, first, first, first, None]);
        let own = |at| Some((false, Source::Root(7, at)));
        assert_eq!(ends[5..], [own(0x50008), own(0x80008), own(0x70008)]);
    }

    /// Whoever points to the beginning is believed first, then the more telling place; a mapping
    /// does not hold itself.
    #[test]
    fn the_most_telling_pointer_counts() {
        let aims = aims();
        let (mut seen, mut more) = (Aimed::default(), Aimed::default());
        seen.note_root(&aims, 0x1008, 0x1800, (0, RootKind::Mapping));
        assert_eq!(seen.of(&aims, 0), None);
        seen.note_unit(&aims, 0x1008, 6, Has::Object);
        assert_eq!(seen.of(&aims, 0), None, "an object that points into the middle");
        seen.note_unit(&aims, 0x1008, 7, Has::Native);
        assert_eq!(seen.of(&aims, 0), Some((true, Source::Unit(7))));
        more.note_root(&aims, 0x1000, 0x5000, (3, RootKind::Global(0)));
        more.note_root(&aims, 0x1000, 0x5008, (3, RootKind::Stack));
        seen.merge(more);
        assert_eq!(seen.of(&aims, 0), Some((false, Source::Root(3, 0x5000))));
        assert_eq!(seen.of(&aims, 1), None);
        seen.note_unit(&aims, 0x8000, 8, Has::View);
        seen.note_unit(&aims, 0x8000, 9, Has::Object);
        assert_eq!(seen.of(&aims, 1), Some((false, Source::Unit(9))));
        seen.found.remove(&1);
        let mut part = aims;
        part.list[1].mapping = Some(0x1000);
        assert_eq!(
            seen.of(&part, 1),
            Some((false, Source::Root(3, 0x5000))),
            "of the same mapping"
        );
    }
}
