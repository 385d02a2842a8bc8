//! What holds objects from outside of the heap.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

use heap::{Objects, RootInfo, RootKind, Strength, flags};
use probe::Result;
use target::images::Mapping;
use target::memory::ReadMemory;

use super::data::Data;
use super::naming::Namer;
use super::states::State;
use super::walker::Walker;
use crate::census::types::Kind;
use crate::walk::spans::Spans;

/// The most bytes of data of one library that are read.
const MOST_DATA: u64 = 64 << 20;
/// The most of a thread's stack that is read, bytes below its end.
const MOST_STACK: u64 = 256 << 10;

/// References from one root.
#[derive(Debug)]
pub(crate) struct Root {
    pub(crate) info: RootInfo,
    pub(crate) edges: Vec<(u32, Strength, Option<Arc<str>>)>,
}

/// Collects roots.
pub(crate) struct Roots<'w, 'a, M> {
    pub(crate) walker: &'w mut Walker<'a, M>,
    pub(crate) columns: &'w Objects,
    pub(crate) spans: &'a Spans,
    pub(crate) mappings: &'w [Mapping],
    pub(crate) data: &'w [Data],
    pub(crate) list: Vec<Root>,
    /// Words that were looked at: no word counts twice.
    pub(super) done: Vec<Range<u64>>,
}

pub(super) fn info(
    kind: RootKind,
    name: impl Into<Arc<str>>,
    detail: impl Into<Arc<str>>,
) -> RootInfo {
    RootInfo { kind, name: name.into(), detail: detail.into() }
}

impl<'w, 'a, M: ReadMemory> Roots<'w, 'a, M> {
    pub(crate) fn new(
        walker: &'w mut Walker<'a, M>,
        columns: &'w Objects,
        spans: &'a Spans,
        mappings: &'w [Mapping],
        data: &'w [Data],
    ) -> Self {
        Self { walker, columns, spans, mappings, data, list: Vec::new(), done: Vec::new() }
    }

    /// All of them.
    pub(crate) fn collect(&mut self, states: &[State]) -> Result<()> {
        for state in states {
            self.interpreter(state);
        }
        self.statics();
        self.data();
        self.native(states);
        self.stacks(states);
        self.well_known();
        self.walker.pages.check()
    }

    pub(super) fn edge(
        &mut self,
        root: &mut Root,
        word: u64,
        strength: Strength,
        name: Option<Arc<str>>,
    ) {
        if let Some(id) = self.walker.index.get(word) {
            root.edges.push((id, strength, name));
        }
    }

    pub(super) fn keep(&mut self, root: Root) {
        if !root.edges.is_empty() {
            self.list.push(root);
        }
    }

    /// Words in a row, each of which may own a reference.
    pub(super) fn words(&mut self, root: &mut Root, range: Range<u64>, but: Option<u64>) {
        for at in range.clone().step_by(8) {
            if Some(at) != but {
                let word = self.walker.pages.word(at);
                let strength = self.word_strength(at, word);
                self.edge(root, word, strength, None);
            }
        }
        self.done.push(range);
    }

    /// Lists and dictionaries that wait to be used again stand in long rows, and still do when
    /// they are in use again: such a word owns nothing.
    fn word_strength(&mut self, at: u64, word: u64) -> Strength {
        const ROW: u64 = 5;
        let Some(id) = self.walker.index.get(word) else { return Strength::Strong };
        if !self.is_of(id, &[Kind::List, Kind::Dict]) {
            return Strength::Strong;
        }
        let kind = self.walker.pages.word(word + 8);
        let is_same = |walker: &mut Walker<'a, M>, place: u64| {
            let other = walker.pages.word(place);
            other != 0 && walker.spans.contains(other, 16) && walker.pages.word(other + 8) == kind
        };
        let mut row = 1;
        for step in [8_i64, -8] {
            let mut place = at;
            for _ in 0..ROW {
                place = place.saturating_add_signed(step);
                if !is_same(self.walker, place) {
                    break;
                }
                row += 1;
            }
        }
        if row >= ROW { Strength::Borrowed } else { Strength::Strong }
    }

    /// Objects in data are there for ever, and count one reference for that.
    fn statics(&mut self) {
        let mut types =
            Root { info: info(RootKind::StaticType, "static types", ""), edges: Vec::new() };
        let mut others = Root { info: info(RootKind::Runtime, "constants", ""), edges: Vec::new() };
        for (id, &flag) in self.columns.flags.iter().enumerate() {
            if flag & flags::STATIC == 0 {
                continue;
            }
            let shape =
                self.columns.type_id.get(id).and_then(|&t| self.walker.plans.get(t as usize));
            let is_type = shape.is_some_and(|p| p.shape.kind == Kind::Type);
            let root = if is_type { &mut types } else { &mut others };
            root.edges.push((id as u32, Strength::Strong, None));
        }
        if self.walker.rules.minor == 7 {
            // Making a static type of named tuples ready took another reference.
            for plan in self.walker.plans.iter().filter(|p| p.named_tuple && !p.shape.heap) {
                let id = self.walker.index.get(plan.shape.address);
                types.edges.extend(id.map(|id| (id, Strength::Strong, None)));
            }
        }
        self.keep(types);
        self.keep(others);
    }

    /// Variables of the program and its libraries.
    fn data(&mut self) {
        for Data { name, base, range } in self.data {
            let kind = RootKind::CGlobal;
            let mut root = Root { info: info(kind, &**name, "data"), edges: Vec::new() };
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
                let word = self.walker.pages.word(at);
                if let Some(id) = self.walker.index.get(word) {
                    let name = format!("+{:#x}", at.saturating_sub(*base));
                    let strength = self.word_strength(at, word);
                    root.edges.push((id, strength, Some(name.into())));
                }
                at += 8;
            }
            self.keep(root);
        }
    }

    /// Native blocks that the interpreter and its libraries refer to, and those that these do:
    /// tables of names, functions to be called at the end.
    fn native(&mut self, states: &[State]) {
        const MOST_BLOCKS: usize = 1 << 18;
        const DEPTH: usize = 2;
        let mut ranges = self.done.clone();
        ranges.extend(self.data.iter().map(|data| data.range.clone()));
        for thread in states.iter().flat_map(|state| &state.interpreter.threads) {
            ranges.extend(self.stack(thread.handle));
        }
        let mut root =
            Root { info: info(RootKind::NativeBlock, "native blocks", ""), edges: Vec::new() };
        let mut seen: HashSet<u64> = HashSet::new();
        for depth in 0..=DEPTH {
            let mut next = Vec::new();
            for at in ranges.into_iter().flat_map(|range| range.step_by(8)) {
                let word = self.walker.pages.word(at);
                if let Some(id) = self.walker.index.get(word) {
                    if depth > 0 {
                        root.edges.push((id, Strength::Loose, None));
                    }
                } else if depth < DEPTH && seen.len() < MOST_BLOCKS {
                    next.extend(self.native_block(word).filter(|block| seen.insert(block.start)));
                }
            }
            ranges = next;
        }
        self.keep(root);
    }

    /// The native block that begins at an address.
    fn native_block(&mut self, at: u64) -> Option<Range<u64>> {
        const LARGEST: u64 = 64 << 10;
        if !at.is_multiple_of(16) || !self.spans.contains(at, 32) {
            return None;
        }
        let bytes = self.walker.block_bytes(at)?.min(LARGEST) & !7;
        self.spans.contains(at, bytes).then(|| at..at + bytes)
    }

    /// The stack of a thread, at whose end the thread's own structure lies.
    fn stack(&self, handle: u64) -> Option<Range<u64>> {
        let end = handle & !7;
        let holds = |m: &&Mapping| (m.start..m.end).contains(&end) && m.perms.write;
        let mapping = self.mappings.iter().find(holds).filter(|m| m.path.is_empty())?;
        Some(end.saturating_sub(MOST_STACK).max(mapping.start)..end)
    }

    /// Stacks of threads: they may own what they refer to, or not.
    fn stacks(&mut self, states: &[State]) {
        let mut ranges: Vec<Range<u64>> = Vec::new();
        for mapping in self.mappings.iter().filter(|m| m.path == "[stack]") {
            ranges.push(mapping.end.saturating_sub(MOST_STACK).max(mapping.start)..mapping.end);
        }
        for thread in states.iter().flat_map(|state| &state.interpreter.threads) {
            ranges.extend(self.stack(thread.handle));
        }
        ranges.sort_by_key(|range| range.start);
        ranges.dedup();
        let mut root =
            Root { info: info(RootKind::Stack, "stacks of threads", ""), edges: Vec::new() };
        let mut seen = HashSet::new();
        for range in ranges {
            for at in range.step_by(8) {
                let word = self.walker.pages.word(at);
                // Some are there many times: two are as good as all.
                let id = self.walker.index.get(word);
                if let Some(id) =
                    id.filter(|&id| seen.insert((id, false)) || seen.insert((id, true)))
                {
                    root.edges.push((id, Strength::Loose, None));
                }
            }
        }
        self.keep(root);
    }

    /// Tells the dictionaries of modules and of built-in names from an interpreter's others.
    fn well_known(&mut self) {
        const MOST_KEYS: usize = 1 << 16;
        let is_state =
            |root: &&Root| matches!(root.info.kind, RootKind::Interpreter | RootKind::CGlobal);
        let targets: HashSet<u32> = self
            .list
            .iter()
            .filter(is_state)
            .flat_map(|root| root.edges.iter().map(|edge| edge.0))
            .filter(|&id| self.is_of(id, &[Kind::Dict]))
            .collect();
        let mut targets: Vec<u32> = targets.into_iter().collect();
        targets.sort_unstable();
        for id in targets {
            let Some(&address) = self.columns.address.get(id as usize) else { continue };
            let mut keys = HashSet::new();
            for key in self.walker.keys_of(address).into_iter().take(MOST_KEYS) {
                keys.extend(Namer { walker: self.walker }.text(key));
            }
            let has = |names: [&str; 2]| names.iter().all(|&name| keys.contains(name));
            let info = if has(["sys", "builtins"]) {
                info(RootKind::SysModules, "sys.modules", "")
            } else if has(["__build_class__", "__import__"]) {
                info(RootKind::Builtins, "builtins", "")
            } else {
                continue;
            };
            // The reference itself was counted where it stands.
            self.keep(Root { info, edges: vec![(id, Strength::Loose, None)] });
        }
    }

    fn is_of(&self, id: u32, kinds: &[Kind]) -> bool {
        let shape = self.columns.type_id.get(id as usize);
        let plan = shape.and_then(|&shape| self.walker.plans.get(shape as usize));
        plan.is_some_and(|plan| kinds.contains(&plan.shape.kind))
    }
}
