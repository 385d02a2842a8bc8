//! Which line an instruction is of: the three forms of line tables (`Objects/codeobject.c`).

/// How a version's code objects tell lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineTable {
    /// To 3.9, `co_lnotab`: pairs of bytes by which address and line rise.
    Increments,
    /// 3.10, `co_linetable`: pairs of the length of a range and the rise of its line.
    Ranges,
    /// 3.11 and up, `co_linetable`: entries of several lengths, with columns.
    Locations,
}

/// What 3.10 writes where a range has no line.
const NO_LINE: i8 = -128;

impl LineTable {
    /// The line of the instruction at a byte offset of the code; `None` when it has none.
    pub(crate) fn line(self, table: &[u8], first: i64, at: u64) -> Option<u64> {
        let line = match self {
            Self::Increments => increments(table, first, at),
            Self::Ranges => ranges(table, first, at),
            Self::Locations => locations(table, first, at),
        };
        line.and_then(|line| u64::try_from(line).ok())
    }
}

fn increments(table: &[u8], first: i64, at: u64) -> Option<i64> {
    let (mut line, mut address) = (first, 0);
    for pair in table.chunks_exact(2) {
        address += u64::from(pair[0]);
        if address > at {
            break;
        }
        line = line.saturating_add((pair[1] as i8).into());
    }
    Some(line)
}

fn ranges(table: &[u8], first: i64, at: u64) -> Option<i64> {
    let (mut line, mut end) = (first, 0);
    for pair in table.chunks_exact(2) {
        let delta = pair[1] as i8;
        end += u64::from(pair[0]);
        if delta != NO_LINE {
            line = line.saturating_add(delta.into());
        }
        if at < end {
            return (delta != NO_LINE).then_some(line);
        }
    }
    None
}

fn locations(table: &[u8], first: i64, at: u64) -> Option<i64> {
    /// Only the first byte of an entry has it.
    const BEGINS: u8 = 0x80;
    let (mut line, mut end) = (first, 0);
    let mut rest = table;
    while let Some((&head, tail)) = rest.split_first() {
        let length = tail.iter().position(|byte| byte & BEGINS != 0).unwrap_or(tail.len());
        let (entry, next) = tail.split_at(length);
        let delta = match head >> 3 & 15 {
            15 => None,
            13 | 14 => Some(signed(entry)),
            form => Some(i64::from(form.saturating_sub(10))),
        };
        line = line.saturating_add(delta.unwrap_or(0));
        // In units of two bytes.
        end += (u64::from(head & 7) + 1) * 2;
        if at < end {
            return delta.map(|_| line);
        }
        rest = next;
    }
    None
}

/// A number of 6 bits a byte, of which the lowest is the sign.
fn signed(bytes: &[u8]) -> i64 {
    let mut value: u64 = 0;
    for (index, byte) in (0..10).zip(bytes) {
        value |= u64::from(byte & 0x3f) << (index * 6);
        if byte & 0x40 == 0 {
            break;
        }
    }
    let size = (value >> 1) as i64;
    if value & 1 == 1 { -size } else { size }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn increments_are_summed() {
        let line = |at| LineTable::Increments.line(&[0, 1, 6, 2, 255, 0, 10, 0xff], 10, at);
        assert_eq!([0, 5, 6, 270, 271].map(line), [11, 11, 13, 13, 12].map(Some));
        assert_eq!(LineTable::Increments.line(&[], 7, 1000), Some(7));
    }

    #[test]
    fn ranges_are_walked() {
        let line = |at| LineTable::Ranges.line(&[4, 1, 2, 0x80, 8, 0xff], 10, at);
        assert_eq!([0, 3, 4, 6, 14].map(line), [Some(11), Some(11), None, Some(10), None]);
    }

    /// Short, one-line, no-column, long and none, in this order.
    #[test]
    fn locations_are_walked() {
        let table = [
            0x80,
            0x12, // form 0, one unit
            0x80 | 12 << 3 | 1,
            3,
            4, // two lines on, two units
            0x80 | 13 << 3,
            0x05, // two lines back
            0x80 | 14 << 3,
            0x42,
            0x01,
            0,
            1,
            2, // 33 on
            0x80 | 15 << 3,
        ];
        let line = |at| LineTable::Locations.line(&table, 10, at);
        assert_eq!(
            [0, 2, 5, 6, 8, 10, 12].map(line),
            [Some(10), Some(12), Some(12), Some(10), Some(43), None, None]
        );
    }

    /// Whatever the bytes: no panic, and no line below 0.
    #[test]
    fn any_bytes_end() {
        for seed in 0..200_u32 {
            let bytes: Vec<u8> = (0..seed).map(|n| (n.wrapping_mul(seed + 7) >> 2) as u8).collect();
            for table in [LineTable::Increments, LineTable::Ranges, LineTable::Locations] {
                for first in [0, i64::MAX, i64::MIN] {
                    let _ = table.line(&bytes, first, u64::MAX);
                    let _ = table.line(&bytes, first, 12);
                }
            }
        }
    }
}
