//! Stacks as a table.

use probe::tables::stacks as t;
use probe::{Column, Role, Table, Unit, Values};

use super::{Frame, Stack};
use crate::rows::Rows;

/// A frame, or a thread without any.
pub(crate) struct FrameRow {
    pub(crate) thread: u64,
    depth: u64,
    name: Option<String>,
    gil: bool,
    frame: Option<Frame>,
}

/// The rows of a thread.
pub(crate) fn rows(
    stack: Stack,
    thread: u64,
    name: Option<&str>,
) -> impl Iterator<Item = FrameRow> {
    let gil = stack.holds_gil;
    let name = name.map(str::to_owned);
    let none = stack.frames.is_empty().then_some(None);
    let frames = none.into_iter().chain(stack.frames.into_iter().map(Some));
    (0..).zip(frames).map(move |(depth, frame)| FrameRow {
        thread,
        depth,
        name: name.clone(),
        gil,
        frame,
    })
}

impl Rows<FrameRow> {
    pub(crate) fn table(&self) -> Table {
        let id = |cell: fn(&FrameRow) -> u64| self.rows.iter().map(move |(_, row)| cell(row));
        let frame = |cell: fn(&Frame) -> String| move |row: &FrameRow| row.frame.as_ref().map(cell);
        let lines = self.numbers(|row| row.frame.as_ref().and_then(|frame| frame.line));
        let gil = self.rows.iter().map(|(_, row)| Some(row.gil)).collect();
        let mut columns = self.keys(t::PID, t::RUNTIME, t::INTERPRETER);
        columns.extend([
            Column::id_key(t::THREAD, id(|row| row.thread)),
            Column::id_key(t::DEPTH, id(|row| row.depth)),
            self.text(t::NAME, |row| row.name.clone()),
            Column::new(t::GIL, Unit::None, Role::Attribute, Values::Bool(gil)),
            self.text(t::FUNCTION, frame(|frame| frame.function.to_string())),
            self.text(t::FILE, frame(|frame| frame.file.to_string())),
            Column::new(t::LINE, Unit::None, Role::Attribute, Values::U64(lines)),
        ]);
        Table::new(t::TABLE, columns)
    }
}
