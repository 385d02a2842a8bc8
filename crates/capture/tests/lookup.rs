//! What is looked up in a capture is what its graph says, and hostile tables end in errors.
#![allow(clippy::unwrap_used, reason = "a test stops where it cannot go on")]

mod common;

use std::collections::BTreeMap;
use std::path::Path;

use common::{graph, keep, labels};
use heap::{
    Builder, EdgeChunk, Graph, HeldSum, How, Object, ObjectId, Objects, Paths, RootInfo, RootKind,
    Shapes, Step, Strength, Through, TypeInfo, Ways,
};
use memprobe_capture::folder::{Capture, Chunk, TableWriter};
use memprobe_capture::graph::{Found, Lookup, WAYS};
use probe::{FileColumn, FileType, Role, TableFile, Unit};
use proptest::prelude::*;

fn found(lookup: &mut Lookup, graph: &Graph, object: ObjectId) -> Found {
    let address = graph.objects().address[object.index()];
    lookup.object(address).unwrap().unwrap().unwrap()
}

/// What the graph says of the objects of a type.
fn ways(graph: &Graph, name: &str) -> BTreeMap<Vec<Step>, (u64, u64)> {
    let shapes = Shapes::new(graph, Through::Loose);
    let mut ways = BTreeMap::new();
    for object in (0..graph.len() as u32).map(ObjectId) {
        if &**graph.type_name(object) == name {
            let path = shapes.of(object).map(|shape| shapes.path(shape)).unwrap_or_default();
            let sum: &mut (u64, u64) = ways.entry(path).or_default();
            sum.0 += 1;
            sum.1 += graph.objects().bytes(object.index());
        }
    }
    ways
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn what_is_looked_up_is_what_the_graph_says(
        count in 1_u32..200,
        numbers in proptest::collection::vec(any::<u32>(), 0..600),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let graph = graph(count, &numbers);
        let capture = keep(&dir.path().join("c"), &graph, |_| Vec::new());
        let mut lookup = Lookup::open(&capture).unwrap().unwrap();
        let (paths, held) = (Paths::new(&graph, Through::Loose), Ways::new(&graph, Through::Loose));
        for object in (0..count).map(ObjectId) {
            let found = found(&mut lookup, &graph, object);
            prop_assert_eq!(&found.chain, &paths.steps(object));
            prop_assert_eq!(&found.type_name, graph.type_name(object));
            prop_assert_eq!(found.name.as_deref(), graph.own_name(object).map(|name| &**name));
            prop_assert_eq!(found.sum.bytes, graph.objects().bytes(object.index()));
            prop_assert_eq!(found.sum.held, held.held()[object.index()]);
        }
        for info in graph.types() {
            let of_type = lookup.of_types(|name| name == &*info.name, usize::MAX).unwrap().unwrap();
            let told = of_type.ways.iter().map(|(path, sum)| (path.clone(), (sum.objects, sum.bytes)));
            prop_assert_eq!(told.collect::<BTreeMap<_, _>>(), ways(&graph, &info.name));
            let objects: u64 = of_type.ways.iter().map(|(_, sum)| sum.objects).sum();
            prop_assert_eq!(objects, of_type.sum.objects);
        }
        prop_assert_eq!(lookup.object(7).unwrap(), None);
        prop_assert_eq!(lookup.object(u64::MAX).unwrap(), None);
    }
}

/// A list of `count` nodes, each the only one that holds the next, over several parts of the tables.
fn list(count: u32) -> Graph {
    let mut objects = Objects::default();
    for place in 0..count {
        let address = u64::from(place + 1) * 64;
        objects.push(Object { address, size: 64, type_id: 0, refcount: 1, flags: 0 });
    }
    let labels = labels();
    let next = labels.iter().position(|info| info.how == How::Attribute).unwrap() as u8;
    let mut builder = Builder::new(objects, vec![TypeInfo::new("app.Node", 0)], labels);
    let mut counts = vec![1; count as usize];
    counts[count as usize - 1] = 0;
    let label = vec![next; count as usize - 1];
    builder.push(&EdgeChunk { counts, target: (1..count).collect(), label }).unwrap();
    let kind = RootKind::Frame;
    let root = builder.root(RootInfo { kind, name: "main".into(), detail: "".into() });
    builder.root_edge(root, ObjectId(0), Strength::Strong, Some("head".into()));
    builder.finish().unwrap()
}

#[test]
fn a_long_chain_is_told_with_its_start_and_its_end() {
    let dir = tempfile::tempdir().unwrap();
    let graph = list(150_000);
    let capture = keep(&dir.path().join("c"), &graph, |_| Vec::new());
    let mut lookup = Lookup::open(&capture).unwrap().unwrap();
    let last = found(&mut lookup, &graph, ObjectId(149_999));
    assert_eq!(&*last.chain[0].name, "main.head");
    assert!(last.chain.iter().any(|step| &*step.kind == "..."), "{:?}", last.chain);
    assert!((60..80).contains(&last.chain.len()), "{}", last.chain.len());
    assert_eq!(last.sum, HeldSum { objects: 1, bytes: 64, held: 64 });
    let first = found(&mut lookup, &graph, ObjectId(0));
    assert_eq!(first.sum.held, 64 * 150_000);
    assert_eq!(first.chain.len(), 1);
    let all = lookup.of_types(|name| name == "app.Node", 10).unwrap().unwrap();
    assert_eq!(all.sum, HeldSum { objects: 150_000, bytes: 64 * 150_000, held: 64 * 150_000 });
}

fn table(folder: &Path, name: &str, columns: &[(&str, FileType)], rows: &[Chunk<'_>]) -> TableFile {
    let columns = columns
        .iter()
        .map(|&(name, kind)| FileColumn::new(name, kind, Unit::None, Role::Attribute));
    let mut table = TableWriter::create(folder, name, columns.collect()).unwrap();
    table.write(rows).unwrap();
    table.finish().unwrap()
}

fn held(folder: &Path, parent: &[u32], shape: &[u32]) -> Vec<TableFile> {
    let columns = [
        ("parent", FileType::U32),
        ("place", FileType::U32),
        ("shape", FileType::U32),
        ("held", FileType::U64),
    ];
    let (places, more) = (vec![0; parent.len()], vec![u64::MAX; parent.len()]);
    let rows = [Chunk::U32(parent), Chunk::U32(&places), Chunk::U32(shape), Chunk::U64(&more)];
    vec![table(folder, "held", &columns, &rows)]
}

/// The shape that stands in row 2, of objects of type 0.
fn shape(folder: &Path, parent: u32, type_id: u32, objects: u64) -> Vec<TableFile> {
    let columns = [
        ("parent", FileType::U32),
        ("kind", FileType::Text),
        ("name", FileType::Text),
        ("type", FileType::U32),
        ("objects", FileType::U64),
        ("bytes", FileType::U64),
        ("held", FileType::U64),
    ];
    let sums = Chunk::U64(&[0, 0, objects]);
    let rows = [
        Chunk::U32(&[0, 0, parent]),
        Chunk::Text(&["", "", "frame local"]),
        Chunk::Text(&["", "", "x"]),
        Chunk::U32(&[u32::MAX, u32::MAX, type_id]),
        sums,
        sums,
        sums,
    ];
    vec![table(folder, "shapes", &columns, &rows)]
}

/// Everything that can be asked; the first error.
fn ask(capture: &Capture, graph: &Graph) -> Result<usize, String> {
    let said = |error: probe::Error| format!("{error:#}");
    let mut lookup = Lookup::open(capture).map_err(said)?.ok_or("no ways")?;
    lookup.of_types(|_| true, 10).map_err(said)?;
    let mut steps = 0;
    for &address in &graph.objects().address {
        steps += lookup.object(address).map_err(said)?.flatten().map_or(0, |one| one.chain.len());
    }
    Ok(steps)
}

#[test]
fn hostile_ways_are_errors_or_end() {
    type Damage = fn(&Path) -> Vec<TableFile>;
    let damages: [(Damage, &str); 9] = [
        (|f| held(f, &[0, 0], &[2, 2]), "and the ways of 2"),
        (|f| held(f, &[9, 9, 9], &[2, 2, 2]), "row 9 of table `held`"),
        (|f| held(f, &[0, 0, 0], &[99, 99, 99]), "row 99 of table `shapes`"),
        (|f| held(f, &[1, 1, 1], &[2, 0, 2]), "what no root reaches"),
        (|f| shape(f, 2, 0, 1), "stands after shape 2"),
        (|f| shape(f, 7, 0, 1), "stands after shape 7"),
        (|f| shape(f, 0, 1, 1), "of type 0 on a way to 1"),
        (|f| shape(f, 0, 0, u64::MAX), "more objects than there are"),
        (|f| shape(f, 0, 5, 1), "on a way to 5"),
    ];
    let graph = list(3);
    for (number, (damage, why)) in damages.into_iter().enumerate() {
        let dir = tempfile::tempdir().unwrap();
        let capture = keep(&dir.path().join("c"), &graph, damage);
        let error = ask(&capture, &graph).unwrap_err();
        assert!(error.contains(why), "{number}: {error}");
    }
    // A circle of parents, in which every row fits: it is told for so long, and no longer.
    let dir = tempfile::tempdir().unwrap();
    let circle = |f: &Path| held(f, &[1, 2, 0], &[2, 3, 3]);
    let capture = keep(&dir.path().join("c"), &graph, circle);
    assert!((190..300).contains(&ask(&capture, &graph).unwrap()));
}

/// Any byte of any file may be another: that is an error or an answer, and never the end of us.
#[test]
fn damaged_files_of_ways_do_no_harm() {
    let dir = tempfile::tempdir().unwrap();
    let graph = graph(
        60,
        &(0..300).map(|n: u32| n.wrapping_mul(2_654_435_761) % 9973).collect::<Vec<u32>>(),
    );
    let to = dir.path().join("c");
    keep(&to, &graph, |_| Vec::new());
    for table in WAYS.into_iter().chain(["objects", "names", "types"]) {
        let file = to.join(format!("{table}.parquet"));
        let whole = std::fs::read(&file).unwrap();
        for at in (0..whole.len()).step_by(7) {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x55;
            std::fs::write(&file, &bytes).unwrap();
            let _ = ask(&Capture::open(&to).unwrap(), &graph);
        }
        std::fs::write(&file, &whole[..whole.len() / 2]).unwrap();
        let error = Capture::open(&to).unwrap_err().to_string();
        assert!(error.contains(table) && error.contains("damaged"), "{error}");
        std::fs::write(&file, &whole).unwrap();
    }
    ask(&Capture::open(&to).unwrap(), &graph).unwrap();
}

/// A capture of an older version has a graph and no ways.
#[test]
fn a_capture_without_ways_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let to = dir.path().join("c");
    keep(&to, &list(3), |_| Vec::new());
    let file = to.join("manifest.json");
    let text = std::fs::read_to_string(&file).unwrap();
    let mut manifest: serde_json::Value = serde_json::from_str(&text).unwrap();
    let tables = manifest["tables"].as_array_mut().unwrap();
    tables.retain(|table| table["name"] != "held");
    std::fs::write(&file, manifest.to_string()).unwrap();
    assert!(Lookup::open(&Capture::open(&to).unwrap()).unwrap().is_none());
}
