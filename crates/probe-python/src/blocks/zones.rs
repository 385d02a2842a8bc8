//! Which words may be addresses of something that is looked for: nearly all others are told by
//! two comparisons.

use std::ops::Range;

use super::roots::merged;

/// Two stretches of addresses: programs and `brk`'s heap lie far from all that is mapped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Zones {
    /// Beginning and length of each.
    low: (u64, u64),
    high: (u64, u64),
}

impl Zones {
    /// All of these ranges and the bytes right behind them, and of what lies between them all
    /// but the largest hole.
    pub(super) fn new(ranges: impl Iterator<Item = Range<u64>>) -> Self {
        let past = |range: Range<u64>| range.start..range.end.saturating_add(1);
        let ranges = merged(ranges.map(past).collect());
        let (Some(first), Some(last)) = (ranges.first(), ranges.last()) else {
            return Self::default();
        };
        let holes = ranges.windows(2).map(|pair| pair[0].end..pair[1].start);
        let hole = holes.max_by_key(|hole| hole.end - hole.start);
        let hole = hole.unwrap_or(last.end..last.end);
        Self { low: (first.start, hole.start - first.start), high: (hole.end, last.end - hole.end) }
    }

    #[inline]
    pub(super) fn may_hold(&self, address: u64) -> bool {
        address.wrapping_sub(self.low.0) < self.low.1
            || address.wrapping_sub(self.high.0) < self.high.1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_outside_are_told() {
        let zones = Zones::new([0x9000..0x9100, 0x1000..0x2000, 0x2800..0x3000].into_iter());
        for inside in [0x1000, 0x2400, 0x3000, 0x9000, 0x9100] {
            assert!(zones.may_hold(inside), "{inside:#x}");
        }
        for outside in [0, 0xfff, 0x3001, 0x8fff, 0x9101, u64::MAX] {
            assert!(!zones.may_hold(outside), "{outside:#x}");
        }
        let one = Zones::new(std::iter::once(5..7));
        assert_eq!([4, 5, 7, 8].map(|at| one.may_hold(at)), [false, true, true, false]);
        assert!(!Zones::default().may_hold(0));
    }
}
