//! The table `stacks` for people: a traceback per thread, as Python prints one.

use std::fmt::Write as _;

use probe::tables::stacks as t;
use probe::{Table, Value};
use report::clean;

/// Renders all threads, each with at most `most` of its innermost frames.
pub(super) fn text(table: &Table, most: usize) -> String {
    let mut text = String::new();
    let mut row = 0;
    while row < table.rows() {
        let rest = row + 1..table.rows();
        let end = rest.clone().find(|&next| !same_thread(table, row, next)).unwrap_or(rest.end);
        thread(&mut text, table, row..end, most);
        row = end;
    }
    text.trim_end().to_owned() + "\n"
}

/// Whether two rows are frames of one thread in one interpreter.
fn same_thread(table: &Table, one: usize, other: usize) -> bool {
    let same = |column| table.value(column, one) == table.value(column, other);
    [t::PID, t::RUNTIME, t::INTERPRETER, t::THREAD].into_iter().all(same)
}

fn thread(text: &mut String, table: &Table, rows: std::ops::Range<usize>, most: usize) {
    let number = |column, row| table.value(column, row).as_u64();
    let _ = write!(text, "Thread {}", number(t::THREAD, rows.start).unwrap_or_default());
    if let Some(name) = table.value(t::NAME, rows.start).as_str() {
        let _ = write!(text, " \"{}\"", clean(name));
    }
    if let Some(interpreter @ 1..) = number(t::INTERPRETER, rows.start) {
        let _ = write!(text, " in interpreter {interpreter}");
    }
    if table.value(t::GIL, rows.start) == Value::Bool(true) {
        text.push_str(", holds the GIL");
    }
    if table.value(t::FUNCTION, rows.start) == Value::Missing {
        text.push_str(": runs no Python code\n\n");
        return;
    }
    text.push_str(" (most recent call last):\n");
    let hidden = rows.len().saturating_sub(most);
    if hidden > 0 {
        let _ = writeln!(text, "  outer frames not shown: {hidden}");
    }
    for row in rows.take(most).rev() {
        let word = |column| clean(table.value(column, row).as_str().unwrap_or("?"));
        let line = number(t::LINE, row).map_or("?".to_owned(), |line| line.to_string());
        let (file, function) = (word(t::FILE), word(t::FUNCTION));
        let _ = writeln!(text, "  File \"{file}\", line {line}, in {function}");
    }
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use probe::{Column, Role, Unit, Values};

    use super::*;

    fn table() -> Table {
        let text = |name, values: [Option<&str>; 4]| {
            Column::text(name, values.map(|value| value.map(str::to_owned)))
        };
        let gil = Values::Bool(vec![Some(true), Some(true), Some(false), Some(false)]);
        let lines = Values::U64(vec![Some(7), None, None, Some(9)]);
        Table::new(
            t::TABLE,
            vec![
                Column::id_key(t::THREAD, [1, 1, 2, 3]),
                Column::id_key(t::INTERPRETER, [0, 0, 0, 4]),
                Column::id_key(t::DEPTH, [0, 1, 0, 0]),
                text(t::NAME, [Some("main"), Some("main"), None, Some("a\x1b[2J")]),
                Column::new(t::GIL, Unit::None, Role::Attribute, gil),
                text(t::FUNCTION, [Some("inner"), Some("outer"), None, Some("x\ny")]),
                text(t::FILE, [Some("a.py"), Some("b.py"), None, Some("c.py")]),
                Column::new(t::LINE, Unit::None, Role::Attribute, lines),
            ],
        )
    }

    #[test]
    fn each_thread_is_a_traceback() {
        let said = text(&table(), 30);
        let first = "Thread 1 \"main\", holds the GIL (most recent call last):\n  \
                     File \"b.py\", line ?, in outer\n  File \"a.py\", line 7, in inner\n\n\
                     Thread 2: runs no Python code\n\nThread 3 \"";
        assert!(said.starts_with(first), "{said}");
        assert!(said.contains(" in interpreter 4 (most"), "{said}");
        assert!(!said.contains('\x1b') && !said.contains("x\ny"), "{said}");
    }

    /// The innermost frames are the ones that say what a thread is doing.
    #[test]
    fn outer_frames_are_hidden_first() {
        let said = text(&table(), 1);
        assert!(said.contains("outer frames not shown: 1\n  File \"a.py\""), "{said}");
    }
}
