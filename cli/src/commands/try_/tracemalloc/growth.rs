//! What was traced at the end and not at the beginning.

use std::collections::BTreeMap;

use diff::human;
use probe::tables::{tracemalloc as whole, tracemalloc_tracebacks as tracebacks};
use probe::tables::{tracemalloc_files as files, tracemalloc_lines as lines};
use probe::{Column, Role, Snapshot, Table, Unit, Values};

/// The name of our own code in the process.
const OWN: &str = "<memprobe>";
/// The file of the tracer itself.
const TRACER: &str = "/tracemalloc.py";

/// Bytes and blocks by place.
type Places = BTreeMap<String, (i64, i64)>;

/// What has become more, by place, most bytes first.
type Ranked = Vec<(String, (i64, i64))>;

/// What has become more.
#[derive(Debug, Default)]
pub(super) struct Growth {
    lines: Ranked,
    files: Ranked,
    tracebacks: Ranked,
}

impl Growth {
    /// The difference between two looks, without what the tracer and we ourselves have allocated.
    pub(super) fn between(first: &Snapshot, last: &Snapshot) -> Self {
        let places = |table: &str, key: &[&str], bytes, blocks| {
            let read = |snapshot: &Snapshot| {
                snapshot.table(table).map(|table| of(table, key, bytes, blocks)).unwrap_or_default()
            };
            ranked(&read(first), &read(last))
        };
        Self {
            lines: places(lines::TABLE, &[lines::FILE, lines::LINE], lines::BYTES, lines::BLOCKS),
            files: places(files::TABLE, &[files::FILE], files::BYTES, files::BLOCKS),
            tracebacks: places(
                tracebacks::TABLE,
                &[tracebacks::TRACEBACK],
                tracebacks::BYTES,
                tracebacks::BLOCKS,
            ),
        }
    }

    /// Bytes that became more, all files together.
    pub(super) fn bytes(&self) -> i64 {
        self.files.iter().map(|(_, (bytes, _))| bytes).sum()
    }

    pub(super) fn sentence(&self, seconds: f64) -> String {
        let time = human::duration(seconds);
        let all = self.bytes();
        let more = |(_, (bytes, _)): &&(String, (i64, i64))| *bytes > 0;
        let Some((place, (bytes, blocks))) = self.lines.iter().find(more).filter(|_| all > 0)
        else {
            return format!("Nothing that was allocated in {time} has stayed");
        };
        let rate = human::rate(all as f64 / seconds.max(0.001));
        format!(
            "In {time} blocks of {} were allocated and stay ({rate}); {} of them, {} in {} blocks, \
             by line {place}",
            human::bytes(all as f64),
            human::percent((*bytes as f64 / all as f64).min(1.0)),
            human::bytes(*bytes as f64),
            human::count(*blocks as f64)
        )
    }

    pub(super) fn tables(&self) -> Vec<Table> {
        let all = self.bytes();
        vec![
            table("lines", "line", &self.lines, all),
            table("files", "file", &self.files, all),
            table("tracebacks", "traceback", &self.tracebacks, all),
        ]
    }
}

/// Bytes and blocks by the columns of a key.
fn of(table: &Table, key: &[&str], bytes: &str, blocks: &str) -> Places {
    let mut places = Places::new();
    for row in 0..table.rows() {
        let part = |column: &&str| {
            let value = table.value(column, row);
            value.as_str().map(str::to_owned).or_else(|| value.as_u64().map(|n| n.to_string()))
        };
        let parts: Vec<String> = key.iter().filter_map(part).collect();
        let first = parts.first().map(String::as_str).unwrap_or_default();
        if is_own(first) {
            continue;
        }
        let name = if first == whole::OTHERS { first.to_owned() } else { parts.join(":") };
        let number = |column| {
            i64::try_from(table.value(column, row).as_u64().unwrap_or(0)).unwrap_or(i64::MAX)
        };
        let place = places.entry(name).or_default();
        place.0 = place.0.saturating_add(number(bytes));
        place.1 = place.1.saturating_add(number(blocks));
    }
    places
}

/// Whether a place is of the tracer or of us: its innermost frame decides.
fn is_own(place: &str) -> bool {
    let file = place.split(" < ").next().unwrap_or(place);
    let file = file.rsplit_once(':').map_or(file, |(file, line)| {
        if line.bytes().all(|b| b.is_ascii_digit()) { file } else { place }
    });
    file == OWN || file.ends_with(TRACER)
}

fn ranked(first: &Places, last: &Places) -> Ranked {
    let mut all: Places = last.clone();
    for (place, (bytes, blocks)) in first {
        let place = all.entry(place.clone()).or_default();
        *place = (place.0 - bytes, place.1 - blocks);
    }
    let mut ranked: Ranked = all.into_iter().filter(|(_, sum)| *sum != (0, 0)).collect();
    ranked.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
    ranked
}

fn table(name: &str, key: &str, rows: &Ranked, all: i64) -> Table {
    let attribute = |name: &str, unit, values| Column::new(name, unit, Role::Attribute, values);
    let numbers = |cell: fn(&(i64, i64)) -> i64| {
        Values::I64(rows.iter().map(|(_, sum)| Some(cell(sum))).collect())
    };
    let share =
        rows.iter().map(|(_, (bytes, _))| (all > 0).then(|| *bytes as f64 / all as f64)).collect();
    Table::new(
        name,
        vec![
            Column::text_key(key, rows.iter().map(|(place, _)| place.clone())),
            attribute("bytes", Unit::Bytes, numbers(|sum| sum.0)),
            attribute("blocks", Unit::Count, numbers(|sum| sum.1)),
            attribute("share", Unit::Ratio, Values::F64(share)),
        ],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_places_are_known() {
        assert!(is_own("<memprobe>") && is_own("<memprobe>:3 < app.py:7"));
        assert!(is_own("/usr/lib/python3.9/tracemalloc.py"));
        assert!(!is_own("app.py:7 < <memprobe>:3") && !is_own("my_tracemalloc.py"));
    }

    #[test]
    fn what_was_there_is_taken_off() {
        let places = |list: &[(&str, i64, i64)]| -> Places {
            list.iter().map(|&(name, bytes, blocks)| (name.to_owned(), (bytes, blocks))).collect()
        };
        let first = places(&[("a:1", 100, 2), ("b:2", 50, 1), ("c:3", 5, 1)]);
        let last = places(&[("a:1", 150, 3), ("c:3", 5, 1), ("d:4", 70, 7)]);
        let ranked = ranked(&first, &last);
        let expected = [("d:4", (70, 7)), ("a:1", (50, 1)), ("b:2", (-50, -1))];
        assert_eq!(ranked, expected.map(|(name, sum)| (name.to_owned(), sum)));
    }
}
