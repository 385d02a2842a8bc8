//! The shortest way from a root to an object.

use std::sync::Arc;

use crate::name::{After, Namer, Step, key_of};
use crate::walk::{Via, walk};
use crate::{EdgeId, Graph, How, Label, ObjectId, Through, flags};

/// Objects that are not reached.
const NONE: u32 = u32::MAX;

/// A shortest way to every object: from roots of the kind that is easiest to understand, and there
/// from the nearest. Takes 4 bytes per object.
#[derive(Debug)]
pub struct Paths<'a> {
    graph: &'a Graph,
    /// An edge, or after all edges a root edge.
    via: Vec<u32>,
}

impl<'a> Paths<'a> {
    /// Looks for all.
    #[must_use]
    pub fn new(graph: &'a Graph, through: Through) -> Self {
        let mut via = vec![NONE; graph.len()];
        let edges = graph.edge_count();
        walk(graph, through, |object, by| {
            via[object as usize] = match by {
                Via::Root(place) => (edges + place) as u32,
                Via::Edge { edge, .. } => edge as u32,
            };
        });
        Self { graph, via }
    }

    /// The objects on the way, the one that a root holds first; empty if no root reaches it.
    #[must_use]
    pub fn objects(&self, object: ObjectId) -> Vec<ObjectId> {
        let mut objects = Vec::new();
        let mut at = object;
        while let Some(&via) = self.via.get(at.index()).filter(|&&via| via != NONE) {
            objects.push(at);
            if via as usize >= self.graph.edge_count() {
                break;
            }
            at = self.graph.source(EdgeId(via as usize));
        }
        objects.reverse();
        objects
    }

    /// The steps of the way; empty if no root reaches the object.
    #[must_use]
    pub fn steps(&self, object: ObjectId) -> Vec<Step> {
        let mut namer = Namer::new(self.graph);
        let mut steps: Vec<Step> = Vec::new();
        for at in self.objects(object) {
            let via = self.via[at.index()] as usize;
            let named = match via.checked_sub(self.graph.edge_count()) {
                Some(place) => namer.root_edge(&self.graph.root_edges[place]),
                None => namer.edge(self.graph.source(EdgeId(via)).0, via),
            };
            match named.after {
                After::Source => {}
                After::Owner => drop(steps.pop()),
                After::Nothing => steps.clear(),
            }
            let name = Arc::clone(namer.names.get(named.name));
            let place = if named.after == After::Nothing { None } else { self.place(via) };
            steps.push(Step {
                kind: Arc::clone(namer.names.get(named.kind)),
                name: place.unwrap_or(name),
                type_name: Arc::clone(self.graph.type_name(at)),
            });
        }
        steps
    }

    /// Which item of a sequence an edge is, or of which key in a mapping, where its text is known.
    fn place(&self, via: usize) -> Option<Arc<str>> {
        let graph = self.graph;
        if via >= graph.edge_count() {
            return None;
        }
        let how = |edge: usize| graph.how(Label(graph.label[edge]));
        let source = graph.source(EdgeId(via)).index();
        match how(via) {
            How::Item => {
                let start = graph.edge_range(source).start;
                let before = (start..via).filter(|&edge| how(edge) == How::Item).count();
                Some(format!("[{before}]").into())
            }
            How::Value if graph.objects.flags[source] & flags::NAMESPACE == 0 => {
                let text = graph.text(key_of(graph, source as u32, via)?)?;
                Some(format!("['{text}']").into())
            }
            _ => None,
        }
    }
}

impl Graph {
    /// The steps of edges that follow each other, behind one for the object that they begin at.
    #[must_use]
    pub fn steps(&self, edges: &[EdgeId]) -> Vec<Step> {
        let mut namer = Namer::new(self);
        let Some(&first) = edges.first() else { return Vec::new() };
        let start = self.source(first);
        let mut steps = vec![Step {
            kind: "object".into(),
            name: self.own_name(start).cloned().unwrap_or_else(|| "".into()),
            type_name: Arc::clone(self.type_name(start)),
        }];
        for &edge in edges {
            let named = namer.edge(self.source(edge).0, edge.0);
            steps.push(Step {
                kind: Arc::clone(namer.names.get(named.kind)),
                name: Arc::clone(namer.names.get(named.name)),
                type_name: Arc::clone(self.type_name(self.edge(edge).target)),
            });
        }
        steps
    }

    /// The key of a value of a mapping.
    #[must_use]
    pub fn key_of(&self, value: EdgeId) -> Option<ObjectId> {
        let is_value = self.how(self.edge(value).label) == How::Value;
        key_of(self, self.source(value).0, value.0).filter(|_| is_value)
    }
}
