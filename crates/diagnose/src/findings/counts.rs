//! Threads and handles that only increase.

use std::collections::BTreeMap;

use diff::human;
use probe::tables::{handles, processes};
use probe::{Certainty, Finding, FindingKind, Growth, Snapshot};

use super::group::{Group, by_key};
use super::{Scene, threads};
use crate::footprint::number;

/// Fewer than this many more are no growth.
const LEAST: f64 = 5.0;
/// With a verdict of no leak, only what rose at so many looks and never fell is named.
const LEAST_LOOKS: usize = 6;

/// Whether a count grows by what is worth a word beside this verdict.
fn grows(scene: &Scene<'_>, group: &Group) -> bool {
    let enough = group.growth() >= LEAST && group.per_s() > 0.0 && group.points.len() >= 3;
    match scene.leak {
        Some(false) => {
            let calm = group.calm();
            enough && calm.never_falls() && calm.rises() >= LEAST_LOOKS && calm.is_steady()
        }
        _ => enough && (group.calm().rising() >= 0.5 || group.as_bytes().is_steady()),
    }
}

/// When each process was first seen, seconds after the first look: what it began with is no growth.
fn births(looks: &[Snapshot], table: &str, pid: &'static str) -> BTreeMap<u64, f64> {
    let groups = by_key(looks, table, |table, row| Some((table.value(pid, row).as_u64()?, 1.0)));
    let born = |group: Group| group.points.iter().find(|p| p.1 > 0.0).map_or(0.0, |p| p.0);
    groups.into_iter().map(|(pid, group)| (pid, born(group))).collect()
}

fn since(mut group: Group, birth: Option<&f64>) -> Group {
    let birth = birth.copied().unwrap_or(0.0);
    group.points.retain(|point| point.0 >= birth);
    group
}

fn certainty(scene: &Scene<'_>, group: &Group) -> Certainty {
    // Where memory leaks as well few looks say it.
    let enough = group.points.len() > LEAST_LOOKS || scene.leak == Some(true);
    let is_sure = enough && group.as_bytes().is_steady();
    if is_sure && scene.leak != Some(false) { Certainty::Likely } else { Certainty::Possible }
}

fn finding(scene: &Scene<'_>, kind: FindingKind, group: &Group) -> Finding {
    Finding {
        id: String::new(),
        kind,
        subject: String::new(),
        place: None,
        growth: Growth {
            objects: Some(group.growth()),
            bytes: None,
            objects_per_s: Some(group.per_s()),
            bytes_per_s: None,
        },
        share: None,
        holders: Vec::new(),
        certainty: certainty(scene, group),
        evidence: Vec::new(),
        advice: String::new(),
    }
}

/// Threads that are started and do not end, one finding per process.
pub(super) fn endless_threads(scene: &Scene<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for kept in scene.lanes.of(processes::TABLE) {
        let looks = scene.recent(kept);
        let born = births(looks, processes::TABLE, processes::PID);
        let groups = by_key(looks, processes::TABLE, |table, row| {
            let pid = table.value(processes::PID, row).as_u64()?;
            Some((pid, number(table, processes::THREADS, row)?))
        });
        let groups = groups.into_iter().map(|(pid, group)| (pid, since(group, born.get(&pid))));
        for (pid, group) in groups.filter(|(_, g)| grows(scene, g)) {
            let mut finding = finding(scene, FindingKind::ThreadGrowth, &group);
            finding.subject = format!("threads of process {pid}");
            finding.evidence = vec![
                group.counted("The number of threads"),
                format!("that is {} more per second", human::count(group.per_s())),
            ];
            threads::tell(scene, pid, &mut finding);
            finding.advice = format!(
                "Threads are started and never end: join them, or use a pool. Run `{}` to see them.",
                scene.next_command(pid)
            );
            found.push(finding);
        }
    }
    found
}

/// Handles that are opened and not closed, one finding per process and kind.
pub(super) fn handles(scene: &Scene<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for kept in scene.lanes.of(handles::TABLE) {
        let looks = scene.recent(kept);
        let born = births(looks, handles::TABLE, handles::PID);
        let mut examples: BTreeMap<(u64, String), String> = BTreeMap::new();
        let groups = by_key(looks, handles::TABLE, |table, row| {
            let pid = table.value(handles::PID, row).as_u64()?;
            let key = (pid, table.value(handles::KIND, row).as_str()?.to_owned());
            if let Some(example) = table.value(handles::EXAMPLE, row).as_str() {
                examples.insert(key.clone(), example.to_owned());
            }
            Some((key, number(table, handles::COUNT, row)?))
        });
        let groups = groups.into_iter().map(|(key, group)| (since(group, born.get(&key.0)), key));
        for (group, key) in groups.filter(|(group, _)| grows(scene, group)) {
            let (pid, kind) = &key;
            let mut finding = finding(scene, FindingKind::HandleGrowth, &group);
            finding.subject = format!("open handles of kind {kind}, process {pid}");
            finding.evidence = vec![group.counted(&format!("The number of open {kind} handles"))];
            if let Some(example) = examples.get(&key) {
                finding.place = Some(example.clone());
                finding.evidence.push(format!("the newest is {example}"));
            }
            finding.advice = format!(
                "They are opened and not closed: look for the code that opens `{kind}` handles \
                 without a `with` block or `close()`."
            );
            found.push(finding);
        }
    }
    found
}
