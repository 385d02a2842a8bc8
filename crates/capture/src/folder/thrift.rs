//! Bounds for a Parquet file, before it is unpacked: headers of pages and the schema, read just
//! far enough.
//!
//! The compact protocol of Thrift: a field is a byte with its type and the distance of its id
//! from the one before; whole numbers are zigzag varints.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};

use parquet::file::metadata::ColumnChunkMetaData;
use probe::{Result, ResultExt};

use super::{Limits, invalid};

/// A footer ends with its length and these bytes.
const MAGIC: &[u8; 4] = b"PAR1";
const TAIL: u64 = 8;
/// Longest header of a page that is read, bytes: one with statistics of long texts.
const HEADER: u64 = 64 << 10;
/// Structures within structures; the format has five.
const DEEPEST: u32 = 16;

const TRUE: u8 = 1;
const FALSE: u8 = 2;
const I32: u8 = 5;
const BINARY: u8 = 8;
const LIST: u8 = 9;
const STRUCT: u8 = 12;

/// Whether the footer is within bounds and its schema is flat: readers follow nested ones to
/// any depth, and ours has none.
pub(super) fn check_footer(file: &File, limits: &Limits) -> Result<()> {
    let length = file.metadata().with_context(|| "cannot read the file")?.len();
    let no_parquet = || invalid("it is no Parquet file, or is cut");
    if length < TAIL + MAGIC.len() as u64 {
        return Err(no_parquet());
    }
    let tail = bytes_at(file, length - TAIL, TAIL)?;
    let (size, magic) = tail.split_first_chunk().ok_or_else(no_parquet)?;
    let size = u64::from(u32::from_le_bytes(*size));
    if magic != MAGIC || size > length - TAIL || size > limits.footer_bytes {
        return Err(no_parquet());
    }
    let footer = bytes_at(file, length - TAIL - size, size)?;
    flat(&footer, limits).ok_or_else(|| invalid("its schema is no list of columns"))
}

/// `FileMetaData`: field 2 is the schema, a list whose first element counts the others.
fn flat(footer: &[u8], limits: &Limits) -> Option<()> {
    const SCHEMA: i16 = 2;
    const CHILDREN: i16 = 5;
    let mut reader = Reader { bytes: footer };
    let mut id = 0;
    while let Some(kind) = reader.field(&mut id)? {
        if (id, kind) != (SCHEMA, LIST) {
            reader.skip(kind, 0)?;
            continue;
        }
        let (count, kind) = reader.list()?;
        if kind != STRUCT || count > limits.columns as u64 + 1 {
            return None;
        }
        for element in 0..count {
            let mut id = 0;
            while let Some(kind) = reader.field(&mut id)? {
                let nested = id == CHILDREN && kind == I32 && element > 0;
                let children = if nested { reader.number()? } else { 0 };
                if children != 0 {
                    return None;
                }
                if !nested {
                    reader.skip(kind, 1)?;
                }
            }
        }
        return Some(());
    }
    None
}

/// Whether the pages of a column lie within the file and none of them becomes too big.
pub(super) fn check_pages(
    file: &File,
    column: &ColumnChunkMetaData,
    limits: &Limits,
) -> Result<()> {
    let length = file.metadata().with_context(|| "cannot read the file")?.len();
    let outside = || invalid("a column lies outside of the file");
    let first = column.dictionary_page_offset().unwrap_or(i64::MAX).min(column.data_page_offset());
    let mut at = u64::try_from(first).map_err(|_| outside())?;
    let size = u64::try_from(column.compressed_size()).map_err(|_| outside())?;
    let end = at.checked_add(size).filter(|&end| end <= length).ok_or_else(outside)?;
    while at < end {
        let header = bytes_at(file, at, HEADER.min(end - at))?;
        let page = page(&header).ok_or_else(|| invalid("a page without a header"))?;
        if page.unpacked > limits.page_bytes {
            return Err(invalid(format!("a page of {} bytes, over the limit", page.unpacked)));
        }
        at = at.saturating_add(page.header).saturating_add(page.packed);
    }
    if at == end { Ok(()) } else { Err(invalid("a page lies outside of its column")) }
}

struct Page {
    header: u64,
    packed: u64,
    unpacked: u64,
}

/// `PageHeader`: field 2 is the size unpacked, field 3 that in the file.
fn page(bytes: &[u8]) -> Option<Page> {
    let mut reader = Reader { bytes };
    let (mut id, mut packed, mut unpacked) = (0, None, None);
    while let Some(kind) = reader.field(&mut id)? {
        match (id, kind) {
            (2, I32) => unpacked = u64::try_from(reader.number()?).ok(),
            (3, I32) => packed = u64::try_from(reader.number()?).ok(),
            _ => reader.skip(kind, 0)?,
        }
    }
    let header = (bytes.len() - reader.bytes.len()) as u64;
    Some(Page { header, packed: packed?, unpacked: unpacked? })
}

fn bytes_at(mut file: &File, at: u64, length: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(at))
        .and_then(|_| file.take(length).read_to_end(&mut bytes))
        .with_context(|| "cannot read the file")?;
    Ok(bytes)
}

/// What is left of some bytes; `None` where they make no sense.
struct Reader<'a> {
    bytes: &'a [u8],
}

impl Reader<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (&first, rest) = self.bytes.split_first()?;
        self.bytes = rest;
        Some(first)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f).checked_shl(shift)?;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn number(&mut self) -> Option<i64> {
        let zigzag = self.varint()?;
        Some((zigzag >> 1).cast_signed() ^ -(zigzag & 1).cast_signed())
    }

    fn pass(&mut self, n: u64) -> Option<()> {
        self.bytes = self.bytes.get(usize::try_from(n).ok()?..)?;
        Some(())
    }

    /// The type of the next field, whose id is put into `id`; the inner `None` at the end.
    #[expect(clippy::option_option, reason = "nonsense, the end, or a field")]
    fn field(&mut self, id: &mut i16) -> Option<Option<u8>> {
        let head = self.byte()?;
        if head == 0 {
            return Some(None);
        }
        *id = match i16::from(head >> 4) {
            0 => i16::try_from(self.number()?).ok()?,
            distance => id.checked_add(distance)?,
        };
        Some(Some(head & 0x0f))
    }

    /// The length of a list and the type of its elements.
    fn list(&mut self) -> Option<(u64, u8)> {
        let head = self.byte()?;
        let count = if head >> 4 == 15 { self.varint()? } else { u64::from(head >> 4) };
        Some((count, head & 0x0f))
    }

    /// Passes a field of this type by. Each element takes a byte at least, so the time is that
    /// of the bytes.
    fn skip(&mut self, kind: u8, depth: u32) -> Option<()> {
        if depth > DEEPEST {
            return None;
        }
        match kind {
            TRUE | FALSE => Some(()),
            3 => self.pass(1),
            4..=6 => self.varint().map(drop),
            7 => self.pass(8),
            BINARY => {
                let length = self.varint()?;
                self.pass(length)
            }
            // A set is written as a list.
            LIST | 10 => {
                let (count, kind) = self.list()?;
                for _ in 0..count {
                    // In a list a truth value is a byte.
                    if kind <= FALSE { self.pass(1) } else { self.skip(kind, depth + 1) }?;
                }
                Some(())
            }
            STRUCT => {
                let mut id = 0;
                while let Some(kind) = self.field(&mut id)? {
                    self.skip(kind, depth + 1)?;
                }
                Some(())
            }
            _ => None,
        }
    }
}
