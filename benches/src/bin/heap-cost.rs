//! `heap-cost OBJECTS [KIND]`: what each analysis of a made graph costs, as lines of text.
#![forbid(unsafe_code)]

use std::io::Write;
use std::time::Instant;

use benches::{Kind, graph};
use heap::{
    Audit, Components, Dominators, Garbage, Graph, Paths, Referrers, Retained, Shapes, Summary,
    Through,
};
use probe::{Error, ErrorKind, Result, ResultExt};

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let usage = || Error::new(ErrorKind::InvalidInput, "usage: heap-cost OBJECTS [KIND]");
    let count = words.first().and_then(|word| word.parse::<u32>().ok()).ok_or_else(usage)?;
    let named = |word: &String| Kind::ALL.iter().find(|(name, _)| name == word).map(|kind| kind.1);
    let kind = words.get(1).map_or(Some(Kind::Mixed), named).ok_or_else(usage)?;
    let graph = timed("build", || graph(kind, count))??;
    let (objects, edges) = (graph.len(), graph.edge_count());
    let bytes = graph.memory();
    let rest = bytes.saturating_sub(5 * edges as u64) as f64 / objects as f64;
    say(&format!("{objects} objects, {edges} edges: {bytes} B, {rest:.1} B/object + 5 B/edge"))?;
    analyse(&graph)
}

fn analyse(graph: &Graph) -> Result<()> {
    drop(timed("referrers", || Referrers::new(graph))?);
    drop(timed("reachable", || graph.reachable(Through::Strong))?);
    drop(timed("components", || Components::new(graph, Through::Strong, |_| true))?);
    let dominators = timed("dominators", || Dominators::new(graph, Through::Loose))?;
    let retained = timed("retained", || Retained::new(graph, &dominators))?;
    peak()?;
    drop(timed("retained by type", || retained.by_type(graph, &dominators))?);
    drop((retained, dominators));
    drop(timed("paths", || Paths::new(graph, Through::Strong))?);
    drop(timed("shapes", || Shapes::new(graph, Through::Loose))?);
    drop(timed("garbage", || Garbage::new(graph))?);
    drop(timed("audit", || Audit::new(graph))?);
    let summary = timed("summary", || Summary::new(graph))?;
    say(&format!("{} shapes in the summary", summary.shapes.len()))?;
    peak()
}

fn timed<T>(name: &str, work: impl FnOnce() -> T) -> Result<T> {
    let (start, cpu) = (Instant::now(), cpu()?);
    let made = work();
    let (wall, cpu) = (start.elapsed().as_secs_f64(), self::cpu()? - cpu);
    say(&format!("{name:20} {cpu:8.3} s of processor, {wall:8.3} s"))?;
    Ok(made)
}

/// Seconds that this process's only thread has run: what other load does not change much.
fn cpu() -> Result<f64> {
    let text = std::fs::read_to_string("/proc/self/schedstat").context("cannot read schedstat")?;
    let ns = text.split(' ').next().and_then(|word| word.parse::<u64>().ok());
    let strange = || Error::new(ErrorKind::InvalidData, "schedstat has no time");
    Ok(ns.ok_or_else(strange)? as f64 / 1e9)
}

fn peak() -> Result<()> {
    let status = std::fs::read_to_string("/proc/self/status").context("cannot read status")?;
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default();
    say(&format!("peak so far {line}"))
}

fn say(line: &str) -> Result<()> {
    writeln!(std::io::stdout(), "{line}").context("cannot print")
}
