//! Goes over the words of blocks and of roots, once, with two threads, and keeps which blocks
//! that are no objects they point to.

use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use probe::{Error, ErrorKind, Result};
use target::gentle;
use target::memory::ReadMemory;

use super::Pointed;
use super::aims::{Aimed, Aims, Has};
use super::contents::{Contents, Look, Looks, is_text};
use super::edges::{Edges, Owned};
use super::hits::Hits;
use super::libraries::Libraries;
use super::mark::Target;
use super::owners::{Words, as_address};
use super::roots::{Root, RootKind};
use super::units::{ADDRESS, PAGE, Unit, Units};
use super::zones::Zones;
use crate::walk::resident::Untouched;
use crate::walk::spans::Spans;
use crate::walk::window::{WINDOW, Window};

/// Threads that read.
const THREADS: usize = 2;
/// Blocks that are read in one go.
const RUN: usize = 1 << 14;
/// As many blocks that are no objects lie in few runs.
const STEP: u32 = 1 << 12;
/// Bytes of roots that are read in one go.
const PIECE: u64 = 16 << 20;

/// Pointers, in the pieces in which they were read: joined they would be there twice for a while.
#[derive(Debug, Default)]
pub(super) struct Pointers {
    /// Of [`RUN`] blocks each.
    runs: Vec<Run>,
    /// The run of each [`STEP`]th block that is no object.
    places: Vec<u32>,
    /// From variables of libraries: the block, the number of the root, the place of the word.
    pub(super) from_variables: Vec<(u32, u32, u64)>,
    /// Blocks to which stacks point, and other memory.
    pub(super) from_stacks: Hits,
    pub(super) from_mappings: Hits,
    /// Where they point to.
    pub(super) pointed: Pointed,
    /// To mappings.
    pub(super) aimed: Aimed,
}

/// What was found in neighbouring blocks.
#[derive(Debug, Default)]
struct Run {
    edges: Edges,
    owned: Owned,
    looks: Looks,
}

impl Pointers {
    /// Shows the blocks that one that is no object points to.
    pub(super) fn each(&self, native: u32, see: impl FnMut(Target)) {
        if let Some(run) = self.run(native) {
            run.edges.each(native, see);
        }
    }

    /// Types of objects with what these point to.
    pub(super) fn of_objects(&self) -> impl Iterator<Item = (u32, Target)> + '_ {
        self.runs.iter().flat_map(|run| run.owned.iter())
    }

    /// What a block that is no object seems to hold.
    pub(super) fn look(&self, native: u32, libraries: &Libraries) -> Option<Look> {
        let run = self.run(native)?;
        let number = native.checked_sub(run.edges.first())?;
        run.looks.get(number as usize, libraries.extension_numbers())
    }

    fn run(&self, native: u32) -> Option<&Run> {
        let mut place = *self.places.get((native / STEP) as usize)? as usize;
        while self.runs.get(place + 1).is_some_and(|next| next.edges.first() <= native) {
            place += 1;
        }
        self.runs.get(place)
    }

    /// To be called when all runs are there.
    fn index(&mut self, natives: usize) {
        let place = |native: u32| {
            let after = self.runs.partition_point(|run| run.edges.first() <= native);
            after.saturating_sub(1) as u32
        };
        self.places = (0..natives as u32).step_by(STEP as usize).map(place).collect();
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
    /// What is to be known of the words of objects, by type.
    pub(super) kinds: &'a [Words],
    pub(super) hurry: bool,
}

/// The work in progress.
struct Work<'a, M> {
    scan: &'a Scan<'a, M>,
    zones: Zones,
    stacks: Hits,
    mappings: Hits,
}

/// What was found in one go.
#[derive(Default)]
struct Part {
    run: Run,
    from_variables: Vec<(u32, u32, u64)>,
    aimed: Aimed,
    pointed: Pointed,
}

impl<M: ReadMemory + Sync> Scan<'_, M> {
    pub(super) fn run(&self) -> Result<Pointers> {
        let places = self.libraries.ranges().chain(self.units.ranges());
        let aims = self.aims.list.iter().map(|aim| aim.range.clone());
        let hits = || Hits::new(self.units.natives());
        let zones = Zones::new(places.chain(aims));
        let work = Work { scan: self, zones, stacks: hits(), mappings: hits() };
        let parts = work.share_out()?;
        let (from_stacks, from_mappings) = (work.stacks, work.mappings);
        let mut all = Pointers { from_stacks, from_mappings, ..Pointers::default() };
        // In order: runs of blocks first, then roots.
        for (number, part) in parts {
            if number < self.runs() {
                all.runs.push(part.run);
            }
            all.from_variables.extend(part.from_variables);
            all.aimed.merge(part.aimed);
            all.pointed.add(&part.pointed);
        }
        all.index(self.units.natives());
        Ok(all)
    }

    fn runs(&self) -> usize {
        self.units.len().div_ceil(RUN)
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
}

impl<M: ReadMemory + Sync> Work<'_, M> {
    /// The parts in order.
    fn share_out(&self) -> Result<Vec<(usize, Part)>> {
        let (pieces, runs) = (self.scan.pieces(), self.scan.runs());
        let next = AtomicUsize::new(0);
        let parts: Mutex<Vec<(usize, Part)>> = Mutex::default();
        let work = |mut gentle: gentle::Worker<'_>| -> Result<()> {
            let mut window = Window::new(self.scan.memory);
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
                let mut parts = parts.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                parts.push((number, part));
                drop(parts);
                gentle.note();
            }
            Ok(())
        };
        for part in gentle::share_out(THREADS, self.scan.hurry, work) {
            let panicked =
                |_| Error::new(ErrorKind::Panicked, "a thread that read memory panicked");
            part.map_err(panicked)??;
        }
        let mut parts = parts.into_inner().unwrap_or_default();
        parts.sort_by_key(|part| part.0);
        Ok(parts)
    }

    fn blocks(&self, run: usize, window: &mut Window<'_, M>, part: &mut Part) -> Result<()> {
        let units = self.scan.units;
        let numbers = run * RUN..units.len().min((run + 1) * RUN);
        let first = units.natives_before(numbers.start as u32);
        part.run.edges = Edges::from(first);
        part.run.looks.reserve((units.natives_before(numbers.end as u32) - first) as usize);
        let stop = units.iter(numbers.end - 1..numbers.end).next().map_or(0, |unit| unit.end);
        let mut targets = Vec::new();
        for unit in units.iter(numbers) {
            match units.shape(unit.number) {
                Some(shape) => self.object(&unit, shape, stop, window, part)?,
                None => self.native(&unit, stop, window, part, &mut targets)?,
            }
        }
        part.run.edges.shrink();
        part.run.owned.shrink();
        Ok(())
    }

    fn object(
        &self,
        unit: &Unit,
        shape: u32,
        stop: u64,
        window: &mut Window<'_, M>,
        part: &mut Part,
    ) -> Result<()> {
        let mut range = unit.range();
        // Texts and numbers have no mapping: what looks so is left over in their block.
        let (mut may_map, mut has) = (true, Has::Object);
        if let Some(kind) = self.scan.kinds.get(shape as usize) {
            if let Some(digits) = kind.digits {
                return self.number(unit, shape, digits, stop, window, part);
            }
            may_map = kind.head == u64::MAX;
            range.end = range.end.min(range.start.saturating_add(kind.head));
            if kind.is_view {
                has = Has::View;
            }
        }
        let mut last = None;
        self.words(range, stop, window, |_, words| {
            for word in near(words, &self.zones) {
                if let Some(found) = self.scan.units.pointed(word) {
                    let target = self.target(&found, word, part);
                    if target.is_some() && target != last {
                        last = target;
                        last.into_iter().for_each(|target| part.run.owned.push(shape, target));
                    }
                } else if may_map {
                    part.aimed.note_unit(self.scan.aims, word, unit.number, has);
                }
            }
        })
    }

    /// An `int` that is the address of a block holds it: for Python code that is a handle.
    fn number(
        &self,
        unit: &Unit,
        shape: u32,
        digits: u64,
        stop: u64,
        window: &mut Window<'_, M>,
        part: &mut Part,
    ) -> Result<()> {
        let at = unit.start.saturating_add(digits);
        let range = at.saturating_sub(8)..at.saturating_add(8).min(unit.end);
        let (mut words, mut read) = ([0; 2], 0);
        self.words(range, stop, window, |_, found| {
            for (word, bytes) in words.iter_mut().skip(read).zip(found) {
                *word = u64::from_ne_bytes(*bytes);
            }
            read += found.len();
        })?;
        let address = as_address(words[0], words[1]);
        let near = |&at: &u64| at >= PAGE && self.zones.may_hold(at);
        let Some(address) = address.filter(near) else { return Ok(()) };
        match self.scan.units.pointed(address) {
            Some(found) if found.begins_near(address) => {
                let target = self.target(&found, address, part);
                target.into_iter().for_each(|target| part.run.owned.push(shape, target));
            }
            Some(_) => {}
            None => part.aimed.note_unit(self.scan.aims, address, unit.number, Has::View),
        }
        Ok(())
    }

    fn native(
        &self,
        unit: &Unit,
        stop: u64,
        window: &mut Window<'_, M>,
        part: &mut Part,
        targets: &mut Vec<Target>,
    ) -> Result<()> {
        let mut seen = Contents::default();
        targets.clear();
        self.words(unit.range(), stop, window, |_, words| {
            for (index, bytes) in words.iter().enumerate() {
                let word = u64::from_ne_bytes(*bytes);
                if word < PAGE {
                    seen.zero += u64::from(word == 0);
                } else if !self.zones.may_hold(word & ADDRESS) {
                    seen.text += u64::from(is_text(word));
                } else if let Some(found) = self.scan.units.pointed(word) {
                    seen.pointers += 1;
                    let target = self.target(&found, word, part);
                    let other = target.filter(|_| found.number != unit.number);
                    targets.extend(other.filter(|other| targets.last() != Some(other)));
                } else {
                    part.aimed.note_unit(self.scan.aims, word, unit.number, Has::Native);
                    seen.add(word, seen.words == 0 && index == 0, self.scan.libraries);
                }
            }
            seen.words += words.len() as u64;
        })?;
        part.run.edges.push(targets);
        part.run.looks.push(seen.look(), self.scan.libraries.extension_numbers());
        Ok(())
    }

    fn root(
        &self,
        root: u32,
        range: &Range<u64>,
        window: &mut Window<'_, M>,
        part: &mut Part,
    ) -> Result<()> {
        let kind = self.scan.roots.get(root as usize).map_or(RootKind::Mapping, |root| root.kind);
        self.words(range.clone(), range.end, window, |start, words| {
            for (at, bytes) in (start..).step_by(8).zip(words) {
                let word = u64::from_ne_bytes(*bytes);
                if word < PAGE || !self.zones.may_hold(word & ADDRESS) {
                    continue;
                }
                let Some(found) = self.scan.units.pointed(word) else {
                    part.aimed.note_root(self.scan.aims, word, at, (root, kind));
                    continue;
                };
                let Some(Target { native, .. }) = self.target(&found, word, part) else { continue };
                match kind {
                    RootKind::Global(_) => part.from_variables.push((native, root, at)),
                    RootKind::Stack => self.stacks.add(native),
                    RootKind::Mapping => self.mappings.add(native),
                }
            }
        })
    }

    /// Counts a word that leads to a block, and says to which, if that is no object.
    fn target(&self, found: &Unit, word: u64, part: &mut Part) -> Option<Target> {
        found.classify(word, &mut part.pointed);
        let native = self.scan.units.native(found.number)?;
        Some(Target { native, near: found.begins_near(word) })
    }

    /// Shows all words of a range that were ever touched, in stretches. What is up to `stop` will
    /// be wanted next.
    fn words(
        &self,
        range: Range<u64>,
        stop: u64,
        window: &mut Window<'_, M>,
        mut see: impl FnMut(u64, &[[u8; 8]]),
    ) -> Result<()> {
        let (mut at, end) = (range.start.next_multiple_of(8), range.end & !7);
        while at < end {
            if window.lacks(at, WINDOW, end) {
                at = self.scan.untouched.skip(at);
                if at >= end {
                    break;
                }
                let reach = self.scan.spans.reach(at).min(stop).max(end);
                window.load(at, self.scan.untouched.next(at, reach).max(at + 8))?;
            }
            let bytes = window.bytes();
            let inside = (at - bytes.start) as usize;
            let count = (end - at).min(bytes.bytes.len().saturating_sub(inside) as u64) & !7;
            let words = bytes.slice(at, count as usize).unwrap_or_default();
            see(at, words.as_chunks::<8>().0);
            at += count.max(8);
        }
        Ok(())
    }
}

/// Words that may be addresses, with marks or without.
fn near<'a>(words: &'a [[u8; 8]], zones: &'a Zones) -> impl Iterator<Item = u64> + 'a {
    let words = words.iter().map(|bytes| u64::from_ne_bytes(*bytes));
    words.filter(|&word| word >= PAGE && zones.may_hold(word & ADDRESS))
}
