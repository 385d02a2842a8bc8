//! Who holds what was asked about: from the ways that a capture keeps, or from its graph.

use std::collections::HashSet;
use std::sync::Arc;

use capture::graph::Lookup;
use heap::{
    Dominators, Graph, HeldSum, Holder, ObjectId, Paths, Retained, Shapes, Step, Through, TypeId,
};
use probe::{Error, ErrorKind, Result};

use super::near;
use super::told::object_text;
use crate::args::HoldersArgs;

/// Ways that are told to programs and drawn, at most.
const MOST: usize = 1000;

/// Figures of some objects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sum {
    pub(super) objects: u64,
    /// Their own bytes.
    pub(super) bytes: u64,
    /// Bytes of all that is reached through them: more would not be freed.
    pub(super) held: Option<u64>,
    /// Bytes that would be freed if they went.
    pub(super) retained: Option<u64>,
}

/// A way that objects are held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Way {
    pub(super) path: Vec<Step>,
    pub(super) sum: Sum,
}

/// Who holds what was asked about.
pub(super) struct Held {
    pub(super) subject: String,
    pub(super) ways: Vec<Way>,
    /// All of it together.
    pub(super) whole: Sum,
    /// From a root to one object, its places told apart; of a type, the way of most.
    pub(super) chain: Vec<Step>,
}

impl From<HeldSum> for Sum {
    fn from(sum: HeldSum) -> Self {
        Self { objects: sum.objects, bytes: sum.bytes, held: Some(sum.held), retained: None }
    }
}

impl From<Holder> for Way {
    fn from(holder: Holder) -> Self {
        let Holder { path, objects, bytes, retained } = holder;
        Self { path, sum: Sum { objects, bytes, held: None, retained: Some(retained) } }
    }
}

impl Held {
    /// From the columns of a capture; `None` when they do not tell.
    pub(super) fn look_up(lookup: &mut Lookup, args: &HoldersArgs) -> Result<Option<Self>> {
        match args.object {
            Some(address) => Self::look_up_object(lookup, address),
            None => Self::look_up_type(lookup, args.type_name.as_deref().unwrap_or_default()),
        }
    }

    fn look_up_object(lookup: &mut Lookup, address: u64) -> Result<Option<Self>> {
        let Some(found) = lookup.object(address)?.ok_or_else(|| no_object(address))? else {
            return Ok(None);
        };
        let name = found.name.map(|name| format!(" {name}")).unwrap_or_default();
        let value = found.value.map(|value| format!(", {value:?}")).unwrap_or_default();
        Ok(Some(Self {
            subject: format!("{}{name} at {address:#x}{value}", found.type_name),
            ways: vec![Way { path: found.way, sum: found.sum.into() }],
            whole: found.sum.into(),
            chain: found.chain,
        }))
    }

    fn look_up_type(lookup: &mut Lookup, wanted: &str) -> Result<Option<Self>> {
        let name = type_of_name(lookup.type_names(), wanted)?;
        let Some(found) = lookup.of_types(|one| one == &*name, MOST)? else { return Ok(None) };
        let ways = found.ways.into_iter().map(|(path, sum)| Way { path, sum: sum.into() });
        let ways: Vec<Way> = ways.collect();
        let chain = ways.first().map(|way| way.path.clone()).unwrap_or_default();
        Ok(Some(Self { subject: name.to_string(), ways, whole: found.sum.into(), chain }))
    }

    /// From the graph, with what would be freed.
    pub(super) fn find(graph: &Graph, args: &HoldersArgs) -> Result<Self> {
        let wanted = match args.object {
            Some(address) => Wanted::object(graph, address)?,
            None => Wanted::types(graph, args.type_name.as_deref().unwrap_or_default())?,
        };
        let dominators = Dominators::new(graph, Through::Loose);
        let retained = Retained::new(graph, &dominators);
        let shapes = Shapes::new(graph, Through::Loose);
        let member = |object| wanted.has(graph, object);
        let ways = shapes.holders(graph, (&dominators, &retained), member, MOST);
        let all = retained.groups(graph, &dominators, |object| member(object).then_some(0));
        let all = all.get(&0).copied().unwrap_or_default();
        let chain = match wanted {
            Wanted::One(object) => Paths::new(graph, Through::Loose).steps(object),
            Wanted::Types(..) => ways.first().map(|way| way.path.clone()).unwrap_or_default(),
        };
        let subject = match &wanted {
            Wanted::One(object) => object_text(graph, *object),
            Wanted::Types(name, _) => name.to_string(),
        };
        let (objects, bytes) = (all.objects, all.bytes);
        let whole = Sum { objects, bytes, held: None, retained: Some(all.retained) };
        Ok(Self { subject, ways: ways.into_iter().map(Way::from).collect(), whole, chain })
    }
}

/// What was asked about.
enum Wanted {
    One(ObjectId),
    Types(Arc<str>, HashSet<TypeId>),
}

impl Wanted {
    fn object(graph: &Graph, address: u64) -> Result<Self> {
        graph.find(address).map(Self::One).ok_or_else(|| no_object(address))
    }

    fn types(graph: &Graph, wanted: &str) -> Result<Self> {
        let names: Vec<Arc<str>> =
            graph.types().iter().map(|info| Arc::clone(&info.name)).collect();
        let name = type_of_name(&names, wanted)?;
        let types = graph.types_named(&name).collect();
        Ok(Self::Types(name, types))
    }

    fn has(&self, graph: &Graph, object: ObjectId) -> bool {
        match self {
            Self::One(one) => *one == object,
            Self::Types(_, types) => types.contains(&graph.type_of(object)),
        }
    }
}

fn no_object(address: u64) -> Error {
    Error::new(ErrorKind::NotFound, format!("there is no object at {address:#x}"))
        .with_hint("addresses are those of one capture; `memprobe biggest` shows some")
}

/// The type of a full name, or if none has it, the only one that ends with it.
fn type_of_name(names: &[Arc<str>], wanted: &str) -> Result<Arc<str>> {
    if let Some(exact) = names.iter().find(|name| &***name == wanted) {
        return Ok(Arc::clone(exact));
    }
    let ending = format!(".{wanted}");
    let mut similar: Vec<&Arc<str>> = names.iter().filter(|name| name.ends_with(&ending)).collect();
    similar.sort_unstable();
    similar.dedup();
    if let [one] = similar[..] {
        return Ok(Arc::clone(one));
    }
    let all = names.iter().map(|name| &**name);
    let near = match similar.is_empty() {
        true => near::names(wanted, all),
        false => similar.iter().map(|name| &***name).collect(),
    };
    let error = Error::new(ErrorKind::NotFound, format!("no object is of a type `{wanted}`"));
    Err(match near.is_empty() {
        true => error.with_hint("`memprobe biggest` lists types by their full names"),
        false => error.with_hint(format!("did you mean: {}", near.join(", "))),
    })
}
