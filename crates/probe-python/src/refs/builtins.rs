//! Types, modules, code, functions and frames.

use target::memory::ReadMemory;

use super::labels;
use super::pages::HIGHEST;
use super::walker::{This, Walker};
use crate::census::rules::{Life, Rules};

/// The most local variables and places of a stack of one frame.
const MOST_LOCALS: u64 = 1 << 20;
/// The most bytes of a module's state that are read.
const MOST_STATE: u64 = 1 << 20;
/// Blocks behind each other that a module's state leads to: a table, its entries.
const STATE_DEPTH: u32 = 2;
/// The most words of a native block that are followed.
const MOST_BLOCK: u64 = 1 << 14;

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
    pub(super) fn type_object(&mut self, this: This) {
        const STATIC: [(u64, u8); 6] = [
            (264, labels::DICT),
            (256, labels::BASE),
            (336, labels::BASES),
            (344, labels::MRO),
            (352, labels::TYPE_CACHE),
            (360, labels::SUBCLASSES),
        ];
        let at = this.address;
        for (offset, label) in STATIC {
            self.emit_at(at + offset, label);
        }
        if self.pages.word(at + 168) >> 9 & 1 == 0 {
            return;
        }
        let keys_at = at + self.rules.cached_keys;
        for (place, label) in [
            (keys_at - 24, labels::NAME),
            (keys_at - 16, labels::SLOTS),
            (keys_at - 8, labels::QUALNAME),
        ] {
            self.emit_at(place, label);
        }
        if self.rules.minor >= 9 {
            self.emit_at(keys_at + 8, labels::MODULE);
        }
        let keys = self.pages.word(keys_at);
        if let Some(table) = self.table(keys) {
            self.besides.owned.insert(keys);
            for number in 0..table.count {
                self.emit_at(table.key(number), labels::TABLE_KEY);
            }
        }
    }

    pub(super) fn module(&mut self, this: This) {
        let at = this.address;
        // Up to 3.14 its definition says how large its state is.
        let (state, size) = if self.rules.minor >= 15 {
            (self.pages.word(at + 24), self.pages.word(at + 56))
        } else {
            let definition = self.pages.word(at + 24);
            if definition == 0 || definition >= HIGHEST {
                return;
            }
            (self.pages.word(at + 32), self.pages.word((definition & !7) + 56))
        };
        let size = size.min(MOST_STATE);
        if state == 0 || !self.spans.contains(state, size) {
            return;
        }
        for place in (state..state + size / 8 * 8).step_by(8) {
            let word = self.pages.word(place);
            if !self.emit(word, labels::STATE) {
                self.follow(this, word, STATE_DEPTH);
            }
        }
    }

    pub(super) fn code(&mut self, this: This) {
        let cached = match self.rules.minor {
            12 => 152,
            13.. => 160,
            _ => return,
        };
        let cached = self.pages.word(this.address + cached);
        if cached != 0 && self.spans.contains(cached, 32) {
            self.emit_words(cached, 4, labels::CACHED);
        }
    }

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
            if number < named {
                let name = variables.saturating_add(self.rules.tuple_items + 8 * number);
                self.emit_at(name, labels::VARIABLE);
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

    /// A block of native memory that an object of unknown type refers to, once, and so many
    /// behind each other.
    pub(super) fn follow(&mut self, this: This, at: u64, depth: u32) {
        let mut blocks = vec![at];
        for _ in 0..depth {
            for at in std::mem::take(&mut blocks) {
                self.block(this, at, &mut blocks);
            }
        }
    }

    /// The words of a block; what is no object goes to a list.
    fn block(&mut self, this: This, at: u64, others: &mut Vec<u64>) {
        if !at.is_multiple_of(16) || !self.spans.contains(at, 32) {
            return;
        }
        let Some(bytes) = self.block_bytes(at) else { return };
        let words = (bytes / 8).min(MOST_BLOCK);
        if self.besides.blocks.insert(at) && self.afford(words) {
            self.besides.bytes.push((this.id, bytes));
            for number in 0..words {
                let word = self.pages.word(at + 8 * number);
                if !self.emit(word, labels::CONSERVATIVE) {
                    others.push(word);
                }
            }
        }
    }

    /// Bytes of the block of native memory that begins here, as far as its surroundings tell.
    pub(super) fn block_bytes(&mut self, at: u64) -> Option<u64> {
        let geometry = self.rules.geometry;
        let pool = at - at % geometry.pool;
        let class = u64::from(self.pages.half(pool + 36));
        let last = u64::from(self.pages.half(pool + 44));
        let size = geometry.step * (class + 1);
        if class < 512 / geometry.step
            && last == geometry.pool - size
            && at >= pool + 48
            && (at - pool - 48).is_multiple_of(size)
        {
            return Some(size);
        }
        let chunk = self.pages.word(at - 8);
        let size = chunk & !7;
        let next = at.checked_add(size)?;
        let sane = (32..1 << 30).contains(&size)
            && size.is_multiple_of(16)
            && (chunk & 2 == 2
                || (self.spans.contains(next, 8) && self.pages.word(next - 8) & 1 == 1));
        sane.then(|| size - 8)
    }

    /// A string that is in the table of interned strings: its text, when it may be a name in code.
    pub(super) fn interned(&mut self, this: This) {
        const LONGEST: u64 = 64;
        let at = this.address;
        let state = self.pages.half(at + 32);
        let interned = state & 3;
        if interned == 0 {
            return;
        }
        // Its own table refers to it twice, as key and as value, without counting.
        if interned == 1 {
            self.besides.extra.push((this.id, -2));
        }
        let length = self.pages.word(at + 16);
        let is_plain = state >> 2 & 7 == 1 && state >> 5 & 3 == 3;
        if !is_plain || length == 0 || length > LONGEST {
            return;
        }
        let mut text = vec![0; length as usize];
        self.pages.bytes(at + self.rules.text.ascii, &mut text);
        let is_name = text.iter().all(|&b| b == b'_' || b.is_ascii_alphanumeric())
            && !text[0].is_ascii_digit();
        if is_name && let Ok(text) = String::from_utf8(text) {
            self.besides.text.push((this.id, text.into()));
        }
    }
}
