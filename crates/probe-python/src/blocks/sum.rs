//! Blocks that are alike, counted.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

use super::libraries::Libraries;
use super::mark::{Holder, Marks};
use super::roots::{Root, RootKind};
use super::scan::Pointers;
use super::units::{NO_OBJECT, Units};
use super::{Allocator, BlockRow, Content, NO_LIBRARY, State};
use crate::refs::data::Data;
use crate::variables::Variables;

/// Sizes up to this are told apart exactly, bytes.
const EXACT: u64 = 1032;
/// The most rows.
const MOST_ROWS: usize = 4096;
/// What stands for all holders of a size class behind the most rows that are given.
const OTHERS: &str = "(others)";

/// What was found out.
pub(super) struct Summing<'a> {
    pub(super) units: &'a Units,
    pub(super) pointers: &'a Pointers,
    pub(super) marks: &'a Marks,
    pub(super) roots: &'a [Root],
    pub(super) data: &'a [Data],
    pub(super) variables: &'a Variables,
    pub(super) libraries: &'a Libraries,
    /// Resident bytes of large blocks.
    pub(super) touched: &'a HashMap<u32, u64>,
    pub(super) type_name: &'a dyn Fn(u32) -> Option<Arc<str>>,
}

/// By whom a block is held, as a row says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum By {
    Nobody,
    Type(u32),
    /// A variable: index of the library's data, place.
    Global(usize, u64),
    Stack,
    Register,
    Mapping,
    /// A library that the block points into.
    Library(u16),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    allocator: Allocator,
    size_class: u64,
    state: State,
    by: By,
}

/// What a block is, and whose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Owner {
    pub(super) state: State,
    by: By,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    blocks: u64,
    bytes: u64,
    resident: u64,
    contents: [u64; 5],
    /// The first of them, and the last two.
    examples: [Option<u32>; 3],
}

impl Counts {
    fn note(&mut self, unit: usize) {
        let unit = Some(unit as u32);
        let [first, before, last] = self.examples;
        self.examples = match first {
            None => [unit, None, None],
            Some(_) => [first, last.or(before), unit],
        };
    }
}

const CONTENTS: [Content; 5] =
    [Content::Zero, Content::Text, Content::Pointers, Content::Code, Content::Other];

impl Summing<'_> {
    pub(super) fn rows(&self) -> Vec<BlockRow> {
        let mut sums: HashMap<Key, Counts> = HashMap::new();
        for unit in 0..self.units.len() {
            let counts = sums.entry(self.key(unit)).or_default();
            let bytes = self.units.bytes(unit);
            counts.blocks += 1;
            counts.note(unit);
            counts.bytes = counts.bytes.saturating_add(bytes);
            let touched = self.touched.get(&(unit as u32)).map_or(bytes, |&n| n.min(bytes));
            counts.resident = counts.resident.saturating_add(touched);
            if let Some(look) = self.pointers.look(unit) {
                counts.contents[look.content as usize] += 1;
            }
        }
        let rows = sums.into_iter().map(|(key, counts)| self.row(&key, &counts));
        let mut rows: Vec<BlockRow> = rows.collect();
        rows.sort_by_key(order);
        fold(rows)
    }

    fn key(&self, unit: usize) -> Key {
        let allocator = if self.units.pool[unit] { Allocator::Pymalloc } else { Allocator::Malloc };
        let bytes = self.units.bytes(unit);
        let size_class = if bytes <= EXACT { bytes } else { bytes.next_power_of_two() };
        let look = self.pointers.look(unit);
        let library = look.map(|look| look.library).filter(|&library| library != NO_LIBRARY);
        let library = library.map(By::Library);
        let (state, by) = match self.marks.of(unit) {
            _ if self.units.shape[unit] != NO_OBJECT => (State::Object, By::Nobody),
            Holder::Buffer(_) => (State::Buffer, By::Nobody),
            Holder::None => (State::Unreachable, library.unwrap_or(By::Nobody)),
            Holder::Type(shape) => (State::Reachable, By::Type(shape)),
            Holder::Register => (State::Reachable, library.unwrap_or(By::Register)),
            Holder::Root(edge) => (State::Reachable, self.by_root(edge, library)),
        };
        Key { allocator, size_class, state, by }
    }

    /// A variable of an extension says more than what a block points to, that less than all
    /// others.
    fn by_root(&self, edge: u32, library: Option<By>) -> By {
        let edge = self.pointers.from_roots.get(edge as usize);
        let Some(&(_, root, at)) = edge else { return By::Mapping };
        match self.roots.get(root as usize).map(|root| root.kind) {
            Some(RootKind::Global(data)) => {
                let of = self.libraries.of(at);
                let is_extension = of.is_some_and(|of| self.libraries.is_extension(of.0));
                // Of an array it is the whole that says something.
                let at = self.variables.of(at).map_or(at, |(start, _)| start);
                library.filter(|_| !is_extension).unwrap_or(By::Global(data, at))
            }
            Some(RootKind::Stack) => library.unwrap_or(By::Stack),
            Some(RootKind::Mapping) | None => library.unwrap_or(By::Mapping),
        }
    }

    /// What a block is, and whose: of objects and buffers, of which type.
    pub(super) fn owner(&self, unit: usize) -> Owner {
        let Key { state, by, .. } = self.key(unit);
        let by = match self.marks.of(unit) {
            _ if state == State::Object => By::Type(self.units.shape[unit]),
            Holder::Buffer(shape) => By::Type(shape),
            _ => by,
        };
        Owner { state, by }
    }

    /// The type of an object or of whose buffer it is, or who holds a native block; empty where
    /// nothing is known.
    pub(super) fn owner_name(&self, owner: &Owner) -> String {
        match owner.by {
            By::Type(shape) if matches!(owner.state, State::Object | State::Buffer) => {
                (self.type_name)(shape).as_deref().unwrap_or("?").to_owned()
            }
            by => self.holder(by).unwrap_or_default(),
        }
    }

    /// The place of a word of a root, as holders are named.
    pub(super) fn root_name(&self, root: u32, at: u64) -> String {
        let by = match self.roots.get(root as usize).map(|root| root.kind) {
            Some(RootKind::Global(data)) => By::Global(data, at),
            Some(RootKind::Stack) => By::Stack,
            Some(RootKind::Mapping) | None => By::Mapping,
        };
        self.holder(by).unwrap_or_default()
    }

    fn row(&self, key: &Key, counts: &Counts) -> BlockRow {
        let is_native = matches!(key.state, State::Reachable | State::Unreachable);
        let most = (0..CONTENTS.len()).max_by_key(|&n| (counts.contents[n], Reverse(n)));
        BlockRow {
            allocator: key.allocator,
            size_class: key.size_class,
            state: key.state,
            holder: self.holder(key.by),
            blocks: counts.blocks,
            bytes: counts.bytes,
            resident: counts.resident,
            content: most.map(|n| CONTENTS[n]).filter(|_| is_native),
            examples: self.addresses(&counts.examples),
        }
    }

    fn addresses(&self, examples: &[Option<u32>]) -> Vec<u64> {
        let known = examples.iter().flatten();
        known.map(|&unit| self.units.range(unit as usize).start).collect()
    }

    fn holder(&self, by: By) -> Option<String> {
        match by {
            By::Nobody => None,
            By::Type(shape) => {
                let name = (self.type_name)(shape);
                Some(format!("object {}", name.as_deref().unwrap_or("?")))
            }
            By::Global(data, at) => {
                let data = self.data.get(data)?;
                Some(match self.variables.of(at) {
                    Some((_, name)) => format!("{}:{name}", data.name),
                    None => format!("{}+{:#x}", data.name, at.saturating_sub(data.base)),
                })
            }
            By::Stack => Some("stack".into()),
            By::Register => Some("registers".into()),
            By::Mapping => Some("anonymous memory".into()),
            By::Library(library) => self.libraries.name(library).map(str::to_owned),
        }
    }
}

/// What stands for a holder that gets no row of its own.
fn rest(holder: Option<&str>) -> String {
    match holder.and_then(|holder| holder.split_once("+0x")) {
        Some((library, _)) => format!("{library} {OTHERS}"),
        None => OTHERS.into(),
    }
}

fn order(row: &BlockRow) -> impl Ord + use<> {
    (Reverse(row.bytes), row.allocator, row.size_class, row.state, row.holder.clone())
}

/// Two types may have one name: a key stands once. What is behind the most rows is summed by
/// size class and state, that of variables without names by their library: of the places of a
/// table in the data of a stripped library none says much.
fn fold(rows: Vec<BlockRow>) -> Vec<BlockRow> {
    let mut places: HashMap<(Allocator, u64, State, Option<String>), usize> = HashMap::new();
    let mut folded: Vec<BlockRow> = Vec::new();
    for mut row in rows {
        if folded.len() >= MOST_ROWS {
            row.holder = Some(rest(row.holder.as_deref()));
        }
        let key = (row.allocator, row.size_class, row.state, row.holder.clone());
        match places.get(&key).and_then(|&place| folded.get_mut(place)) {
            Some(same) => {
                same.blocks += row.blocks;
                same.bytes = same.bytes.saturating_add(row.bytes);
                same.resident = same.resident.saturating_add(row.resident);
            }
            None => {
                places.insert(key, folded.len());
                folded.push(row);
            }
        }
    }
    folded
}

#[cfg(test)]
mod tests {
    use super::*;

    /// However many places a stripped library has pointers at: they come to one row.
    #[test]
    fn places_of_a_library_are_summed_behind_the_most_rows() {
        let row = |place: u64| BlockRow {
            allocator: Allocator::Malloc,
            size_class: 48,
            state: State::Reachable,
            holder: Some(format!("fast.so+{place:#x}")),
            blocks: 1,
            bytes: 40,
            resident: 40,
            content: None,
            examples: vec![place],
        };
        let other = BlockRow { holder: Some("object x.Y".into()), ..row(0) };
        let rows: Vec<_> = (0..MOST_ROWS as u64 + 1000).map(row).chain([other]).collect();
        let folded = fold(rows);
        assert_eq!(folded.len(), MOST_ROWS + 2);
        let of = |holder: &str| folded.iter().find(|row| row.holder.as_deref() == Some(holder));
        assert_eq!(of("fast.so (others)").map(|row| row.blocks), Some(1000));
        assert_eq!(of("(others)").map(|row| row.blocks), Some(1));
    }

    #[test]
    fn the_first_and_the_last_are_examples() {
        let mut counts = Counts::default();
        for unit in [4, 7, 9, 11] {
            counts.note(unit);
        }
        assert_eq!(counts.examples, [Some(4), Some(9), Some(11)]);
    }
}
