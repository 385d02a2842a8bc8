//! Depth-first numbers from the roots, for dominators.

use crate::dominators::{NONE, ROOTS};
use crate::{Graph, Label, Through};

/// The number of the common start of all roots.
pub(crate) const SUPER: u32 = 0;

/// All that is reached, numbered depth first. Vertices are objects, then roots.
pub(crate) struct Order {
    pub(crate) objects: usize,
    /// The number of each vertex, `NONE` if it is not reached.
    pub(crate) number: Vec<u32>,
    /// The vertex of each number.
    pub(crate) vertex: Vec<u32>,
    /// The number from which each number was reached.
    pub(crate) parent: Vec<u32>,
}

/// Where edges come from, as numbers, by number.
pub(crate) struct Sources {
    first: Vec<u32>,
    source: Vec<u32>,
}

impl Sources {
    pub(crate) fn of(&self, number: u32) -> &[u32] {
        let at = number as usize;
        &self.source[self.first[at] as usize..self.first[at + 1] as usize]
    }
}

impl Order {
    pub(crate) fn new(graph: &Graph, through: Through) -> Self {
        let vertices = graph.len() + graph.roots.len();
        let mut order = Self {
            objects: graph.len(),
            number: vec![NONE; vertices],
            vertex: vec![ROOTS],
            parent: vec![SUPER],
        };
        let mut edges: Vec<_> =
            graph.root_edges.iter().filter(|edge| through.follows(edge.strength)).collect();
        edges.sort_by_key(|edge| edge.root);
        let mut calls = Vec::new();
        for edges in edges.chunk_by(|one, other| one.root == other.root) {
            let root = order.enter(graph.len() as u32 + edges[0].root.0, SUPER);
            for edge in edges {
                order.descend(graph, through, edge.target.0, root, &mut calls);
            }
        }
        order
    }

    fn enter(&mut self, vertex: u32, parent: u32) -> u32 {
        let number = self.vertex.len() as u32;
        self.number[vertex as usize] = number;
        self.vertex.push(vertex);
        self.parent.push(parent);
        number
    }

    /// Numbers what `start` reaches. `calls` holds what recursion would: an object's number, its
    /// next edge and the last.
    fn descend(
        &mut self,
        graph: &Graph,
        through: Through,
        start: u32,
        parent: u32,
        calls: &mut Vec<(u32, u32, u32)>,
    ) {
        if self.number[start as usize] != NONE {
            return;
        }
        let frame = |number, object: u32| {
            let range = graph.edge_range(object as usize);
            (number, range.start as u32, range.end as u32)
        };
        calls.push(frame(self.enter(start, parent), start));
        while let Some(&mut (number, ref mut place, end)) = calls.last_mut() {
            if *place == end {
                calls.pop();
                continue;
            }
            let edge = *place as usize;
            *place += 1;
            let target = graph.target[edge];
            let follows = through.follows(graph.strength(Label(graph.label[edge])));
            if follows && self.number[target as usize] == NONE {
                calls.push(frame(self.enter(target, number), target));
            }
        }
    }

    /// Sorts the edges among what is reached by target.
    pub(crate) fn sources(&self, graph: &Graph, through: Through) -> Sources {
        // The numbers of all targets in one sequence first: looking them up is what takes time.
        let mut first = vec![0_u32; self.vertex.len() + 1];
        let mut targets = Vec::with_capacity(graph.edge_count() + graph.root_edges.len());
        self.each_edge(graph, through, |_, target| {
            let target = self.number[target as usize];
            first[target as usize] += 1;
            targets.push(target);
        });
        let mut end = 0;
        for place in &mut first {
            end += *place;
            *place = end;
        }
        // Filled from the end of each run to its start.
        let mut source = vec![0; end as usize];
        let mut targets = targets.into_iter();
        self.each_edge(graph, through, |from, _| {
            if let Some(target) = targets.next() {
                let place = &mut first[target as usize];
                *place -= 1;
                source[*place as usize] = from;
            }
        });
        Sources { first, source }
    }

    /// All edges among what is reached: the number of the source, and the target as a vertex.
    fn each_edge(&self, graph: &Graph, through: Through, mut edge: impl FnMut(u32, u32)) {
        for (object, &number) in self.number[..self.objects].iter().enumerate() {
            if number != NONE {
                for target in graph.next(object, through) {
                    edge(number, target);
                }
            }
        }
        for from in graph.root_edges.iter().filter(|edge| through.follows(edge.strength)) {
            let number = self.number[self.objects + from.root.index()];
            edge(number, from.target.0);
        }
    }
}
