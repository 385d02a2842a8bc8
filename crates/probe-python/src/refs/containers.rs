//! Dictionaries, attributes, sets, deques and other containers.

use target::memory::ReadMemory;

use super::labels;
use super::pages::HIGHEST;
use super::plan::Plan;
use super::walker::{MOST_ITEMS, This, Walker};
use crate::census::rules::{Keys, Values};
use heap::FIRST_SLOT;

/// Items of a block of a deque.
const DEQUE_BLOCK: u64 = 64;
/// The most values that a shared table of keys has room for, with a margin.
const MOST_SHARED: u64 = 256;

/// A table of keys of a dictionary.
#[derive(Clone, Copy, Debug)]
pub(super) struct Table {
    /// Its first entry.
    first: u64,
    /// How many were used.
    pub(super) count: u64,
    /// Bytes of an entry.
    step: u64,
    /// Where the key is in an entry; the value follows.
    key: u64,
    /// Bytes of all of it.
    bytes: u64,
}

impl Table {
    pub(super) fn key(&self, number: u64) -> u64 {
        self.first + number * self.step + self.key
    }
}

impl<M: ReadMemory> Walker<'_, M> {
    /// Reads the head of a table of keys.
    pub(super) fn table(&mut self, at: u64) -> Option<Table> {
        if at == 0 || at >= HIGHEST || !at.is_multiple_of(8) {
            return None;
        }
        let (slots, indices, count, head, (step, key)) = match self.rules.keys {
            Keys::Slots => {
                let slots = self.pages.word(at + 8);
                let width = match slots {
                    0..=0xff => 1,
                    0x100..=0xffff => 2,
                    0x1_0000..=0xffff_ffff => 4,
                    _ => 8,
                };
                (slots, slots.checked_mul(width)?, self.pages.word(at + 32), 40, (24, 8))
            }
            Keys::Log2 => {
                let (slots, indices) = (self.pages.byte(at + 8), self.pages.byte(at + 9));
                let entry = if self.pages.byte(at + 10) == 0 { (24, 8) } else { (16, 0) };
                let [slots, indices] = [slots, indices].map(|log| 1_u64 << log.min(40));
                (slots, indices, self.pages.word(at + 24), 32, entry)
            }
        };
        let sound = slots.is_power_of_two() && slots < MOST_ITEMS && indices <= 8 * MOST_ITEMS;
        if !sound || count > slots {
            return None;
        }
        let bytes = head + indices + step * (slots * 2 / 3);
        let table = Table { first: at + head + indices, count, step, key, bytes };
        // The empty table that all share lies in read-only data or has no entries.
        (count == 0 || self.spans.contains(at, head + indices + step * count)).then_some(table)
    }

    pub(super) fn dict(&mut self, this: This) {
        let (keys, values) =
            (self.pages.word(this.address + 32), self.pages.word(this.address + 40));
        let Some(table) = self.table(keys) else { return };
        if values != 0 {
            self.besides.shared.insert(keys);
            self.split(values, &table);
            return;
        }
        self.besides.bytes.push((this.id, table.bytes));
        let room = if self.afford(2 * table.count) { table.count } else { 0 };
        for number in 0..room {
            let place = table.key(number);
            let value = self.pages.word(place + 8);
            if value != 0 {
                self.emit_at(place, labels::KEY);
                self.emit(value, labels::VALUE);
            }
        }
    }

    /// The keys of the dictionary at an address.
    pub(super) fn keys_of(&mut self, at: u64) -> Vec<u64> {
        let keys = self.pages.word(at + 32);
        let Some(table) = self.table(keys) else { return Vec::new() };
        (0..table.count).map(|number| self.pages.word(table.key(number))).collect()
    }

    /// Whether a dictionary is as the table of interned strings: many keys, each its own value.
    pub(super) fn maps_keys_to_themselves(&mut self, at: u64) -> bool {
        const FEWEST: u64 = 256;
        const LOOKED_AT: u64 = 4096;
        let (keys, values) = (self.pages.word(at + 32), self.pages.word(at + 40));
        let Some(table) = self.table(keys).filter(|table| values == 0 && table.count >= FEWEST)
        else {
            return false;
        };
        (0..table.count.min(LOOKED_AT)).all(|number| {
            let place = table.key(number);
            let key = self.pages.word(place);
            let is_interned = key == 0 || self.pages.half(key.saturating_add(32)) & 3 != 0;
            is_interned && self.pages.word(place.saturating_add(8)) == key
        })
    }

    /// Values of a dictionary whose keys belong to a type.
    fn split(&mut self, values: u64, table: &Table) {
        let first = if self.rules.values == Values::Inline {
            if self.pages.byte(values.saturating_add(2)) != 0 {
                // They are the instance's.
                return;
            }
            values.saturating_add(8)
        } else {
            values
        };
        for number in 0..table.count.min(MOST_SHARED) {
            let value = self.pages.word(first.saturating_add(8 * number));
            if value != 0 {
                self.emit_at(table.key(number), labels::SHARED_KEY);
                self.emit(value, labels::VALUE);
            }
        }
    }

    /// The labels of the values that stand in instances, with the addresses of their names.
    pub(crate) fn shared_keys(&mut self, plan: &Plan) -> Vec<(u8, u64)> {
        let Some(table) = self.table(plan.keys).filter(|_| plan.keys != 0) else {
            return Vec::new();
        };
        let first = usize::from(plan.first_value - FIRST_SLOT);
        let key = |number: u64| (labels::slot(first + number as usize), table.key(number));
        let places: Vec<(u8, u64)> = (0..table.count.min(MOST_SHARED)).map(key).collect();
        places.into_iter().map(|(label, place)| (label, self.pages.word(place))).collect()
    }

    /// The words in front of an instance, and values in its own block.
    pub(super) fn managed(&mut self, this: This, plan: &Plan) {
        let at = this.address;
        let word = self.pages.word(at - 24);
        let values = match self.rules.values {
            Values::Dictionary => 0,
            Values::Pointer => {
                self.emit(word, labels::DICT);
                self.pages.word(at - 32)
            }
            Values::Tagged if word & 1 == 1 => word.wrapping_add(1),
            Values::Tagged => {
                self.emit(word, labels::DICT);
                0
            }
            Values::Inline => {
                self.emit(word, labels::DICT);
                let values = at + plan.shape.basic;
                let valid = plan.inline && self.pages.byte(values + 3) != 0;
                if valid { values + 8 } else { 0 }
            }
        };
        if values == 0 || plan.keys == 0 || values >= HIGHEST {
            return;
        }
        let Some(table) = self.table(plan.keys) else { return };
        for number in 0..table.count.min(MOST_SHARED) {
            let value = self.pages.word(values + 8 * number);
            self.emit(
                value,
                labels::slot(usize::from(plan.first_value - FIRST_SLOT) + number as usize),
            );
        }
    }

    /// Entries of 16 bytes: item, hash.
    pub(super) fn set(&mut self, table: u64, mask: u64) {
        let sound = mask < MOST_ITEMS && self.spans.contains(table, (mask + 1) * 16);
        if !sound || !self.afford(2 * mask) {
            return;
        }
        for number in 0..=mask {
            self.emit_at(table + 16 * number, labels::SET_ITEM);
        }
    }

    /// Blocks of 64 items between two links.
    pub(super) fn deque(&mut self, at: u64) {
        let (count, mut block, mut index) =
            (self.pages.word(at + 16), self.pages.word(at + 24), self.pages.word(at + 40));
        if !self.afford(count) {
            return;
        }
        for _ in 0..count.min(MOST_ITEMS) {
            if index >= DEQUE_BLOCK {
                block = self.pages.word(block.saturating_add(8 * (DEQUE_BLOCK + 1)));
                index = 0;
            }
            if block == 0 || !self.spans.contains(block, 8 * (DEQUE_BLOCK + 2)) {
                return;
            }
            self.emit_at(block + 8 + 8 * index, labels::ITEM);
            index += 1;
        }
    }

    /// The items that wait in a `SimpleQueue`: from 3.13 on in a ring (`Modules/_queuemodule.c`),
    /// before in a list.
    pub(super) fn queue(&mut self, this: This) {
        if self.rules.minor < 13 {
            return;
        }
        let [first, items, room, count] =
            [32, 40, 48, 56].map(|offset| self.pages.word(this.address + offset));
        if first >= room || count > room || !self.holds(items, room) || !self.afford(count) {
            return;
        }
        self.besides.bytes.push((this.id, 8 * room));
        for number in 0..count {
            self.emit_at(items + 8 * ((first + number) % room), labels::ITEM);
        }
    }

    /// The memo of a `Pickler`: a table of {object, number} (`PyMemoTable` in `Modules/_pickle.c`).
    pub(super) fn pickler(&mut self, this: This) {
        let memo = self.pages.word(this.address + 16);
        if !self.spans.contains(memo, 32) {
            return;
        }
        let (mask, table) = (self.pages.word(memo), self.pages.word(memo.saturating_add(24)));
        let count = mask.saturating_add(1);
        if !self.holds(table, count.saturating_mul(2)) || !self.afford(count) {
            return;
        }
        self.besides.bytes.push((this.id, 16 * count));
        (0..count).for_each(|number| self.emit_at(table + 16 * number, labels::ITEM));
    }

    /// The objects in a block of words: where its address stands, and how many there are.
    pub(super) fn table_of_objects(&mut self, this: This, place: u64, count: u64) {
        let (block, count) = (self.pages.word(place), self.pages.word(count));
        if block != 0 && self.holds(block, count) {
            self.besides.bytes.push((this.id, 8 * count));
            self.emit_words(block, count, labels::ITEM);
        }
    }

    /// The texts between the groups of a template of `re.sub`: pairs of a number and a text.
    pub(super) fn template(&mut self, at: u64) {
        let count = self.pages.word(at + 16);
        if self.holds(at + 40, count.saturating_mul(2)) && self.afford(count) {
            (0..count).for_each(|number| self.emit_at(at + 48 + 16 * number, labels::ITEM));
        }
    }

    /// The list of keys in their order, each of which owns its key once more.
    pub(super) fn linked_keys(&mut self, at: u64) {
        let most = self.pages.word(at + 16);
        if !self.afford(most) {
            return;
        }
        let mut node = self.pages.word(at + 48);
        for _ in 0..most {
            if node == 0 || !self.spans.contains(node, 32) {
                return;
            }
            self.emit_at(node, labels::ORDER);
            node = self.pages.word(node + 16);
        }
    }

    /// The elements of a bounded cache, which its list and its dictionary own; up to 3.9 their type
    /// may never be made ready, and then they are no objects that are known.
    pub(super) fn cached_results(&mut self, at: u64) {
        let mut element = self.pages.word(at + 24);
        for _ in 0..MOST_ITEMS {
            if element == at || !self.spans.contains(element, 56) || !self.afford(2) {
                return;
            }
            if !self.emit(element, labels::ITEM) {
                self.emit_at(element + 40, labels::FIELD);
                self.emit_at(element + 48, labels::FIELD);
            }
            element = self.pages.word(element + 24);
        }
    }

    /// Keys of tables that dictionaries share and no type has any more own a reference all the
    /// same.
    pub(super) fn orphans(&mut self) {
        let shared = std::mem::take(&mut self.besides.shared);
        for keys in shared.difference(&self.besides.owned.clone()) {
            let Some(table) = self.table(*keys) else { continue };
            for number in 0..table.count.min(MOST_SHARED) {
                let key = self.pages.word(table.key(number));
                self.besides.extra.extend(self.index.get(key).map(|id| (id, 1)));
            }
        }
    }

    /// An XML element: text and tail have a mark in their lowest bit, children are elsewhere.
    pub(super) fn element(&mut self, at: u64) {
        for place in [at + 24, at + 32] {
            let word = self.pages.word(place) & !1;
            self.emit(word, labels::FIELD);
        }
        let extra = self.pages.word(at + 40);
        if extra == 0 || !self.spans.contains(extra, 32) {
            return;
        }
        self.emit_at(extra, labels::FIELD);
        let (count, children) = (self.pages.word(extra + 8), self.pages.word(extra + 24));
        if self.holds(children, count) {
            self.emit_words(children, count, labels::ITEM);
        }
    }

    /// The items of a numpy array of objects, its base and its description.
    pub(super) fn array(&mut self, at: u64) {
        const OBJECT: u32 = 17;
        const OWNS_DATA: u32 = 4;
        self.emit_at(at + 48, labels::ARRAY_BASE);
        let description = self.pages.word(at + 56);
        self.emit(description, labels::ARRAY_TYPE);
        let owns = self.pages.half(at + 64) & OWNS_DATA != 0;
        let kind = if description < HIGHEST { self.pages.half((description & !7) + 28) } else { 0 };
        if !owns || kind != OBJECT {
            return;
        }
        let dimensions = self.pages.word(at + 32);
        let mut count = 1_u64;
        for number in 0..u64::from(self.pages.half(at + 24)).min(64) {
            let size = self.pages.word(dimensions.saturating_add(8 * number));
            count = count.saturating_mul(size);
        }
        let data = self.pages.word(at + 16);
        if self.holds(data, count) {
            self.emit_words(data, count, labels::ITEM);
        }
    }
}
