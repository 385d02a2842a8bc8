//! The free lists as a table.

use probe::tables::free_lists as t;
use probe::{Column, Role, Table, Unit, Values};

use super::{FreeList, FreeLists};

/// The table `free_lists`: one row per interpreter, kind and size.
pub(crate) fn table(all: &[FreeLists], pid: u64) -> Table {
    let rows: Vec<(&FreeLists, &FreeList)> =
        all.iter().flat_map(|of| of.lists.iter().map(move |list| (of, list))).collect();
    let runtimes = rows.iter().map(|(of, _)| Some(of.runtime)).collect();
    let columns = vec![
        Column::id_key(t::PID, rows.iter().map(|_| pid)),
        Column::new(t::RUNTIME, Unit::Address, Role::Key, Values::U64(runtimes)),
        Column::id_key(t::INTERPRETER, rows.iter().map(|(of, _)| of.interpreter)),
        Column::text_key(t::KIND, rows.iter().map(|(_, list)| list.kind)),
        Column::id_key(t::SIZE, rows.iter().map(|(_, list)| list.size)),
        Column::level(t::OBJECTS, Unit::Count, rows.iter().map(|(_, list)| Some(list.objects))),
        Column::level(t::BYTES, Unit::Bytes, rows.iter().map(|(_, list)| list.bytes)),
    ];
    Table::new(t::TABLE, columns)
}
