//! Settings and counters of the allocator (`struct malloc_par`).
//!
//! No symbol names it. It lies in the data of the library that has the main arena, and is known by
//! how its numbers fit each other and the start of `brk`'s heap.

use std::ops::Range;

use probe::Result;
use target::memory::ReadMemory;

use crate::regions::Regions;
use crate::window::word;

/// Settings and counters. Bytes, if nothing else is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Params {
    /// `M_TRIM_THRESHOLD`: the top of the main heap is given back when it is longer.
    pub trim_threshold: u64,
    /// `M_TOP_PAD`: what is asked for, or kept, in addition.
    pub top_pad: u64,
    /// `M_MMAP_THRESHOLD`: larger blocks get a mapping of their own.
    pub mmap_threshold: u64,
    /// Whether thresholds grow by themselves: until one of them is set.
    pub dynamic: bool,
    /// `M_ARENA_TEST`: number of arenas from which on the limit is computed.
    pub arena_test: u64,
    /// `M_ARENA_MAX`: the most arenas; 0: 8 per core.
    pub arena_max: u64,
    /// `M_MMAP_MAX`: the most blocks with a mapping of their own.
    pub most_mmaps: u64,
    /// Blocks with a mapping of their own.
    pub mmaps: u64,
    /// What they take, as `malloc` counts.
    pub mmapped: u64,
    /// Where `brk`'s heap began for `malloc`; 0 when it has none.
    pub brk_base: u64,
    /// Whether what blocks with a mapping take is counted with 16 bytes too many for each time
    /// that one was made longer or shorter (`mremap_chunk` of 2.43 and up).
    pub(crate) drifts: bool,
}

/// Bytes that are looked at.
const SIZE: usize = 128;
/// Where the counters of mappings begin, and how far the start of `brk` is behind them: from 2.35
/// on behind fields for huge pages, from 2.43 on with one more; before; and in old versions with
/// another field.
const SHAPES: [(usize, usize); 4] = [(60, 36), (NEWEST, 36), (40, 32), (40, 40)];
const NEWEST: usize = 68;

/// `M_ARENA_TEST` unless it is set (`NARENAS_FROM_NCORES (1)`).
const ARENA_TEST: u64 = 8;

/// Searches for it. `None` when nothing fits, or two places fit. With some settings, numbers of one
/// version read as those of another do fit: then the one with the usual setting counts.
pub(crate) fn find<M: ReadMemory>(
    memory: &M,
    data: &Range<u64>,
    regions: &Regions,
    main_system: u64,
) -> Result<Option<Params>> {
    let mut bytes = vec![0; (data.end - data.start) as usize];
    memory.read_with_holes(data.start, &mut bytes)?;
    let mut found = Vec::new();
    for at in (0..bytes.len().saturating_sub(SIZE)).step_by(8) {
        let here = &bytes[at..at + SIZE];
        let fitting = SHAPES.iter().filter_map(|&shape| parse(here, shape));
        found.extend(fitting.filter(|params| params.is_sound(regions, main_system)));
    }
    if found.len() > 1 {
        found.retain(|params: &Params| params.arena_test == ARENA_TEST);
    }
    Ok((found.len() == 1).then(|| found[0]))
}

fn parse(bytes: &[u8], (counters, to_base): (usize, usize)) -> Option<Params> {
    let number = |at: usize| u64::from(word(bytes, at) as u32);
    // Four numbers of 32 bits, padding where they do not end at a word, two sizes.
    let sizes = (counters + 16).next_multiple_of(8);
    let params = Params {
        trim_threshold: word(bytes, 0),
        top_pad: word(bytes, 8),
        mmap_threshold: word(bytes, 16),
        arena_test: word(bytes, 24),
        arena_max: word(bytes, 32),
        mmaps: number(counters),
        most_mmaps: number(counters + 4),
        dynamic: number(counters + 12) == 0,
        mmapped: word(bytes, sizes),
        brk_base: word(bytes, counters + to_base),
        drifts: counters == NEWEST,
    };
    let most = number(counters + 8);
    let most_mapped = word(bytes, sizes + 8);
    let flag = number(counters + 12) <= 1;
    (flag && most >= params.mmaps && most_mapped >= params.mmapped).then_some(params)
}

impl Params {
    fn is_sound(&self, regions: &Regions, main_system: u64) -> bool {
        let in_brk = regions
            .brk
            .as_ref()
            .is_some_and(|brk| (brk.start.saturating_sub(4096)..brk.end).contains(&self.brk_base));
        let base = if main_system > 0 && regions.brk.is_some() {
            in_brk
        } else {
            self.brk_base == 0 || in_brk
        };
        let mapped = match (self.mmaps, self.drifts) {
            (0, false) => self.mmapped == 0,
            (0, true) => self.mmapped.is_multiple_of(16),
            (mmaps, false) => self.mmapped >= mmaps * 4096 && self.mmapped.is_multiple_of(4096),
            (mmaps, true) => self.mmapped >= mmaps * 4096 && self.mmapped.is_multiple_of(16),
        };
        base && mapped
            && (1..=1 << 20).contains(&self.arena_test)
            && self.arena_max <= 1 << 32
            && (1..1 << 31).contains(&self.most_mmaps)
            && self.mmaps <= self.most_mmaps
            && self.top_pad < 1 << 40
            && self.trim_threshold != 0
            && self.mmap_threshold <= 1 << 40
    }
}
