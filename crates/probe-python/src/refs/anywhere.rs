//! Looks through all memory for pointers to objects to which no reference is known.
//!
//! References are read where they are known to stand. Native memory that nothing leads to is not
//! among these places, and it may be what holds an object: then it is not said of it that nothing
//! does.

use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use glibc_heap::Regions;
use heap::{EdgeChunk, IMMORTAL_COUNT, Objects, RootKind, Strength, flags};
use probe::{Error, ErrorKind, Result};
use target::gentle;
use target::memory::ReadMemory;

use super::index::Index;
use super::plan::Plan;
use super::roots::{Root, info};
use super::{Reader, THREADS, labels, too_little_memory};
use crate::census::types::Kind;
use crate::walk::window::{WINDOW, Window};

/// Stands for no object.
const NOBODY: u32 = u32::MAX;

/// The number of an object, and where a word points to it.
type Hit = (u32, u64);

/// Bytes that are looked through in one go.
const PIECE: u64 = 16 << 20;

impl<M: ReadMemory + Sync> Reader<'_, M> {
    /// A root for the words that point to objects to which nothing else does.
    pub(super) fn anywhere(
        &self,
        columns: &Objects,
        plans: &[Plan],
        chunks: &[EdgeChunk],
        roots: &[Root],
    ) -> Result<Option<Root>> {
        let lonely = lonely(columns, chunks, roots);
        if lonely.is_empty() {
            return Ok(None);
        }
        let addresses: Vec<u64> = lonely.iter().map(|&id| columns.address[id as usize]).collect();
        let index = Index::new(&addresses).map_err(|_| too_little_memory())?;
        let pieces = self.pieces();
        let objects = (columns, plans);
        let next = AtomicUsize::new(0);
        let found: Mutex<Vec<Hit>> = Mutex::default();
        let work = |mut gentle: gentle::Worker<'_>| -> Result<()> {
            let mut window = Window::new(self.memory);
            while let Some(piece) = pieces.get(next.fetch_add(1, Ordering::Relaxed)) {
                let part = self.search(piece, objects, &index, &mut window)?;
                found.lock().unwrap_or_else(std::sync::PoisonError::into_inner).extend(part);
                gentle.note();
            }
            Ok(())
        };
        for part in gentle::share_out(THREADS, self.hurry, work) {
            let panicked =
                |_| Error::new(ErrorKind::Panicked, "a thread that read memory panicked");
            part.map_err(panicked)??;
        }
        let mut found = found.into_inner().unwrap_or_default();
        self.leave_out_what_is_free(&mut found)?;
        found.sort_unstable();
        let edge = |&(number, _): &Hit| (lonely[number as usize], Strength::Loose, None);
        let info = info(RootKind::NativeBlock, "native memory", "");
        Ok(Some(Root { info, edges: found.iter().map(edge).collect() }))
    }

    fn pieces(&self) -> Vec<Range<u64>> {
        let mut pieces = Vec::new();
        for span in self.spans.list() {
            let mut at = span.range.start.next_multiple_of(8);
            while at < span.range.end {
                let stop = span.range.end.min(at.saturating_add(PIECE));
                pieces.push(at..stop);
                at = stop;
            }
        }
        pieces
    }

    /// The numbers in `index` of what the words of a piece point to.
    fn search(
        &self,
        piece: &Range<u64>,
        objects: (&Objects, &[Plan]),
        index: &Index,
        window: &mut Window<'_, M>,
    ) -> Result<Vec<Hit>> {
        let mut found = Vec::new();
        let mut at = piece.start;
        while at < piece.end {
            at = self.untouched.skip(at);
            let end = self.untouched.next(at, piece.end).min(at.saturating_add(WINDOW));
            if at >= end {
                break;
            }
            window.load(at, end)?;
            let bytes = window.bytes();
            let places = (at..end).step_by(8);
            let hit = |place| Some((index.get(bytes.word(place)?)?, place));
            let hits = places.filter_map(hit);
            found.extend(hits.filter(|&(_, place)| !self.is_inside(objects, place)));
            at = end;
        }
        Ok(found)
    }

    /// What stands in blocks that were freed points to nothing any more.
    fn leave_out_what_is_free(&self, found: &mut Vec<Hit>) -> Result<()> {
        if found.is_empty() {
            return Ok(());
        }
        let native = glibc_heap::read(self.memory, &Regions::new(self.mappings))?;
        found.sort_unstable_by_key(|hit| hit.1);
        let native = native.unwrap_or_default();
        for block in native.blocks().filter(|block| !block.state.is_used()) {
            let from = found.partition_point(|hit| hit.1 < block.address);
            let end = block.address.saturating_add(block.usable);
            let inside = found[from..].iter_mut().take_while(|hit| hit.1 < end);
            inside.for_each(|hit| hit.0 = NOBODY);
        }
        found.retain(|hit| hit.0 != NOBODY);
        Ok(())
    }

    /// Whether an address is inside of an object. What is there was read with it.
    fn is_inside(&self, (columns, plans): (&Objects, &[Plan]), address: u64) -> bool {
        let after = columns.address.partition_point(|&object| object <= address);
        let Some(before) = after.checked_sub(1) else { return false };
        let Some(plan) = plans.get(columns.type_id[before] as usize) else { return false };
        let own = match plan.shape.kind {
            // Their sizes are those of their blocks.
            Kind::Plain | Kind::Int | Kind::Bytes | Kind::Str | Kind::Tuple => {
                // A block begins in front of an object that the collector knows.
                let is_tracked = columns.flags[before] & flags::HAS_GC != 0;
                let managed = if self.rules.managed == 0 { 0 } else { 16 };
                let front = if is_tracked { self.rules.gc_head + managed } else { 0 };
                columns.bytes(before).saturating_sub(front)
            }
            // What they say includes buffers, which are elsewhere.
            _ => plan.shape.basic,
        };
        address < columns.address[before].saturating_add(own)
    }
}

/// Objects of which not one reference was found, ascending.
fn lonely(columns: &Objects, chunks: &[EdgeChunk], roots: &[Root]) -> Vec<u32> {
    let mut pointed = vec![false; columns.len()];
    let mut point = |target: u32, strength| {
        if strength != Strength::Borrowed
            && let Some(pointed) = pointed.get_mut(target as usize)
        {
            *pointed = true;
        }
    };
    for chunk in chunks {
        for (&target, &label) in chunk.target.iter().zip(&chunk.label) {
            point(target, labels::strength(label));
        }
    }
    for (target, strength, _) in roots.iter().flat_map(|root| &root.edges) {
        point(*target, *strength);
    }
    let kept = flags::IMMORTAL | flags::STATIC | flags::TORN;
    let is_lonely = |id: &u32| {
        let at = *id as usize;
        let is_counted = columns.refcount[at] != IMMORTAL_COUNT && columns.flags[at] & kept == 0;
        is_counted && !pointed[at]
    };
    (0..columns.len() as u32).filter(is_lonely).collect()
}
