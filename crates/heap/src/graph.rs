//! The graph: columns of objects, edges by source, roots and names.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use crate::{
    EdgeChunk, EdgeId, FIRST_SLOT, How, Label, LabelInfo, ObjectId, Objects, RootEdge, RootId,
    RootInfo, Strength, TypeId,
};

/// A type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypeInfo {
    /// Its full name.
    pub name: Arc<str>,
    /// Where it is; 0 if unknown.
    pub address: u64,
    /// Whether its objects run code of the program when they are freed.
    pub finalizer: bool,
    /// What a name in the namespace of one of its objects is called, for types whose objects are
    /// known by their own name wherever they are held: `module global`, `class attribute`. Holder
    /// paths then begin there. `None` for all others.
    pub entry: Option<Arc<str>>,
}

impl TypeInfo {
    /// A type whose objects are ordinary.
    pub fn new(name: impl Into<Arc<str>>, address: u64) -> Self {
        Self { name: name.into(), address, finalizer: false, entry: None }
    }
}

/// One edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edge {
    /// Its place.
    pub id: EdgeId,
    /// To which object.
    pub target: ObjectId,
    /// How.
    pub label: Label,
}

/// A validated object graph. Made by [`crate::Builder`].
#[derive(Debug, PartialEq)]
pub struct Graph {
    pub(crate) objects: Objects,
    pub(crate) types: Vec<TypeInfo>,
    pub(crate) labels: Vec<LabelInfo>,
    /// Edges of object i are `first_edge[i]..first_edge[i + 1]`.
    pub(crate) first_edge: Vec<u32>,
    pub(crate) target: Vec<u32>,
    pub(crate) label: Vec<u8>,
    /// Of every possible label, so that loops over edges need no branches on ranges.
    pub(crate) strength: [Strength; 256],
    pub(crate) roots: Vec<RootInfo>,
    pub(crate) root_edges: Vec<RootEdge>,
    pub(crate) extra: Vec<(ObjectId, i32)>,
    pub(crate) text: HashMap<ObjectId, Arc<str>>,
    pub(crate) own_names: HashMap<ObjectId, Arc<str>>,
    pub(crate) slot_names: HashMap<(TypeId, Label), Arc<str>>,
}

impl Graph {
    /// How many objects there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.objects.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }

    /// How many edges there are between objects.
    #[must_use]
    pub fn edge_count(&self) -> usize {
        self.target.len()
    }

    /// How many edges there are between objects of each strength, in the order of
    /// [`Strength::ALL`]. Loose ones were found without knowing the layout of what they leave.
    #[must_use]
    pub fn edge_counts(&self) -> [u64; 3] {
        let mut of_label = [0_u64; 256];
        for &label in &self.label {
            of_label[usize::from(label)] += 1;
        }
        Strength::ALL.map(|strength| {
            let same = of_label.iter().zip(&self.strength).filter(|&(_, &s)| s == strength);
            same.map(|(count, _)| count).sum()
        })
    }

    /// The columns of objects.
    #[must_use]
    pub fn objects(&self) -> &Objects {
        &self.objects
    }

    /// All types.
    #[must_use]
    pub fn types(&self) -> &[TypeInfo] {
        &self.types
    }

    /// The type of an object.
    ///
    /// # Panics
    /// If the object is not of this graph, as all accessors that take one.
    #[must_use]
    pub fn type_of(&self, object: ObjectId) -> TypeId {
        TypeId(self.objects.type_id[object.index()])
    }

    /// The name of an object's type.
    #[must_use]
    pub fn type_name(&self, object: ObjectId) -> &Arc<str> {
        &self.types[self.type_of(object).index()].name
    }

    /// The types of a name: several classes may share one.
    pub fn types_named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = TypeId> + 'a {
        let named = self.types.iter().enumerate().filter(move |(_, info)| &*info.name == name);
        named.map(|(index, _)| TypeId(index as u32))
    }

    /// The object at exactly this address.
    #[must_use]
    pub fn find(&self, address: u64) -> Option<ObjectId> {
        self.objects.address.binary_search(&address).ok().map(|index| ObjectId(index as u32))
    }

    pub(crate) fn edge_range(&self, object: usize) -> Range<usize> {
        self.first_edge[object] as usize..self.first_edge[object + 1] as usize
    }

    /// What an object refers to, in the order of the reader.
    pub fn edges(&self, object: ObjectId) -> impl Iterator<Item = Edge> + '_ {
        self.edge_range(object.index()).map(|place| self.edge(EdgeId(place)))
    }

    /// One edge.
    #[must_use]
    pub fn edge(&self, id: EdgeId) -> Edge {
        Edge { id, target: ObjectId(self.target[id.0]), label: Label(self.label[id.0]) }
    }

    /// The object that an edge leaves.
    #[must_use]
    pub fn source(&self, id: EdgeId) -> ObjectId {
        let after = self.first_edge.partition_point(|&first| first as usize <= id.0);
        ObjectId(after.saturating_sub(1) as u32)
    }

    /// Whether edges of a label own a reference.
    #[must_use]
    pub fn strength(&self, label: Label) -> Strength {
        self.strength[label.index()]
    }

    /// In which way edges of a label refer.
    #[must_use]
    pub fn how(&self, label: Label) -> How {
        match self.labels.get(label.index()) {
            Some(info) if label.0 < FIRST_SLOT => info.how,
            _ => How::Attribute,
        }
    }

    /// The name of the member or slot that an edge of `source` with this label stands for.
    #[must_use]
    pub fn label_name(&self, source: ObjectId, label: Label) -> Option<&str> {
        if label.0 < FIRST_SLOT {
            return self.labels.get(label.index()).map(|info| &*info.name);
        }
        self.slot_names.get(&(self.type_of(source), label)).map(|name| &**name)
    }

    /// All labels below [`FIRST_SLOT`].
    #[must_use]
    pub fn labels(&self) -> &[LabelInfo] {
        &self.labels
    }

    /// The edges of a run of objects, as [`crate::Builder::push`] takes them.
    #[must_use]
    pub fn chunk(&self, objects: Range<usize>) -> EdgeChunk {
        let end = objects.end.min(self.len());
        let start = objects.start.min(end);
        let edges = self.first_edge[start] as usize..self.first_edge[end] as usize;
        let counts = self.first_edge[start..=end].windows(2).map(|pair| pair[1] - pair[0]);
        EdgeChunk {
            counts: counts.collect(),
            target: self.target[edges.clone()].to_vec(),
            label: self.label[edges].to_vec(),
        }
    }

    /// All texts that are names in code, ascending by object.
    #[must_use]
    pub fn texts(&self) -> Vec<(ObjectId, &Arc<str>)> {
        ascending(&self.text)
    }

    /// What objects are called, ascending by object.
    #[must_use]
    pub fn own_names(&self) -> Vec<(ObjectId, &Arc<str>)> {
        ascending(&self.own_names)
    }

    /// The names of attribute slots, ascending.
    #[must_use]
    pub fn slot_names(&self) -> Vec<((TypeId, Label), &Arc<str>)> {
        ascending(&self.slot_names)
    }

    /// All roots.
    #[must_use]
    pub fn roots(&self) -> &[RootInfo] {
        &self.roots
    }

    /// One root.
    #[must_use]
    pub fn root(&self, root: RootId) -> &RootInfo {
        &self.roots[root.index()]
    }

    /// References from roots, in the order in which they were added.
    #[must_use]
    pub fn root_edges(&self) -> &[RootEdge] {
        &self.root_edges
    }

    /// The text of an object that is a name in code.
    #[must_use]
    pub fn text(&self, object: ObjectId) -> Option<&Arc<str>> {
        self.text.get(&object)
    }

    /// What an object is called: a module, a function, a class, a frame.
    #[must_use]
    pub fn own_name(&self, object: ObjectId) -> Option<&Arc<str>> {
        self.own_names.get(&object)
    }

    /// References that exist although no edge shows them.
    #[must_use]
    pub fn extra(&self) -> &[(ObjectId, i32)] {
        &self.extra
    }

    /// Bytes of memory that the columns take, without tables of names and roots.
    #[must_use]
    pub fn memory(&self) -> u64 {
        let per_object = size_of::<u64>() + 3 * size_of::<u32>() + size_of::<u8>();
        let per_edge = size_of::<u32>() + size_of::<u8>();
        let objects = self.len() * per_object + self.first_edge.capacity() * size_of::<u32>();
        (objects + self.target.capacity() * per_edge) as u64
    }
}

fn ascending<K: Copy + Ord>(map: &HashMap<K, Arc<str>>) -> Vec<(K, &Arc<str>)> {
    let mut all: Vec<_> = map.iter().map(|(&key, name)| (key, name)).collect();
    all.sort_unstable_by_key(|&(key, _)| key);
    all
}
