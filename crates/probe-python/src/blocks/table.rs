//! Native blocks as a table.

use probe::tables::native_blocks as t;
use probe::{Column, Table, Unit};

use super::{Allocator, BlockRow, Blocks, Content, State};

/// The most libraries that are named.
const MOST_NAMES: usize = 16;

/// The table `native_blocks`.
pub(crate) fn blocks_table(found: &Blocks, pid: u64) -> Table {
    let rows = &found.rows;
    let level = |name, unit, cell: fn(&BlockRow) -> u64| {
        Column::level(name, unit, rows.iter().map(|row| Some(cell(row))))
    };
    let names: Vec<&str> = found.extensions.iter().take(MOST_NAMES).map(|s| &**s).collect();
    let candidates = (!names.is_empty()).then(|| names.join(", "));
    let candidate = |row: &BlockRow| {
        let unknown = row.state == State::Unreachable && row.holder.is_none();
        candidates.clone().filter(|_| unknown)
    };
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

fn allocator(allocator: Allocator) -> &'static str {
    match allocator {
        Allocator::Malloc => t::MALLOC,
        Allocator::Pymalloc => t::PYMALLOC,
    }
}

fn state(state: State) -> &'static str {
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
