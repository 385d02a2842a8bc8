//! Graphs made to hurt, of a million objects each: every analysis ends, without deep recursion, and
//! says what is true of them.
#![forbid(unsafe_code)]

use std::sync::Arc;

use memprobe_heap::{
    Audit, Builder, Components, Dominator, Dominators, EdgeChunk, Garbage, Graph, How, LabelInfo,
    Object, ObjectId, Objects, Paths, Retained, RootInfo, RootKind, Shapes, Strength, Summary,
    Through, TypeInfo, flags,
};

const COUNT: u32 = 1_000_000;
const BYTES: u64 = 16;

/// A graph whose object `i` refers to `edges(i)`; a root holds `held`.
fn graph(edges: impl Fn(u32) -> Vec<u32>, held: &[u32]) -> Graph {
    let mut objects = Objects::default();
    for object in 0..COUNT {
        let address = u64::from(object + 1) * BYTES;
        objects.push(Object {
            address,
            size: BYTES,
            type_id: 0,
            refcount: 1,
            flags: flags::TRACKED,
        });
    }
    let label = LabelInfo::new("next", How::Item, Strength::Strong);
    let mut builder = Builder::new(objects, vec![TypeInfo::new("node", 0)], vec![label]);
    let mut chunk = EdgeChunk::default();
    for object in 0..COUNT {
        let targets = edges(object);
        chunk.counts.push(targets.len() as u32);
        chunk.label.extend(targets.iter().map(|_| 0));
        chunk.target.extend(targets);
    }
    builder.push(&chunk).expect("the chunk is sound");
    let (name, detail) = (Arc::from("modules"), Arc::from(""));
    let root = builder.root(RootInfo { kind: RootKind::SysModules, name, detail });
    for &object in held {
        builder.root_edge(root, ObjectId(object), Strength::Strong, Some("it".into()));
    }
    builder.finish().expect("the graph is sound")
}

fn dominated(graph: &Graph) -> (Dominators, Retained) {
    let dominators = Dominators::new(graph, Through::Loose);
    let retained = Retained::new(graph, &dominators);
    (dominators, retained)
}

#[test]
fn a_linked_list() {
    let graph = graph(|object| if object + 1 < COUNT { vec![object + 1] } else { vec![] }, &[0]);
    let (dominators, retained) = dominated(&graph);
    assert_eq!(retained.of(ObjectId(0)), u64::from(COUNT) * BYTES);
    assert_eq!(retained.of(ObjectId(COUNT - 1)), BYTES);
    assert_eq!(dominators.path(ObjectId(COUNT - 1)).count(), COUNT as usize + 1);
    assert_eq!(Components::new(&graph, Through::Strong, |_| true).sizes().len(), COUNT as usize);
    assert_eq!(
        Paths::new(&graph, Through::Strong).steps(ObjectId(COUNT - 1)).len(),
        COUNT as usize
    );
    let shapes = Shapes::new(&graph, Through::Strong);
    let holders = shapes.holders(&graph, (&dominators, &retained), |_| true, 10);
    let last = holders.iter().max_by_key(|holder| holder.objects).expect("there are holders");
    assert_eq!((last.objects, last.path.len()), (u64::from(COUNT) - 1, 2), "folded: {holders:?}");
    assert_eq!(retained.by_type(&graph, &dominators)[0].1.retained, u64::from(COUNT) * BYTES);
    assert_eq!(Audit::new(&graph).excess, []);
}

#[test]
fn a_ring_that_nothing_holds() {
    let graph = graph(|object| vec![(object + 1) % COUNT], &[]);
    let garbage = Garbage::new(&graph);
    assert_eq!(garbage.cyclic.objects, u64::from(COUNT));
    assert_eq!((garbage.cycles, garbage.example.len()), (1, COUNT as usize));
    let (dominators, retained) = dominated(&graph);
    assert_eq!(dominators.of(ObjectId(7)), Dominator::Unreachable);
    assert_eq!(retained.of(ObjectId(7)), BYTES);
}

#[test]
fn one_object_that_holds_all() {
    let graph = graph(|object| if object == 0 { (1..COUNT).collect() } else { vec![] }, &[0]);
    let (_, retained) = dominated(&graph);
    assert_eq!(retained.of(ObjectId(0)), u64::from(COUNT) * BYTES);
    assert_eq!(retained.biggest(1), [(ObjectId(0), u64::from(COUNT) * BYTES)]);
    let summary = Summary::new(&graph);
    assert_eq!(summary.containers.len(), 1);
    let container = summary.containers.values().next().expect("it is there");
    assert_eq!(container.references, u64::from(COUNT) - 1);
}

#[test]
fn one_object_that_all_hold() {
    let held: Vec<u32> = (1..COUNT).collect();
    let graph = graph(|_| vec![0], &held);
    let (dominators, _) = dominated(&graph);
    assert_eq!(dominators.path(ObjectId(0)).count(), 2, "held by the root, by no object alone");
    assert!(matches!(dominators.of(ObjectId(0)), Dominator::Root(_)));
    assert_eq!(Audit::new(&graph).over_counted[0].1, 1);
}

#[test]
fn objects_that_hold_themselves() {
    let graph = graph(|object| vec![object; 3], &[5]);
    let garbage = Garbage::new(&graph);
    assert_eq!(garbage.cycles, u64::from(COUNT) - 1);
    assert_eq!(garbage.example.len(), 1);
    let (_, retained) = dominated(&graph);
    assert_eq!(retained.of(ObjectId(5)), BYTES);
}

/// A thousand objects that all hold each other, and a tail.
#[test]
fn a_knot() {
    let knot = 1000;
    let all: Vec<u32> = (0..knot + 1).collect();
    let edges = |object: u32| match object {
        object if object < knot => all.clone(),
        object if object + 1 < COUNT => vec![object + 1],
        _ => vec![],
    };
    let graph = graph(edges, &[3]);
    let (dominators, retained) = dominated(&graph);
    assert_eq!(retained.of(ObjectId(3)), u64::from(COUNT) * BYTES);
    assert_eq!(dominators.of(ObjectId(knot)), Dominator::Object(ObjectId(3)));
    let components = Components::new(&graph, Through::Strong, |_| true);
    assert_eq!(components.sizes().iter().max(), Some(&knot));
}
