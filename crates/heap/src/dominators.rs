//! Immediate dominators: the last object (or root) through which every way to an object leads.
//! The semi-NCA algorithm of Georgiadis, without recursion.

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
        let order = Order::new(graph, through);
        let semi = order.semidominators(graph, through);
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
    /// The semidominator of each number.
    fn semidominators(&self, graph: &Graph, through: Through) -> Vec<u32> {
        let sources = self.sources(graph, through);
        let count = self.parent.len();
        let mut semi = vec![SUPER; count];
        let mut forest = Forest {
            links: self.parent.iter().map(|&parent| (parent, NONE)).collect(),
            path: Vec::new(),
        };
        for w in (1..count as u32).rev() {
            let mut least = self.parent[w as usize];
            for &v in sources.of(w) {
                least = least.min(if v <= w { v } else { forest.least(v, w) });
            }
            semi[w as usize] = least;
            forest.links[w as usize].1 = least;
        }
        semi
    }

    /// From semidominators to dominators: the nearest common ancestor, as object and root numbers.
    fn dominators(self, semi: Vec<u32>) -> Dominators {
        let mut near = self.parent;
        for w in 1..near.len() {
            let mut at = near[w];
            while at > semi[w] {
                at = near[at as usize];
            }
            near[w] = at;
        }
        drop(semi);
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

/// The part of the depth-first tree that is done: numbers above the present one.
struct Forest {
    /// Of each number: an ancestor, and the least semidominator on the way up to it, which is
    /// left out. Ways are shortened as they are walked.
    links: Vec<(u32, u32)>,
    path: Vec<u32>,
}

impl Forest {
    /// The least semidominator from `v` up to the last ancestor above `w`.
    fn least(&mut self, v: u32, w: u32) -> u32 {
        let mut at = v;
        while self.links[at as usize].0 > w {
            self.path.push(at);
            at = self.links[at as usize].0;
        }
        let (top, mut least) = self.links[at as usize];
        while let Some(below) = self.path.pop() {
            least = least.min(self.links[below as usize].1);
            self.links[below as usize] = (top, least);
        }
        least
    }
}
