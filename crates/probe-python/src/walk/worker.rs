//! One thread of a survey: goes over stretches of memory and counts what it finds.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use probe::Result;
use target::memory::ReadMemory;

use super::placed::Placed;
use super::resident::Untouched;
use super::seen::{Seen, place};
use super::spans::{Span, SpanKind};
use super::window::{Bytes, Window};
use crate::census::elsewhere::Pending;
use crate::census::object::{Label, Object, Recogniser, label};
use crate::census::sizes::{Size, measure};
use crate::census::tally::Tally;
use crate::pymalloc::PoolTally;
use crate::pymalloc::pool::{HEADER, Pool};

/// The smallest page.
const PAGE: u64 = 4096;
/// No block is as large.
const LARGEST: u64 = 1 << 47;
/// The largest heap of a glibc thread arena, to which it is aligned.
pub(crate) const THREAD_HEAP: u64 = 64 << 20;
/// Bytes of an object that must be at hand to recognise and measure it: a type's fields.
pub(crate) const NEEDED: u64 = 1024;

/// Big blocks that reach into the stretch of another thread.
pub(crate) type Skips = Mutex<Vec<Range<u64>>>;

/// Is shown every object: its address and that of its type.
pub type Each<'e> = dyn Fn(u64, u64) + Sync + 'e;

/// An object with its size and the bytes of its block.
pub(crate) type Found = (Object, Size);

/// One thread's state.
pub(crate) struct Worker<'m, 't, 'a, M> {
    pub(crate) window: Window<'m, M>,
    pub(crate) recogniser: Recogniser<'t, 'a>,
    /// Whether objects are looked for, or pools alone.
    pub(crate) objects: bool,
    pub(crate) pools: PoolTally,
    pub(crate) tally: Tally,
    pub(crate) pending: Pending,
    pub(crate) skips: &'t Skips,
    pub(crate) untouched: &'t Untouched,
    /// Bytes of big blocks and heaps whose structure made no sense.
    pub(crate) torn: u64,
    /// Blocks that look like objects larger than they are.
    pub(crate) refused: u64,
    /// Where the objects that are met now live.
    pub(crate) place: u8,
    /// Every object, where they are to be kept.
    pub(crate) kept: Option<Vec<Seen>>,
    /// Every block of pymalloc in use and what objects are where, if that is to be kept.
    pub(crate) placed: Option<Placed>,
    /// Who wants to see every object.
    pub(crate) each: Option<&'t Each<'t>>,
}

impl<M: ReadMemory> Worker<'_, '_, '_, M> {
    /// Goes over a stretch.
    pub(crate) fn scan(&mut self, span: &Span) -> Result<()> {
        let Range { start, end } = span.range;
        match span.kind {
            SpanKind::Anonymous => self.scan_anonymous(start, end),
            SpanKind::Brk if self.objects => self.scan_heap(start, end),
            SpanKind::Data if self.objects => self.scan_data(start, end),
            SpanKind::Brk | SpanKind::Data => Ok(()),
        }
    }

    /// Reads what is still to be read.
    pub(crate) fn finish(&mut self) -> Result<()> {
        let memory = self.window.memory();
        self.pending.resolve(self.recogniser.rules, memory, &mut self.tally)
    }

    fn scan_anonymous(&mut self, start: u64, end: u64) -> Result<()> {
        let pool = self.recogniser.rules.geometry.pool;
        let mut at = start;
        while at < end {
            if self.window.lacks(at, pool, end) {
                at = self.untouched.skip(self.skip(at));
                if at >= end {
                    break;
                }
                // A pool at the border is whole: what was never touched begins behind it.
                let stop = self.untouched.next(at, end).next_multiple_of(pool).min(end);
                self.window.load(at, stop)?;
            }
            if at.is_multiple_of(pool) && self.pool(at)? {
                at += pool;
            } else if let Some(next) = self.big_block(at, end)? {
                at = next;
            } else {
                at += PAGE;
            }
        }
        Ok(())
    }

    /// The end of the big block of another thread that an address lies in, or the address.
    fn skip(&self, at: u64) -> u64 {
        let skips = self.skips.lock().unwrap_or_else(PoisonError::into_inner);
        skips.iter().find(|range| range.contains(&at)).map_or(at, |range| range.end)
    }

    /// Counts the pool at an address; whether there is one.
    fn pool(&mut self, address: u64) -> Result<bool> {
        let geometry = self.recogniser.rules.geometry;
        let Some(pool) = Pool::read(self.window.bytes(), address, &geometry) else {
            return Ok(false);
        };
        self.pools.add(address, &pool);
        if let Some(placed) = &mut self.placed {
            placed.add(address, &pool, geometry.block(pool.class));
        }
        if !self.objects {
            return Ok(true);
        }
        let size = geometry.block(pool.class);
        self.place = place::POOL;
        let mut objects = 0;
        for index in pool.blocks_in_use() {
            let base = address + HEADER + index * size;
            if let Some(found) = self.examine(base, size) {
                objects += 1;
                self.count(&found, size)?;
            }
        }
        self.pools.add_objects(pool.class, objects);
        Ok(true)
    }

    /// The object in a block of which `room` bytes can be used, where it fits.
    pub(crate) fn examine(&mut self, base: u64, room: u64) -> Option<Found> {
        let bytes = self.window.bytes();
        match label(bytes, base) {
            Label::None => self.examine_at(base, room),
            Label::Object(front, asked) => {
                self.examine_at(base + front, room.checked_sub(front)?.min(asked))
            }
            Label::Other => None,
        }
    }

    fn examine_at(&mut self, base: u64, room: u64) -> Option<Found> {
        let memory = self.window.memory();
        let bytes: Bytes<'_> = self.window.bytes();
        let object = self.recogniser.find(memory, bytes, base, room)?;
        let size = measure(self.recogniser.rules, &object, bytes)?;
        // A `time` or `datetime` without a time zone is a word smaller than its type says.
        if object.pre.saturating_add(size.own) > room.saturating_add(8) {
            self.refused += 1;
            return None;
        }
        Some((object, size))
    }

    /// Counts an object.
    pub(crate) fn count(&mut self, found: &Found, allocated: u64) -> Result<()> {
        let (object, size) = found;
        self.tally.add(object, size, allocated);
        if let Some(each) = self.each {
            each(object.address, object.shape.address);
        }
        if let Some(kept) = &mut self.kept {
            kept.push(Seen::new(object, size, self.place));
        }
        if let Some(placed) = &mut self.placed {
            placed.note(object, self.place);
        }
        let full =
            size.elsewhere.is_some_and(|elsewhere| self.pending.add(object.shape.index, elsewhere));
        if full { self.finish() } else { Ok(()) }
    }

    /// Looks for a block that glibc mapped by itself, or a heap of a thread arena, at the
    /// beginning of a page; the address behind it.
    fn big_block(&mut self, at: u64, end: u64) -> Result<Option<u64>> {
        let bytes = self.window.bytes();
        let (Some(first), Some(word)) = (bytes.word(at), bytes.word(at + 8)) else {
            return Ok(None);
        };
        let size = word & !7;
        let is_mapped = first == 0
            && word & 7 == 2
            && (PAGE..LARGEST).contains(&size)
            && (size % PAGE == 0 || (size + 16) % PAGE == 0)
            && at.checked_add(size).is_some_and(|stop| stop <= end || self.spans(at, size));
        if is_mapped {
            let stop = at + size.next_multiple_of(PAGE);
            if stop > end {
                let mut skips = self.skips.lock().unwrap_or_else(PoisonError::into_inner);
                skips.push(at..stop);
            }
            if self.objects {
                // The object's header may lie behind the window.
                self.window.ensure(at, NEEDED, end)?;
                self.place = place::MALLOC;
                if let Some(found) = self.examine(at + 16, size - 16) {
                    self.count(&found, size)?;
                }
            }
            return Ok(Some(stop));
        }
        if self.objects && at.is_multiple_of(THREAD_HEAP) {
            return self.thread_heap(at, end);
        }
        Ok(None)
    }

    fn spans(&self, at: u64, size: u64) -> bool {
        self.recogniser.spans.contains(at, size)
    }
}
