//! The allocator as tables.

use probe::tables::{pymalloc, size_classes};
use probe::{Column, Role, Table, Unit, Values};

use super::{Pymalloc, SizeClass};

/// The table `pymalloc`: one row.
pub(crate) fn pymalloc_table(found: &Pymalloc, pid: u64) -> Table {
    use pymalloc as t;
    let level = |name: &str, unit, value| Column::level(name, unit, [Some(value)]);
    let state = found.state.as_ref();
    let counters = state.and_then(|state| state.counters);
    let maybe = |name: &str, unit, value| Column::level(name, unit, [value]);
    let taken = vec![counters.map(|counters| counters.arenas_taken)];
    let attribute = |name: &str, value| {
        Column::new(name, Unit::Bytes, Role::Attribute, Values::U64(vec![Some(value)]))
    };
    let columns = vec![
        Column::id_key(t::PID, [pid]),
        attribute(t::ARENA_SIZE, found.geometry.arena),
        attribute(t::POOL_SIZE, found.geometry.pool),
        level(t::ARENAS, Unit::Count, found.arenas),
        level(t::BYTES, Unit::Bytes, found.arena_bytes()),
        level(t::POOLS, Unit::Count, found.pools()),
        level(t::BLOCKS, Unit::Count, found.blocks()),
        level(t::BYTES_USED, Unit::Bytes, found.used_bytes()),
        level(t::BYTES_FREE, Unit::Bytes, found.free_bytes()),
        level(t::BYTES_UNUSED, Unit::Bytes, found.unused_bytes()),
        level(t::BYTES_HEADERS, Unit::Bytes, found.header_bytes()),
        level(t::BYTES_QUANTISATION, Unit::Bytes, found.quantisation_bytes()),
        level(t::SPARSE_ARENAS, Unit::Count, found.sparse_arenas),
        level(t::SPARSE_BYTES, Unit::Bytes, found.sparse_bytes),
        level(t::PAGES_USED, Unit::Bytes, found.pages_used),
        level(t::PAGES_FREE, Unit::Bytes, found.pages_free),
        maybe(t::ARENAS_HIGHWATER, Unit::Count, counters.map(|c| c.arenas_highwater)),
        Column::counter(t::ARENAS_TAKEN, Unit::Count, taken),
        maybe(t::POOLS_UNUSED, Unit::Count, state.map(|s| s.unused_pools)),
        maybe(t::BYTES_ALIGNMENT, Unit::Bytes, state.map(|s| s.alignment_bytes)),
        maybe(t::BLOCKS_ALLOCATED, Unit::Count, counters.map(|c| c.blocks)),
    ];
    Table::new(t::TABLE, columns)
}

/// The table `size_classes`: one row per size. `objects`: whether objects were looked for.
pub(crate) fn size_class_table(found: &Pymalloc, pid: u64, objects: bool) -> Table {
    use size_classes as t;
    let level = |name: &str, unit, cell: fn(&SizeClass) -> u64| {
        Column::level(name, unit, found.classes.iter().map(|class| Some(cell(class))))
    };
    let recognised = found.classes.iter().map(|class| objects.then_some(class.objects));
    let columns = vec![
        Column::id_key(t::PID, found.classes.iter().map(|_| pid)),
        Column::id_key(t::BLOCK, found.classes.iter().map(|class| class.block)),
        level(t::POOLS, Unit::Count, |c| c.pools),
        level(t::USED, Unit::Count, |c| c.used),
        level(t::FREE, Unit::Count, |c| c.free),
        level(t::BYTES_USED, Unit::Bytes, |c| c.used * c.block),
        level(t::BYTES_FREE, Unit::Bytes, |c| c.free * c.block),
        Column::level(t::OBJECTS, Unit::Count, recognised),
    ];
    Table::new(t::TABLE, columns)
}
