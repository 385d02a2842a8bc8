//! `memprobe garbage`: what only reference cycles keep.

use heap::{EdgeId, Garbage, Graph, Sum, TypeId};
use probe::{Column, Table};
use serde_json::{Value, json};

use super::source::Opened;
use super::told::{Answer, bytes, counts, object, object_text, objects, size};
use super::why;
use crate::args::{FreezeArg, GarbageArgs, GlobalArgs};
use crate::exit::{Exit, Failure};

/// Tells it.
///
/// # Errors
/// When there is no graph.
pub fn run(args: &GarbageArgs, global: &GlobalArgs) -> Result<Exit, Failure> {
    let opened = Opened::get(&args.graph, global)?;
    let graph = &opened.graph()?;
    let garbage = Garbage::new(graph);
    let mut before = vec![format!(
        "{}, {}, are reached by nothing and kept by cycles alone; {} of them are in {} separate \
         knots of cycles",
        objects(garbage.cyclic.objects),
        size(garbage.cyclic.bytes),
        garbage.on_cycles.objects,
        garbage.cycles
    )];
    if garbage.unheld.objects > 0 {
        before.push(format!(
            "{} more, {}, are reached by nothing and on no cycle: about to be freed, or held by a \
             reference that was not found",
            objects(garbage.unheld.objects),
            size(garbage.unheld.bytes)
        ));
    }
    let why = if garbage.cyclic.objects > 0 { why::reasons(&opened.capture) } else { Vec::new() };
    before.extend(why.iter().cloned());
    let answer = Answer {
        name: "garbage",
        manifest: opened.capture.manifest(),
        issues: Vec::new(),
        before,
        tables: vec![table(graph, "garbage", &garbage.types)],
        after: after(graph, &garbage, args.graph.pid),
        json: json!({
            "cyclic": sum(garbage.cyclic),
            "on_cycles": sum(garbage.on_cycles),
            "cycles": garbage.cycles,
            "unheld": sum(garbage.unheld),
            "why": why,
            "types": types(graph, &garbage.types),
            "finalizers": types(graph, &garbage.finalizers),
            "example": garbage.example.iter().map(|&edge| step(graph, edge)).collect::<Vec<_>>(),
        }),
    };
    answer.tell(&args.graph.told)
}

/// What only cycles keep in a process, for who does something about it.
#[derive(Debug, Default)]
pub(in crate::commands) struct Cyclic {
    /// Objects.
    pub(in crate::commands) objects: u64,
    /// Bytes of them.
    pub(in crate::commands) bytes: u64,
    /// Type, objects, bytes; most bytes first.
    pub(in crate::commands) types: Vec<(String, u64, u64)>,
    /// Why the collector has not taken it.
    pub(in crate::commands) why: Vec<String>,
}

impl Cyclic {
    /// Looks at a process, which is held still meanwhile.
    pub(in crate::commands) fn of(pid: u32, global: &GlobalArgs) -> Result<Self, Failure> {
        let opened = Opened::of_process(pid, FreezeArg::Auto, global)?;
        let graph = &opened.graph()?;
        let garbage = Garbage::new(graph);
        let one = |&(id, sum): &(TypeId, Sum)| {
            (graph.types()[id.index()].name.to_string(), sum.objects, sum.bytes)
        };
        Ok(Self {
            objects: garbage.cyclic.objects,
            bytes: garbage.cyclic.bytes,
            types: garbage.types.iter().map(one).collect(),
            why: why::reasons(&opened.capture),
        })
    }
}

fn sum(sum: Sum) -> Value {
    json!({ "objects": sum.objects, "bytes": sum.bytes })
}

fn types(graph: &Graph, types: &[(TypeId, Sum)]) -> Vec<Value> {
    let one = |&(id, sum): &(TypeId, Sum)| {
        let name = &graph.types()[id.index()].name;
        json!({ "type": name.as_ref(), "objects": sum.objects, "bytes": sum.bytes })
    };
    types.iter().map(one).collect()
}

fn table(graph: &Graph, name: &str, types: &[(TypeId, Sum)]) -> Table {
    let type_name = |id: TypeId| graph.types()[id.index()].name.to_string();
    Table::new(
        name,
        vec![
            Column::text_key("type", types.iter().map(|&(id, _)| type_name(id))),
            counts("objects", types.iter().map(|(_, sum)| sum.objects)),
            bytes("bytes", types.iter().map(|(_, sum)| sum.bytes)),
        ],
    )
}

fn label(graph: &Graph, edge: EdgeId) -> String {
    let (source, label) = (graph.source(edge), graph.edge(edge).label);
    let name = graph.label_name(source, label).unwrap_or("");
    let key = graph.key_of(edge).and_then(|key| graph.text(key));
    key.map_or_else(|| name.to_owned(), ToString::to_string)
}

fn step(graph: &Graph, edge: EdgeId) -> Value {
    json!({ "object": object(graph, graph.source(edge)), "by": label(graph, edge) })
}

/// An example of a cycle, types whose objects run code when they are freed, and what to do next
/// with a process that runs.
fn after(graph: &Graph, garbage: &Garbage, running: Option<u32>) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(first) = garbage.example.first() {
        lines.push("A shortest cycle, as an example:".into());
        let edge = |&edge: &EdgeId| {
            let from = object_text(graph, graph.source(edge));
            format!("  {from}  by {}", label(graph, edge))
        };
        lines.extend(garbage.example.iter().take(20).map(edge));
        lines.push(format!("  back to {}", object_text(graph, graph.source(*first))));
    }
    if let Some(&(id, sum)) = garbage.finalizers.first() {
        let name = &graph.types()[id.index()].name;
        lines.push(format!("{} of {name} run code when they are freed", objects(sum.objects)));
    }
    if let Some(pid) = running.filter(|_| garbage.cyclic.objects > 0) {
        lines.push(format!(
            "`memprobe try gc-collect --pid {pid}` has the process collect once, and tells what \
             comes back."
        ));
    }
    lines
}
