//! Short contents of texts and numbers, for who asked for them: they leave the process.

use std::path::Path;

use capture::folder::{Chunk, TableWriter};
use heap::{Graph, ObjectId, TypeId};
use probe::{FileColumn, FileType, Result, Role, TableFile, Unit};
use target::memory::ReadMemory;

use crate::census::rules::Rules;
use crate::refs::pages::Pages;

/// Characters of a text, and bytes of `bytes`, that are kept.
const MOST: u64 = 64;
/// Digits of 30 bits of an `int` that is written out.
const MOST_DIGITS: u64 = 4;
/// Values that are written in one go.
const RUN: usize = 1 << 16;

/// What a value looks like in memory.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Bytes,
    Int,
    Float,
}

/// The exact types whose objects have a value of their own.
const KINDS: [(&str, Kind); 4] = [
    ("builtins.str", Kind::Text),
    ("builtins.bytes", Kind::Bytes),
    ("builtins.int", Kind::Int),
    ("builtins.float", Kind::Float),
];

/// A value, and whether there is more of it.
type Short = (String, bool);

/// Writes the table `values`: of each object that is a text or a number, what it says.
pub(crate) fn write<M: ReadMemory>(
    folder: &Path,
    graph: &Graph,
    memory: &M,
    rules: &Rules,
) -> Result<TableFile> {
    let columns = vec![
        FileColumn::new("object", FileType::U32, Unit::None, Role::Ref("objects".into())),
        FileColumn::new("value", FileType::Text, Unit::None, Role::Attribute),
        FileColumn::new("cut", FileType::Bool, Unit::None, Role::Attribute),
    ];
    let mut table = TableWriter::create(folder, "values", columns)?.in_parts_of(RUN);
    let mut reader = Reader { pages: Pages::new(memory), rules };
    let kinds = kinds(graph);
    let mut values = Values::default();
    for object in (0..graph.len() as u32).map(ObjectId) {
        let kind = kinds.get(graph.type_of(object).index()).copied().flatten();
        let address = graph.objects().address[object.index()];
        if let Some((text, cut)) = kind.and_then(|kind| reader.value(address, kind)) {
            values.object.push(object.0);
            values.value.push(text);
            values.cut.push(cut);
        }
        if values.object.len() == RUN {
            values.write(&mut table)?;
        }
    }
    values.write(&mut table)?;
    reader.pages.check()?;
    table.finish()
}

fn kinds(graph: &Graph) -> Vec<Option<Kind>> {
    let mut kinds = vec![None; graph.types().len()];
    for (name, kind) in KINDS {
        for TypeId(id) in graph.types_named(name) {
            kinds[id as usize] = Some(kind);
        }
    }
    kinds
}

#[derive(Default)]
struct Values {
    object: Vec<u32>,
    value: Vec<String>,
    cut: Vec<bool>,
}

impl Values {
    fn write(&mut self, table: &mut TableWriter) -> Result<()> {
        let texts: Vec<&str> = self.value.iter().map(String::as_str).collect();
        table.write(&[Chunk::U32(&self.object), Chunk::Text(&texts), Chunk::Bool(&self.cut)])?;
        *self = Self::default();
        Ok(())
    }
}

struct Reader<'a, M> {
    pages: Pages<'a, M>,
    rules: &'a Rules,
}

impl<M: ReadMemory> Reader<'_, M> {
    fn value(&mut self, at: u64, kind: Kind) -> Option<Short> {
        match kind {
            Kind::Text => self.text(at),
            Kind::Bytes => Some(self.bytes(at)),
            Kind::Int => Some(self.int(at)),
            Kind::Float => Some((format!("{:?}", f64::from_bits(self.pages.word(at + 16))), false)),
        }
    }

    /// `PyUnicodeObject`: `length` at 16, `state` at 32, and the characters behind the header or where
    /// it says.
    fn text(&mut self, at: u64) -> Option<Short> {
        let state = self.pages.half(at + 32);
        let (width, is_compact, is_ascii) = (state >> 2 & 7, state >> 5 & 1, state >> 6 & 1);
        let form = &self.rules.text;
        let data = match (is_compact, is_ascii) {
            (1, 1) => at + form.ascii,
            (1, _) => at + form.compact,
            _ => self.pages.word(at + form.compact),
        };
        if !matches!(width, 1 | 2 | 4) || data == 0 {
            return None;
        }
        let length = self.pages.word(at + 16);
        let mut bytes = vec![0; length.min(MOST) as usize * width as usize];
        self.pages.bytes(data, &mut bytes);
        let character = |unit: &[u8]| {
            let code = unit.iter().rev().fold(0, |code, &byte| code << 8 | u32::from(byte));
            char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
        };
        Some((bytes.chunks_exact(width as usize).map(character).collect(), length > MOST))
    }

    /// `PyBytesObject`: `ob_size` at 16, the bytes at 32.
    fn bytes(&mut self, at: u64) -> Short {
        let length = self.pages.word(at + 16);
        let mut bytes = vec![0; length.min(MOST) as usize];
        self.pages.bytes(at + 32, &mut bytes);
        (format!("b'{}'", bytes.escape_ascii()), length > MOST)
    }

    /// `PyLongObject`: the number of digits with its sign at 16 (`ob_size`; from 3.12 on `lv_tag`),
    /// digits of 30 bits at 24.
    fn int(&mut self, at: u64) -> Short {
        let word = self.pages.word(at + 16);
        let (digits, is_negative) = if self.rules.int_tag {
            (word >> 3, word & 3 == 2)
        } else {
            (word.cast_signed().unsigned_abs(), word.cast_signed() < 0)
        };
        let sign = if is_negative { "-" } else { "" };
        if digits > MOST_DIGITS {
            return (format!("{sign}2^{} or more", (digits - 1).saturating_mul(30)), true);
        }
        let digit = |place: u64| u128::from(self.pages.half(at + 24 + 4 * place) & 0x3fff_ffff);
        let whole = (0..digits).map(digit).enumerate();
        let whole = whole.fold(0_u128, |sum, (place, digit)| sum | digit << (30 * place));
        (format!("{sign}{whole}"), false)
    }
}
