//! Objects that only cycles keep.

use heap::{EdgeId, Garbage, Graph, Keeper, Keepers, ObjectId, Through, flags};
use probe::tables::garbage as columns;
use probe::{Column, Table, Unit};

use super::in_words;

pub(super) fn table(graph: &Graph, keepers: &Keepers, pid: u64) -> Table {
    let lost = |object: ObjectId| keepers.of(object) == Keeper::Cycle;
    let garbage = Garbage::within(graph, Through::Loose, lost);
    let (_, cycle) = in_words(&graph.steps(&garbage.example));
    let blocked_by = blocked_by(graph, &garbage.example);
    let rows = &garbage.types;
    let whole = |text: &str| Some(text.to_owned()).filter(|_| !garbage.example.is_empty());
    Table::new(
        columns::TABLE,
        vec![
            Column::id_key(columns::PID, rows.iter().map(|_| pid)),
            Column::text_key(
                columns::TYPE,
                rows.iter().map(|&(id, _)| &*graph.types()[id.index()].name),
            ),
            Column::level(
                columns::OBJECTS,
                Unit::Count,
                rows.iter().map(|(_, sum)| Some(sum.objects)),
            ),
            Column::level(columns::BYTES, Unit::Bytes, rows.iter().map(|(_, sum)| Some(sum.bytes))),
            Column::text(columns::CYCLE, rows.iter().map(|_| whole(&cycle))),
            Column::text(columns::BLOCKED_BY, rows.iter().map(|_| blocked_by.clone())),
        ],
    )
}

/// A type in a cycle whose objects have no header of the collector: it does not know what they
/// refer to, and so never finds the cycle.
fn blocked_by(graph: &Graph, cycle: &[EdgeId]) -> Option<String> {
    let sources = cycle.iter().map(|&edge| graph.source(edge));
    let mut unseen =
        sources.filter(|object| graph.objects().flags[object.index()] & flags::HAS_GC == 0);
    unseen.next().map(|object| graph.type_name(object).to_string())
}
