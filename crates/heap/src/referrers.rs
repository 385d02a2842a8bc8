//! Edges by target: who refers to an object.

use crate::{EdgeId, Graph, ObjectId, RootEdge};

/// Edges by target. Takes 4 bytes per object and 4 per edge.
#[derive(Debug)]
pub struct Referrers {
    first: Vec<u32>,
    edges: Vec<u32>,
}

impl Referrers {
    /// Sorts the edges of a graph by target; those of one target stay in order of their sources.
    #[must_use]
    pub fn new(graph: &Graph) -> Self {
        let mut first = vec![0_u32; graph.len() + 1];
        for &target in &graph.target {
            first[target as usize] += 1;
        }
        let mut end = 0;
        for place in &mut first {
            end += *place;
            *place = end;
        }
        // Filled from behind: each `first` comes down from the end of its run to its start.
        let mut edges = vec![0; graph.edge_count()];
        for (edge, &target) in graph.target.iter().enumerate().rev() {
            let place = &mut first[target as usize];
            *place -= 1;
            edges[*place as usize] = edge as u32;
        }
        Self { first, edges }
    }

    /// The edges that lead to an object. `Graph::source` says from where.
    pub fn of(&self, object: ObjectId) -> impl Iterator<Item = EdgeId> + '_ {
        let range = match (self.first.get(object.index()), self.first.get(object.index() + 1)) {
            (Some(&start), Some(&end)) => start as usize..end as usize,
            _ => 0..0,
        };
        self.edges[range].iter().map(|&edge| EdgeId(edge as usize))
    }
}

impl Graph {
    /// References from roots to an object.
    pub fn root_edges_of(&self, object: ObjectId) -> impl Iterator<Item = &RootEdge> {
        self.root_edges.iter().filter(move |edge| edge.target == object)
    }
}
