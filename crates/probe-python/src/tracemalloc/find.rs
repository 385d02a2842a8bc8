//! Finds the tables of tracemalloc by their shape: pointers to hash tables with one allocator
//! and the functions of their kind stand near each other, whatever order a compiler gave them
//! (`Modules/_tracemalloc.c`; in the runtime since 3.12, `pycore_tracemalloc.h`).

use std::ops::Range;

use probe::Result;
use target::memory::ReadMemory;

use super::hashtable::{Form, Hashtable, Kind};

/// Bytes that are searched at once.
const PIECE: u64 = 1 << 20;
/// The most bytes that are searched.
const MOST: u64 = 64 << 20;
/// The most bytes that the pointers are apart.
const NEAR: u64 = 256;

/// What a place holds now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct State {
    /// Bytes that are traced, and the most that ever were, where these are known to stand.
    pub(crate) traced: Option<(u64, u64)>,
    /// Sets: names of files, and tracebacks.
    pub(crate) sets: [Hashtable; 2],
    pub(crate) traces: Hashtable,
    /// Traces of other domains (3.9 and up).
    pub(crate) domains: Option<Hashtable>,
    /// What stands beside them: where it was allocated (3.15 and up), the traceback of blocks that
    /// no Python code allocated is one of these.
    pub(crate) beside: [u64; 2],
}

/// Where and how to search.
pub(crate) struct Search<'a, M> {
    pub(crate) memory: &'a M,
    pub(crate) form: Form,
    /// Where functions are.
    pub(crate) code: &'a [Range<u64>],
    /// Where the state is.
    pub(crate) data: &'a [Range<u64>],
    /// Where tables are: what was allocated.
    pub(crate) heap: &'a [Range<u64>],
}

/// Where the pointers are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    sets: [u64; 2],
    traces: u64,
    domains: Option<u64>,
    /// Where the figures are: traced, most.
    figures: Option<(u64, u64)>,
}

/// A pointer to a table.
#[derive(Clone, Copy)]
struct Pointer {
    at: u64,
    table: Hashtable,
}

impl<M: ReadMemory> Search<'_, M> {
    /// The place of the state.
    ///
    /// # Errors
    /// When memory cannot be read at all.
    pub(crate) fn find(&self) -> Result<Option<Place>> {
        let pointers = self.pointers()?;
        let near = |index: usize| {
            let first: &Pointer = pointers.get(index)?;
            let same = |pointer: &&Pointer| {
                pointer.at - first.at < NEAR && pointer.table.allocator == first.table.allocator
            };
            place(&pointers[index..].iter().filter(same).copied().collect::<Vec<_>>(), self.form)
        };
        Ok((0..pointers.len()).find_map(near))
    }

    /// All pointers to tables, in order of address.
    fn pointers(&self) -> Result<Vec<Pointer>> {
        let mut pointers = Vec::new();
        let mut left = MOST;
        let mut buffer = vec![0; PIECE as usize];
        for range in self.data {
            let mut at = range.start.next_multiple_of(8);
            while at < range.end && left > 0 {
                let size = (range.end - at).min(PIECE).min(left);
                let piece = &mut buffer[..size as usize];
                self.memory.read_with_holes(at, piece)?;
                for (index, word) in (0..).zip(piece.as_chunks().0) {
                    let word = u64::from_ne_bytes(*word);
                    let at = at + index * 8;
                    pointers.extend(self.table(word).map(|table| Pointer { at, table }));
                }
                left -= size;
                at += size;
            }
        }
        Ok(pointers)
    }

    fn table(&self, address: u64) -> Option<Hashtable> {
        let in_heap = address.is_multiple_of(8) && contains(self.heap, address);
        in_heap.then(|| Hashtable::read(self.memory, self.form, address, self.code)).flatten()
    }

    /// What is at a place that was found.
    pub(crate) fn read(&self, place: &Place) -> Option<State> {
        let table = |at: u64| self.table(self.memory.read_u64(at).ok()?);
        let figure = |at: u64| self.memory.read_u64(at).ok();
        let traced = place.figures.and_then(|(now, most)| Some((figure(now)?, figure(most)?)));
        let domains = match place.domains {
            Some(at) => Some(table(at)?),
            None => None,
        };
        let beside = |step| figure(place.domains?.saturating_add_signed(step));
        Some(State {
            beside: [8, -8].map(|step| beside(step).unwrap_or(0)),
            traced: traced.filter(|(now, most)| now <= most),
            sets: [table(place.sets[0])?, table(place.sets[1])?],
            traces: table(place.traces)?,
            domains,
        })
    }

    /// Whether an address is among what the program or the library holds itself: the empty
    /// traceback, which blocks have that no Python code allocated, is.
    pub(crate) fn is_static(&self, address: u64) -> bool {
        address.is_multiple_of(8) && contains(self.data, address)
    }
}

fn contains(ranges: &[Range<u64>], address: u64) -> bool {
    // In order of address.
    let behind = ranges.partition_point(|range| range.start <= address);
    behind > 0 && ranges[behind - 1].contains(&address)
}

/// The roles of pointers that stand near each other.
fn place(pointers: &[Pointer], form: Form) -> Option<Place> {
    let of = |kind: Kind| pointers.iter().filter(move |pointer| pointer.table.kind() == kind);
    if form == Form::Inline {
        let mut sets = of(Kind::Set);
        let (one, other) = (sets.next()?, sets.next()?);
        let traces = of(Kind::Traces).next()?.at;
        return Some(
            Place { sets: [one.at, other.at], traces, domains: None, figures: None }
                .with_figures(one.at.max(other.at), one.at.min(other.at)),
        );
    }
    // Traces and domains have plain keys; traces and tracebacks are dropped in the same way.
    of(Kind::Values).find_map(|traces| {
        let (plain, dropped) = (
            |p: &&Pointer| p.table.has_keys_of(&traces.table),
            |p: &&Pointer| p.table.drops_like(&traces.table),
        );
        let domains = of(Kind::Values).find(|p| plain(p) && !dropped(p))?;
        let mut tracebacks = pointers.iter().filter(|p| dropped(p) && !plain(p));
        let (tracebacks, other) = (tracebacks.next()?, tracebacks.next());
        let names = match form {
            // Either may be the names: they are dropped as tracebacks are.
            Form::PlainNames => other?,
            _ => of(Kind::Names).find(|p| !dropped(p))?,
        };
        let place = Place {
            sets: [names.at, tracebacks.at],
            traces: traces.at,
            domains: Some(domains.at),
            figures: None,
        };
        let place = place.with_figures(names.at, tracebacks.at);
        Some(match form {
            Form::PlainNames => place.with_figures(tracebacks.at, names.at),
            _ => place,
        })
    })
}

impl Place {
    /// In the order of the source, or the opposite one, the figures stand beside the names.
    fn with_figures(mut self, names: u64, tracebacks: u64) -> Self {
        if tracebacks.checked_add(16) == Some(names)
            && self.traces.checked_add(8) == Some(tracebacks)
        {
            self.figures = Some((names.saturating_add(16), names.saturating_add(8)));
        }
        if names.checked_add(16) == Some(tracebacks)
            && tracebacks.checked_add(8) == Some(self.traces)
        {
            self.figures = Some((names.saturating_sub(16), names.saturating_sub(8)));
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use target::memory::FakeMemory;

    use super::super::hashtable::tests::{CODE, put, put_functions};
    use super::*;

    const TABLES: u64 = 0x2_0000;
    const DATA: u64 = 0x10_0000;

    /// Words of the state, and where each table is.
    fn fake(words: &[u64]) -> FakeMemory {
        let mut memory = FakeMemory::default();
        memory.add(TABLES, vec![0; 0x8000]).add(DATA, vec![0; 2 * PIECE as usize]);
        // Compare, key_destroy, value_destroy: names, tracebacks, traces, domains.
        let functions =
            [[0x110, 0x111, 0], [0x112, 0, 0x113], [0x114, 0, 0x113], [0x114, 0, 0x115]];
        for (index, functions) in (0..).zip(functions) {
            let address = TABLES + index * 0x1000;
            put(&mut memory, Form::Pointers, address, &[[1, 2, 3]]);
            put_functions(&mut memory, address, functions);
        }
        // Where two pieces meet.
        for (index, word) in (0..).zip(words) {
            memory.put_u64(DATA + PIECE - 16 + index * 8, *word);
        }
        memory
    }

    fn find(memory: &FakeMemory) -> Option<State> {
        find_in(memory, Form::Pointers)
    }

    fn find_in(memory: &FakeMemory, form: Form) -> Option<State> {
        let (data, heap) = (DATA..DATA + 2 * PIECE, TABLES..TABLES + 0x8000);
        let search = Search {
            memory,
            form,
            code: &[CODE],
            data: std::slice::from_ref(&data),
            heap: std::slice::from_ref(&heap),
        };
        search.read(&search.find().unwrap()?)
    }

    const NAMES: u64 = TABLES;
    const TRACEBACKS: u64 = TABLES + 0x1000;
    const TRACES: u64 = TABLES + 0x2000;
    const DOMAINS: u64 = TABLES + 0x3000;

    #[test]
    fn the_state_is_found_in_any_order() {
        let ordered = [10, 20, NAMES, 8, TRACEBACKS, TRACES, DOMAINS];
        let mut reversed = ordered;
        reversed.reverse();
        for words in [ordered, reversed] {
            let state = find(&fake(&words)).unwrap();
            assert_eq!((state.traced, state.traces.entries), (Some((10, 20)), 1));
        }
        let state = find(&fake(&[DOMAINS, 1, NAMES, TRACES, 2, TRACEBACKS])).unwrap();
        assert_eq!((state.traced, state.traces.entries), (None, 1));
    }

    /// Names that are dropped as tracebacks are.
    #[test]
    fn the_state_with_plain_names_is_found() {
        let ordered = [10, 20, NAMES, 8, TRACEBACKS, TRACES, DOMAINS];
        let mut reversed = ordered;
        reversed.reverse();
        for words in [ordered, reversed] {
            let mut memory = fake(&words);
            put_functions(&mut memory, NAMES, [0x110, 0x113, 0]);
            put_functions(&mut memory, TRACEBACKS, [0x112, 0x113, 0]);
            let state = find_in(&memory, Form::PlainNames).unwrap();
            assert_eq!((state.traced, state.traces.entries), (Some((10, 20)), 1));
            assert_eq!(find(&memory), None);
        }
    }

    /// A table is missing, or is none, or of another kind: it is no state.
    #[test]
    fn what_does_not_fit_is_no_state() {
        assert_eq!(find(&fake(&[10, 20, NAMES, 8, TRACEBACKS, 9, DOMAINS])), None);
        let mut memory = fake(&[NAMES, TRACEBACKS, TRACES, DOMAINS]);
        memory.put_u64(TRACES + 8, 17);
        assert_eq!(find(&memory), None);
        let mut memory = fake(&[NAMES, TRACEBACKS, TRACES, DOMAINS]);
        memory.put_u64(TRACES + 64, 0x105);
        assert_eq!(find(&memory), None);
    }
}
