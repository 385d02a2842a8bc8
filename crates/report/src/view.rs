//! Tables of any probe, cut down to what a person can take in: the rows that move, and of each
//! row one measure of bytes and those counts that changed.
//!
//! Only names, units and roles of columns decide. A table that nobody has met is treated like
//! any other.

use diff::{Measure, RowState, TableDiff, TableTrend, human};
use probe::{Role, Unit};

use crate::words::per_second;

/// Measures of bytes that tell how much memory a row takes, best first; the names are those of
/// `probe::tables`. A table without any of them shows its first measure of bytes that moved.
const MEMORY: [&str; 5] = ["rss", "pss", "uss", "bytes", "size"];
/// Lines of one row at most.
const LINES: usize = 3;

/// The least part of a table's growth that is worth a line.
const MATTERS: f64 = 0.01;

/// A table ready to be laid out.
#[derive(Debug)]
pub(crate) struct View {
    pub(crate) title: String,
    /// Names of the key columns that are shown.
    pub(crate) keys: String,
    /// What the columns are called; the first is the key, the second the measure.
    pub(crate) head: Vec<&'static str>,
    pub(crate) lines: Vec<Vec<String>>,
    /// What is not shown.
    pub(crate) rest: Option<String>,
}

/// The trend of one table: its first `rows` growing rows. `None` if nothing in it grows.
pub(crate) fn trend(trend: &TableTrend, rows: usize) -> Option<View> {
    let moves: Vec<Vec<Option<Move>>> = trend
        .rows
        .iter()
        .map(|row| {
            let cells = row.cells.iter().map(|cell| {
                let t = cell.filter(|t| t.first.is_finite() && t.last.is_finite())?;
                let change = t.last - t.first;
                Some(Move {
                    before: Some(t.first),
                    after: Some(t.last),
                    change,
                    per_s: Some(t.per_s),
                })
            });
            cells.collect()
        })
        .collect();
    let keys: Vec<&[String]> = trend.rows.iter().map(|r| r.keys.as_slice()).collect();
    let title = format!("{} ({})", trend.table, trend.probe);
    let table = Body { measures: &trend.measures, moves, keys, marks: None };
    let all = table.keys.len();
    let growing: Vec<usize> = (0..all).filter(|&r| table.grows(r)).collect();
    if growing.is_empty() {
        return None;
    }
    let mut shown: Vec<usize> = growing.iter().copied().filter(|&r| table.matters(r)).collect();
    if shown.is_empty() {
        shown.clone_from(&growing);
    }
    shown.truncate(rows);
    let names = table.key_columns(trend.keys.len());
    let lines = table.lines(&shown, &names);
    let rest = count_rest(&[
        (growing.len() - shown.len(), "growing"),
        (all - growing.len(), "not growing"),
        (trend.unchanged, "unchanged"),
    ]);
    let keys = key_names(&trend.keys, &names);
    let head = vec!["", "measure", "first", "last", "change", "per second", "share"];
    Some(View { title, keys, head, lines, rest })
}

/// The difference of one table: its first `rows` rows. `None` if nothing differs.
pub(crate) fn difference(diff: &TableDiff, rows: usize) -> Option<View> {
    let moves: Vec<Vec<Option<Move>>> = diff
        .rows
        .iter()
        .map(|row| {
            let cells = row.cells.iter().map(|cell| {
                let d = cell.filter(|d| d.change.is_finite())?;
                Some(Move { before: d.before, after: d.after, change: d.change, per_s: d.per_s })
            });
            cells.collect()
        })
        .collect();
    let marks = diff.rows.iter().map(|r| match r.state {
        RowState::Added => "new ",
        RowState::Gone => "gone ",
        RowState::Changed => "",
    });
    let keys: Vec<&[String]> = diff.rows.iter().map(|r| r.keys.as_slice()).collect();
    let table = Body { measures: &diff.measures, moves, keys, marks: Some(marks.collect()) };
    let all = table.keys.len();
    if all == 0 {
        return None;
    }
    let names = table.key_columns(diff.keys.len());
    let shown: Vec<usize> = (0..all.min(rows)).collect();
    let lines = table.lines(&shown, &names);
    let hidden = all - shown.len();
    let growing = (shown.len()..all).filter(|&r| table.grows(r)).count();
    let rest = count_rest(&[(growing, "growing"), (hidden - growing, "not growing")]);
    let keys = key_names(&diff.keys, &names);
    let head = vec!["", "measure", "before", "after", "change", "per second", "share"];
    Some(View { title: diff.table.clone(), keys, head, lines, rest })
}

/// A measure of a row, before and after.
#[derive(Clone, Copy, Debug)]
struct Move {
    before: Option<f64>,
    after: Option<f64>,
    change: f64,
    per_s: Option<f64>,
}

struct Body<'a> {
    measures: &'a [Measure],
    moves: Vec<Vec<Option<Move>>>,
    keys: Vec<&'a [String]>,
    marks: Option<Vec<&'static str>>,
}

impl Body<'_> {
    fn at(&self, row: usize, measure: usize) -> Option<Move> {
        *self.moves.get(row)?.get(measure)?
    }

    fn moved(&self, row: usize, measure: usize) -> bool {
        self.at(row, measure).is_some_and(|m| m.change != 0.0)
    }

    /// Whether the table speaks of what happens and not of memory: then its counters are what
    /// its reader wants to see.
    fn counts_events(&self) -> bool {
        !self.measures.iter().any(|m| m.role == Role::Level && m.unit == Unit::Bytes)
    }

    /// The measures of a row that are shown, the most telling first.
    fn telling(&self, row: usize) -> Vec<usize> {
        let counters = self.measures.iter().enumerate();
        let counters = counters.filter(|(_, m)| m.role == Role::Counter && self.counts_events());
        let counters = counters.map(|(i, _)| i).filter(|&i| self.moved(row, i));
        let of = |unit: Unit| {
            let fits = move |(i, m): (usize, &Measure)| {
                (m.unit == unit && m.role == Role::Level).then_some(i)
            };
            self.measures.iter().enumerate().filter_map(fits).filter(|&i| self.moved(row, i))
        };
        let rank = |i: &usize| MEMORY.iter().position(|&n| n == self.measures[*i].name);
        let bytes = of(Unit::Bytes).min_by_key(|i| rank(i).unwrap_or(MEMORY.len()));
        let others = of(Unit::Count).chain(of(Unit::None)).chain(of(Unit::Ns)).chain(counters);
        let mut shown: Vec<usize> = bytes.into_iter().chain(others).take(LINES).collect();
        if shown.is_empty() {
            // Only counters moved.
            shown.extend((0..self.measures.len()).filter(|&i| self.moved(row, i)).take(1));
        }
        shown
    }

    /// Whether a row grows. Counters only ever count up, which is no growth of memory.
    fn grows(&self, row: usize) -> bool {
        let level = |&i: &usize| self.measures[i].role == Role::Level || self.counts_events();
        self.telling(row)
            .iter()
            .filter(|i| level(i))
            .any(|&i| self.at(row, i).is_some_and(|m| m.change > 0.0))
    }

    /// Whether a row has a part worth reading of the growth in any of its measures.
    fn matters(&self, row: usize) -> bool {
        self.telling(row).into_iter().any(|m| {
            let change = self.at(row, m).map_or(0.0, |cell| cell.change);
            change > 0.0 && change >= MATTERS * self.total_growth(m)
        })
    }

    /// The key columns that are needed to tell the rows apart: numbers (PIDs, start marks,
    /// inodes, addresses) are left out from the last one on while the rest still does.
    fn key_columns(&self, columns: usize) -> Vec<usize> {
        let mut kept: Vec<usize> = (0..columns).collect();
        let id = |column: usize| {
            let key = |row: &&[String]| row.get(column).is_none_or(|k| is_number(k));
            self.keys.iter().all(key)
        };
        for column in (0..columns).rev().filter(|&c| id(c)) {
            let rest: Vec<usize> = kept.iter().copied().filter(|&c| c != column).collect();
            if !rest.is_empty() && self.distinct(&rest) {
                kept = rest;
            }
        }
        kept
    }

    fn distinct(&self, columns: &[usize]) -> bool {
        let mut seen = std::collections::HashSet::new();
        let key =
            |row: &&[String]| columns.iter().map(|&c| row.get(c).cloned()).collect::<Vec<_>>();
        self.keys.iter().all(|row| seen.insert(key(row)))
    }

    fn lines(&self, rows: &[usize], key_columns: &[usize]) -> Vec<Vec<String>> {
        let mut lines = Vec::new();
        for &row in rows {
            for (n, measure) in self.telling(row).into_iter().enumerate() {
                let Some(cell) = self.at(row, measure) else { continue };
                let key = if n == 0 { self.key(row, key_columns) } else { String::new() };
                lines.push(self.line(key, measure, cell));
            }
        }
        lines
    }

    fn key(&self, row: usize, columns: &[usize]) -> String {
        let mark = self.marks.as_ref().map_or("", |m| m[row]);
        let parts: Vec<&str> =
            columns.iter().filter_map(|&c| self.keys[row].get(c)).map(String::as_str).collect();
        format!("{mark}{}", parts.join("  "))
    }

    fn line(&self, key: String, measure: usize, cell: Move) -> Vec<String> {
        let Measure { name, unit, role } = &self.measures[measure];
        let value = |v: Option<f64>| v.map_or_else(|| "-".into(), |v| human::value(v, *unit));
        let per_s = cell.per_s.filter(|r| r.is_finite());
        let share = if cell.change > 0.0 && *role == Role::Level {
            human::percent(cell.change / self.total_growth(measure))
        } else {
            String::new()
        };
        vec![
            key,
            name.clone(),
            value(cell.before),
            value(cell.after),
            human::value_signed(cell.change, *unit),
            per_s.map_or_else(|| "-".into(), |r| per_second(r, *unit)),
            share,
        ]
    }

    /// All growth of a measure in this table, so that a row's share of it can be given.
    fn total_growth(&self, measure: usize) -> f64 {
        (0..self.keys.len()).filter_map(|r| self.at(r, measure)).map(|m| m.change.max(0.0)).sum()
    }
}

fn key_names(all: &[String], shown: &[usize]) -> String {
    let names: Vec<&str> = shown.iter().filter_map(|&c| all.get(c)).map(String::as_str).collect();
    names.join("  ")
}

/// Whether a key is an id: decimal, or an address.
fn is_number(key: &str) -> bool {
    let all =
        |digits: &str, is: fn(&u8) -> bool| !digits.is_empty() && digits.bytes().all(|b| is(&b));
    match key.strip_prefix("0x") {
        Some(digits) => all(digits, u8::is_ascii_hexdigit),
        None => all(key, u8::is_ascii_digit),
    }
}

/// "rows not shown: 12 growing, 3 unchanged"; `None` if there is nothing to count.
fn count_rest(parts: &[(usize, &str)]) -> Option<String> {
    let said: Vec<String> =
        parts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
    (!said.is_empty()).then(|| format!("rows not shown: {}", said.join(", ")))
}
