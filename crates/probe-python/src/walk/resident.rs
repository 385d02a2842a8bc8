//! Which memory was never touched: it holds nothing, and reading it would make the kernel give
//! the target page tables for it.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;

use super::spans::{SpanKind, Spans};

/// Pages whose marks are read at once.
const BATCH: usize = 1 << 15;
/// Stretches shorter than this are read anyway, bytes.
const SHORTEST: u64 = 128 << 10;
/// The most address space whose marks are read: 8 bytes are read for each page. Reservations of
/// sanitizers have 16 TiB.
const MOST: u64 = 1 << 40;
/// `/proc/PID/pagemap`: the page is in memory, or swapped out.
const PRESENT_OR_SWAPPED: u64 = 3 << 62;

/// Stretches of memory that were never touched, in order of address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Untouched {
    list: Vec<Range<u64>>,
    /// Bytes of address space that were left out altogether because there is too much of it.
    pub(crate) left_out: u64,
}

impl Untouched {
    /// From `/proc/PID/pagemap`; where that cannot be read, nothing is known to be untouched.
    pub(crate) fn read(pagemap: &File, spans: &Spans, page: u64) -> Self {
        let mut untouched = Self::default();
        let mut left = MOST;
        let anonymous = spans.list().iter().filter(|span| span.kind == SpanKind::Anonymous);
        for span in anonymous.filter(|span| span.range.end - span.range.start >= SHORTEST) {
            let length = span.range.end - span.range.start;
            if length > left {
                untouched.left_out = untouched.left_out.saturating_add(length);
                untouched.add(span.range.clone());
                continue;
            }
            left -= length;
            untouched.read_span(pagemap, &span.range, page);
        }
        untouched.list.retain(|range| range.end - range.start >= SHORTEST);
        untouched
    }

    fn read_span(&mut self, pagemap: &File, range: &Range<u64>, page: u64) {
        each_page(pagemap, range, page, |at, mark| {
            if mark & PRESENT_OR_SWAPPED == 0 {
                self.add(at..at + page);
            }
        });
    }

    /// Adds a stretch behind those that are there.
    fn add(&mut self, range: Range<u64>) {
        match self.list.last_mut() {
            Some(last) if last.end == range.start => last.end = range.end,
            // What is too short is not worth keeping.
            Some(last) if last.end - last.start < SHORTEST => *last = range,
            _ => self.list.push(range),
        }
    }

    /// The end of the untouched stretch that an address lies in, or the address.
    pub(crate) fn skip(&self, at: u64) -> u64 {
        let after = self.list.partition_point(|range| range.start <= at);
        let range = after.checked_sub(1).and_then(|index| self.list.get(index));
        range.filter(|range| range.contains(&at)).map_or(at, |range| range.end)
    }

    /// Where the next untouched stretch begins, or `end`.
    pub(crate) fn next(&self, at: u64, end: u64) -> u64 {
        let after = self.list.partition_point(|range| range.start <= at);
        self.list.get(after).map_or(end, |range| range.start.min(end))
    }
}

/// Every page of a range with what the kernel says of it, up to where it says nothing.
pub(crate) fn each_page(
    pagemap: &File,
    range: &Range<u64>,
    page: u64,
    mut visit: impl FnMut(u64, u64),
) {
    let mut buffer = vec![0; 8 * BATCH];
    let mut at = range.start;
    while at < range.end {
        let pages = ((range.end - at) / page).min(BATCH as u64) as usize;
        let marks = &mut buffer[..8 * pages];
        if pages == 0 || pagemap.read_exact_at(marks, at / page * 8).is_err() {
            return;
        }
        for (mark, at) in marks.as_chunks::<8>().0.iter().zip((at..).step_by(page as usize)) {
            visit(at, u64::from_ne_bytes(*mark));
        }
        at += pages as u64 * page;
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    /// Short holes are read, long ones are skipped, and what is swapped out is memory.
    #[test]
    fn long_holes_are_skipped() {
        let page = 4096;
        let text = "10000-110000 rw-p 0 00:00 0 \n";
        let mappings: Vec<_> =
            target::procfs::smaps::parse(text.as_bytes()).map(|m| m.into_owned()).collect();
        let mut marks = vec![0_u64; 0x110];
        marks[0x10] = 1 << 63;
        marks[0x12] = 1 << 62;
        marks[0x80] = 1 << 63;
        let mut file = tempfile::tempfile().unwrap();
        let bytes: Vec<u8> = marks.iter().flat_map(|mark| mark.to_ne_bytes()).collect();
        file.write_all(&bytes).unwrap();
        let untouched = Untouched::read(&file, &Spans::new(&mappings), page);
        assert_eq!(untouched.list, [0x13000..0x80000, 0x81000..0x110000]);
        assert_eq!(untouched.skip(0x13000), 0x80000);
        assert_eq!(untouched.skip(0x11000), 0x11000);
        assert_eq!(untouched.skip(0x80000), 0x80000);
        assert_eq!(untouched.next(0x10000, 0x110000), 0x13000);
        assert_eq!(untouched.next(0x80000, 0x80800), 0x80800);
        assert_eq!(Untouched::default().skip(7), 7);
    }
}
