//! What an arena holds, summed.

use std::collections::BTreeMap;

use crate::native::Native;
use crate::segment::State;

/// Chunks and their bytes, headers included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amount {
    /// Chunks.
    pub count: u64,
    /// Bytes.
    pub bytes: u64,
}

impl Amount {
    fn add(&mut self, size: u64) {
        self.count += 1;
        self.bytes = self.bytes.saturating_add(size);
    }

    fn and(self, other: Self) -> Self {
        let bytes = self.bytes.saturating_add(other.bytes);
        Self { count: self.count + other.count, bytes }
    }
}

/// The chunks of an arena by what they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// In use.
    pub used: Amount,
    /// Free in bins, the unsorted one too.
    pub free: Amount,
    /// Of these, in the unsorted bin.
    pub unsorted: Amount,
    /// Free in fast bins.
    pub fast: Amount,
    /// Free in the caches of threads.
    pub cached: Amount,
    /// At the end of the heap.
    pub top: Amount,
    /// What makes no sense as chunks.
    pub unknown: Amount,
    /// The largest free chunk inside.
    pub largest: u64,
    /// Heaps.
    pub heaps: u64,
}

/// Free chunks of sizes that belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FreeClass {
    /// Which list they are on.
    pub state: State,
    /// The largest size of the class, bytes: exact up to 1024, then powers of two.
    pub up_to: u64,
}

impl Native {
    /// The sums of each arena, in their order.
    #[must_use]
    pub fn sums(&self) -> Vec<Sums> {
        let mut all = vec![Sums::default(); self.arenas.len()];
        for segment in &self.segments {
            let Some(sums) = all.get_mut(segment.arena as usize) else { continue };
            sums.heaps += 1;
            for (_, size, state) in segment.chunks() {
                sums.add(size, state);
            }
        }
        all
    }

    /// Free chunks by list and size, all arenas together.
    #[must_use]
    pub fn free(&self) -> BTreeMap<FreeClass, Amount> {
        let mut all: BTreeMap<FreeClass, Amount> = BTreeMap::new();
        let lists = [State::Free, State::Unsorted, State::Fast, State::Cached, State::Top];
        for (_, size, state) in self.segments.iter().flat_map(|s| s.chunks()) {
            if lists.contains(&state) {
                let up_to = if size <= 1024 { size } else { size.next_power_of_two() };
                all.entry(FreeClass { state, up_to }).or_default().add(size);
            }
        }
        all
    }
}

impl Sums {
    /// These and others together.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        Self {
            used: self.used.and(other.used),
            free: self.free.and(other.free),
            unsorted: self.unsorted.and(other.unsorted),
            fast: self.fast.and(other.fast),
            cached: self.cached.and(other.cached),
            top: self.top.and(other.top),
            unknown: self.unknown.and(other.unknown),
            largest: self.largest.max(other.largest),
            heaps: self.heaps + other.heaps,
        }
    }

    fn add(&mut self, size: u64, state: State) {
        match state {
            State::Used => self.used.add(size),
            State::Free | State::Unsorted => {
                self.free.add(size);
                self.largest = self.largest.max(size);
                if state == State::Unsorted {
                    self.unsorted.add(size);
                }
            }
            State::Fast => self.fast.add(size),
            State::Cached => self.cached.add(size),
            State::Top => self.top.add(size),
            State::Unknown => self.unknown.add(size),
            State::Fence => {}
        }
    }
}
