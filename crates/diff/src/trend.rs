//! One probe's tables over a series of snapshots.

use std::collections::{HashMap, HashSet};

use probe::{Role, Snapshot, Table};

use crate::rows::{self, Key};
use crate::stats::{self, Point};
use crate::{Measure, RowTrend, TableTrend, Trend};

/// Slopes of rows are fitted to at most this many points, since a table may have many rows.
const POINTS_PER_ROW: usize = 48;

/// How every row of every table moved over a series of snapshots of one probe and target.
///
/// The snapshots are taken in order of their steady clock. Each table is followed over those
/// that have it, in the form (keys and measures) of its last appearance. A row may come and
/// go: where its table is there and the row is not, its levels count as 0 and its counters as
/// not known. Rows of the same key are summed.
#[must_use]
pub fn trend(series: &[&Snapshot]) -> Vec<TableTrend> {
    let series = in_order(series);
    let mut seen = HashSet::new();
    let mut names = Vec::new();
    for table in series.iter().flat_map(|s| &s.tables) {
        if seen.insert(table.name.as_str()) {
            names.push(table.name.as_str());
        }
    }
    names.into_iter().filter_map(|name| table_trend(&series, name)).collect()
}

/// [`trend`] of the one table of this name; `None` if no snapshot has it.
#[must_use]
pub fn trend_of(series: &[&Snapshot], table: &str) -> Option<TableTrend> {
    table_trend(&in_order(series), table)
}

fn in_order<'a>(series: &[&'a Snapshot]) -> Vec<&'a Snapshot> {
    let mut series = series.to_vec();
    series.sort_by_key(|s| s.taken.monotonic_ns);
    series
}

fn table_trend(series: &[&Snapshot], name: &str) -> Option<TableTrend> {
    let start = series.first()?.taken.monotonic_ns;
    let looks: Vec<(f64, &Table, &str)> = series
        .iter()
        .filter_map(|s| {
            let seconds = s.taken.monotonic_ns.saturating_sub(start) as f64 / 1e9;
            s.table(name).map(|t| (seconds, t, s.probe.name.as_str()))
        })
        .collect();
    let &(_, last, probe) = looks.last()?;
    let keys = rows::key_names(last);
    let measures = rows::measures(last);
    let same_keys = |t: &&(f64, &Table, &str)| rows::key_names(t.1) == keys;
    let looks: Vec<_> = looks.iter().filter(same_keys).collect();
    let times: Vec<f64> = looks.iter().map(|l| l.0).collect();
    let values = collect(&looks, &keys, &measures);
    let all = values.len();
    let mut rows: Vec<RowTrend> =
        values.into_iter().filter_map(|(key, cells)| row(key, &cells, &times, &measures)).collect();
    rank(&mut rows, rows::main_measure(&measures));
    let unchanged = all - rows.len();
    Some(TableTrend { probe: probe.into(), table: name.into(), keys, measures, rows, unchanged })
}

/// Per row and measure the known values as `(look, value)`, and at which looks the row was there.
struct Cells {
    known: Vec<Vec<(usize, f64)>>,
    there: Vec<usize>,
}

fn collect(
    looks: &[&(f64, &Table, &str)],
    keys: &[String],
    measures: &[Measure],
) -> HashMap<Key, Cells> {
    let mut all: HashMap<Key, Cells> = HashMap::new();
    for (index, look) in looks.iter().enumerate() {
        for (key, values) in rows::rows(look.1, keys, measures) {
            let fresh = || Cells { known: vec![Vec::new(); measures.len()], there: Vec::new() };
            let cells = all.entry(key).or_insert_with(fresh);
            cells.there.push(index);
            for (known, value) in cells.known.iter_mut().zip(values) {
                known.extend(value.map(|v| (index, v.as_f64())));
            }
        }
    }
    all
}

fn row(keys: Key, cells: &Cells, times: &[f64], measures: &[Measure]) -> Option<RowTrend> {
    let mut changed = false;
    let trends = measures.iter().zip(&cells.known).map(|(measure, known)| {
        let points = points(measure, known, &cells.there, times);
        changed |= points.windows(2).any(|w| w[0].1 != w[1].1);
        one(&points)
    });
    let cells: Vec<Option<Trend>> = trends.collect();
    changed.then_some(RowTrend { keys, cells })
}

/// The points of a cell. A level is 0 at looks at which its row was not there; a measure that
/// is never known stays so.
fn points(measure: &Measure, known: &[(usize, f64)], there: &[usize], times: &[f64]) -> Vec<Point> {
    let mut points: Vec<Point> = known.iter().map(|&(i, v)| (times[i], v)).collect();
    if measure.role == Role::Level && !known.is_empty() && there.len() < times.len() {
        let there: HashSet<usize> = there.iter().copied().collect();
        let absent = (0..times.len()).filter(|i| !there.contains(i));
        points.extend(absent.map(|i| (times[i], 0.0)));
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
    }
    points
}

fn one(points: &[Point]) -> Option<Trend> {
    let (first, last) = (points.first()?.1, points.last()?.1);
    let steps = points.len() - 1;
    let not_down = points.windows(2).filter(|w| w[1].1 >= w[0].1).count();
    let rising = if steps == 0 { 0.0 } else { not_down as f64 / steps as f64 };
    let line = stats::theil_sen(&stats::thin(points, POINTS_PER_ROW));
    let per_s = line.map_or(0.0, |l| l.slope);
    Some(Trend { first, last, per_s, rising, samples: points.len() })
}

/// Most growth first; where that is equal, the largest change of any kind, then by key.
fn rank(rows: &mut [RowTrend], main: usize) {
    let growth = |t: &Trend| t.last - t.first;
    let by_main = |r: &RowTrend| r.cells.get(main).copied().flatten().as_ref().map_or(0.0, growth);
    let any = |r: &RowTrend| r.cells.iter().flatten().map(|t| growth(t).abs()).fold(0.0, f64::max);
    rows.sort_by(|a, b| {
        by_main(b)
            .total_cmp(&by_main(a))
            .then_with(|| any(b).total_cmp(&any(a)))
            .then_with(|| a.keys.cmp(&b.keys))
    });
}
