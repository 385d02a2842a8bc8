//! Graphs for the benchmarks of `heap`: made, the same in every run.
#![forbid(unsafe_code)]

mod kind;

use std::sync::Arc;

use heap::{
    Builder, EdgeChunk, Graph, How, LabelInfo, Object, ObjectId, Objects, RootInfo, RootKind,
    Strength, TypeInfo,
};
pub use kind::Kind;
use kind::Random;
use probe::Result;

const TYPES: u32 = 200;
/// Of so many objects, one has a reference too many, for the audit.
const EXCESS: u32 = 1000;

/// Makes a graph of this many objects. Reference counts are those of its edges.
///
/// # Errors
/// If there are too many.
pub fn graph(kind: Kind, count: u32) -> Result<Graph> {
    let mut random = Random::default();
    let edges = edges(kind, count, &mut random);
    let held = kind.roots(count);
    let objects = objects(kind, count, &edges, &held, &mut random);
    let types = (0..TYPES).map(|id| TypeInfo::new(format!("module.Type{id}"), id.into())).collect();
    let ways = [("item", How::Item), ("next", How::Member), ("k", How::Key), ("v", How::Value)];
    let label = |(name, how)| LabelInfo::new(name, how, Strength::Strong);
    let mut builder = Builder::new(objects, types, ways.map(label).into());
    builder.reserve(edges.target.len());
    builder.push(&edges)?;
    drop(edges);
    let kinds = [RootKind::SysModules, RootKind::Frame];
    let names = kinds.map(|kind| Arc::<str>::from(kind.word()));
    let detail = Arc::<str>::from("");
    let roots = held.iter().map(|&(root, _)| root + 1).max().unwrap_or(0);
    for root in 0..roots as usize {
        let (kind, name) = (kinds[root % 2], Arc::clone(&names[root % 2]));
        builder.root(RootInfo { kind, name, detail: Arc::clone(&detail) });
    }
    for (root, object) in held {
        builder.root_edge(heap::RootId(root), ObjectId(object), Strength::Strong, None);
    }
    builder.finish()
}

fn edges(kind: Kind, count: u32, random: &mut Random) -> EdgeChunk {
    let mut edges = EdgeChunk::default();
    edges.counts.reserve_exact(count as usize);
    for object in 0..count {
        let before = edges.target.len();
        kind.edges(object, count, random, |target, label| {
            edges.target.push(target % count);
            edges.label.push(label);
        });
        edges.counts.push((edges.target.len() - before) as u32);
    }
    edges
}

fn objects(
    kind: Kind,
    count: u32,
    edges: &EdgeChunk,
    held: &[(u32, u32)],
    random: &mut Random,
) -> Objects {
    let mut refcounts = vec![0_u32; count as usize];
    let targets = edges.target.iter().chain(held.iter().map(|(_, object)| object));
    targets.for_each(|&target| refcounts[target as usize] += 1);
    let mut objects = Objects::with_capacity(count as usize);
    for (object, &refcount) in (0..count).zip(&refcounts) {
        objects.push(Object {
            address: 0x1_0000 + u64::from(object) * 48,
            size: u64::from(32 + random.below(20) * 8),
            type_id: kind.type_of(object, count, random) % TYPES,
            refcount: refcount + u32::from(object % EXCESS == EXCESS - 1),
            flags: 0,
        });
    }
    objects
}
