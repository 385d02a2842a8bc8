//! What the interpreter's allocator keeps for later, and what `malloc` in its place would do.

use diff::human;
use probe::tables::{pymalloc, size_classes};
use probe::{Snapshot, Table};

use super::kept::Lever;
use crate::footprint::number;

/// Bytes that `malloc` adds to a block, the smallest chunk, and what all sizes are multiples of.
const HEADER: f64 = 8.0;
const SMALLEST: f64 = 32.0;
const GRAIN: f64 = 16.0;

/// Free bytes of the interpreter's allocator.
pub(super) fn free(table: &Table, row: usize) -> Option<f64> {
    let part = |name| number(table, name, row);
    Some(part(pymalloc::BYTES_FREE)? + part(pymalloc::BYTES_UNUSED)?)
}

/// What `PYTHONMALLOC=malloc` would do: each block in use gets larger, and pages without one can
/// be trimmed. Negative: it would take so much more.
pub(super) fn lever(look: &Snapshot) -> Option<Lever> {
    let table = look.table(pymalloc::TABLE)?;
    let column = |name| number(table, name, 0);
    let (used, free) = (column(pymalloc::PAGES_USED)?, column(pymalloc::PAGES_FREE)?);
    let bytes = free - used * (larger(look)? - 1.0);
    let words = if bytes > 0.0 {
        format!(
            "PYTHONMALLOC=malloc, with malloc_trim(0) after peaks, would give back {}: {} are in \
             pages without a block in use, and each block gets larger",
            human::bytes(bytes),
            human::bytes(free)
        )
    } else {
        format!(
            "PYTHONMALLOC=malloc would give nothing back and take {} more: blocks in use lie in \
             nearly all pages, and each gets larger",
            human::bytes(-bytes)
        )
    };
    let advice = "PYTHONMALLOC=malloc, with malloc_trim(0) after peaks, gives back pages between \
                  objects that stay; it is slower.";
    Some(Lever { bytes, words, advice })
}

/// How much larger blocks in use would be as chunks of `malloc`.
fn larger(look: &Snapshot) -> Option<f64> {
    let table = look.table(size_classes::TABLE)?;
    let rows = || {
        let row = |row| {
            let get = |name| number(table, name, row);
            Some((get(size_classes::BLOCK)?, get(size_classes::USED)?))
        };
        (0..table.rows()).filter_map(row)
    };
    // Sizes that are asked for are multiples of a word: of a block of a class of two words half
    // have a word less.
    let by_words = rows().any(|(block, _)| block < GRAIN);
    let chunk = |asked: f64| (((asked + HEADER) / GRAIN).ceil() * GRAIN).max(SMALLEST);
    let as_chunk = |block: f64| {
        let less = if by_words { block } else { block - HEADER };
        f64::midpoint(chunk(block), chunk(less))
    };
    let used: f64 = rows().map(|(block, used)| block * used).sum();
    let chunks: f64 = rows().map(|(block, used)| as_chunk(block) * used).sum();
    (used > 0.0).then(|| chunks / used)
}
