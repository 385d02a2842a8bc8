//! What `tracemalloc` knows, read from its tables without running anything in the target.

mod find;
mod hashtable;
pub(crate) mod table;
mod traces;

use std::ops::Range;
use std::sync::Arc;

use probe::{Error, ErrorKind, Result, ResultExt};
use target::images;
use target::memory::{CachedMemory, ReadMemory};

use crate::attach::Python;
use crate::census::names::Names;
use crate::find::Runtime;
use find::{Place, Search, State};
use hashtable::Form;
use traces::Collect;

/// The first minor version that keeps the state in the runtime.
const IN_RUNTIME: u32 = 12;
/// The first minor version whose tables have pointers in their entries.
const POINTERS: u32 = 9;
/// The first minor version whose names of files are no objects.
const PLAIN_NAMES: u32 = 15;
/// How far into the runtime the state is searched: it has 280 to 460 KB.
const RUNTIME_BYTES: u64 = 1 << 20;
/// How often the tables are read that changed meanwhile.
const TRIES: usize = 3;

/// Whether the target traces its memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tracing {
    /// It does not.
    Off,
    /// It does, and this is what it knows.
    On(Traced),
}

/// What `tracemalloc` knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Traced {
    /// Bytes of all blocks that are traced: what `get_traced_memory()` gives first.
    pub bytes: u64,
    /// The most that ever were: what it gives second; `None` where this build keeps it elsewhere.
    pub peak: Option<u64>,
    /// Blocks that are traced.
    pub blocks: u64,
    /// Bytes of the tables: what `get_tracemalloc_memory()` gives.
    pub overhead: u64,
    /// Domains beside the usual one that have blocks.
    pub domains: u64,
    /// Places at which blocks were allocated, those with most bytes first.
    pub places: Vec<Traceback>,
    /// Entries that could not be read or changed meanwhile.
    pub torn: u64,
}

/// A place at which blocks were allocated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Traceback {
    /// Files and lines, innermost first, as many as the target keeps.
    pub frames: Vec<(Arc<str>, u64)>,
    /// Bytes of the blocks.
    pub bytes: u64,
    /// How many.
    pub blocks: u64,
}

impl Python {
    /// What `tracemalloc` of a runtime knows. All its interpreters share it.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] when it is on and its tables were not found; those of reading
    /// memory.
    pub fn tracemalloc(&self, runtime: &Runtime, most: u64) -> Result<Tracing> {
        let form = match runtime.version.minor {
            ..POINTERS => Form::Inline,
            POINTERS..PLAIN_NAMES => Form::Pointers,
            PLAIN_NAMES.. => Form::PlainNames,
        };
        let mappings = self.memory().mappings()?;
        let code: Vec<Range<u64>> =
            mappings.iter().filter(|m| m.perms.exec).map(|m| m.start..m.end).collect();
        let data = data(runtime, &mappings);
        let heap: Vec<Range<u64>> = mappings
            .iter()
            .filter(|m| m.perms.write && m.inode == 0)
            .map(|m| m.start..m.end)
            .collect();
        let search = Search { memory: self.memory(), form, code: &code, data: &data, heap: &heap };
        let is_on = self.switch(runtime);
        if is_on == Some(false) {
            return Ok(Tracing::Off);
        }
        let found = search.find().context("the tables of tracemalloc")?;
        let state = found.and_then(|place| Some((place, search.read(&place)?)));
        match state {
            None if is_on == Some(true) => Err(not_found(runtime)),
            None => Ok(Tracing::Off),
            Some((_, state)) if is_empty(&state) && is_on.is_none() => Ok(Tracing::Off),
            Some((place, state)) => self.traces(runtime, &search, place, state, most),
        }
    }

    /// Whether it is on, where the version tells it.
    fn switch(&self, runtime: &Runtime) -> Option<bool> {
        let config = runtime.tracemalloc?;
        match self.memory().read_u32(config.checked_add(4)?).ok()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    fn traces<M: ReadMemory>(
        &self,
        runtime: &Runtime,
        search: &Search<'_, M>,
        place: Place,
        mut state: State,
        most: u64,
    ) -> Result<Tracing> {
        let rules = crate::census::rules::rules(&runtime.version)?;
        let cached = CachedMemory::new(self.memory());
        let mut best: Option<Traced> = None;
        for _ in 0..TRIES {
            let names = Names { rules, memory: &cached, difference: runtime.difference() };
            let traced = Collect::new(&cached, names, search, most).run(&state)?;
            let is_sound = traced.torn == 0;
            if best.as_ref().is_none_or(|best| traced.torn < best.torn) {
                best = Some(traced);
            }
            // A target that stands still gives a sound picture the first time.
            if is_sound {
                break;
            }
            state = search.read(&place).unwrap_or(state);
            cached.forget();
        }
        Ok(Tracing::On(best.unwrap_or_default()))
    }
}

fn is_empty(state: &State) -> bool {
    let domains = state.domains.map_or(0, |domains| domains.entries);
    state.traces.entries == 0 && domains == 0
}

/// Where the state may be: in the runtime, or in the data of its library.
fn data(runtime: &Runtime, mappings: &[images::Mapping]) -> Vec<Range<u64>> {
    let mut ranges: Vec<Range<u64>> = Vec::new();
    if runtime.version.minor >= IN_RUNTIME {
        ranges.push(runtime.address..runtime.address.saturating_add(RUNTIME_BYTES));
        return ranges;
    }
    for mapping in mappings.iter().filter(|m| m.perms.write) {
        let is_file = mapping.path.trim_end_matches(" (deleted)") == runtime.library;
        match ranges.last_mut() {
            // What is zero at first follows the file's own pages.
            Some(last) if last.end == mapping.start && (is_file || mapping.path.is_empty()) => {
                last.end = mapping.end;
            }
            _ if is_file => ranges.push(mapping.start..mapping.end),
            _ => {}
        }
    }
    ranges
}

fn not_found(runtime: &Runtime) -> Error {
    let message = format!(
        "tracemalloc of Python {} ({}) is on, but its tables were not found: this build keeps \
         them in another form",
        runtime.version, runtime.library
    );
    Error::new(ErrorKind::Unsupported, message)
        .with_hint("`tracemalloc.take_snapshot()` inside of the program, or `memprobe census`")
}
