//! The first bytes of some blocks, for who asked for them: contents leave the process.

use probe::tables::block_samples as t;
use probe::{Column, Role, Table, Unit, Values};
use target::memory::ReadMemory;

use super::table::{allocator, state};
use super::{BlockRow, Blocks, State};
use crate::attach::Python;

/// Bytes of a block that are shown.
const MOST_BYTES: usize = 64;
/// Rows of which there are samples: those with most bytes.
const MOST_ROWS: usize = 64;

/// The beginning of a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Index of the row in [`Blocks::rows`].
    pub row: usize,
    /// Address of the block.
    pub address: u64,
    /// Its first bytes.
    pub bytes: Vec<u8>,
}

impl Python {
    /// The first bytes of up to three native blocks of each of the rows with most bytes, those
    /// that nothing points to as well. What cannot be read any more is left out.
    #[must_use]
    pub fn samples(&self, blocks: &Blocks) -> Vec<Sample> {
        let is_native = |row: &BlockRow| matches!(row.state, State::Reachable | State::Unreachable);
        let rows = blocks.rows.iter().enumerate().filter(|(_, row)| is_native(row));
        let of_row = |(row, of): (usize, &BlockRow)| {
            let length = of.size_class.min(MOST_BYTES as u64) as usize;
            let addresses = of.examples.clone();
            addresses.into_iter().filter_map(move |address| {
                let mut bytes = vec![0; length];
                let read = self.memory().read_prefix(address, &mut bytes).ok()?;
                bytes.truncate(read);
                (read > 0).then_some(Sample { row, address, bytes })
            })
        };
        rows.take(MOST_ROWS).flat_map(of_row).collect()
    }
}

/// The table of them.
pub(crate) fn table(blocks: &Blocks, samples: &[Sample], pid: u64) -> Table {
    let known: Vec<(&Sample, &BlockRow)> =
        samples.iter().filter_map(|s| Some((s, blocks.rows.get(s.row)?))).collect();
    let rows = || known.iter().copied();
    let addresses = rows().map(|(sample, _)| Some(sample.address)).collect();
    Table::new(
        t::TABLE,
        vec![
            Column::id_key(t::PID, rows().map(|_| pid)),
            Column::text_key(t::ALLOCATOR, rows().map(|(_, row)| allocator(row.allocator))),
            Column::id_key(t::SIZE_CLASS, rows().map(|(_, row)| row.size_class)),
            Column::text_key(t::STATE, rows().map(|(_, row)| state(row.state))),
            Column::text_key(
                t::HOLDER,
                rows().map(|(_, row)| row.holder.as_deref().unwrap_or("").to_owned()),
            ),
            Column::new(t::ADDRESS, Unit::Address, Role::Key, Values::U64(addresses)),
            Column::text(t::TEXT, rows().map(|(sample, _)| Some(text(&sample.bytes)))),
            Column::text(t::BYTES, rows().map(|(sample, _)| Some(hex(&sample.bytes)))),
        ],
    )
}

/// As editors of binary files show it: a dot for what cannot be printed.
fn text(bytes: &[u8]) -> String {
    let shown = |&byte: &u8| if (0x20..0x7f).contains(&byte) { char::from(byte) } else { '.' };
    bytes.iter().map(shown).collect()
}

/// Two digits for a byte, a space behind each word.
fn hex(bytes: &[u8]) -> String {
    let word = |word: &[u8]| word.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    bytes.chunks(8).map(word).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_shown() {
        assert_eq!(text(b"ab\n\x00\xff~"), "ab...~");
        assert_eq!(hex(&[0, 1, 0xfe, 3, 4, 5, 6, 7, 0xab]), "0001fe0304050607 ab");
        assert_eq!((text(&[]), hex(&[])), (String::new(), String::new()));
    }
}
