//! Which mappings grow.

use std::collections::BTreeMap;

use diff::human;
use probe::tables::{mappings, shared_memory};
use probe::{Certainty, Finding, FindingKind, Snapshot, Table};

use super::group::{Group, by_key};
use super::merge::{Place, Told};
use super::{Scene, about_bytes, mapped};
use crate::curve::GRAIN_BYTES;
use crate::footprint::number;

/// What grew by less than this share of the growth is not worth a finding.
const LEAST_SHARE: f64 = 0.05;
/// So many names of one family are spoken of together.
const FAMILY: usize = 4;
/// At most so many findings about mappings.
const MOST: usize = 6;

/// What stacks are called.
pub(super) const STACKS: &str = "stacks";
/// How the subject of a file begins.
const MAPPED_FILE: &str = "mapped file";
/// What an object that maps a file is called.
const MAP: &str = "mmap.mmap";

/// Groups of mappings that took part in the growth, most first.
pub(super) fn find(scene: &Scene<'_>) -> Vec<Place> {
    let mut found = Vec::new();
    for kept in scene.lanes.of(mappings::TABLE) {
        let looks = scene.recent(kept);
        let families = Families::of(looks, mappings::TABLE, mappings::NAME);
        let groups = by_key(looks, mappings::TABLE, |table, row| {
            let kind = table.value(mappings::KIND, row).as_str()?.to_owned();
            let name = table.value(mappings::NAME, row).as_str().unwrap_or_default();
            let key = (kind, families.name(name));
            Some((key, resident(table, row)?))
        });
        let grower = biggest_process(looks, scene.root);
        let growing = groups.iter().filter(|(_, group)| counts(scene, group));
        found.extend(growing.map(|((kind, name), group)| Place {
            is_plain: !matches!(kind.as_str(), mappings::FILE | mappings::SHARED),
            finding: mapping(scene, kind, name, group, grower),
        }));
    }
    for kept in scene.lanes.of(shared_memory::TABLE) {
        let left = left_behind(scene, scene.recent(kept));
        found.extend(left.map(|finding| Place { is_plain: false, finding }));
    }
    let bytes = |place: &Place| place.finding.growth.bytes.unwrap_or(0.0);
    found.sort_by(|a, b| bytes(b).total_cmp(&bytes(a)));
    found.truncate(MOST);
    found
}

/// Names who holds the objects that keep files mapped.
pub(super) fn name_holders(places: &mut [Place], told: &[Told]) {
    let count = |told: &Told| told.of_type(MAP).map_or(0.0, |growth| growth.objects);
    let holding = told.iter().filter(|told| count(told) > 0.0 && told.finding.place.is_some());
    let Some(most) = holding.max_by(|a, b| count(a).total_cmp(&count(b))) else { return };
    let at = most.finding.place.as_deref().unwrap_or_default();
    let is_file = |place: &&mut Place| {
        let finding = &place.finding;
        !place.is_plain && finding.subject.starts_with(MAPPED_FILE)
    };
    for place in places.iter_mut().filter(is_file) {
        let finding = &mut place.finding;
        finding.holders.clone_from(&most.finding.holders);
        let more = human::count(count(most));
        finding.evidence.push(format!("held by {more} more {MAP} objects, all behind {at}"));
        finding.advice = format!(
            "Views and slices in {at} keep whole files mapped: copy what is needed of them, and \
             drop or close the rest."
        );
    }
}

/// Whether a group grew by what counts.
fn counts(scene: &Scene<'_>, group: &Group) -> bool {
    let least = (LEAST_SHARE * scene.growth).max(GRAIN_BYTES);
    group.points.len() >= 2 && group.growth() >= least && group.per_s() > 0.0
}

/// Resident and swapped bytes of a group of mappings, shared pages divided by their users. Of a
/// library only the pages that the process has made its own: its part of the others changes
/// whenever a neighbour starts or ends.
fn resident(table: &Table, row: usize) -> Option<f64> {
    let library = table.value(mappings::KIND, row).as_str() == Some(mappings::LIBRARY);
    let own = number(table, mappings::ANONYMOUS, row).filter(|_| library);
    let resident = own
        .or_else(|| number(table, mappings::PSS, row))
        .or_else(|| number(table, mappings::RSS, row))?;
    Some(resident + number(table, mappings::SWAP, row).unwrap_or(0.0))
}

/// The process of the tree whose mappings grew most.
fn biggest_process(looks: &[Snapshot], root: u32) -> u64 {
    let by_pid = by_key(looks, mappings::TABLE, |table, row| {
        let pid = table.value(mappings::PID, row).as_u64()?;
        Some((pid, resident(table, row)?))
    });
    let most = by_pid.iter().max_by(|a, b| a.1.growth().total_cmp(&b.1.growth()));
    most.map_or(u64::from(root), |(pid, _)| *pid)
}

fn mapping(scene: &Scene<'_>, kind: &str, name: &str, group: &Group, pid: u64) -> Finding {
    let mut finding = about_bytes(FindingKind::MappingGrowth, group, scene);
    let (subject, advice) = describe(kind, name, &scene.next_command(pid));
    let is_path = name.contains('/');
    finding.place = is_path.then(|| name.to_owned());
    finding.evidence = vec![group.grew(&subject)];
    if let Some(share) = finding.share.filter(|s| *s > 0.0) {
        finding.evidence.push(format!("that is {} of the growth", human::percent(round(share))));
    }
    finding.subject = subject;
    finding.advice = advice;
    mapped::tell_holders(scene, kind, name, &mut finding);
    finding
}

fn round(share: f64) -> f64 {
    (share * 100.0).round() / 100.0
}

/// Subject and advice for a kind of mapping.
fn describe(kind: &str, name: &str, next: &str) -> (String, String) {
    let types = format!("Run `{next}` to see what allocates it.");
    match kind {
        mappings::HEAP => ("main heap ([heap])".into(), types),
        mappings::ANON => ("anonymous memory".into(), types),
        mappings::STACK => {
            (STACKS.into(), format!("Threads are started and not ended; run `{next}` to see them."))
        }
        mappings::JIT => ("executable anonymous memory (code made at run time)".into(), types),
        mappings::SHARED => (
            format!("shared memory {name}"),
            "Unlink shared-memory segments when they are done with, and close every handle to \
             them."
                .into(),
        ),
        mappings::FILE => (
            format!("{MAPPED_FILE} {name}"),
            format!(
                "Mappings of this file are kept: close them, and drop views and slices that pin \
                 them. Run `{next}` to see who holds them."
            ),
        ),
        mappings::LIBRARY => (
            format!("library {name}"),
            format!("Its data pages are written to or copied; run `{next}`."),
        ),
        other => (format!("{other} {name}").trim_end().to_owned(), types),
    }
}

/// Shared-memory files that no process of the tree has mapped: no RSS shows them.
fn left_behind(scene: &Scene<'_>, looks: &[Snapshot]) -> Option<Finding> {
    let bytes = by_key(looks, shared_memory::TABLE, |table, row| {
        Some(((), number(table, shared_memory::UNMAPPED, row)?))
    });
    let group = bytes.get(&())?;
    if !counts(scene, group) {
        return None;
    }
    let is_unmapped = |table: &Table, row| number(table, shared_memory::UNMAPPED, row) > Some(0.0);
    let files = by_key(looks, shared_memory::TABLE, |table, row| {
        is_unmapped(table, row).then_some(((), 1.0))
    });
    let last = looks.last()?.table(shared_memory::TABLE)?;
    let paths: Vec<&str> = (0..last.rows())
        .filter(|&row| is_unmapped(last, row))
        .filter_map(|row| last.value(shared_memory::PATH, row).as_str())
        .collect();
    let example = paths.last().copied().unwrap_or("/dev/shm");
    let family = family(example).unwrap_or_else(|| example.to_owned());
    let mut finding = about_bytes(FindingKind::MappingGrowth, group, scene);
    finding.subject = format!("shared-memory files {family}, not mapped by any process");
    finding.place = Some(example.to_owned());
    finding.evidence = vec![group.grew("Shared-memory files that no process has mapped")];
    if let Some(count) = files.get(&()) {
        finding.growth.objects = Some(count.growth());
        finding.growth.objects_per_s = Some(count.per_s());
        finding.evidence.push(count.counted("The number of such files"));
    }
    finding.evidence.push(format!("the newest seen is {example}; no RSS shows them"));
    if scene.leak == Some(true) && group.never_falls() && group.points.len() >= 4 {
        finding.certainty = Certainty::Likely;
    }
    finding.advice = "Unlink shared-memory segments when they are done with; what was left \
                      behind stays until it is removed from /dev/shm or the machine restarts."
        .into();
    Some(finding)
}

/// Names that come in families, such as `/dev/shm/psm_1a2b`, are spoken of as one.
struct Families(BTreeMap<String, usize>);

impl Families {
    fn of(looks: &[Snapshot], table: &str, column: &str) -> Self {
        let mut names = std::collections::BTreeSet::new();
        for table in looks.iter().filter_map(|s| s.table(table)) {
            names.extend((0..table.rows()).filter_map(|r| table.value(column, r).as_str()));
        }
        let mut families = BTreeMap::new();
        for family in names.into_iter().filter_map(family) {
            *families.entry(family).or_default() += 1;
        }
        Self(families)
    }

    fn name(&self, name: &str) -> String {
        let large = |f: &String| self.0.get(f).is_some_and(|&n| n >= FAMILY);
        family(name).filter(large).unwrap_or_else(|| name.to_owned())
    }
}

/// `/dev/shm/psm_1a2b` -> `/dev/shm/psm_*`: the path up to the first digit, or sign that sets
/// a name apart from a number.
fn family(path: &str) -> Option<String> {
    let name = path.rfind('/')? + 1;
    let cut = path[name..].find(|c: char| c.is_ascii_digit() || c == '_' || c == '-')?;
    let cut = name + cut;
    let keep = if path[cut..].starts_with(['_', '-']) { cut + 1 } else { cut };
    (keep > name).then(|| format!("{}*", &path[..keep]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_cut_before_the_number() {
        assert_eq!(family("/dev/shm/psm_1a2b").as_deref(), Some("/dev/shm/psm_*"));
        assert_eq!(family("/tmp/data12.bin").as_deref(), Some("/tmp/data*"));
        assert_eq!(family("/usr/lib/libc.so"), None);
        assert_eq!(family("/tmp/7"), None);
        assert_eq!(family("[heap]"), None);
        assert_eq!(family("/tmp/é_1").as_deref(), Some("/tmp/é_*"));
    }
}
