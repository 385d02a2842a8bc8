//! What references of every Python are called: attributes, variables, keys, bases.
#![forbid(unsafe_code)]
#![allow(clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used, reason = "tests")]

use crate::referents::{graph, program, wait_until_blocked};
use heap::{EdgeId, Graph, How, ObjectId, Paths, Referrers, RootKind, Through};
use std::collections::{BTreeMap, BTreeSet};
use test_support::{Running, debug_pythons, every_python};

/// The edges from a holder, or from its namespace, to what it holds.
fn edges(graph: &Graph, referrers: &Referrers, holder: ObjectId, held: ObjectId) -> Vec<EdgeId> {
    let is_space = |target: ObjectId| {
        let mut spaces = graph.edges(holder).filter(|e| graph.how(e.label) == How::Namespace);
        spaces.any(|edge| edge.target == target)
    };
    let from = |edge: &EdgeId| {
        let source = graph.source(*edge);
        source == holder || is_space(source)
    };
    referrers.of(held).filter(from).collect()
}

#[test]
fn references_say_how() {
    let mut failures = Vec::new();
    for python in every_python().into_iter().chain(debug_pythons()) {
        let mut running = Running::script::<&str>(&python, &program("edges_program.py"), &[]);
        let mut lines = vec![running.ready.clone()];
        while lines.last().unwrap() != "ready" {
            lines.push(running.line().unwrap());
        }
        lines.pop();
        wait_until_blocked(running.pid());
        let graph = graph(running.pid());
        let (referrers, paths) = (Referrers::new(&graph), Paths::new(&graph, Through::Strong));
        for line in &lines {
            let [kind, name, holder, held] = line.split('|').collect::<Vec<_>>()[..] else {
                panic!("{line}")
            };
            let find = |text| graph.find(u64::from_str_radix(text, 16).unwrap());
            let (Some(holder), Some(held)) = (find(holder), find(held)) else {
                failures.push(format!("{python}: no such objects: {line}"));
                continue;
            };
            if kind == "path" {
                let steps = paths.steps(held);
                if steps.last().is_none_or(|step| &*step.name != name) {
                    failures.push(format!("{python}: {line}: {steps:?}"));
                }
                continue;
            }
            let edges = edges(&graph, &referrers, holder, held);
            let steps = edges.iter().map(|&edge| graph.steps(&[edge])[1].clone());
            let steps: Vec<_> = steps.map(|step| format!("{}|{}", step.kind, step.name)).collect();
            if !steps.contains(&format!("{kind}|{name}")) {
                failures.push(format!("{python}: {kind} {name}: {steps:?}"));
            }
        }
        println!("{python}: {} references", lines.len());
        assert!(lines.len() > 40, "{python}");
    }
    assert!(failures.is_empty(), "{failures:#?}");
}

/// Roots of every kind, with names, on every Python.
#[test]
fn roots_have_names() {
    // Immortal constants are held by being static.
    const KINDS: [RootKind; 9] = [
        RootKind::Interned,
        RootKind::SysModules,
        RootKind::Interpreter,
        RootKind::Builtins,
        RootKind::StaticType,
        RootKind::Frame,
        RootKind::CGlobal,
        RootKind::Stack,
        RootKind::NativeBlock,
    ];
    let mut failures = Vec::new();
    for python in every_python().into_iter().chain(debug_pythons()) {
        let code = "
import sys, threading
def waits(argument, ready, event):
    local = [argument]
    ready.set()
    event.wait()
ready = threading.Event()
threading.Thread(target=waits, args=({'a': 1}, ready, threading.Event()), daemon=True).start()
ready.wait()
def main():
    variable = {'main': 1}
    print('ready', flush=True)
    sys.stdin.readline()
main()";
        let running = Running::python(&python, code);
        wait_until_blocked(running.pid());
        let graph = graph(running.pid());
        let mut names: BTreeMap<RootKind, BTreeSet<String>> = BTreeMap::new();
        for edge in graph.root_edges() {
            let root = graph.root(edge.root);
            let name = edge.name.as_deref().unwrap_or_default();
            names.entry(root.kind).or_default().insert(format!("{} {name}", root.name));
        }
        println!("{python}: {:?}", names.iter().map(|(k, n)| (k, n.len())).collect::<Vec<_>>());
        let missing = KINDS.iter().filter(|kind| !names.contains_key(kind));
        failures.extend(missing.map(|kind| format!("{python}: no root of {kind:?}")));
        let frames = names.get(&RootKind::Frame).cloned().unwrap_or_default();
        // Up to 3.10 a frame is an object, and variables are its references.
        let wanted: &[&str] = if python.version < (3, 11, 0) {
            &["main frame", "waits frame"]
        } else {
            &["main variable", "waits local", "waits argument"]
        };
        let lacking = wanted.iter().filter(|name| !frames.contains(**name));
        failures.extend(lacking.map(|name| format!("{python}: {name}: {frames:?}")));
        failures.extend(modules_missing(&graph).map(|name| format!("{python}: module {name}")));
    }
    assert!(failures.is_empty(), "{failures:#?}");
}

/// Modules whose objects are not known by name.
fn modules_missing(graph: &Graph) -> impl Iterator<Item = &'static str> {
    let names: BTreeSet<String> = graph
        .own_names()
        .into_iter()
        .filter(|(id, _)| &**graph.type_name(*id) == "builtins.module")
        .map(|(_, name)| name.to_string())
        .collect();
    ["__main__", "sys", "builtins", "threading"]
        .into_iter()
        .filter(move |name| !names.contains(*name))
}
