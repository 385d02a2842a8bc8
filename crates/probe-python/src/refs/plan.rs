//! What is read of the instances of a type: made once for each type.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use heap::{FIRST_SLOT, UNNAMED_SLOT};
use target::memory::ReadMemory;

use super::facts::{
    borrowed, fields_end, is_borrowed_member, known_names, nothing_in, only, special,
};
use super::labels;
use crate::census::rules::{Rules, Values};
use crate::census::types::{Kind, Shape};

/// Bytes of a type that are read.
const HEAD: usize = 400;
/// The longest chain of bases.
const MOST_BASES: usize = 64;
/// The most members of a type that are read.
const MOST_MEMBERS: u64 = 4096;
/// Words of a fixed part that are looked at.
const MOST_WORDS: u64 = 4096;
/// The largest fixed part that is believed, bytes.
const LARGEST: u64 = 1 << 20;
/// `T_OBJECT` and `T_OBJECT_EX` of `structmember.h`.
const MEMBER_KINDS: [u32; 2] = [6, 16];

/// A word of the fixed part of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) offset: u32,
    pub(crate) label: u8,
}

/// Where an instance's dictionary is, besides in a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DictPlace {
    None,
    /// So many bytes before its end.
    FromEnd(u64),
    /// In front of it.
    Managed,
}

/// What is special about the references of a type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Special {
    #[default]
    None,
    Module,
    Function,
    Code,
    Cell,
    WeakReference,
    LruCache,
    OrderedDict,
    Element,
    /// Where its time zone is, if it has one.
    Zoned(u64),
    Teed,
    /// A queue in C.
    Queue,
    Template,
    Pickler,
    Unpickler,
    /// The stack of an unpickler.
    Pickled,
    /// What it owns is in native blocks.
    Buffered,
}

/// How the instances of a type are read.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) shape: Shape,
    pub(crate) special: Special,
    pub(crate) fields: Box<[Field]>,
    pub(crate) dict: DictPlace,
    /// The label of the first value that stands in an instance or its own block of values.
    pub(crate) first_value: u8,
    /// Values stand in the instance's own block (3.13 and up).
    pub(crate) inline: bool,
    /// The table of keys that instances share.
    pub(crate) keys: u64,
    /// The label of items that stand behind the fixed part.
    pub(crate) items: Option<u8>,
    /// Items of a named tuple made in C, whose length leaves out those that have but a name.
    pub(crate) named_items: u64,
    /// Whether they are named tuples made in C.
    pub(crate) named_tuple: bool,
    /// Whether nothing is known of a part of it.
    pub(crate) conservative: bool,
}

/// A type as its memory has it.
#[derive(Clone, Debug)]
struct Raw {
    name: String,
    basic: u64,
    item: u64,
    dealloc: u64,
    flags: u64,
    weaklist: u64,
    dict_offset: i64,
    base: u64,
    members: u64,
}

/// Names of slots by type and label.
pub(crate) type SlotNames = HashMap<(u32, u8), Arc<str>>;

/// Makes plans.
pub(crate) struct Planner<'a, M> {
    memory: &'a M,
    rules: &'a Rules,
    /// Code and data of the interpreter and of the libraries that come with it.
    known: &'a [Range<u64>],
    raw: HashMap<u64, Option<Raw>>,
    /// What frees instances of types made in Python.
    subtype_dealloc: u64,
    /// Names of slots by type and label.
    pub(crate) slot_names: SlotNames,
}

impl<'a, M: ReadMemory> Planner<'a, M> {
    pub(crate) fn new(memory: &'a M, rules: &'a Rules, known: &'a [Range<u64>]) -> Self {
        let slot_names = HashMap::new();
        Self { memory, rules, known, raw: HashMap::new(), subtype_dealloc: 0, slot_names }
    }

    /// The plans of types, in their order.
    pub(crate) fn plans(&mut self, shapes: &[Shape]) -> Vec<Plan> {
        let mut frees: HashMap<u64, usize> = HashMap::new();
        for shape in shapes {
            if let Some(raw) = self.raw(shape.address).filter(|raw| raw.is_heap()) {
                *frees.entry(raw.dealloc).or_default() += 1;
            }
        }
        let most = frees.into_iter().max_by_key(|&(_, count)| count);
        self.subtype_dealloc = most.map_or(0, |(address, _)| address);
        shapes.iter().map(|shape| self.plan(shape)).collect()
    }

    fn raw(&mut self, address: u64) -> Option<Raw> {
        if let Some(raw) = self.raw.get(&address) {
            return raw.clone();
        }
        let raw = Raw::read(self.memory, address);
        self.raw.insert(address, raw.clone());
        raw
    }

    /// The type and its bases, nearest first.
    fn chain(&mut self, address: u64) -> Vec<Raw> {
        let mut chain = Vec::new();
        let mut at = address;
        while at != 0 && chain.len() < MOST_BASES {
            let Some(raw) = self.raw(at) else { break };
            at = raw.base;
            chain.push(raw);
        }
        chain
    }

    fn is_known(&self, address: u64) -> bool {
        self.known.iter().any(|range| range.contains(&address))
    }

    fn plan(&mut self, shape: &Shape) -> Plan {
        let chain = self.chain(shape.address);
        let mut plan = Plan::empty(shape);
        let Some(this) = chain.first() else { return plan };
        let is_python = |raw: &Raw| raw.is_heap() && raw.dealloc == self.subtype_dealloc;
        let solid = chain.iter().find(|raw| !is_python(raw)).unwrap_or(this).clone();
        let is_known = self.is_known(solid.dealloc);
        if is_known {
            plan.special = special(&solid.name);
        }
        plan.dict = dict_place(this, shape, self.rules);
        plan.inline = self.rules.values == Values::Inline && this.flags >> 2 & 1 == 1;
        if plan.dict == DictPlace::Managed && shape.heap {
            let keys = shape.address.checked_add(self.rules.cached_keys);
            plan.keys = keys.and_then(|at| self.memory.read_u64(at).ok()).unwrap_or(0);
        }
        // What a built-in kind reads in a way of its own ends where C code that adds to it begins.
        let kind_basic = chain.iter().rev().nth(1).unwrap_or(this).basic;
        let skip = covered(self.rules, shape.kind, &solid, kind_basic);
        let mut fields: Vec<Field> = Vec::new();
        let mut names: Vec<(u64, Arc<str>)> = Vec::new();
        for raw in &chain {
            names.extend(self.members(raw));
        }
        names.extend(known_names(self.rules, &solid.name, is_known, this.is_error()));
        names.sort_by_key(|pair| pair.0);
        names.dedup_by_key(|pair| pair.0);
        for (number, (offset, name)) in names.iter().enumerate() {
            if *offset >= skip && *offset + 8 <= this.basic {
                let is_borrowed = is_known && is_borrowed_member(&solid.name, name);
                let label = if is_borrowed { labels::BORROWED } else { labels::slot(number) };
                fields.push(Field { offset: *offset as u32, label });
                if label != UNNAMED_SLOT && !is_borrowed {
                    self.slot_names.insert((shape.index, label), name.clone());
                }
            }
        }
        plan.first_value = labels::slot(names.len());
        plan.conservative |= self.plain_fields(&chain, skip, &mut fields);
        self.settle(&mut fields, this, shape, skip, is_known.then_some(&*solid.name));
        if plan.special == Special::Cell {
            fields.iter_mut().for_each(|field| field.label = labels::CELL);
        }
        plan.fields = fields.into();
        if shape.kind == Kind::Tuple && solid.item == 8 && solid.name != "tuple" {
            plan.named_tuple = true;
            let last = self.members(this).iter().map(|member| member.0).max();
            let items = last.and_then(|at| at.checked_sub(self.rules.tuple_items));
            plan.named_items = items.map_or(0, |bytes| bytes / 8 + 1).min(MOST_MEMBERS);
        }
        if this.item == 8 && shape.kind == Kind::Plain && only(&solid.name).is_none() {
            plan.items = Some(if is_known { labels::ITEM } else { labels::CONSERVATIVE });
        }
        plan.conservative |= plan.items == Some(labels::CONSERVATIVE);
        plan
    }

    /// Adds the words that C code of each base may use; whether some of it is unknown.
    fn plain_fields(&self, chain: &[Raw], skip: u64, fields: &mut Vec<Field>) -> bool {
        let mut conservative = false;
        let mut from = 16;
        for raw in chain.iter().rev() {
            let own = if raw.is_heap() && raw.dealloc == self.subtype_dealloc {
                None
            } else if self.is_known(raw.dealloc) {
                Some(labels::FIELD)
            } else {
                conservative |= raw.basic > from;
                Some(labels::CONSERVATIVE)
            };
            if let Some(label) = own {
                let words =
                    (from.max(skip).next_multiple_of(8)..raw.basic.min(8 * MOST_WORDS)).step_by(8);
                fields.extend(
                    words
                        .filter(|at| at + 8 <= raw.basic)
                        .map(|offset| Field { offset: offset as u32, label }),
                );
            }
            from = from.max(raw.basic);
        }
        conservative
    }

    /// Leaves out what owns nothing and what is there twice, and puts the rest in order.
    fn settle(
        &self,
        fields: &mut Vec<Field>,
        this: &Raw,
        shape: &Shape,
        skip: u64,
        known: Option<&str>,
    ) {
        if this.dict_offset > 0 {
            fields.insert(0, Field { offset: this.dict_offset as u32, label: labels::DICT });
        }
        let borrowed = known.map_or(&[][..], |name| borrowed(self.rules, name));
        let only = known.and_then(only);
        let (weak, end) = (this.weaklist, known.map_or(u64::MAX, fields_end));
        fields.retain(|field| {
            let at = u64::from(field.offset);
            at != weak
                && (at < end || field.label != labels::FIELD)
                && !borrowed.contains(&at)
                && only.is_none_or(|only| only.contains(&at))
                && (at >= skip || field.label == labels::DICT && shape.kind != Kind::Type)
        });
        let mut seen = std::collections::HashSet::new();
        fields.retain(|field| seen.insert(field.offset));
        fields.sort_by_key(|field| field.offset);
    }

    /// The members of a type that are objects: offset and name.
    fn members(&self, raw: &Raw) -> Vec<(u64, Arc<str>)> {
        let mut list = Vec::new();
        for number in 0..if raw.members == 0 { 0 } else { MOST_MEMBERS } {
            let mut entry = [0; 24];
            let Some(at) = raw.members.checked_add(number * 40) else { break };
            if self.memory.read(at, &mut entry).is_err() {
                break;
            }
            let word = |at: usize| entry[at..].first_chunk().map_or(0, |b| u64::from_ne_bytes(*b));
            let (name, kind, offset) = (word(0), word(8) as u32, word(16));
            if name == 0 {
                break;
            }
            if !MEMBER_KINDS.contains(&kind) || offset % 8 != 0 || !(16..1 << 20).contains(&offset)
            {
                continue;
            }
            if let Ok(Some(name)) = self.memory.read_cstr(name, 256) {
                let name: String = String::from_utf8_lossy(&name)
                    .chars()
                    .map(|c| if c.is_control() { '?' } else { c })
                    .collect();
                list.push((offset, name.into()));
            }
        }
        list
    }
}

impl Raw {
    fn read<M: ReadMemory>(memory: &M, address: u64) -> Option<Self> {
        let mut head = [0; HEAD];
        memory.read(address, &mut head).ok()?;
        let word = |at: usize| head[at..].first_chunk().map_or(0, |b| u64::from_ne_bytes(*b));
        let name = memory.read_cstr(word(24), 256).ok().flatten().unwrap_or_default();
        Some(Self {
            name: String::from_utf8_lossy(&name).into_owned(),
            basic: word(32).min(LARGEST),
            item: word(40),
            dealloc: word(48),
            flags: word(168),
            weaklist: word(208),
            dict_offset: word(288) as i64,
            base: word(256),
            members: word(240),
        })
    }

    fn is_heap(&self) -> bool {
        self.flags >> 9 & 1 == 1
    }

    /// Whether instances are exceptions.
    fn is_error(&self) -> bool {
        self.flags >> 30 & 1 == 1
    }
}

impl Plan {
    /// Whether instances have a name of their own.
    pub(crate) fn is_named(&self) -> bool {
        let by_kind = matches!(self.shape.kind, Kind::Type | Kind::Frame);
        by_kind || matches!(self.special, Special::Module | Special::Function | Special::Code)
    }

    fn empty(shape: &Shape) -> Self {
        Self {
            shape: *shape,
            special: Special::None,
            fields: Box::default(),
            dict: DictPlace::None,
            first_value: FIRST_SLOT,
            inline: false,
            keys: 0,
            items: None,
            named_items: 0,
            named_tuple: false,
            conservative: false,
        }
    }
}

fn dict_place(raw: &Raw, shape: &Shape, rules: &Rules) -> DictPlace {
    match raw.dict_offset {
        _ if shape.managed_dict && rules.managed != 0 => DictPlace::Managed,
        offset if offset < 0 => DictPlace::FromEnd(offset.unsigned_abs()),
        _ => DictPlace::None,
    }
}

/// Bytes at the beginning of an instance that are read in a way of their own, or hold nothing.
fn covered(rules: &Rules, kind: Kind, solid: &Raw, kind_basic: u64) -> u64 {
    match kind {
        Kind::Plain if nothing_in(&solid.name) => solid.basic,
        Kind::Plain => 16,
        Kind::Type => rules.heap_type_bytes,
        Kind::Generator if rules.frame.is_none() => 16,
        Kind::List => 40,
        Kind::Dict => 48,
        Kind::Set => 200,
        // All of it is items.
        Kind::Tuple => LARGEST,
        _ => kind_basic,
    }
}
