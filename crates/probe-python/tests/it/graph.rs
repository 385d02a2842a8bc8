//! References of every Python of the machine, read from outside and compared with what the
//! collector of the interpreter says of each object.
#![forbid(unsafe_code)]
#![allow(clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used, reason = "tests")]

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use heap::{Graph, ObjectId, Strength};
use memprobe_probe_python::{GraphOptions, Python as Attached};
use probe::Target;
use test_support::{Python, Running, every_python};

fn known() -> Vec<Python> {
    every_python()
}

fn wait_until_blocked(pid: u32) {
    while !std::fs::read_to_string(format!("/proc/{pid}/syscall")).unwrap().starts_with("0 0x0 ") {
        std::thread::yield_now();
    }
}

fn program() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/graph_program.py")
}

fn graph(pid: u32) -> Graph {
    let python = Attached::attach(&Target::from_pid(pid)).unwrap();
    let (graph, issues) = python.graph(&GraphOptions::default()).unwrap();
    assert!(issues.is_empty(), "{issues:?}");
    graph
}

/// What one type's objects refer to: by the collector, found, not objects that are known, more.
#[derive(Clone, Copy, Debug, Default)]
struct Row {
    objects: u64,
    edges: u64,
    matched: u64,
    unknown: u64,
    more: u64,
}

fn hex(text: &str) -> u64 {
    u64::from_str_radix(text, 16).unwrap()
}

/// What is left of an object's references: those that the collector alone says, and those that
/// only the graph has.
#[derive(Default)]
struct Left {
    told: Vec<u64>,
    more: Vec<u64>,
}

/// Compares one object's references; how many are the same.
fn compare_object(graph: &Graph, id: ObjectId, told: &[u64]) -> (u64, Left) {
    let mut counts: HashMap<u64, usize> = HashMap::new();
    told.iter().for_each(|&target| *counts.entry(target).or_default() += 1);
    let (mut matched, mut more) = (0, Vec::new());
    for edge in graph.edges(id).filter(|e| graph.strength(e.label) != Strength::Borrowed) {
        let target = graph.objects().address[edge.target.index()];
        match counts.get_mut(&target).filter(|count| **count > 0) {
            Some(count) => {
                *count -= 1;
                matched += 1;
            }
            None => more.push(target),
        }
    }
    let told = counts.into_iter().flat_map(|(target, count)| std::iter::repeat_n(target, count));
    (matched, Left { told: told.collect(), more })
}

/// The instances whose dictionaries are objects of the graph, by dictionary.
fn owners(graph: &Graph) -> HashMap<ObjectId, ObjectId> {
    let mut owners = HashMap::new();
    for source in (0..graph.len()).map(|number| ObjectId(number as u32)) {
        let edges = graph.edges(source);
        let dicts = edges.filter(|edge| graph.label_name(source, edge.label) == Some("__dict__"));
        owners.extend(dicts.map(|edge| (edge.target, source)));
    }
    owners
}

/// Compares a graph with a dump. Later releases of 3.13 on say of an instance's dictionary what
/// the graph says of the instance in whose own block the values stand.
fn compare(graph: &Graph, dump: &str) -> BTreeMap<String, Row> {
    let mut rows: BTreeMap<String, Row> = BTreeMap::new();
    let mut lefts: HashMap<ObjectId, (String, Left)> = HashMap::new();
    for line in dump.lines() {
        let [address, name, targets] = line.split('|').collect::<Vec<_>>()[..] else { panic!() };
        let row = rows.entry(name.to_owned()).or_default();
        let told: Vec<u64> = targets.split(' ').filter(|t| !t.is_empty()).map(hex).collect();
        row.objects += 1;
        row.edges += told.len() as u64;
        let Some(id) = graph.find(hex(address)) else { continue };
        let (matched, left) = compare_object(graph, id, &told);
        row.matched += matched;
        lefts.insert(id, (name.to_owned(), left));
    }
    for (dict, owner) in owners(graph) {
        let Some((name, mut left)) = lefts.remove(&dict) else { continue };
        if let Some((_, owner)) = lefts.get_mut(&owner) {
            let before = left.told.len();
            left.told.retain(|told| {
                let place = owner.more.iter().position(|more| more == told);
                place.map(|place| owner.more.swap_remove(place)).is_none()
            });
            rows.get_mut(&name).unwrap().matched += (before - left.told.len()) as u64;
        }
        lefts.insert(dict, (name, left));
    }
    for (name, left) in lefts.into_values() {
        let row = rows.get_mut(&name).unwrap();
        row.more += left.more.len() as u64;
        for target in left.told {
            row.unknown += u64::from(graph.find(target).is_none());
        }
    }
    rows
}

fn total(rows: &BTreeMap<String, Row>) -> Row {
    rows.values().fold(Row::default(), |a, b| Row {
        objects: a.objects + b.objects,
        edges: a.edges + b.edges,
        matched: a.matched + b.matched,
        unknown: a.unknown + b.unknown,
        more: a.more + b.more,
    })
}

/// At least 99.95 % of what the collector says is found, on every Python.
#[test]
fn references_are_those_of_the_collector() {
    let mut table = String::new();
    for python in known() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dump");
        let running = Running::script(&python, &program(), &["300".as_ref(), path.as_os_str()]);
        wait_until_blocked(running.pid());
        let graph = graph(running.pid());
        let rows = compare(&graph, &std::fs::read_to_string(&path).unwrap());
        let all = total(&rows);
        let share = 100.0 * all.matched as f64 / all.edges as f64;
        println!("{python}: {share:.4} % of {all:?}; {} objects", graph.len());
        for (name, row) in rows.iter().filter(|(_, row)| row.matched < row.edges) {
            println!("   misses {:6} {name}: {row:?}", row.edges - row.matched);
        }
        table.push_str(&section(&python, &rows));
        assert!(all.edges > 100_000, "{python}: {all:?}");
        assert!(share >= 99.95, "{python}: {share:.4} %");
    }
    if let Some(path) = std::env::var_os("MEMPROBE_REFERENCES") {
        std::fs::write(path, table).unwrap();
    }
}

/// One Python's table for `docs/references.md`: types with many references or misses.
fn section(python: &Python, rows: &BTreeMap<String, Row>) -> String {
    let (major, minor, patch) = python.version;
    let all = total(rows);
    let share = |row: &Row| 100.0 * row.matched as f64 / row.edges.max(1) as f64;
    let mut text = format!(
        "\n## Python {major}.{minor}.{patch}\n\n{:.3} % of {} references of {} objects.\n\n\
         | Type | Objects | References | Found | Not found |\n|---|---|---|---|---|\n",
        share(&all),
        all.edges,
        all.objects
    );
    for (name, row) in rows.iter().filter(|(_, r)| r.edges >= 5000 || r.matched < r.edges) {
        let missed = row.edges - row.matched;
        text += &format!(
            "| `{name}` | {} | {} | {} | {missed} |\n",
            row.objects, row.edges, row.matched
        );
    }
    text
}

/// References that nothing in the graph accounts for, by object; where it is to be strict, not
/// even a word that may own one. And how many objects are accounted for more often than they say.
fn excess(graph: &Graph, strict: bool) -> (Vec<(ObjectId, i64)>, usize) {
    let (mut held, mut maybe) = (vec![0_i64; graph.len()], vec![0_i64; graph.len()]);
    let mut count = |target: ObjectId, strength| match strength {
        Strength::Strong => held[target.index()] += 1,
        Strength::Loose => maybe[target.index()] += 1,
        Strength::Borrowed => {}
    };
    for source in 0..graph.len() {
        for edge in graph.edges(ObjectId(source as u32)) {
            count(edge.target, graph.strength(edge.label));
        }
    }
    graph.root_edges().iter().for_each(|edge| count(edge.target, edge.strength));
    for &(object, references) in graph.extra() {
        held[object.index()] += i64::from(references);
    }
    let (mut excess, mut over) = (Vec::new(), 0);
    for (id, held) in held.into_iter().enumerate() {
        let count = graph.objects().refcount[id];
        if count == heap::IMMORTAL_COUNT {
            continue;
        }
        let left = i64::from(count) - held;
        if left > if strict { maybe[id] } else { 0 } {
            excess.push((ObjectId(id as u32), left));
        }
        over += usize::from(left < 0);
    }
    (excess, over)
}

fn by_type(graph: &Graph, list: &[(ObjectId, i64)]) -> BTreeMap<String, usize> {
    let mut map = BTreeMap::new();
    for (object, _) in list {
        *map.entry(graph.type_name(*object).to_string()).or_default() += 1;
    }
    map
}

/// What a program that leaks nothing leaves unaccounted is a handful of objects, and references
/// taken and never given back are all found.
#[test]
fn planted_references_are_found() {
    const LEAK: &str = "
import ctypes, gc, sys
class Leaky:
    def __init__(self): self.it = 1
def leak(make):
    for n in range(100):
        it = make(n)
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(it))
        del it
if len(sys.argv) > 1:
    leak(lambda n: 'leaked text %d' % n)
    leak(lambda n: {n: n})
    leak(lambda n: b'leaked bytes %d' % n)
    leak(lambda n: 10**9 + n)
    leak(lambda n: [n])
    leak(lambda n: Leaky())
gc.collect()
print('ready', flush=True)
sys.stdin.readline()";
    for python in known() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("leak.py");
        std::fs::write(&file, LEAK).unwrap();
        let clean = Running::script(&python, &program(), &["30"]);
        wait_until_blocked(clean.pid());
        let whole = graph(clean.pid());
        let (list, over) = excess(&whole, true);
        println!(
            "{python}: clean: {} of {}: {:?}; over {over}",
            list.len(),
            whole.len(),
            by_type(&whole, &list)
        );
        let leaking = Running::script(&python, &file, &["leak"]);
        wait_until_blocked(leaking.pid());
        let whole = graph(leaking.pid());
        let (found, _) = excess(&whole, false);
        let found = by_type(&whole, &found);
        println!("{python}: leaking: {found:?}");
        for name in [
            "builtins.str",
            "builtins.dict",
            "builtins.bytes",
            "builtins.int",
            "builtins.list",
            "__main__.Leaky",
        ] {
            assert!(found.get(name).is_some_and(|&n| n >= 100), "{python}: {name}");
        }
        assert!(list.len() < 10, "{python}: {}", list.len());
    }
}
