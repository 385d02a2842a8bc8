//! The probe: from parts to tables.

use std::cell::OnceCell;
use std::ops::Range;
use std::time::Instant;

use probe::tables::{
    allocators as allocator_table, malloc_arenas, malloc_free, malloc_holes, malloc_settings,
    native_heap,
};
use probe::{
    Characteristics, Column, Descriptor, Issue, Level, Open, Probe, ProbeId, Question, Request,
    Result, Role, Severity, Snapshot, Table, Unit, Values,
};
use serde::Deserialize;
use target::images::{Image, Mapping, images};
use target::memory::{LiveMemory, ReadMemory};
use target::procfs::{ProcessDir, clock};

use crate::allocators::{self, Allocator};
use crate::heap;
use crate::heap_tables;
use crate::parts::{HeapHeader, Kind, Look, Part, Parts, sort};

/// The most threads whose stack is looked for.
const MAX_THREADS: usize = 1 << 16;

/// Settings of the probe, from a preset.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Arenas that get a row of their own; further ones share one.
    pub most_arenas: usize,
}

impl Default for Config {
    fn default() -> Self {
        // glibc makes at most 8 per core unless told otherwise.
        Self { most_arenas: 1024 }
    }
}

/// Looks at the native heap from outside.
#[derive(Debug)]
pub struct AllocProbe {
    descriptor: Descriptor,
    config: Config,
}

impl Open for AllocProbe {
    type Config = Config;

    fn describe() -> Descriptor {
        Descriptor {
            name: "alloc".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            summary: "the native heap: its parts, and what glibc holds in them, free and in use"
                .into(),
            level: Level::Low,
            questions: vec![
                Question::new(
                    "native",
                    &[native_heap::TABLE, allocator_table::TABLE],
                    "what /proc/PID/smaps costs the kernel: some ms per GB resident",
                ),
                Question::new(
                    "malloc",
                    &[
                        malloc_arenas::TABLE,
                        malloc_free::TABLE,
                        malloc_holes::TABLE,
                        malloc_settings::TABLE,
                        allocator_table::TABLE,
                    ],
                    "reads all heaps once: about 0.5 s of this program per GB",
                )
                .frozen(),
            ],
            characteristics: Characteristics {
                availability: "Linux; parts are those of glibc's malloc; the right to trace the \
                               process"
                    .into(),
                memory_granularity: "each arena, free chunks by list and size, the largest holes"
                    .into(),
                execution_granularity: "process".into(),
                memory_cost: "none".into(),
                execution_cost: "holds the process's map lock while the kernel counts pages".into(),
                developer_cost: "none".into(),
            },
        }
    }

    fn open(config: Config) -> Result<Self> {
        Ok(Self { descriptor: Self::describe(), config })
    }
}

impl Probe for AllocProbe {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn snapshot(&mut self, request: &Request) -> Result<Snapshot> {
        let (taken, began) = (clock::now(), Instant::now());
        let id = ProbeId {
            name: self.descriptor.name.clone(),
            version: self.descriptor.version.clone(),
        };
        let mut snapshot = Snapshot::new(id, request.target.clone(), taken);
        if request.wants("native") {
            self.native(request, &mut snapshot)?;
        }
        if request.wants("malloc") {
            self.malloc(request, &mut snapshot)?;
        }
        snapshot.duration_ns = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        Ok(snapshot)
    }
}

impl AllocProbe {
    fn native(&self, request: &Request, snapshot: &mut Snapshot) -> Result<()> {
        let memory = LiveMemory::open(&request.target)?;
        let process = memory.process();
        let mut mappings = Vec::new();
        process.mappings(|mapping| mappings.push(mapping.into_owned()))?;
        let look = Live::new(&memory, &mappings);
        let parts = sort(&mappings, &look, self.config.most_arenas);
        let allocators = allocators::read(&memory, &mappings);
        remark(snapshot, &parts, &allocators, &look);
        let pid = request.target.pid;
        snapshot.tables.push(parts_table(pid, &parts));
        snapshot.tables.push(allocators_table(pid, &allocators));
        Ok(())
    }

    fn malloc(&self, request: &Request, snapshot: &mut Snapshot) -> Result<()> {
        let heap = heap::look(request)?;
        let pid = request.target.pid;
        snapshot.tables.extend(heap_tables::tables(&heap, pid, self.config.most_arenas));
        if snapshot.table(allocator_table::TABLE).is_none() {
            snapshot.tables.push(allocators_table(pid, &heap.allocators));
        }
        if request.frozen.is_none() {
            snapshot.issues.push(Issue::info(
                "the process was not frozen: it ran on while its heap was read, so that some \
                 chunks may be counted twice or not at all",
            ));
        }
        for issue in heap.issues {
            if issue.severity == Severity::Info {
                snapshot.issues.push(issue);
            } else {
                snapshot.lack(issue);
            }
        }
        Ok(())
    }
}

/// Says what the figures do not tell.
fn remark(snapshot: &mut Snapshot, parts: &Parts, allocators: &[Allocator], look: &Live<'_>) {
    snapshot.issues.push(Issue::info(
        "resident bytes of the parts include memory that malloc keeps for later: the question \
         `malloc` tells it apart",
    ));
    snapshot.issues.push(Issue::info(
        "`mmapped block` is all other private anonymous memory: big blocks of malloc, Python's \
         own arenas (256 KiB up to 3.9, 1 MiB from 3.10), and what libraries map for themselves",
    ));
    if let Some(error) = look.refused.get() {
        snapshot.lack(error.clone());
    }
    if parts.unconfirmed > 0 {
        snapshot.lack(Issue::warning(format!(
            "{} heaps of thread arenas were told by their place alone, because memory cannot be \
             read; full ones (64 MiB) are among the mmapped blocks",
            parts.unconfirmed
        )));
    }
    if parts.mixed > 0 {
        snapshot.lack(Issue::warning(format!(
            "{} mappings hold a thread arena together with another one or another block, because \
             the kernel joined them: they are counted with the first arena in them",
            parts.mixed
        )));
    }
    let others: Vec<_> =
        allocators.iter().map(|a| a.name).filter(|&name| name != "glibc").collect();
    if !others.is_empty() {
        snapshot.issues.push(Issue::warning(format!(
            "{} is in the process: what it hands out stands among the mmapped blocks",
            others.join(", ")
        )));
    }
}

/// A live process behind [`Look`].
struct Live<'a> {
    memory: &'a LiveMemory,
    images: Vec<Image>,
    /// Stack pointers of the threads but the first.
    stacks: Vec<u64>,
    stack_size: Option<u64>,
    /// Why memory cannot be read.
    refused: OnceCell<Issue>,
}

impl<'a> Live<'a> {
    fn new(memory: &'a LiveMemory, mappings: &[Mapping]) -> Self {
        let process = memory.process();
        Self {
            memory,
            images: images(mappings),
            stacks: stack_pointers(process),
            stack_size: stack_size(process),
            refused: OnceCell::new(),
        }
    }
}

impl Look for Live<'_> {
    fn heap_header(&self, address: u64) -> Option<HeapHeader> {
        let mut bytes = [0; 32];
        match self.memory.read_prefix(address, &mut bytes) {
            Ok(_) => {}
            Err(error) => {
                self.refused.get_or_init(|| error.to_issue(Severity::Warning));
                return None;
            }
        }
        let word =
            |i: usize| u64::from_ne_bytes([0, 1, 2, 3, 4, 5, 6, 7].map(|b| bytes[i * 8 + b]));
        Some(HeapHeader { arena: word(0), previous: word(1), size: word(2), writable: word(3) })
    }

    fn is_stack(&self, range: Range<u64>) -> bool {
        self.stacks.iter().any(|pointer| range.contains(pointer))
    }

    fn stack_size(&self) -> Option<u64> {
        self.stack_size
    }

    fn zeroed_data_end(&self, library: &Mapping) -> Option<u64> {
        let of_library = |i: &&Image| i.mappings.iter().any(|m| m.start == library.start);
        let image = self.images.iter().find(of_library)?;
        let elf = image.elf(self.memory.process()).ok()?;
        let page = clock::page_size();
        let ends = image.load_biases(&elf).into_iter().flat_map(|bias| {
            elf.segments.iter().filter(|s| s.write && s.mem_size > s.file_size).map(move |s| {
                let start = bias.wrapping_add(s.vaddr);
                start..start.saturating_add(s.mem_size).checked_next_multiple_of(page).unwrap_or(0)
            })
        });
        ends.filter(|data| data.contains(&library.start) || library.end > data.start)
            .find(|data| (data.start..=data.end).contains(&library.end))
            .map(|data| data.end)
    }
}

/// Where the stacks of the threads but the first are, as far as the system tells: it does not
/// for threads that run at this moment.
fn stack_pointers(process: &ProcessDir) -> Vec<u64> {
    let pid = process.pid();
    let entries = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let pointers = entries.filter_map(|entry| {
        let tid: u32 = entry.file_name().to_str()?.parse().ok()?;
        let text = (tid != pid).then(|| process.read(&format!("task/{tid}/syscall")).ok())??;
        // Number, six arguments, stack pointer, program counter; or `-1`, then the last two.
        let text = std::str::from_utf8(&text).ok()?;
        let pointer = text.split_ascii_whitespace().rev().nth(1)?;
        u64::from_str_radix(pointer.strip_prefix("0x")?, 16).ok()
    });
    pointers.take(MAX_THREADS).collect()
}

/// The soft limit of the stack, which is the length of a new thread's stack with its guard.
fn stack_size(process: &ProcessDir) -> Option<u64> {
    let text = process.read("limits").ok()?;
    let line = text.split(|&b| b == b'\n').find(|line| line.starts_with(b"Max stack size"))?;
    std::str::from_utf8(line).ok()?.split_ascii_whitespace().nth(3)?.parse().ok()
}

fn parts_table(pid: u32, parts: &Parts) -> Table {
    use native_heap as t;
    let rows = || parts.parts.iter();
    let level = |name: &str, unit: Unit, cell: fn(&Part) -> Option<u64>| {
        Column::level(name, unit, rows().map(|(_, part)| cell(part)))
    };
    let addresses = rows().map(|((_, address), _)| Some(*address)).collect();
    Table::new(
        t::TABLE,
        vec![
            Column::id_key(t::PID, rows().map(|_| pid.into())),
            Column::text_key(t::PART, rows().map(|((kind, _), _)| Kind::name(*kind))),
            Column::new(t::ADDRESS, Unit::Address, Role::Key, Values::U64(addresses)),
            level(t::COUNT, Unit::Count, |part| Some(part.mappings)),
            level(t::SIZE, Unit::Bytes, |part| Some(part.size)),
            level(t::RESERVED, Unit::Bytes, |part| Some(part.reserved)),
            level(t::RSS, Unit::Bytes, |part| part.rss),
            level(t::FREE_TO_RETURN, Unit::Bytes, |part| part.lazy_free),
            level(t::SWAP, Unit::Bytes, |part| part.swap),
        ],
    )
}

fn allocators_table(pid: u32, allocators: &[Allocator]) -> Table {
    use allocator_table as t;
    let held = || allocators.iter().map(|a| a.held);
    Table::new(
        t::TABLE,
        vec![
            Column::id_key(t::PID, allocators.iter().map(|_| pid.into())),
            Column::text_key(t::ALLOCATOR, allocators.iter().map(|a| a.name)),
            Column::text_key(t::LIBRARY, allocators.iter().map(|a| a.library.clone())),
            Column::text(t::VERSION, allocators.iter().map(|a| a.version.clone())),
            Column::level(t::BLOCKS, Unit::Count, held().map(|held| held.map(|h| h.blocks))),
            Column::level(t::BYTES_USED, Unit::Bytes, held().map(|held| held.map(|h| h.bytes))),
        ],
    )
}
