//! Containers with a bound: what they hold may grow until it is reached, and no more.

use std::collections::BTreeMap;

use heap::{Graph, Keeper, Keepers, ObjectId, Shapes};
use probe::tables::bounds as columns;
use probe::{Column, Table, Unit, path_text};
use target::memory::ReadMemory;

use super::in_words;

/// The most rows: those with most members.
const MOST_ROWS: usize = 1000;

/// Where an object has its bound, and where it has its length or a dictionary that has it.
struct Layout {
    bound: u64,
    length: Place,
}

enum Place {
    At(u64),
    InDictionaryAt(u64),
}

/// `lru_cache_object` (`Modules/_functoolsmodule.c`) of 3.7 and up.
const CACHE: Layout = Layout { bound: 96, length: Place::InDictionaryAt(72) };
/// The same of 3.6.
const OLD_CACHE: Layout = Layout { bound: 56, length: Place::InDictionaryAt(88) };
/// `dequeobject` (`Modules/_collectionsmodule.c`).
const DEQUE: Layout = Layout { bound: 64, length: Place::At(16) };
/// `ma_used` of `PyDictObject`, the same in all versions.
const USED: u64 = 16;

/// Containers that are alike.
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    containers: u64,
    length: u64,
    most: u64,
}

pub(super) fn table<M: ReadMemory>(
    graph: &Graph,
    keepers: &Keepers,
    shapes: &Shapes,
    (memory, minor): (&M, u32),
    pid: u64,
) -> Table {
    let cache = if minor <= 6 { &OLD_CACHE } else { &CACHE };
    let layouts: Vec<Option<&Layout>> = graph
        .types()
        .iter()
        .map(|info| match &*info.name {
            "functools._lru_cache_wrapper" => Some(cache),
            "collections.deque" => Some(&DEQUE),
            _ => None,
        })
        .collect();
    let mut sums: BTreeMap<u32, Sum> = BTreeMap::new();
    for object in (0..graph.len() as u32).map(ObjectId) {
        let layout = layouts.get(graph.type_of(object).index()).copied().flatten();
        let Some(layout) = layout.filter(|_| keepers.of(object) == Keeper::Root) else { continue };
        let address = graph.objects().address.get(object.index()).copied().unwrap_or(0);
        let bounded = layout.read(memory, address).zip(shapes.of(object));
        if let Some(((length, most), shape)) = bounded {
            let sum = sums.entry(shape).or_default();
            sum.containers += 1;
            sum.length = sum.length.saturating_add(length);
            sum.most = sum.most.saturating_add(most);
        }
    }
    // Different shapes may have the same text.
    let mut rows: BTreeMap<String, Sum> = BTreeMap::new();
    for (shape, sum) in sums {
        let path = path_text(&in_words(&shapes.path(shape)).0);
        let row = rows.entry(path).or_default();
        row.containers += sum.containers;
        row.length = row.length.saturating_add(sum.length);
        row.most = row.most.saturating_add(sum.most);
    }
    in_columns(rows, pid)
}

fn in_columns(rows: BTreeMap<String, Sum>, pid: u64) -> Table {
    let mut rows: Vec<(String, Sum)> = rows.into_iter().collect();
    rows.sort_by_key(|(_, sum)| std::cmp::Reverse(sum.length));
    rows.truncate(MOST_ROWS);
    let level = |name, of: fn(&Sum) -> u64| {
        Column::level(name, Unit::Count, rows.iter().map(|(_, sum)| Some(of(sum))))
    };
    Table::new(
        columns::TABLE,
        vec![
            Column::id_key(columns::PID, rows.iter().map(|_| pid)),
            Column::text_key(columns::PATH, rows.iter().map(|(path, _)| path.as_str())),
            level(columns::CONTAINERS, |sum| sum.containers),
            level(columns::LENGTH, |sum| sum.length),
            level(columns::MOST, |sum| sum.most),
        ],
    )
}

impl Layout {
    /// Length and bound; `None` without a bound, and of what is no such object.
    fn read<M: ReadMemory>(&self, memory: &M, address: u64) -> Option<(u64, u64)> {
        let word = |at: u64, offset: u64| memory.read_u64(at.checked_add(offset)?).ok();
        let most = word(address, self.bound)?;
        let length = match self.length {
            Place::At(offset) => word(address, offset)?,
            Place::InDictionaryAt(offset) => word(word(address, offset)?, USED)?,
        };
        // No bound is -1; a bound of 0 keeps nothing.
        let is_bound = most > 0 && most <= i64::MAX as u64;
        (is_bound && length <= most).then_some((length, most))
    }
}
