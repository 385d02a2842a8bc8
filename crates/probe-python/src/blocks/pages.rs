//! Which anonymous pages of a process are resident, to be asked about any stretch of memory.

use std::fs::File;
use std::ops::Range;

use probe::{Issue, Result, Severity};
use target::images::Mapping;
use target::procfs::{ProcessDir, clock, smaps};

use crate::walk::resident::each_page;

/// The most address space of one mapping whose marks are read, bytes: 8 bytes for each page.
const MOST: u64 = 1 << 40;
/// `/proc/PID/pagemap`: the page is in memory.
const PRESENT: u64 = 1 << 63;
/// The page is a file's, or shared.
const FILE: u64 = 1 << 61;

/// Resident stretches of anonymous memory, in order of address.
#[derive(Clone, Debug, Default)]
pub(super) struct Pages {
    runs: Vec<Run>,
}

/// A stretch of resident pages. Pages of zeros that were only read look like resident ones and
/// take no memory; which they are cannot be told. So what the kernel counts for a mapping is
/// spread evenly over those of its pages that look resident.
#[derive(Clone, Debug)]
struct Run {
    range: Range<u64>,
    /// Resident bytes in front of its mapping.
    before: u64,
    /// Bytes of its mapping in front of it that look resident.
    done: u64,
    /// Resident bytes of its mapping, and bytes that look so.
    share: (u64, u64),
}

impl Run {
    /// Resident bytes in front of a place in it, so many bytes behind its start.
    fn below(&self, inside: u64) -> u64 {
        let (counted, seen) = self.share;
        if counted == seen {
            return self.before.saturating_add(self.done).saturating_add(inside);
        }
        let bytes = u128::from(self.done) + u128::from(inside);
        let scaled = bytes * u128::from(counted) / u128::from(seen.max(1));
        self.before.saturating_add(u64::try_from(scaled).unwrap_or(u64::MAX))
    }
}

impl Pages {
    /// The pages of a process.
    ///
    /// # Errors
    /// When the kernel does not say what is resident in which mapping.
    pub(super) fn read(process: &ProcessDir, issues: &mut Vec<Issue>) -> Result<Self> {
        let mut mappings = Vec::new();
        smaps::stream(process.file("smaps")?, |mapping| {
            if mapping.counts.anonymous.is_some_and(|bytes| bytes > 0) {
                mappings.push(mapping.into_owned());
            }
        })
        .map_err(|error| process.explain("smaps", error))?;
        let pagemap = process.file("pagemap");
        if let Err(error) = &pagemap {
            let mut issue = error.to_issue(Severity::Warning);
            issue.message += ": resident bytes are spread evenly over each mapping";
            issues.push(issue);
        }
        Ok(Self::of(&mappings, pagemap.ok().as_ref(), clock::page_size().max(1)))
    }

    fn of(mappings: &[Mapping], pagemap: Option<&File>, page: u64) -> Self {
        let mut pages = Self::default();
        for mapping in mappings {
            let counted = mapping.counts.anonymous.unwrap_or(0).min(mapping.len());
            let mut runs = Vec::new();
            if let Some(pagemap) = pagemap.filter(|_| mapping.len() <= MOST) {
                present(pagemap, mapping.start..mapping.end, page, &mut runs);
            }
            if runs.is_empty() && counted > 0 {
                runs.push(mapping.start..mapping.end);
            }
            let seen = runs.iter().map(|range| range.end - range.start).sum();
            // The kernel may count less than there is, never the other way round.
            let share = (counted.min(seen), seen);
            let (before, mut done) = (pages.total(), 0);
            for range in runs {
                let length = range.end - range.start;
                pages.runs.push(Run { range, before, done, share });
                done += length;
            }
        }
        pages
    }

    /// All of it, bytes.
    pub(super) fn total(&self) -> u64 {
        self.runs.last().map_or(0, |run| self.below(run.range.end))
    }

    /// The resident stretches of a range; what is nearer to each other than `gap` is one.
    pub(super) fn stretches(&self, range: &Range<u64>, gap: u64) -> Vec<Range<u64>> {
        let mut found: Vec<Range<u64>> = Vec::new();
        let first = self.runs.partition_point(|run| run.range.end <= range.start);
        for run in self.runs[first..].iter().take_while(|run| run.range.start < range.end) {
            let part = run.range.start.max(range.start)..run.range.end.min(range.end);
            match found.last_mut() {
                Some(last) if part.start - last.end < gap => last.end = part.end,
                _ => found.push(part),
            }
        }
        found
    }

    /// Resident bytes below an address.
    fn below(&self, address: u64) -> u64 {
        let after = self.runs.partition_point(|run| run.range.start <= address);
        let Some(run) = after.checked_sub(1).and_then(|at| self.runs.get(at)) else { return 0 };
        run.below(address.min(run.range.end) - run.range.start)
    }

    /// To be asked about one stretch behind the other.
    pub(super) fn meter(&self) -> Meter<'_> {
        Meter { runs: &self.runs, next: None }
    }

    /// Resident bytes of a stretch. Those of neighbours add up to what both have together.
    pub(super) fn bytes(&self, range: &Range<u64>) -> u64 {
        self.below(range.end).saturating_sub(self.below(range.start))
    }
}

/// Knows which run was asked about last.
#[derive(Clone, Debug)]
pub(super) struct Meter<'a> {
    runs: &'a [Run],
    /// The first run behind the last address.
    next: Option<usize>,
}

impl Meter<'_> {
    /// As [`Pages::bytes`], of stretches in order of address.
    pub(super) fn bytes(&mut self, range: &Range<u64>) -> u64 {
        let start = self.below(range.start);
        self.below(range.end).saturating_sub(start)
    }

    fn below(&mut self, address: u64) -> u64 {
        let search = || self.runs.partition_point(|run| run.range.start <= address);
        let next = self.next.get_or_insert_with(search);
        while self.runs.get(*next).is_some_and(|run| run.range.start <= address) {
            *next += 1;
        }
        let run = next.checked_sub(1).and_then(|at| self.runs.get(at));
        run.map_or(0, |run| run.below(address.min(run.range.end) - run.range.start))
    }
}

/// Adds the stretches of anonymous pages that are in memory.
fn present(pagemap: &File, range: Range<u64>, page: u64, runs: &mut Vec<Range<u64>>) {
    each_page(pagemap, &range, page, |at, mark| {
        if mark & (PRESENT | FILE) != PRESENT {
            return;
        }
        match runs.last_mut() {
            Some(last) if last.end == at => last.end = at + page,
            _ => runs.push(at..at + page),
        }
    });
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    const PAGE: u64 = 4096;

    fn pages(text: &str, marks: Option<&[(usize, u64)]>) -> Pages {
        let mappings: Vec<_> = smaps::parse(text.as_bytes()).map(|m| m.into_owned()).collect();
        let file = marks.map(|marks| {
            let mut words = vec![0_u64; 0x40];
            for &(page, mark) in marks {
                words[page] = mark;
            }
            let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(&bytes).unwrap();
            file
        });
        Pages::of(&mappings, file.as_ref(), PAGE)
    }

    /// File pages and what is swapped out do not count; parts of pages count as such.
    #[test]
    fn resident_bytes_of_any_stretch() {
        let text = "10000-20000 rw-p 0 00:00 0 \nAnonymous: 12 kB\n";
        let marks = [(0x10, PRESENT), (0x11, PRESENT), (0x13, PRESENT | FILE), (0x14, 1 << 62)];
        let all = [&marks[..], &[(0x1f, PRESENT)]].concat();
        let pages = pages(text, Some(&all));
        assert_eq!(pages.total(), 3 * PAGE);
        assert_eq!(pages.bytes(&(0x10800..0x11800)), PAGE);
        assert_eq!(pages.bytes(&(0x12000..0x1f000)), 0);
        assert_eq!(pages.bytes(&(0..u64::MAX)), 3 * PAGE);
        assert_eq!(pages.bytes(&(0x1f800..0x30000)), PAGE / 2);
        let mut meter = pages.meter();
        for start in (0xf000..0x22000).step_by(0x700) {
            let range = start..start + 0x600;
            assert_eq!(meter.bytes(&range), pages.bytes(&range), "{start:#x}");
        }
        let stretches = pages.stretches(&(0x11000..0x20000), 2 * PAGE);
        assert_eq!(stretches, [0x11000..0x12000, 0x1f000..0x20000]);
        assert_eq!(pages.stretches(&(0x12000..0x1f000), PAGE), []);
    }

    /// What looks resident and is not is taken off evenly, and neighbours still add up.
    #[test]
    fn the_sum_is_the_kernels() {
        let text = "10000-14000 rw-p 0 00:00 0 \nAnonymous: 4 kB\n\
                    20000-21000 rw-p 0 00:00 0 \nAnonymous: 4 kB\n";
        let marks: Vec<_> = [0x10, 0x11, 0x13, 0x20].map(|page| (page, PRESENT)).into();
        let pages = pages(text, Some(&marks));
        assert_eq!(pages.total(), 2 * PAGE);
        let cuts = [0x10000, 0x10018, 0x10ff0, 0x11008, 0x13ff8, 0x20010, 0x21000];
        let parts: u64 = cuts.windows(2).map(|cut| pages.bytes(&(cut[0]..cut[1]))).sum();
        assert_eq!(parts, 2 * PAGE);
    }

    #[test]
    fn without_marks_it_is_spread() {
        let text = "10000-14000 rw-p 0 00:00 0 \nAnonymous: 8 kB\n";
        let pages = pages(text, None);
        assert_eq!(pages.bytes(&(0x10000..0x12000)), PAGE);
        assert_eq!(Pages::default().bytes(&(0..u64::MAX)), 0);
    }
}
