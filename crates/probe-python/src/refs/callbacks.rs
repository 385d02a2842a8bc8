//! Functions that are to be called when the interpreter ends.
//!
//! From 3.10 to 3.13 an interpreter keeps what was given to `atexit.register` in native blocks
//! (`struct atexit_state` of `pycore_atexit.h`): an array of pointers to entries, how many there
//! are, and for how many there is room. Before that they are part of a module's state, after that
//! a list. Nothing says where it stands, but nothing else looks like it.

use heap::{RootKind, Strength};
use target::memory::ReadMemory;

use super::roots::{Root, Roots, info};
use super::states::{MOST_STATE, State};
use crate::census::types::Kind;

/// The array begins with room for 32 entries and gets room for 16 more at a time.
const GROWS_BY: u64 = 16;
/// The most entries that are read.
const MOST: u64 = 1 << 24;
/// Entries that are looked at before it is believed.
const TRIED: u64 = 16;

/// An array of pointers to entries.
#[derive(Clone, Copy)]
struct Array {
    at: u64,
    length: u64,
}

impl<M: ReadMemory> Roots<'_, '_, M> {
    pub(super) fn callbacks(&mut self, state: &State) {
        if !(10..=13).contains(&self.walker.rules.minor) {
            return;
        }
        let from = state.interpreter.address;
        let places = (from..from.saturating_add(MOST_STATE)).step_by(8);
        let places = places.take_while(|&at| self.spans.contains(at, 16)).collect::<Vec<_>>();
        let Some(array) = places.into_iter().find_map(|at| self.array(at)) else { return };
        let info = info(RootKind::Interpreter, "atexit callbacks", "");
        let mut root = Root { info, edges: Vec::new() };
        for number in 0..array.length {
            let entry = self.walker.pages.word(array.at + 8 * number);
            if entry != 0 && self.is_entry(entry) {
                for word in 0..3 {
                    let object = self.walker.pages.word(entry + 8 * word);
                    self.edge(&mut root, object, Strength::Strong, None);
                }
            }
        }
        self.keep(root);
    }

    fn array(&mut self, place: u64) -> Option<Array> {
        let at = self.walker.pages.word(place);
        let (length, room) =
            (self.walker.pages.half(place + 8), self.walker.pages.half(place + 12));
        let (length, room) = (u64::from(length), u64::from(room));
        let is_sane = (1..=room.min(MOST)).contains(&length)
            && room.is_multiple_of(GROWS_BY)
            && at.is_multiple_of(8)
            && self.spans.contains(at, 8 * length);
        let array = is_sane.then_some(Array { at, length })?;
        // What was unregistered leaves a hole.
        let tried = (0..length.min(TRIED)).map(|number| self.walker.pages.word(at + 8 * number));
        let tried: Vec<u64> = tried.filter(|&entry| entry != 0).collect();
        let is_one = !tried.is_empty() && tried.into_iter().all(|entry| self.is_entry(entry));
        is_one.then_some(array)
    }

    /// A function, its arguments, and named ones, if there are some.
    fn is_entry(&mut self, at: u64) -> bool {
        if !at.is_multiple_of(8) || !self.spans.contains(at, 24) {
            return false;
        }
        let [function, arguments, named] = [0, 8, 16].map(|word| self.walker.pages.word(at + word));
        let of = |object, kinds: &[Kind]| {
            self.walker.index.get(object).is_some_and(|id| self.is_of(id, kinds))
        };
        self.walker.index.get(function).is_some()
            && of(arguments, &[Kind::Tuple])
            && (named == 0 || of(named, &[Kind::Dict]))
    }
}
