//! Where threads stand that never end: what they wait for, their Python code, their stacks.

use std::collections::BTreeMap;

use diff::human;
use probe::tables::{mappings, stacks, thread_waits};
use probe::{Finding, Snapshot, Table};

use super::Scene;
use super::group::by_key;
use crate::footprint::number;

/// So many threads at one place are worth a word.
const LEAST: f64 = 2.0;
/// At most so many places.
const MOST: usize = 2;

/// Adds to a finding about the threads of a process what is known of them.
pub(super) fn tell(scene: &Scene<'_>, pid: u64, finding: &mut Finding) {
    finding.evidence.extend(waits(scene, pid));
    let code = code(scene, pid);
    finding.place = code.first().map(|place| place.called.clone());
    finding.evidence.extend(code.iter().map(Place::sentence));
    for kept in scene.lanes.of(mappings::TABLE) {
        let groups = by_key(scene.recent(kept), mappings::TABLE, |table, row| {
            let is_stack = table.value(mappings::KIND, row).as_str() == Some(mappings::STACK);
            let of = table.value(mappings::PID, row).as_u64() == Some(pid);
            (is_stack && of).then_some(())?;
            Some(((), number(table, mappings::RSS, row)?))
        });
        if let Some(group) = groups.get(&()).filter(|group| group.growth() > 0.0) {
            finding.share = scene.share(group);
            finding.growth.bytes = Some(group.growth());
            finding.growth.bytes_per_s = Some(group.per_s());
            finding.evidence.push(group.grew("Resident memory of stacks"));
        }
    }
}

/// What the threads that came wait for, in the kernel's words.
fn waits(scene: &Scene<'_>, pid: u64) -> Vec<String> {
    let mut found = Vec::new();
    for kept in scene.lanes.of(thread_waits::TABLE) {
        let groups = by_key(scene.recent(kept), thread_waits::TABLE, |table, row| {
            use thread_waits as t;
            (table.value(t::PID, row).as_u64() == Some(pid)).then_some(())?;
            let text = |name| table.value(name, row).as_str().unwrap_or_default().to_owned();
            Some(((text(t::CALL), text(t::KERNEL), text(t::NAME)), number(table, t::THREADS, row)?))
        });
        let grown = groups.into_iter().map(|(key, group)| (group.growth(), group.last(), key));
        found.extend(grown.filter(|(growth, ..)| *growth >= LEAST));
    }
    found.sort_by(|a, b| b.0.total_cmp(&a.0));
    let sentence = |(growth, all, (call, kernel, name)): (f64, f64, (String, String, String))| {
        let place = match (call.as_str(), kernel.as_str()) {
            ("running", _) => "run".into(),
            ("", "") => "wait".into(),
            ("", kernel) => format!("wait in {kernel} of the kernel"),
            (call, "") => format!("wait in {call}()"),
            (call, kernel) => format!("wait in {call}() ({kernel} of the kernel)"),
        };
        let (growth, all) = (human::count(growth), human::count(all));
        format!("{growth} more threads named {name} {place}, {all} in all")
    };
    found.into_iter().take(MOST).map(sentence).collect()
}

/// Threads that run the same code.
#[derive(Clone, Debug, PartialEq)]
struct Place {
    /// The innermost frame.
    inside: String,
    /// The innermost frame that is not of the standard library.
    called: String,
    threads: u64,
}

impl Place {
    fn sentence(&self) -> String {
        let Self { inside, called, threads } = self;
        let threads = human::count(*threads as f64);
        if inside == called {
            return format!("{threads} threads stand in {called}");
        }
        format!("{threads} threads stand in {inside}, which {called} has called")
    }
}

/// Where most Python threads stood at the last look, if several stand at one place.
fn code(scene: &Scene<'_>, pid: u64) -> Vec<Place> {
    let last = scene.lanes.of(stacks::TABLE).filter_map(<[Snapshot]>::last);
    let tables = last.filter_map(|look| look.table(stacks::TABLE));
    let mut places = tables.flat_map(|table| places(table, pid)).collect::<Vec<_>>();
    places.retain(|place| place.threads as f64 >= LEAST);
    places.sort_by_key(|place| std::cmp::Reverse(place.threads));
    places.truncate(MOST);
    places
}

/// A frame: its depth, file, and what is said of it.
type Frame = (u64, String, String);

fn places(table: &Table, pid: u64) -> Vec<Place> {
    let mut threads: BTreeMap<(u64, u64, u64), Vec<Frame>> = BTreeMap::new();
    for row in 0..table.rows() {
        let of = |name| table.value(name, row).as_u64().unwrap_or(0);
        let text = |name| table.value(name, row).as_str();
        let Some(function) = text(stacks::FUNCTION).filter(|_| of(stacks::PID) == pid) else {
            continue;
        };
        let file = text(stacks::FILE).unwrap_or_default();
        let name = file.rsplit('/').next().unwrap_or_default();
        let place = format!("{function} ({name}:{})", of(stacks::LINE));
        let key = (of(stacks::RUNTIME), of(stacks::INTERPRETER), of(stacks::THREAD));
        threads.entry(key).or_default().push((of(stacks::DEPTH), file.to_owned(), place));
    }
    let mut counted: BTreeMap<(String, String), u64> = BTreeMap::new();
    for mut frames in threads.into_values() {
        frames.sort();
        let Some(inside) = frames.first().map(|frame| frame.2.clone()) else { continue };
        let called = frames.iter().find(|frame| !is_standard(&frame.1, &frames));
        let called = called.map_or_else(|| inside.clone(), |frame| frame.2.clone());
        *counted.entry((inside, called)).or_default() += 1;
    }
    let place = |((inside, called), threads)| Place { inside, called, threads };
    counted.into_iter().map(place).collect()
}

/// Whether a file lies where the outermost frame's does: a thread begins in the standard library.
fn is_standard(file: &str, frames: &[Frame]) -> bool {
    let Some((folder, "threading.py")) = frames.last().and_then(|frame| frame.1.rsplit_once('/'))
    else {
        return false;
    };
    file.starts_with('<')
        || file
            .strip_prefix(folder)
            .is_some_and(|rest| rest.starts_with('/') && !rest.contains("/site-packages/"))
}
