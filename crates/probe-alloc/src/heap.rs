//! The question `malloc`: what glibc's heap holds, free and in use.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use glibc_heap::{Amount, FreeClass, Native, Regions, State, Sums, trimmable};
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
    /// Resident bytes that trimming would give back, at the top and inside, by arena; `None`
    /// when the system does not say what is resident.
    pub(crate) trim: Option<Vec<(u64, u64)>>,
    pub(crate) holes: Vec<Hole>,
    /// What is missing.
    pub(crate) issues: Vec<Issue>,
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
    let mut heap = Heap { allocators: allocators::find(process, &mappings), ..Heap::default() };
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
        let ranges: Vec<_> = trims
            .iter()
            .map(|trim| trim.range.clone())
            .chain(self.holes.iter().map(|hole| hole.address..hole.address + hole.bytes))
            .collect();
        let counts = match pagemap::resident(process, &ranges) {
            Ok(counts) => counts,
            Err(error) => {
                self.issues.push(error.to_issue(Severity::Warning));
                return;
            }
        };
        let mut sums = vec![(0_u64, 0_u64); self.native.arenas.len()];
        for (trim, bytes) in trims.iter().zip(&counts) {
            if let Some((top, inside)) = sums.get_mut(trim.arena as usize) {
                *(if trim.top { top } else { inside }) += bytes;
            }
        }
        for (hole, bytes) in self.holes.iter_mut().zip(&counts[trims.len()..]) {
            hole.rss = Some((*bytes).min(hole.bytes));
        }
        self.trim = Some(sums);
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
