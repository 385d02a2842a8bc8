//! Sizes that stand elsewhere: read in order of address, many at once.

use std::collections::HashMap;

use probe::Result;
use target::memory::ReadMemory;

use super::rules::{Keys, Rules, Values};
use super::sizes::Elsewhere;
use super::tally::Tally;
use crate::walk::window::{Bytes, WINDOW, Window};

/// How many are collected before they are read: 5 MiB of them.
const BATCH: usize = 1 << 17;
/// The longest stretch that is read for the sake of several of them.
const STRETCH: u64 = 64 << 10;
/// Bytes that are needed at each place.
const NEEDED: u64 = 512;
/// Above all addresses of programs: what is there needs no reading.
const HIGHEST: u64 = 1 << 57;

/// What is to be read, for objects of which types.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    list: Vec<(u64, u32, Elsewhere)>,
    items: ItemSizes,
}

/// Sizes of the items of numpy's arrays, by the address of their description.
#[derive(Debug, Default)]
struct ItemSizes {
    known: HashMap<u64, Option<u64>>,
}

impl ItemSizes {
    fn bytes<M: ReadMemory>(&mut self, memory: &M, at: u64) -> Option<u64> {
        /// As many as are kept. Then all are dropped.
        const MOST: usize = 4096;
        if self.known.len() >= MOST {
            self.known.clear();
        }
        *self.known.entry(at).or_insert_with(|| {
            let mut head = [0; 48];
            memory.read(at, &mut head).ok()?;
            let head = Bytes { start: 0, bytes: &head };
            // To 1.x two numbers of 32 bits, size and alignment; from 2.0 flags and a word.
            let is_old = head.half(36)? != 0;
            let size = if is_old { u64::from(head.half(32)?) } else { head.word(40)? };
            (size < HIGHEST).then_some(size)
        })
    }
}

impl Pending {
    /// Adds one; true when it is time to read them.
    pub(crate) fn add(&mut self, index: u32, what: Elsewhere) -> bool {
        let at = match what {
            Elsewhere::Keys { at, .. }
            | Elsewhere::SharedKeys { at }
            | Elsewhere::Code { at }
            | Elsewhere::Dimensions { at, .. }
            | Elsewhere::Items { at, .. } => at,
        };
        if at < HIGHEST {
            self.list.push((at, index, what));
        }
        self.list.len() >= BATCH
    }

    /// Reads all of them and adds what they say.
    pub(crate) fn resolve<M: ReadMemory>(
        &mut self,
        rules: &Rules,
        memory: &M,
        tally: &mut Tally,
    ) -> Result<()> {
        self.list.sort_unstable_by_key(|&(at, ..)| at);
        let mut window = Window::new(memory);
        let mut from = 0;
        while let Some(&(first, ..)) = self.list.get(from) {
            let near = |&(at, ..): &(u64, u32, Elsewhere)| at - first < STRETCH;
            let count = self.list[from..].iter().take_while(|entry| near(entry)).count();
            let last = self.list[from + count - 1].0;
            window.load(first, last.saturating_add(NEEDED).min(first.saturating_add(WINDOW)))?;
            for &(_, index, what) in &self.list[from..from + count] {
                let items = &mut self.items;
                let item = |at| items.bytes(memory, at);
                let Some((shallow, buffers)) = add(rules, window.bytes(), what, item) else {
                    continue;
                };
                let counts = tally.of(index);
                counts.shallow = counts.shallow.saturating_add(shallow);
                counts.buffers = counts.buffers.saturating_add(buffers);
            }
            from += count;
        }
        self.list.clear();
        Ok(())
    }
}

/// What is to be added to (shallow, buffers).
fn add(
    rules: &Rules,
    bytes: Bytes<'_>,
    what: Elsewhere,
    item: impl FnOnce(u64) -> Option<u64>,
) -> Option<(u64, u64)> {
    match what {
        Elsewhere::Keys { at, split } => dict(rules, bytes, at, split),
        Elsewhere::SharedKeys { at } => {
            let table = KeyTable::read(rules, bytes, at)?;
            Some((table.bytes, table.bytes))
        }
        Elsewhere::Code { at } => {
            let frame = rules.frame?;
            let int = |offset| Some(u64::from(bytes.half(at + offset)?)).filter(|&n| n < 1 << 24);
            Some((8 * (int(frame.locals)? + int(frame.stack)?), 0))
        }
        Elsewhere::Dimensions { at, count, items } => {
            let mut size = item(items)?;
            for index in 0..u64::from(count) {
                size = size.checked_mul(bytes.word(at + 8 * index)?).filter(|&n| n < HIGHEST)?;
            }
            Some((size, size))
        }
        Elsewhere::Items { at, count } => {
            let size = u64::from(bytes.half(at + 4)?);
            let bytes = count * Some(size).filter(|&size| size <= 16)?;
            Some((bytes, bytes))
        }
    }
}

fn dict(rules: &Rules, bytes: Bytes<'_>, at: u64, split: bool) -> Option<(u64, u64)> {
    let table = KeyTable::read(rules, bytes, at)?;
    let own = if table.references == 1 { table.bytes } else { 0 };
    let values = if split { 8 * table.values } else { 0 };
    // From 3.13 on they are in the block of the instance.
    let apart = if rules.values == Values::Inline { 0 } else { values };
    Some((own + values, own + apart))
}

/// A table of keys.
struct KeyTable {
    references: u64,
    bytes: u64,
    /// Room for values in a dictionary that shares it.
    values: u64,
}

impl KeyTable {
    fn read(rules: &Rules, bytes: Bytes<'_>, at: u64) -> Option<Self> {
        let references = bytes.word(at)?;
        let sane = |slots: u64| slots.is_power_of_two() && slots <= 1 << 40;
        match rules.keys {
            Keys::Slots => {
                let slots = bytes.word(at + 8).filter(|&slots| sane(slots))?;
                let usable = slots * 2 / 3;
                let index = match slots {
                    0..=0xff => 1,
                    0x100..=0xffff => 2,
                    0x1_0000..=0xffff_ffff => 4,
                    _ => 8,
                };
                let bytes = 40 + slots * index + 24 * usable;
                Some(Self { references, bytes, values: usable })
            }
            Keys::Log2 => {
                let head = bytes.slice(at + 8, 3)?;
                let (slots, indices) = (1 << head[0].min(63), 1_u64 << head[1].min(63));
                if !sane(slots) || !sane(indices) {
                    return None;
                }
                let entry = if head[2] == 0 { 24 } else { 16 };
                let room = bytes.word(at + 16)?.checked_add(bytes.word(at + 24)?)?;
                let bytes = 32 + indices + entry * (slots * 2 / 3);
                Some(Self { references, bytes, values: room.min(64) })
            }
        }
    }
}
