//! Rows of a table over time, summed by what they have in common.

use std::collections::BTreeMap;

use diff::human;
use diff::stats::{self, Point};
use probe::{Snapshot, Table};

use crate::series::interpolate;

/// A sum of rows at every look.
#[derive(Clone, Debug, Default)]
pub(super) struct Group {
    pub(super) points: Vec<Point>,
}

impl Group {
    fn first(&self) -> f64 {
        self.points.first().map_or(0.0, |p| p.1)
    }

    pub(super) fn last(&self) -> f64 {
        self.points.last().map_or(0.0, |p| p.1)
    }

    /// Adds another group of the same looks; one that is empty stands for nothing at any look.
    pub(super) fn add(&mut self, other: &Self) {
        if self.points.is_empty() {
            self.points.clone_from(&other.points);
            return;
        }
        self.points.iter_mut().zip(&other.points).for_each(|(sum, point)| sum.1 += point.1);
    }

    /// Adds a group of other looks: to each point what the other had at that time.
    pub(super) fn add_nearest(&mut self, other: &Self) {
        if self.points.is_empty() {
            self.points.clone_from(&other.points);
            return;
        }
        for point in &mut self.points {
            point.1 += interpolate(&other.points, point.0).unwrap_or(0.0);
        }
    }

    pub(super) fn growth(&self) -> f64 {
        self.last() - self.first()
    }

    pub(super) fn seconds(&self) -> f64 {
        self.points.last().map_or(0.0, |p| p.0) - self.points.first().map_or(0.0, |p| p.0)
    }

    /// Robust slope per second; the plain one where a slope of medians shows nothing.
    pub(super) fn per_s(&self) -> f64 {
        let robust = stats::theil_sen(&self.points).map_or(0.0, |l| l.slope);
        if robust != 0.0 || self.seconds() <= 0.0 { robust } else { self.growth() / self.seconds() }
    }

    pub(super) fn steps(&self) -> usize {
        self.points.len().saturating_sub(1)
    }

    pub(super) fn rises(&self) -> usize {
        self.points.windows(2).filter(|w| w[1].1 > w[0].1).count()
    }

    /// Share of the steps that rise.
    pub(super) fn rising(&self) -> f64 {
        if self.steps() == 0 { 0.0 } else { self.rises() as f64 / self.steps() as f64 }
    }

    pub(super) fn never_falls(&self) -> bool {
        self.points.windows(2).all(|w| w[1].1 >= w[0].1)
    }

    /// A sentence about bytes.
    pub(super) fn grew(&self, what: &str) -> String {
        format!(
            "{what} went from {} to {} in {}, up in {} of {} looks",
            human::bytes(self.first()),
            human::bytes(self.last()),
            human::duration(self.seconds()),
            self.rises(),
            self.steps(),
        )
    }

    /// A sentence about things.
    pub(super) fn counted(&self, what: &str) -> String {
        format!(
            "{what} went from {} to {} in {}, up in {} of {} looks",
            human::count(self.first()),
            human::count(self.last()),
            human::duration(self.seconds()),
            self.rises(),
            self.steps(),
        )
    }
}

/// Sums the rows of a table by a key, at every look that has the table. A key that is not there
/// at a look has 0 at it. `row` gives key and value of a row; rows without are left out.
pub(super) fn by_key<K: Ord>(
    looks: &[Snapshot],
    table: &str,
    mut row: impl FnMut(&Table, usize) -> Option<(K, f64)>,
) -> BTreeMap<K, Group> {
    let start = looks.first().map_or(0, |s| s.taken.monotonic_ns);
    let mut sums: BTreeMap<K, Vec<(usize, f64)>> = BTreeMap::new();
    let mut times = Vec::new();
    for look in looks {
        let Some(found) = look.table(table) else { continue };
        let index = times.len();
        times.push(look.taken.monotonic_ns.saturating_sub(start) as f64 / 1e9);
        for (key, value) in (0..found.rows()).filter_map(|r| row(found, r)) {
            let sum = sums.entry(key).or_default();
            match sum.last_mut() {
                Some(last) if last.0 == index => last.1 += value,
                _ => sum.push((index, value)),
            }
        }
    }
    let group = |known: Vec<(usize, f64)>| {
        let mut points: Vec<Point> = times.iter().map(|&t| (t, 0.0)).collect();
        for (index, value) in known {
            points[index].1 = value;
        }
        Group { points }
    };
    sums.into_iter().map(|(key, known)| (key, group(known))).collect()
}
