//! Goes over the words of blocks and of roots, once, with two threads, and keeps which blocks
//! they point to.

use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use probe::{Error, ErrorKind, Result};
use target::gentle;
use target::memory::ReadMemory;

use super::aims::{Aimed, Aims, Has};
use super::libraries::Libraries;
use super::roots::{Root, RootKind};
use super::units::{NO_OBJECT, Units};
use super::{Content, NO_LIBRARY, Pointed};
use crate::walk::resident::Untouched;
use crate::walk::spans::Spans;
use crate::walk::window::{WINDOW, Window};

/// Threads that read.
const THREADS: usize = 2;
/// Blocks that are read in one go.
const RUN: usize = 1 << 14;
/// Bytes of roots that are read in one go.
const PIECE: u64 = 16 << 20;

/// The mark of a pointer to the beginning of a block.
pub(super) const NEAR: u32 = 1 << 31;

/// What a block seems to hold, and the library that it points into.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    pub(super) content: Content,
    pub(super) library: u16,
}

/// Pointers, in the pieces in which they were read: joined they would be there twice for a while.
#[derive(Debug, Default)]
pub(super) struct Pointers {
    /// Of [`RUN`] blocks each.
    runs: Vec<Run>,
    /// From roots: the block, the number of the root, the place of the word.
    pub(super) from_roots: Vec<(u32, u32, u64)>,
    /// Where they point to.
    pub(super) pointed: Pointed,
    /// To mappings.
    pub(super) aimed: Aimed,
}

/// What was found in neighbouring blocks.
#[derive(Debug, Default)]
struct Run {
    /// Where the pointers of each block end.
    ends: Vec<u32>,
    /// With the mark [`NEAR`], or without.
    target: Vec<u32>,
    /// By block; of objects nothing is kept.
    looks: Vec<Look>,
}

impl Pointers {
    /// The blocks that a block points to.
    pub(super) fn of(&self, unit: u32) -> &[u32] {
        let Some(run) = self.runs.get(unit as usize / RUN) else { return &[] };
        let at = unit as usize % RUN;
        let end = |at: usize| run.ends.get(at).map_or(0, |&end| end as usize);
        run.target.get(at.checked_sub(1).map_or(0, end)..end(at)).unwrap_or_default()
    }

    /// What a block seems to hold.
    pub(super) fn look(&self, unit: usize) -> Option<Look> {
        self.runs.get(unit / RUN)?.looks.get(unit % RUN).copied()
    }
}

/// What is read.
pub(super) struct Scan<'a, M> {
    pub(super) memory: &'a M,
    pub(super) spans: &'a Spans,
    pub(super) untouched: &'a Untouched,
    pub(super) units: &'a Units,
    pub(super) libraries: &'a Libraries,
    pub(super) roots: &'a [Root],
    /// Mappings to which pointers are looked for.
    pub(super) aims: &'a Aims,
    /// Bytes at the beginning of objects of a type that may hold pointers.
    pub(super) heads: &'a [u64],
    /// Whether objects of a type are views of memory that others have.
    pub(super) views: &'a [bool],
    pub(super) hurry: bool,
}

/// What was found in one go.
#[derive(Default)]
struct Part {
    run: Run,
    from_roots: Vec<(u32, u32, u64)>,
    aimed: Aimed,
    pointed: Pointed,
}

impl<M: ReadMemory + Sync> Scan<'_, M> {
    pub(super) fn run(&self) -> Result<Pointers> {
        let pieces = self.pieces();
        let runs = self.units.len().div_ceil(RUN);
        let next = AtomicUsize::new(0);
        let parts: Mutex<Vec<(usize, Part)>> = Mutex::default();
        let work = |mut gentle: gentle::Worker<'_>| -> Result<()> {
            let mut window = Window::new(self.memory);
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let mut part = Part::default();
                if number < runs {
                    self.blocks(number, &mut window, &mut part)?;
                } else if let Some((root, range)) = pieces.get(number - runs) {
                    self.root(*root, range, &mut window, &mut part)?;
                } else {
                    break;
                }
                part.run.target.shrink_to_fit();
                let mut parts = parts.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                parts.push((number, part));
                drop(parts);
                gentle.note();
            }
            Ok(())
        };
        for part in gentle::share_out(THREADS, self.hurry, work) {
            let panicked =
                |_| Error::new(ErrorKind::Panicked, "a thread that read memory panicked");
            part.map_err(panicked)??;
        }
        let mut parts = parts.into_inner().unwrap_or_default();
        parts.sort_by_key(|part| part.0);
        Ok(join(parts, runs))
    }

    fn pieces(&self) -> Vec<(u32, Range<u64>)> {
        let mut pieces = Vec::new();
        for (number, root) in (0_u32..).zip(self.roots) {
            let mut at = root.range.start.next_multiple_of(8);
            while at < root.range.end {
                let stop = root.range.end.min(at.saturating_add(PIECE));
                pieces.push((number, at..stop));
                at = stop;
            }
        }
        pieces
    }

    fn blocks(&self, run: usize, window: &mut Window<'_, M>, part: &mut Part) -> Result<()> {
        let units = run * RUN..self.units.len().min((run + 1) * RUN);
        part.run.ends.reserve_exact(units.len());
        part.run.looks.reserve_exact(units.len());
        for unit in units {
            let mut range = self.units.range(unit);
            let shape = self.units.shape[unit];
            // Texts and numbers have no mapping: what looks so is left over in their block.
            let mut may_map = true;
            if let Some(&head) = self.heads.get(shape as usize) {
                may_map = head == u64::MAX;
                range.end = range.end.min(range.start.saturating_add(head));
            }
            let mut seen = Contents::default();
            let mut last = NO_OBJECT;
            self.words(range, window, |_, word| {
                if let Some(target) = self.units.pointed(word) {
                    seen.pointers += 1;
                    self.units.classify(target, word, &mut part.pointed);
                    let near = if self.units.begins_near(target, word) { NEAR } else { 0 };
                    if target | near != last && target as usize != unit {
                        last = target | near;
                        part.run.target.push(last);
                    }
                    return;
                }
                let is_object = shape != NO_OBJECT;
                if may_map {
                    let has = match self.views.get(shape as usize) {
                        None => Has::Native,
                        Some(true) => Has::View,
                        Some(false) => Has::Object,
                    };
                    part.aimed.note_unit(self.aims, word, unit as u32, has);
                }
                if !is_object {
                    seen.add(word, self.libraries);
                }
            })?;
            part.run.ends.push(u32::try_from(part.run.target.len()).unwrap_or(u32::MAX));
            part.run.looks.push(seen.look());
        }
        Ok(())
    }

    fn root(
        &self,
        root: u32,
        range: &Range<u64>,
        window: &mut Window<'_, M>,
        part: &mut Part,
    ) -> Result<()> {
        let kind = self.roots.get(root as usize).map_or(RootKind::Mapping, |root| root.kind);
        self.words(range.clone(), window, |at, word| {
            if let Some(target) = self.units.pointed(word) {
                self.units.classify(target, word, &mut part.pointed);
                part.from_roots.push((target, root, at));
            } else {
                part.aimed.note_root(self.aims, word, at, (root, kind));
            }
        })
    }

    /// Shows all words of a range that were ever touched.
    fn words(
        &self,
        range: Range<u64>,
        window: &mut Window<'_, M>,
        mut see: impl FnMut(u64, u64),
    ) -> Result<()> {
        let (mut at, end) = (range.start.next_multiple_of(8), range.end & !7);
        while at < end {
            if window.lacks(at, WINDOW, end) {
                at = self.untouched.skip(at);
                if at >= end {
                    break;
                }
                // Neighbours will be wanted next: the window may reach behind the range.
                let reach = self.spans.reach(at).max(end);
                window.load(at, self.untouched.next(at, reach).max(at + 8))?;
            }
            let bytes = window.bytes();
            let words = (at..end).step_by(8).map_while(|place| Some((place, bytes.word(place)?)));
            for (place, word) in words {
                see(place, word);
                at = place + 8;
            }
        }
        Ok(())
    }
}

/// The parts in order: runs of blocks first, then roots.
fn join(parts: Vec<(usize, Part)>, runs: usize) -> Pointers {
    let mut all = Pointers::default();
    for (number, part) in parts {
        if number < runs {
            all.runs.push(part.run);
        }
        all.from_roots.extend(part.from_roots);
        all.aimed.merge(part.aimed);
        all.pointed.add(&part.pointed);
    }
    all
}

/// The words of a block, counted.
#[derive(Debug, Default)]
struct Contents {
    words: u64,
    zero: u64,
    text: u64,
    pointers: u64,
    /// Whether the first word leads into a library.
    starts_in: bool,
    extension: Option<u16>,
}

impl Contents {
    fn add(&mut self, word: u64, libraries: &Libraries) {
        self.words += 1;
        if word == 0 {
            self.zero += 1;
        } else if is_text(word) {
            self.text += 1;
        } else if let Some((library, code)) = libraries.of(word) {
            self.starts_in |= self.words == 1 && self.pointers == 0;
            let first = self.extension.is_none() || code;
            if libraries.is_extension(library) && first {
                self.extension = Some(library);
            }
        }
    }

    fn look(&self) -> Look {
        let all = self.words + self.pointers;
        let content = if self.starts_in {
            Content::Code
        } else if self.zero == all {
            Content::Zero
        } else if 2 * self.text >= all - self.zero.min(all) {
            Content::Text
        } else if 4 * self.pointers >= all {
            Content::Pointers
        } else {
            Content::Other
        };
        Look { content, library: self.extension.unwrap_or(NO_LIBRARY) }
    }
}

/// Whether all bytes of a word are printable, or zero behind those that are.
fn is_text(word: u64) -> bool {
    let bytes = word.to_le_bytes();
    let length = bytes.iter().position(|&byte| byte == 0).unwrap_or(8);
    let printable = |byte: &u8| (0x20..0x7f).contains(byte) || (9..14).contains(byte);
    length >= 3 && bytes[..length].iter().all(printable) && bytes[length..].iter().all(|&b| b == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_told_from_numbers() {
        for text in ["a-word::", "abc\0\0\0\0\0", "tab\tand\n"] {
            assert!(is_text(u64::from_le_bytes(text.as_bytes().try_into().unwrap())), "{text}");
        }
        for number in [0, 1, 0x41, 0x5555_5555_1230, u64::MAX, 0x6161_0061_6161_6161] {
            assert!(!is_text(number), "{number:#x}");
        }
    }
}
