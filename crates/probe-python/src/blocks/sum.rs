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
        }
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

fn order(row: &BlockRow) -> impl Ord + use<> {
    (Reverse(row.bytes), row.allocator, row.size_class, row.state, row.holder.clone())
}

/// Two types may have one name: a key stands once. What is behind the most rows is summed by
/// size class and state.
fn fold(rows: Vec<BlockRow>) -> Vec<BlockRow> {
    let mut places: HashMap<(Allocator, u64, State, Option<String>), usize> = HashMap::new();
    let mut folded: Vec<BlockRow> = Vec::new();
    for mut row in rows {
        if folded.len() >= MOST_ROWS {
            row.holder = Some(OTHERS.into());
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
