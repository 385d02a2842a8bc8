//! Reads what an object refers to.

use std::collections::HashSet;

use heap::EdgeChunk;
use target::memory::ReadMemory;

use super::index::Index;
use super::labels;
use super::pages::Pages;
use super::plan::{DictPlace, Plan, Special};
use crate::census::rules::Rules;
use crate::census::types::Kind;

/// The most items of one object that are read.
pub(super) const MOST_ITEMS: u64 = 1 << 28;

/// An object whose references are read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct This {
    pub(crate) id: u32,
    pub(crate) address: u64,
}

/// What was found besides edges.
#[derive(Debug, Default)]
pub(crate) struct Besides {
    /// Bytes of buffers that only reading them tells.
    pub(crate) bytes: Vec<(u32, u64)>,
    /// References that no edge shows.
    pub(crate) extra: Vec<(u32, i32)>,
    /// Texts of interned strings.
    pub(crate) text: Vec<(u32, Box<str>)>,
    /// What objects are called.
    pub(crate) names: Vec<(u32, Box<str>)>,
    /// Tables of keys that dictionaries share.
    pub(crate) shared: HashSet<u64>,
    /// Those of them that a type has.
    pub(crate) owned: HashSet<u64>,
    /// Whether there were more words to read than a sound process can have.
    pub(crate) cut: bool,
    /// Blocks that were followed.
    pub(crate) blocks: HashSet<u64>,
}

/// Reads references of objects, one after the other.
pub(crate) struct Walker<'a, M> {
    pub(crate) pages: Pages<'a, M>,
    pub(crate) index: &'a Index,
    pub(crate) plans: &'a [Plan],
    pub(crate) rules: &'a Rules,
    /// The stretches of memory that may be followed.
    pub(crate) spans: &'a crate::walk::spans::Spans,
    pub(crate) out: EdgeChunk,
    /// Words outside of objects that may still be read: each belongs to one object, or few.
    left: u64,
    pub(crate) besides: Besides,
}

impl<'a, M: ReadMemory> Walker<'a, M> {
    pub(crate) fn new(
        memory: &'a M,
        index: &'a Index,
        plans: &'a [Plan],
        rules: &'a Rules,
        spans: &'a crate::walk::spans::Spans,
    ) -> Self {
        Self {
            pages: Pages::new(memory),
            index,
            plans,
            rules,
            spans,
            out: EdgeChunk::default(),
            left: spans.bytes() / 4,
            besides: Besides::default(),
        }
    }

    /// Adds an edge to the object at an address, if there is one.
    pub(super) fn emit(&mut self, address: u64, label: u8) -> bool {
        let Some(id) = self.index.get(address) else { return false };
        self.out.target.push(id);
        self.out.label.push(label);
        true
    }

    pub(super) fn emit_at(&mut self, place: u64, label: u8) {
        let word = self.pages.word(place);
        self.emit(word, label);
    }

    /// Whether so many words more may be read.
    pub(super) fn afford(&mut self, count: u64) -> bool {
        let left = self.left.checked_sub(count);
        self.left = left.unwrap_or(self.left);
        self.besides.cut |= left.is_none();
        left.is_some()
    }

    /// So many words in a row.
    pub(super) fn emit_words(&mut self, place: u64, count: u64, label: u8) {
        if !self.afford(count) {
            return;
        }
        for number in 0..count.min(MOST_ITEMS) {
            let Some(at) = number.checked_mul(8).and_then(|n| place.checked_add(n)) else { return };
            self.emit_at(at, label);
        }
    }

    /// All references of an object.
    pub(crate) fn object(&mut self, this: This, shape: u32) {
        let before = self.out.target.len();
        let plans = self.plans;
        if let Some(plan) = plans.get(shape as usize) {
            self.read(this, plan);
        }
        self.out.counts.push((self.out.target.len() - before) as u32);
    }

    fn read(&mut self, this: This, plan: &Plan) {
        if plan.shape.heap {
            self.emit(plan.shape.address, labels::TYPE);
        }
        for field in &plan.fields {
            let word = self.pages.word(this.address + u64::from(field.offset));
            let follow = field.label == labels::CONSERVATIVE || plan.special == Special::Buffered;
            if !self.emit(word, field.label) && follow {
                self.follow(this, word, 1);
            }
        }
        self.by_kind(this, plan);
        self.by_special(this, plan);
        if let Some(label) = plan.items {
            let count = (self.pages.word(this.address + 16) as i64).unsigned_abs();
            let first = this.address + plan.shape.basic.next_multiple_of(8);
            if self.holds(first, count) {
                self.emit_words(first, count, label);
            }
        }
        self.attributes(this, plan);
    }

    fn by_kind(&mut self, this: This, plan: &Plan) {
        let at = this.address;
        match plan.shape.kind {
            Kind::List => {
                let (count, items) = (self.pages.word(at + 16), self.pages.word(at + 24));
                if items != 0 && self.holds(items, count) {
                    self.emit_words(items, count, labels::ITEM);
                }
            }
            Kind::Tuple => self.tuple(this, plan),
            Kind::Dict => self.dict(this),
            Kind::Set => {
                let (mask, table) = (self.pages.word(at + 32), self.pages.word(at + 40));
                self.set(table, mask);
            }
            Kind::Deque => self.deque(at),
            Kind::Type => self.type_object(this),
            Kind::Generator => self.generator(at),
            Kind::Frame => self.frame_object(this),
            Kind::NdArray => {
                self.array(at);
                self.numpy_items(this);
            }
            Kind::Array => self.array_items(this),
            Kind::Str => self.interned(this),
            Kind::ByteArray if self.rules.minor >= 15 => self.emit_at(at + 56, labels::FIELD),
            Kind::Plain | Kind::Int | Kind::Bytes => {}
            Kind::ByteArray | Kind::Constant => {}
        }
    }

    fn by_special(&mut self, this: This, plan: &Plan) {
        let at = this.address;
        match plan.special {
            Special::None | Special::Cell | Special::Function | Special::Buffered => {}
            Special::WeakReference => {
                self.emit_at(at + 16, labels::WEAK);
                self.emit_at(at + 24, labels::CALLBACK);
            }
            Special::LruCache => self.cached_results(at),
            Special::OrderedDict => self.linked_keys(at),
            Special::Module => self.module(this),
            Special::Code => self.code(this),
            Special::Element => self.element(at),
            Special::Queue => self.queue(this),
            Special::Template => self.template(at),
            Special::Pickler => self.pickler(this),
            Special::Unpickler => self.table_of_objects(this, at + 24, at + 32),
            Special::Pickled => self.table_of_objects(this, at + 24, at + 16),
            Special::Zoned(offset) => {
                // The time zone is only there when a byte says so.
                if self.pages.byte(at + 24) != 0 {
                    self.emit_at(at + offset, labels::FIELD);
                }
            }
            Special::Teed => {
                let count = u64::from(self.pages.half(at + 24));
                self.emit_words(at + 40, count.min(57), labels::ITEM);
            }
        }
    }

    /// Whether so many words at an address can be there at all.
    pub(super) fn holds(&self, address: u64, words: u64) -> bool {
        words < MOST_ITEMS && self.spans.contains(address, words * 8)
    }

    /// What the dictionary of an instance, or what stands in for it, refers to.
    fn attributes(&mut self, this: This, plan: &Plan) {
        match plan.dict {
            DictPlace::None => {}
            DictPlace::FromEnd(back) => {
                let count = self.pages.word(this.address + 16);
                let count = if self.rules.int_tag && plan.shape.kind == Kind::Int {
                    count >> 3
                } else {
                    (count as i64).unsigned_abs()
                };
                let items = count.checked_mul(plan.shape.item).filter(|&n| n < 1 << 40);
                let size = items.map(|n| (plan.shape.basic + n).next_multiple_of(8));
                if let Some(at) = size.and_then(|size| (this.address + size).checked_sub(back)) {
                    self.emit_at(at, labels::DICT);
                }
            }
            DictPlace::Managed => self.managed(this, plan),
        }
    }

    fn tuple(&mut self, this: This, plan: &Plan) {
        let first = this.address + self.rules.tuple_items;
        let count = self.pages.word(this.address + 16).max(plan.named_items);
        if self.holds(first, count) {
            self.emit_words(first, count, labels::ITEM);
        }
    }
}
