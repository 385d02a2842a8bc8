//! Bytes of the buffers of arrays, which only reading more than the array tells.

use target::memory::ReadMemory;

use super::pages::HIGHEST;
use super::walker::{This, Walker};

/// More dimensions no array of numpy has.
const MOST_DIMENSIONS: u32 = 64;

impl<M: ReadMemory> Walker<'_, M> {
    /// The items of a numpy array, unless it is a view of another's: `PyArrayObject_fields` of
    /// `ndarraytypes.h`.
    pub(super) fn numpy_items(&mut self, this: This) {
        const OWNS_DATA: u32 = 4;
        let at = this.address;
        let count = self.pages.half(at + 24);
        if self.pages.half(at + 64) & OWNS_DATA == 0 || count > MOST_DIMENSIONS {
            return;
        }
        let description = self.pages.word(at + 56);
        if description >= HIGHEST {
            return;
        }
        // To 1.x two numbers of 32 bits, size and alignment; from 2.0 flags and a word.
        let is_old = self.pages.half((description & !7) + 36) != 0;
        let mut bytes = if is_old {
            u64::from(self.pages.half((description & !7) + 32))
        } else {
            self.pages.word((description & !7) + 40)
        };
        let dimensions = self.pages.word(at + 32);
        for number in 0..u64::from(count) {
            bytes = bytes.saturating_mul(self.pages.word(dimensions.saturating_add(8 * number)));
        }
        let data = self.pages.word(at + 16);
        self.buffer(this, data, bytes);
    }

    /// The items of an `array.array`: `arrayobject` of `Modules/arraymodule.c`.
    pub(super) fn array_items(&mut self, this: This) {
        let at = this.address;
        let (data, room, kind) =
            (self.pages.word(at + 24), self.pages.word(at + 32), self.pages.word(at + 40));
        let item = if kind < HIGHEST { self.pages.half((kind & !7) + 4) } else { 0 };
        self.buffer(this, data, room.saturating_mul(item.into()));
    }

    /// Adds bytes that can be where they are said to be.
    fn buffer(&mut self, this: This, data: u64, bytes: u64) {
        if bytes > 0 && self.spans.contains(data, bytes) {
            self.besides.bytes.push((this.id, bytes));
        }
    }
}
