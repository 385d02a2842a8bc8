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

/// Lists in lists, each with a string beside.
#[test]
fn deep_nesting() {
    let edges = |object: u32| match object {
        object if object % 2 == 0 && object + 2 < COUNT => vec![object + 2, object + 1],
        _ => vec![],
    };
    let graph = graph(edges, &[0]);
    let (dominators, retained) = dominated(&graph);
    let last = COUNT - 2;
    assert_eq!(dominators.of(ObjectId(last)), Dominator::Object(ObjectId(last - 2)));
    assert_eq!(dominators.path(ObjectId(last)).count(), last as usize / 2 + 2);
    // The last list has no string beside.
    assert_eq!(retained.of(ObjectId(0)), u64::from(COUNT - 1) * BYTES);
    assert_eq!(retained.of(ObjectId(1)), BYTES);
    assert!(Shapes::new(&graph, Through::Strong).count() < 20, "folded");
}

/// Every object leads back to many places on the way to it: the longest ways to shorten.
#[test]
fn a_list_with_ways_back() {
    let back = |object: u32, salt: u32| {
        object.wrapping_mul(2_654_435_761).rotate_left(salt) % (object + 1)
    };
    let edges = |object: u32| vec![(object + 1).min(COUNT - 1), back(object, 3), back(object, 17)];
    let graph = graph(edges, &[0]);
    let (dominators, retained) = dominated(&graph);
    assert_eq!(dominators.path(ObjectId(COUNT - 1)).count(), COUNT as usize + 1);
    assert_eq!(retained.of(ObjectId(COUNT / 2)), u64::from(COUNT / 2) * BYTES);
    let components = Components::new(&graph, Through::Strong, |_| true);
    assert!(components.sizes().iter().any(|&size| size > COUNT / 2), "back to the first");
}

/// What the end of a long list holds is held by its beginning too. To climb from each of these
/// objects to the beginning step by step would take hours.
#[test]
fn deep_ways_to_what_is_held_above() {
    let end = COUNT / 2;
    let edges = |object: u32| match object {
        0 => [1].into_iter().chain(end..COUNT).collect(),
        object if object + 1 < end => vec![object + 1],
        object if object + 1 == end => (end..COUNT).collect(),
        _ => vec![],
    };
    let graph = graph(edges, &[0]);
    let (dominators, retained) = dominated(&graph);
    for object in [end, end + 1, COUNT - 1] {
        assert_eq!(dominators.of(ObjectId(object)), Dominator::Object(ObjectId(0)));
    }
    assert_eq!(dominators.of(ObjectId(end - 1)), Dominator::Object(ObjectId(end - 2)));
    assert_eq!(retained.of(ObjectId(1)), u64::from(end - 1) * BYTES);
    assert_eq!(retained.of(ObjectId(0)), u64::from(COUNT) * BYTES);
}

/// A tangle against the plain way to find dominators: over and over, until nothing changes (Cooper,
/// Harvey and Kennedy, *A Simple, Fast Dominance Algorithm*, 2001).
#[test]
fn a_tangle_as_the_plain_way_sees_it() {
    let tangled = 200_000;
    let mut state = 1_u64;
    let mut random = |limit: u32| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        ((state >> 33) % u64::from(limit)) as u32
    };
    let mut edges = vec![Vec::new(); COUNT as usize];
    for object in 0..tangled {
        // All ways forward lead through each hundredth object.
        let gate = (object / 100 + 1) * 100;
        let of = &mut edges[object as usize];
        of.push((object + 1 + random(3)).min(gate));
        match random(10) {
            0 => of.push(random(object + 1)),
            1 | 2 => of.push((object + random(60)).min(gate)),
            3 | 4 => of.push(object.saturating_sub(random(50))),
            _ => {}
        }
    }
    let expected = plain_dominators(&edges);
    let graph = graph(|object| edges[object as usize].clone(), &[0]);
    let dominators = Dominators::new(&graph, Through::Loose);
    let mut deepest = 0;
    for object in (1..COUNT).map(ObjectId) {
        match (dominators.of(object), expected[object.index()]) {
            (Dominator::Object(holder), Some(plain)) => assert_eq!(holder.0, plain, "{object:?}"),
            (Dominator::Unreachable, None) => {}
            differ => panic!("{object:?}: {differ:?}"),
        }
        if object.0 > tangled - 10 && object.0 < tangled {
            deepest = deepest.max(dominators.path(object).count());
        }
    }
    assert!(deepest > 1000, "a tangle whose dominators are {deepest} deep proves little");
}

/// The dominator of each object that the first one reaches.
fn plain_dominators(edges: &[Vec<u32>]) -> Vec<Option<u32>> {
    let mut finished = vec![None; edges.len()];
    let mut order = Vec::new();
    let mut entered = vec![false; edges.len()];
    let mut calls = vec![(0_usize, 0)];
    entered[0] = true;
    while let Some((object, place)) = calls.last_mut() {
        match edges[*object].get(*place) {
            Some(&target) => {
                *place += 1;
                if !std::mem::replace(&mut entered[target as usize], true) {
                    calls.push((target as usize, 0));
                }
            }
            None => {
                finished[*object] = Some(order.len());
                order.push(*object);
                calls.pop();
            }
        }
    }
    let mut sources = vec![Vec::new(); edges.len()];
    for &object in &order {
        edges[object].iter().for_each(|&target| sources[target as usize].push(object));
    }
    let mut dominator = vec![None; edges.len()];
    dominator[0] = Some(0);
    let mut changed = true;
    while std::mem::take(&mut changed) {
        for &object in order.iter().rev().skip(1) {
            let known =
                sources[object].iter().copied().filter(|&source| dominator[source].is_some());
            let common = known.reduce(|mut one, mut other| {
                while one != other {
                    let lower = if finished[one] < finished[other] { &mut one } else { &mut other };
                    *lower = dominator[*lower].unwrap_or(0);
                }
                one
            });
            if common != dominator[object] {
                dominator[object] = common;
                changed = true;
            }
        }
    }
    dominator.into_iter().map(|at| at.map(|at| at as u32)).collect()
}
