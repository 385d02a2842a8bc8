//! `heap-cost OBJECTS [KIND ...]`: what each analysis of made graphs costs, as lines of text.
#![forbid(unsafe_code)]

use std::hint::black_box;
use std::io::Write;
use std::process::Command;
use std::time::Instant;

use benches::{Kind, graph};
use heap::{
    Audit, Components, Dominators, Garbage, Graph, Held, Keepers, Paths, Referrers, Retained,
    Shapes, Summary, Through, TypeId,
};
use probe::{Error, ErrorKind, Result, ResultExt};
use rustix::time::{ClockId, clock_gettime};

/// From how many bytes on `malloc` maps a block of its own.
const THRESHOLD: &str = "MALLOC_MMAP_THRESHOLD_";

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let named = |word: &String| {
        let kind = Kind::ALL.iter().find(|(name, _)| name == word);
        kind.copied().ok_or_else(|| usage(format!("no kind `{word}`")))
    };
    let [count, kinds @ ..] = &words[..] else { return Err(usage("no number of objects")) };
    let count = count.parse::<u32>().ok().filter(|&count| count > 0);
    let count = count.ok_or_else(|| usage("no number of objects"))?;
    let kinds = kinds.iter().map(named).collect::<Result<Vec<_>>>()?;
    let kinds = if kinds.is_empty() { &Kind::ALL } else { &kinds[..] };
    match kinds {
        &[(name, kind)] if std::env::var_os(THRESHOLD).is_some() => cost(name, kind, count),
        kinds => kinds.iter().try_for_each(|&(name, _)| alone(name, count)),
    }
}

/// Has a process of its own do it, whose `malloc` gives freed memory back at once (mallopt(3)): what
/// it keeps would hide the peaks of what comes after.
fn alone(name: &str, count: u32) -> Result<()> {
    let mut again = Command::new("/proc/self/exe");
    let status = again.arg(count.to_string()).arg(name).env(THRESHOLD, "131072").status();
    match status.context("cannot begin again")?.success() {
        true => Ok(()),
        false => Err(Error::new(ErrorKind::Other, format!("no costs of {name}"))),
    }
}

fn usage(what: impl Into<String>) -> Error {
    let kinds = Kind::ALL.map(|(name, _)| name).join(", ");
    Error::new(ErrorKind::InvalidInput, what.into())
        .with_hint(format!("usage: heap-cost OBJECTS [KIND ...], of {kinds}; all without"))
}

fn cost(name: &str, kind: Kind, count: u32) -> Result<()> {
    let graph = graph(kind, count)?;
    let (objects, edges) = (graph.len(), graph.edge_count());
    let bytes = graph.memory();
    let rest = bytes.saturating_sub(5 * edges as u64) as f64 / objects as f64;
    say(&format!(
        "{name}: {objects} objects, {edges} edges, {:.0} MiB: {rest:.1} B/object + 5 B/edge",
        bytes as f64 / 1024.0 / 1024.0
    ))?;
    say("                          time, s   CPU, s  memory, MiB")?;
    analyse(&graph)
}

fn analyse(graph: &Graph) -> Result<()> {
    timed("reachable", || graph.reachable(Through::Strong))?;
    timed("referrers", || Referrers::new(graph))?;
    timed("audit", || Audit::new(graph))?;
    timed("keepers", || Keepers::new(graph))?;
    timed("garbage", || Garbage::new(graph))?;
    timed("components", || Components::new(graph, Through::Strong, |_| true))?;
    timed("paths", || Paths::new(graph, Through::Strong))?;
    timed("shapes", || Shapes::new(graph, Through::Loose))?;
    let held = || {
        let dominators = Dominators::new(graph, Through::Loose);
        let retained = Retained::new(graph, &dominators);
        (dominators, retained)
    };
    timed("dominators, retained", held)?;
    let (dominators, retained) = held();
    timed("retained by type", || retained.by_type(graph, &dominators))?;
    drop((dominators, retained));
    let member = |object| graph.type_of(object) == TypeId(0);
    timed("counts by holder", || Shapes::new(graph, Through::Loose).sums(graph, member))?;
    timed("holders", || Held::new(graph, Through::Loose).holders(graph, member, 1000))?;
    timed("summary", || Summary::new(graph))
}

/// Time, time of all threads together, and memory beyond the graph, as they peaked.
fn timed<T>(name: &str, work: impl FnOnce() -> T) -> Result<()> {
    // Makes the peak begin at what is there now (proc_pid_clear_refs(5)).
    std::fs::write("/proc/self/clear_refs", "5").context("cannot write clear_refs")?;
    let before = status("VmRSS:")?;
    let (start, cpu) = (Instant::now(), cpu());
    let made = black_box(work());
    let (wall, cpu) = (start.elapsed().as_secs_f64(), self::cpu() - cpu);
    let memory = status("VmHWM:")?.saturating_sub(before) / 1024;
    drop(made);
    say(&format!("{name:24} {wall:8.2} {cpu:8.2} {memory:12}"))
}

/// Seconds that all threads have run: what other load does not change much.
fn cpu() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// A line of `/proc/self/status`, in KiB.
fn status(key: &str) -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status").context("cannot read status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(key));
    let number = line.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
    number.ok_or_else(|| Error::new(ErrorKind::InvalidData, format!("status has no {key}")))
}

fn say(line: &str) -> Result<()> {
    writeln!(std::io::stdout(), "{line}").context("cannot print")
}
