//! The shape of the way that holds each object: the path from a root with items merged.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::fast::FastMap;
use crate::name::{After, Named, Namer, Names, Step};
use crate::walk::{Via, walk};
use crate::{Dominators, Graph, How, Label, ObjectId, Retained, Sum, Through, TypeId};

/// The start of all shapes.
const TOP: u32 = 0;
/// Shapes beyond the limit, together.
const OTHER: u32 = 1;
/// Objects that are not reached.
const NONE: u32 = u32::MAX;
/// How many shapes are told apart.
const MAX_SHAPES: usize = 1 << 20;
/// How many steps are kept at each end of a long path.
const KEEP: usize = 6;
/// How far back a step is looked for that the present one repeats.
const PERIOD: usize = 4;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    kind: u32,
    name: u32,
    type_id: u32,
}

#[derive(Debug)]
struct Node {
    parent: u32,
    depth: usize,
    key: Key,
}

/// One shape per object. Every object is counted once: by the nearest root of the kind that is
/// easiest to understand. Repeated steps are folded (a linked list is one shape), of long paths the
/// first and the last six steps are kept, and after a million shapes all others are one.
#[derive(Debug)]
pub struct Shapes {
    of: Vec<u32>,
    nodes: Vec<Node>,
    names: Names,
    types: Vec<Arc<str>>,
}

/// A way that objects are held, merged by its shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// From a root to the objects.
    pub path: Vec<Step>,
    /// How many objects are held so.
    pub objects: u64,
    /// Their own bytes.
    pub bytes: u64,
    /// Bytes that would be freed if they went.
    pub retained: u64,
}

impl Shapes {
    /// The shapes of all that roots reach.
    #[must_use]
    pub fn new(graph: &Graph, through: Through) -> Self {
        Self::visiting(graph, through, |_, _, _| {})
    }

    /// The same, and shows how each object was reached, and after which steps its own stands.
    pub(crate) fn visiting(
        graph: &Graph,
        through: Through,
        mut visit: impl FnMut(u32, Via, After),
    ) -> Self {
        let mut making = Making::new(graph);
        walk(graph, through, |object, via| {
            let after = making.visit(object, via);
            visit(object, via, after);
        });
        let types = graph.types.iter().map(|info| Arc::clone(&info.name)).collect();
        Self { of: making.of, nodes: making.nodes, names: making.namer.names, types }
    }

    /// The number of an object's shape; `None` if no root reaches it.
    #[must_use]
    pub fn of(&self, object: ObjectId) -> Option<u32> {
        self.of.get(object.index()).copied().filter(|&shape| shape != NONE)
    }

    /// How many numbers of shapes there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.nodes.len()
    }

    /// The last step of a shape, and the shape of the steps before it: one with a lower number.
    /// None of the first two, which are no steps: the start of all ways, and what is told apart no
    /// more.
    #[must_use]
    pub fn last(&self, shape: u32) -> Option<(u32, Step)> {
        let node = self.nodes.get(shape as usize).filter(|_| shape > OTHER)?;
        Some((node.parent, self.step(node.key)))
    }

    /// The type of the objects of a shape; `None` where there are none.
    #[must_use]
    pub fn type_of(&self, shape: u32) -> Option<TypeId> {
        let node = self.nodes.get(shape as usize).filter(|_| shape > OTHER)?;
        Some(node.key.type_id).filter(|&id| id != NONE).map(TypeId)
    }

    /// The steps of a shape.
    #[must_use]
    pub fn path(&self, shape: u32) -> Vec<Step> {
        let mut steps = Vec::new();
        let mut at = shape;
        while let Some(node) = self.nodes.get(at as usize).filter(|_| at != TOP) {
            steps.push(self.step(node.key));
            at = node.parent;
        }
        steps.reverse();
        steps
    }

    fn step(&self, key: Key) -> Step {
        let type_name = self.types.get(key.type_id as usize).cloned();
        Step {
            kind: Arc::clone(self.names.get(key.kind)),
            name: Arc::clone(self.names.get(key.name)),
            type_name: type_name.unwrap_or_else(|| Arc::from("")),
        }
    }

    /// How many of these objects are held in which way, with their own bytes, most bytes first:
    /// [`Self::holders`] for who can do without retained bytes. Unreachable objects have no shape.
    pub fn sums(
        &self,
        graph: &Graph,
        member: impl Fn(ObjectId) -> bool,
    ) -> Vec<(Option<u32>, Sum)> {
        let mut sums = BTreeMap::<Option<u32>, Sum>::new();
        for object in (0..graph.len() as u32).map(ObjectId).filter(|&object| member(object)) {
            let bytes = graph.objects.bytes(object.index());
            sums.entry(self.of(object)).or_default().add(bytes);
        }
        let mut sums: Vec<_> = sums.into_iter().collect();
        sums.sort_by_key(|&(shape, sum)| (std::cmp::Reverse(sum.bytes), shape));
        sums
    }

    /// The ways in which these objects are held, those that retain most first, and at most `limit`.
    /// Unreachable objects come as one way without steps.
    pub fn holders(
        &self,
        graph: &Graph,
        (dominators, retained): (&Dominators, &Retained),
        member: impl Fn(ObjectId) -> bool,
        limit: usize,
    ) -> Vec<Holder> {
        let none = self.nodes.len() as u32;
        let shape = |object| member(object).then(|| self.of(object).unwrap_or(none));
        let groups = retained.groups(graph, dominators, shape);
        let mut groups: Vec<_> = groups.into_iter().collect();
        groups.sort_by_key(|&(shape, group)| (std::cmp::Reverse(group.retained), shape));
        groups.truncate(limit);
        let holder = |(shape, group): (u32, crate::Group)| Holder {
            path: self.path(shape),
            objects: group.objects,
            bytes: group.bytes,
            retained: group.retained,
        };
        groups.into_iter().map(holder).collect()
    }
}

fn gap(name: u32) -> Key {
    Key { kind: name, name, type_id: NONE }
}

struct Making<'a> {
    graph: &'a Graph,
    namer: Namer<'a>,
    of: Vec<u32>,
    nodes: Vec<Node>,
    known: FastMap<(u32, u32, u32, u32), u32>,
    gap: u32,
}

impl<'a> Making<'a> {
    fn new(graph: &'a Graph) -> Self {
        let mut namer = Namer::new(graph);
        let gap_name = namer.names.intern("...");
        let other = namer.names.intern("other");
        let top = Node { parent: TOP, depth: 0, key: gap(gap_name) };
        let rest = Node { parent: TOP, depth: 1, key: gap(other) };
        let of = vec![NONE; graph.len()];
        let known = FastMap::default();
        Self { graph, namer, of, nodes: vec![top, rest], known, gap: gap_name }
    }

    fn visit(&mut self, object: u32, via: Via) -> After {
        let graph = self.graph;
        let (named, source, folds) = match via {
            Via::Root(place) => (self.namer.root_edge(&graph.root_edges[place]), TOP, true),
            Via::Edge { source, edge } => {
                let how = graph.how(Label(graph.label[edge]));
                let named = self.namer.edge(source, edge);
                (named, self.of[source as usize], how != How::Namespace)
            }
        };
        let Named { after, kind, name } = named;
        let parent = match after {
            After::Source => source,
            After::Owner if source == OTHER => OTHER,
            After::Owner => self.nodes[source as usize].parent,
            After::Nothing => TOP,
        };
        let key = Key { kind, name, type_id: graph.objects.type_id[object as usize] };
        self.of[object as usize] = self.child(parent, key, folds);
        after
    }

    fn child(&mut self, parent: u32, key: Key, folds: bool) -> u32 {
        if parent == OTHER {
            return OTHER;
        }
        let known = (parent, key.kind, key.name, key.type_id);
        if let Some(&shape) = self.known.get(&known) {
            return shape;
        }
        let repeated = if folds { self.repeated(parent, key) } else { None };
        let shape = match repeated {
            Some(shape) => shape,
            None if self.nodes[parent as usize].depth < 2 * KEEP => self.add(parent, key),
            None => self.shorten(parent, key),
        };
        if shape != OTHER {
            self.known.insert(known, shape);
        }
        shape
    }

    /// The shape not far up that ends with the same step.
    fn repeated(&self, parent: u32, key: Key) -> Option<u32> {
        let mut at = parent;
        for _ in 0..PERIOD {
            if at == TOP {
                return None;
            }
            let node = &self.nodes[at as usize];
            if node.key == key {
                return Some(at);
            }
            at = node.parent;
        }
        None
    }

    fn add(&mut self, parent: u32, key: Key) -> u32 {
        if parent == OTHER || self.nodes.len() >= MAX_SHAPES {
            return OTHER;
        }
        let depth = self.nodes[parent as usize].depth + 1;
        self.nodes.push(Node { parent, depth, key });
        (self.nodes.len() - 1) as u32
    }

    /// The shape of a path that is too long: its first steps, a gap, its last steps.
    fn shorten(&mut self, parent: u32, key: Key) -> u32 {
        let mut keys = vec![key];
        let mut at = parent;
        while at != TOP {
            keys.push(self.nodes[at as usize].key);
            at = self.nodes[at as usize].parent;
        }
        let (last, first) = (&keys[..KEEP], &keys[keys.len() - KEEP..]);
        let steps: Vec<Key> =
            last.iter().chain([&gap(self.gap)]).chain(first).rev().copied().collect();
        let mut shape = TOP;
        for key in steps {
            let known = (shape, key.kind, key.name, key.type_id);
            shape = match self.known.get(&known) {
                Some(&known) => known,
                None => {
                    let added = self.add(shape, key);
                    self.known.insert(known, added);
                    added
                }
            };
        }
        shape
    }
}
