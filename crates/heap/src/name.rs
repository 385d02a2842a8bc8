//! How the steps of a path are called.

use std::collections::HashMap;
use std::sync::Arc;

use crate::fast::FastMap;
use crate::{EdgeId, Graph, How, Label, ObjectId, RootEdge, RootKind, flags};

/// Own names that differ by their numbers alone are one name, if there are so many.
const FAMILY: usize = 16;

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
    /// Namespaces of what is known by its own name: whose, and what they are called there.
    owners: FastMap<u32, (u32, u32)>,
    /// The names of modules that are loaded.
    modules: FastMap<u32, u32>,
    /// What those are called whose own names are numbered.
    families: FastMap<u32, u32>,
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
        let (slots, texts, owners, modules, families) = Default::default();
        let mut namer = Self { graph, names, labels, slots, texts, owners, modules, families };
        namer.find_families();
        namer.find_owners();
        namer.find_modules();
        namer
    }

    /// All that is known by its own name wherever it is held, with that.
    fn known(&self) -> impl Iterator<Item = (ObjectId, &'a Arc<str>)> + use<'a> {
        let graph = self.graph;
        let known = graph.own_names().into_iter();
        known.filter(|&(owner, _)| graph.types[graph.type_of(owner).index()].entry.is_some())
    }

    /// Modules and classes that a program makes as it goes have numbers in their names: told apart,
    /// no way of holding would be seen to grow.
    fn find_families(&mut self) {
        let mut families: HashMap<String, Vec<u32>> = HashMap::new();
        for (owner, name) in self.known() {
            if name.bytes().any(|byte| byte.is_ascii_digit()) {
                families.entry(without_numbers(name)).or_default().push(owner.0);
            }
        }
        for (family, members) in families.iter().filter(|(_, members)| members.len() >= FAMILY) {
            let name = self.names.intern(family);
            self.families.extend(members.iter().map(|&member| (member, name)));
        }
    }

    /// What an object is called that is known by its own name.
    fn called(&mut self, owner: ObjectId) -> Option<u32> {
        if let Some(&family) = self.families.get(&owner.0) {
            return Some(family);
        }
        self.graph.own_name(owner).map(|name| self.names.intern(name))
    }

    fn find_owners(&mut self) {
        for (owner, _) in self.known() {
            let edges = self.graph.edges(owner);
            for space in edges.filter(|edge| self.graph.how(edge.label) == How::Namespace) {
                if let Some(&(.., called)) = self.labels.get(usize::from(space.label.0)) {
                    self.owners.entry(space.target.0).or_insert((owner.0, called));
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
                && let Some(name) = self.called(edge.target)
            {
                self.modules.insert(edge.target.0, name);
            }
        }
    }

    pub(crate) fn root_edge(&mut self, edge: &RootEdge) -> Named {
        if let Some(named) = self.namespace(edge.target.0) {
            return named;
        }
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
        let Some(&(how, kind, name)) = self.labels.get(usize::from(label)) else {
            return self.slot(source, label);
        };
        if how == How::Value
            && let Some(&name) = self.modules.get(&self.graph.target[edge])
        {
            return Named { after: After::Nothing, kind: self.names.intern("module"), name };
        }
        if how == How::Namespace
            && let Some(named) = self.namespace(self.graph.target[edge])
        {
            return named;
        }
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

    /// What a name in the namespace of an object is called.
    fn entry_word(&self, owner: ObjectId) -> &'a str {
        let info = &self.graph.types[self.graph.type_of(owner).index()];
        info.entry.as_deref().unwrap_or("attribute")
    }

    /// The namespace of what is known by its own name: by that, whoever else refers to it (frames
    /// do to the globals of their code).
    fn namespace(&mut self, space: u32) -> Option<Named> {
        let &(owner, called) = self.owners.get(&space)?;
        let own_name = self.called(ObjectId(owner))?;
        let name = format!("{}.{}", self.names.get(own_name), self.names.get(called));
        let kind = self.names.intern(self.entry_word(ObjectId(owner)));
        Some(Named { after: After::Nothing, kind, name: self.names.intern(&name) })
    }

    /// A name of a namespace.
    fn entry(&mut self, space: u32, key: ObjectId) -> Option<Named> {
        let text = self.graph.text(key)?;
        let owner = self.owners.get(&space).map(|&(owner, _)| ObjectId(owner));
        let (after, kind) = match owner {
            Some(owner) => (After::Nothing, self.entry_word(owner)),
            None => (After::Owner, "attribute"),
        };
        let known = (owner.map_or(u32::MAX, |owner| owner.0), key.0);
        let name = match self.texts.get(&known) {
            Some(&name) => name,
            None => {
                let owner = owner.and_then(|owner| self.called(owner));
                let full = owner.map(|owner| format!("{}.{text}", self.names.get(owner)));
                let name = self.names.intern(full.as_deref().unwrap_or(text));
                self.texts.insert(known, name);
                name
            }
        };
        Some(Named { after, kind: self.names.intern(kind), name })
    }
}

/// `plugin_*` for `plugin_12`.
fn without_numbers(name: &str) -> String {
    let mut family = String::with_capacity(name.len());
    for letter in name.chars() {
        match letter {
            '0'..='9' if family.ends_with('*') => {}
            '0'..='9' => family.push('*'),
            _ => family.push(letter),
        }
    }
    family
}

/// The key of a value: the edge before it.
pub(crate) fn key_of(graph: &Graph, source: u32, edge: usize) -> Option<ObjectId> {
    let before = graph.edge_range(source as usize).start..edge;
    let key = graph.edge(EdgeId(before.last()?));
    (graph.how(key.label) == How::Key).then_some(key.target)
}
