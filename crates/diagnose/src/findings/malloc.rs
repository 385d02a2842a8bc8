//! Memory that glibc's `malloc` keeps for later.

use diff::human;
use probe::tables::{malloc_arenas, malloc_settings};
use probe::{Certainty, Finding, FindingKind, Snapshot, Table};

use super::group::{Group, by_key};
use super::{Scene, about_bytes};
use crate::curve::GRAIN_BYTES;
use crate::footprint::number;

/// The trim threshold that glibc starts with.
const TRIM_THRESHOLD: f64 = 131_072.0;

/// Free memory that is said although it did not grow: from so many bytes on,
const RESTING: f64 = (8 << 20) as f64;
/// and from this share of what the process has.
const RESTING_SHARE: f64 = 0.25;

/// Free memory in arenas, where that is what grew.
pub(super) fn held(scene: &Scene<'_>) -> Vec<Finding> {
    let least = (0.2 * scene.growth).max(GRAIN_BYTES);
    find(scene, |group| group.points.len() >= 2 && group.growth() >= least)
}

/// The same where it is a large part of what the process has, growing or not.
pub(super) fn resting(scene: &Scene<'_>) -> Vec<Finding> {
    let least = RESTING.max(RESTING_SHARE * scene.footprint);
    let mut found = find(scene, |group| group.last() >= least);
    for finding in &mut found {
        finding.share = None;
    }
    found
}

fn find(scene: &Scene<'_>, is_worth_it: impl Fn(&Group) -> bool) -> Vec<Finding> {
    let mut found = Vec::new();
    for kept in scene.lanes.of(malloc_arenas::TABLE) {
        let looks = scene.recent(kept);
        let groups =
            by_key(looks, malloc_arenas::TABLE, |table, row| Some(((), free(table, row)?)));
        if let Some(group) = groups.get(&()).filter(|group| is_worth_it(group)) {
            found.extend(looks.last().map(|last| keeping(scene, group, &Kept::of(last))));
        }
    }
    found
}

/// Free bytes of an arena, on whichever list.
pub(super) fn free(table: &Table, row: usize) -> Option<f64> {
    use malloc_arenas as t;
    let lists = [t::BYTES_FREE, t::BYTES_FAST, t::BYTES_CACHED, t::BYTES_TOP];
    lists.iter().map(|name| number(table, name, row)).sum()
}

/// What is kept at the last look, and what would give how much of it back. Bytes.
#[derive(Debug, Default)]
struct Kept {
    /// Arenas of threads.
    arenas: u64,
    /// Free in them.
    in_arenas: f64,
    /// What trimming gives.
    trim: Option<f64>,
    /// The part of it at the top of the main heap.
    trim_top: f64,
    /// The threshold for that part.
    threshold: Option<f64>,
    /// In caches of threads.
    cached: f64,
    largest: f64,
}

impl Kept {
    fn of(look: &Snapshot) -> Self {
        use malloc_arenas as t;
        let mut kept = Self::default();
        let Some(table) = look.table(t::TABLE) else { return kept };
        for row in 0..table.rows() {
            if table.value(t::KIND, row).as_str() == Some("thread") {
                kept.arenas += 1;
                kept.in_arenas += free(table, row).unwrap_or(0.0);
            }
            let top = number(table, t::TRIM_TOP, row);
            let trim = top.zip(number(table, t::TRIM_INSIDE, row)).map(|(a, b)| a + b);
            kept.trim = trim.map_or(kept.trim, |trim| Some(kept.trim.unwrap_or(0.0) + trim));
            kept.trim_top += top.unwrap_or(0.0);
            kept.cached += number(table, t::BYTES_CACHED, row).unwrap_or(0.0);
            kept.largest = kept.largest.max(number(table, t::LARGEST, row).unwrap_or(0.0));
        }
        let settings = look.table(malloc_settings::TABLE);
        kept.threshold =
            settings.and_then(|table| number(table, malloc_settings::TRIM_THRESHOLD, 0));
        kept
    }

    /// What a threshold as at the start would give back of the top.
    fn by_threshold(&self) -> Option<f64> {
        let raised = self.threshold.is_some_and(|threshold| threshold > TRIM_THRESHOLD);
        let gives = self.trim_top - TRIM_THRESHOLD;
        (raised && gives >= GRAIN_BYTES).then_some(gives)
    }
}

fn keeping(scene: &Scene<'_>, group: &Group, kept: &Kept) -> Finding {
    let mut finding = about_bytes(FindingKind::AllocatorHeld, group, scene);
    finding.subject = "glibc malloc: free memory in its arenas".into();
    finding.certainty = Certainty::Possible;
    finding.evidence = evidence(group, kept);
    finding.advice = advice(kept);
    finding
}

fn evidence(group: &Group, kept: &Kept) -> Vec<String> {
    let mut evidence = vec![group.grew("memory that malloc keeps and nobody uses")];
    evidence.extend(kept.trim.map(|bytes| {
        format!("malloc_trim(0) would give back {} at the last look", human::bytes(bytes))
    }));
    if kept.arenas > 0 {
        evidence.push(format!(
            "{} arenas of threads hold {} of it: the most that fewer arenas can save",
            kept.arenas,
            human::bytes(kept.in_arenas)
        ));
    }
    evidence.extend(kept.by_threshold().map(|bytes| {
        format!(
            "MALLOC_TRIM_THRESHOLD_=131072 would give back {} at the top of the main heap",
            human::bytes(bytes)
        )
    }));
    evidence.push(format!(
        "the largest free chunk has {}; caches of threads hold {}",
        human::bytes(kept.largest),
        human::bytes(kept.cached)
    ));
    evidence
}

fn advice(kept: &Kept) -> String {
    let mut advice = String::from(
        "Memory that was used once and is kept for later: watch whether it is used again. ",
    );
    if kept.trim.is_some_and(|bytes| bytes >= GRAIN_BYTES) {
        advice += "Call malloc_trim(0) after peaks (ctypes.CDLL(None).malloc_trim(0)). ";
    }
    if kept.in_arenas >= GRAIN_BYTES {
        advice += "Start the program with MALLOC_ARENA_MAX=2 if many threads allocate. ";
    }
    if kept.by_threshold().is_some() {
        advice += "MALLOC_TRIM_THRESHOLD_=131072 keeps the top of the heap short. ";
    }
    advice += "What then stays is held by blocks in use that lie between free ones.";
    advice
}
