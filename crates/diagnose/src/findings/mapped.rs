//! Memory that libraries map for themselves, and who holds mappings of files and shared memory.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use diff::human;
use probe::tables::{holders, mapping_holders, mappings, private_memory};
use probe::{Finding, FindingKind, Holder, Snapshot, Step};

use super::group::{Group, by_key};
use super::{Scene, about_bytes};
use crate::curve::GRAIN_BYTES;
use crate::footprint::number;

/// What explains less than this share of the growth is not worth a finding.
const LEAST_SHARE: f64 = 0.03;
/// At most so many findings, and ways of holding of each.
const MOST: usize = 3;
/// What holds a mapping, where an object does.
const OBJECT: &str = "object ";

/// Anonymous memory outside of all heaps, by who points to it, most bytes first.
pub(super) fn find(scene: &Scene<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for kept in scene.lanes.of(private_memory::TABLE) {
        let groups = by_key(scene.recent(kept), private_memory::TABLE, |table, row| {
            use private_memory as t;
            let part = table.value(t::PART, row).as_str()?;
            [t::MAPPED, t::UNKNOWN].contains(&part).then_some(())?;
            let name = table.value(t::NAME, row).as_str().unwrap_or_default();
            // Each thread of a library may have a variable of its own.
            let library = name.split_once("+0x").map_or(name, |(library, _)| library);
            Some((library.to_owned(), number(table, t::RESIDENT, row)?))
        });
        let least = (LEAST_SHARE * scene.growth).max(GRAIN_BYTES);
        let grown = groups.iter().filter(|(_, group)| {
            group.points.len() >= 2 && group.growth() >= least && group.mostly_rises()
        });
        found.extend(grown.map(|(holder, group)| mapped(scene, holder, group)));
    }
    found.sort_by(|a, b| bytes(b).total_cmp(&bytes(a)));
    found.truncate(MOST);
    found
}

fn bytes(finding: &Finding) -> f64 {
    finding.growth.bytes.unwrap_or(0.0)
}

fn mapped(scene: &Scene<'_>, holder: &str, group: &Group) -> Finding {
    let mut finding = about_bytes(FindingKind::MappingGrowth, group, scene);
    let who = match holder.strip_prefix(OBJECT) {
        Some(name) => format!("{name} objects"),
        None => holder.to_owned(),
    };
    if holder.is_empty() {
        finding.subject = "anonymous mappings that nothing points to".into();
        finding.advice = "A library took memory with mmap() and lost it: look for a missing \
                          munmap(), or for a handle that is never closed."
            .into();
    } else {
        finding.subject = format!("anonymous mappings of {who}");
        finding.place = Some(holder.to_owned());
        finding.advice = format!(
            "{who} took memory from the system itself, outside of malloc: look for what is done \
             with it again and again, and for a way to close or clear it."
        );
    }
    finding.evidence = vec![
        group.grew(&finding.subject),
        "they are in no heap that is known, and no stack".into(),
    ];
    finding
}

/// Adds to a finding about a mapped file or shared memory which objects hold it, and how these
/// are held. `name` may stand for a family, with a star at its end.
pub(super) fn tell_holders(scene: &Scene<'_>, kind: &str, name: &str, finding: &mut Finding) {
    if ![mappings::FILE, mappings::SHARED].contains(&kind) {
        return;
    }
    let is_name = |mapped: &str| match name.strip_suffix('*') {
        Some(start) => mapped.starts_with(start),
        None => mapped == name,
    };
    let mut by_holder: BTreeMap<String, u64> = BTreeMap::new();
    let last = scene.lanes.of(mapping_holders::TABLE).filter_map(<[Snapshot]>::last);
    for table in last.filter_map(|look| look.table(mapping_holders::TABLE)) {
        for row in 0..table.rows() {
            let text = |column| table.value(column, row).as_str().unwrap_or_default();
            if is_name(text(mapping_holders::NAME)) {
                let count = table.value(mapping_holders::COUNT, row).as_u64().unwrap_or(0);
                *by_holder.entry(text(mapping_holders::HOLDER).to_owned()).or_default() += count;
            }
        }
    }
    let all: u64 = by_holder.values().sum();
    let Some((holder, count)) = by_holder.into_iter().max_by_key(|(_, count)| *count) else {
        return;
    };
    let (count, all) = (human::count(count as f64), human::count(all as f64));
    let Some(object) = holder.strip_prefix(OBJECT) else {
        let who = if holder.is_empty() { "nothing" } else { &holder };
        finding.evidence.push(format!("{who} points to {count} of {all} mappings of it"));
        return;
    };
    finding.evidence.push(format!("{object} objects hold {count} of {all} mappings of it"));
    finding.holders = ways(scene, object);
}

/// How objects of a type are held, those ways first by which more of them came.
fn ways(scene: &Scene<'_>, object: &str) -> Vec<Holder> {
    let mut found: Vec<(f64, Holder)> = Vec::new();
    for kept in scene.lanes.of(holders::TABLE) {
        let looks = scene.recent(kept);
        let Some(table) = looks.last().and_then(|look| look.table(holders::TABLE)) else {
            continue;
        };
        let groups = by_key(looks, holders::TABLE, |table, row| {
            let path = table.value(holders::PATH, row).as_str()?;
            Some((path.to_owned(), number(table, holders::OBJECTS, row)?))
        });
        for row in 0..table.rows() {
            let text = |column| table.value(column, row).as_str();
            let (Some(path), Some(steps)) = (text(holders::PATH), text(holders::STEPS)) else {
                continue;
            };
            let Ok(steps) = serde_json::from_str::<Vec<Step>>(steps) else { continue };
            let is_this = steps.last().is_some_and(|s| s.type_name.as_deref() == Some(object));
            if let Some(group) = groups.get(path).filter(|_| is_this) {
                let objects = Some(group.last());
                found.push((group.growth(), Holder { path: steps, objects, bytes: None }));
            }
        }
    }
    let most = |way: &(f64, Holder)| Reverse((way.0.max(0.0) * 1e3) as u64);
    found.sort_by_key(most);
    found.into_iter().take(MOST).map(|way| way.1).collect()
}
