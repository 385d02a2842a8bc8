//! From the table of traces to sums by traceback.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use probe::Result;
use target::memory::ReadMemory;

use super::find::{Search, State};
use super::hashtable::{Form, Hashtable, Walk};
use super::{Traceback, Traced};
use crate::census::names::{Names, clean};

/// The most frames of a traceback that are kept.
const MOST_FRAMES: u64 = 128;
/// The longest name of a file that is kept, bytes.
const LONGEST_FILE: usize = 1024;
/// The largest block that is believed where the most that was traced is not known.
const LARGEST: u64 = 1 << 40;
/// The most domains that are read.
const MOST_DOMAINS: usize = 4096;

/// Blocks of one traceback.
#[derive(Clone, Copy, Default)]
struct Sum {
    bytes: u64,
    blocks: u64,
}

/// Collects one picture.
pub(super) struct Collect<'a, M, L> {
    memory: &'a M,
    names: Names<'a, M>,
    search: &'a Search<'a, L>,
    most: u64,
    tracebacks: HashSet<u64>,
    sums: HashMap<u64, Sum>,
    files: HashMap<u64, Arc<str>>,
}

impl<'a, M: ReadMemory, L: ReadMemory> Collect<'a, M, L> {
    pub(super) fn new(
        memory: &'a M,
        names: Names<'a, M>,
        search: &'a Search<'a, L>,
        most: u64,
    ) -> Self {
        let (tracebacks, sums, files) = Default::default();
        Self { memory, names, search, most, tracebacks, sums, files }
    }

    /// Reads all traces of a state.
    pub(super) fn run(mut self, state: &State) -> Result<Traced> {
        let peak = state.traced.map(|(_, peak)| peak);
        let mut traced = Traced { peak, ..Traced::default() };
        traced.overhead = state.sets[0].size().saturating_add(state.sets[1].size());
        self.known_tracebacks(state)?;
        self.table(&state.traces, &mut traced)?;
        for domain in self.domains(state, &mut traced)? {
            traced.domains += u64::from(domain.entries > 0);
            self.table(&domain, &mut traced)?;
        }
        let sums = std::mem::take(&mut self.sums);
        for (address, sum) in sums {
            let frames = self.frames(address).unwrap_or_default();
            traced.places.push(Traceback { frames, bytes: sum.bytes, blocks: sum.blocks });
        }
        let sum =
            || traced.places.iter().fold(0, |sum: u64, place| sum.saturating_add(place.bytes));
        traced.bytes = state.traced.map_or_else(sum, |(now, _)| now);
        traced.places.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.frames.cmp(&b.frames)));
        Ok(traced)
    }

    /// Every traceback is in the set of them, but the empty one. What a trace that was freed
    /// meanwhile leads to is none.
    fn known_tracebacks(&mut self, state: &State) -> Result<()> {
        let (memory, tracebacks) = (self.memory, &mut self.tracebacks);
        if self.search.form == Form::PlainNames {
            tracebacks.extend(state.beside);
        }
        // Which of the two sets it is does not matter: names are no tracebacks.
        for set in &state.sets {
            let from_value = set.key_from_value();
            set.walk(memory, self.most, |value| {
                tracebacks.insert(memory.read_u64(value.saturating_sub(from_value))?);
                Ok(true)
            })?;
        }
        Ok(())
    }

    fn table(&mut self, table: &Hashtable, traced: &mut Traced) -> Result<()> {
        traced.overhead = traced.overhead.saturating_add(table.size());
        let (memory, sums, known) = (self.memory, &mut self.sums, &self.tracebacks);
        let (search, most_bytes) = (self.search, traced.peak.unwrap_or(LARGEST));
        let left = self.most.saturating_sub(traced.blocks);
        let Walk { entries, torn } = table.walk(memory, left, |value| {
            let data = table.data(memory, value)?;
            let (bytes, traceback) =
                (memory.read_u64(data)?, memory.read_u64(data.saturating_add(8))?);
            if bytes > most_bytes || !known.contains(&traceback) && !search.is_static(traceback) {
                return Ok(false);
            }
            let sum = sums.entry(traceback).or_default();
            sum.bytes = sum.bytes.saturating_add(bytes);
            sum.blocks += 1;
            Ok(true)
        })?;
        traced.blocks += entries;
        traced.torn += torn + table.entries.abs_diff(entries);
        Ok(())
    }

    /// The tables of the other domains.
    fn domains(&self, state: &State, traced: &mut Traced) -> Result<Vec<Hashtable>> {
        let Some(domains) = &state.domains else { return Ok(Vec::new()) };
        let mut tables = Vec::new();
        let walk = domains.walk(self.memory, MOST_DOMAINS as u64, |value| {
            let table = domains.data(self.memory, value)?;
            let read = Hashtable::read(self.memory, Form::Pointers, table, self.search.code);
            tables.extend(read);
            Ok(read.is_some())
        })?;
        traced.torn += walk.torn;
        Ok(tables)
    }

    /// Files and lines of a traceback: a hash, the number of frames, then 12 bytes for each.
    fn frames(&mut self, address: u64) -> Option<Vec<(Arc<str>, u64)>> {
        let count = self.memory.read_u32(address.checked_add(8)?).ok()?;
        let count = match self.search.form {
            Form::Inline => count,
            // The other half is the number of frames that there were.
            Form::Pointers | Form::PlainNames => count & 0xffff,
        };
        let mut frames = Vec::new();
        for index in 0..u64::from(count).min(MOST_FRAMES) {
            let at = address.checked_add(12 + index * 12)?;
            let file = self.memory.read_u64(at).ok()?;
            let line = self.memory.read_u32(at.checked_add(8)?).ok()?;
            frames.push((self.file(file), line.into()));
        }
        Some(frames)
    }

    fn file(&mut self, address: u64) -> Arc<str> {
        let (names, memory, form) = (&self.names, self.memory, self.search.form);
        let read = || {
            let text = match form {
                Form::PlainNames => plain(memory, address),
                _ => names.text(address, LONGEST_FILE),
            };
            text.map_or("?".into(), |text| clean(&text, LONGEST_FILE).into())
        };
        self.files.entry(address).or_insert_with(read).clone()
    }
}

/// A name that is bytes that end in a zero.
fn plain<M: ReadMemory>(memory: &M, address: u64) -> Option<String> {
    let bytes = memory.read_cstr(address, LONGEST_FILE).ok().flatten()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}
