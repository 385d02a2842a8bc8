//! The limit that memory will meet first.

use probe::Snapshot;
use probe::tables::{limits, processes};

use crate::footprint::number;

/// The limit with the least room left.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Limit {
    /// The limit, bytes.
    pub(crate) bytes: f64,
    /// What is left of it, bytes.
    pub(crate) room: f64,
    /// What it is, in words: `the cgroup limit memory.max`.
    pub(crate) name: String,
}

/// The nearest limit of a `limits` table. What is used of it is taken from the table, else
/// from the figure of the target that it says it counts.
pub(crate) fn nearest(snapshot: &Snapshot, footprint: f64, vss: Option<f64>) -> Option<Limit> {
    let table = snapshot.table(limits::TABLE)?;
    let text = |column, row| table.value(column, row).as_str().unwrap_or_default();
    let limit = |row| {
        let bytes = number(table, limits::LIMIT, row).filter(|b| *b > 0.0)?;
        let own = match text(limits::AGAINST, row) {
            "vss" => vss,
            "host" => None,
            _ => Some(footprint),
        };
        let used = number(table, limits::USED, row).or(own)?;
        let name = match text(limits::SCOPE, row) {
            "host" => "the memory of the machine".to_owned(),
            "rlimit" => format!("the limit {}", text(limits::NAME, row)),
            scope => format!("the {scope} limit {}", text(limits::NAME, row)),
        };
        Some(Limit { bytes, room: (bytes - used).max(0.0), name })
    };
    (0..table.rows()).filter_map(limit).min_by(|a, b| a.room.total_cmp(&b.room))
}

/// Virtual size of all processes of a snapshot, bytes.
pub(crate) fn virtual_size(snapshot: &Snapshot) -> Option<f64> {
    let table = snapshot.table(processes::TABLE)?;
    // A limit of address space holds for each process by itself.
    (0..table.rows()).filter_map(|r| number(table, processes::VSS, r)).max_by(f64::total_cmp)
}
