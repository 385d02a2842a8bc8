//! Two snapshots of the same probe, subtracted.

use std::collections::HashMap;

use probe::{Issue, Snapshot, Table, Taken};

use crate::rows::{self, Key, Number};
use crate::{Delta, Measure, RowDiff, RowState, TableDiff};

/// What [`compare`] yields.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// Tables of both snapshots, those without any difference left out.
    pub tables: Vec<TableDiff>,
    /// Tables and columns that could not be compared, and why.
    pub issues: Vec<Issue>,
    /// Seconds from the earlier to the later snapshot; `None` if the clocks cannot tell.
    pub elapsed_s: Option<f64>,
}

/// The tables of two snapshots, subtracted; see [`compare`] for what could not be compared.
#[must_use]
pub fn diff(before: &Snapshot, after: &Snapshot) -> Vec<TableDiff> {
    compare(before, after).tables
}

/// Joins the tables of two snapshots on their keys and subtracts their measures.
///
/// A value that is not known is never taken for 0: its cell is `None`. A *row* that is not
/// there counts as 0, since its table was read whole. Rows of the same key are summed. A table
/// that only one snapshot has was not asked for in the other, so nothing is said about it.
#[must_use]
pub fn compare(before: &Snapshot, after: &Snapshot) -> Comparison {
    let elapsed_s = elapsed(before.taken, after.taken);
    let mut out = Comparison { tables: Vec::new(), issues: Vec::new(), elapsed_s };
    for table in &after.tables {
        match before.table(&table.name) {
            Some(earlier) => {
                let diff = subtract(earlier, table, elapsed_s, &mut out.issues);
                out.tables.extend(diff.filter(|d| !d.rows.is_empty()));
            }
            None => out.issues.push(lonely(table, "later")),
        }
    }
    let only_before = before.tables.iter().filter(|t| after.table(&t.name).is_none());
    out.issues.extend(only_before.map(|t| lonely(t, "earlier")));
    out
}

fn lonely(table: &Table, which: &str) -> Issue {
    Issue::info(format!(
        "table `{}` is only in the {which} snapshot, so it is not compared",
        table.name
    ))
}

/// Seconds between two moments. The clock that never jumps is meaningless across a reboot:
/// when it disagrees with the calendar by more than a minute and a tenth, the calendar counts.
fn elapsed(before: Taken, after: Taken) -> Option<f64> {
    let between = |a: u64, b: u64| (i128::from(b) - i128::from(a)) as f64 / 1e9;
    let steady = between(before.monotonic_ns, after.monotonic_ns);
    let calendar = between(before.unix_ns, after.unix_ns);
    let has_calendar = before.unix_ns != 0 && after.unix_ns != 0;
    let apart = (steady - calendar).abs() > 60.0 + 0.1 * calendar.abs();
    let seconds = if has_calendar && apart { calendar } else { steady };
    (seconds != 0.0).then_some(seconds)
}

fn subtract(
    before: &Table,
    after: &Table,
    elapsed_s: Option<f64>,
    issues: &mut Vec<Issue>,
) -> Option<TableDiff> {
    let keys = rows::key_names(after);
    let (mut sorted, mut earlier) = (keys.clone(), rows::key_names(before));
    sorted.sort();
    earlier.sort();
    if sorted != earlier {
        issues.push(Issue::warning(format!(
            "table `{}` cannot be compared: its keys are [{}] in the earlier snapshot and [{}] in \
             the later one",
            after.name,
            earlier.join(", "),
            sorted.join(", "),
        )));
        return None;
    }
    let measures = common_measures(before, after, issues);
    let old = rows::rows(before, &keys, &measures);
    let new = rows::rows(after, &keys, &measures);
    let mut rows = join(&old, &new, &measures, elapsed_s);
    rank(&mut rows, rows::main_measure(&measures));
    Some(TableDiff { table: after.name.clone(), keys, measures, rows })
}

/// The measures that both tables have with the same meaning.
fn common_measures(before: &Table, after: &Table, issues: &mut Vec<Issue>) -> Vec<Measure> {
    let earlier = rows::measures(before);
    let mut common = Vec::new();
    for measure in rows::measures(after) {
        match earlier.iter().find(|m| m.name == measure.name) {
            Some(same) if *same == measure => common.push(measure),
            Some(other) => issues.push(Issue::warning(format!(
                "table `{}`, column `{}` cannot be compared: {} in {:?} in the earlier snapshot, \
                 {} in {:?} in the later one",
                after.name, measure.name, other.role, other.unit, measure.role, measure.unit,
            ))),
            None => {}
        }
    }
    common
}

type Rows = HashMap<Key, Vec<Option<Number>>>;

fn join(old: &Rows, new: &Rows, measures: &[Measure], elapsed_s: Option<f64>) -> Vec<RowDiff> {
    let mut out = Vec::new();
    let mut push = |state, key: &Key, before: Option<&Vec<_>>, after: Option<&Vec<_>>| {
        let value = |row: Option<&Vec<Option<Number>>>, i: usize| row.and_then(|r| r[i]);
        let cells: Vec<Option<Delta>> = measures
            .iter()
            .enumerate()
            .map(|(i, m)| delta(state, value(before, i), value(after, i), m, elapsed_s))
            .collect();
        let moved = cells.iter().flatten().any(|d| d.change != 0.0);
        if moved || state != RowState::Changed {
            out.push(RowDiff { state, keys: key.clone(), cells });
        }
    };
    for (key, after) in new {
        match old.get(key) {
            Some(before) => push(RowState::Changed, key, Some(before), Some(after)),
            None => push(RowState::Added, key, None, Some(after)),
        }
    }
    for (key, before) in old.iter().filter(|(key, _)| !new.contains_key(*key)) {
        push(RowState::Gone, key, Some(before), None);
    }
    out
}

fn delta(
    state: RowState,
    before: Option<Number>,
    after: Option<Number>,
    measure: &Measure,
    elapsed_s: Option<f64>,
) -> Option<Delta> {
    let zero = Number::Whole(0);
    let change = match state {
        RowState::Added => after?.minus(zero),
        RowState::Gone => zero.minus(before?),
        RowState::Changed => after?.minus(before?),
    };
    // A counter that fell was reset or ended: its rate is not known.
    let reset = |rate: &f64| measure.role != probe::Role::Counter || *rate >= 0.0;
    let per_s = elapsed_s.map(|s| change / s).filter(|r| r.is_finite()).filter(reset);
    let number = |n: Option<Number>| n.map(Number::as_f64);
    Some(Delta { before: number(before), after: number(after), change, per_s })
}

/// Most growth first; where that is equal, the largest change of any kind, then by key.
fn rank(rows: &mut [RowDiff], main: usize) {
    let growth = |row: &RowDiff| row.cells.get(main).copied().flatten().map_or(0.0, |d| d.change);
    let any =
        |row: &RowDiff| row.cells.iter().flatten().map(|d| d.change.abs()).fold(0.0, f64::max);
    rows.sort_by(|a, b| {
        growth(b)
            .total_cmp(&growth(a))
            .then_with(|| any(b).total_cmp(&any(a)))
            .then_with(|| a.keys.cmp(&b.keys))
    });
}
