//! Snapshots kept for trends and findings, in bounded memory.

use std::collections::BTreeMap;

use probe::Snapshot;

/// Snapshots kept per lane, when they are small.
const MOST: usize = 64;
/// Cells kept per lane: a probe with large tables keeps fewer snapshots, at least three.
const MOST_CELLS: usize = 4_000_000;

/// Looks of one probe at one target that answer the same questions.
#[derive(Debug, Default)]
pub(crate) struct Lane {
    /// The kept ones, oldest first: the first, every `stride`-th, and the last.
    kept: Vec<Snapshot>,
    stride: usize,
    pushed: usize,
    /// Whether the last of `kept` is there only because it is the newest.
    last_is_loose: bool,
}

impl Lane {
    fn push(&mut self, snapshot: Snapshot) {
        let cells: usize =
            snapshot.tables.iter().map(|t| t.rows().max(1) * t.columns.len().max(1)).sum();
        let most = (MOST_CELLS / cells.max(1)).clamp(3, MOST);
        if self.last_is_loose {
            self.kept.pop();
        }
        let stride = self.stride.max(1);
        self.last_is_loose = !self.pushed.is_multiple_of(stride);
        self.pushed += 1;
        self.kept.push(snapshot);
        if self.kept.len() > most {
            self.thin(stride);
        }
    }

    fn thin(&mut self, stride: usize) {
        let newest = self.kept.len() - 1;
        let mut index = 0;
        self.kept.retain(|_| {
            index += 1;
            (index - 1) % 2 == 0 || index - 1 == newest
        });
        self.stride = stride * 2;
        self.last_is_loose |= newest % 2 == 1;
    }

    pub(crate) fn kept(&self) -> &[Snapshot] {
        &self.kept
    }
}

/// All lanes of a run.
#[derive(Debug, Default)]
pub(crate) struct Lanes {
    lanes: BTreeMap<(String, u32, u64, String), Lane>,
}

impl Lanes {
    pub(crate) fn is_empty(&self) -> bool {
        self.lanes.is_empty()
    }

    pub(crate) fn push(&mut self, snapshot: Snapshot) {
        let tables: Vec<&str> = snapshot.tables.iter().map(|t| t.name.as_str()).collect();
        let columns = snapshot.tables.iter().map(|t| t.columns.len()).sum::<usize>();
        // The same table with more columns answers another question.
        let questions = format!("{} {columns}", tables.join(","));
        let target = &snapshot.target;
        let key = (snapshot.probe.name.clone(), target.pid, target.start_id, questions);
        self.lanes.entry(key).or_default().push(snapshot);
    }

    /// Every table with the looks that say most about it, one entry per probe and target.
    pub(crate) fn tables(&self) -> Vec<(&str, &[Snapshot])> {
        type Place<'a> = (&'a str, u32, u64, &'a str);
        let mut best: BTreeMap<Place<'_>, (usize, &[Snapshot])> = BTreeMap::new();
        for ((probe, pid, start, _), lane) in &self.lanes {
            let Some(last) = lane.kept.last() else { continue };
            for table in &last.tables {
                let entry = best.entry((probe, *pid, *start, &table.name)).or_default();
                let worth = table.columns.len() * lane.kept.len().min(3);
                if worth > entry.0 {
                    *entry = (worth, lane.kept());
                }
            }
        }
        best.into_iter().map(|((_, _, _, table), (_, kept))| (table, kept)).collect()
    }

    /// The looks at one table, one slice per target.
    pub(crate) fn of<'a>(&'a self, table: &'a str) -> impl Iterator<Item = &'a [Snapshot]> {
        self.tables().into_iter().filter(move |(name, _)| *name == table).map(|(_, kept)| kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use probe::{Column, ProbeId, Table, Taken, Target, Unit};

    fn look(ns: u64, rows: u64) -> Snapshot {
        let taken = Taken { unix_ns: ns, monotonic_ns: ns };
        let mut s = Snapshot::new(ProbeId::default(), Target::from_pid(1), taken);
        s.tables = vec![Table::new(
            "t",
            vec![
                Column::id_key("k", 0..rows),
                Column::level("v", Unit::Bytes, (0..rows).map(Some)),
            ],
        )];
        s
    }

    #[test]
    fn first_and_last_are_kept_and_the_rest_is_thinned() {
        for (rows, most) in [(1, MOST), (700_000, 3)] {
            let mut lanes = Lanes::default();
            let count = if rows == 1 { 5000 } else { 12 };
            for i in 0..count {
                lanes.push(look(i, rows));
                let kept = lanes.of("t").next().expect("a lane");
                assert_eq!(kept[0].taken.monotonic_ns, 0);
                assert_eq!(kept[kept.len() - 1].taken.monotonic_ns, i);
                assert!(kept.len() <= most, "{} of {most}", kept.len());
                assert!(kept.windows(2).all(|w| w[0].taken.monotonic_ns < w[1].taken.monotonic_ns));
            }
            let kept = lanes.of("t").next().expect("a lane");
            assert!(kept.len() >= most / 2, "{}", kept.len());
        }
    }
}
