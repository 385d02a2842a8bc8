//! From the tables of a capture to a graph. What they say is checked as a reader's columns are.

use std::collections::HashSet;
use std::sync::Arc;

use heap::{
    Builder, EdgeChunk, Graph, Label, LabelInfo, Object, ObjectId, Objects, RootId, RootInfo,
    TypeId, TypeInfo,
};
use probe::{Error, ErrorKind, Result, ResultExt};

use super::{OWN_NAME, TABLES, TEXT, how, root_kind, strength};
use crate::folder::{Capture, TableReader};

/// Whether a capture has the tables of a graph.
#[must_use]
pub fn has_graph(capture: &Capture) -> bool {
    TABLES.iter().all(|table| capture.entry(table).is_ok())
}

/// The graph of a capture.
///
/// # Errors
/// [`ErrorKind::NotFound`] when the capture has none; when a table is damaged, or they do not fit
/// each other.
pub fn read(capture: &Capture) -> Result<Graph> {
    if !has_graph(capture) {
        let message = "the capture holds no graph of objects";
        return Err(Error::new(ErrorKind::NotFound, message)
            .with_hint("`memprobe capture` of a Python process, level medium or low, keeps one"));
    }
    let tables = Tables { capture };
    tables.graph().with_context(|| "the graph of the capture cannot be read")
}

pub(super) fn invalid(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidData, message.into())
}

/// The value for a word.
fn meant<T>(word: &str, meaning: impl Fn(&str) -> Option<T>) -> Result<T> {
    meaning(word).ok_or_else(|| {
        let shown: String = word.chars().take(40).collect();
        invalid(format!("`{}` is no word of this format", shown.escape_debug()))
    })
}

/// Texts that are the same, once.
#[derive(Default)]
struct Pool {
    known: HashSet<Arc<str>>,
}

impl Pool {
    fn get(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.known.get(text) {
            return Arc::clone(known);
        }
        let new: Arc<str> = text.into();
        self.known.insert(Arc::clone(&new));
        new
    }
}

struct Tables<'a> {
    capture: &'a Capture,
}

impl Tables<'_> {
    fn open(&self, table: &str) -> Result<TableReader> {
        self.capture.columns(self.capture.entry(table)?)
    }

    fn graph(&self) -> Result<Graph> {
        let (objects, counts) = self.objects()?;
        let mut builder = Builder::new(objects, self.types()?, self.labels()?);
        self.edges(&mut builder, &counts)?;
        drop(counts);
        self.roots(&mut builder)?;
        self.names(&mut builder)?;
        for ((id, label), name) in self.slot_names()? {
            builder.slot_name(TypeId(id), Label(label), name.into());
        }
        let table = self.open("adjustments")?;
        let references = table.column::<i64>("references")?;
        for (object, count) in table.column::<u32>("object")?.into_iter().zip(references) {
            let count = i32::try_from(count)
                .map_err(|_| invalid(format!("an adjustment of {count} references")))?;
            builder.extra(ObjectId(object), count);
        }
        builder.finish()
    }

    /// The columns of objects, and how many edges each has.
    fn objects(&self) -> Result<(Objects, Vec<u32>)> {
        let table = self.open("objects")?;
        let rows = usize::try_from(table.entry().rows).unwrap_or(usize::MAX);
        // The file has as many rows, and the bound on rows of big tables is the reader's.
        let mut objects = Objects::with_capacity(rows);
        let mut counts = Vec::with_capacity(rows);
        for part in 0..table.parts() {
            let sizes: Vec<u64> = table.part("size", part)?;
            let types: Vec<u32> = table.part("type", part)?;
            let refcounts: Vec<u32> = table.part("refcount", part)?;
            let flags: Vec<u8> = table.part("flags", part)?;
            let rest = types.into_iter().zip(refcounts).zip(flags);
            let rest = rest.map(|((type_id, refcount), flags)| (type_id, refcount, flags));
            let addresses = table.part::<u64>("address", part)?.into_iter();
            for ((address, size), (type_id, refcount, flags)) in addresses.zip(sizes).zip(rest) {
                objects.push(Object { address, size, type_id, refcount, flags });
            }
            counts.extend(table.part::<u32>("references", part)?);
        }
        Ok((objects, counts))
    }

    /// Edges part by part; a part ends anywhere in the edges of an object.
    fn edges(&self, builder: &mut Builder, counts: &[u32]) -> Result<()> {
        let table = self.open("edges")?;
        builder.reserve(usize::try_from(table.entry().rows).unwrap_or(0));
        let (mut held, mut next) = (EdgeChunk::default(), 0);
        for part in 0..table.parts() {
            held.target.extend(table.part::<u32>("target", part)?);
            held.label.extend(table.part::<u8>("label", part)?);
            let (mut whole, first) = (0_usize, next);
            while let Some(&count) = counts.get(next) {
                let end = whole.saturating_add(count as usize);
                if end > held.target.len() {
                    break;
                }
                (whole, next) = (end, next + 1);
            }
            let rest = EdgeChunk {
                counts: Vec::new(),
                target: held.target.split_off(whole),
                label: held.label.split_off(whole.min(held.label.len())),
            };
            held.counts = counts[first..next].to_vec();
            builder.push(&held)?;
            held = rest;
        }
        if !held.target.is_empty() || counts[next..].iter().any(|&count| count > 0) {
            return Err(invalid(
                "the objects have another number of edges than the table of edges",
            ));
        }
        builder.push(&EdgeChunk { counts: counts[next..].to_vec(), ..EdgeChunk::default() })
    }

    fn types(&self) -> Result<Vec<TypeInfo>> {
        let table = self.open("types")?;
        let names: Vec<String> = table.column("name")?;
        let addresses: Vec<u64> = table.column("address")?;
        let finalizers: Vec<bool> = table.column("finalizer")?;
        let entries: Vec<String> = table.column("entry")?;
        let rest = addresses.into_iter().zip(finalizers).zip(entries);
        let info = |(name, ((address, finalizer), entry)): (String, ((u64, bool), String))| {
            let entry = Some(entry).filter(|entry| !entry.is_empty()).map(Into::into);
            TypeInfo { finalizer, entry, ..TypeInfo::new(name, address) }
        };
        Ok(names.into_iter().zip(rest).map(info).collect())
    }

    fn labels(&self) -> Result<Vec<LabelInfo>> {
        let table = self.open("labels")?;
        let ways: Vec<String> = table.column("how")?;
        let strengths: Vec<String> = table.column("strength")?;
        let names = table.column::<String>("name")?.into_iter();
        let labels = names.zip(ways.iter().zip(&strengths)).map(|(name, (way, owns))| {
            Ok(LabelInfo::new(name, meant(way, how)?, meant(owns, strength)?))
        });
        labels.collect()
    }

    fn roots(&self, builder: &mut Builder) -> Result<()> {
        let mut pool = Pool::default();
        let table = self.open("roots")?;
        let names: Vec<String> = table.column("name")?;
        let details: Vec<String> = table.column("detail")?;
        let kinds = table.column::<String>("kind")?;
        for (kind, (name, detail)) in kinds.iter().zip(names.iter().zip(&details)) {
            let (name, detail) = (pool.get(name), pool.get(detail));
            builder.root(RootInfo { kind: meant(kind, root_kind)?, name, detail });
        }
        let table = self.open("root_edges")?;
        for part in 0..table.parts() {
            let targets: Vec<u32> = table.part("target", part)?;
            let strengths: Vec<String> = table.part("strength", part)?;
            let named: Vec<bool> = table.part("named", part)?;
            let names: Vec<String> = table.part("name", part)?;
            let roots = table.part::<u32>("root", part)?.into_iter().zip(targets);
            let rest = strengths.iter().zip(named.into_iter().zip(&names));
            for ((root, target), (owns, (named, name))) in roots.zip(rest) {
                let name = named.then(|| pool.get(name));
                builder.root_edge(RootId(root), ObjectId(target), meant(owns, strength)?, name);
            }
        }
        Ok(())
    }

    fn names(&self, builder: &mut Builder) -> Result<()> {
        let mut pool = Pool::default();
        let table = self.open("names")?;
        for part in 0..table.parts() {
            let kinds: Vec<String> = table.part("kind", part)?;
            let names: Vec<String> = table.part("name", part)?;
            let objects = table.part::<u32>("object", part)?;
            for (object, (kind, name)) in objects.into_iter().zip(kinds.iter().zip(&names)) {
                let name = pool.get(name);
                match kind.as_str() {
                    TEXT => builder.text(ObjectId(object), name),
                    OWN_NAME => builder.own_name(ObjectId(object), name),
                    other => meant(other, |_| None)?,
                }
            }
        }
        Ok(())
    }

    fn slot_names(&self) -> Result<Vec<((u32, u8), String)>> {
        let table = self.open("slot_names")?;
        let labels: Vec<u8> = table.column("label")?;
        let names: Vec<String> = table.column("name")?;
        let types = table.column::<u32>("type")?.into_iter();
        Ok(types.zip(labels).zip(names).collect())
    }
}
