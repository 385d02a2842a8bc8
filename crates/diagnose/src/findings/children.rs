//! Which process grows, when it is not the one that was asked about.

use std::collections::BTreeMap;

use diff::human;
use probe::tables::processes;
use probe::{Finding, FindingKind};

use super::group::by_key;
use super::{Scene, about_bytes};
use crate::footprint::number;

/// A process that explains less of the growth is not named.
const LEAST_SHARE: f64 = 0.25;

/// Processes of the tree, or further targets, that grow.
pub(super) fn find(scene: &Scene<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for kept in scene.lanes.of(processes::TABLE) {
        let mut names: BTreeMap<u64, String> = BTreeMap::new();
        let groups = by_key(scene.recent(kept), processes::TABLE, |table, row| {
            let pid = table.value(processes::PID, row).as_u64()?;
            let text = |column| table.value(column, row).as_str().filter(|t| !t.is_empty());
            if let Some(name) = text(processes::COMMAND).or_else(|| text(processes::NAME)) {
                names.insert(pid, name.to_owned());
            }
            let get = |column| number(table, column, row);
            let anon = get(processes::PSS_ANON).or_else(|| get(processes::RSS_ANON))?;
            let shared = get(processes::PSS_SHMEM).or_else(|| get(processes::RSS_SHMEM));
            let swap = get(processes::SWAP_PSS).or_else(|| get(processes::SWAP));
            Some((pid, anon + shared.unwrap_or(0.0) + swap.unwrap_or(0.0)))
        });
        for (pid, group) in &groups {
            let share = scene.share(group).unwrap_or(0.0);
            if *pid == u64::from(scene.root) || share < LEAST_SHARE || group.per_s() <= 0.0 {
                continue;
            }
            let name = names.get(pid).map_or("", String::as_str);
            let mut finding = about_bytes(FindingKind::ChildGrowth, group, scene);
            finding.subject = format!("process {pid} {name}").trim_end().to_owned();
            finding.place = (!name.is_empty()).then(|| name.to_owned());
            finding.evidence = vec![
                group.grew(&format!("Private memory of process {pid}")),
                format!(
                    "that is {} of the growth",
                    human::percent((share * 100.0).round() / 100.0)
                ),
            ];
            let next = scene.next_command(*pid);
            finding.advice = format!("Look at this process by itself: `{next}`.");
            found.push(finding);
        }
    }
    found
}
