//! Immediate dominators: the last object (or root) through which every way to an object leads.
//! The semi-NCA algorithm of Georgiadis, without recursion.

use crate::climb::Climb;
use crate::crossings::{Crossings, Run};
use crate::forest::{AHEAD, Forest};
use crate::order::{Order, SUPER};
use crate::{Graph, ObjectId, RootId, Through};

/// What holds an object alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dominator {
    /// Nothing: no root reaches it.
    Unreachable,
    /// No single object or root: several roots hold it in ways that do not meet.
    Roots,
    /// A root.
    Root(RootId),
    /// An object.
    Object(ObjectId),
}

/// The dominator tree. A vertex is an object, or a root after all objects.
#[derive(Debug)]
pub struct Dominators {
    pub(crate) objects: usize,
    pub(crate) vertices: usize,
    /// The immediate dominator of each vertex: a vertex, `ROOTS` or `NONE`.
    pub(crate) idom: Vec<u32>,
    /// All vertices that are reached, each after its dominator.
    pub(crate) order: Vec<u32>,
}

/// In place of a vertex: the common start of all roots.
pub(crate) const ROOTS: u32 = u32::MAX - 1;
/// In place of a vertex: none.
pub(crate) const NONE: u32 = u32::MAX;

impl Dominators {
    /// Dominators in the graph of these edges.
    #[must_use]
    pub fn new(graph: &Graph, through: Through) -> Self {
        let (order, crossings) = Order::new(graph, through);
        let semi = order.semidominators(crossings);
        order.dominators(semi)
    }

    /// What holds an object alone.
    #[must_use]
    pub fn of(&self, object: ObjectId) -> Dominator {
        match self.idom.get(object.index()) {
            Some(&vertex) if object.index() < self.objects => self.dominator(vertex),
            _ => Dominator::Unreachable,
        }
    }

    pub(crate) fn dominator(&self, vertex: u32) -> Dominator {
        match vertex {
            NONE => Dominator::Unreachable,
            ROOTS => Dominator::Roots,
            vertex if (vertex as usize) < self.objects => Dominator::Object(ObjectId(vertex)),
            vertex => Dominator::Root(RootId(vertex - self.objects as u32)),
        }
    }

    /// All that an object is held through, from itself outwards: each alone holds those before.
    pub fn path(&self, object: ObjectId) -> impl Iterator<Item = Dominator> + '_ {
        std::iter::successors(Some(Dominator::Object(object)), |at| match at {
            Dominator::Object(object) => Some(self.of(*object)),
            Dominator::Root(_) | Dominator::Roots | Dominator::Unreachable => None,
        })
    }
}

impl Order {
    /// The semidominator of each number, from the highest down: the least of where its edges come
    /// from and of what stands on the ways from there up.
    fn semidominators(&self, mut crossings: Crossings) -> Vec<u32> {
        let count = self.parent.len() as u32;
        let mut semi = vec![SUPER; self.parent.len()];
        let mut forest = Forest::new(&self.parent);
        let mut run = Run::default();
        while crossings.pop(&mut run) {
            let mut near = run.source.len();
            for w in run.numbers(count).rev().filter(|&w| w != SUPER) {
                let mut least = self.parent[w as usize];
                for place in run.of(w).rev() {
                    if place < near {
                        near = place.saturating_sub(AHEAD);
                        forest.look_ahead(&run.source[near..=place], w);
                    }
                    let v = run.source[place];
                    least = least.min(if v < w { v } else { forest.least(v, w) });
                }
                semi[w as usize] = least;
                forest.links[w as usize].1 = least;
            }
        }
        semi
    }

    /// From semidominators to dominators: the nearest common ancestor, as object and root numbers.
    fn dominators(self, semi: Vec<u32>) -> Dominators {
        let mut tree = Climb::new(self.parent);
        for (w, &semi) in semi.iter().enumerate().skip(1) {
            tree.lift(w, semi);
        }
        drop(semi);
        let near = tree.near;
        let mut idom = self.number;
        for (w, &vertex) in self.vertex.iter().enumerate().skip(1) {
            let at = near[w];
            idom[vertex as usize] = if at == SUPER { ROOTS } else { self.vertex[at as usize] };
        }
        let mut order = self.vertex;
        order.remove(0);
        Dominators { objects: self.objects, vertices: idom.len(), idom, order }
    }
}
