//! Every resident byte of anonymous memory, once, by what it is; and who points to mappings.

use std::collections::HashMap;
use std::ops::Range;

use probe::Result;

use super::aims::{Aim, Aims, Source};
use super::pages::Pages;
use super::places::{Heaps, Places};
use super::roots::{merged, without};
use super::sum::{Group, Summing};
use super::{Allocator, HolderRow, Part, PartRow, State};
use crate::attach::Python;
use crate::census::rules::Rules;
use crate::pymalloc::Pymalloc;
use crate::walk::Collected;
use crate::walk::spans::Spans;

/// The most rows of a part that are named.
const MOST_NAMES: usize = 500;
/// What stands for all names behind them.
const OTHERS: &str = "(others)";

/// What was found out.
pub(super) struct Whole<'a> {
    pub(super) pages: &'a Pages,
    pub(super) heaps: &'a Heaps,
    pub(super) places: &'a Places,
    /// Addresses of pools, in order.
    pub(super) pools: &'a [u64],
    /// Its arenas, in order and without overlaps.
    pub(super) arenas: &'a [Range<u64>],
    pub(super) pymalloc: &'a Pymalloc,
    pub(super) summing: &'a Summing<'a>,
    pub(super) groups: &'a [Group],
    pub(super) aims: &'a Aims,
    /// Who points to each of these in the end, and whether into the middle.
    pub(super) ends: &'a [Option<(bool, Source)>],
}

/// Rows while they are summed: count and bytes.
#[derive(Default)]
struct Sums {
    rows: HashMap<(Part, String), (u64, u64)>,
}

impl Sums {
    fn add(&mut self, part: Part, name: &str, count: u64, resident: u64) {
        if count == 0 && resident == 0 {
            return;
        }
        let row = self.rows.entry((part, name.to_owned())).or_default();
        row.0 += count;
        row.1 = row.1.saturating_add(resident);
    }
}

impl Whole<'_> {
    /// The rows, most bytes first. Together they are what the kernel counts.
    pub(super) fn rows(&self) -> Vec<PartRow> {
        if self.pages.total() == 0 {
            return Vec::new();
        }
        let mut sums = Sums::default();
        let (of_malloc, of_pools) = self.units(&mut sums);
        self.malloc(of_malloc, &mut sums);
        self.pools(of_pools, &mut sums);
        for (main, stack) in &self.places.stacks {
            let name = if *main { "main thread" } else { "other threads" };
            sums.add(Part::Stacks, name, 1, self.pages.bytes(stack));
        }
        for (name, range) in &self.places.data {
            let bytes = self.pages.bytes(range);
            sums.add(Part::Data, name, u64::from(bytes > 0), bytes);
        }
        for (index, aim) in self.aims.list.iter().enumerate().filter(|(_, aim)| !aim.of_file) {
            let bytes = self.pages.bytes(&aim.range);
            let holder = self.holder(index);
            let named = Some(aim.name.clone()).filter(|name| !name.is_empty());
            let (part, name) = match holder.or(named) {
                Some(name) => (Part::Mapped, name),
                None => (Part::Unknown, String::new()),
            };
            sums.add(part, &name, u64::from(bytes > 0), bytes);
        }
        finished(sums, self.pages.total())
    }

    /// Blocks in use; what of them is glibc's, and pymalloc's.
    fn units(&self, sums: &mut Sums) -> (u64, u64) {
        let summing = self.summing;
        // Names are made once for all blocks that have the same.
        let mut same: HashMap<_, (u64, u64)> = HashMap::new();
        let (mut of_malloc, mut of_pools) = (0_u64, 0_u64);
        for Group { allocator, owner, counts, .. } in self.groups {
            let of = match allocator {
                Allocator::Malloc => &mut of_malloc,
                Allocator::Pymalloc => &mut of_pools,
            };
            *of = of.saturating_add(counts.paged);
            let row = same.entry(*owner).or_default();
            row.0 += counts.blocks;
            row.1 = row.1.saturating_add(counts.paged);
        }
        for (owner, (blocks, bytes)) in same {
            let part = match owner.state {
                State::Object => Part::Objects,
                State::Buffer => Part::Buffers,
                State::Reachable => Part::Reachable,
                State::Unreachable => Part::Unreachable,
            };
            sums.add(part, &summing.owner_name(&owner), blocks, bytes);
        }
        (of_malloc, of_pools)
    }

    fn malloc(&self, used: u64, sums: &mut Sums) {
        let all = self.bytes(self.heaps.ranges.iter());
        let mut rest = all.saturating_sub(used);
        for free in &self.heaps.free {
            rest = rest.saturating_sub(free.resident);
            sums.add(Part::MallocFree, free.name, free.chunks, free.resident);
        }
        sums.add(Part::MallocLost, "", 0, rest);
    }

    fn pools(&self, used: u64, sums: &mut Sums) {
        let size = self.pymalloc.geometry.pool;
        let (mut all, mut empty, mut empties) = (0_u64, 0_u64, 0);
        let outside = |pool: u64| {
            let range = pool..pool.saturating_add(size);
            without(&range, &self.heaps.ranges).collect::<Vec<_>>()
        };
        for &pool in self.pools {
            let end = pool.saturating_add(size);
            let bytes = self.bytes(outside(pool).iter());
            if self.summing.units.front(end - 1).is_some_and(|unit| unit.end > pool) {
                all = all.saturating_add(bytes);
            } else {
                empties += 1;
                empty = empty.saturating_add(bytes);
            }
        }
        let rest = all.saturating_sub(used);
        let overhead =
            self.pymalloc.header_bytes().saturating_add(self.pymalloc.quantisation_bytes());
        let lost = rest.min(overhead);
        sums.add(Part::PymallocFree, "", self.pymalloc.pools(), rest - lost);
        sums.add(Part::PymallocLost, "", self.pymalloc.pools(), lost);
        // What of an arena was never given to a pool takes memory too: in huge pages.
        let known = allocated(self.heaps, self.pools, size, &[]);
        let never: Vec<_> = self.arenas.iter().flat_map(|arena| without(arena, &known)).collect();
        empty = empty.saturating_add(self.bytes(never.iter()));
        sums.add(Part::PymallocEmpty, "", empties, empty);
    }

    fn bytes<'r>(&self, ranges: impl Iterator<Item = &'r Range<u64>>) -> u64 {
        ranges.fold(0, |sum: u64, range| sum.saturating_add(self.pages.bytes(range)))
    }

    /// Who points to a mapping.
    fn holder(&self, aim: usize) -> Option<String> {
        let summing = self.summing;
        match (*self.ends.get(aim)?)? {
            (inside, Source::Unit(unit)) => {
                let owner = summing.owner(unit);
                let name = summing.owner_name(&owner);
                match owner.state {
                    State::Object | State::Buffer => (!inside).then(|| format!("object {name}")),
                    State::Reachable => Some(name),
                    State::Unreachable => None,
                }
            }
            (_, Source::Root(root, at)) => Some(summing.root_name(root, at)),
        }
    }

    /// Mappings of files and shared memory, those with most address space first.
    pub(super) fn holders(&self) -> Vec<HolderRow> {
        let mut rows: HashMap<(&str, String), (u64, u64)> = HashMap::new();
        for (index, aim) in self.aims.list.iter().enumerate().filter(|(_, aim)| aim.of_file) {
            let Aim { range, name, .. } = aim;
            let holder = self.holder(index).unwrap_or_default();
            let row = rows.entry((name, holder)).or_default();
            row.0 += 1;
            row.1 = row.1.saturating_add(range.end - range.start);
        }
        let row = |((name, holder), (mappings, size)): ((&str, String), (u64, u64))| HolderRow {
            name: name.to_owned(),
            holder,
            mappings,
            size,
        };
        let mut rows: Vec<_> = rows.into_iter().map(row).collect();
        rows.sort_by(|a, b| {
            b.size.cmp(&a.size).then_with(|| (&a.name, &a.holder).cmp(&(&b.name, &b.holder)))
        });
        rows.truncate(MOST_NAMES);
        rows
    }
}

/// Rows in order; those of a part behind the most are one. What no row has is unknown: mappings
/// of which too many are there, or that came between two looks at the list of them.
fn finished(sums: Sums, total: u64) -> Vec<PartRow> {
    let mut sums = sums;
    let known: u64 = sums.rows.values().map(|row| row.1).fold(0, u64::saturating_add);
    sums.add(Part::Unknown, "", 0, total.saturating_sub(known));
    let mut list: Vec<_> = sums.rows.into_iter().collect();
    list.sort_by(|(a, (_, x)), (b, (_, y))| y.cmp(x).then_with(|| a.cmp(b)));
    let mut rows: Vec<PartRow> = Vec::new();
    let mut named: HashMap<Part, usize> = HashMap::new();
    let mut others: HashMap<Part, usize> = HashMap::new();
    for ((part, name), (count, resident)) in list {
        let number = named.entry(part).or_default();
        *number += 1;
        if *number <= MOST_NAMES {
            rows.push(PartRow { part, name, count, resident });
            continue;
        }
        let place = *others.entry(part).or_insert_with(|| {
            rows.push(PartRow { part, name: OTHERS.into(), count: 0, resident: 0 });
            rows.len() - 1
        });
        rows[place].count += count;
        rows[place].resident = rows[place].resident.saturating_add(resident);
    }
    rows
}

impl Python {
    /// The arenas of the interpreter's allocator: as it says itself, or else from the first to the
    /// last pool that was ever used. No mapping of them is another's.
    pub(super) fn arenas(
        &self,
        all: &Collected,
        spans: &Spans,
        rules: &Rules,
    ) -> Result<Vec<Range<u64>>> {
        let pymalloc = &all.survey.pymalloc;
        let known = self.allocator_state(pymalloc, spans, rules)?;
        let starts = known.map_or_else(Vec::new, |known| known.arenas);
        let arena = |start: u64| start..start.saturating_add(rules.geometry.arena);
        let whole = starts.into_iter().map(arena);
        Ok(merged(whole.chain(pymalloc.extents.iter().cloned()).collect()))
    }
}

/// All memory of allocators, in order and without overlaps.
pub(super) fn allocated(
    heaps: &Heaps,
    pools: &[u64],
    size: u64,
    arenas: &[Range<u64>],
) -> Vec<Range<u64>> {
    let pools = pools.iter().map(|&pool| pool..pool.saturating_add(size));
    merged(heaps.ranges.iter().chain(arenas).cloned().chain(pools).collect())
}
