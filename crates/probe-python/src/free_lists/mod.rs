//! Objects that are dead and that an interpreter keeps to use them again. The census does not
//! count them, and the allocator counts their blocks as used.
//!
//! What is read is checked: a list of tuples has a head when its count is not 0, and the tuple
//! there has as many items as the list says.

pub mod rules;
mod table;

use target::memory::ReadMemory;

use crate::pymalloc::Geometry;
use crate::pymalloc::pool::Pool;
use crate::walk::window::Bytes;
use rules::{Lists, Own, Rules, TUPLES};

pub(crate) use rules::rules;
pub(crate) use table::table;

/// Bytes of an interpreter's state that are looked through: some versions have the allocator's
/// tables in front of the lists.
const REACH: usize = 288 << 10;
/// The most tuples of a size that are kept.
const MOST_TUPLES: u64 = 2000;
/// The most objects of another kind that are kept, from 3.14 on.
const MOST: u64 = 255;
/// Object: its number of items.
const ITEMS: u64 = 16;

/// The free lists of an interpreter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FreeLists {
    /// Address of its runtime.
    pub runtime: u64,
    /// Its number.
    pub interpreter: u64,
    /// The lists, also empty ones.
    pub lists: Vec<FreeList>,
}

/// A free list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FreeList {
    /// What is kept.
    pub kind: &'static str,
    /// Items of a tuple; 0 for all other kinds.
    pub size: u64,
    /// How many are kept.
    pub objects: u64,
    /// Bytes of their blocks; `None` where they are in no pool.
    pub bytes: Option<u64>,
}

/// A list before it is measured, with the address of one that it keeps.
struct Raw {
    kind: &'static str,
    size: u64,
    objects: u64,
    first: u64,
}

/// What speaks for a place.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Evidence {
    /// Nothing speaks against it.
    None,
    /// A tuple was found where the lists say.
    Tuple,
}

/// The free lists of the interpreter at an address; `None` when they are not found.
pub(crate) fn read<M: ReadMemory>(
    memory: &M,
    rules: &Rules,
    interpreter: u64,
    geometry: &Geometry,
) -> Option<Vec<FreeList>> {
    let mut state = vec![0; REACH];
    memory.read_with_holes(interpreter, &mut state).ok()?;
    let state = Bytes { start: 0, bytes: &state };
    let at = |base: u64| lists(memory, state, rules, base);
    let (usual, elsewhere) = (at(rules.base), (0..REACH as u64).step_by(8));
    let found = match usual {
        Some((lists, Evidence::Tuple)) => lists,
        usual => {
            let sure = elsewhere
                .filter_map(at)
                .find_map(|(lists, evidence)| (evidence == Evidence::Tuple).then_some(lists));
            sure.or(usual.map(|(lists, _)| lists))?
        }
    };
    Some(found.into_iter().map(|raw| raw.measure(memory, geometry)).collect())
}

/// The lists at a place, if they make sense.
fn lists<M: ReadMemory>(
    memory: &M,
    state: Bytes<'_>,
    rules: &Rules,
    base: u64,
) -> Option<(Vec<Raw>, Evidence)> {
    let lists = match rules.lists {
        Lists::Own { tuple_heads, tuples, first_tuple, others } => {
            let tuple = |index: u64| {
                let objects = u64::from(state.half(base + tuples + 4 * index)?);
                let first = state.word(base + tuple_heads + 8 * index)?;
                Raw::new("tuple", index + first_tuple, objects, first, MOST_TUPLES)
            };
            // The tuple of no items is one object, which lives.
            let tuples = (u64::from(first_tuple == 0)..TUPLES).map(tuple);
            let others = others.iter().map(|list| list.read(state, base));
            others.chain(tuples).collect::<Option<Vec<Raw>>>()?
        }
        Lists::Pairs { before_tuples, after_tuples } => {
            let before = before_tuples.iter().map(|&kind| (kind, 0, MOST));
            let tuples = (1..=TUPLES).map(|size| ("tuple", size, MOST_TUPLES));
            let after = after_tuples.iter().map(|&kind| (kind, 0, MOST));
            let all = before.chain(tuples).chain(after).zip((base..).step_by(16));
            all.map(|((kind, size, most), at)| {
                // -1: the list is not used any more.
                let objects = state.word(at + 8).map(|n| if n == u64::MAX { 0 } else { n })?;
                Raw::new(kind, size, objects, state.word(at)?, most)
            })
            .collect::<Option<Vec<Raw>>>()?
        }
    };
    let evidence = evidence(memory, &lists)?;
    Some((lists, evidence))
}

/// Looks at the first tuple of each size; `None` when one is not what its list says.
fn evidence<M: ReadMemory>(memory: &M, lists: &[Raw]) -> Option<Evidence> {
    let mut evidence = Evidence::None;
    for list in lists.iter().filter(|list| list.size > 0 && list.objects > 0) {
        if memory.read_u64(list.first.checked_add(ITEMS)?).ok()? != list.size {
            return None;
        }
        evidence = Evidence::Tuple;
    }
    Some(evidence)
}

impl Own {
    fn read(&self, state: Bytes<'_>, base: u64) -> Option<Raw> {
        let objects = u64::from(state.half(base + self.count)?);
        // Behind those that are kept, an array has addresses of what was.
        let first = if objects == 0 { 0 } else { state.word(base + self.first)? };
        Raw::new(self.kind, 0, objects, first, self.most)
    }
}

impl Raw {
    fn new(kind: &'static str, size: u64, objects: u64, first: u64, most: u64) -> Option<Self> {
        let sane = objects <= most && first.is_multiple_of(8) && (objects == 0) == (first == 0);
        sane.then_some(Self { kind, size, objects, first })
    }

    /// Asks the pool of one of them how large its blocks are.
    fn measure<M: ReadMemory>(self, memory: &M, geometry: &Geometry) -> FreeList {
        let Self { kind, size, objects, first } = self;
        let block = || {
            let address = first - first % geometry.pool;
            let mut bytes = vec![0; geometry.pool as usize];
            memory.read(address, &mut bytes).ok()?;
            let pool = Pool::read(Bytes { start: address, bytes: &bytes }, address, geometry)?;
            Some(geometry.block(pool.class))
        };
        let bytes = if objects == 0 { Some(0) } else { block().map(|block| block * objects) };
        FreeList { kind, size, objects, bytes }
    }
}

#[cfg(test)]
mod tests {
    use target::memory::FakeMemory;

    use super::rules::RULES;
    use super::*;
    use crate::pymalloc::pool::tests::GEOMETRY;

    const INTERPRETER: u64 = 0x100_0000;
    const TUPLE: u64 = 0x200_0000;

    /// An interpreter with three tuples of two items, its lists at `base`.
    fn interpreter(rules: &Rules, base: u64) -> FakeMemory {
        let mut memory = FakeMemory::default();
        memory.add(INTERPRETER, vec![0; REACH]).add(TUPLE, vec![0; 0x1000]);
        memory.put_u64(TUPLE + ITEMS, 2);
        let at = INTERPRETER + base;
        let (head, count) = match rules.lists {
            Lists::Own { tuple_heads, tuples, first_tuple, .. } => {
                let index = 2 - first_tuple;
                (at + tuple_heads + 8 * index, at + tuples + 4 * index)
            }
            Lists::Pairs { before_tuples, .. } => {
                let pair = at + 16 * (before_tuples.len() as u64 + 1);
                (pair, pair + 8)
            }
        };
        memory.put_u64(head, TUPLE);
        let word = memory.read_u64(count & !7).unwrap();
        memory.put_u64(count & !7, word | 3 << (8 * (count % 8)));
        memory
    }

    /// Lists are found at their place and, in builds that have them elsewhere, by a search.
    #[test]
    fn lists_are_found() {
        for rules in &RULES {
            for base in [rules.base, rules.base + 8, rules.base / 2 / 8 * 8] {
                let memory = interpreter(rules, base);
                let lists = read(&memory, rules, INTERPRETER, &GEOMETRY).unwrap();
                let full: Vec<_> = lists.iter().filter(|list| list.objects > 0).collect();
                let wanted = FreeList { kind: "tuple", size: 2, objects: 3, bytes: None };
                assert_eq!(full, [&wanted], "{} {base}", rules.minor);
            }
        }
    }

    /// Empty lists are empty; what contradicts itself is no list.
    #[test]
    fn lies_are_noticed() {
        for rules in &RULES {
            let mut memory = FakeMemory::default();
            assert!(
                read(&memory, rules, INTERPRETER, &GEOMETRY)
                    .is_none_or(|lists| { lists.iter().all(|list| list.objects == 0) })
            );
            memory.add(INTERPRETER, vec![0; REACH]);
            let lists = read(&memory, rules, INTERPRETER, &GEOMETRY).unwrap();
            assert!(lists.iter().all(|list| list.objects == 0));
            let mut memory = interpreter(rules, rules.base);
            memory.put_u64(TUPLE + ITEMS, 100);
            assert_eq!(read(&memory, rules, INTERPRETER, &GEOMETRY), None);
            let mut memory = FakeMemory::default();
            memory.add(INTERPRETER, vec![0xff; REACH]);
            assert_eq!(read(&memory, rules, INTERPRETER, &GEOMETRY), None);
        }
    }
}
