//! One way from a root to every object, breadth first.

use crate::ahead::OBJECTS;
use crate::{Graph, Label, ObjectId, ObjectSet, RootKind, Strength, Through};

/// How an object was reached first.
#[derive(Clone, Copy)]
pub(crate) enum Via {
    /// By a root edge, as its place.
    Root(usize),
    /// By an edge of an object that was reached before.
    Edge { source: u32, edge: usize },
}

/// Kinds of roots in order of preference: what the first reach, they name.
const PREFERENCE: [&[RootKind]; 5] = [
    &[RootKind::SysModules, RootKind::Builtins, RootKind::StaticType],
    &[RootKind::Frame],
    &[RootKind::Interpreter],
    &[RootKind::CGlobal, RootKind::Stack, RootKind::NativeBlock, RootKind::Runtime],
    &[RootKind::Interned],
];

struct Walk<'a, F> {
    graph: &'a Graph,
    reached: ObjectSet,
    queue: Vec<u32>,
    head: usize,
    /// To which place of the queue the columns were looked at.
    near: usize,
    visit: F,
}

/// Visits all that is reached: everything that strong edges reach before the rest, and kinds of
/// roots in order of preference; within these, the nearest first.
pub(crate) fn walk(graph: &Graph, through: Through, visit: impl FnMut(u32, Via)) {
    let reached = ObjectSet::new(graph.len());
    let mut walk = Walk { graph, reached, queue: Vec::new(), head: 0, near: 0, visit };
    for kinds in PREFERENCE {
        walk.seed(kinds, Strength::Strong);
        walk.seed_aliases(kinds);
        walk.drain(Through::Strong);
    }
    if through == Through::Loose {
        // All that is there may have loose edges that were passed by.
        (walk.head, walk.near) = (0, 0);
        for kinds in PREFERENCE {
            walk.seed(kinds, Strength::Loose);
            walk.drain(Through::Loose);
        }
    }
}

impl<F: FnMut(u32, Via)> Walk<'_, F> {
    fn seed(&mut self, kinds: &[RootKind], strength: Strength) {
        for (place, edge) in self.graph.root_edges.iter().enumerate() {
            if edge.strength == strength && kinds.contains(&self.graph.root(edge.root).kind) {
                self.reach(edge.target.0, Via::Root(place));
            }
        }
    }

    /// Roots that are another name for what an interpreter's state owns: their edges count for
    /// nothing, so that no reference counts twice, but they are the better known way.
    fn seed_aliases(&mut self, kinds: &[RootKind]) {
        for kind in kinds.iter().filter(|kind| kind.is_alias()) {
            self.seed(std::slice::from_ref(kind), Strength::Loose);
        }
    }

    fn reach(&mut self, object: u32, via: Via) {
        if self.reached.insert(ObjectId(object)) {
            self.queue.push(object);
            (self.visit)(object, via);
        }
    }

    fn drain(&mut self, through: Through) {
        while let Some(&source) = self.queue.get(self.head) {
            if self.head >= self.near {
                self.near = self.queue.len().min(self.head + OBJECTS);
                self.graph.look_at(&self.queue[self.head..self.near]);
            }
            self.head += 1;
            for edge in self.graph.edge_range(source as usize) {
                let strength = self.graph.strength(Label(self.graph.label[edge]));
                if through.follows(strength) {
                    self.reach(self.graph.target[edge], Via::Edge { source, edge });
                }
            }
        }
    }
}
