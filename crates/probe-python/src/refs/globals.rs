//! What variables of the program, of its libraries and of interpreters refer to.

use std::ops::Range;

use heap::{RootKind, Strength};
use target::memory::ReadMemory;

use super::caches::{Cache, Hit};
use super::data::Data;
use super::plan::{Plan, Special};
use super::roots::{Root, Roots, info};
use crate::census::types::Kind;

/// The most bytes of data of one library that are read.
const MOST_DATA: u64 = 64 << 20;

impl<M: ReadMemory> Roots<'_, '_, M> {
    /// Words in a row, each of which may own a reference.
    pub(super) fn words(&mut self, root: &mut Root, range: Range<u64>, but: Option<u64>) {
        let places = range.clone().step_by(8).filter(|&at| Some(at) != but);
        let hits: Vec<Hit> = places.filter_map(|at| self.hit(at)).collect();
        let caches = self.caches(&hits);
        for hit in hits {
            let strength = self.word_strength(hit, &caches);
            root.edges.push((hit.id, strength, None));
        }
        self.done.push(range);
    }

    /// Variables of the program and its libraries. One of them is the interpreter: from 3.12 on the
    /// main one and its first thread are part of it (`Include/internal/pycore_runtime.h`).
    pub(super) fn data(&mut self) {
        const RUNTIME: &str = "_PyRuntime";
        for Data { name, base, range } in self.data {
            let root = |kind, name: &str, detail| Root {
                info: info(kind, name, detail),
                edges: Vec::new(),
            };
            let mut variables = root(RootKind::CGlobal, name, "data");
            let mut interpreter = root(RootKind::Interpreter, "state", RUNTIME);
            let hits = self.variables(range);
            let caches = self.caches(&hits);
            for hit in hits {
                let strength = self.word_strength(hit, &caches);
                if strength == Strength::Borrowed {
                    continue;
                }
                match self.variables.of(hit.at) {
                    Some((_, RUNTIME)) => interpreter.edges.push((hit.id, strength, None)),
                    Some((_, name)) => variables.edges.push((hit.id, strength, Some(name.into()))),
                    None => {
                        let name = format!("+{:#x}", hit.at.saturating_sub(*base));
                        variables.edges.push((hit.id, strength, Some(name.into())));
                    }
                }
            }
            self.keep(interpreter);
            self.keep(variables);
        }
    }

    /// Words of a library's variables that are addresses of objects.
    fn variables(&mut self, range: &Range<u64>) -> Vec<Hit> {
        let mut hits = Vec::new();
        let end = range.end.min(range.start.saturating_add(MOST_DATA));
        let mut at = range.start.saturating_add(7) & !7;
        let mut next = self.columns.address.partition_point(|&address| address < at);
        while at < end {
            // What belongs to an object was read with it, and pools have nothing else.
            if self.columns.address.get(next) == Some(&at) {
                at += self.columns.bytes(next).clamp(16, 1 << 20).next_multiple_of(8);
                next = self.columns.address.partition_point(|&address| address < at);
                continue;
            }
            hits.extend(self.hit(at));
            at += 8;
        }
        hits
    }

    fn hit(&mut self, at: u64) -> Option<Hit> {
        let word = self.walker.pages.word(at);
        self.walker.index.get(word).map(|id| Hit { at, word, id })
    }

    /// Lists and dictionaries that wait to be used again stand in long rows, and still do when
    /// they are in use again: such a word owns nothing. Nor does one of a cache.
    fn word_strength(&mut self, hit: Hit, caches: &[Cache]) -> Strength {
        const ROW: u64 = 5;
        if caches.iter().any(|cache| cache.borrows(hit.at)) || self.is_weak_list(hit) {
            return Strength::Borrowed;
        }
        if !self.is_of(hit.id, &[Kind::List, Kind::Dict]) {
            return Strength::Strong;
        }
        let kind = self.walker.pages.word(hit.word + 8);
        let mut row = 1;
        for step in [8_i64, -8] {
            let mut place = hit.at;
            for _ in 0..ROW {
                place = place.saturating_add_signed(step);
                if !self.is_same(place, kind) {
                    break;
                }
                row += 1;
            }
        }
        if row >= ROW { Strength::Borrowed } else { Strength::Strong }
    }

    /// Whether it is the list of weak references to a static type, which from 3.12 on an
    /// interpreter keeps with other facts of that type (`managed_static_type_state`).
    fn is_weak_list(&mut self, hit: Hit) -> bool {
        const REFERENT: u64 = 16;
        let is_weak = |plan: &Plan| plan.special == Special::WeakReference;
        if !self.plan(hit.id).is_some_and(is_weak) {
            return false;
        }
        let referent = self.walker.pages.word(hit.word + REFERENT);
        let before = if self.walker.rules.minor == 12 { 32 } else { 40 };
        self.walker.pages.word(hit.at.saturating_sub(before)) == referent
    }

    /// Whether the word at a place leads to something of the same type.
    fn is_same(&mut self, place: u64, kind: u64) -> bool {
        let other = self.walker.pages.word(place);
        let is_memory = other != 0 && self.spans.contains(other, 16);
        is_memory && self.walker.pages.word(other + 8) == kind
    }
}
