//! What grows, as far as platform numbers tell.
//!
//! A finding stands beside a verdict: with a leak everything that took part in it is named,
//! most first; with an open verdict only what grew, as a possibility; with no leak nothing,
//! except threads and handles that never once decreased, which the verdict over memory does
//! not cover.

mod causes;
mod children;
mod counts;
mod garbage;
mod group;
mod kept;
mod kinds;
mod malloc;
mod mapped;
mod memory;
mod merge;
mod native;
mod places;
mod pools;
mod python;
mod refcounts;
mod sites;
mod threads;

use probe::{Certainty, Finding, FindingKind, Growth, Level, Snapshot};

use crate::Judgement;
use crate::lanes::Lanes;
pub(crate) use causes::{Cause, Curve, bounded, lost};
use group::Group;
use merge::{EXPLAINED, Place, Told};

/// Looks that are nearer to each other than this say nothing of a pace, seconds.
const SHORT_S: f64 = 2.0;

/// Everything that is found, most important first.
pub(crate) fn all(lanes: &Lanes, judgement: &Judgement, level: Option<Level>) -> Vec<Finding> {
    let scene = Scene::new(lanes, judgement, level);
    let mut found = Vec::new();
    let mut threads = counts::endless_threads(&scene);
    let rises = match judgement.verdict.leak {
        Some(leak) => leak || judgement.is_bounded,
        None => judgement.verdict.severity.low > 0.0,
    };
    if rises {
        let (told, mut objects) = objects(&scene);
        let child = |finding| Place { is_plain: false, finding };
        let mut places: Vec<Place> = children::find(&scene).into_iter().map(child).collect();
        places.extend(memory::find(&scene));
        memory::name_holders(&mut places, &told);
        // Stacks are those of the threads that came.
        if threads.iter().any(|finding| finding.share.is_some()) {
            places.retain(|place| place.finding.subject != memory::STACKS);
        }
        let held = kept::growing(&scene);
        objects.extend(mapped::find(&scene));
        objects.append(&mut threads);
        objects.extend(told.into_iter().map(|told| told.finding));
        found = merge::merged(objects, held, places);
    }
    if judgement.is_bounded {
        found.iter_mut().for_each(|finding| finding.certainty = Certainty::Possible);
    }
    if found.iter().all(|f| f.kind != FindingKind::AllocatorHeld) {
        found.extend(kept::resting(&scene));
    }
    // What ends neither is a cause: it comes before where memory lies, behind the first finding.
    let second = found.len().min(1);
    let is_likely = |finding: &Finding| finding.certainty != Certainty::Possible;
    let moves = |f: &mut Finding| f.kind == FindingKind::ThreadGrowth && is_likely(f);
    let merged: Vec<_> = found.extract_if(second.., moves).collect();
    let counted = merged.into_iter().chain(threads).chain(counts::handles(&scene));
    let (likely, possible): (Vec<_>, Vec<_>) = counted.partition(is_likely);
    found.splice(second..second, likely);
    found.extend(possible);
    for (index, finding) in found.iter_mut().enumerate() {
        finding.id = format!("{}-{}", finding.kind.name(), index + 1);
    }
    found
}

/// Python objects that grow: by who holds them, or why nobody does; by type alone where that does
/// not explain it. Then native blocks that belong to none of these.
fn objects(scene: &Scene<'_>) -> (Vec<Told>, Vec<Finding>) {
    let mut told = sites::find(scene);
    told.extend(garbage::find(scene));
    told.extend(refcounts::find(scene));
    let mut native = native::leaks(scene);
    let explained: f64 =
        told.iter().map(|told| &told.finding).chain(&native).filter_map(|f| f.share).sum();
    if !sites::counted(scene) || explained < EXPLAINED {
        let types = python::find(scene, &mut told);
        told.extend(types);
    }
    native.extend(native::growth(scene, &mut told));
    (told, native)
}

/// What all rules look at.
struct Scene<'a> {
    lanes: &'a Lanes,
    leak: Option<bool>,
    /// Steady clock at which the last regime begins, nanoseconds.
    since_ns: u64,
    /// PID of the first target.
    root: u32,
    /// Growth of the judged series over the last regime, bytes.
    growth: f64,
    /// The same in a second.
    rate: f64,
    /// What the processes have in the end, bytes.
    footprint: f64,
    level: Level,
}

impl<'a> Scene<'a> {
    fn new(lanes: &'a Lanes, judgement: &Judgement, level: Option<Level>) -> Self {
        let looks = lanes.tables();
        let first =
            looks.iter().filter_map(|(_, kept)| kept.first()).min_by_key(|s| s.taken.monotonic_ns);
        let start = first.map_or(0, |s| s.taken.monotonic_ns);
        let watched = judgement.series.last().map_or(0.0, |p| p.0);
        Self {
            lanes,
            leak: judgement.verdict.leak,
            since_ns: start.saturating_add((judgement.warmup_s.max(0.0) * 1e9) as u64),
            root: first.map_or(0, |s| s.target.pid),
            growth: judgement.verdict.severity.bytes_per_s * (watched - judgement.warmup_s),
            rate: judgement.verdict.severity.bytes_per_s,
            footprint: judgement.series.last().map_or(0.0, |p| p.1),
            level: level.unwrap_or(Level::High),
        }
    }

    /// The looks of the last regime; all of them if too few of them lie in it.
    fn recent<'s>(&self, kept: &'s [Snapshot]) -> &'s [Snapshot] {
        let from = kept.partition_point(|s| s.taken.monotonic_ns < self.since_ns);
        if kept.len() - from >= 3 { &kept[from..] } else { kept }
    }

    /// The next command for a process, by the level of this run.
    fn next_command(&self, pid: u64) -> String {
        match self.level {
            Level::High => format!("memprobe --level medium --pid {pid}"),
            Level::Medium => format!("memprobe --level low --pid {pid}"),
            // There is no deeper level: a longer look is what is left.
            Level::Low => format!("memprobe --level low --pid {pid} --for 5m"),
        }
    }

    /// The share of a group in what grew in its time, 0 to 1; `None` if nothing grew.
    fn share(&self, group: &Group) -> Option<f64> {
        let seconds = group.seconds();
        let growth = if seconds >= SHORT_S { self.rate * seconds } else { self.growth };
        (growth > 0.0).then(|| (group.growth() / growth).clamp(0.0, 1.0))
    }

    fn certainty(&self, group: &Group) -> Certainty {
        if self.leak == Some(true) && group.is_steady() {
            Certainty::Likely
        } else {
            Certainty::Possible
        }
    }
}

/// A finding about bytes, to be completed.
fn about_bytes(kind: FindingKind, group: &Group, scene: &Scene<'_>) -> Finding {
    Finding {
        id: String::new(),
        kind,
        subject: String::new(),
        place: None,
        growth: Growth {
            objects: None,
            bytes: Some(group.growth()),
            objects_per_s: None,
            bytes_per_s: Some(group.per_s()),
        },
        share: scene.share(group),
        holders: Vec::new(),
        certainty: scene.certainty(group),
        evidence: Vec::new(),
        advice: String::new(),
    }
}
