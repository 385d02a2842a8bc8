//! A graph comes back from a capture as it was, and tables that do not fit are an error.
#![allow(clippy::unwrap_used, reason = "a test stops where it cannot go on")]

mod common;

use std::path::Path;

use common::{graph, keep};
use memprobe_capture::folder::{Capture, Chunk, Existing, Manifest, TableWriter, Tool, Writer};
use memprobe_capture::graph;
use probe::{FileColumn, FileType, Level, Role, TableFile, Taken, Target, Unit};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn a_graph_comes_back_as_it_was(
        count in 0_u32..300,
        numbers in proptest::collection::vec(any::<u32>(), 0..600),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let before = graph(count, &numbers);
        let capture = keep(&dir.path().join("c"), &before, |_| Vec::new());
        prop_assert!(graph::has_graph(&capture));
        prop_assert_eq!(graph::read(&capture).unwrap(), before);
    }
}

fn column(name: &str, kind: FileType) -> FileColumn {
    FileColumn::new(name, kind, Unit::None, Role::Attribute)
}

fn edges(folder: &Path, target: &[u32], label: &[u8]) -> Vec<TableFile> {
    let columns = vec![column("target", FileType::U32), column("label", FileType::U8)];
    let mut table = TableWriter::create(folder, "edges", columns).unwrap();
    table.write(&[Chunk::U32(target), Chunk::U8(label)]).unwrap();
    vec![table.finish().unwrap()]
}

fn one_word(folder: &Path, table: &str, columns: [&str; 3]) -> Vec<TableFile> {
    let columns = columns.iter().map(|name| column(name, FileType::Text)).collect();
    let mut table = TableWriter::create(folder, table, columns).unwrap();
    table.write(&[Chunk::Text(&["?"]), Chunk::Text(&["?"]), Chunk::Text(&["?"])]).unwrap();
    vec![table.finish().unwrap()]
}

fn adjustments(folder: &Path, object: u32, count: i64) -> Vec<TableFile> {
    let columns = vec![column("object", FileType::U32), column("references", FileType::I64)];
    let mut table = TableWriter::create(folder, "adjustments", columns).unwrap();
    table.write(&[Chunk::U32(&[object]), Chunk::I64(&[count])]).unwrap();
    vec![table.finish().unwrap()]
}

#[test]
fn tables_that_do_not_fit_each_other_are_an_error() {
    type Damage = fn(&Path) -> Vec<TableFile>;
    let damages: [(Damage, &str); 8] = [
        (|f| edges(f, &[0, 1], &[0, 0]), "another number of edges"),
        (|f| edges(f, &[0; 9], &[0; 9]), "another number of edges"),
        (|f| edges(f, &[0, 1, 9], &[0; 3]), "an edge to object 9"),
        (|f| edges(f, &[0, 1, 1], &[60; 3]), "an edge with label 60"),
        (|f| one_word(f, "labels", ["name", "how", "strength"]), "no word of this format"),
        (|f| one_word(f, "roots", ["kind", "name", "detail"]), "no word of this format"),
        (|f| adjustments(f, 7, 1), "something about object 7"),
        (|f| adjustments(f, 0, 1 << 40), "an adjustment of"),
    ];
    let before = graph(5, &[3, 40, 5]);
    for (number, (damage, why)) in damages.into_iter().enumerate() {
        let dir = tempfile::tempdir().unwrap();
        let capture = keep(&dir.path().join("c"), &before, damage);
        let error = format!("{:#}", graph::read(&capture).unwrap_err());
        assert!(error.contains(why), "{number}: {error}");
    }
}

#[test]
fn a_capture_without_a_graph_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let writer = Writer::create(&dir.path().join("c"), Existing::Keep).unwrap();
    let tool = Tool { name: "memprobe".into(), version: "1".into() };
    let manifest = Manifest::new(tool, Level::Medium, Target::from_pid(7), Taken::default());
    writer.finish(manifest).unwrap();
    let capture = Capture::open(&dir.path().join("c")).unwrap();
    assert_eq!(graph::read(&capture).unwrap_err().kind(), probe::ErrorKind::NotFound);
}
