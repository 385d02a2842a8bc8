//! Memory that allocators keep for later: glibc's `malloc` and the interpreter's own, together.

use diff::human;
use probe::tables::{malloc_arenas, pymalloc};
use probe::{Certainty, Finding, FindingKind};

use super::group::{Group, by_key};
use super::malloc::Kept;
use super::{Scene, about_bytes, malloc, pools};
use crate::curve::GRAIN_BYTES;

/// Free memory that is said although it did not grow: from so many bytes on,
const RESTING: f64 = (8 << 20) as f64;
/// and from this share of what the process has.
const RESTING_SHARE: f64 = 0.25;
/// What has less than this part of it is not in the title.
const IN_TITLE: f64 = 0.1;

/// What would give memory back, and how much of it.
pub(super) struct Lever {
    pub(super) bytes: f64,
    pub(super) words: String,
    pub(super) advice: &'static str,
}

/// What one allocator keeps.
struct Part {
    is_malloc: bool,
    group: Group,
    levers: Vec<Lever>,
    evidence: Vec<String>,
}

/// Free memory of allocators, where that is what grew.
pub(super) fn growing(scene: &Scene<'_>) -> Vec<Finding> {
    let least = (0.2 * scene.growth).max(GRAIN_BYTES);
    let mut parts = parts(scene);
    parts.retain(|part| part.group.points.len() >= 2);
    let grown: f64 = parts.iter().map(|part| part.group.growth()).sum();
    parts.retain(|part| part.group.growth() >= least.min(IN_TITLE * grown));
    let grown: f64 = parts.iter().map(|part| part.group.growth()).sum();
    if grown >= least { vec![finding(scene, parts, Group::growth)] } else { Vec::new() }
}

/// The same where it is a large part of what the process has, growing or not.
pub(super) fn resting(scene: &Scene<'_>) -> Vec<Finding> {
    let parts = parts(scene);
    let kept: f64 = parts.iter().map(|part| part.group.last()).sum();
    if kept < RESTING.max(RESTING_SHARE * scene.footprint) {
        return Vec::new();
    }
    let mut finding = finding(scene, parts, Group::last);
    finding.share = None;
    vec![finding]
}

fn parts(scene: &Scene<'_>) -> Vec<Part> {
    let mut found = Vec::new();
    for kept in scene.lanes.of(malloc_arenas::TABLE) {
        let looks = scene.recent(kept);
        let group = by_key(looks, malloc_arenas::TABLE, |table, row| {
            Some(((), malloc::resident(table, row)?))
        })
        .remove(&());
        let last = looks.last().and_then(Kept::of);
        found.extend(group.zip(last).map(|(group, last)| {
            let (levers, evidence) = (last.levers(), last.evidence());
            Part { is_malloc: true, group, levers, evidence }
        }));
    }
    for kept in scene.lanes.of(pymalloc::TABLE) {
        let looks = scene.recent(kept);
        let group =
            by_key(looks, pymalloc::TABLE, |table, row| Some(((), pools::free(table, row)?)))
                .remove(&());
        let levers: Vec<Lever> = looks.last().and_then(pools::lever).into_iter().collect();
        let part = |group| Part { is_malloc: false, group, levers, evidence: Vec::new() };
        found.extend(group.map(part));
    }
    found
}

/// One finding about all of them, most first by `size`.
fn finding(scene: &Scene<'_>, mut parts: Vec<Part>, size: fn(&Group) -> f64) -> Finding {
    parts.sort_by(|a, b| size(&b.group).total_cmp(&size(&a.group)));
    let mut all = Group::default();
    for part in &parts {
        all.add_nearest(&part.group);
    }
    let mut finding = about_bytes(FindingKind::AllocatorHeld, &all, scene);
    finding.subject = subject(&parts, size);
    finding.certainty = Certainty::Possible;
    for part in &parts {
        let who = if part.is_malloc { "malloc" } else { "pymalloc" };
        let what = format!("memory that {who} keeps and nobody uses");
        finding.evidence.push(part.group.grew(&what));
        finding.evidence.extend(part.evidence.iter().cloned());
    }
    let mut levers: Vec<Lever> = parts.into_iter().flat_map(|part| part.levers).collect();
    levers.sort_by(|a, b| b.bytes.total_cmp(&a.bytes));
    finding.evidence.extend(levers.iter().map(|lever| lever.words.clone()));
    finding.advice = advice(&levers);
    finding
}

fn subject(parts: &[Part], size: fn(&Group) -> f64) -> String {
    let all: f64 = parts.iter().map(|part| size(&part.group)).sum();
    let large = |is_malloc: bool| {
        parts.iter().any(|part| part.is_malloc == is_malloc && size(&part.group) >= IN_TITLE * all)
    };
    match (large(true), large(false)) {
        (true, true) => "glibc malloc and pymalloc: free memory in their arenas".into(),
        (false, true) => "pymalloc: free blocks and pools of the interpreter's allocator".into(),
        _ => "glibc malloc: free memory in its arenas".into(),
    }
}

/// What helps, most first.
fn advice(levers: &[Lever]) -> String {
    let mut advice = String::from(
        "Memory that was used once and is kept for later: watch whether it is used again. ",
    );
    for lever in levers.iter().filter(|lever| lever.bytes >= GRAIN_BYTES) {
        advice += &format!("{} ({}) ", lever.advice, human::bytes(lever.bytes));
    }
    advice += "What then stays is held by blocks in use that lie between free ones.";
    advice
}
