//! The ways in which objects are held.

use std::collections::BTreeMap;

use heap::{Graph, Keeper, Keepers, ObjectId, Shapes, Sum};
use probe::tables::holders;
use probe::{Column, Table, Unit, path_text};

use super::in_words;

/// The most rows: those with most bytes.
const MOST_ROWS: usize = 10_000;

pub(super) fn table(graph: &Graph, keepers: &Keepers, shapes: &Shapes, pid: u64) -> Table {
    let mut sums = vec![Sum::default(); shapes.count()];
    for object in (0..graph.len() as u32).map(ObjectId) {
        if keepers.of(object) == Keeper::Root
            && let Some(sum) = shapes.of(object).and_then(|shape| sums.get_mut(shape as usize))
        {
            sum.objects += 1;
            sum.bytes = sum.bytes.saturating_add(graph.objects().bytes(object.index()));
        }
    }
    // Different shapes may have the same text.
    let mut rows: BTreeMap<String, (Sum, String)> = BTreeMap::new();
    for (shape, sum) in (0..).zip(sums).filter(|(_, sum)| sum.objects > 0) {
        let (steps, json) = in_words(&shapes.path(shape));
        let row = rows.entry(path_text(&steps)).or_insert_with(|| (Sum::default(), json));
        row.0.objects += sum.objects;
        row.0.bytes = row.0.bytes.saturating_add(sum.bytes);
    }
    let mut rows: Vec<(String, (Sum, String))> = rows.into_iter().collect();
    rows.sort_by_key(|(_, (sum, _))| std::cmp::Reverse(sum.bytes));
    rows.truncate(MOST_ROWS);
    Table::new(
        holders::TABLE,
        vec![
            Column::id_key(holders::PID, rows.iter().map(|_| pid)),
            Column::text_key(holders::PATH, rows.iter().map(|row| row.0.as_str())),
            Column::level(
                holders::OBJECTS,
                Unit::Count,
                rows.iter().map(|row| Some(row.1.0.objects)),
            ),
            Column::level(holders::BYTES, Unit::Bytes, rows.iter().map(|row| Some(row.1.0.bytes))),
            Column::text(holders::STEPS, rows.iter().map(|row| Some(row.1.1.clone()))),
        ],
    )
}
