//! Types, modules, code, texts, and blocks of native memory.

use target::memory::ReadMemory;

use super::labels;
use super::pages::HIGHEST;
use super::walker::{This, Walker};

/// The most bytes of a module's state that are read.
const MOST_STATE: u64 = 1 << 20;
/// Blocks behind each other that a module's state leads to: a table, its entries.
const STATE_DEPTH: u32 = 2;
/// The most words of a native block that are followed.
const MOST_BLOCK: u64 = 1 << 14;

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
        if let Some(bytes) = self.labelled(at) {
            return Some(bytes);
        }
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

    /// What the debug allocator wrote in front of a block: its size, with the first byte first, and
    /// a letter before seven bytes of 0xfd (`_PyMem_DebugRawAlloc` in `Objects/obmalloc.c`).
    fn labelled(&mut self, at: u64) -> Option<u64> {
        const FENCE: u64 = 0xfdfd_fdfd_fdfd_fd00;
        let fence = self.pages.word(at.checked_sub(8)?);
        let letter = fence as u8;
        let bytes = self.pages.word(at.checked_sub(16)?).swap_bytes();
        let sane =
            fence & !0xff == FENCE && matches!(letter, b'r' | b'm' | b'o') && bytes < 1 << 40;
        sane.then_some(bytes)
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
