//! One way from a root to every object, in columns that can be kept: whoever has them tells who
//! holds an object without the graph.

use crate::name::{After, key_of};
use crate::tree::{self, NONE};
use crate::walk::Via;
use crate::{Graph, How, Label, ObjectId, Shapes, Through, TypeId, flags};

/// Objects of a shape or a type together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HeldSum {
    /// How many there are.
    pub objects: u64,
    /// Their own bytes.
    pub bytes: u64,
    /// Own bytes of all whose way leads through them, themselves included and each counted once.
    /// What would be freed if they went is at most this: every way to it leads through them.
    pub held: u64,
}

/// The way of every object, as [`crate::Paths`] and [`Shapes`] find it.
#[derive(Debug)]
pub struct Ways {
    shapes: Shapes,
    parent: Vec<u32>,
    place: Vec<u32>,
    held: Vec<u64>,
    by_shape: Vec<HeldSum>,
    by_type: Vec<HeldSum>,
}

impl Ways {
    /// Looks for all. Takes 25 bytes per object, and 12 more meanwhile.
    #[must_use]
    pub fn new(graph: &Graph, through: Through) -> Self {
        let own = || (0..graph.len() as u32).collect::<Vec<u32>>();
        let (mut parent, mut source) = (own(), own());
        let mut place = vec![0; graph.len()];
        let mut places = Places { graph, source: NONE, next: 0, items: 0 };
        let shapes = Shapes::visiting(graph, through, |object, via, after| {
            let Via::Edge { source: from, edge } = via else { return };
            let at = object as usize;
            source[at] = from;
            // What is known by its own name is no item of anything.
            place[at] = if after == After::Nothing { 0 } else { places.of(from, edge) };
            let before = parent[from as usize];
            match after {
                After::Source => parent[at] = from,
                After::Owner if before != from => parent[at] = before,
                After::Owner | After::Nothing => {}
            }
        });
        let sums = Sums::new(graph, &shapes, &source);
        Self {
            shapes,
            parent,
            place,
            held: sums.held,
            by_shape: sums.by_shape,
            by_type: sums.by_type,
        }
    }

    /// The shapes alone.
    #[must_use]
    pub fn into_shapes(self) -> Shapes {
        self.shapes
    }

    /// The shapes of the ways.
    #[must_use]
    pub fn shapes(&self) -> &Shapes {
        &self.shapes
    }

    /// Of each object, the one of the step before; itself, where a way begins and where there is
    /// none.
    #[must_use]
    pub fn parents(&self) -> &[u32] {
        &self.parent
    }

    /// Of each object that is an item of a sequence, which: counted from 1. Of the value of a key whose
    /// text is known, the key: its number and 1. 0 of all others.
    #[must_use]
    pub fn places(&self) -> &[u32] {
        &self.place
    }

    /// Own bytes of each object and of all whose way leads through it.
    #[must_use]
    pub fn held(&self) -> &[u64] {
        &self.held
    }

    /// Sums of each shape; the first is of what no root reaches.
    #[must_use]
    pub fn by_shape(&self) -> &[HeldSum] {
        &self.by_shape
    }

    /// Sums of a type.
    #[must_use]
    pub fn of_type(&self, id: TypeId) -> HeldSum {
        self.by_type.get(id.index()).copied().unwrap_or_default()
    }

    /// The number of an object's shape; 0 if no root reaches it.
    #[must_use]
    pub fn shape(&self, object: ObjectId) -> u32 {
        self.shapes.of(object).unwrap_or(0)
    }
}

/// Which item of a sequence an edge is, or of which key. Edges of an object come one after the other.
struct Places<'a> {
    graph: &'a Graph,
    source: u32,
    next: usize,
    items: u32,
}

impl Places<'_> {
    fn of(&mut self, source: u32, edge: usize) -> u32 {
        let graph = self.graph;
        let how = |edge: usize| graph.how(Label(graph.label[edge]));
        let is_item = |edge: usize| how(edge) == How::Item;
        if !is_item(edge) {
            let is_named = graph.objects.flags[source as usize] & flags::NAMESPACE != 0;
            let has_key = how(edge) == How::Value && !is_named;
            let key = if has_key { key_of(graph, source, edge) } else { None };
            return key.filter(|&key| graph.text(key).is_some()).map_or(0, |key| key.0 + 1);
        }
        if source != self.source || edge < self.next {
            let start = graph.edge_range(source as usize).start;
            (self.source, self.next, self.items) = (source, start, 0);
        }
        for passed in self.next..=edge {
            self.items += u32::from(is_item(passed));
        }
        self.next = edge + 1;
        self.items
    }
}

/// What is held, added up over the tree of ways.
struct Sums {
    held: Vec<u64>,
    by_shape: Vec<HeldSum>,
    by_type: Vec<HeldSum>,
}

impl Sums {
    /// Goes down and up the tree: objects within others of their shape or type count once.
    fn new(graph: &Graph, shapes: &Shapes, source: &[u32]) -> Self {
        let tree = Tree::new(source);
        let mut sums = Self {
            held: (0..graph.len()).map(|object| graph.objects.bytes(object)).collect(),
            by_shape: vec![HeldSum::default(); shapes.count()],
            by_type: vec![HeldSum::default(); graph.types.len()],
        };
        let mut open = (vec![0_u32; shapes.count()], vec![0_u32; graph.types.len()]);
        tree.walk(source, |object, down| {
            let at = object as usize;
            let shape = shapes.of(ObjectId(object)).unwrap_or(0) as usize;
            let type_id = graph.objects.type_id[at] as usize;
            let held = sums.held[at];
            sums.by_shape[shape].pass(&mut open.0[shape], down, held);
            sums.by_type[type_id].pass(&mut open.1[type_id], down, held);
            let up = source[at] as usize;
            if !down && up != at {
                sums.held[up] = sums.held[up].saturating_add(held);
            }
        });
        sums
    }
}

impl HeldSum {
    /// An object on the way down, when `held` is its own bytes, or up.
    fn pass(&mut self, open: &mut u32, down: bool, held: u64) {
        if down {
            self.objects += 1;
            self.bytes = self.bytes.saturating_add(held);
            *open += 1;
            return;
        }
        *open = open.saturating_sub(1);
        if *open == 0 {
            self.held = self.held.saturating_add(held);
        }
    }
}

/// First children and next siblings.
struct Tree {
    child: Vec<u32>,
    sibling: Vec<u32>,
}

impl Tree {
    fn new(source: &[u32]) -> Self {
        let mut tree = Self { child: vec![NONE; source.len()], sibling: vec![NONE; source.len()] };
        for (object, &up) in source.iter().enumerate().rev().filter(|&(at, &up)| at != up as usize)
        {
            tree.sibling[object] = tree.child[up as usize];
            tree.child[up as usize] = object as u32;
        }
        tree
    }

    /// Visits every object before what is below it and after.
    fn walk(&self, source: &[u32], mut visit: impl FnMut(u32, bool)) {
        for (top, _) in source.iter().enumerate().filter(|&(at, &up)| at == up as usize) {
            tree::walk(top as u32, &self.child, &self.sibling, source, &mut visit);
        }
    }
}
