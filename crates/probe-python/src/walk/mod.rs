//! Goes over all memory of a process once, in pieces, with two threads, and counts pools and
//! objects. What is kept grows with the number of types and arenas, not of objects.

mod data;
mod glibc;
pub(crate) mod placed;
pub(crate) mod resident;
pub(crate) mod seen;
pub(crate) mod spans;
pub(crate) mod window;
mod worker;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use probe::{Error, ErrorKind, Result};
use target::gentle;
use target::images::Mapping;
use target::memory::ReadMemory;

use crate::census::elsewhere::Pending;
use crate::census::names::Names;
use crate::census::object::Recogniser;
use crate::census::rules::Rules;
use crate::census::tally::{Counts, Tally};
use crate::census::types::{Shape, TypeCache, TypeTable};
use crate::free_lists::FreeLists;
use crate::pymalloc::{PoolTally, Pymalloc};
use placed::Placed;
use resident::Untouched;
use seen::Seen;
use spans::{Span, SpanKind, Spans};
use worker::{Skips, THREAD_HEAP, Worker};

pub use worker::Each;

/// Threads that read: one for each processor of a small machine.
const THREADS: usize = 2;

/// A type and its objects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypeCounts {
    /// `module.qualname`, without control characters.
    pub name: Arc<str>,
    /// Address of the type.
    pub address: u64,
    /// Its objects.
    pub counts: Counts,
}

/// What was found in a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Survey {
    /// Types with at least one object, most bytes first. Empty where only pools were asked for.
    pub types: Vec<TypeCounts>,
    /// The interpreter's allocator.
    pub pymalloc: Pymalloc,
    /// Objects that interpreters keep to use them again, per interpreter.
    pub free_lists: Vec<FreeLists>,
    /// Bytes that could not be read.
    pub unreadable: u64,
    /// Bytes of glibc's heaps whose structure made no sense.
    pub torn: u64,
    /// Blocks that look like an object larger than the block.
    pub refused: u64,
}

/// What is to be looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Pools alone.
    Pools,
    /// Pools and objects.
    Objects,
}

/// What one thread found.
struct Part {
    pools: PoolTally,
    tally: Tally,
    unreadable: u64,
    torn: u64,
    refused: u64,
    kept: Option<Vec<Seen>>,
    placed: Option<Placed>,
}

/// Goes over all memory that may hold objects, and shows each one to `each`, in no order.
///
/// # Errors
/// Those of reading memory at all: no permission, the process has ended.
pub fn survey<M: ReadMemory + Sync>(
    memory: &M,
    mappings: &[Mapping],
    rules: &Rules,
    wanted: Wanted,
    each: Option<&Each<'_>>,
) -> Result<Survey> {
    let (spans, untouched) = (Spans::new(mappings), Untouched::default());
    survey_touched(memory, &spans, &untouched, rules, wanted, each, false)
}

/// The same without what was never touched. In a `hurry` it gives way to nobody.
pub(crate) fn survey_touched<M: ReadMemory + Sync>(
    memory: &M,
    spans: &Spans,
    untouched: &Untouched,
    rules: &Rules,
    wanted: Wanted,
    each: Option<&Each<'_>>,
    hurry: bool,
) -> Result<Survey> {
    let types = TypeTable::new(rules, spans);
    let way = Way { wanted, each, kept: Kept::Nothing, hurry };
    let whole = go_over(memory, spans, untouched, &types, &way)?;
    Ok(whole.finish(&types.addresses(), &Names::new(rules, memory)))
}

/// Keeps every object, in no order, and the types by number.
pub(crate) fn collect<M: ReadMemory + Sync>(
    memory: &M,
    spans: &Spans,
    untouched: &Untouched,
    rules: &Rules,
    hurry: bool,
) -> Result<Collected> {
    collect_as(memory, spans, untouched, rules, Kept::Objects, hurry)
}

/// The same, but keeps which block of which allocator has what object.
pub(crate) fn collect_placed<M: ReadMemory + Sync>(
    memory: &M,
    spans: &Spans,
    untouched: &Untouched,
    rules: &Rules,
    hurry: bool,
) -> Result<Collected> {
    collect_as(memory, spans, untouched, rules, Kept::Places, hurry)
}

fn collect_as<M: ReadMemory + Sync>(
    memory: &M,
    spans: &Spans,
    untouched: &Untouched,
    rules: &Rules,
    kept: Kept,
    hurry: bool,
) -> Result<Collected> {
    let types = TypeTable::new(rules, spans);
    let way = Way { wanted: Wanted::Objects, each: None, kept, hurry };
    let mut whole = go_over(memory, spans, untouched, &types, &way)?;
    let objects = whole.kept.take().unwrap_or_default();
    let placed = whole.placed.take().unwrap_or_default();
    let (addresses, shapes) = types.all();
    let survey = whole.finish(&addresses, &Names::new(rules, memory));
    Ok(Collected { survey, objects, shapes, placed })
}

/// Every object of a process.
pub(crate) struct Collected {
    pub(crate) survey: Survey,
    pub(crate) objects: Vec<Seen>,
    /// The types, by the number that objects give.
    pub(crate) shapes: Vec<Shape>,
    /// Blocks and what is in them, where that was asked for.
    pub(crate) placed: Placed,
}

/// What is kept of each object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kept {
    Nothing,
    Objects,
    Places,
}

/// How memory is gone over.
struct Way<'a> {
    wanted: Wanted,
    each: Option<&'a Each<'a>>,
    kept: Kept,
    /// Whether it gives way to nobody.
    hurry: bool,
}

fn go_over<M: ReadMemory + Sync>(
    memory: &M,
    spans: &Spans,
    untouched: &Untouched,
    types: &TypeTable<'_>,
    way: &Way<'_>,
) -> Result<Part> {
    let Way { wanted, each, kept: keep, hurry } = *way;
    let rules = types.rules();
    let pieces = pieces(spans.list());
    let (next, skips) = (AtomicUsize::new(0), Skips::default());
    let work = |mut gentle: gentle::Worker<'_>| -> Result<Part> {
        let mut worker = Worker {
            window: window::Window::new(memory),
            recogniser: Recogniser { rules, spans, types: TypeCache::new(types) },
            objects: wanted == Wanted::Objects,
            pools: PoolTally::new(rules.geometry),
            tally: Tally::default(),
            pending: Pending::default(),
            skips: &skips,
            untouched,
            torn: 0,
            refused: 0,
            place: 0,
            kept: (keep == Kept::Objects).then(Vec::new),
            placed: (keep == Kept::Places).then(Placed::default),
            each,
        };
        while let Some(piece) = pieces.get(next.fetch_add(1, Ordering::Relaxed)) {
            worker.scan(piece)?;
            gentle.note();
        }
        worker.finish()?;
        let Worker { window, pools, tally, torn, refused, kept, placed, .. } = worker;
        let unreadable = window.unreadable;
        Ok(Part { pools, tally, unreadable, torn, refused, kept, placed })
    };
    let parts = gentle::share_out(THREADS, hurry, work);
    let mut whole: Option<Part> = None;
    for part in parts {
        let failed = |_| Error::new(ErrorKind::Panicked, "a thread that read memory panicked");
        let part = part.map_err(failed)??;
        match &mut whole {
            None => whole = Some(part),
            Some(whole) => whole.merge(part),
        }
    }
    let nothing = || Error::new(ErrorKind::Other, "no thread was started to read memory");
    whole.ok_or_else(nothing)
}

impl Part {
    fn merge(&mut self, other: Self) {
        if let (Some(kept), Some(more)) = (&mut self.kept, other.kept) {
            kept.extend(more);
        }
        if let (Some(placed), Some(more)) = (&mut self.placed, other.placed) {
            placed.merge(more);
        }
        self.pools.merge(other.pools);
        self.tally.merge(&other.tally);
        self.unreadable += other.unreadable;
        self.torn += other.torn;
        self.refused += other.refused;
    }

    fn finish<M: ReadMemory>(self, addresses: &[u64], names: &Names<'_, M>) -> Survey {
        let counted = addresses.iter().zip(self.tally.by_type);
        let mut types: Vec<TypeCounts> = counted
            .filter(|(_, counts)| counts.objects > 0)
            .map(|(&address, counts)| TypeCounts { name: names.of(address), address, counts })
            .collect();
        let bytes = |counts: &Counts| counts.allocated.saturating_add(counts.buffers);
        types.sort_by(|a, b| {
            bytes(&b.counts).cmp(&bytes(&a.counts)).then_with(|| a.name.cmp(&b.name))
        });
        Survey {
            types,
            pymalloc: self.pools.finish(),
            free_lists: Vec::new(),
            unreadable: self.unreadable,
            torn: self.torn,
            refused: self.refused,
        }
    }
}

/// Anonymous memory cut where a heap of a thread arena may begin; the rest as it is.
fn pieces(spans: &[Span]) -> Vec<Span> {
    let mut pieces = Vec::new();
    for span in spans {
        if span.kind != SpanKind::Anonymous {
            pieces.push(span.clone());
            continue;
        }
        let mut at = span.range.start;
        while at < span.range.end {
            let border = (at - at % THREAD_HEAP).saturating_add(THREAD_HEAP);
            let stop = border.min(span.range.end);
            pieces.push(Span { range: at..stop, kind: span.kind });
            at = stop;
        }
    }
    pieces
}
