//! Frames: objects up to 3.10, structures of the interpreter since, and those inside of generators.

use target::memory::ReadMemory;

use super::labels;
use super::pages::HIGHEST;
use super::walker::{This, Walker};
use crate::census::rules::{Life, Rules};

/// The most local variables and places of a stack of one frame.
const MOST_LOCALS: u64 = 1 << 20;

/// A frame of 3.11 and up: offsets in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FrameLayout {
    pub(crate) func: u64,
    pub(crate) locals: u64,
    pub(crate) code: u64,
    pub(crate) object: u64,
    pub(crate) previous: u64,
    pub(crate) top: u64,
    pub(crate) owner: u64,
    pub(crate) values: u64,
    /// Whether the top of the stack is an address, and references have marks in their low bits.
    pub(crate) tagged: bool,
}

impl FrameLayout {
    pub(crate) fn of(rules: &Rules) -> Option<Self> {
        let layout = match rules.minor {
            ..11 => return None,
            11 => Self {
                func: 0,
                locals: 24,
                code: 32,
                object: 40,
                previous: 48,
                top: 64,
                owner: 69,
                values: 72,
                tagged: false,
            },
            12 | 13 => Self {
                code: 0,
                previous: 8,
                func: 16,
                locals: 40,
                object: 48,
                top: 64,
                owner: 70,
                values: 72,
                tagged: false,
            },
            14.. => Self {
                code: 0,
                previous: 8,
                func: 16,
                locals: 40,
                object: 48,
                top: 64,
                owner: 74,
                values: 80,
                tagged: true,
            },
        };
        Some(layout)
    }
}

/// Where a code object has what its frames need.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CodeLayout {
    /// `int`: values of a frame without its stack; up to 3.10 the variables alone.
    pub(crate) locals: u64,
    /// `int`: depth of the stack.
    pub(crate) stack: u64,
    /// `int`: first line.
    pub(crate) line: u64,
    /// Tuple of names.
    pub(crate) names: u64,
    pub(crate) file: u64,
    pub(crate) name: u64,
}

impl CodeLayout {
    pub(crate) fn of(rules: &Rules) -> Self {
        match rules.minor {
            // Argument counts: one more from 3.8 on.
            ..8 => Self { locals: 24, stack: 28, line: 36, names: 64, file: 96, name: 104 },
            8..=10 => Self { locals: 28, stack: 32, line: 40, names: 72, file: 104, name: 112 },
            11 => Self { locals: 76, stack: 68, line: 72, names: 96, file: 112, name: 128 },
            12.. => Self { locals: 72, stack: 64, line: 68, names: 96, file: 112, name: 128 },
        }
    }
}

impl<M: ReadMemory> Walker<'_, M> {
    /// A generator's frame is inside of it from 3.11 on.
    pub(super) fn generator(&mut self, at: u64) {
        let Some(inside) = self.rules.frame else { return };
        for offset in (16..inside.at - 8).step_by(8) {
            // The list of weak references.
            let weak = if self.rules.minor == 11 { 24 } else { 16 };
            if offset != weak {
                self.emit_at(at + offset, labels::FIELD);
            }
        }
        let state = self.pages.byte(at + inside.at - 5) as i8;
        let alive = if self.rules.minor >= 15 { (0..5).contains(&state) } else { state < 1 };
        if alive {
            self.frame_values(at + inside.at);
        } else if self.rules.minor >= 12 {
            // The frame is gone, its code stays.
            let word = self.pages.word(at + inside.at);
            self.emit_tagged(word, labels::F_CODE, self.rules.minor >= 14);
        }
    }

    /// What a frame of 3.11 and up owns.
    pub(super) fn frame_values(&mut self, at: u64) {
        let Some(layout) = FrameLayout::of(self.rules) else { return };
        let code = self.pages.word(at + layout.code) & if layout.tagged { !3 } else { !0 };
        for (offset, label) in [
            (layout.code, labels::F_CODE),
            (layout.func, labels::F_FUNC),
            (layout.locals, labels::F_LOCALS),
            (layout.object, labels::FRAME),
        ] {
            let word = self.pages.word(at + offset);
            self.emit_tagged(word, label, layout.tagged && offset != layout.locals);
        }
        if code == 0 || code >= HIGHEST || !code.is_multiple_of(8) {
            return;
        }
        let names = CodeLayout::of(self.rules);
        let locals = u64::from(self.pages.half(code + names.locals)).min(MOST_LOCALS);
        let depth = u64::from(self.pages.half(code + names.stack)).min(MOST_LOCALS);
        let values = at + layout.values;
        let top = if layout.tagged {
            let top = self.pages.word(at + layout.top);
            top.checked_sub(values).map(|bytes| bytes / 8)
        } else {
            u64::try_from(self.pages.half(at + layout.top) as i32).ok()
        };
        let known = top.filter(|&top| top <= locals + depth);
        let variables = self.pages.word(code + names.names);
        for number in 0..locals.min(known.unwrap_or(locals)) {
            let word = self.pages.word(values + 8 * number);
            if word == 0 {
                continue;
            }
            self.emit_at(
                variables.saturating_add(self.rules.tuple_items + 8 * number),
                labels::VARIABLE,
            );
            self.emit_tagged(word, labels::LOCAL, layout.tagged);
        }
        let (until, label) = match known {
            Some(top) => (top, labels::STACK),
            None => (locals + depth, labels::MAYBE_STACK),
        };
        for number in locals..until {
            let word = self.pages.word(values + 8 * number);
            self.emit_tagged(word, label, layout.tagged);
        }
    }

    /// From 3.14 on low bits of what frames hold say that it is not owned, or a number.
    fn emit_tagged(&mut self, word: u64, label: u8, tagged: bool) {
        if tagged && word & 3 == 3 {
            return;
        }
        let target = if tagged { word & !3 } else { word };
        let borrowed = tagged && word & 1 == 1 && !self.is_immortal(target);
        self.emit(target, if borrowed { labels::BORROWED_STACK } else { label });
    }

    /// References to what lives for ever are always marked so.
    fn is_immortal(&mut self, object: u64) -> bool {
        let count = self.pages.word(object);
        self.rules.life(count) == Life::Immortal
    }

    pub(super) fn frame_object(&mut self, this: This) {
        match FrameLayout::of(self.rules) {
            Some(layout) => self.new_frame(this.address, &layout),
            None => self.old_frame(this.address),
        }
    }

    fn new_frame(&mut self, at: u64, layout: &FrameLayout) {
        self.emit_at(at + 16, labels::F_BACK);
        self.emit_at(at + 32, labels::F_TRACE);
        let more = match self.rules.minor {
            ..13 => 0,
            13 => 2,
            14.. => 3,
        };
        self.emit_words(at + 48, more, labels::F_LOCALS);
        let data = at + 48 + 8 * more;
        const FRAME_OBJECT: u8 = 2;
        if self.pages.word(at + 24) == data && self.pages.byte(data + layout.owner) == FRAME_OBJECT
        {
            self.frame_values(data);
        }
    }

    /// A frame up to 3.10.
    fn old_frame(&mut self, at: u64) {
        let is_310 = self.rules.minor >= 10;
        let (trace, values) = match self.rules.minor {
            // What is being handled stands between: three words.
            ..7 => (80, 376),
            7..10 => (80, 360),
            _ => (72, 352),
        };
        for (offset, label) in [
            (24, labels::F_BACK),
            (32, labels::F_CODE),
            (40, labels::F_BUILTINS),
            (48, labels::F_GLOBALS),
            (56, labels::F_LOCALS),
            (trace, labels::F_TRACE),
        ] {
            self.emit_at(at + offset, label);
        }
        if self.rules.minor < 7 {
            self.emit_words(at + 88, 3, labels::HANDLED);
        }
        let code = self.pages.word(at + 32);
        let values = at + values;
        let stack = self.pages.word(at + 64);
        let Some(locals) = stack.checked_sub(values).map(|bytes| bytes / 8) else { return };
        let locals = locals.min(MOST_LOCALS);
        let names = CodeLayout::of(self.rules);
        let sound = code != 0 && code < HIGHEST && code.is_multiple_of(8);
        let (named, depth, variables) = if sound {
            (
                u64::from(self.pages.half(code + names.locals)),
                u64::from(self.pages.half(code + names.stack)).min(MOST_LOCALS),
                self.pages.word(code + names.names),
            )
        } else {
            (0, 0, 0)
        };
        for number in 0..locals {
            let word = self.pages.word(values + 8 * number);
            if word == 0 {
                continue;
            }
            match number.checked_sub(named) {
                None => {
                    let name = variables.saturating_add(self.rules.tuple_items + 8 * number);
                    self.emit_at(name, labels::VARIABLE);
                }
                // Behind them those that closures of its own use, and those of its own closure.
                Some(number) => self.emit_cell_name(code, number),
            }
            self.emit(word, labels::LOCAL);
        }
        let known = if is_310 {
            u64::try_from(self.pages.half(at + 80) as i32).ok()
        } else {
            match self.pages.word(at + 72) {
                0 => None,
                top => top.checked_sub(stack).map(|bytes| bytes / 8),
            }
        };
        match known.filter(|&known| known <= depth) {
            Some(known) => self.emit_words(stack, known, labels::STACK),
            None => self.emit_words(stack, depth, labels::MAYBE_STACK),
        }
    }

    /// The name of a cell of a frame up to 3.10.
    fn emit_cell_name(&mut self, code: u64, number: u64) {
        if code == 0 || code >= HIGHEST || !code.is_multiple_of(8) {
            return;
        }
        let names = CodeLayout::of(self.rules).names;
        let [free, cells] = [8, 16].map(|more| self.pages.word(code + names + more));
        let count = self.pages.word(cells.saturating_add(16));
        let (tuple, number) = match number.checked_sub(count) {
            Some(number) => (free, number),
            None => (cells, number),
        };
        let at = number.checked_mul(8).and_then(|n| tuple.checked_add(self.rules.tuple_items + n));
        at.into_iter().for_each(|at| self.emit_at(at, labels::VARIABLE));
    }
}
