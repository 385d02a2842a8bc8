//! How large an object is, in its own block and outside of it.

use super::object::{Object, is_heap_type};
use super::rules::{Rules, Values};
use super::types::Kind;
use crate::walk::window::Bytes;

/// The most items or bytes that are believed.
const MOST: u64 = 1 << 40;

/// Bytes of a `bytes` object besides its own, with the zero behind them.
const BYTES_HEADER: u64 = 33;

/// Something elsewhere that must be read to know a size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Elsewhere {
    /// A table of keys; `split`: the values are in a block of their own.
    Keys { at: u64, split: bool },
    /// The table of keys that a type shares with its instances.
    SharedKeys { at: u64 },
    /// The code of a generator.
    Code { at: u64 },
    /// The dimensions of a numpy array that owns its data, and the description of its items.
    Dimensions { at: u64, count: u32, items: u64 },
    /// The description of an array's items, of which there is room for so many.
    Items { at: u64, count: u64 },
}

/// The size of an object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Size {
    /// Bytes in its block, without what stands in front of it.
    pub(crate) own: u64,
    /// What `sys.getsizeof` gives, without what stands in front of it.
    pub(crate) shallow: u64,
    /// Bytes of buffers elsewhere that belong to it.
    pub(crate) buffers: u64,
    /// What is to be added to that.
    pub(crate) elsewhere: Option<Elsewhere>,
}

impl Size {
    fn own(own: u64) -> Self {
        Self { own, shallow: own, ..Self::default() }
    }

    /// With a buffer that `sys.getsizeof` counts.
    fn with_buffer(mut self, bytes: u64) -> Self {
        self.shallow = self.shallow.saturating_add(bytes);
        self.buffers = self.buffers.saturating_add(bytes);
        self
    }
}

/// The size of an object; `None` when its fields make no sense.
pub(crate) fn measure(rules: &Rules, object: &Object, bytes: Bytes<'_>) -> Option<Size> {
    let shape = &object.shape;
    let word = |offset: u64| bytes.word(object.address + offset);
    let plain = Size::own(shape.basic);
    let mut size = match shape.kind {
        Kind::Plain | Kind::Bytes | Kind::Tuple | Kind::Constant if shape.item == 0 => plain,
        Kind::Plain | Kind::Bytes | Kind::Tuple => {
            Size::own(shape.basic + shape.item.checked_mul(items(word(16)?)?)?)
        }
        Kind::Constant | Kind::Int => int(rules, object, word(16)?)?,
        Kind::Str => text(rules, object, bytes)?,
        Kind::List => plain.with_buffer(slots(word(24)?, word(32)?, 8)?),
        Kind::Dict => dict(plain, word(32)?, word(40)?),
        Kind::Set => set(plain, object.address, word(32)?, word(40)?)?,
        Kind::ByteArray if rules.minor < 15 => plain.with_buffer(items(word(24)?)?),
        // From 3.15 on the bytes are an object of their own, and counted as such too.
        Kind::ByteArray => {
            let room = items(word(24)?)?;
            let bytes = if room == 0 { 0 } else { BYTES_HEADER + room };
            Size { shallow: plain.shallow + bytes, ..plain }
        }
        Kind::Array => {
            let (at, count) = (word(40)?, items(word(32)?)?);
            Size { elsewhere: Some(Elsewhere::Items { at, count }), ..plain }
        }
        Kind::NdArray => nd_array(plain, object, bytes)?,
        Kind::Deque => deque(plain, word(16)?, word(40)?)?,
        Kind::Type => metatype(rules, object, bytes)?,
        Kind::Generator => generator(rules, object, bytes),
        // Its values may be in a thread's stack of frames.
        Kind::Frame => plain,
    };
    size.buffers += values(rules, object, bytes);
    Some(size)
}

/// A number of items: not negative (but for what keeps a sign there), not absurd.
fn items(word: u64) -> Option<u64> {
    Some((word as i64).unsigned_abs()).filter(|&count| count < MOST)
}

fn slots(pointer: u64, count: u64, bytes: u64) -> Option<u64> {
    if pointer == 0 { Some(0) } else { Some(items(count)? * bytes) }
}

fn int(rules: &Rules, object: &Object, word: u64) -> Option<Size> {
    let digits = if rules.int_tag { Some(word >> 3).filter(|&n| n < MOST) } else { items(word) }?;
    let counted = digits.max(u64::from(rules.int_one));
    // Subclasses have their own basic size in front of the digits from 3.12 on.
    let basic = if rules.int_tag { object.shape.basic } else { 24 };
    // `bool` says that it has a digit behind its basic size, which it has inside of it.
    let front = if object.shape.kind == Kind::Constant { 24 } else { object.shape.basic };
    Some(Size { own: front + 4 * digits, shallow: basic + 4 * counted, ..Size::default() })
}

fn text(rules: &Rules, object: &Object, bytes: Bytes<'_>) -> Option<Size> {
    let word = |offset: u64| bytes.word(object.address + offset);
    let state = bytes.half(object.address + 32)?;
    let kind = u64::from(state >> 2 & 7);
    let (is_compact, is_ascii) = (state >> 5 & 1 == 1, state >> 6 & 1 == 1);
    let length = word(16).filter(|&length| length < MOST && kind <= 4)?;
    let characters = (length + 1) * kind.max(1);
    let form = &rules.text;
    if is_compact && is_ascii {
        return (kind == 1).then(|| Size::own(form.ascii + characters));
    }
    let data = if is_compact { object.address + form.compact } else { word(form.compact)? };
    let mut size = if is_compact {
        Size::own(form.compact + characters)
    } else {
        let full = Size { own: object.shape.basic, shallow: form.full, ..Size::default() };
        full.with_buffer(if data == 0 || kind == 0 { 0 } else { characters })
    };
    let utf8 = word(form.ascii + 8)?;
    if utf8 != 0 && utf8 != data {
        size = size.with_buffer(items(word(form.ascii)?)? + 1);
    }
    let wide = if form.wide { word(40)? } else { 0 };
    if wide != 0 && wide != data {
        size = size.with_buffer((items(word(64)?)? + 1) * 4);
    }
    Some(size)
}

fn dict(plain: Size, keys: u64, values: u64) -> Size {
    Size { elsewhere: Some(Elsewhere::Keys { at: keys, split: values != 0 }), ..plain }
}

fn set(plain: Size, address: u64, mask: u64, table: u64) -> Option<Size> {
    if table == address + 64 {
        return Some(plain);
    }
    Some(plain.with_buffer((items(mask)? + 1) * 16))
}

fn deque(plain: Size, length: u64, left: u64) -> Option<Size> {
    const ITEMS: u64 = 64;
    const BLOCK: u64 = 8 * ITEMS + 16;
    let blocks = (items(left)? + items(length)?).div_ceil(ITEMS);
    Some(plain.with_buffer(blocks * BLOCK))
}

/// A numpy array. Its dimensions and strides are in a block of their own, and so are its items
/// unless it is a view of another's.
fn nd_array(plain: Size, object: &Object, bytes: Bytes<'_>) -> Option<Size> {
    const OWNS_DATA: u32 = 4;
    const MOST_DIMENSIONS: u32 = 64;
    let word = |offset: u64| bytes.word(object.address + offset);
    let count = bytes.half(object.address + 24).filter(|&count| count <= MOST_DIMENSIONS)?;
    let size = plain.with_buffer(16 * u64::from(count));
    if bytes.half(object.address + 64)? & OWNS_DATA == 0 {
        return Some(size);
    }
    let items = word(56)?;
    let at = if count == 0 { items } else { word(32)? };
    Some(Size { elsewhere: Some(Elsewhere::Dimensions { at, count, items }), ..size })
}

fn metatype(rules: &Rules, object: &Object, bytes: Bytes<'_>) -> Option<Size> {
    if !is_heap_type(bytes, object.address)? {
        return Some(Size::own(rules.type_bytes));
    }
    let own = object.shape.basic + object.shape.item * items(bytes.word(object.address + 16)?)?;
    let keys = bytes.word(object.address + rules.cached_keys).filter(|&at| at != 0);
    Some(Size {
        own,
        shallow: rules.heap_type_bytes,
        buffers: 0,
        elsewhere: keys.map(|at| Elsewhere::SharedKeys { at }),
    })
}

fn generator(rules: &Rules, object: &Object, bytes: Bytes<'_>) -> Size {
    let Some(frame) = rules.frame else { return Size::own(object.shape.basic) };
    let own = frame.at + frame.values;
    let code = bytes.word(object.address + frame.at + frame.code).map(|at| at & !7);
    Size { elsewhere: code.map(|at| Elsewhere::Code { at }), ..Size::own(own) }
}

/// Bytes of the block of an instance's values, where it has one.
fn values(rules: &Rules, object: &Object, bytes: Bytes<'_>) -> u64 {
    let shape = &object.shape;
    let owns = shape.managed_dict
        && match rules.values {
            Values::Pointer => bytes.word(object.address - 32).is_some_and(|at| at != 0),
            Values::Tagged => bytes.word(object.address - 24).is_some_and(|at| at & 1 == 1),
            Values::Dictionary | Values::Inline => false,
        };
    if owns { shape.values } else { 0 }
}
