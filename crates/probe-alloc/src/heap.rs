//! The question `malloc`: what glibc's heap holds, free and in use.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::ops::Range;

use glibc_heap::{Amount, Block, FreeClass, Native, Regions, Segment, State, Sums, trimmable};
use probe::{Issue, Request, Result, Severity, Target};
use target::images::{Mapping, mappings};
use target::memory::{LiveMemory, explain_access};
use target::procfs::{ProcessDir, clock, pagemap};

use crate::allocators::{self, Allocator};

/// The largest free chunks that are named.
const HOLES: usize = 10;
/// How often a process that runs is read when its heap was being changed.
const TRIES: usize = 4;

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Heap {
    pub(crate) native: Native,
    pub(crate) allocators: Vec<Allocator>,
    /// In the order of the arenas.
    pub(crate) sums: Vec<Sums>,
    pub(crate) free: BTreeMap<FreeClass, Amount>,
    /// Resident bytes by arena; `None` when the system does not say what is resident.
    pub(crate) resident: Option<Vec<Resident>>,
    pub(crate) holes: Vec<Hole>,
    /// What is missing.
    pub(crate) issues: Vec<Issue>,
}

/// What of an arena's free memory is resident, bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Resident {
    /// What trimming would give back at the top.
    pub(crate) trim_top: u64,
    /// The same inside.
    pub(crate) trim_inside: u64,
    /// The top.
    pub(crate) top: u64,
    /// All of it.
    pub(crate) free: u64,
}

/// A large free chunk.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hole {
    pub(crate) address: u64,
    pub(crate) arena: u64,
    pub(crate) bytes: u64,
    pub(crate) rss: Option<u64>,
}

/// Reads the heap of a process, or of its frozen copy if there is one.
pub(crate) fn look(request: &Request) -> Result<Heap> {
    let copy = request.frozen.as_ref().map(|frozen| Target::from_pid(frozen.pid));
    let memory = LiveMemory::open(copy.as_ref().unwrap_or(&request.target))?;
    let process = memory.process();
    let mappings = mappings(process).map_err(|error| match error.kind() {
        probe::ErrorKind::PermissionDenied => {
            explain_access(process, std::io::ErrorKind::PermissionDenied.into())
        }
        _ => error,
    })?;
    let mut heap = Heap { allocators: allocators::read(&memory, &mappings), ..Heap::default() };
    let tries = if request.frozen.is_some() { 1 } else { TRIES };
    let Some(native) = read(&memory, &mappings, tries)? else {
        heap.issues.push(none(request.target.pid, &heap.allocators));
        return Ok(heap);
    };
    heap.issues.extend(native.issues.iter().cloned());
    heap.sums = native.sums();
    heap.free = native.free();
    heap.native = native;
    // Reading the copy gives it pages of zeros where the process has none.
    let own = copy.and_then(|_| ProcessDir::open_target(&request.target).ok());
    heap.count_resident(own.as_ref().unwrap_or(process));
    heap.remark_others();
    Ok(heap)
}

/// Reads until nothing contradicts itself, or the tries are used up; then the best one counts.
fn read(memory: &LiveMemory, first: &[Mapping], tries: usize) -> Result<Option<Native>> {
    let mut best = glibc_heap::read(memory, &Regions::new(first))?;
    for _ in 1..tries {
        if best.as_ref().is_none_or(|native| native.issues.is_empty()) {
            break;
        }
        // The process ran on: what it has mapped has changed, too.
        let again = glibc_heap::read(memory, &Regions::new(&mappings(memory.process())?))?;
        best = [best, again].into_iter().flatten().min_by_key(|native| native.issues.len());
    }
    Ok(best)
}

fn none(pid: u32, allocators: &[Allocator]) -> Issue {
    let names: Vec<_> = allocators.iter().map(|a| a.name).collect();
    let names = if names.is_empty() { "none that is known".into() } else { names.join(", ") };
    Issue::warning(format!(
        "no main arena of glibc's malloc was found in process {pid}: it uses another allocator, \
         or has not called malloc yet; allocators whose code is there: {names}"
    ))
}

impl Heap {
    fn count_resident(&mut self, process: &ProcessDir) {
        self.holes = largest(&self.native);
        let trims = trimmable(&self.native, clock::page_size());
        let tops = tops(&self.native);
        let ranges: Vec<_> = trims
            .iter()
            .map(|trim| trim.range.clone())
            .chain(tops.iter().map(|(_, top)| top.clone()))
            .chain(self.holes.iter().map(|hole| hole.address..hole.address + hole.bytes))
            .collect();
        let counts = match pagemap::resident(process, &ranges) {
            Ok(counts) => counts,
            Err(error) => {
                self.issues.push(error.to_issue(Severity::Warning));
                return;
            }
        };
        let mut all: Vec<Resident> = self.sums.iter().map(touched).collect();
        for (trim, &bytes) in trims.iter().zip(&counts) {
            let Some(arena) = all.get_mut(trim.arena as usize) else { continue };
            if trim.top {
                arena.trim_top += bytes;
                continue;
            }
            arena.trim_inside += bytes;
            // What is no whole page is taken for resident: its neighbours are in use.
            let gone = (trim.range.end - trim.range.start).saturating_sub(bytes);
            arena.free = arena.free.saturating_sub(gone);
        }
        for ((arena, top), &bytes) in tops.iter().zip(&counts[trims.len()..]) {
            let Some(arena) = all.get_mut(*arena as usize) else { continue };
            let bytes = bytes.min(top.end - top.start);
            arena.top += bytes;
            arena.free += bytes;
        }
        for (hole, bytes) in self.holes.iter_mut().zip(&counts[trims.len() + tops.len()..]) {
            hole.rss = Some((*bytes).min(hole.bytes));
        }
        self.resident = Some(all);
    }

    fn remark_others(&mut self) {
        let others = self.allocators.iter().map(|a| a.name).filter(|&name| name != "glibc");
        let others: Vec<_> = others.collect();
        if !others.is_empty() {
            self.issues.push(Issue::warning(format!(
                "{} is in the process: what it hands out is in no row of these tables, which are \
                 glibc's alone",
                others.join(", ")
            )));
        }
        if self.native.params.is_none() {
            self.issues.push(Issue::info(
                "malloc's settings were not recognised: thresholds and limits are missing",
            ));
        }
    }
}

/// What is free inside of an arena, as if all of it were resident.
fn touched(sums: &Sums) -> Resident {
    let free = sums.free.bytes + sums.fast.bytes + sums.cached.bytes;
    Resident { free, ..Resident::default() }
}

/// The tops of arenas, by the number of the arena.
fn tops(native: &Native) -> Vec<(u32, Range<u64>)> {
    let top = |block: Block| {
        let start = block.address.saturating_sub(16);
        let end = block.address.saturating_add(block.usable).saturating_sub(8);
        Some((block.arena?, start..end.max(start)))
    };
    // The top is at the end of a segment: it is no block.
    let last = |segment: &Segment| segment.block(segment.len().checked_sub(1)?);
    let tops = native.segments.iter().filter_map(last);
    tops.filter(|block| block.state == State::Top).filter_map(top).collect()
}

/// The largest free chunks, most first.
fn largest(native: &Native) -> Vec<Hole> {
    let free = |state| matches!(state, State::Free | State::Unsorted);
    let mut holes: Vec<Hole> = Vec::new();
    let mut least = 0;
    for block in native.blocks().filter(|block| free(block.state)) {
        if block.usable < least {
            continue;
        }
        let arena = block.arena.and_then(|n| native.arenas.get(n as usize));
        let arena = arena.map_or(0, |arena| arena.address);
        let (address, bytes) = (block.address - 16, block.usable + 8);
        holes.push(Hole { address, arena, bytes, rss: None });
        if holes.len() > 8 * HOLES {
            holes.sort_by_key(|hole| Reverse(hole.bytes));
            holes.truncate(HOLES);
            least = holes.last().map_or(0, |hole| hole.bytes);
        }
    }
    holes.sort_by_key(|hole| Reverse(hole.bytes));
    holes.truncate(HOLES);
    holes
}
