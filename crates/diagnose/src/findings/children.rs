//! Which processes grow, when it is not the one that was asked about.

use std::collections::BTreeMap;

use diff::human;
use probe::tables::processes;
use probe::{Finding, FindingKind, Snapshot, Table};

use super::group::{Group, by_key};
use super::{Scene, about_bytes};
use crate::footprint::number;

/// A process that explains less of the growth is not named by itself, and several that explain
/// less together are not named at all.
const LEAST_SHARE: f64 = 0.25;
/// So many more processes are children that do not end.
const MORE: f64 = 3.0;

/// Processes of the tree, or further targets, that grow.
pub(super) fn find(scene: &Scene<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for kept in scene.lanes.of(processes::TABLE) {
        let looks = scene.recent(kept);
        let mut groups = by_key(looks, processes::TABLE, |table, row| {
            let pid = table.value(processes::PID, row).as_u64()?;
            Some((pid, footprint(table, row)?))
        });
        groups.remove(&u64::from(scene.root));
        let names = names(looks);
        let name = |pid: u64| names.get(&pid).map_or("", String::as_str);
        let (mut small, before) = (BTreeMap::new(), found.len());
        for (pid, group) in groups {
            let share = scene.share(&group).unwrap_or(0.0);
            if share < LEAST_SHARE || group.per_s() <= 0.0 {
                small.insert(pid, group);
            } else {
                found.push(one(scene, (pid, name(pid)), &group, share));
            }
        }
        if found.len() == before {
            found.extend(several(scene, looks, &small, name));
        }
    }
    found
}

/// What a process has by itself.
fn footprint(table: &Table, row: usize) -> Option<f64> {
    let get = |column| number(table, column, row);
    let anon = get(processes::PSS_ANON).or_else(|| get(processes::RSS_ANON))?;
    let shared = get(processes::PSS_SHMEM).or_else(|| get(processes::RSS_SHMEM));
    let swap = get(processes::SWAP_PSS).or_else(|| get(processes::SWAP));
    Some(anon + shared.unwrap_or(0.0) + swap.unwrap_or(0.0))
}

/// The newest command, or name, of each process.
fn names(looks: &[Snapshot]) -> BTreeMap<u64, String> {
    let mut names = BTreeMap::new();
    for table in looks.iter().filter_map(|look| look.table(processes::TABLE)) {
        for row in 0..table.rows() {
            let text = |column| table.value(column, row).as_str().filter(|t| !t.is_empty());
            let name = text(processes::COMMAND).or_else(|| text(processes::NAME));
            if let (Some(pid), Some(name)) = (table.value(processes::PID, row).as_u64(), name) {
                names.insert(pid, name.to_owned());
            }
        }
    }
    names
}

fn of_growth(share: f64) -> String {
    format!("that is {} of the growth", human::percent((share * 100.0).round() / 100.0))
}

fn one(scene: &Scene<'_>, (pid, name): (u64, &str), group: &Group, share: f64) -> Finding {
    let mut finding = about_bytes(FindingKind::ChildGrowth, group, scene);
    finding.subject = format!("process {pid} {name}").trim_end().to_owned();
    finding.place = (!name.is_empty()).then(|| name.to_owned());
    finding.evidence =
        vec![group.grew(&format!("Private memory of process {pid}")), of_growth(share)];
    let next = scene.next_command(pid);
    finding.advice = format!("Look at this process by itself: `{next}`.");
    finding
}

/// Processes of which each explains little: workers that all grow, or ever more of them.
fn several<'a>(
    scene: &Scene<'_>,
    looks: &[Snapshot],
    groups: &BTreeMap<u64, Group>,
    name: impl Fn(u64) -> &'a str,
) -> Option<Finding> {
    (groups.len() > 1).then_some(())?;
    let mut sum = Group::default();
    groups.values().for_each(|group| sum.add(group));
    let share = scene.share(&sum).filter(|&share| share >= LEAST_SHARE)?;
    let growth = |group: &Group| group.growth();
    let (&most, group) = groups.iter().max_by(|a, b| growth(a.1).total_cmp(&growth(b.1)))?;
    let counts = by_key(looks, processes::TABLE, |table, row| {
        let pid = table.value(processes::PID, row).as_u64()?;
        groups.contains_key(&pid).then_some(((), 1.0))
    });
    let count = counts.into_values().next()?;
    let mut finding = about_bytes(FindingKind::ChildGrowth, &sum, scene);
    finding.growth.objects = Some(count.growth());
    finding.subject = format!("{} processes {}", human::count(count.last()), name(most));
    finding.place = Some(name(most).to_owned()).filter(|name| !name.is_empty());
    finding.evidence = vec![
        sum.grew("Private memory of these processes"),
        of_growth(share),
        count.counted("their number"),
        group.grew(&format!("the one that grew most is {most}: it")),
    ];
    let next = scene.next_command(most);
    finding.advice = if count.growth() >= MORE {
        format!(
            "Processes are started and do not end: join or terminate them, or use a pool. `{next}` \
             looks at the one that grew most."
        )
    } else {
        format!("They all grow: look at one of them by itself: `{next}`.")
    };
    Some(finding)
}
