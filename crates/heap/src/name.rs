//! How the steps of a path are called.

use std::collections::HashMap;
use std::sync::Arc;

use crate::fast::FastMap;
use crate::{EdgeId, Graph, How, Label, ObjectId, RootEdge, RootKind, flags};

/// A step of a path from a root to an object: how the object is held by the one before.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Step {
    /// In which way: `module global`, `attribute`, `item`, `frame local`, `C global` ...
    pub kind: Arc<str>,
    /// The name of what holds it: a variable, an attribute; `[*]` for an item.
    pub name: Arc<str>,
    /// Type of the object that the step leads to; empty where there is none.
    pub type_name: Arc<str>,
}

/// Strings by number.
#[derive(Debug, Default)]
pub(crate) struct Names {
    strings: Vec<Arc<str>>,
    numbers: HashMap<Arc<str>, u32>,
}

impl Names {
    pub(crate) fn intern(&mut self, name: &str) -> u32 {
        if let Some(&number) = self.numbers.get(name) {
            return number;
        }
        let number = self.strings.len() as u32;
        let name: Arc<str> = name.into();
        self.strings.push(Arc::clone(&name));
        self.numbers.insert(name, number);
        number
    }

    pub(crate) fn get(&self, number: u32) -> &Arc<str> {
        &self.strings[number as usize]
    }
}

/// After which steps a step stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum After {
    /// After those of the object that holds it.
    Source,
    /// After those of the object whose namespace holds it.
    Owner,
    /// After none: it is known by its own name.
    Nothing,
}

/// A step without the type: where it stands, kind and name as numbers.
#[derive(Clone, Copy)]
pub(crate) struct Named {
    pub(crate) after: After,
    pub(crate) kind: u32,
    pub(crate) name: u32,
}

/// Names edges; items and keys are not told apart.
pub(crate) struct Namer<'a> {
    graph: &'a Graph,
    pub(crate) names: Names,
    labels: Vec<(How, u32, u32)>,
    slots: FastMap<(u32, u8), u32>,
    texts: FastMap<(u32, u32), u32>,
    /// Namespaces of what is known by its own name.
    owners: FastMap<u32, u32>,
    /// The names of modules that are loaded.
    modules: FastMap<u32, u32>,
}

impl<'a> Namer<'a> {
    pub(crate) fn new(graph: &'a Graph) -> Self {
        let mut names = Names::default();
        let labels = graph.labels.iter().map(|info| {
            let name = match info.how {
                How::Item | How::SetItem | How::Value => "[*]",
                How::Key => "[key]",
                _ => &info.name,
            };
            (info.how, names.intern(info.how.word()), names.intern(name))
        });
        let labels = labels.collect();
        let (slots, texts, owners, modules) = Default::default();
        let mut namer = Self { graph, names, labels, slots, texts, owners, modules };
        namer.find_owners();
        namer.find_modules();
        namer
    }

    fn find_owners(&mut self) {
        let mut known: Vec<_> = self.graph.own_names.keys().copied().collect();
        known.sort_unstable();
        for owner in known {
            if self.graph.types[self.graph.type_of(owner).index()].entry.is_some() {
                let edges = self.graph.edges(owner);
                let spaces = edges.filter(|edge| self.graph.how(edge.label) == How::Namespace);
                for space in spaces {
                    self.owners.entry(space.target.0).or_insert(owner.0);
                }
            }
        }
    }

    /// What the table of loaded modules has and has a name of its own.
    fn find_modules(&mut self) {
        let graph = self.graph;
        let roots = graph.root_edges.iter();
        let tables = roots.filter(|edge| graph.root(edge.root).kind == RootKind::SysModules);
        for edge in tables.flat_map(|table| graph.edges(table.target)) {
            if graph.how(edge.label) == How::Value
                && let Some(name) = graph.own_name(edge.target)
            {
                let name = self.names.intern(name);
                self.modules.insert(edge.target.0, name);
            }
        }
    }

    pub(crate) fn root_edge(&mut self, edge: &RootEdge) -> Named {
        let root = self.graph.root(edge.root);
        let kind = match (&edge.name, root.kind) {
            (Some(_), RootKind::Frame) => "frame local",
            (_, kind) => kind.word(),
        };
        let name = match &edge.name {
            Some(name) if root.name.is_empty() => self.names.intern(name),
            Some(name) => self.names.intern(&format!("{}.{name}", root.name)),
            None => self.names.intern(&root.name),
        };
        Named { after: After::Nothing, kind: self.names.intern(kind), name }
    }

    pub(crate) fn edge(&mut self, source: u32, edge: usize) -> Named {
        let label = self.graph.label[edge];
        if let Some(&name) = self.modules.get(&self.graph.target[edge]) {
            return Named { after: After::Nothing, kind: self.names.intern("module"), name };
        }
        let Some(&(how, kind, name)) = self.labels.get(usize::from(label)) else {
            return self.slot(source, label);
        };
        if let Some(name) = self.variable(how, source, edge) {
            return Named { after: After::Source, kind, name };
        }
        let in_namespace =
            how == How::Value && self.graph.objects.flags[source as usize] & flags::NAMESPACE != 0;
        match key_of(self.graph, source, edge).filter(|_| in_namespace) {
            Some(key) => {
                self.entry(source, key).unwrap_or(Named { after: After::Source, kind, name })
            }
            None => Named { after: After::Source, kind, name },
        }
    }

    fn slot(&mut self, source: u32, label: u8) -> Named {
        let type_id = self.graph.type_of(ObjectId(source)).0;
        let name = match self.slots.get(&(type_id, label)) {
            Some(&name) => name,
            None => {
                let name = self.graph.label_name(ObjectId(source), Label(label));
                let name = self.names.intern(name.unwrap_or("?"));
                self.slots.insert((type_id, label), name);
                name
            }
        };
        Named { after: After::Source, kind: self.names.intern(How::Attribute.word()), name }
    }

    /// The name of a variable: that of a frame's stands before its value, a closure's is the cell's.
    fn variable(&mut self, how: How, source: u32, edge: usize) -> Option<u32> {
        let name = match how {
            How::Local => self.graph.text(key_of(self.graph, source, edge)?)?,
            How::Cell => self.graph.own_name(ObjectId(source))?,
            _ => return None,
        };
        Some(self.names.intern(name))
    }

    /// A name of a namespace.
    fn entry(&mut self, space: u32, key: ObjectId) -> Option<Named> {
        let text = self.graph.text(key)?;
        let owner = self.owners.get(&space).map(|&owner| ObjectId(owner));
        let (after, kind) = match owner {
            Some(owner) => {
                let info = &self.graph.types[self.graph.type_of(owner).index()];
                (After::Nothing, info.entry.as_deref().unwrap_or("attribute"))
            }
            None => (After::Owner, "attribute"),
        };
        let known = (owner.map_or(u32::MAX, |owner| owner.0), key.0);
        let name = match self.texts.get(&known) {
            Some(&name) => name,
            None => {
                let owner = owner.and_then(|owner| self.graph.own_name(owner));
                let full = owner.map(|owner| format!("{owner}.{text}"));
                let name = self.names.intern(full.as_deref().unwrap_or(text));
                self.texts.insert(known, name);
                name
            }
        };
        Some(Named { after, kind: self.names.intern(kind), name })
    }
}

/// The key of a value: the edge before it.
pub(crate) fn key_of(graph: &Graph, source: u32, edge: usize) -> Option<ObjectId> {
    let before = graph.edge_range(source as usize).start..edge;
    let key = graph.edge(EdgeId(before.last()?));
    (graph.how(key.label) == How::Key).then_some(key.target)
}
