//! What interpreters, threads and their frames hold.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

use heap::{RootKind, Strength};
use target::memory::ReadMemory;

use super::frames::FrameLayout;
use super::labels;
use super::naming::Namer;
use super::pages::HIGHEST;
use super::roots::{Root, Roots, info};
use crate::census::rules::Rules;
use crate::state::Interpreter;

/// The most frames of one thread.
const MOST_FRAMES: usize = 1 << 16;
/// Bytes of an interpreter's or a thread's structure when its block does not tell.
pub(super) const MOST_STATE: u64 = 1 << 20;

/// Where a version has what leads to the frames of a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FrameWay {
    /// Up to 3.10: a frame object, at this offset of the thread's state.
    Object(u64),
    /// 3.11 and 3.12: through a structure on the C stack: (thread's state, in there).
    Through(u64, u64),
    /// At this offset.
    At(u64),
}

/// An interpreter of a runtime.
#[derive(Clone, Debug)]
pub(crate) struct State {
    pub(crate) interpreter: Interpreter,
    pub(crate) frames: FrameWay,
}

/// Where threads keep their innermost frame: `Include/cpython/pystate.h`, from 3.13 on in the
/// runtime's own table of offsets.
pub(super) fn frame_way<M: ReadMemory>(memory: &M, rules: &Rules, runtime: u64) -> FrameWay {
    let entry = |place: u64| {
        let offset = memory.read_u64(runtime.saturating_add(place)).unwrap_or(0);
        FrameWay::At(offset.min(1 << 20) & !7)
    };
    match rules.minor {
        ..11 => FrameWay::Object(24),
        11 => FrameWay::Through(56, 8),
        12 => FrameWay::Through(56, 0),
        13 => entry(184),
        14.. => entry(208),
    }
}

impl<M: ReadMemory> Roots<'_, '_, M> {
    /// The structure of an interpreter and those of its threads.
    pub(super) fn interpreter(&mut self, state: &State) {
        let Interpreter { id, address, threads } = &state.interpreter;
        let name = format!("{id}");
        let mut root = Root { info: info(RootKind::Interpreter, name, ""), edges: Vec::new() };
        if let Some(range) = self.structure(*address) {
            self.words(&mut root, range, None);
        }
        self.keep(root);
        for (number, thread) in threads.iter().enumerate() {
            let name = format!("{id}, thread state");
            let mut root = Root { info: info(RootKind::Interpreter, name, ""), edges: Vec::new() };
            let frame = match state.frames {
                FrameWay::Object(offset) => Some(thread.address.saturating_add(offset)),
                FrameWay::Through(..) | FrameWay::At(_) => None,
            };
            if let Some(range) = self.structure(thread.address) {
                self.words(&mut root, range, frame);
            }
            self.keep(root);
            let thread_name = match thread.native {
                Some(native) => format!("thread {native}"),
                None => format!("thread {}", threads.len() - number),
            };
            match state.frames {
                FrameWay::Object(offset) => {
                    self.frame_objects(thread.address.saturating_add(offset), &thread_name);
                }
                FrameWay::Through(first, second) => {
                    let through = self.walker.pages.word(thread.address.saturating_add(first));
                    let at = self.walker.pages.word(through.saturating_add(second));
                    self.frames(at, &thread_name);
                }
                FrameWay::At(offset) => {
                    let at = self.walker.pages.word(thread.address.saturating_add(offset));
                    self.frames(at, &thread_name);
                }
            }
        }
    }

    /// The words of a structure; `None` when it lies in data, which is read as a whole.
    fn structure(&mut self, at: u64) -> Option<Range<u64>> {
        let in_data = self.data.iter().any(|data| data.range.contains(&at));
        let inside = self.done.iter().any(|range| range.contains(&at));
        if in_data || inside || !at.is_multiple_of(8) || !self.spans.contains(at, 8) {
            return None;
        }
        let bytes = self.walker.block_bytes(at)?.min(MOST_STATE) & !7;
        self.spans.contains(at, bytes).then(|| at..at + bytes)
    }

    /// Frames of 3.11 and up, innermost first.
    fn frames(&mut self, mut at: u64, thread: &str) {
        let Some(layout) = FrameLayout::of(self.walker.rules) else { return };
        let mut seen = HashSet::new();
        while at != 0
            && at < HIGHEST
            && at.is_multiple_of(8)
            && seen.len() < MOST_FRAMES
            && seen.insert(at)
        {
            // Other frames belong to a generator, a frame object or to C.
            const OWNED_BY_THREAD: u8 = 0;
            if self.walker.pages.byte(at.saturating_add(layout.owner)) == OWNED_BY_THREAD {
                self.frame(at, &layout, thread);
            }
            at = self.walker.pages.word(at.saturating_add(layout.previous));
        }
    }

    fn frame(&mut self, at: u64, layout: &FrameLayout, thread: &str) {
        let code = self.walker.pages.word(at + layout.code) & !3;
        let mut namer = Namer { walker: self.walker };
        let (name, place) = namer.code_parts(code);
        let detail = format!("{place}, {thread}");
        self.walker.out = heap::EdgeChunk::default();
        self.walker.frame_values(at);
        let edges = std::mem::take(&mut self.walker.out);
        let mut root = Root { info: info(RootKind::Frame, name, detail), edges: Vec::new() };
        let mut variable = None;
        for (&target, &label) in edges.target.iter().zip(&edges.label) {
            if label == labels::VARIABLE {
                variable = self.columns.address.get(target as usize).copied();
                continue;
            }
            let name = match (label, variable.take()) {
                (labels::LOCAL, Some(at)) => {
                    Namer { walker: self.walker }.text(at).map(Arc::<str>::from)
                }
                _ => labels::name(label).map(Arc::from),
            };
            root.edges.push((target, labels::strength(label), name));
        }
        self.keep(root);
    }

    /// Frames up to 3.10 are objects: the innermost one is held by the thread, the others by it.
    fn frame_objects(&mut self, place: u64, thread: &str) {
        let mut at = self.walker.pages.word(place);
        let mut strength = Strength::Strong;
        let mut seen = HashSet::new();
        while at != 0
            && at < HIGHEST
            && at.is_multiple_of(8)
            && seen.len() < MOST_FRAMES
            && seen.insert(at)
        {
            let code = self.walker.pages.word(at.saturating_add(32));
            let (name, place) = Namer { walker: self.walker }.code_parts(code);
            let detail = format!("{place}, {thread}");
            let mut root = Root { info: info(RootKind::Frame, name, detail), edges: Vec::new() };
            self.edge(&mut root, at, strength, Some("frame".into()));
            self.keep(root);
            strength = Strength::Borrowed;
            at = self.walker.pages.word(at.saturating_add(24));
        }
    }
}
