//! Cyclic garbage: what no root reaches and only cycles keep.

use std::collections::BTreeMap;

use crate::{Components, EdgeId, Graph, ObjectId, ObjectSet, Through, TypeId, flags};

/// Objects and their own bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    /// How many.
    pub objects: u64,
    /// Their own bytes.
    pub bytes: u64,
}

impl Sum {
    pub(crate) fn add(&mut self, bytes: u64) {
        self.objects += 1;
        self.bytes = self.bytes.saturating_add(bytes);
    }
}

/// What no root reaches, not even through edges that may own nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Garbage {
    /// Objects of cycles and what hangs on them.
    pub cyclic: Sum,
    /// Of these, those that are on a cycle themselves.
    pub on_cycles: Sum,
    /// How many separate knots of cycles there are.
    pub cycles: u64,
    /// What no cycle keeps either: held by a reference that nothing shows, or about to be freed.
    pub unheld: Sum,
    /// Types of `cyclic`, most bytes first.
    pub types: Vec<(TypeId, Sum)>,
    /// Types among them that run code when they are freed.
    pub finalizers: Vec<(TypeId, Sum)>,
    /// A shortest cycle through an object of the type with most bytes on cycles: each edge leads
    /// to the source of the next, the last to that of the first.
    pub example: Vec<EdgeId>,
}

impl Garbage {
    /// Looks for it. Objects that are never freed and those in static data are no garbage.
    #[must_use]
    pub fn new(graph: &Graph) -> Self {
        let reached = graph.reachable(Through::Loose);
        let lost = |object: ObjectId| {
            let kept = flags::IMMORTAL | flags::STATIC;
            !reached.contains(object) && graph.objects.flags[object.index()] & kept == 0
        };
        Self::within(graph, Through::Strong, lost)
    }

    /// The same among objects that are lost, with cycles through edges of a strength.
    #[must_use]
    pub fn within(graph: &Graph, through: Through, lost: impl Fn(ObjectId) -> bool) -> Self {
        let components = Components::new(graph, through, &lost);
        let knots = knots(graph, &components, through);
        let on_cycle =
            |object| components.of(object).is_some_and(|at| knots.contains(ObjectId(at)));
        let all = || (0..graph.len() as u32).map(ObjectId);
        let kept = graph.reachable_from(all().filter(|&object| on_cycle(object)), through);
        let (mut cyclic, mut on_cycles, mut unheld) = <(Sum, Sum, Sum)>::default();
        let mut types = BTreeMap::<TypeId, Sum>::new();
        let mut knotted = BTreeMap::<TypeId, Sum>::new();
        for object in all().filter(|&object| lost(object)) {
            let bytes = graph.objects.bytes(object.index());
            if !kept.contains(object) {
                unheld.add(bytes);
                continue;
            }
            cyclic.add(bytes);
            types.entry(graph.type_of(object)).or_default().add(bytes);
            if on_cycle(object) {
                on_cycles.add(bytes);
                knotted.entry(graph.type_of(object)).or_default().add(bytes);
            }
        }
        let most = ranked(knotted).first().map(|&(id, _)| id);
        let start = all().find(|&object| on_cycle(object) && most == Some(graph.type_of(object)));
        let types = ranked(types);
        let runs_code = |&&(id, _): &&(TypeId, Sum)| graph.types[id.index()].finalizer;
        let finalizers = types.iter().filter(runs_code).copied().collect();
        let example =
            start.map_or_else(Vec::new, |start| cycle(graph, &components, through, start));
        Self { cyclic, on_cycles, cycles: knots.count(), unheld, types, finalizers, example }
    }
}

fn ranked(types: BTreeMap<TypeId, Sum>) -> Vec<(TypeId, Sum)> {
    let mut types: Vec<_> = types.into_iter().collect();
    types.sort_by_key(|&(id, sum)| (std::cmp::Reverse(sum.bytes), id));
    types
}

/// Components with a cycle: more than one object, or one that refers to itself.
fn knots(graph: &Graph, components: &Components, through: Through) -> ObjectSet {
    let mut knots = ObjectSet::new(components.sizes().len());
    for object in (0..graph.len() as u32).map(ObjectId) {
        if let Some(at) = components.of(object)
            && (components.sizes()[at as usize] > 1
                || graph.next(object.index(), through).any(|target| target == object.0))
        {
            knots.insert(ObjectId(at));
        }
    }
    knots
}

/// A shortest cycle through an object, within its component.
fn cycle(graph: &Graph, components: &Components, through: Through, start: ObjectId) -> Vec<EdgeId> {
    let inside = components.of(start);
    let mut via = BTreeMap::<ObjectId, EdgeId>::new();
    let mut queue = vec![start];
    let mut head = 0;
    while let Some(&object) = queue.get(head).filter(|_| !via.contains_key(&start)) {
        head += 1;
        for edge in graph.edges(object) {
            let follows = through.follows(graph.strength(edge.label));
            if follows && components.of(edge.target) == inside && !via.contains_key(&edge.target) {
                via.insert(edge.target, edge.id);
                queue.push(edge.target);
            }
        }
    }
    let mut edges = Vec::new();
    let mut at = start;
    while let Some(&edge) = via.get(&at) {
        edges.push(edge);
        at = graph.source(edge);
        if at == start {
            break;
        }
    }
    edges.reverse();
    edges
}
