//! The state of the cyclic garbage collector.

use probe::{Result, ResultExt};
use target::memory::{CachedMemory, ReadMemory};

use crate::layout::{CollectorTable, Rings, StatisticsPlace};
use crate::state::{again, nonsense};

/// Flags that the collector keeps in the low bits of its links.
const FLAGS: u64 = 3;
/// How often a list is walked when it changed meanwhile.
const TRIES: usize = 3;

/// What the collector of an interpreter says. In 3.7 and 3.8 all interpreters share one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collector {
    /// What `gc.isenabled()` gives.
    pub enabled: bool,
    /// Whether a collection was running; then counts of objects are approximate. `None`: this
    /// version's place of it is not known.
    pub collecting: Option<bool>,
    /// The generations, youngest first.
    pub generations: [Generation; 3],
    /// What `gc.get_freeze_count()` gives.
    pub permanent: Objects,
    /// What `len(gc.garbage)` gives, where this version's place of it is known.
    pub garbage: Option<u64>,
}

/// A generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Generation {
    /// What `gc.get_threshold()` gives for it; 0: never.
    pub threshold: u64,
    /// What `gc.get_count()` gives for it. `None` where that is negative: free-threaded builds count
    /// what each thread makes and frees in batches.
    pub count: Option<u64>,
    /// Objects in it.
    pub objects: Objects,
    /// What happened so far, where this version keeps it here.
    pub statistics: Option<Statistics>,
}

/// What `gc.get_stats()` gives for a generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Statistics {
    /// Collections.
    pub collections: u64,
    /// Objects collected.
    pub collected: u64,
    /// Objects found uncollectable.
    pub uncollectable: u64,
}

/// How many objects a list has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Objects {
    /// So many.
    Exactly(u64),
    /// About so many: links changed while the list was read.
    About(u64),
    /// The list changed too fast, or is longer than allowed.
    Unknown,
    /// This build keeps no list (free-threaded).
    NoList,
}

impl Objects {
    /// The number, if there is one.
    #[must_use]
    pub fn number(self) -> Option<u64> {
        match self {
            Self::Exactly(n) | Self::About(n) => Some(n),
            Self::Unknown | Self::NoList => None,
        }
    }
}

/// How to count the objects.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Counting {
    /// Walk the lists, up to so many objects each.
    UpTo(u64),
    /// There are no lists (free-threaded).
    NoLists {
        /// Whether the heads of lists have to be unused: that is all that tells two tables of one
        /// version from each other then.
        check_heads: bool,
    },
}

/// Reads the collector's state at `address`.
///
/// # Errors
/// `InvalidData` when what is there is no collector's state.
pub(crate) fn read<M: ReadMemory>(
    memory: &M,
    table: &CollectorTable,
    address: u64,
    counting: Counting,
) -> Result<Collector> {
    again(|| read_once(memory, table, address, counting)).context("the collector's state")
}

fn read_once<M: ReadMemory>(
    memory: &M,
    table: &CollectorTable,
    address: u64,
    counting: Counting,
) -> Result<Collector> {
    let block = Block::read(memory, address, table.size())?;
    let enabled = match block.int(table.enabled) {
        Some(flag @ (0 | 1)) => flag == 1,
        other => return Err(nonsense(format!("the switch of the collector says {other:?}"))),
    };
    let generation = |index: u64| -> Result<Generation> {
        let at = table.generations + index * table.generation_size;
        if matches!(counting, Counting::NoLists { check_heads: true }) {
            check_unused(&block, at).with_context(|| format!("generation {index}"))?;
        }
        let int = |at: u64| block.int(at).and_then(|n| u64::try_from(n).ok());
        let count = int(at + table.threshold + 4);
        let may_lack = matches!(counting, Counting::NoLists { .. });
        let Some(threshold) = int(at + table.threshold).filter(|_| count.is_some() || may_lack)
        else {
            return Err(nonsense(format!("generation {index} has a negative threshold or count")));
        };
        let objects = count_objects(memory, address + at, counting)
            .with_context(|| format!("generation {index}"))?;
        let statistics = match table.statistics {
            StatisticsPlace::Inside(at) => block.statistics(at + index * 24),
            StatisticsPlace::Behind(rings) => newest(memory, &block, &rings, index),
        };
        Ok(Generation { threshold, count, objects, statistics })
    };
    Ok(Collector {
        enabled,
        collecting: table.collecting.and_then(|at| block.int(at)).map(|flag| flag != 0),
        generations: [generation(0)?, generation(1)?, generation(2)?],
        permanent: count_objects(memory, address + table.permanent, counting)
            .context("the permanent generation")?,
        garbage: table.garbage.and_then(|at| garbage(memory, block.word(at)?)),
    })
}

/// The length of the list at an address; one that was not made yet has none.
fn garbage<M: ReadMemory>(memory: &M, list: u64) -> Option<u64> {
    /// More words than an address space has.
    const MOST: u64 = 1 << 45;
    if list == 0 {
        return Some(0);
    }
    memory.read_u64(list.checked_add(16)?).ok().filter(|&length| length < MOST)
}

/// The newest statistics of a generation in their ring; `None` when they are not there.
fn newest<M: ReadMemory>(
    memory: &M,
    block: &Block,
    rings: &Rings,
    generation: u64,
) -> Option<Statistics> {
    let before = rings.items.iter().take(generation as usize);
    let start: u64 = before.map(|items| items * rings.item + 8).sum();
    let items = *rings.items.get(generation as usize)?;
    let ring = block.word(rings.pointer)?.checked_add(start)?;
    let index = memory.read_u32(ring.checked_add(items * rings.item)?).ok()? & 0xff;
    let at = (u64::from(index) < items).then_some(u64::from(index) * rings.item)?;
    let item = Block::read(memory, ring.checked_add(at)?, rings.item).ok()?;
    item.statistics(rings.collections)
}

/// The collector's own structure, read at once.
struct Block(Vec<u8>);

impl Block {
    fn read<M: ReadMemory>(memory: &M, address: u64, size: u64) -> Result<Self> {
        let mut bytes = vec![0; size as usize];
        memory.read(address, &mut bytes)?;
        Ok(Self(bytes))
    }

    fn int(&self, at: u64) -> Option<i32> {
        let bytes = self.0.get(at as usize..)?.first_chunk()?;
        Some(i32::from_ne_bytes(*bytes))
    }

    fn word(&self, at: u64) -> Option<u64> {
        let bytes = self.0.get(at as usize..)?.first_chunk()?;
        Some(u64::from_ne_bytes(*bytes))
    }

    fn statistics(&self, at: u64) -> Option<Statistics> {
        Some(Statistics {
            collections: self.word(at)?,
            collected: self.word(at + 8)?,
            uncollectable: self.word(at + 16)?,
        })
    }
}

/// Counts the objects of the list with this head.
///
/// # Errors
/// When the head is none: its links must lead back to it.
fn count_objects<M: ReadMemory>(memory: &M, head: u64, counting: Counting) -> Result<Objects> {
    let Counting::UpTo(most) = counting else { return Ok(Objects::NoList) };
    check_head(memory, head)?;
    let cached = CachedMemory::new(memory);
    let mut about = None;
    for _ in 0..TRIES {
        cached.forget();
        match walk(&cached, head, most)? {
            Some(Walk { objects, doubtful: 0 }) => return Ok(Objects::Exactly(objects)),
            Some(Walk { objects, .. }) => about = Some(Objects::About(objects)),
            None => {}
        }
    }
    Ok(about.unwrap_or(Objects::Unknown))
}

/// Where nothing uses the head of a list, it holds nothing.
fn check_unused(block: &Block, head: u64) -> Result<()> {
    match [block.word(head), block.word(head + 8)] {
        [Some(0), Some(0)] => Ok(()),
        links => Err(nonsense(format!("the head of a list that nothing uses holds {links:?}"))),
    }
}

/// The last object of a list leads back to its head, whatever a running collection keeps in
/// the links back.
fn check_head<M: ReadMemory>(memory: &M, head: u64) -> Result<()> {
    let last = memory.read_u64(head.saturating_add(8))? & !FLAGS;
    let next = memory.read_u64(last)? & !FLAGS;
    if next == head {
        return Ok(());
    }
    Err(nonsense(format!("the list at {head:#x} is none: its last link goes to {next:#x}")))
}

/// A walk that came back to its head.
struct Walk {
    objects: u64,
    /// Objects whose link back did not fit: the list changed, or a collection was running.
    doubtful: u64,
}

/// Follows a list; `None` when it does not come back to its head.
fn walk<M: ReadMemory>(memory: &M, head: u64, most: u64) -> Result<Option<Walk>> {
    let mut node = [0; 16];
    let mut links = |address: u64| -> Result<Option<(u64, u64)>> {
        let whole = memory.read_prefix(address, &mut node)? == node.len();
        let word = |at: usize| u64::from_ne_bytes([0, 1, 2, 3, 4, 5, 6, 7].map(|i| node[at + i]));
        Ok(whole.then(|| (word(0) & !FLAGS, word(8) & !FLAGS)))
    };
    let (mut objects, mut doubtful, mut before) = (0, 0, head);
    let Some((mut at, _)) = links(head)? else { return Ok(None) };
    // Brent: the mark jumps to where the walk is at every power of two; a circle without the
    // head comes back to it.
    let (mut mark, mut jump) = (head, 1);
    while at != head {
        if at % 8 != 0 || at == mark || objects >= most {
            return Ok(None);
        }
        let Some((next, back)) = links(at)? else { return Ok(None) };
        objects += 1;
        doubtful += u64::from(back != before);
        if objects == jump {
            (mark, jump) = (at, jump * 2);
        }
        (before, at) = (at, next);
    }
    Ok(Some(Walk { objects, doubtful }))
}

#[cfg(test)]
mod tests {
    use target::memory::FakeMemory;

    use super::*;
    use crate::layout::TABLES;

    const GC: u64 = 0x1_0000;

    fn table() -> CollectorTable {
        TABLES[4].collector
    }

    /// Links `nodes` behind the head at `head`.
    fn link(memory: &mut FakeMemory, head: u64, nodes: &[u64]) {
        let ring: Vec<u64> = [head].iter().chain(nodes).chain([&head]).copied().collect();
        for pair in ring.windows(2) {
            memory.put_u64(pair[0], pair[1]);
            // With flags, as the collector keeps them.
            memory.put_u64(pair[1] + 8, pair[0] | u64::from(pair[1] != head));
        }
    }

    fn fake() -> FakeMemory {
        let mut memory = FakeMemory::default();
        memory.add(GC, vec![0; 0x200]).add(0x2_0000, vec![0; 0x1000]);
        let t = table();
        memory.put_u64(GC + 8, 1 << 32);
        let nodes: Vec<u64> = (0..5).map(|n| 0x2_0000 + n * 64).collect();
        link(&mut memory, GC + t.generations, &nodes);
        link(&mut memory, GC + t.generations + 24, &[]);
        link(&mut memory, GC + t.generations + 48, &[0x2_0800]);
        link(&mut memory, GC + t.permanent, &[0x2_0900, 0x2_0a00]);
        memory.put_u64(GC + t.generations + 16, 700 | 3 << 32);
        memory.put_u64(GC + 128 + 24 + 8, 99);
        memory.put_u64(GC + 208, 0x2_0b00).put_u64(0x2_0b00 + 16, 17);
        memory
    }

    fn read_fake(memory: &FakeMemory) -> Result<Collector> {
        read(memory, &table(), GC, Counting::UpTo(1000))
    }

    #[test]
    fn the_state_is_read() {
        let collector = read_fake(&fake()).unwrap();
        assert!(collector.enabled);
        let [young, middle, old] = collector.generations;
        assert_eq!((young.threshold, young.count), (700, Some(3)));
        assert_eq!(young.objects, Objects::Exactly(5));
        assert_eq!((middle.objects, old.objects), (Objects::Exactly(0), Objects::Exactly(1)));
        assert_eq!(middle.statistics.unwrap().collected, 99);
        assert_eq!(collector.permanent, Objects::Exactly(2));
        assert_eq!(collector.garbage, Some(17));
    }

    /// Lists that change, end nowhere or run in circles are counted as far as they can be.
    #[test]
    fn torn_lists_end() {
        let young = |at: u64, value: u64| {
            let mut memory = fake();
            memory.put_u64(at, value);
            read_fake(&memory).map(|c| c.generations[0].objects)
        };
        assert_eq!(young(0x2_0040 + 8, 0x2_0080).unwrap(), Objects::About(5));
        assert_eq!(young(0x2_0040, 0x2_0040).unwrap(), Objects::Unknown);
        assert_eq!(young(0x2_0080, 0x2_0000).unwrap(), Objects::Unknown);
        assert_eq!(young(0x2_0080, 0).unwrap(), Objects::Unknown);
        assert_eq!(young(0x2_0080, 0xdead_0000).unwrap(), Objects::Unknown);
        let one = read(&fake(), &table(), GC, Counting::UpTo(4)).unwrap();
        assert_eq!(one.generations[0].objects, Objects::Unknown);
    }

    /// Without lists, what is read a few bytes beside its place is not believed, and a negative
    /// count is no figure.
    #[test]
    fn without_lists_unused_heads_tell_the_place() {
        let mut memory = FakeMemory::default();
        memory.add(GC, vec![0; 0x200]);
        let t = table();
        memory.put_u64(GC + 8, 1 << 32);
        for (n, count) in (0..).zip([-6830, 7, 0_i32]) {
            let word = 2000 | u64::from(count as u32) << 32;
            memory.put_u64(GC + t.generations + n * 24 + 16, word);
        }
        let counting = Counting::NoLists { check_heads: true };
        let [young, middle, _] = read(&memory, &t, GC, counting).unwrap().generations;
        assert_eq!((young.threshold, young.count), (2000, None));
        assert_eq!((middle.threshold, middle.count), (2000, Some(7)));
        let beside = CollectorTable { generations: t.generations - 4, ..t };
        let error = read(&memory, &beside, GC, counting).unwrap_err();
        assert!(format!("{error:#}").contains("nothing uses"), "{error:#}");
    }

    /// What is no collector's state is refused.
    #[test]
    fn lies_are_refused() {
        let refuse = |at: u64, value: u64| {
            let mut memory = fake();
            memory.put_u64(at, value);
            format!("{:#}", read_fake(&memory).unwrap_err())
        };
        assert!(refuse(GC + 8, 7 << 32).contains("Some(7)"));
        assert!(refuse(GC + 40, 0xffff_ffff).contains("negative"));
        assert!(refuse(GC + 24 + 8, 0x2_0f00).contains("is none"));
        assert!(refuse(GC + 24 + 8, u64::MAX).contains("cannot be read"));
    }
}
