//! What references of every Python are called: attributes, variables, keys, bases.
#![forbid(unsafe_code)]
#![allow(clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used, reason = "tests")]

mod referents;

use heap::{EdgeId, Graph, How, ObjectId, Paths, Referrers, Through};
use referents::{graph, program, wait_until_blocked};
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
