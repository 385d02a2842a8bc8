//! One table as it is, without a before: the answer to a single question.

use std::cmp::Ordering;

use diff::human;
use probe::{Role, Table, Unit, Value};

use crate::clean::{clean, columns, shorten};

/// The longest text in a cell.
const CELL: usize = 60;

/// A table for people: the rows with most bytes first (else with most of the first measure), at
/// most `rows` of them; keys that are the same everywhere are left out.
#[must_use]
pub fn table_text(table: &Table, rows: usize) -> String {
    let grid = Grid::of(table, rows);
    let width = |c: usize| grid.lines.iter().map(|l| columns(&l[c])).max().unwrap_or(0);
    let widths: Vec<usize> = (0..grid.right.len()).map(width).collect();
    let mut text = format!("{}\n", clean(&table.name));
    for line in &grid.lines {
        let mut out = String::from(" ");
        for ((cell, width), right) in line.iter().zip(&widths).zip(&grid.right) {
            let blanks = " ".repeat(width - columns(cell).min(*width));
            let (before, after) =
                if *right { (blanks, String::new()) } else { (String::new(), blanks) };
            out.push_str(&format!(" {before}{cell}{after} "));
        }
        text.push_str(out.trim_end());
        text.push('\n');
    }
    if grid.hidden > 0 {
        text.push_str(&format!("  rows not shown: {}\n", grid.hidden));
    }
    text
}

/// The same as a table in Markdown.
#[must_use]
pub fn table_markdown(table: &Table, rows: usize) -> String {
    let grid = Grid::of(table, rows);
    let mut text = format!("### {}\n\n", escape(&table.name));
    for (index, line) in grid.lines.iter().enumerate() {
        let cells: Vec<String> = line.iter().map(|cell| escape(cell)).collect();
        text.push_str(&format!("| {} |\n", cells.join(" | ")));
        if index == 0 {
            let rule = |right: &bool| if *right { "---:|" } else { "---|" };
            text.push_str(&format!("|{}\n", grid.right.iter().map(rule).collect::<String>()));
        }
    }
    if grid.hidden > 0 {
        text.push_str(&format!("\nrows not shown: {}\n", grid.hidden));
    }
    text
}

/// Characters that mean something in Markdown, made harmless.
pub(crate) fn escape(text: &str) -> String {
    let special = |c: char| matches!(c, '|' | '`' | '<' | '>' | '*' | '_' | '[' | ']' | '\\' | '@');
    clean(text).chars().flat_map(|c| special(c).then_some('\\').into_iter().chain([c])).collect()
}

struct Grid {
    /// The head, then the rows.
    lines: Vec<Vec<String>>,
    /// Columns of numbers.
    right: Vec<bool>,
    hidden: usize,
}

impl Grid {
    fn of(table: &Table, most: usize) -> Self {
        let shown: Vec<_> = table.columns.iter().filter(|c| tells(table, c)).collect();
        let mut order: Vec<usize> = (0..table.rows()).collect();
        let main =
            table.measures().find(|c| c.unit == Unit::Bytes).or_else(|| table.measures().next());
        if let Some(main) = main {
            let of = |row: usize| main.values.get(row).as_f64().unwrap_or(f64::MIN);
            order.sort_by(|&a, &b| of(b).partial_cmp(&of(a)).unwrap_or(Ordering::Equal));
        }
        let hidden = order.len().saturating_sub(most);
        order.truncate(most);
        let mut lines = vec![shown.iter().map(|c| clean(&c.name).into_owned()).collect()];
        lines.extend(
            order.iter().map(|&row| {
                shown.iter().map(|c| cell(c.values.get(row), c.unit)).collect::<Vec<_>>()
            }),
        );
        let right = shown.iter().map(|c| c.role.is_measure() || c.unit != Unit::None).collect();
        Self { lines, right, hidden }
    }
}

/// Whether a column says anything: a key that is the same in all of several rows does not.
fn tells(table: &Table, column: &probe::Column) -> bool {
    let first = column.values.get(0);
    column.role != Role::Key
        || table.rows() < 2
        || (1..table.rows()).any(|row| column.values.get(row) != first)
}

fn cell(value: Value<'_>, unit: Unit) -> String {
    match (value, unit) {
        (Value::Missing, _) => "-".into(),
        (Value::Bool(yes), _) => if yes { "yes" } else { "no" }.into(),
        (Value::Text(text), _) => shorten(&clean(text), CELL, false).into_owned(),
        (Value::U64(n), Unit::Address) => format!("{n:#x}"),
        (Value::U64(n), Unit::None) => n.to_string(),
        (Value::I64(n), Unit::None) => n.to_string(),
        (number, unit) => human::value(number.as_f64().unwrap_or(f64::NAN), unit),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use probe::Column;

    fn table() -> Table {
        Table::new(
            "census",
            vec![
                Column::id_key("pid", [7, 7, 7]),
                Column::text_key("type", ["small", "big|\x1b[2J", "middle"]),
                Column::level("objects", Unit::Count, [Some(5), Some(1), None]),
                Column::level("bytes", Unit::Bytes, [Some(10), Some(4096), Some(100)]),
            ],
        )
    }

    /// Most bytes first; what strangers wrote is harmless; what is not shown is counted.
    #[test]
    fn most_bytes_first() {
        insta::assert_snapshot!(table_text(&table(), 2), @r"
        census
          type         objects  bytes
          big|\x1b[2J        1  4 KiB
          middle             -  100 B
          rows not shown: 1
        ");
        let markdown = table_markdown(&table(), 9);
        assert!(markdown.contains(r"| big\|\\x1b\[2J | 1 | 4 KiB |"), "{markdown}");
    }
}
