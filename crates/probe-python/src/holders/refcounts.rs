//! Objects with references that nothing owns.

use std::collections::BTreeMap;

use heap::{Graph, Keeper, Keepers, ObjectId};
use probe::tables::refcounts;
use probe::{Column, Table, Unit};

/// Figures of a type.
#[derive(Default)]
struct Row {
    objects: u64,
    unreferenced: u64,
    references: u64,
    bytes: u64,
    held_objects: u64,
    held_bytes: u64,
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
        ],
    )
}
