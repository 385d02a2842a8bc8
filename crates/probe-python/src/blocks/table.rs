//! Native blocks as a table.

use probe::tables::{mapping_holders, native_blocks as t, private_memory};
use probe::{Column, Table, Unit};

use super::{Allocator, BlockRow, Blocks, Content, HolderRow, Part, PartRow, State};

/// The most libraries that are named.
const MOST_NAMES: usize = 16;

/// All tables of the question `blocks`.
pub(crate) fn tables(found: &Blocks, pid: u64) -> Vec<Table> {
    vec![
        blocks_table(found, pid),
        private_table(&found.private, pid),
        holders_table(&found.holders, pid),
    ]
}

fn private_table(rows: &[PartRow], pid: u64) -> Table {
    use private_memory as t;
    let level = |name, unit, cell: fn(&PartRow) -> u64| {
        Column::level(name, unit, rows.iter().map(|row| Some(cell(row))))
    };
    let columns = vec![
        Column::id_key(t::PID, rows.iter().map(|_| pid)),
        Column::text_key(t::PART, rows.iter().map(|row| part(row.part))),
        Column::text_key(t::NAME, rows.iter().map(|row| row.name.clone())),
        level(t::COUNT, Unit::Count, |row| row.count),
        level(t::RESIDENT, Unit::Bytes, |row| row.resident),
    ];
    Table::new(t::TABLE, columns)
}

fn part(part: Part) -> &'static str {
    use private_memory as t;
    match part {
        Part::Objects => t::OBJECTS,
        Part::Buffers => t::BUFFERS,
        Part::Reachable => t::REACHABLE,
        Part::Unreachable => t::UNREACHABLE,
        Part::PymallocFree => t::PYMALLOC_FREE,
        Part::PymallocEmpty => t::PYMALLOC_EMPTY,
        Part::PymallocLost => t::PYMALLOC_LOST,
        Part::MallocFree => t::MALLOC_FREE,
        Part::MallocLost => t::MALLOC_LOST,
        Part::Stacks => t::STACKS,
        Part::Data => t::DATA,
        Part::Mapped => t::MAPPED,
        Part::Unknown => t::UNKNOWN,
    }
}

fn holders_table(rows: &[HolderRow], pid: u64) -> Table {
    use mapping_holders as t;
    let level = |name, unit, cell: fn(&HolderRow) -> u64| {
        Column::level(name, unit, rows.iter().map(|row| Some(cell(row))))
    };
    let columns = vec![
        Column::id_key(t::PID, rows.iter().map(|_| pid)),
        Column::text_key(t::NAME, rows.iter().map(|row| row.name.clone())),
        Column::text_key(t::HOLDER, rows.iter().map(|row| row.holder.clone())),
        level(t::COUNT, Unit::Count, |row| row.mappings),
        level(t::SIZE, Unit::Bytes, |row| row.size),
    ];
    Table::new(t::TABLE, columns)
}

/// The table `native_blocks`.
fn blocks_table(found: &Blocks, pid: u64) -> Table {
    let rows = &found.rows;
    let level = |name, unit, cell: fn(&BlockRow) -> u64| {
        Column::level(name, unit, rows.iter().map(|row| Some(cell(row))))
    };
    let names: Vec<&str> = found.suspects.iter().take(MOST_NAMES).map(|s| &**s).collect();
    let candidates = (!names.is_empty()).then(|| names.join(", "));
    let candidate = |row: &BlockRow| candidates.clone().filter(|_| is_anybodys(row));
    let columns = vec![
        Column::id_key(t::PID, rows.iter().map(|_| pid)),
        Column::text_key(t::ALLOCATOR, rows.iter().map(|row| allocator(row.allocator))),
        Column::id_key(t::SIZE_CLASS, rows.iter().map(|row| row.size_class)),
        Column::text_key(t::STATE, rows.iter().map(|row| state(row.state))),
        Column::text_key(t::HOLDER, rows.iter().map(|row| row.holder.as_deref().unwrap_or(""))),
        level(t::BLOCKS, Unit::Count, |row| row.blocks),
        level(t::BYTES, Unit::Bytes, |row| row.bytes),
        level(t::RESIDENT, Unit::Bytes, |row| row.resident),
        Column::text(t::CONTENT, rows.iter().map(|row| row.content.map(|c| content(c).into()))),
        Column::text(t::CANDIDATES, rows.iter().map(candidate)),
    ];
    Table::new(t::TABLE, columns)
}

/// Whether nothing tells which library blocks are of.
fn is_anybodys(row: &BlockRow) -> bool {
    // Of what holds blocks, this says nothing of who made them.
    const NOBODY: [&str; 5] = [
        "stack",
        "registers",
        "anonymous memory",
        "object builtins.int",
        "object builtins.PyCapsule",
    ];
    match (row.state, row.holder.as_deref()) {
        (State::Unreachable | State::Reachable, None) => true,
        (State::Reachable, Some(holder)) => NOBODY.contains(&holder),
        _ => false,
    }
}

pub(super) fn allocator(allocator: Allocator) -> &'static str {
    match allocator {
        Allocator::Malloc => t::MALLOC,
        Allocator::Pymalloc => t::PYMALLOC,
    }
}

pub(super) fn state(state: State) -> &'static str {
    match state {
        State::Object => t::OBJECT,
        State::Buffer => t::BUFFER,
        State::Reachable => t::REACHABLE,
        State::Unreachable => t::UNREACHABLE,
    }
}

fn content(content: Content) -> &'static str {
    match content {
        Content::Zero => "zero",
        Content::Text => "text",
        Content::Pointers => "pointers",
        Content::Code => "code pointer",
        Content::Other => "other",
    }
}
