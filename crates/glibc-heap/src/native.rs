//! The whole heap.

use std::ops::Range;

use probe::{Issue, Result};
use target::memory::ReadMemory;

use crate::arena::Arena;
use crate::bins::{self, Listed};
use crate::find::{self, Ring};
use crate::heaps;
use crate::mmapped::{self, Mmapped};
use crate::params::{self, Params};
use crate::regions::Regions;
use crate::segment::{Block, Segment, State};
use crate::tcache;
use crate::walk::{Damage, walk};
use crate::window::Window;

/// What glibc's `malloc` has in a process.
#[derive(Clone, Debug, Default)]
pub struct Native {
    /// Its arenas, the main one first.
    pub arenas: Vec<Arena>,
    /// Their heaps, in order of address.
    pub segments: Vec<Segment>,
    /// Blocks with a mapping of their own, in order of address.
    pub mmapped: Vec<Mmapped>,
    /// Settings and counters, where they were found.
    pub params: Option<Params>,
    /// Caches of threads that hold something.
    pub caches: u64,
    /// What did not add up.
    pub issues: Vec<Issue>,
}

/// Reads the heap. `None` when there is no main arena: another allocator, or none yet.
///
/// # Errors
/// When memory cannot be read at all.
pub fn read<M: ReadMemory>(memory: &M, regions: &Regions) -> Result<Option<Native>> {
    let rings = find::rings(memory, &regions.data)?;
    // A library loaded a second time (`dlmopen`) has arenas of its own; `brk` is the first one's.
    let most = rings.into_iter().max_by_key(|ring| ring.arenas[0].system);
    let Some(ring) = most else { return Ok(None) };
    let mut native = Native { issues: ring.issues.clone(), ..Native::default() };
    let system = ring.arenas[0].system;
    native.params = params::find(memory, &ring.data, regions, system)?;
    native.walk(memory, &ring, regions)?;
    native.mark(memory, &ring)?;
    native.find_mmapped(memory, regions)?;
    native.arenas = ring.arenas;
    native.check();
    Ok(Some(native))
}

impl Native {
    fn walk<M: ReadMemory>(&mut self, memory: &M, ring: &Ring, regions: &Regions) -> Result<()> {
        let mut window = Window::new(memory);
        let mut damage = Damage::default();
        let mut lost = 0_u64;
        for (index, arena) in (0_u32..).zip(&ring.arenas) {
            let (extents, whole) = if arena.main {
                let brk = heaps::brk(arena, index, self.params.as_ref(), regions);
                (brk.into_iter().collect(), true)
            } else {
                heaps::heaps(memory, arena, index, ring.shape)?
            };
            lost += u64::from(!whole);
            for extent in extents {
                let (segment, found) = walk(&mut window, extent)?;
                self.segments.push(segment);
                damage.add(&found);
            }
        }
        self.segments.sort_by_key(|segment| segment.start);
        if lost > 0 {
            self.issues.push(Issue::warning(format!(
                "the heaps of {lost} arenas were not all found: their headers make no sense"
            )));
        }
        self.say(&damage);
        Ok(())
    }

    fn say(&mut self, damage: &Damage) {
        if let Some(first) = damage.first {
            self.issues.push(
                Issue::warning(format!(
                    "the chain of chunks is broken at {} places, the first at {first:#x}; {} bytes \
                     behind them were stepped over",
                    damage.places, damage.bytes
                ))
                .with_hint(
                    "if it stays there, something wrote over the end of the block in front of \
                     that address; if it moves, the heap was being changed",
                ),
            );
        }
        if damage.disagreeing > 0 {
            self.issues.push(Issue::warning(format!(
                "{} free chunks have another size than the chunk behind them says",
                damage.disagreeing
            )));
        }
    }

    fn mark<M: ReadMemory>(&mut self, memory: &M, ring: &Ring) -> Result<()> {
        let mut chunks = Chunks { segments: &mut self.segments };
        let mut listed = Listed::default();
        for arena in &ring.arenas {
            bins::fast(memory, &mut chunks, arena, &mut listed)?;
            bins::others(memory, &mut chunks, arena, ring.shape, &mut listed)?;
        }
        self.caches = tcache::mark(memory, &mut chunks)?;
        if listed.wrong > 0 {
            self.issues.push(Issue::warning(format!(
                "{} entries in malloc's lists of free chunks lead to none: they were overwritten, \
                 or were being changed",
                listed.wrong
            )));
        }
        Ok(())
    }

    fn find_mmapped<M: ReadMemory>(&mut self, memory: &M, regions: &Regions) -> Result<()> {
        let counted = self.params.map(|params| (params.mmaps, params.mmapped));
        let drifts = self.params.is_some_and(|params| params.drifts);
        if counted.is_some_and(|(count, bytes)| count == 0 && (bytes == 0 || drifts)) {
            return Ok(());
        }
        let heaps: Vec<Range<u64>> = self.segments.iter().map(|s| s.start..s.end).collect();
        self.mmapped = mmapped::find(memory, regions, &heaps, counted)?;
        let found = (self.mmapped.len() as u64, self.mmapped.iter().map(|m| m.total).sum::<u64>());
        let wrong =
            |&counted: &(u64, u64)| counted.0 != found.0 || (counted.1 != found.1 && !drifts);
        if let Some(counted) = counted.filter(wrong) {
            self.issues.push(Issue::warning(format!(
                "malloc counts {} blocks with a mapping of their own, {} bytes; {} were found, {} \
                 bytes",
                counted.0, counted.1, found.0, found.1
            )));
        }
        Ok(())
    }

    /// What was walked must be what the main arena says that it has from the system.
    fn check(&mut self) {
        let Some(main) = self.arenas.first().filter(|arena| arena.system > 0) else { return };
        let walked = self.segments.iter().filter(|s| s.arena == 0);
        let walked: u64 = walked.map(|s| s.end.saturating_sub(s.start)).sum();
        if walked + 4096 < main.system {
            self.issues.push(Issue::warning(format!(
                "{} bytes of the main arena lie outside of the heap of brk, and were not read",
                main.system - walked
            )));
        }
    }

    /// Every block, free ones too, in order of address within the heaps, then those with a
    /// mapping of their own.
    pub fn blocks(&self) -> impl Iterator<Item = Block> + '_ {
        let heaps = self.segments.iter().flat_map(|s| (0..s.len()).filter_map(|n| s.block(n)));
        let is_block = |b: &Block| !matches!(b.state, State::Top | State::Fence | State::Unknown);
        heaps.filter(is_block).chain(self.mmapped.iter().map(Mmapped::block))
    }

    /// The block in which an address lies; `None` for headers, tops, marks and what is no heap.
    #[must_use]
    pub fn around(&self, address: u64) -> Option<Block> {
        let after = self.segments.partition_point(|s| s.start <= address);
        let in_heap = after.checked_sub(1).and_then(|n| {
            let segment = &self.segments[n];
            segment.block(segment.around(address)?)
        });
        let mapped = || {
            let after = self.mmapped.partition_point(|m| m.address <= address);
            after.checked_sub(1).map(|n| self.mmapped[n].block())
        };
        let holds = |b: &Block| (b.address..b.address.saturating_add(b.usable)).contains(&address);
        in_heap.filter(holds).or_else(|| mapped().filter(holds))
    }
}

/// All chunks, to look one up and to mark it.
pub(crate) struct Chunks<'a> {
    segments: &'a mut [Segment],
}

impl Chunks<'_> {
    fn place(&self, at: u64) -> Option<(usize, usize)> {
        let segment = self.segments.partition_point(|s| s.start <= at).checked_sub(1)?;
        let index = self.segments[segment].around(at)?;
        let (start, ..) = self.segments[segment].chunk(index)?;
        (start == at).then_some((segment, index))
    }

    /// Size and state of the chunk that begins at an address.
    pub(crate) fn get(&self, at: u64) -> Option<(u64, State)> {
        let (segment, index) = self.place(at)?;
        self.segments[segment].chunk(index).map(|(_, size, state)| (size, state))
    }

    pub(crate) fn state(&self, at: u64) -> Option<State> {
        self.get(at).map(|(_, state)| state)
    }

    /// Marks a chunk that begins at an address, if it is in the one state and its size is right.
    pub(crate) fn mark(
        &mut self,
        at: u64,
        from: State,
        to: State,
        right: impl Fn(u64) -> bool,
    ) -> bool {
        let Some((segment, index)) = self.place(at) else { return false };
        let segment = &mut self.segments[segment];
        let fits = segment.chunk(index).is_some_and(|(_, size, s)| s == from && right(size));
        if fits {
            segment.states[index] = to;
        }
        fits
    }

    /// Address, size and state of all.
    pub(crate) fn all(&self) -> impl Iterator<Item = (u64, u64, State)> + '_ {
        self.segments.iter().flat_map(Segment::chunks)
    }
}
