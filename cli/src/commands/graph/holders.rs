//! `memprobe holders`: who holds the objects of a type, or one object.

use std::collections::HashSet;

use heap::{Dominators, Graph, Holder, ObjectId, Paths, Retained, Shapes, Step, Through, TypeId};
use probe::{Column, Error, ErrorKind, Result, Table};
use serde_json::{Value, json};

use super::drawing;
use super::source::Source;
use super::told::{Answer, bytes, counts, object_text, objects, short, size, steps};
use crate::args::{GlobalArgs, HoldersArgs};
use crate::exit::{Exit, Failure};

/// Ways that are told to programs and drawn, at most.
const MOST: usize = 1000;

/// Tells the ways.
///
/// # Errors
/// When there is no graph, no such type or object, or the drawing cannot be made.
pub fn run(args: &HoldersArgs, global: &GlobalArgs) -> Result<Exit, Failure> {
    let drawing = args.drawing.as_deref().map(drawing::Kind::of).transpose()?;
    let source = Source::get(&args.graph, global)?;
    let held = Held::find(&source.graph, args)?;
    if let (Some(kind), Some(file)) = (drawing, &args.drawing) {
        kind.write(file, &held.subject, &held.ways)?;
    }
    held.answer(&source).tell(&args.graph.told)
}

/// Who holds what was asked about.
struct Held {
    subject: String,
    ways: Vec<Holder>,
    /// All of it together.
    whole: heap::Group,
    /// From a root to one object, its places told apart.
    chain: Vec<Step>,
}

impl Held {
    fn find(graph: &Graph, args: &HoldersArgs) -> Result<Self> {
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
        let chain = match wanted {
            Wanted::One(object) => Paths::new(graph, Through::Loose).steps(object),
            Wanted::Types(_) => ways.first().map(|way| way.path.clone()).unwrap_or_default(),
        };
        let subject = wanted.subject(graph);
        Ok(Self { subject, ways, whole: all.get(&0).copied().unwrap_or_default(), chain })
    }

    fn answer<'a>(&self, source: &'a Source) -> Answer<'a> {
        let whole = self.whole;
        let head = format!(
            "{}: {}, {} of their own; {} would be freed with them",
            self.subject,
            objects(whole.objects),
            size(whole.bytes),
            size(whole.retained)
        );
        let after = if self.chain.is_empty() { Vec::new() } else { chain_text(&self.chain) };
        Answer {
            name: "holders",
            manifest: &source.manifest,
            issues: Vec::new(),
            before: vec![head],
            tables: vec![self.table()],
            after,
            json: self.json(),
        }
    }

    fn table(&self) -> Table {
        Table::new(
            "held_by",
            vec![
                Column::text_key("way", self.ways.iter().map(|way| short(&way.path))),
                counts("objects", self.ways.iter().map(|way| way.objects)),
                bytes("bytes", self.ways.iter().map(|way| way.bytes)),
                bytes("retained", self.ways.iter().map(|way| way.retained)),
            ],
        )
    }

    fn json(&self) -> Value {
        let ways = self.ways.iter().map(|way| {
            json!({
                "path": steps(&way.path),
                "text": short(&way.path),
                "objects": way.objects,
                "bytes": way.bytes,
                "retained": way.retained,
            })
        });
        json!({
            "subject": self.subject,
            "objects": self.whole.objects,
            "bytes": self.whole.bytes,
            "retained": self.whole.retained,
            "holders": ways.collect::<Vec<_>>(),
            "chain": steps(&self.chain),
        })
    }
}

/// A chain, a step a line.
fn chain_text(chain: &[Step]) -> Vec<String> {
    let mut lines = vec!["From a root down:".to_owned()];
    lines.extend(chain.iter().map(|step| {
        let name = if step.name.is_empty() { String::new() } else { format!(" {}", step.name) };
        let kind = if step.name.starts_with('[') { "" } else { &*step.kind };
        format!("  {}{name}  ->  {}", kind, step.type_name).replace("   ", "  ")
    }));
    lines
}

/// What was asked about.
enum Wanted {
    One(ObjectId),
    Types(HashSet<TypeId>),
}

impl Wanted {
    fn object(graph: &Graph, address: u64) -> Result<Self> {
        graph.find(address).map(Self::One).ok_or_else(|| {
            Error::new(ErrorKind::NotFound, format!("there is no object at {address:#x}"))
                .with_hint("addresses are those of one capture; `memprobe biggest` shows some")
        })
    }

    /// Types of a full name, or if none has it, the only ones that end with it.
    fn types(graph: &Graph, name: &str) -> Result<Self> {
        let exact: HashSet<TypeId> = graph.types_named(name).collect();
        if !exact.is_empty() {
            return Ok(Self::Types(exact));
        }
        let ending = format!(".{name}");
        let mut similar: Vec<&str> = graph.types().iter().map(|info| &*info.name).collect();
        similar.retain(|full| full.ends_with(&ending));
        similar.sort_unstable();
        similar.dedup();
        if let [one] = similar[..] {
            return Ok(Self::Types(graph.types_named(one).collect()));
        }
        let error = Error::new(ErrorKind::NotFound, format!("no object is of a type `{name}`"));
        Err(match similar.len() {
            0 => error.with_hint("`memprobe biggest` lists types by their full names"),
            _ => error.with_hint(format!("did you mean: {}", similar.join(", "))),
        })
    }

    fn has(&self, graph: &Graph, object: ObjectId) -> bool {
        match self {
            Self::One(one) => *one == object,
            Self::Types(types) => types.contains(&graph.type_of(object)),
        }
    }

    fn subject(&self, graph: &Graph) -> String {
        match self {
            Self::One(one) => object_text(graph, *one),
            Self::Types(types) => {
                let first = types.iter().min();
                first.map_or_else(String::new, |id| graph.types()[id.index()].name.to_string())
            }
        }
    }
}
