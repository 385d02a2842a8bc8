//! From a graph to files, a run of objects at a time.

use std::path::Path;

use heap::Graph;
use probe::{FileColumn, FileType, Result, Role, TableFile, Unit};

use super::{OWN_NAME, TEXT, how_word};
use crate::folder::{Chunk, TableWriter};

/// Objects that are written in one go.
const RUN: usize = 1 << 16;

/// Writes the tables of a graph into a folder: beside the graph, memory for a million rows.
///
/// # Errors
/// When a file is there already, or cannot be written.
pub fn write(folder: &Path, graph: &Graph) -> Result<Vec<TableFile>> {
    Ok(vec![
        objects(folder, graph)?,
        edges(folder, graph)?,
        types(folder, graph)?,
        labels(folder, graph)?,
        roots(folder, graph)?,
        root_edges(folder, graph)?,
        names(folder, graph)?,
        slot_names(folder, graph)?,
        adjustments(folder, graph)?,
    ])
}

fn attribute(name: &str, kind: FileType, unit: Unit) -> FileColumn {
    FileColumn::new(name, kind, unit, Role::Attribute)
}

fn text(name: &str) -> FileColumn {
    attribute(name, FileType::Text, Unit::None)
}

/// The row of another table.
fn row(name: &str, of: &str, kind: FileType) -> FileColumn {
    FileColumn::new(name, kind, Unit::None, Role::Ref(of.into()))
}

fn runs(count: usize) -> impl Iterator<Item = std::ops::Range<usize>> {
    (0..count).step_by(RUN).map(move |start| start..count.min(start + RUN))
}

fn objects(folder: &Path, graph: &Graph) -> Result<TableFile> {
    let columns = vec![
        FileColumn::new("address", FileType::U64, Unit::Address, Role::Key),
        attribute("size", FileType::U64, Unit::Bytes),
        row("type", "types", FileType::U32),
        attribute("refcount", FileType::U32, Unit::Count),
        attribute("flags", FileType::U8, Unit::None),
        attribute("references", FileType::U32, Unit::Count),
    ];
    let mut table = TableWriter::create(folder, "objects", columns)?;
    let objects = graph.objects();
    for run in runs(graph.len()) {
        let sizes: Vec<u64> = run.clone().map(|object| objects.bytes(object)).collect();
        table.write(&[
            Chunk::U64(&objects.address[run.clone()]),
            Chunk::U64(&sizes),
            Chunk::U32(&objects.type_id[run.clone()]),
            Chunk::U32(&objects.refcount[run.clone()]),
            Chunk::U8(&objects.flags[run.clone()]),
            Chunk::U32(&graph.chunk(run).counts),
        ])?;
    }
    table.finish()
}

fn edges(folder: &Path, graph: &Graph) -> Result<TableFile> {
    let columns =
        vec![row("target", "objects", FileType::U32), row("label", "labels", FileType::U8)];
    let mut table = TableWriter::create(folder, "edges", columns)?;
    for run in runs(graph.len()) {
        let chunk = graph.chunk(run);
        table.write(&[Chunk::U32(&chunk.target), Chunk::U8(&chunk.label)])?;
    }
    table.finish()
}

fn types(folder: &Path, graph: &Graph) -> Result<TableFile> {
    let columns = vec![
        text("name"),
        attribute("address", FileType::U64, Unit::Address),
        attribute("finalizer", FileType::Bool, Unit::None),
        text("entry"),
    ];
    let mut table = TableWriter::create(folder, "types", columns)?;
    let types = graph.types();
    let names: Vec<&str> = types.iter().map(|info| &*info.name).collect();
    let addresses: Vec<u64> = types.iter().map(|info| info.address).collect();
    let finalizers: Vec<bool> = types.iter().map(|info| info.finalizer).collect();
    let entries: Vec<&str> = types.iter().map(|t| t.entry.as_deref().unwrap_or("")).collect();
    table.write(&[
        Chunk::Text(&names),
        Chunk::U64(&addresses),
        Chunk::Bool(&finalizers),
        Chunk::Text(&entries),
    ])?;
    table.finish()
}

fn labels(folder: &Path, graph: &Graph) -> Result<TableFile> {
    let columns = vec![text("name"), text("how"), text("strength")];
    let mut table = TableWriter::create(folder, "labels", columns)?;
    let labels = graph.labels();
    let names: Vec<&str> = labels.iter().map(|info| &*info.name).collect();
    let ways: Vec<&str> = labels.iter().map(|info| how_word(info.how)).collect();
    let strengths: Vec<&str> = labels.iter().map(|info| info.strength.word()).collect();
    table.write(&[Chunk::Text(&names), Chunk::Text(&ways), Chunk::Text(&strengths)])?;
    table.finish()
}

fn roots(folder: &Path, graph: &Graph) -> Result<TableFile> {
    let columns = vec![text("kind"), text("name"), text("detail")];
    let mut table = TableWriter::create(folder, "roots", columns)?;
    for roots in graph.roots().chunks(RUN) {
        let kinds: Vec<&str> = roots.iter().map(|root| root.kind.word()).collect();
        let names: Vec<&str> = roots.iter().map(|root| &*root.name).collect();
        let details: Vec<&str> = roots.iter().map(|root| &*root.detail).collect();
        table.write(&[Chunk::Text(&kinds), Chunk::Text(&names), Chunk::Text(&details)])?;
    }
    table.finish()
}

fn root_edges(folder: &Path, graph: &Graph) -> Result<TableFile> {
    let columns = vec![
        row("root", "roots", FileType::U32),
        row("target", "objects", FileType::U32),
        text("strength"),
        attribute("named", FileType::Bool, Unit::None),
        text("name"),
    ];
    let mut table = TableWriter::create(folder, "root_edges", columns)?;
    for edges in graph.root_edges().chunks(RUN) {
        let roots: Vec<u32> = edges.iter().map(|edge| edge.root.0).collect();
        let targets: Vec<u32> = edges.iter().map(|edge| edge.target.0).collect();
        let strengths: Vec<&str> = edges.iter().map(|edge| edge.strength.word()).collect();
        let named: Vec<bool> = edges.iter().map(|edge| edge.name.is_some()).collect();
        let names: Vec<&str> = edges.iter().map(|e| e.name.as_deref().unwrap_or("")).collect();
        table.write(&[
            Chunk::U32(&roots),
            Chunk::U32(&targets),
            Chunk::Text(&strengths),
            Chunk::Bool(&named),
            Chunk::Text(&names),
        ])?;
    }
    table.finish()
}

fn names(folder: &Path, graph: &Graph) -> Result<TableFile> {
    let columns = vec![row("object", "objects", FileType::U32), text("kind"), text("name")];
    let mut table = TableWriter::create(folder, "names", columns)?;
    for (kind, all) in [(TEXT, graph.texts()), (OWN_NAME, graph.own_names())] {
        for run in all.chunks(RUN) {
            let objects: Vec<u32> = run.iter().map(|(object, _)| object.0).collect();
            let names: Vec<&str> = run.iter().map(|(_, name)| &***name).collect();
            let kinds = vec![kind; run.len()];
            table.write(&[Chunk::U32(&objects), Chunk::Text(&kinds), Chunk::Text(&names)])?;
        }
    }
    table.finish()
}

fn slot_names(folder: &Path, graph: &Graph) -> Result<TableFile> {
    let columns = vec![
        row("type", "types", FileType::U32),
        attribute("label", FileType::U8, Unit::None),
        text("name"),
    ];
    let mut table = TableWriter::create(folder, "slot_names", columns)?;
    for run in graph.slot_names().chunks(RUN) {
        let types: Vec<u32> = run.iter().map(|((id, _), _)| id.0).collect();
        let labels: Vec<u8> = run.iter().map(|((_, label), _)| label.0).collect();
        let names: Vec<&str> = run.iter().map(|(_, name)| &***name).collect();
        table.write(&[Chunk::U32(&types), Chunk::U8(&labels), Chunk::Text(&names)])?;
    }
    table.finish()
}

fn adjustments(folder: &Path, graph: &Graph) -> Result<TableFile> {
    let columns = vec![
        row("object", "objects", FileType::U32),
        attribute("references", FileType::I64, Unit::Count),
    ];
    let mut table = TableWriter::create(folder, "adjustments", columns)?;
    for run in graph.extra().chunks(RUN) {
        let objects: Vec<u32> = run.iter().map(|(object, _)| object.0).collect();
        let references: Vec<i64> = run.iter().map(|&(_, count)| count.into()).collect();
        table.write(&[Chunk::U32(&objects), Chunk::I64(&references)])?;
    }
    table.finish()
}
