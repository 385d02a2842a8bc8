//! Depth-first numbers from the roots, for dominators.

use crate::ahead::{Calls, Frame};
use crate::crossings::Crossings;
use crate::dominators::{NONE, ROOTS};
use crate::{Graph, Through};

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

impl Order {
    /// Numbers all that is reached. Beside come the edges that led to what had been reached before.
    pub(crate) fn new(graph: &Graph, through: Through) -> (Self, Crossings) {
        let vertices = graph.len() + graph.roots.len();
        let mut order = Self {
            objects: graph.len(),
            number: vec![NONE; vertices],
            vertex: Vec::with_capacity(vertices + 1),
            parent: Vec::with_capacity(vertices + 1),
        };
        order.vertex.push(ROOTS);
        order.parent.push(SUPER);
        let mut search = Search {
            graph,
            follows: graph.strength.map(|strength| through.follows(strength)),
            order,
            crossings: Crossings::new(vertices + 1),
            calls: Calls::default(),
        };
        let mut edges: Vec<_> =
            graph.root_edges.iter().filter(|edge| through.follows(edge.strength)).collect();
        edges.sort_by_key(|edge| edge.root);
        for edges in edges.chunk_by(|one, other| one.root == other.root) {
            let root = search.order.enter(graph.len() as u32 + edges[0].root.0, SUPER);
            for edge in edges {
                search.descend(edge.target.0, root);
            }
        }
        (search.order, search.crossings)
    }

    fn enter(&mut self, vertex: u32, parent: u32) -> u32 {
        let number = self.vertex.len() as u32;
        self.number[vertex as usize] = number;
        self.vertex.push(vertex);
        self.parent.push(parent);
        number
    }
}

struct Search<'a> {
    graph: &'a Graph,
    /// Of each label: whether its edges are followed.
    follows: [bool; 256],
    order: Order,
    crossings: Crossings,
    /// The numbers that have further edges.
    calls: Calls,
}

impl Search<'_> {
    /// Numbers what `start` reaches.
    fn descend(&mut self, start: u32, parent: u32) {
        let known = self.order.number[start as usize];
        if known != NONE {
            self.crossings.add(parent, known);
            return;
        }
        let (mut number, mut place, mut end) = self.enter(start, parent);
        loop {
            if place == end {
                // Only frames with further edges were pushed.
                match self.calls.pop(self.graph, &self.order.number) {
                    Some(frame) => (number, place, end) = frame,
                    None => return,
                }
            }
            let edge = place as usize;
            place += 1;
            if !self.follows[usize::from(self.graph.label[edge])] {
                continue;
            }
            let target = self.graph.target[edge];
            let known = self.order.number[target as usize];
            if known != NONE {
                self.crossings.add(number, known);
                continue;
            }
            // An object whose last edge this is needs no return: a list takes no stack.
            if place < end {
                self.calls.push((number, place, end));
            }
            (number, place, end) = self.enter(target, number);
        }
    }

    fn enter(&mut self, object: u32, parent: u32) -> Frame {
        let edges = self.graph.edge_range(object as usize);
        let (start, end) = (edges.start as u32, edges.end as u32);
        self.graph.look_ahead(edges, &self.order.number);
        (self.order.enter(object, parent), start, end)
    }
}
