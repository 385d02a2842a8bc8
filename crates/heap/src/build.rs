//! From a reader's columns to a validated graph.

use std::collections::HashMap;
use std::sync::Arc;

use probe::{Error, ErrorKind, Result};

use crate::{
    FIRST_SLOT, Graph, How, Label, LabelInfo, ObjectId, ObjectSet, Objects, RootEdge, RootId,
    RootInfo, Strength, TypeId, TypeInfo, flags,
};

/// The edges of a run of consecutive objects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EdgeChunk {
    /// How many edges leave each object of the run.
    pub counts: Vec<u32>,
    /// To which object, as its place.
    pub target: Vec<u32>,
    /// How.
    pub label: Vec<u8>,
}

/// Collects a graph. Chunks of edges come in order of their sources.
pub struct Builder {
    graph: Graph,
}

fn bad(message: String) -> Error {
    Error::new(ErrorKind::InvalidData, message)
}

impl Builder {
    /// Begins with all objects, types and labels (at most [`FIRST_SLOT`]).
    #[must_use]
    pub fn new(objects: Objects, types: Vec<TypeInfo>, labels: Vec<LabelInfo>) -> Self {
        let mut strength = [Strength::Strong; 256];
        for (place, info) in strength.iter_mut().zip(&labels) {
            *place = info.strength;
        }
        let mut first_edge = Vec::with_capacity(objects.len().saturating_add(1));
        first_edge.push(0);
        let graph = Graph {
            objects,
            types,
            labels,
            first_edge,
            target: Vec::new(),
            label: Vec::new(),
            strength,
            roots: Vec::new(),
            root_edges: Vec::new(),
            extra: Vec::new(),
            text: HashMap::new(),
            own_names: HashMap::new(),
            slot_names: HashMap::new(),
        };
        Self { graph }
    }

    /// Makes room for this many edges more, if it is known how many come.
    pub fn reserve(&mut self, edges: usize) {
        self.graph.target.reserve_exact(edges);
        self.graph.label.reserve_exact(edges);
    }

    /// Appends the edges of the next run of objects.
    ///
    /// # Errors
    /// If counts do not add up, an edge leads nowhere, a label is unknown or there are more edges
    /// than 2^32 - 1. The chunk is then left out as a whole.
    pub fn push(&mut self, chunk: &EdgeChunk) -> Result<()> {
        self.check(chunk)?;
        let graph = &mut self.graph;
        let mut end = graph.target.len() as u32;
        for &count in &chunk.counts {
            end += count;
            graph.first_edge.push(end);
        }
        graph.target.extend_from_slice(&chunk.target);
        graph.label.extend_from_slice(&chunk.label);
        Ok(())
    }

    fn check(&self, chunk: &EdgeChunk) -> Result<()> {
        let graph = &self.graph;
        let edges: u64 = chunk.counts.iter().map(|&count| u64::from(count)).sum();
        if edges != chunk.target.len() as u64 || edges != chunk.label.len() as u64 {
            return Err(bad(format!(
                "a chunk counts {edges} edges, and has {} targets and {} labels",
                chunk.target.len(),
                chunk.label.len()
            )));
        }
        let (done, count) = (graph.first_edge.len() - 1, graph.objects.len());
        if chunk.counts.len() > count.saturating_sub(done) {
            return Err(bad(format!("edges of more than {count} objects, the number there is")));
        }
        if graph.target.len() as u64 + edges > u64::from(u32::MAX) {
            return Err(bad(format!("more than {} edges", u32::MAX)));
        }
        if let Some(lost) = chunk.target.iter().find(|&&target| target as usize >= count) {
            return Err(bad(format!("an edge to object {lost} of {count}")));
        }
        let known = graph.labels.len();
        let strange = |&&label: &&u8| label < FIRST_SLOT && usize::from(label) >= known;
        match chunk.label.iter().find(strange) {
            Some(label) => Err(bad(format!("an edge with label {label} of {known}"))),
            None => Ok(()),
        }
    }

    /// Adds a root.
    pub fn root(&mut self, info: RootInfo) -> RootId {
        self.graph.roots.push(info);
        RootId((self.graph.roots.len() - 1) as u32)
    }

    /// Adds a reference from a root; `name` is that of the variable or member.
    pub fn root_edge(
        &mut self,
        root: RootId,
        target: ObjectId,
        strength: Strength,
        name: Option<Arc<str>>,
    ) {
        self.graph.root_edges.push(RootEdge { root, target, strength, name });
    }

    /// References to an object that exist although no edge shows them.
    pub fn extra(&mut self, object: ObjectId, references: i32) {
        self.graph.extra.push((object, references));
    }

    /// The text of an object that may be a name in code.
    pub fn text(&mut self, object: ObjectId, text: Arc<str>) {
        self.graph.text.insert(object, text);
    }

    /// What an object is called.
    pub fn own_name(&mut self, object: ObjectId, name: Arc<str>) {
        self.graph.own_names.insert(object, name);
    }

    /// The name of an attribute slot of a type.
    pub fn slot_name(&mut self, type_id: TypeId, label: Label, name: Arc<str>) {
        self.graph.slot_names.insert((type_id, label), name);
    }

    /// The graph.
    ///
    /// # Errors
    /// If columns differ in length, addresses do not ascend, or something refers to an object,
    /// type, root or label that does not exist.
    pub fn finish(mut self) -> Result<Graph> {
        self.check_objects()?;
        self.check_references()?;
        let graph = &mut self.graph;
        for (&target, &label) in graph.target.iter().zip(&graph.label) {
            let info = graph.labels.get(usize::from(label));
            if info.is_some_and(|info| info.how == How::Namespace) {
                graph.objects.flags[target as usize] |= flags::NAMESPACE;
            }
        }
        Ok(self.graph)
    }

    fn check_objects(&self) -> Result<()> {
        let objects = &self.graph.objects;
        let count = objects.len();
        let lengths = [
            objects.size.len(),
            objects.type_id.len(),
            objects.refcount.len(),
            objects.flags.len(),
        ];
        // u32::MAX and u32::MAX - 1 are no objects: analyses use them for "none" and for the root.
        if lengths.iter().any(|&length| length != count) || count as u64 >= u64::from(u32::MAX) - 1
        {
            return Err(bad(format!("{count} addresses of objects, other columns of {lengths:?}")));
        }
        if let Some(pair) = objects.address.windows(2).find(|pair| pair[0] >= pair[1]) {
            return Err(bad(format!("object {:#x} after object {:#x}", pair[1], pair[0])));
        }
        let types = self.graph.types.len();
        if let Some(id) = objects.type_id.iter().find(|&&id| id as usize >= types) {
            return Err(bad(format!("an object of type {id} of {types}")));
        }
        let sources = self.graph.first_edge.len() - 1;
        if sources != count {
            return Err(bad(format!("edges of {sources} objects of {count}")));
        }
        Ok(())
    }

    fn check_references(&self) -> Result<()> {
        let graph = &self.graph;
        let (count, roots) = (graph.objects.len(), graph.roots.len());
        if graph.labels.len() > usize::from(FIRST_SLOT) {
            return Err(bad(format!("{} labels, at most {FIRST_SLOT}", graph.labels.len())));
        }
        // Analyses number objects with roots, and edges with root edges, in 32 bits.
        let limit = u32::MAX as usize - 2;
        if count.saturating_add(roots) > limit
            || graph.target.len().saturating_add(graph.root_edges.len()) > limit
        {
            return Err(bad(format!("more than {limit} objects with roots, or edges")));
        }
        if let Some(edge) = graph.root_edges.iter().find(|edge| edge.root.index() >= roots) {
            return Err(bad(format!("an edge of root {} of {roots}", edge.root.0)));
        }
        let referred = graph.root_edges.iter().map(|edge| edge.target);
        let referred = referred.chain(graph.extra.iter().map(|&(object, _)| object));
        let named = graph.text.keys().chain(graph.own_names.keys()).copied();
        match referred.chain(named).find(|object| object.index() >= count) {
            Some(object) => Err(bad(format!("something about object {} of {count}", object.0))),
            None => Ok(()),
        }
    }
}

impl Graph {
    /// Forgets texts that name nothing in code: all but keys of namespaces and names of variables. What
    /// a program only works with should not leave it unasked.
    pub fn forget_contents(&mut self) {
        let label = |label| Label(label as u8);
        let is_key: [bool; 256] = std::array::from_fn(|at| self.how(label(at)) == How::Key);
        let is_lent: [bool; 256] =
            std::array::from_fn(|at| is_key[at] && self.strength(label(at)) == Strength::Borrowed);
        let mut names = ObjectSet::new(self.len());
        for (object, &marks) in self.objects.flags.iter().enumerate() {
            let names_something = if marks & flags::NAMESPACE == 0 { &is_lent } else { &is_key };
            for edge in self.edge_range(object) {
                if names_something[usize::from(self.label[edge])] {
                    names.insert(ObjectId(self.target[edge]));
                }
            }
        }
        self.text.retain(|&object, _| names.contains(object));
    }
}
