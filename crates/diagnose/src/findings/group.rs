//! Rows of a table over time, summed by what they have in common.

use std::collections::BTreeMap;

use diff::human;
use diff::stats::{self, Point};
use probe::{Snapshot, Table};

use crate::curve::{Curve, Decision, GRAIN_BYTES};
use crate::series::interpolate;

/// Looks beyond so many are spoken of in windows: between looks that follow each other closely
/// nothing happens, or noise does.
const WINDOWS: usize = 8;
/// The first and the last third of a growth that goes on hold this share of what an even pace
/// gives them. What jumps once, or comes to an end, does not.
const FAIR: f64 = 0.5;

/// From so many looks and seconds on the rules for curves are asked.
const CURVE: usize = 12;
const CURVE_S: f64 = 6.0;

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

    /// The same in few points: the median of each of some windows.
    pub(super) fn calm(&self) -> Self {
        if self.points.len() <= WINDOWS {
            return self.clone();
        }
        let edge = |window: usize| window * self.points.len() / WINDOWS;
        let middle = |window: usize| {
            let points = &self.points[edge(window)..edge(window + 1)];
            let median = |axis: fn(&Point) -> f64| {
                stats::median(&mut points.iter().map(axis).collect::<Vec<_>>()).unwrap_or(0.0)
            };
            (median(|p| p.0), median(|p| p.1))
        };
        Self { points: (0..WINDOWS).map(middle).collect() }
    }

    /// Whether it grows and goes on growing: of many looks the rules for curves say it; of few,
    /// whether it grew nearly all the time, and as well at the start as at the end.
    pub(super) fn is_steady(&self) -> bool {
        if self.points.len() >= CURVE && self.seconds() >= CURVE_S {
            return Curve::of(&self.points).is_some_and(|c| c.decision == Decision::Growing);
        }
        let calm = self.calm();
        let rises = calm.rising() >= 0.8 || (calm.never_falls() && calm.rising() >= 0.5);
        calm.steps() >= 2 && rises && calm.goes_on()
    }

    /// Whether it never became less, or seldom where there were many looks.
    pub(super) fn mostly_rises(&self) -> bool {
        self.never_falls() || self.rising() >= 0.7
    }

    /// Things as bytes that count, so that the rules for curves can be asked about them.
    pub(super) fn as_bytes(&self) -> Self {
        Self { points: self.points.iter().map(|p| (p.0, p.1 * GRAIN_BYTES)).collect() }
    }

    fn goes_on(&self) -> bool {
        let Some((start, end)) = self.points.first().zip(self.points.last()) else { return false };
        let third = (end.0 - start.0) / 3.0;
        let at = |seconds: f64| interpolate(&self.points, seconds).unwrap_or(0.0);
        let fair = FAIR * self.growth() / 3.0;
        third > 0.0 && at(start.0 + third) - start.1 >= fair && end.1 - at(end.0 - third) >= fair
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
