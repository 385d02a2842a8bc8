//! What tables say of growth that a curve alone cannot: that nobody will ever give it back, or
//! that it comes to an end by itself.

use std::collections::BTreeMap;

use diff::human;
use diff::stats::Point;
use probe::tables::{bounds, holders, malloc_arenas, native_blocks, pymalloc, refcounts};
use probe::{Snapshot, Step, Table, path_text};

use super::garbage::Garbage;
use super::group::{Group, by_key};
use super::malloc;
use crate::curve::{FLOOR_BYTES, GRAIN_BYTES};
use crate::footprint::number;
use crate::lanes::Lanes;
use crate::series::interpolate;

/// Growth is explained when this share of it is.
const EXPLAINED: f64 = 0.75;
/// Lost memory makes growth a leak when it is this share of it.
const LOST: f64 = 0.5;
/// Looks that must have seen more lost memory than the one before, and the first; and so many
/// where the curve speaks against it: of three looks one in six rises by chance.
const LOOKS: usize = 3;
const LOOKS_AGAINST: usize = 4;
/// A step of lost memory is at least this share of what an even pace would make it.
const FAIR: f64 = 0.1;
/// What is still to come of containers with a bound may be so much, or as much as the process
/// has now: beyond that their bound protects nobody. Bytes.
const TO_COME: f64 = (64 << 20) as f64;

/// A cause, how many bytes of the growth it explains, and the same in words.
#[derive(Clone, Debug)]
pub(crate) struct Cause {
    pub(crate) bytes: f64,
    pub(crate) words: String,
}

/// The judged series and the clock of the first snapshot.
pub(crate) struct Curve<'a> {
    pub(crate) points: &'a [Point],
    pub(crate) start_ns: u64,
}

impl Curve<'_> {
    fn at(&self, look: &Snapshot) -> f64 {
        let seconds = look.taken.monotonic_ns.saturating_sub(self.start_ns) as f64 / 1e9;
        interpolate(self.points, seconds).unwrap_or(0.0)
    }

    /// Growth from the first to the last of some looks, bytes.
    fn grown(&self, looks: &[Snapshot]) -> f64 {
        let ends = looks.first().zip(looks.last());
        ends.map_or(0.0, |(first, last)| self.at(last) - self.at(first))
    }
}

/// Memory that nobody can ever give back, where it is what grows: at every look there was more.
/// `None`: it is not known to be so. `is_sound`: whether the curve says so.
pub(crate) fn lost(lanes: &Lanes, curve: &Curve<'_>, is_sound: bool) -> Option<Cause> {
    let least = if is_sound { LOOKS_AGAINST } else { LOOKS };
    let mut sum = 0.0;
    let mut words = Vec::new();
    let mut grown: f64 = 0.0;
    let found = [
        (refcounts::TABLE, lost_references as fn(&Lanes, &[Snapshot]) -> Group),
        (native_blocks::TABLE, |_, looks| unreachable(looks)),
        (probe::tables::garbage::TABLE, |lanes, looks| Garbage::of(lanes, looks).lost()),
    ];
    let names = [
        "in objects with references that nobody owns",
        "in native blocks that nothing points to",
        "in reference cycles that the collector never takes",
    ];
    for ((table, read), name) in found.into_iter().zip(names) {
        for looks in lanes.of(table) {
            let group = read(lanes, looks);
            if group.points.len() >= least && rises_evenly(&group) && group.is_steady() {
                sum += group.growth();
                grown = grown.max(curve.grown(looks));
                words.push((group.growth(), name));
            }
        }
    }
    words.retain(|(bytes, _)| *bytes >= LOST * GRAIN_BYTES / 2.0);
    let words: Vec<String> =
        words.iter().map(|(bytes, name)| format!("{} {name}", human::bytes(*bytes))).collect();
    let is_cause = sum >= GRAIN_BYTES.max(LOST * grown) && grown > 0.0 && !words.is_empty();
    is_cause.then(|| Cause { bytes: sum, words: words.join(", ") })
}

/// Whether there was more at every look, and each time a fair part of it: on a busy machine the
/// pace is uneven, but work that goes on goes on everywhere.
fn rises_evenly(group: &Group) -> bool {
    let pace = group.growth() / group.seconds().max(f64::MIN_POSITIVE);
    group.points.windows(2).all(|w| {
        let (seconds, grown) = (w[1].0 - w[0].0, w[1].1 - w[0].1);
        grown > 0.0 && grown >= FAIR * pace * seconds
    })
}

/// Bytes of objects to which no pointer exists and whose references were not given back.
fn lost_references(_: &Lanes, looks: &[Snapshot]) -> Group {
    sum(looks, refcounts::TABLE, |table, row| {
        let get = |column| number(table, column, row);
        let share = get(refcounts::UNREFERENCED)? / get(refcounts::OBJECTS)?.max(1.0);
        Some(share.min(1.0) * (get(refcounts::BYTES)? + get(refcounts::HELD_BYTES).unwrap_or(0.0)))
    })
}

fn unreachable(looks: &[Snapshot]) -> Group {
    sum(looks, native_blocks::TABLE, |table, row| {
        let state = table.value(native_blocks::STATE, row);
        (state.as_str() == Some(native_blocks::UNREACHABLE)).then_some(())?;
        number(table, native_blocks::RESIDENT, row)
    })
}

/// One sum for each look that has the table.
fn sum(looks: &[Snapshot], table: &str, of: impl Fn(&Table, usize) -> Option<f64>) -> Group {
    by_key(looks, table, |table, row| Some(((), of(table, row)?))).remove(&()).unwrap_or_default()
}

/// Causes of growth that end by themselves, where they explain what grew.
pub(crate) fn bounded(lanes: &Lanes, curve: &Curve<'_>) -> Option<Vec<Cause>> {
    let mut looks = lanes.of(holders::TABLE);
    // Of several processes nobody knows which part of the growth is whose.
    let (looks, None) = (looks.next()?, looks.next()) else { return None };
    let (first, last) = (looks.first()?, looks.last()?);
    let grown = curve.grown(looks);
    let mut causes: Vec<Cause> = containers(first, last, curve.at(last)).into_iter().collect();
    let garbage = Garbage::of(lanes, looks);
    if garbage.is_taken() {
        causes.extend(waiting(&garbage));
        causes.extend(given_back(lanes, &garbage));
    }
    let explained: f64 = causes.iter().map(|cause| cause.bytes).sum();
    let rest = grown - explained;
    let is_explained = grown >= GRAIN_BYTES && rest <= (1.0 - EXPLAINED) * grown;
    // It went up and came down again: by a collection, if that took as much.
    let came_back = grown < FLOOR_BYTES && garbage.taken() >= FLOOR_BYTES && garbage.is_taken();
    if came_back && causes.is_empty() {
        causes.push(collected(garbage.taken()));
    }
    (is_explained || came_back).then_some(causes)
}

/// Growth of what containers with a bound hold, unless much is still to come.
fn containers(first: &Snapshot, last: &Snapshot, now: f64) -> Option<Cause> {
    let (before, after) = (bytes_by_path(first), bytes_by_path(last));
    let (known, bounds) = (bounded_paths(first), bounded_paths(last));
    let mut growth: BTreeMap<String, (f64, f64)> = BTreeMap::new();
    for (path, (bytes, steps)) in &after {
        let grown = bytes - before.get(path).map_or(0.0, |row| row.0);
        if grown.abs() < GRAIN_BYTES / 16.0 {
            continue;
        }
        let steps: Vec<Step> = serde_json::from_str(steps).unwrap_or_default();
        let ways = (1..=steps.len().min(64)).map(|n| path_text(&steps[..n]));
        if let Some(way) = ways.into_iter().find(|way| bounds.contains_key(way.as_str())) {
            let sums = growth.entry(way).or_default();
            sums.0 += grown;
            sums.1 += bytes;
        }
    }
    let held = |(way, (grown, bytes)): (String, (f64, f64))| {
        let bound = bounds.get(way.as_str())?;
        let before = known.get(way.as_str()).map_or(1.0, |bound| bound.containers);
        let to_come = (bound.most - bound.length) * bytes / bound.length.max(1.0);
        let holds = bound.containers <= before.max(1.0) && to_come <= TO_COME.max(now);
        let words = format!(
            "{} in {way}, which has {} members of at most {}",
            human::bytes(grown),
            human::count(bound.length),
            human::count(bound.most)
        );
        (holds && grown >= GRAIN_BYTES).then_some(Cause { bytes: grown, words })
    };
    growth.into_iter().filter_map(held).max_by(|a, b| a.bytes.total_cmp(&b.bytes))
}

fn bytes_by_path(look: &Snapshot) -> BTreeMap<&str, (f64, &str)> {
    let Some(table) = look.table(holders::TABLE) else { return BTreeMap::new() };
    let row = |row| {
        let path = table.value(holders::PATH, row).as_str()?;
        let steps = table.value(holders::STEPS, row).as_str()?;
        Some((path, (number(table, holders::BYTES, row)?, steps)))
    };
    (0..table.rows()).filter_map(row).collect()
}

struct Bound {
    containers: f64,
    length: f64,
    most: f64,
}

fn bounded_paths(look: &Snapshot) -> BTreeMap<&str, Bound> {
    let Some(table) = look.table(bounds::TABLE) else { return BTreeMap::new() };
    let row = |row| {
        let bound = Bound {
            containers: number(table, bounds::CONTAINERS, row)?,
            length: number(table, bounds::LENGTH, row)?,
            most: number(table, bounds::MOST, row)?,
        };
        Some((table.value(bounds::PATH, row).as_str()?, bound))
    };
    (0..table.rows()).filter_map(row).collect()
}

/// Garbage that the next full collection takes.
fn waiting(garbage: &Garbage<'_>) -> Option<Cause> {
    let bytes = garbage.growth();
    let words = format!(
        "{} in reference cycles that the collector, which is on, comes to in its next full \
         collections",
        human::bytes(bytes)
    );
    (bytes >= GRAIN_BYTES).then_some(Cause { bytes, words })
}

fn collected(bytes: f64) -> Cause {
    let words = format!("{} in reference cycles that a collection took", human::bytes(bytes));
    Cause { bytes, words }
}

/// What a collection took, as far as the allocators keep it for later.
fn given_back(lanes: &Lanes, garbage: &Garbage<'_>) -> Option<Cause> {
    let of = |table: &'static str, free: fn(&Table, usize) -> Option<f64>| {
        lanes.of(table).map(|looks| sum(looks, table, free).growth()).sum::<f64>()
    };
    let free = of(pymalloc::TABLE, super::pools::free) + of(malloc_arenas::TABLE, malloc::free);
    let bytes = garbage.taken().min(free);
    (bytes >= GRAIN_BYTES).then(|| collected(bytes))
}
