//! From a graph to files, a run of objects at a time.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use heap::{Graph, HeldSum, ObjectId, TypeId, Ways};
use probe::{FileColumn, FileType, Result, Role, TableFile, Unit};

use super::ways::NO_TYPE;
use super::{OWN_NAME, TEXT, how_word};
use crate::folder::{Chunk, TableWriter};

/// Objects that are written in one go; rows of a part where single rows are looked up.
const RUN: usize = 1 << 16;
/// Names are fewer, and one is looked for in all.
const NAMES: usize = 1 << 14;

/// Writes the tables of a graph into a folder: beside the graph, memory for some million rows.
///
/// # Errors
/// When a file is there already, or cannot be written.
pub fn write(folder: &Path, graph: &Graph) -> Result<Vec<TableFile>> {
    side_by_side(&jobs(folder, graph))
}

/// The same with the ways in which objects are held, in three more tables.
///
/// # Errors
/// As above.
pub fn write_with_ways(folder: &Path, graph: &Graph, ways: &Ways) -> Result<Vec<TableFile>> {
    let mut jobs = jobs(folder, graph);
    jobs.insert(2, Box::new(|| held(folder, graph, ways)));
    jobs.push(Box::new(|| shapes(folder, ways)));
    jobs.push(Box::new(|| type_sums(folder, graph, ways)));
    side_by_side(&jobs)
}

/// A table to be written.
type Job<'a> = Box<dyn Fn() -> Result<TableFile> + Send + Sync + 'a>;

/// The tables of the graph, those that take long first.
fn jobs<'a>(folder: &'a Path, graph: &'a Graph) -> Vec<Job<'a>> {
    vec![
        Box::new(|| objects(folder, graph)),
        Box::new(|| edges(folder, graph)),
        Box::new(|| types(folder, graph)),
        Box::new(|| labels(folder, graph)),
        Box::new(|| roots(folder, graph)),
        Box::new(|| root_edges(folder, graph)),
        Box::new(|| names(folder, graph)),
        Box::new(|| slot_names(folder, graph)),
        Box::new(|| adjustments(folder, graph)),
    ]
}

/// Two at a time: packing takes longer than the disk.
fn side_by_side(jobs: &[Job<'_>]) -> Result<Vec<TableFile>> {
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<(usize, Result<TableFile>)>> = Mutex::default();
    let work = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(job) = jobs.get(number) else { return };
            let outcome = job();
            done.lock().unwrap_or_else(PoisonError::into_inner).push((number, outcome));
        }
    };
    std::thread::scope(|scope| {
        let other = std::thread::Builder::new().name("memprobe-pack".into());
        // Without another thread it takes longer.
        let _ = other.spawn_scoped(scope, work);
        work();
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|&(number, _)| number);
    done.into_iter().map(|(_, outcome)| outcome).collect()
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
    let mut table = TableWriter::create(folder, "objects", columns)?.in_parts_of(RUN);
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
    let mut table = TableWriter::create(folder, "names", columns)?.in_parts_of(NAMES);
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

/// The object of the step before, the place among items, the shape, and how much more than its own bytes
/// each object holds.
fn held(folder: &Path, graph: &Graph, ways: &Ways) -> Result<TableFile> {
    let columns = vec![
        row("parent", "objects", FileType::U32),
        attribute("place", FileType::U32, Unit::None),
        row("shape", "shapes", FileType::U32),
        attribute("held", FileType::U64, Unit::Bytes),
    ];
    let mut table = TableWriter::create(folder, "held", columns)?.in_parts_of(RUN);
    for run in runs(graph.len()) {
        let shape = |object: usize| ways.shape(ObjectId(object as u32));
        let more =
            |object: usize| ways.held()[object].saturating_sub(graph.objects().bytes(object));
        let shapes: Vec<u32> = run.clone().map(shape).collect();
        let held: Vec<u64> = run.clone().map(more).collect();
        table.write(&[
            Chunk::U32(&ways.parents()[run.clone()]),
            Chunk::U32(&ways.places()[run]),
            Chunk::U32(&shapes),
            Chunk::U64(&held),
        ])?;
    }
    table.finish()
}

fn sums() -> [FileColumn; 3] {
    [
        attribute("objects", FileType::U64, Unit::Count),
        attribute("bytes", FileType::U64, Unit::Bytes),
        attribute("held", FileType::U64, Unit::Bytes),
    ]
}

fn sum_columns(sums: &[HeldSum]) -> [Vec<u64>; 3] {
    let column = |of: fn(&HeldSum) -> u64| sums.iter().map(of).collect();
    [column(|sum| sum.objects), column(|sum| sum.bytes), column(|sum| sum.held)]
}

/// Shapes by their last step. The first two rows have none: what no root reaches, and what is not
/// told apart.
fn shapes(folder: &Path, ways: &Ways) -> Result<TableFile> {
    let mut columns = vec![
        row("parent", "shapes", FileType::U32),
        text("kind"),
        text("name"),
        row("type", "types", FileType::U32),
    ];
    columns.extend(sums());
    let mut table = TableWriter::create(folder, "shapes", columns)?.in_parts_of(RUN);
    let shapes = ways.shapes();
    for run in runs(ways.by_shape().len()) {
        let numbers = run.start as u32..run.end as u32;
        let last: Vec<_> = numbers.clone().map(|shape| shapes.last(shape)).collect();
        let parents: Vec<u32> =
            last.iter().map(|last| last.as_ref().map_or(0, |(parent, _)| *parent)).collect();
        let kinds: Vec<&str> =
            last.iter().map(|last| last.as_ref().map_or("", |(_, step)| &*step.kind)).collect();
        let names: Vec<&str> =
            last.iter().map(|last| last.as_ref().map_or("", |(_, step)| &*step.name)).collect();
        let types: Vec<u32> =
            numbers.map(|shape| shapes.type_of(shape).map_or(NO_TYPE, |id| id.0)).collect();
        let [objects, bytes, held] = sum_columns(&ways.by_shape()[run]);
        table.write(&[
            Chunk::U32(&parents),
            Chunk::Text(&kinds),
            Chunk::Text(&names),
            Chunk::U32(&types),
            Chunk::U64(&objects),
            Chunk::U64(&bytes),
            Chunk::U64(&held),
        ])?;
    }
    table.finish()
}

/// Sums of all types, in their order.
fn type_sums(folder: &Path, graph: &Graph, ways: &Ways) -> Result<TableFile> {
    let mut columns = vec![row("type", "types", FileType::U32)];
    columns.extend(sums());
    let mut table = TableWriter::create(folder, "type_sums", columns)?;
    let types: Vec<u32> = (0..graph.types().len() as u32).collect();
    let all: Vec<HeldSum> = types.iter().map(|&id| ways.of_type(TypeId(id))).collect();
    let [objects, bytes, held] = sum_columns(&all);
    table.write(&[
        Chunk::U32(&types),
        Chunk::U64(&objects),
        Chunk::U64(&bytes),
        Chunk::U64(&held),
    ])?;
    table.finish()
}
