//! Objects with references that nothing owns.

use std::collections::BTreeMap;

use heap::{Graph, How, Keeper, Keepers, ObjectId};
use probe::tables::refcounts;
use probe::{Column, Table, Unit};

/// At most so many objects of a type are looked at for what they refer to.
const MOST_LOOKED_AT: u64 = 1000;
/// At most so many types are named that objects refer to.
const MOST_NAMED: usize = 4;

/// Figures of a type.
#[derive(Default)]
struct Row {
    objects: u64,
    unreferenced: u64,
    references: u64,
    bytes: u64,
    held_objects: u64,
    held_bytes: u64,
    /// What objects refer to, and how many do.
    contents: BTreeMap<String, u64>,
}

impl Row {
    /// What most of them refer to.
    fn refers_to(&self) -> Option<String> {
        let most = self.contents.iter().max_by_key(|&(_, &objects)| objects);
        most.map(|(text, _)| text.clone()).filter(|text| !text.is_empty())
    }
}

/// What an object refers to, as number and type, most first.
fn contents(graph: &Graph, object: ObjectId) -> String {
    let mut types: BTreeMap<&str, u64> = BTreeMap::new();
    for edge in graph.edges(object).filter(|edge| graph.how(edge.label) != How::Type) {
        *types.entry(graph.type_name(edge.target)).or_default() += 1;
    }
    let mut types: Vec<_> = types.into_iter().collect();
    types.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
    let all = types.len();
    let named = types.into_iter().take(MOST_NAMED).map(|(name, count)| format!("{count} {name}"));
    let mut list: Vec<String> = named.collect();
    if all > MOST_NAMED {
        list.push("others".into());
    }
    list.join(", ")
}

pub(super) fn table(graph: &Graph, keepers: &Keepers, pid: u64) -> Table {
    let bytes = |object: ObjectId| graph.objects().bytes(object.index());
    let all = (0..graph.len() as u32).map(ObjectId);
    let starts: Vec<ObjectId> =
        all.filter(|&object| keepers.of(object) == Keeper::Excess).collect();
    let mut rows: BTreeMap<&str, Row> = BTreeMap::new();
    for &object in &starts {
        let row = rows.entry(graph.type_name(object)).or_default();
        row.objects += 1;
        row.unreferenced += u64::from(!keepers.is_pointed_to(object));
        row.references += u64::from(keepers.unexplained(object));
        row.bytes = row.bytes.saturating_add(bytes(object));
        if row.objects <= MOST_LOOKED_AT {
            *row.contents.entry(contents(graph, object)).or_default() += 1;
        }
    }
    keepers.held_by(graph, starts.iter().copied(), |start, held| {
        let row = rows.entry(graph.type_name(start)).or_default();
        row.held_objects += 1;
        row.held_bytes = row.held_bytes.saturating_add(bytes(held));
    });
    let column = |name, unit, of: fn(&Row) -> u64| {
        Column::level(name, unit, rows.values().map(|row| Some(of(row))))
    };
    Table::new(
        refcounts::TABLE,
        vec![
            Column::id_key(refcounts::PID, rows.values().map(|_| pid)),
            Column::text_key(refcounts::TYPE, rows.keys().copied()),
            column(refcounts::OBJECTS, Unit::Count, |row| row.objects),
            column(refcounts::UNREFERENCED, Unit::Count, |row| row.unreferenced),
            column(refcounts::REFERENCES, Unit::Count, |row| row.references),
            column(refcounts::BYTES, Unit::Bytes, |row| row.bytes),
            column(refcounts::HELD_OBJECTS, Unit::Count, |row| row.held_objects),
            column(refcounts::HELD_BYTES, Unit::Bytes, |row| row.held_bytes),
            Column::text(refcounts::REFERS_TO, rows.values().map(Row::refers_to)),
        ],
    )
}
