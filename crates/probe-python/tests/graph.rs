//! References of every Python of the machine, read from outside and compared with what the
//! collector of the interpreter says of each object.
#![forbid(unsafe_code)]
#![allow(clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used, reason = "tests")]

mod referents;

use std::collections::BTreeMap;
use std::ffi::OsStr;

use heap::{Graph, ObjectId, Strength};
use referents::{compare_with, graph, program, section, title, total, wait_until_blocked};
use test_support::{Python, Running, debug_pythons, every_python};

fn known() -> Vec<Python> {
    every_python()
}

/// At least 99.95 % of what the collector says is found, on every Python.
#[test]
fn references_are_those_of_the_collector() {
    let mut table = String::new();
    for python in known().into_iter().chain(debug_pythons()) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dump");
        let arguments: [&OsStr; 2] = ["300".as_ref(), path.as_os_str()];
        let running = Running::script(&python, &program("graph_program.py"), &arguments);
        println!("{python}");
        let (graph, rows) = compare_with(&running, &path);
        let all = total(&rows);
        println!("{python}: {:.4} % of {all:?}; {} objects", all.share(), graph.len());
        for (name, row) in rows.iter().filter(|(_, row)| row.found < row.edges) {
            println!("   not in it {:6} {name}: {row:?}", row.edges - row.found);
        }
        table.push_str(&section(&title(&python), &rows, 5000));
        assert!(all.edges > 100_000, "{python}: {all:?}");
        assert!(all.share() >= 99.95, "{python}: {:.4} %", all.share());
    }
    if let Some(path) = std::env::var_os("MEMPROBE_REFERENCES") {
        std::fs::write(path, table).unwrap();
    }
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
        let clean = Running::script(&python, &program("graph_program.py"), &["30"]);
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
