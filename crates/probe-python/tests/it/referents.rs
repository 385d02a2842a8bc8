//! The references of a graph beside those that the collector of the interpreter tells.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};

use heap::{Edge, Graph, How, ObjectId, Strength};
use memprobe_probe_python::{GraphOptions, Python as Attached};
use probe::Target;
pub(crate) use test_support::until_it_reads as wait_until_blocked;
use test_support::{Python, Running};

/// What one type's objects refer to.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Row {
    pub(crate) objects: u64,
    /// By the collector.
    pub(crate) edges: u64,
    /// Found in the object that the collector says it of.
    pub(crate) found: u64,
    /// Found in an object next to it.
    pub(crate) beside: u64,
    /// Targets that are no objects of the graph.
    pub(crate) unknown: u64,
    /// Which only the graph has.
    pub(crate) more: u64,
}

pub(crate) type Rows = BTreeMap<String, Row>;

impl Row {
    pub(crate) fn missed(&self) -> u64 {
        self.edges - self.found - self.beside
    }

    /// Share of what is found, percent.
    pub(crate) fn share(&self) -> f64 {
        100.0 * (self.found + self.beside) as f64 / self.edges.max(1) as f64
    }
}

pub(crate) fn program(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name)
}

pub(crate) fn graph(pid: u32) -> Graph {
    let python = Attached::attach(&Target::from_pid(pid)).unwrap();
    let (graph, issues) = python.graph(&GraphOptions::default()).unwrap();
    assert!(issues.is_empty(), "{issues:?}");
    graph
}

/// The graph of a program that stands still, and its references beside those of its dump.
pub(crate) fn compare_with(running: &Running, dump: &Path) -> (Graph, Rows) {
    wait_until_blocked(running.pid());
    let graph = graph(running.pid());
    let rows = compare(&graph, &std::fs::read_to_string(dump).unwrap());
    (graph, rows)
}

/// What is left of an object's references: those that the collector alone says, and those that
/// only the graph has.
#[derive(Default)]
struct Left {
    name: String,
    told: Vec<u64>,
    more: Vec<u64>,
}

/// Whether the collector may tell an edge: it does not ask whether frames own what they refer to.
fn is_told(graph: &Graph, edge: &Edge) -> bool {
    graph.strength(edge.label) != Strength::Borrowed || graph.how(edge.label) == How::Local
}

/// Compares one object's references; how many are the same.
fn compare_object(graph: &Graph, id: ObjectId, told: &[u64]) -> (u64, Left) {
    let mut counts: HashMap<u64, usize> = HashMap::new();
    told.iter().for_each(|&target| *counts.entry(target).or_default() += 1);
    let (mut found, mut more) = (0, Vec::new());
    for edge in graph.edges(id).filter(|edge| is_told(graph, edge)) {
        let is_strong = graph.strength(edge.label) == Strength::Strong;
        let target = graph.objects().address[edge.target.index()];
        match counts.get_mut(&target).filter(|count| **count > 0) {
            Some(count) => {
                *count -= 1;
                found += 1;
            }
            None if is_strong => more.push(target),
            None => {}
        }
    }
    let told = counts.into_iter().flat_map(|(target, count)| std::iter::repeat_n(target, count));
    (found, Left { name: String::new(), told: told.collect(), more })
}

/// Compares a graph with a dump. What the collector says of an object may be said of an object
/// next to it by the graph.
fn compare(graph: &Graph, dump: &str) -> Rows {
    let mut rows = Rows::new();
    let mut lefts: HashMap<ObjectId, Left> = HashMap::new();
    for line in dump.lines() {
        let [address, name, targets] = line.split('|').collect::<Vec<_>>()[..] else {
            println!("   {line}");
            continue;
        };
        let row = rows.entry(name.to_owned()).or_default();
        let hex = |text: &str| u64::from_str_radix(text, 16).unwrap();
        let told: Vec<u64> = targets.split(' ').filter(|t| !t.is_empty()).map(hex).collect();
        row.objects += 1;
        row.edges += told.len() as u64;
        let Some(id) = graph.find(hex(address)) else { continue };
        let (found, left) = compare_object(graph, id, &told);
        row.found += found;
        lefts.insert(id, Left { name: name.to_owned(), ..left });
    }
    beside(graph, &mut lefts, &mut rows);
    for left in lefts.values() {
        let row = rows.get_mut(&left.name).unwrap();
        row.more += left.more.len() as u64;
        row.unknown += left.told.iter().filter(|&&told| graph.find(told).is_none()).count() as u64;
    }
    tell(graph, &lefts);
    rows
}

/// Looks for what is left in objects next to the one that the collector says it of: those that it
/// refers to, those that are objects without a collector's header behind them, and the instance
/// whose dictionary it is.
fn beside(graph: &Graph, lefts: &mut HashMap<ObjectId, Left>, rows: &mut Rows) {
    let open: Vec<ObjectId> =
        lefts.iter().filter(|(_, left)| !left.told.is_empty()).map(|(&id, _)| id).collect();
    let wanted: HashSet<ObjectId> = open.iter().copied().collect();
    let mut next: HashMap<ObjectId, Vec<ObjectId>> = HashMap::new();
    for source in (0..graph.len()).map(|number| ObjectId(number as u32)) {
        for edge in graph.edges(source) {
            if wanted.contains(&source) {
                next.entry(source).or_default().push(edge.target);
            }
            let is_dict = graph.label_name(source, edge.label) == Some("__dict__");
            if is_dict && wanted.contains(&edge.target) {
                next.entry(edge.target).or_default().push(source);
            }
        }
    }
    // An object that the collector says nothing of may have it all, or one behind it.
    for list in next.values_mut() {
        let mut behind = Vec::new();
        for &near in list.iter() {
            let targets = graph.edges(near).map(|edge| edge.target);
            behind.extend(targets.filter(|id| !lefts.contains_key(id)));
        }
        list.extend(behind);
        let mut seen = HashSet::new();
        list.retain(|&id| seen.insert(id));
    }
    for id in next.values().flatten() {
        if !lefts.contains_key(id) {
            let (_, left) = compare_object(graph, *id, &[]);
            lefts.insert(*id, Left { name: graph.type_name(*id).to_string(), ..left });
        }
    }
    for id in open {
        let mut told = std::mem::take(&mut lefts.get_mut(&id).unwrap().told);
        let before = told.len();
        for near in next.get(&id).into_iter().flatten() {
            let Some(near) = lefts.get_mut(near) else { continue };
            told.retain(|told| {
                let place = near.more.iter().position(|more| more == told);
                place.map(|place| near.more.swap_remove(place)).is_none()
            });
        }
        let left = lefts.get_mut(&id).unwrap();
        rows.get_mut(&left.name).unwrap().beside += (before - told.len()) as u64;
        left.told = told;
    }
    for left in lefts.values() {
        rows.entry(left.name.clone()).or_default();
    }
}

/// Prints some of what is not found, and with `MEMPROBE_REFERENCES_MORE` what is more.
fn tell(graph: &Graph, lefts: &HashMap<ObjectId, Left>) {
    let mut missed: BTreeMap<String, usize> = BTreeMap::new();
    let mut more: BTreeMap<String, usize> = BTreeMap::new();
    for left in lefts.values() {
        for &target in &left.told {
            let kind = match graph.find(target) {
                Some(id) => graph.type_name(id).to_string(),
                None => "no object".into(),
            };
            *missed.entry(format!("{} -> {kind}", left.name)).or_default() += 1;
        }
        for &target in &left.more {
            let kind = graph.type_name(graph.find(target).unwrap());
            *more.entry(format!("{} -> {kind}", left.name)).or_default() += 1;
        }
    }
    for (what, count) in missed {
        println!("   missed {count:6} {what}");
    }
    if std::env::var_os("MEMPROBE_REFERENCES_MORE").is_some() {
        for (what, count) in more {
            println!("   more {count:6} {what}");
        }
    }
}

pub(crate) fn total(rows: &Rows) -> Row {
    rows.values().fold(Row::default(), |a, b| Row {
        objects: a.objects + b.objects,
        edges: a.edges + b.edges,
        found: a.found + b.found,
        beside: a.beside + b.beside,
        unknown: a.unknown + b.unknown,
        more: a.more + b.more,
    })
}

/// A program's references on each Python, and the types of which something is not found, for
/// `docs/references.md`.
pub(crate) fn summary(all: &[(String, Rows)]) -> String {
    let mut text = "\n| Program | Objects | References | Found | Beside | Not found | Share |\n\
                    |---|---|---|---|---|---|---|\n"
        .to_owned();
    let mut missed = String::new();
    for (title, rows) in all {
        let sum = total(rows);
        let Row { objects, edges, found, beside, .. } = sum;
        text += &format!(
            "| {title} | {objects} | {edges} | {found} | {beside} | {} | {:.3} % |\n",
            sum.missed(),
            sum.share()
        );
        for (name, row) in rows.iter().filter(|(_, row)| row.missed() > 0) {
            missed += &format!("| {title} | `{name}` | {} | {} |\n", row.edges, row.missed());
        }
    }
    if missed.is_empty() {
        return text;
    }
    format!("{text}\n| Program | Type | References | Not found |\n|---|---|---|---|\n{missed}")
}

/// How many references of each type were compared on each Python, and how many of them found.
pub(crate) fn by_type(all: &[(String, Rows)], names: &[&str]) -> String {
    if names.is_empty() {
        return String::new();
    }
    let mut text = "\n| Type |".to_owned();
    all.iter()
        .for_each(|(title, _)| text += &format!(" {} |", title.trim_start_matches("Python ")));
    text += &format!("\n|---|{}\n", "---|".repeat(all.len()));
    for name in names {
        text += &format!("| `{name}` |");
        for (_, rows) in all {
            let row = rows.get(*name).copied().unwrap_or_default();
            text += &match (row.objects, row.missed()) {
                (0, _) => " |".to_owned(),
                (_, 0) => format!(" {} |", row.edges),
                (_, missed) => format!(" {} of {} |", row.edges - missed, row.edges),
            };
        }
        text.push('\n');
    }
    text
}

/// Writes tables into the folder that `MEMPROBE_REFERENCES` names, for `docs/references.md`.
pub(crate) fn write(name: &str, tables: &str) {
    if let Some(folder) = std::env::var_os("MEMPROBE_REFERENCES") {
        std::fs::write(Path::new(&folder).join(name).with_extension("md"), tables).unwrap();
    }
}

/// What a Python is called in tables.
pub(crate) fn title(python: &Python) -> String {
    let (major, minor, patch) = python.version;
    let debug = if python.is_debug() { ", debug build" } else { "" };
    format!("Python {major}.{minor}.{patch}{debug}")
}
