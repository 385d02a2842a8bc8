//! The object graph of a process, counted and timed: `cargo run --release --example graph -- PID`.
//!
//! The process should stand still: stop it, or give one that waits.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "an example")]

use std::collections::BTreeMap;
use std::time::Instant;

use memprobe_probe_python::{GraphOptions, Python};
use probe::{Error, ErrorKind, Result, Target};

fn main() -> Result<()> {
    let pid = std::env::args().nth(1).and_then(|text| text.parse().ok());
    let pid = pid.ok_or_else(|| Error::new(ErrorKind::Other, "usage: graph PID"))?;
    let python = Python::attach(&Target::from_pid(pid))?;
    let started = Instant::now();
    let (graph, issues) = python.graph(&GraphOptions::default())?;
    let seconds = started.elapsed().as_secs_f64();
    for issue in &issues {
        println!("{}", issue.message);
    }
    let (objects, edges) = (graph.len() as u64, graph.edge_count() as u64);
    println!("{objects} objects, {edges} references, {seconds:.2} s");
    let most = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let most = most.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default();
    println!("{} bytes of columns; {most}", graph.memory());
    let mut kinds: BTreeMap<_, usize> = BTreeMap::new();
    for edge in graph.root_edges() {
        *kinds.entry(graph.root(edge.root).kind).or_default() += 1;
    }
    println!("{} roots; their references: {kinds:?}", graph.roots().len());
    Ok(())
}
