//! Random graphs, and captures of them.
#![allow(unreachable_pub, reason = "shared by the tests of this folder")]

use std::path::Path;

use heap::{
    Builder, EdgeChunk, Graph, How, Label, LabelInfo, Object, ObjectId, Objects, RootInfo,
    RootKind, Strength, Through, TypeId, TypeInfo, Ways, flags,
};
use memprobe_capture::folder::{Capture, Existing, Manifest, Tool, Writer};
use memprobe_capture::graph;
use probe::{Level, TableFile, Taken, Target};

pub fn labels() -> Vec<LabelInfo> {
    let mut labels = vec![LabelInfo::new("weak", How::Weak, Strength::Borrowed)];
    labels.extend(How::ALL.map(|how| LabelInfo::new(how.word(), how, Strength::Strong)));
    labels.push(LabelInfo::new("word", How::Conservative, Strength::Loose));
    labels
}

/// A graph of `count` objects, the edges by these numbers.
pub fn graph(count: u32, numbers: &[u32]) -> Graph {
    let mut objects = Objects::default();
    for place in 0..count {
        let size = if place == 1 { 5 << 32 } else { u64::from(place) };
        let address = u64::from(place + 1) << 40;
        let flags = if place % 3 == 0 { flags::HAS_GC } else { flags::MALLOC };
        objects.push(Object {
            address,
            size,
            type_id: place % 2,
            refcount: u32::MAX - place,
            flags,
        });
    }
    let module = TypeInfo { entry: Some("module global".into()), ..TypeInfo::new("module", 64) };
    let types = vec![module, TypeInfo { finalizer: true, ..TypeInfo::new("naïve\u{1f40d}", 0) }];
    let labels = labels();
    let mut chunk = EdgeChunk { counts: vec![0; count as usize], ..EdgeChunk::default() };
    let mut sources: Vec<u32> = numbers.iter().map(|number| number / 7 % count.max(1)).collect();
    sources.sort_unstable();
    for (source, number) in sources.into_iter().zip(numbers).filter(|_| count > 0) {
        chunk.counts[source as usize] += 1;
        chunk.target.push(number % count);
        chunk.label.push((*number as usize % labels.len()) as u8);
    }
    let mut builder = Builder::new(objects, types, labels);
    builder.push(&chunk).unwrap();
    for kind in RootKind::ALL {
        let root = builder.root(RootInfo { kind, name: "r".into(), detail: "".into() });
        if count > 0 {
            builder.root_edge(root, ObjectId(count - 1), Strength::Loose, Some("x".into()));
            builder.root_edge(root, ObjectId(0), Strength::Strong, None);
        }
    }
    if count > 1 {
        builder.text(ObjectId(1), "rows".into());
        builder.own_name(ObjectId(1), "app".into());
        builder.slot_name(TypeId(1), Label(64), "left".into());
        builder.extra(ObjectId(1), -2);
    }
    builder.finish().unwrap()
}

/// Puts tables into a capture: first those given, then those of the graph that are missing.
pub fn keep(to: &Path, graph: &Graph, replaced: impl FnOnce(&Path) -> Vec<TableFile>) -> Capture {
    let mut writer = Writer::create(to, Existing::Keep).unwrap();
    let replaced = replaced(&writer.folder_for("other").unwrap());
    let folder = writer.folder_for("python").unwrap();
    for file in graph::write_with_ways(&folder, graph, &Ways::new(graph, Through::Loose)).unwrap() {
        match replaced.iter().find(|other| other.table == file.table) {
            Some(other) => writer.adopt("other", other).unwrap(),
            None => writer.adopt("python", &file).unwrap(),
        }
    }
    let tool = Tool { name: "memprobe".into(), version: "1".into() };
    let manifest = Manifest::new(tool, Level::Medium, Target::from_pid(7), Taken::default());
    writer.finish(manifest).unwrap();
    Capture::open(to).unwrap()
}
