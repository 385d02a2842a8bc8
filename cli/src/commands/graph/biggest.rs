//! `memprobe biggest`: the objects and types that hold most memory alone.

use heap::{Dominators, Graph, Group, ObjectId, Retained, Shapes, Through, TypeId};
use probe::{Column, Table};
use serde_json::json;

use super::source::Source;
use super::told::{Answer, bytes, counts, object, objects, shares, short, size, steps};
use crate::args::{BiggestArgs, GlobalArgs};
use crate::exit::{Exit, Failure};

/// Tells them.
///
/// # Errors
/// When there is no graph.
pub fn run(args: &BiggestArgs, global: &GlobalArgs) -> Result<Exit, Failure> {
    let source = Source::get(&args.graph, global)?;
    let graph = &source.graph;
    let rows = args.graph.told.rows;
    let dominators = Dominators::new(graph, Through::Loose);
    let retained = Retained::new(graph, &dominators);
    let mut types = retained.by_type(graph, &dominators);
    types.truncate(rows);
    let biggest = retained.biggest(rows);
    drop(dominators);
    let shapes = Shapes::new(graph, Through::Loose);
    let all: u64 = (0..graph.len()).map(|at| graph.objects().bytes(at)).sum();
    let head = format!("{}, {} of their own", objects(graph.len() as u64), size(all));
    let tables = vec![by_object(graph, &biggest, &shapes, all), by_type(graph, &types, all)];
    let answer = Answer {
        name: "biggest",
        manifest: &source.manifest,
        issues: Vec::new(),
        before: vec![
            head,
            "retained: what would be freed if it went; share: of all objects' bytes.".into(),
        ],
        tables,
        after: vec![format!(
            "`memprobe holders {} --object ADDRESS` tells who holds one of them.",
            args.graph.of()
        )],
        json: json!({
            "objects_total": graph.len(),
            "bytes_total": all,
            "objects": biggest.iter().map(|&(id, retained)| json!({
                "object": object(graph, id),
                "bytes": graph.objects().bytes(id.index()),
                "retained": retained,
                "path": steps(&way(&shapes, id)),
            })).collect::<Vec<_>>(),
            "types": types.iter().map(|&(id, group)| json!({
                "type": graph.types()[id.index()].name.as_ref(),
                "objects": group.objects,
                "bytes": group.bytes,
                "retained": group.retained,
            })).collect::<Vec<_>>(),
        }),
    };
    answer.tell(&args.graph.told)
}

fn way(shapes: &Shapes, object: ObjectId) -> Vec<heap::Step> {
    shapes.of(object).map(|shape| shapes.path(shape)).unwrap_or_default()
}

fn by_object(graph: &Graph, biggest: &[(ObjectId, u64)], shapes: &Shapes, all: u64) -> Table {
    let retained = || biggest.iter().map(|&(_, retained)| retained);
    let address = |id: ObjectId| format!("{:#x}", graph.objects().address[id.index()]);
    Table::new(
        "biggest_objects",
        vec![
            Column::text_key("address", biggest.iter().map(|&(id, _)| address(id))),
            Column::text("way", biggest.iter().map(|&(id, _)| Some(short(&way(shapes, id))))),
            bytes("retained", retained()),
            shares("share", all, retained()),
        ],
    )
}

fn by_type(graph: &Graph, types: &[(TypeId, Group)], all: u64) -> Table {
    let name = |id: TypeId| graph.types()[id.index()].name.to_string();
    Table::new(
        "biggest_types",
        vec![
            Column::text_key("type", types.iter().map(|&(id, _)| name(id))),
            counts("objects", types.iter().map(|(_, group)| group.objects)),
            bytes("retained", types.iter().map(|(_, group)| group.retained)),
            shares("share", all, types.iter().map(|(_, group)| group.retained)),
            bytes("bytes", types.iter().map(|(_, group)| group.bytes)),
        ],
    )
}
