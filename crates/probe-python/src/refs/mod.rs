//! From the memory of a process to a graph of its objects: every object, what it refers to and
//! how, what is held from outside of the heap, and what everything is called.
//!
//! First every object is collected, then each one's references are read by a plan that was made
//! once for its type. Nothing is kept of the memory itself.

mod anywhere;
mod buffers;
mod builtins;
mod caches;
mod callbacks;
mod containers;
pub(crate) mod data;
mod facts;
mod frames;
mod globals;
mod index;
mod labels;
mod naming;
pub(crate) mod pages;
mod plan;
mod roots;
mod stacks;
mod states;
mod walker;

use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use heap::{Builder, EdgeChunk, Graph, Object, ObjectId, Objects, TypeId, TypeInfo, flags};
use probe::{Error, ErrorKind, FrozenThread, Issue, Result};
use target::gentle;
use target::images::{self, Mapping};
use target::memory::ReadMemory;

use crate::attach::Python;
use crate::census::names::Names;
use crate::census::rules::Rules;
use crate::census::types::{Kind, Shape};
use crate::heap::losses;
use crate::variables::Variables;
use crate::walk::resident::Untouched;
use crate::walk::seen::{Seen, place};
use crate::walk::spans::Spans;
use crate::walk::{Collected, collect};
use data::{Data, data, known, writable};
use index::Index;
use naming::Namer;
use plan::{Plan, Planner, SlotNames, Special};
use roots::{Root, Roots};
use states::{State, frame_way};
use walker::{Besides, This, Walker};

/// Threads that read.
const THREADS: usize = 2;
/// Objects whose references are read in one go.
const RUN: usize = 1 << 15;

/// What a graph is to have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GraphOptions {
    /// The most objects. A process with more is refused: a graph takes some 100 bytes for each.
    pub most_objects: usize,
    /// The threads of the process at the instant at which it was frozen. Without registers all
    /// that is left behind on stacks counts as a reference that may be owned.
    pub threads: Vec<FrozenThread>,
}

impl Default for GraphOptions {
    fn default() -> Self {
        Self { most_objects: 200_000_000, threads: Vec::new() }
    }
}

impl Python {
    /// The graph of all objects, and what is missing in it.
    ///
    /// The process must stand still for the whole graph to be true: give a frozen copy, or a
    /// process that waits.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] when no interpreter in the process is of a version and build
    /// whose objects can be recognised, or there are too many; those of reading memory.
    pub fn graph(&self, options: &GraphOptions) -> Result<(Graph, Vec<Issue>)> {
        let (rules, mut issues) = self.rules()?;
        let mappings = self.memory().mappings()?;
        let (spans, untouched) = self.memory_map(&mappings, &mut issues);
        let libraries: Vec<&str> = self.runtimes().iter().map(|r| &*r.library).collect();
        let reader = Reader {
            memory: self.memory(),
            rules,
            spans: &spans,
            untouched: &untouched,
            known: known(&mappings, &libraries),
            mappings: &mappings,
            data: data(self.memory(), &mappings),
            variables: Variables::new(self.memory(), &mappings),
            states: self.states(rules),
            hurry: self.is_stopped(),
        };
        let (graph, more) = reader.read(options)?;
        issues.extend(more);
        Ok((graph, issues))
    }
}

impl Python {
    /// The interpreters of the version that is read, as far as they can be read.
    fn states(&self, rules: &Rules) -> Vec<State> {
        let same = self.runtimes().iter().filter(|r| r.version.minor == rules.minor);
        let states = same.flat_map(|runtime| {
            let frames = frame_way(self.memory(), rules, runtime.address);
            let interpreters = self.interpreters(runtime).unwrap_or_default().into_iter();
            interpreters.map(move |interpreter| State { interpreter, frames })
        });
        states.collect()
    }
}

/// The graph of all objects in any memory, with as many roots as mappings tell.
///
/// # Errors
/// Those of [`Python::graph`].
pub fn graph<M: ReadMemory + Sync>(
    memory: &M,
    mappings: &[Mapping],
    rules: &Rules,
    options: &GraphOptions,
) -> Result<(Graph, Vec<Issue>)> {
    let spans = Spans::new(mappings);
    let images = images::images(mappings);
    let libraries: Vec<&str> = images.iter().map(|image| &*image.path).collect();
    let reader = Reader {
        memory,
        rules,
        spans: &spans,
        untouched: &Untouched::default(),
        known: known(mappings, &libraries),
        mappings,
        data: images.iter().flat_map(writable).collect(),
        variables: Variables::default(),
        states: Vec::new(),
        hurry: false,
    };
    reader.read(options)
}

/// What is read, and how.
struct Reader<'a, M> {
    memory: &'a M,
    rules: &'a Rules,
    spans: &'a Spans,
    untouched: &'a Untouched,
    known: Vec<Range<u64>>,
    mappings: &'a [Mapping],
    data: Vec<Data>,
    variables: Variables,
    states: Vec<State>,
    /// Whether it gives way to nobody.
    hurry: bool,
}

/// What one thread read.
type Part = (Besides, Result<()>);

impl<M: ReadMemory + Sync> Reader<'_, M> {
    fn read(&self, options: &GraphOptions) -> Result<(Graph, Vec<Issue>)> {
        let collected = collect(self.memory, self.spans, self.untouched, self.rules, self.hurry)?;
        let Collected { survey, mut objects, shapes, .. } = collected;
        let mut issues = losses(&survey);
        if objects.len() > options.most_objects.min(u32::MAX as usize / 2) {
            let message = format!(
                "{} objects are more than the {} that a graph may have",
                objects.len(),
                options.most_objects
            );
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
        objects.sort_by_key(|object| object.address);
        objects.dedup_by_key(|object| object.address);
        let mut planner = Planner::new(self.memory, self.rules, &self.known);
        let plans = planner.plans(&shapes);
        let mut slot_names = std::mem::take(&mut planner.slot_names);
        let mut columns = columns(&objects, &plans);
        drop(objects);
        let index = Index::new(&columns.address).map_err(|_| too_little_memory())?;
        let (chunks, mut besides) = self.edges(&columns, &index, &plans)?;
        let mut walker = Walker::new(self.memory, &index, &plans, self.rules, self.spans);
        self.names(&mut walker, &columns, &plans, &mut slot_names);
        let mut roots = self.roots(walker, &columns, &mut besides, &options.threads)?;
        roots.extend(self.anywhere(&columns, &plans, &chunks, &roots)?);
        add_bytes(&mut columns, &besides.bytes);
        if besides.cut {
            issues.push(Issue::warning(
                "some objects seem to refer to more than there is memory: not all of their \
                 references were read; the process may have changed meanwhile",
            ));
        }
        let types = self.types(&shapes);
        let mut builder = Builder::new(columns, types, labels::table());
        builder.reserve(chunks.iter().map(|chunk| chunk.target.len()).sum());
        for chunk in chunks {
            builder.push(&chunk)?;
        }
        for ((shape, label), name) in slot_names {
            builder.slot_name(TypeId(shape), heap::Label(label), name);
        }
        for (id, count) in besides.extra {
            builder.extra(ObjectId(id), count);
        }
        for (id, text) in besides.text {
            builder.text(ObjectId(id), text.into());
        }
        for (id, name) in besides.names {
            builder.own_name(ObjectId(id), name.into());
        }
        add_roots(&mut builder, roots);
        Ok((builder.finish()?, issues))
    }

    /// Names of objects and of their slots.
    fn names(
        &self,
        walker: &mut Walker<'_, M>,
        columns: &Objects,
        plans: &[Plan],
        slot_names: &mut SlotNames,
    ) {
        let types = Names::new(self.rules, self.memory);
        for (id, (&address, &shape)) in columns.address.iter().zip(&columns.type_id).enumerate() {
            let Some(plan) = plans.get(shape as usize).filter(|plan| plan.is_named()) else {
                continue;
            };
            let this = This { id: id as u32, address };
            let name = if plan.shape.kind == Kind::Type {
                Some(types.of(address).to_string())
            } else {
                Namer { walker }.of(this, plan)
            };
            walker.besides.names.extend(name.map(|name| (this.id, name.into())));
            if plan.special == Special::Function {
                let cells = Namer { walker }.cells(address);
                walker.besides.names.extend(cells.into_iter().map(|(id, name)| (id, name.into())));
            }
        }
        for plan in plans {
            for (label, key) in walker.shared_keys(plan) {
                let name = Namer { walker }.text(key);
                slot_names.extend(name.map(|name| ((plan.shape.index, label), name.into())));
            }
        }
    }

    fn roots<'a>(
        &'a self,
        mut walker: Walker<'a, M>,
        columns: &Objects,
        besides: &mut Besides,
        threads: &[FrozenThread],
    ) -> Result<Vec<Root>> {
        walker.besides.shared = std::mem::take(&mut besides.shared);
        walker.besides.owned = std::mem::take(&mut besides.owned);
        walker.orphans();
        let memory = (self.spans, self.mappings);
        let data = (&*self.data, &self.variables);
        let mut roots = Roots::new(&mut walker, columns, memory, data, threads);
        roots.collect(&self.states)?;
        let list = std::mem::take(&mut roots.list);
        besides.merge(walker.besides);
        Ok(list)
    }

    fn types(&self, shapes: &[Shape]) -> Vec<TypeInfo> {
        let names = Names::new(self.rules, self.memory);
        let info = |shape: &Shape| {
            let mut info = TypeInfo::new(names.of(shape.address), shape.address);
            let finalizer = self.memory.read_u64(shape.address.saturating_add(392));
            info.finalizer = shape.heap && finalizer.is_ok_and(|at| at != 0);
            info.entry = match shape.kind {
                Kind::Type => Some("class attribute".into()),
                _ if &*info.name == "builtins.module" => Some("module global".into()),
                _ => None,
            };
            info
        };
        shapes.iter().map(info).collect()
    }

    /// Reads the references of all objects, run by run.
    fn edges(
        &self,
        columns: &Objects,
        index: &Index,
        plans: &[Plan],
    ) -> Result<(Vec<EdgeChunk>, Besides)> {
        let next = AtomicUsize::new(0);
        let chunks: Mutex<Vec<(usize, EdgeChunk)>> = Mutex::default();
        let work = |mut gentle: gentle::Worker<'_>| -> Part {
            let mut walker = Walker::new(self.memory, index, plans, self.rules, self.spans);
            loop {
                let run = next.fetch_add(1, Ordering::Relaxed);
                let range = run.saturating_mul(RUN)..columns.len().min((run + 1) * RUN);
                if range.is_empty() {
                    break;
                }
                for id in range {
                    let this = This { id: id as u32, address: columns.address[id] };
                    walker.object(this, columns.type_id[id]);
                }
                let mut chunk = std::mem::take(&mut walker.out);
                chunk.target.shrink_to_fit();
                chunk.label.shrink_to_fit();
                chunks.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push((run, chunk));
                gentle.note();
            }
            let failed = walker.pages.check();
            (walker.besides, failed)
        };
        let parts = gentle::share_out(THREADS, self.hurry, work);
        let mut whole = Besides::default();
        for part in parts {
            let panicked =
                |_| Error::new(ErrorKind::Panicked, "a thread that read memory panicked");
            let (besides, failed) = part.map_err(panicked)?;
            failed?;
            whole.merge(besides);
        }
        let mut chunks = chunks.into_inner().unwrap_or_default();
        chunks.sort_by_key(|&(run, _)| run);
        Ok((chunks.into_iter().map(|(_, chunk)| chunk).collect(), whole))
    }
}

fn add_roots(builder: &mut Builder, roots: Vec<Root>) {
    for root in roots {
        let id = builder.root(root.info);
        for (target, strength, name) in root.edges {
            builder.root_edge(id, ObjectId(target), strength, name);
        }
    }
}

fn too_little_memory() -> Error {
    Error::new(ErrorKind::Other, "too little memory for the index of objects")
}

fn columns(objects: &[Seen], plans: &[Plan]) -> Objects {
    let mut columns = Objects::with_capacity(objects.len());
    for object in objects {
        let conservative = plans.get(object.shape as usize).is_some_and(|plan| plan.conservative);
        let marks = [
            (object.tracked, flags::TRACKED),
            (object.gc, flags::HAS_GC),
            (object.count == u32::MAX, flags::IMMORTAL),
            (conservative, flags::CONSERVATIVE),
            (object.place == place::MALLOC, flags::MALLOC),
            (object.place == place::STATIC, flags::STATIC),
        ];
        let flags = marks.iter().filter(|mark| mark.0).fold(0, |flags, mark| flags | mark.1);
        columns.push(Object {
            address: object.address,
            size: object.size.into(),
            type_id: object.shape,
            refcount: object.count,
            flags,
        });
    }
    columns
}

/// Adds the bytes of buffers to the sizes of objects.
fn add_bytes(columns: &mut Objects, list: &[(u32, u64)]) {
    for &(id, bytes) in list {
        let whole = columns.bytes(id as usize).saturating_add(bytes);
        let Some(size) = columns.size.get_mut(id as usize) else { continue };
        *size = u32::try_from(whole).unwrap_or(u32::MAX);
        if *size == u32::MAX {
            columns.big.insert(id, whole);
        }
    }
}

impl Besides {
    fn merge(&mut self, other: Self) {
        self.bytes.extend(other.bytes);
        self.extra.extend(other.extra);
        self.text.extend(other.text);
        self.names.extend(other.names);
        self.shared.extend(other.shared);
        self.cut |= other.cut;
        self.owned.extend(other.owned);
        self.blocks.extend(other.blocks);
    }
}
