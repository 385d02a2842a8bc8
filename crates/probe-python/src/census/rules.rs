//! How a version lays out its objects: one row per minor version, offsets in bytes.

use probe::{Error, ErrorKind, Result};

use crate::pymalloc::Geometry;
use crate::version::Version;

/// How reference counts tell live objects from dead ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counting {
    /// A plain number; nothing is immortal, but constants made by the compiler have a huge one.
    Plain,
    /// 3.12 and 3.13: 32 bits, from 2^30 on immortal.
    Low32,
    /// 3.14 and up: 32 bits, bit 31 says immortal; 16 bits of overflow; 16 flags.
    Flags,
}

/// How tables of keys of dictionaries tell their size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keys {
    /// Up to 3.10: the number of slots stands in a word.
    Slots,
    /// 3.11 and up: its logarithm stands in a byte.
    Log2,
}

/// Where the values of an instance's attributes are, if not in a dictionary of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Values {
    /// In the dictionary.
    Dictionary,
    /// 3.11: in a block whose address stands in front of the object.
    Pointer,
    /// 3.12: the same, in the word of the dictionary, with the lowest bit set.
    Tagged,
    /// 3.13 and up: in the object's own block.
    Inline,
}

/// Headers of texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Text {
    /// Bytes of the header of an ASCII text.
    pub ascii: u64,
    /// Bytes of the header of another text whose characters follow it.
    pub compact: u64,
    /// Bytes of a text whose characters are elsewhere.
    pub full: u64,
    /// Whether a copy in `wchar_t` may be kept (to 3.11).
    pub wide: bool,
}

/// A frame inside a generator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Generator: its frame.
    pub at: u64,
    /// Frame: its code.
    pub code: u64,
    /// Frame: the first of its values.
    pub values: u64,
    /// Code: `int` number of local values.
    pub locals: u64,
    /// Code: `int` depth of the stack.
    pub stack: u64,
}

/// One version's row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// The minor version: 11 for 3.11.
    pub minor: u32,
    /// Whether it was compared with a real interpreter of this version.
    pub verified: bool,
    /// How pymalloc cuts its memory.
    pub geometry: Geometry,
    /// Bytes of the collector's header in front of an object.
    pub gc_head: u64,
    /// Flags of a type of which any puts two words in front of the collector's header.
    pub managed: u64,
    /// How references are counted.
    pub counting: Counting,
    /// Tuple: its first item.
    pub tuple_items: u64,
    /// Whether the digits of an `int` are counted in bits 3 and up of a tag.
    pub int_tag: bool,
    /// Whether an `int` of 0 has one digit.
    pub int_one: bool,
    /// Headers of texts.
    pub text: Text,
    /// Tables of keys.
    pub keys: Keys,
    /// Values of attributes.
    pub values: Values,
    /// `sizeof(PyTypeObject)`.
    pub type_bytes: u64,
    /// `sizeof(PyHeapTypeObject)`.
    pub heap_type_bytes: u64,
    /// Heap type: `ht_cached_keys`; `ht_qualname` is the word before it.
    pub cached_keys: u64,
    /// Frames inside generators; `None`: frames are objects of their own.
    pub frame: Option<Frame>,
}

const OLD_TEXT: Text = Text { ascii: 48, compact: 72, full: 80, wide: true };
const NEW_TEXT: Text = Text { ascii: 40, compact: 56, full: 64, wide: false };

const V3_8: Rules = Rules {
    minor: 8,
    verified: true,
    geometry: Geometry { pool: 4 << 10, arena: 256 << 10, step: 16 },
    gc_head: 16,
    managed: 0,
    counting: Counting::Plain,
    tuple_items: 24,
    int_tag: false,
    int_one: false,
    text: OLD_TEXT,
    keys: Keys::Slots,
    values: Values::Dictionary,
    type_bytes: 416,
    heap_type_bytes: 880,
    cached_keys: 872,
    frame: None,
};

const V3_7: Rules = Rules {
    minor: 7,
    gc_head: 32,
    type_bytes: 400,
    heap_type_bytes: 864,
    cached_keys: 856,
    ..V3_8
};

const V3_10: Rules = Rules {
    minor: 10,
    geometry: Geometry { pool: 16 << 10, arena: 1 << 20, step: 16 },
    type_bytes: 408,
    heap_type_bytes: 888,
    cached_keys: 872,
    ..V3_8
};

const V3_11: Rules = Rules {
    minor: 11,
    managed: 1 << 4,
    int_one: true,
    keys: Keys::Log2,
    values: Values::Pointer,
    heap_type_bytes: 904,
    frame: Some(Frame { at: 80, code: 32, values: 72, locals: 76, stack: 68 }),
    ..V3_10
};

const V3_12: Rules = Rules {
    minor: 12,
    managed: 3 << 3,
    counting: Counting::Low32,
    int_tag: true,
    text: NEW_TEXT,
    values: Values::Tagged,
    type_bytes: 416,
    heap_type_bytes: 920,
    cached_keys: 880,
    frame: Some(Frame { at: 72, code: 0, values: 72, locals: 72, stack: 64 }),
    ..V3_11
};

const V3_13: Rules = Rules { minor: 13, values: Values::Inline, heap_type_bytes: 928, ..V3_12 };

const V3_14: Rules = Rules {
    minor: 14,
    counting: Counting::Flags,
    tuple_items: 32,
    heap_type_bytes: 936,
    frame: Some(Frame { at: 72, code: 0, values: 80, locals: 72, stack: 64 }),
    ..V3_13
};

/// Every version whose objects can be recognised, oldest first.
pub const RULES: [Rules; 10] = [
    Rules { minor: 6, ..V3_7 },
    V3_7,
    V3_8,
    Rules { minor: 9, type_bytes: 408, cached_keys: 864, ..V3_8 },
    V3_10,
    V3_11,
    V3_12,
    V3_13,
    V3_14,
    Rules { minor: 15, type_bytes: 424, cached_keys: 888, heap_type_bytes: 944, ..V3_14 },
];

/// The row of a version.
///
/// # Errors
/// [`ErrorKind::Unsupported`] with the version when there is none.
pub fn rules(version: &Version) -> Result<&'static Rules> {
    let row = RULES.iter().find(|row| version.major == 3 && row.minor == version.minor);
    row.ok_or_else(|| {
        let message = format!("how Python {version} lays out its objects is not known");
        Error::new(ErrorKind::Unsupported, message)
            .with_hint("look for a newer version of this program, or stay at the high level")
    })
}

/// What a reference count says of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    /// No object, or a dead one.
    None,
    /// Alive.
    Mortal,
    /// Alive for ever.
    Immortal,
}

impl Rules {
    /// What a word says that may be a reference count.
    pub(crate) fn life(&self, word: u64) -> Life {
        /// What 3.11 gives objects that the compiler made.
        const FROZEN: u64 = 999_999_999;
        let low = word & 0xffff_ffff;
        match self.counting {
            Counting::Plain => match word {
                FROZEN.. if self.minor == 11 && word < FROZEN + (1 << 20) => Life::Immortal,
                1..0x8000_0000 => Life::Mortal,
                _ => Life::None,
            },
            Counting::Low32 => match word {
                1..0x4000_0000 => Life::Mortal,
                0x4000_0000..=0xffff_ffff => Life::Immortal,
                _ => Life::None,
            },
            Counting::Flags if word >> 32 & 0xffff != 0 || low == 0 => Life::None,
            Counting::Flags if low >> 31 == 1 => Life::Immortal,
            Counting::Flags => Life::Mortal,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_tell_life() {
        let life = |minor: usize, word| RULES[minor - 6].life(word);
        for row in &RULES {
            assert_eq!(row.life(0), Life::None);
            assert_eq!(row.life(1), Life::Mortal);
            assert_eq!(row.life(0x7f00_1234_5678), Life::None);
        }
        assert_eq!(life(11, 999_999_999), Life::Immortal);
        assert_eq!(life(10, 999_999_999), Life::Mortal);
        assert_eq!(life(12, 0xffff_ffff), Life::Immortal);
        assert_eq!(life(14, 0xc000_0000), Life::Immortal);
        assert_eq!(life(14, 0x0004_0000_c000_0000), Life::Immortal);
    }
}
