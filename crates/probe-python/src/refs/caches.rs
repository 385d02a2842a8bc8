//! Tables of the interpreter that remember objects without owning them: the cache of attributes
//! that types were asked for, those of functions and of types by version.
//!
//! No symbol says where they are. But each entry stands at a place that follows from what it
//! remembers, so that every entry tells where its table begins: the beginning that many agree on.

use std::collections::HashMap;
use std::ops::Range;

use target::memory::ReadMemory;

use super::plan::{Plan, Special};
use super::roots::Roots;
use crate::census::types::Kind;

/// Entries of each table: `MCACHE_SIZE_EXP` of `pycore_typeobject.h` (`Objects/typeobject.c` up
/// to 3.9), `FUNC_VERSION_CACHE_SIZE` of `pycore_function.h`, `TYPE_VERSION_CACHE_SIZE` of
/// `pycore_interp_structs.h`.
const ENTRIES: u64 = 1 << 12;
/// `tp_version_tag` of `PyTypeObject`.
const TYPE_VERSION: u64 = 384;
/// Entries that must agree.
const LEAST: usize = 4;

/// A word that is the address of an object.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hit {
    pub(super) at: u64,
    pub(super) word: u64,
    pub(super) id: u32,
}

/// A table of references that are not owned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cache {
    range: Range<u64>,
    /// Bytes of an entry, and which of them are a reference that is owned after all.
    step: u64,
    owned: Option<u64>,
}

impl Cache {
    /// Whether what stands at an address is remembered, not owned.
    pub(super) fn borrows(&self, at: u64) -> bool {
        self.range.contains(&at) && Some((at - self.range.start) % self.step) != self.owned
    }
}

impl<M: ReadMemory> Roots<'_, '_, M> {
    /// The tables among the words of variables or of an interpreter, in order of address.
    pub(super) fn caches(&mut self, hits: &[Hit]) -> Vec<Cache> {
        let minor = self.walker.rules.minor;
        let mut list = Vec::new();
        let mut add = |start: Option<u64>, step, owned| {
            let range = |start: u64| start..start.saturating_add(step * ENTRIES);
            list.extend(start.map(|start| Cache { range: range(start), step, owned }));
        };
        add(most(self.attributes(hits)), 24, Some(8));
        if minor >= 12 {
            // 3.12: function; later: function, its code.
            let step = if minor == 12 { 8 } else { 16 };
            // `func_version` of `PyFunctionObject`.
            let version = if minor >= 14 { 144 } else { 136 };
            let is_function = |plan: &Plan| plan.special == Special::Function;
            add(most(self.versions(hits, is_function, version, step)), step, None);
        }
        if minor >= 14 {
            let is_type = |plan: &Plan| plan.shape.kind == Kind::Type;
            add(most(self.versions(hits, is_type, TYPE_VERSION, 8)), 8, None);
        }
        list
    }

    /// Where the table of attributes would begin by each entry that may be one: version of the
    /// type (32 bits), name, value.
    fn attributes(&mut self, hits: &[Hit]) -> Vec<u64> {
        let mut starts = Vec::new();
        for pair in hits.windows(2) {
            let [name, value] = pair else { continue };
            if value.at != name.at + 8 || !self.is_of(name.id, &[Kind::Str]) {
                continue;
            }
            let at = name.at.saturating_sub(8);
            let version = u64::from(self.walker.pages.half(at));
            // Up to 3.8 its place goes by the hash of the name, which stands in the text; in
            // later versions by the address.
            let hash = self.walker.pages.word(name.word + 24);
            let mut start = |hash: u64| at.checked_sub(24 * ((version ^ hash) % ENTRIES));
            starts.extend([hash, name.word >> 3].into_iter().filter_map(&mut start));
        }
        starts
    }

    /// Where a table by version would begin by each object that may be in it, of which `version`
    /// is the place of its own.
    fn versions(
        &mut self,
        hits: &[Hit],
        is_right: impl Fn(&Plan) -> bool,
        version: u64,
        step: u64,
    ) -> Vec<u64> {
        let mut starts = Vec::new();
        for hit in hits {
            if self.plan(hit.id).is_some_and(&is_right) {
                let version = u64::from(self.walker.pages.half(hit.word.saturating_add(version)));
                starts.extend(hit.at.checked_sub(step * (version % ENTRIES)));
            }
        }
        starts
    }
}

/// What enough of them agree on.
fn most(starts: impl IntoIterator<Item = u64>) -> Option<u64> {
    let mut votes: HashMap<u64, usize> = HashMap::new();
    for start in starts {
        *votes.entry(start).or_default() += 1;
    }
    let best = votes.into_iter().max_by_key(|&(start, count)| (count, start));
    best.filter(|&(_, count)| count >= LEAST).map(|(start, _)| start)
}
