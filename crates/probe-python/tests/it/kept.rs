//! A graph that was read from a real process comes back from a capture, and its answers with it.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "tests")]

use std::path::Path;

use capture::folder::{Capture, Existing, Manifest, Tool, Writer};
use capture::graph::{self, Lookup};
use heap::{Audit, Garbage, Graph, ObjectId, Paths, Summary, Through, Ways};
use memprobe_probe_python::refs::GraphOptions;
use memprobe_probe_python::{Config, Python as Attached, PythonProbe};
use probe::{Level, Open, Probe, Request, Taken, Target};
use test_support::{Python, Running, pythons};

const CODE: &str = "
import collections, os
class Node:
    def __init__(self, n):
        self.rows = [n + 1000, {'key': str(n)}]
class Slots:
    __slots__ = ('left',)
    def __init__(self, left): self.left = left
CACHE = {str(n): Node(n) for n in range(300)}
QUEUE = collections.deque(Slots((n,)) for n in range(300))
ring = Node(7); ring.me = ring; del ring
print('ready', flush=True)
os.read(0, 1)
";

fn finish(writer: Writer, to: &Path) -> Capture {
    let tool = Tool { name: "memprobe".into(), version: "1".into() };
    let target = Target::from_pid(7);
    writer.finish(Manifest::new(tool, Level::Medium, target, Taken::default())).unwrap();
    Capture::open(to).unwrap()
}

/// The graph of a process that waits, and a capture of it.
fn live(program: &Running, to: &Path) -> (Graph, Capture) {
    let python = Attached::attach(&Target::from_pid(program.pid())).unwrap();
    let (mut graph, _) = python.graph(&GraphOptions::default()).unwrap();
    graph.forget_contents();
    let mut writer = Writer::create(to, Existing::Keep).unwrap();
    let folder = writer.folder_for("python").unwrap();
    let ways = Ways::new(&graph, Through::Loose);
    for file in graph::write_with_ways(&folder, &graph, &ways).unwrap() {
        writer.adopt("python", &file).unwrap();
    }
    (graph, finish(writer, to))
}

/// A capture as the command makes it.
fn captured(program: &Running, to: &Path, values: bool) -> Capture {
    let mut writer = Writer::create(to, Existing::Keep).unwrap();
    let mut probe = PythonProbe::open(Config { values, ..Config::default() }).unwrap();
    let mut request = Request::new(Target::from_pid(program.pid()), &["capture"]);
    request.capture_dir = Some(writer.folder_for("python").unwrap());
    let snapshot = probe.snapshot(&request).unwrap();
    assert!(snapshot.complete, "{:?}", snapshot.issues);
    for file in &snapshot.files {
        writer.adopt("python", file).unwrap();
    }
    finish(writer, to)
}

fn assert_same(python: &Python, graph: &Graph, capture: &Capture) {
    let kept = graph::read(capture).unwrap();
    assert!(&kept == graph, "{python}: the graph that was kept is another");
    assert_eq!(Summary::new(&kept), Summary::new(graph), "{python}");
    assert_eq!(Audit::new(&kept), Audit::new(graph), "{python}");
    assert_eq!(Garbage::new(&kept).types, Garbage::new(graph).types, "{python}");
    let paths = Paths::new(graph, Through::Loose);
    let mut lookup = Lookup::open(capture).unwrap().unwrap();
    for object in (0..graph.len() as u32).map(ObjectId).step_by(7) {
        let address = graph.objects().address[object.index()];
        let found = lookup.object(address).unwrap().unwrap().unwrap();
        let steps = paths.steps(object);
        if steps.len() < 60 {
            assert_eq!(found.chain, steps, "{python}: {address:#x}");
        }
    }
    for (name, objects) in [("__main__.Node", 301), ("__main__.Slots", 300)] {
        let found = lookup.of_types(|one| one == name, 100).unwrap().unwrap();
        assert_eq!(found.sum.objects, objects, "{python}: {name}");
    }
}

#[test]
fn a_graph_of_a_process_comes_back_with_its_answers() {
    for python in pythons().into_iter().filter(|python| !python.flags.contains('t')) {
        let dir = tempfile::tempdir().unwrap();
        let program = Running::python(&python, CODE);
        program.until_it_reads();
        let (graph, capture) = live(&program, &dir.path().join("live"));
        assert_same(&python, &graph, &capture);
        let plain = captured(&program, &dir.path().join("plain"), false);
        assert!(plain.entry("values").is_err(), "{python}: nobody asked for contents");
        let capture = captured(&program, &dir.path().join("full"), true);
        let table = capture.columns(capture.entry("values").unwrap()).unwrap();
        let values: Vec<String> = table.column("value").unwrap();
        for text in ["key", "299", "1299"] {
            assert!(values.iter().any(|value| value == text), "{python}: `{text}` is missing");
        }
        println!("{python}: {} objects, {} values", graph.len(), values.len());
    }
}
