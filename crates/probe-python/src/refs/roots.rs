//! What holds objects from outside of the heap.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

use heap::{Objects, RootInfo, RootKind, Strength, flags};
use probe::{FrozenThread, Result};
use target::images::Mapping;
use target::memory::ReadMemory;

use super::data::Data;
use super::naming::Namer;
use super::plan::Plan;
use super::stacks::{Stack, stacks};
use super::states::State;
use super::walker::Walker;
use crate::census::types::Kind;
use crate::variables::Variables;
use crate::walk::spans::Spans;

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
    /// What files call their variables.
    pub(super) variables: &'w Variables,
    /// The threads of the process, with their registers where it was frozen.
    pub(crate) threads: &'w [FrozenThread],
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

/// What an interpreter or a library holds by a variable of its own.
fn is_state(root: &Root) -> bool {
    matches!(root.info.kind, RootKind::Interpreter | RootKind::CGlobal)
}

impl<'w, 'a, M: ReadMemory> Roots<'w, 'a, M> {
    pub(crate) fn new(
        walker: &'w mut Walker<'a, M>,
        columns: &'w Objects,
        (spans, mappings): (&'a Spans, &'w [Mapping]),
        (data, variables): (&'w [Data], &'w Variables),
        threads: &'w [FrozenThread],
    ) -> Self {
        let (list, done) = (Vec::new(), Vec::new());
        Self { walker, columns, spans, mappings, data, variables, threads, list, done }
    }

    /// All of them.
    pub(crate) fn collect(&mut self, states: &[State]) -> Result<()> {
        for state in states {
            self.interpreter(state);
            self.callbacks(state);
        }
        self.statics();
        self.data();
        let stacks = stacks(self.mappings, self.threads, states);
        self.native(&stacks);
        self.stacks(stacks);
        self.registers();
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

    /// Objects in data are there for ever, and count one reference for that.
    fn statics(&mut self) {
        let mut types =
            Root { info: info(RootKind::StaticType, "static types", ""), edges: Vec::new() };
        let mut others = Root { info: info(RootKind::Runtime, "constants", ""), edges: Vec::new() };
        for (id, &flag) in self.columns.flags.iter().enumerate() {
            if flag & flags::STATIC == 0 {
                continue;
            }
            let root = if self.is_of(id as u32, &[Kind::Type]) { &mut types } else { &mut others };
            root.edges.push((id as u32, Strength::Strong, None));
        }
        if self.walker.rules.minor <= 7 {
            // Making a static type of named tuples ready took another reference.
            for plan in self.walker.plans.iter().filter(|p| p.named_tuple && !p.shape.heap) {
                let id = self.walker.index.get(plan.shape.address);
                types.edges.extend(id.map(|id| (id, Strength::Strong, None)));
            }
        }
        self.keep(types);
        self.keep(others);
    }

    /// Native blocks that the interpreter and its libraries refer to, and those that these do:
    /// tables of names, functions to be called at the end.
    fn native(&mut self, stacks: &[Stack]) {
        const MOST_BLOCKS: usize = 1 << 18;
        const DEPTH: usize = 2;
        let mut ranges = self.done.clone();
        ranges.extend(self.data.iter().map(|data| data.range.clone()));
        ranges.extend(stacks.iter().map(|stack| stack.live.clone()));
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

    /// Tells the dictionaries of modules and of built-in names from an interpreter's others.
    fn well_known(&mut self) {
        const MOST_KEYS: usize = 1 << 16;
        let targets: HashSet<u32> = self
            .list
            .iter()
            .filter(|root| is_state(root))
            .flat_map(|root| root.edges.iter().map(|edge| edge.0))
            .filter(|&id| self.is_of(id, &[Kind::Dict]))
            .collect();
        let mut targets: Vec<u32> = targets.into_iter().collect();
        targets.sort_unstable();
        for id in targets {
            let Some(&address) = self.columns.address.get(id as usize) else { continue };
            if self.walker.maps_keys_to_themselves(address) {
                self.interned(id);
                continue;
            }
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

    /// The table of interned strings is a root of its own: what only it has, nobody else holds.
    fn interned(&mut self, table: u32) {
        let mut edges = Vec::new();
        for root in self.list.iter_mut().filter(|root| is_state(root)) {
            edges.extend(root.edges.extract_if(.., |edge| edge.0 == table));
        }
        self.list.retain(|root| !root.edges.is_empty());
        self.keep(Root { info: info(RootKind::Interned, "", ""), edges });
    }

    pub(super) fn plan(&self, id: u32) -> Option<&'a Plan> {
        let shape = *self.columns.type_id.get(id as usize)?;
        self.walker.plans.get(shape as usize)
    }

    pub(super) fn is_of(&self, id: u32, kinds: &[Kind]) -> bool {
        self.plan(id).is_some_and(|plan| kinds.contains(&plan.shape.kind))
    }
}
