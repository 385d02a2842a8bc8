//! The questions `holders` and `audit`: the graph of references, told as tables.
//!
//! Every object has one keeper. What a root keeps is a row of `holders` by the way that leads to
//! it; what only cycles keep is `garbage`; what references keep that nothing owns, and what hangs
//! on that, is `refcounts`. No object is in two of them. `bounds` says of what is held how much it may
//! become.

mod bounds;
mod garbage;
mod refcounts;
mod ways;

use heap::{Graph, Keepers, Shapes, Through};
use probe::{Request, Table};
use target::memory::ReadMemory;

/// The tables that a request wants of a graph of objects in a memory, of Python 3.`minor`; its
/// shapes are there if somebody needed them.
pub(crate) fn tables<M: ReadMemory>(
    graph: &Graph,
    shapes: Option<Shapes>,
    (memory, minor): (&M, u32),
    request: &Request,
) -> Vec<Table> {
    let pid = request.target.pid.into();
    if !request.wants("holders") && !request.wants("audit") {
        return Vec::new();
    }
    let keepers = Keepers::new(graph);
    let mut tables = Vec::new();
    if request.wants("holders") {
        let shapes = shapes.unwrap_or_else(|| Shapes::new(graph, Through::Loose));
        tables.push(ways::table(graph, &keepers, &shapes, pid));
        tables.push(bounds::table(graph, &keepers, &shapes, (memory, minor), pid));
        tables.push(garbage::table(graph, &keepers, pid));
    }
    if request.wants("audit") {
        tables.push(refcounts::table(graph, &keepers, pid));
    }
    tables
}

/// Steps as the report has them, and as JSON.
fn in_words(steps: &[heap::Step]) -> (Vec<probe::Step>, String) {
    let word = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let step = |step: &heap::Step| probe::Step {
        kind: step.kind.to_string(),
        name: word(&step.name),
        type_name: word(&step.type_name),
    };
    let steps: Vec<probe::Step> = steps.iter().map(step).collect();
    let json = serde_json::to_string(&steps).unwrap_or_default();
    (steps, json)
}
