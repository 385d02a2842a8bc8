//! What tracemalloc knows, as tables: the whole, by file, by line, by traceback.

use std::collections::HashMap;

use probe::tables::{tracemalloc, tracemalloc_files, tracemalloc_lines, tracemalloc_tracebacks};
use probe::{Column, Issue, Role, Table, Unit, Values};

use super::{Traceback, Traced, Tracing};
use crate::find::Runtime;

/// The most rows by file or line. What is behind them is summed up in one.
const MOST_ROWS: usize = 100_000;
/// The most tracebacks.
const MOST_TRACEBACKS: usize = 1000;

/// What was read of one runtime.
pub(crate) type Found = (u64, Tracing);

/// Bytes and blocks.
type Sum = (u64, u64);

/// A group of blocks: runtime, name, line.
type Group = (u64, String, u64);

/// All four tables.
pub(crate) fn tables(found: &[Found], pid: u64) -> Vec<Table> {
    vec![whole(found, pid), files(found, pid), lines(found, pid), tracebacks(found, pid)]
}

/// What is to be said of it, and whether something is missing.
pub(crate) fn remark(runtime: &Runtime, tracing: &Tracing) -> (Option<Issue>, bool) {
    match tracing {
        Tracing::Off => {
            let message = format!(
                "tracemalloc is off in Python {}: start the program with PYTHONTRACEMALLOC=1 or \
                 `python -X tracemalloc` (a number more than 1: so many frames of each \
                 traceback), or call `tracemalloc.start()` in it; it then sees what is allocated \
                 from that moment on",
                runtime.version
            );
            (Some(Issue::info(message)), false)
        }
        Tracing::On(traced) if traced.torn > 0 => {
            let message = format!(
                "{} of {} traces changed while they were read, or could not be: sums by file and \
                 line are approximate",
                traced.torn, traced.blocks
            );
            (Some(Issue::warning(message)), true)
        }
        Tracing::On(_) => (None, false),
    }
}

fn whole(found: &[Found], pid: u64) -> Table {
    use tracemalloc as t;
    let traced = |tracing: &'_ Tracing| match tracing {
        Tracing::On(traced) => Some(traced.clone()),
        Tracing::Off => None,
    };
    let rows: Vec<Option<Traced>> = found.iter().map(|(_, tracing)| traced(tracing)).collect();
    let level = |name: &str, unit, cell: fn(&Traced) -> u64| {
        Column::level(name, unit, rows.iter().map(|row| row.as_ref().map(cell)))
    };
    let on = rows.iter().map(|row| Some(row.is_some())).collect();
    let mut columns = keys(found.iter().map(|(runtime, _)| *runtime), pid);
    columns.extend([
        Column::new(t::ON, Unit::None, Role::Attribute, Values::Bool(on)),
        level(t::BYTES, Unit::Bytes, |t| t.bytes),
        Column::level(t::PEAK, Unit::Bytes, rows.iter().map(|row| row.as_ref()?.peak)),
        level(t::BLOCKS, Unit::Count, |t| t.blocks),
        level(t::TRACEBACKS, Unit::Count, |t| t.places.len() as u64),
        level(t::DOMAINS, Unit::Count, |t| t.domains),
        level(t::OVERHEAD, Unit::Bytes, |t| t.overhead),
    ]);
    Table::new(t::TABLE, columns)
}

fn files(found: &[Found], pid: u64) -> Table {
    use tracemalloc_files as t;
    let groups = grouped(found, MOST_ROWS, |place| (first(place).0, 0));
    let mut columns = keys(groups.iter().map(|(group, _)| group.0), pid);
    columns.push(Column::text_key(t::FILE, groups.iter().map(|(group, _)| &group.1)));
    columns.extend(sums(&groups));
    Table::new(t::TABLE, columns)
}

fn lines(found: &[Found], pid: u64) -> Table {
    use tracemalloc_lines as t;
    let groups = grouped(found, MOST_ROWS, first);
    let mut columns = keys(groups.iter().map(|(group, _)| group.0), pid);
    columns.push(Column::text_key(t::FILE, groups.iter().map(|(group, _)| &group.1)));
    columns.push(Column::id_key(t::LINE, groups.iter().map(|(group, _)| group.2)));
    columns.extend(sums(&groups));
    Table::new(t::TABLE, columns)
}

fn tracebacks(found: &[Found], pid: u64) -> Table {
    use tracemalloc_tracebacks as t;
    let groups = grouped(found, MOST_TRACEBACKS, |place| (whole_text(place), 0));
    let mut columns = keys(groups.iter().map(|(group, _)| group.0), pid);
    columns.push(Column::text_key(t::TRACEBACK, groups.iter().map(|(group, _)| &group.1)));
    columns.extend(sums(&groups));
    Table::new(t::TABLE, columns)
}

/// The frame that allocated, to which `statistics("lineno")` counts.
fn first(place: &Traceback) -> (String, u64) {
    place.frames.first().map_or(("?".into(), 0), |(file, line)| (file.to_string(), *line))
}

fn whole_text(place: &Traceback) -> String {
    let frames: Vec<String> =
        place.frames.iter().map(|(file, line)| format!("{file}:{line}")).collect();
    if frames.is_empty() { "?".into() } else { frames.join(" < ") }
}

/// Sums by group, those with most bytes first; what is behind the most rows is one group.
fn grouped(
    found: &[Found],
    most: usize,
    name: impl Fn(&Traceback) -> (String, u64),
) -> Vec<(Group, Sum)> {
    let mut all: HashMap<Group, Sum> = HashMap::new();
    for (runtime, tracing) in found {
        let Tracing::On(traced) = tracing else { continue };
        for place in &traced.places {
            let (text, line) = name(place);
            let sum = all.entry((*runtime, text, line)).or_default();
            *sum = (sum.0.saturating_add(place.bytes), sum.1 + place.blocks);
        }
    }
    let mut rows: Vec<_> = all.into_iter().collect();
    rows.sort_by(|a, b| b.1.0.cmp(&a.1.0).then_with(|| a.0.cmp(&b.0)));
    let mut others: HashMap<u64, Sum> = HashMap::new();
    for ((runtime, ..), sum) in rows.drain(most.min(rows.len())..) {
        let all = others.entry(runtime).or_default();
        *all = (all.0.saturating_add(sum.0), all.1 + sum.1);
    }
    let others = others.into_iter();
    rows.extend(others.map(|(runtime, sum)| ((runtime, tracemalloc::OTHERS.into(), 0), sum)));
    rows
}

fn keys(runtimes: impl Iterator<Item = u64>, pid: u64) -> Vec<Column> {
    let runtimes: Vec<Option<u64>> = runtimes.map(Some).collect();
    vec![
        Column::id_key(tracemalloc::PID, runtimes.iter().map(|_| pid)),
        Column::new(tracemalloc::RUNTIME, Unit::Address, Role::Key, Values::U64(runtimes)),
    ]
}

fn sums(groups: &[(Group, Sum)]) -> [Column; 2] {
    let level = |name: &str, unit, cell: fn(&Sum) -> u64| {
        Column::level(name, unit, groups.iter().map(|(_, sum)| Some(cell(sum))))
    };
    [
        level(tracemalloc::BYTES, Unit::Bytes, |sum| sum.0),
        level(tracemalloc::BLOCKS, Unit::Count, |sum| sum.1),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is behind the most rows is not lost.
    #[test]
    fn the_rest_is_summed_up() {
        let place = |n: u64| Traceback { frames: vec![("f".into(), n)], bytes: n, blocks: 1 };
        let traced = Traced { places: (1..=10).map(place).collect(), ..Traced::default() };
        let found = [(7, Tracing::On(traced)), (8, Tracing::Off)];
        let rows = grouped(&found, 3, first);
        assert_eq!(rows.len(), 4);
        assert_eq!(rows[0], ((7, "f".into(), 10), (10, 1)));
        assert_eq!(rows[3], ((7, tracemalloc::OTHERS.into(), 0), (28, 7)));
    }
}
