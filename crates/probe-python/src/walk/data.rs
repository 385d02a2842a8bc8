//! Objects in the data of programs and libraries: no allocator says where they are.
//!
//! Tables of {number, type} imitate an object's header there, so only what is beyond doubt is
//! taken: types, immortal objects, and the interpreter's own constants.

use probe::Result;
use target::memory::ReadMemory;

use super::seen::place;
use super::window::WINDOW;
use super::worker::{NEEDED, Worker};
use crate::census::object::Object;
use crate::census::object::is_heap_type;
use crate::census::rules::{Counting, Life};
use crate::census::sizes::measure;
use crate::census::types::{Kind, Shape};
use crate::pymalloc::pool::Pool;

/// The most of one stretch of data that is searched.
const MOST: u64 = 256 << 20;

impl<M: ReadMemory> Worker<'_, '_, '_, M> {
    /// Goes over the words of data.
    pub(crate) fn scan_data(&mut self, start: u64, end: u64) -> Result<()> {
        self.place = place::STATIC;
        let end = end.min(start.saturating_add(MOST));
        let geometry = self.recogniser.rules.geometry;
        let mut from = start.next_multiple_of(8);
        while from < end {
            self.window.load(from, end)?;
            let last = from.saturating_add(WINDOW) >= end;
            let stop = if last { end } else { from + WINDOW - geometry.pool };
            let mut at = from;
            while at < stop {
                // An arena may have been merged to the end of the data.
                let is_pool = at.is_multiple_of(geometry.pool)
                    && Pool::read(self.window.bytes(), at, &geometry).is_some();
                let length = if is_pool { Some(geometry.pool) } else { self.data_object(at)? };
                at += length.unwrap_or(8);
            }
            from = at.max(stop).next_multiple_of(8);
        }
        Ok(())
    }

    /// Counts the object at an address; its length, so that nothing is seen inside of it.
    fn data_object(&mut self, at: u64) -> Result<Option<u64>> {
        let (memory, bytes) = (self.window.memory(), self.window.bytes());
        let (Some(count), Some(kind)) = (bytes.word(at), bytes.word(at + 8)) else {
            return Ok(None);
        };
        let life = self.recogniser.life(count);
        if life == Life::None {
            return Ok(None);
        }
        let Some(shape) = self.recogniser.types.get(memory, kind) else { return Ok(None) };
        let is_type = shape.kind == Kind::Type;
        let known = if is_type {
            // A type that has no collector's header, and passes every test of one.
            is_heap_type(bytes, at) == Some(false)
                && self.recogniser.types.get(memory, at).is_some()
        } else {
            self.is_constant(&shape, life)
        };
        if !known {
            return Ok(None);
        }
        let immortal = life == Life::Immortal;
        let object = Object { address: at, pre: 0, shape, tracked: false, immortal, count };
        let Some(mut size) = measure(self.recogniser.rules, &object, bytes) else {
            return Ok(None);
        };
        if shape.gc && !is_type {
            // Counted by `sys.getsizeof` although it may not be there.
            size.shallow += shape.pre;
        }
        self.count(&(object, size), size.own)?;
        Ok(Some(size.own.clamp(16, 1 << 12).next_multiple_of(8).min(NEEDED / 2)))
    }

    fn is_constant(&self, shape: &Shape, life: Life) -> bool {
        if shape.heap {
            return false;
        }
        match self.recogniser.rules.counting {
            Counting::Plain => {
                life == Life::Immortal || matches!(shape.kind, Kind::Constant | Kind::Int)
            }
            Counting::Low32 | Counting::Flags => life == Life::Immortal,
        }
    }
}
