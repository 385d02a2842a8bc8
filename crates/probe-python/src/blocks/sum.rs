//! Blocks that are alike, counted.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use probe::{Error, ErrorKind, Result};
use target::gentle;

use super::contents::{CONTENTS, Look};
use super::libraries::Libraries;
use super::mark::{Holder, Marks};
use super::pages::Pages;
use super::roots::{Root, RootKind};
use super::scan::Pointers;
use super::units::{Unit, Units};
use super::{Allocator, BlockRow, LARGE, NO_LIBRARY, State};
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
    pub(super) pages: &'a Pages,
    /// Whether it gives way to nobody.
    pub(super) hurry: bool,
    pub(super) type_name: &'a (dyn Fn(u32) -> Option<Arc<str>> + Sync),
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
pub(super) struct Counts {
    pub(super) blocks: u64,
    bytes: u64,
    resident: u64,
    /// Resident bytes, as pages say.
    pub(super) paged: u64,
    contents: [u64; 5],
    /// Where the first of them is, and the last two.
    examples: [Option<u64>; 3],
}

impl Counts {
    /// Blocks may come in any order: the lowest stays, and the two highest.
    fn note(&mut self, address: u64) {
        let [first, before, last] = &mut self.examples;
        let other = match *first {
            Some(lowest) if lowest <= address => address,
            lowest => {
                *first = Some(address);
                let Some(lowest) = lowest else { return };
                lowest
            }
        };
        if Some(other) > *last {
            (*before, *last) = (*last, Some(other));
        } else if Some(other) > *before && Some(other) != *last {
            *before = Some(other);
        }
    }

    fn add(&mut self, other: &Self) {
        self.blocks += other.blocks;
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.resident = self.resident.saturating_add(other.resident);
        self.paged = self.paged.saturating_add(other.paged);
        for (sum, more) in self.contents.iter_mut().zip(other.contents) {
            *sum += more;
        }
        for address in other.examples.into_iter().flatten() {
            self.note(address);
        }
    }
}

type Sums = HashMap<Packed, Counts, BuildHasherDefault<Mix>>;

/// Hashes a packed key: it is looked up for each block, and made by nobody else.
#[derive(Clone, Copy, Debug, Default)]
struct Mix(u64);

impl Hasher for Mix {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.write_u64(u64::from(byte)));
    }

    fn write_u64(&mut self, word: u64) {
        let mixed = (self.0 ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ mixed >> 32;
    }
}

/// Blocks of one holder, size and library, packed: what is added up for each block stays cheap.
type Packed = u64;
const OBJECT: u64 = 1 << 63;
const POOL: u64 = 1 << 62;
/// The number of the holder or of the type, and behind it the library; in front the size.
const LIBRARY_BITS: u32 = 16;
const SIZE_SHIFT: u32 = 48;
const SIZE_MASK: u64 = (1 << 8) - 1;
/// Sizes above [`EXACT`] are kept as this and the power of two.
const POWERS: u64 = 192;
/// Blocks that a thread adds up in one go.
const RUN: usize = 1 << 16;
const THREADS: usize = 2;

/// Blocks that are alike, and whose they are.
pub(super) struct Group {
    pub(super) allocator: Allocator,
    size_class: u64,
    pub(super) owner: Owner,
    pub(super) counts: Counts,
}

impl Summing<'_> {
    /// All blocks, added up.
    pub(super) fn groups(&self) -> Result<Vec<Group>> {
        let runs = self.units.len().div_ceil(RUN);
        let next = AtomicUsize::new(0);
        let parts = gentle::share_out(THREADS, self.hurry, |mut gentle| {
            let mut sums = Sums::default();
            loop {
                let run = next.fetch_add(1, Ordering::Relaxed);
                if run >= runs {
                    return sums;
                }
                self.add_run(run * RUN..self.units.len().min((run + 1) * RUN), &mut sums);
                gentle.note();
            }
        });
        let mut all = Sums::default();
        for part in parts {
            let panicked = |_| Error::new(ErrorKind::Panicked, "a thread that added up panicked");
            for (packed, counts) in part.map_err(panicked)? {
                all.entry(packed).or_default().add(&counts);
            }
        }
        Ok(all.into_iter().map(|(packed, counts)| self.group(packed, counts)).collect())
    }

    fn add_run(&self, numbers: Range<usize>, sums: &mut Sums) {
        let mut meter = self.pages.meter();
        for unit in self.units.iter(numbers) {
            let bytes = unit.bytes();
            let native = self.units.native(unit.number);
            let look = native.and_then(|native| self.pointers.look(native, self.libraries));
            let counts = sums.entry(self.pack(&unit, native, look)).or_default();
            counts.blocks += 1;
            counts.note(unit.start);
            counts.bytes = counts.bytes.saturating_add(bytes);
            let large = Some(unit.number).filter(|_| bytes >= LARGE);
            let touched = large.and_then(|number| self.touched.get(&number));
            counts.resident =
                counts.resident.saturating_add(touched.map_or(bytes, |&n| n.min(bytes)));
            counts.paged = counts.paged.saturating_add(meter.bytes(&unit.range()));
            if let Some(look) = look {
                counts.contents[look.content as usize] += 1;
            }
        }
    }

    fn pack(&self, unit: &Unit, native: Option<u32>, look: Option<Look>) -> Packed {
        let bytes = unit.bytes();
        let size = if bytes <= EXACT {
            bytes / 8
        } else {
            POWERS + u64::from(bytes.next_power_of_two().trailing_zeros())
        };
        let library = look.map_or(NO_LIBRARY, |look| look.library);
        let (kind, number) = match native {
            Some(native) => (0, self.marks.number(native)),
            None => (OBJECT, self.units.shape(unit.number).unwrap_or(0)),
        };
        let pool = if self.units.is_pool(unit.number) { POOL } else { 0 };
        kind | pool | size << SIZE_SHIFT | u64::from(number) << LIBRARY_BITS | u64::from(library)
    }

    fn group(&self, packed: Packed, counts: Counts) -> Group {
        let size = packed >> SIZE_SHIFT & SIZE_MASK;
        let size_class = if size < POWERS { size * 8 } else { 1 << (size - POWERS).min(63) };
        let allocator = if packed & POOL == 0 { Allocator::Malloc } else { Allocator::Pymalloc };
        Group { allocator, size_class, owner: self.unpack(packed), counts }
    }

    /// What a block is, and whose: of objects and buffers, of which type.
    fn unpack(&self, packed: Packed) -> Owner {
        let number = (packed >> LIBRARY_BITS) as u32;
        let library = Some(packed as u16).filter(|&library| library != NO_LIBRARY);
        let library = library.map(By::Library);
        if packed & OBJECT != 0 {
            return Owner { state: State::Object, by: By::Type(number) };
        }
        let holder = self.marks.holders.get(number as usize).copied();
        let (state, by) = match holder.unwrap_or(Holder::None) {
            Holder::Buffer(shape) => (State::Buffer, By::Type(shape)),
            Holder::None => (State::Unreachable, library.unwrap_or(By::Nobody)),
            Holder::Type(shape) => (State::Reachable, By::Type(shape)),
            Holder::Register => (State::Reachable, library.unwrap_or(By::Register)),
            Holder::Stack => (State::Reachable, library.unwrap_or(By::Stack)),
            Holder::Mapping => (State::Reachable, library.unwrap_or(By::Mapping)),
            Holder::Variable(edge) => (State::Reachable, self.by_variable(edge, library)),
        };
        Owner { state, by }
    }

    pub(super) fn rows(&self, groups: &[Group]) -> Vec<BlockRow> {
        let mut sums: HashMap<Key, Counts> = HashMap::new();
        for group in groups {
            let Owner { state, by } = group.owner;
            let by = if matches!(state, State::Object | State::Buffer) { By::Nobody } else { by };
            let Group { allocator, size_class, .. } = *group;
            sums.entry(Key { allocator, size_class, state, by }).or_default().add(&group.counts);
        }
        let rows = sums.into_iter().map(|(key, counts)| self.row(&key, &counts));
        let mut rows: Vec<BlockRow> = rows.collect();
        rows.sort_by_key(order);
        fold(rows)
    }

    /// A variable of an extension says more than what a block points to, that less than all
    /// others.
    fn by_variable(&self, edge: u32, library: Option<By>) -> By {
        let edge = self.pointers.from_variables.get(edge as usize);
        let Some(&(_, root, at)) = edge else { return By::Mapping };
        let Some(RootKind::Global(data)) = self.roots.get(root as usize).map(|root| root.kind)
        else {
            return library.unwrap_or(By::Mapping);
        };
        let of = self.libraries.of(at);
        let is_extension = of.is_some_and(|of| self.libraries.is_extension(of.0));
        // Of an array it is the whole that says something.
        let at = self.variables.start(at);
        library.filter(|_| !is_extension).unwrap_or(By::Global(data, at))
    }

    /// What a block is, and whose.
    pub(super) fn owner(&self, number: u32) -> Owner {
        let native = self.units.native(number);
        let look = native.and_then(|native| self.pointers.look(native, self.libraries));
        let unit = Unit { number, start: 0, end: 0 };
        self.unpack(self.pack(&unit, native, look))
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
            examples: counts.examples.into_iter().flatten().collect(),
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
        for order in [[4, 7, 9, 11], [11, 9, 7, 4], [9, 4, 11, 7]] {
            let mut counts = Counts::default();
            order.into_iter().for_each(|address| counts.note(address));
            assert_eq!(counts.examples, [Some(4), Some(9), Some(11)]);
        }
    }
}
