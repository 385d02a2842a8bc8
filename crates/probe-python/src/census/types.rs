//! Which addresses are those of types.
//!
//! A candidate is a type when it looks like one and its own type is a metatype: a type whose
//! flags say that its instances are types. The chain ends at `type`, which is its own type, so
//! no symbol is needed. Every address is looked at once.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use target::memory::ReadMemory;

use super::rules::{Keys, Life, Rules, Values};
use crate::walk::spans::Spans;
use crate::walk::window::Bytes;

/// Bytes of a type that are needed to know its instances.
const HEAD: usize = 400;
/// How many types stand above each other: metatypes and bases.
const MOST_LEVELS: u32 = 32;
/// Addresses that are no types and are remembered as such. Then all of these are dropped.
const MOST_NOT: usize = 1 << 20;
/// The most types that are told apart.
const MOST_TYPES: usize = 1 << 20;
/// The longest `tp_name` that is compared.
const LONGEST_KNOWN: usize = 24;

const HEAPTYPE: u64 = 1 << 9;
const READY: u64 = 1 << 12;
const HAVE_GC: u64 = 1 << 14;
const TYPE_SUBCLASS: u64 = 1 << 31;

/// What is special about the size of a type's instances.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Plain,
    Int,
    List,
    Tuple,
    Bytes,
    Str,
    Dict,
    Type,
    Set,
    ByteArray,
    Array,
    Deque,
    NdArray,
    Generator,
    Frame,
    /// `None`, `True`, `...`: the interpreter's own constants.
    Constant,
}

/// What must be known of a type to recognise and measure its instances.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Its number in the table.
    pub(crate) index: u32,
    /// Its address.
    pub(crate) address: u64,
    /// What is special about it.
    pub(crate) kind: Kind,
    /// Bytes in front of an instance, where the instance has a collector's header.
    pub(crate) pre: u64,
    /// Whether instances have a collector's header.
    pub(crate) gc: bool,
    /// Whether it was made at run time.
    pub(crate) heap: bool,
    /// Whether the words in front of an instance include its dictionary.
    pub(crate) managed_dict: bool,
    /// Bytes of an instance without items.
    pub(crate) basic: u64,
    /// Bytes of an item.
    pub(crate) item: u64,
    /// Bytes of the block of values that instances own, where they own one.
    pub(crate) values: u64,
}

#[derive(Debug, Default)]
struct Inner {
    known: HashMap<u64, Shape>,
    not: std::collections::HashSet<u64>,
    addresses: Vec<u64>,
}

/// The types found so far, for all threads.
#[derive(Debug)]
pub(crate) struct TypeTable<'a> {
    rules: &'a Rules,
    spans: &'a Spans,
    inner: Mutex<Inner>,
}

impl<'a> TypeTable<'a> {
    pub(crate) fn new(rules: &'a Rules, spans: &'a Spans) -> Self {
        Self { rules, spans, inner: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The addresses of the types, in the order of their numbers.
    pub(crate) fn addresses(&self) -> Vec<u64> {
        self.lock().addresses.clone()
    }

    /// How objects of this version look.
    pub(crate) fn rules(&self) -> &'a Rules {
        self.rules
    }

    /// The types in the order of their numbers: addresses, and what is known of them.
    pub(crate) fn all(&self) -> (Vec<u64>, Vec<Shape>) {
        let inner = self.lock();
        let shapes = inner.addresses.iter().filter_map(|address| inner.known.get(address));
        (inner.addresses.clone(), shapes.copied().collect())
    }

    /// The type at an address, if there is one.
    pub(crate) fn get<M: ReadMemory>(&self, memory: &M, address: u64) -> Option<Shape> {
        self.examine(memory, address, MOST_LEVELS)
    }

    fn examine<M: ReadMemory>(&self, memory: &M, address: u64, levels: u32) -> Option<Shape> {
        {
            let inner = self.lock();
            if let Some(&shape) = inner.known.get(&address) {
                return Some(shape);
            }
            if inner.not.contains(&address) {
                return None;
            }
        }
        let shape = self.read(memory, address, levels);
        let mut inner = self.lock();
        let Some(mut shape) = shape else {
            if inner.not.len() >= MOST_NOT {
                inner.not.clear();
            }
            inner.not.insert(address);
            return None;
        };
        // The other thread may have been faster.
        if let Some(&known) = inner.known.get(&address) {
            return Some(known);
        }
        if inner.addresses.len() >= MOST_TYPES {
            return None;
        }
        shape.index = inner.addresses.len() as u32;
        inner.addresses.push(address);
        inner.known.insert(address, shape);
        Some(shape)
    }

    fn read<M: ReadMemory>(&self, memory: &M, address: u64, levels: u32) -> Option<Shape> {
        if !self.spans.contains(address, HEAD as u64) {
            return None;
        }
        let mut head = [0; HEAD];
        memory.read(address, &mut head).ok()?;
        let head = Bytes { start: 0, bytes: &head };
        let flags = head.word(168)?;
        let (basic, item) = (head.word(32)?, head.word(40)?);
        let sane = flags & READY != 0
            && (16..1 << 20).contains(&basic)
            && item < 1 << 20
            && self.rules.life(head.word(0)?) != Life::None
            && self.leads_its_own_order(memory, head.word(344)?, address);
        if !sane || !self.has_metatype(memory, address, head.word(8)?, levels) {
            return None;
        }
        let name = memory.read_cstr(head.word(24)?, 1 << 10).ok()??;
        if name.is_empty() {
            return None;
        }
        let base = head.word(256)?;
        let kind = own_kind(&name, flags, basic)
            .or_else(|| self.base_kind(memory, base, address, levels))
            .unwrap_or(Kind::Plain);
        Some(self.shape(memory, address, kind, flags, basic, item))
    }

    fn shape<M: ReadMemory>(
        &self,
        memory: &M,
        address: u64,
        kind: Kind,
        flags: u64,
        basic: u64,
        item: u64,
    ) -> Shape {
        let gc = flags & HAVE_GC != 0;
        let managed = flags & self.rules.managed != 0;
        let managed_dict = managed && flags & 1 << 4 != 0;
        let head = if gc { self.rules.gc_head } else { 0 };
        let mut shape = Shape {
            index: 0,
            address,
            kind,
            pre: head + if managed { 16 } else { 0 },
            gc,
            heap: flags & HEAPTYPE != 0,
            managed_dict,
            basic,
            item,
            values: 0,
        };
        if managed_dict && shape.heap {
            shape.values = self.values_bytes(memory, address).unwrap_or(0);
        }
        shape
    }

    /// Bytes of the block of values of an instance, to 3.12: room for the keys that are shared,
    /// behind a byte for each that tells their order.
    fn values_bytes<M: ReadMemory>(&self, memory: &M, address: u64) -> Option<u64> {
        let apart = matches!(self.rules.values, Values::Pointer | Values::Tagged);
        if !apart || self.rules.keys != Keys::Log2 {
            return None;
        }
        let keys = memory.read_u64(address.checked_add(self.rules.cached_keys)?).ok()?;
        let usable = memory.read_u64(keys.checked_add(16)?).ok()?;
        let entries = memory.read_u64(keys.checked_add(24)?).ok()?;
        let room = usable.checked_add(entries).filter(|&room| room <= 64)?;
        Some((room + 2).next_multiple_of(8) + 8 * room)
    }

    /// Whether the order of bases begins with the type itself.
    fn leads_its_own_order<M: ReadMemory>(&self, memory: &M, order: u64, address: u64) -> bool {
        let first = order.checked_add(self.rules.tuple_items);
        first.is_some_and(|at| memory.read_u64(at).is_ok_and(|first| first == address))
    }

    fn has_metatype<M: ReadMemory>(&self, memory: &M, this: u64, meta: u64, levels: u32) -> bool {
        if meta != this {
            let meta = levels.checked_sub(1).and_then(|left| self.examine(memory, meta, left));
            return meta.is_some_and(|shape| shape.kind == Kind::Type);
        }
        let name = memory.read_u64(this + 24).and_then(|at| memory.read_cstr(at, 16));
        name.is_ok_and(|name| name.as_deref() == Some(b"type"))
    }

    fn base_kind<M: ReadMemory>(
        &self,
        memory: &M,
        base: u64,
        this: u64,
        levels: u32,
    ) -> Option<Kind> {
        if base == 0 || base == this {
            return None;
        }
        Some(self.examine(memory, base, levels.checked_sub(1)?)?.kind)
    }
}

/// The kind that flags or the name tell. Instances must be large enough for what is read of them.
fn own_kind(name: &[u8], flags: u64, basic: u64) -> Option<Kind> {
    const BY_FLAG: [(u64, Kind, u64); 7] = [
        (TYPE_SUBCLASS, Kind::Type, 400),
        (1 << 30, Kind::Plain, 16),
        (1 << 29, Kind::Dict, 48),
        (1 << 28, Kind::Str, 40),
        (1 << 27, Kind::Bytes, 33),
        (1 << 26, Kind::Tuple, 24),
        (1 << 25, Kind::List, 40),
    ];
    const BY_NAME: [(&[u8], Kind, u64); 14] = [
        (b"frozendict", Kind::Dict, 56),
        (b"set", Kind::Set, 200),
        (b"frozenset", Kind::Set, 200),
        (b"bytearray", Kind::ByteArray, 48),
        (b"array.array", Kind::Array, 56),
        (b"collections.deque", Kind::Deque, 72),
        (b"numpy.ndarray", Kind::NdArray, 72),
        (b"generator", Kind::Generator, 80),
        (b"coroutine", Kind::Generator, 80),
        (b"async_generator", Kind::Generator, 80),
        (b"frame", Kind::Frame, 48),
        (b"NoneType", Kind::Constant, 16),
        (b"NotImplementedType", Kind::Constant, 16),
        (b"ellipsis", Kind::Constant, 16),
    ];
    let by_flag = BY_FLAG.iter().find(|(flag, _, least)| flags & flag != 0 && basic >= *least);
    if let Some(&(_, kind, _)) = by_flag {
        return Some(kind);
    }
    // `bool` is an `int` too.
    if flags & 1 << 24 != 0 {
        return Some(if name == b"bool" { Kind::Constant } else { Kind::Int });
    }
    let built_in = flags & HEAPTYPE == 0 || name.contains(&b'.');
    let known = BY_NAME.iter().find(|(known, _, least)| *known == name && basic >= *least);
    known.filter(|_| built_in && name.len() <= LONGEST_KNOWN).map(|&(_, kind, _)| kind)
}

/// The types that one thread met of late.
#[derive(Debug)]
pub(crate) struct TypeCache<'t, 'a> {
    table: &'t TypeTable<'a>,
    places: Vec<(u64, Option<Shape>)>,
}

impl<'t, 'a> TypeCache<'t, 'a> {
    const PLACES: usize = 2048;

    pub(crate) fn new(table: &'t TypeTable<'a>) -> Self {
        Self { table, places: vec![(0, None); Self::PLACES] }
    }

    /// The type at an address, if there is one.
    pub(crate) fn get<M: ReadMemory>(&mut self, memory: &M, address: u64) -> Option<Shape> {
        if !address.is_multiple_of(8) || address < 4096 {
            return None;
        }
        let place = ((address >> 4) ^ (address >> 15)) as usize % Self::PLACES;
        let (known, shape) = self.places[place];
        if known == address {
            return shape;
        }
        if !self.table.spans.contains(address, HEAD as u64) {
            return None;
        }
        let shape = self.table.get(memory, address);
        self.places[place] = (address, shape);
        shape
    }
}
