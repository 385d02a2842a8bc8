//! Where things stand in the interpreter's structures: one table per minor version.
//!
//! Up to 3.12 the offsets are constants of the version. From 3.13 the runtime begins with a table
//! of its own offsets; then only the place of each entry in that table is a constant here. A new
//! version of Python is a new row of [`TABLES`] and no new code. A test compiles a C program
//! against the headers of every interpreter of the machine and compares.
//!
//! All offsets are in bytes, for 64-bit builds.

mod collector;
mod debugger;

use probe::{Error, ErrorKind, Result, ResultExt};
use target::memory::ReadMemory;

use crate::version::Version;
pub use collector::{CollectorTable, Rings, StatisticsPlace};
use collector::{GENERATIONAL, V3_7_COLLECTOR};
pub use debugger::DebuggerEntries;

/// What the runtime begins with from 3.13 on.
pub const COOKIE: &[u8; 8] = b"xdebugpy";
/// Where the table of offsets has `PY_VERSION_HEX`.
pub const COOKIE_VERSION: u64 = 8;
/// Where the table of offsets says whether the build is free-threaded.
pub const COOKIE_FREE_THREADED: u64 = 16;
/// The largest offset that is believed: the interpreter's structure of 3.15 has some 300 KiB.
const MAX_OFFSET: u64 = 16 << 20;

/// One version's row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Table {
    /// The minor version: 11 for 3.11.
    pub minor: u32,
    /// Whether it was compared with a real interpreter of this version.
    pub verified: bool,
    /// How the offsets are told.
    pub offsets: Offsets,
    /// The inside of the collector's state.
    pub collector: CollectorTable,
    /// The same as later patch releases have it, where it changed within the version. Which one
    /// holds is told by the lists: their heads are none at the places of the other.
    pub later_collector: Option<CollectorTable>,
}

/// How the offsets of a version are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offsets {
    /// By this table.
    Fixed(Layout),
    /// By the runtime's own table, whose entries stand at these places.
    InRuntime(Entries),
}

/// The offsets that lead from the runtime to interpreters, threads and collectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Runtime: the newest interpreter.
    pub interpreters_head: u64,
    /// Interpreter: its number. `None` in 3.6: they are counted in the order of their making.
    pub interpreter_id: Option<u64>,
    /// Interpreter: the next one.
    pub interpreter_next: u64,
    /// Interpreter: its first thread state.
    pub threads_head: u64,
    /// Thread state: the next one.
    pub thread_next: u64,
    /// Thread state: its interpreter.
    pub thread_interpreter: u64,
    /// Thread state: the handle of the threads library (`pthread_t`).
    pub thread_handle: u64,
    /// Thread state: the system's number of the thread, from 3.11 on.
    pub thread_native: Option<u64>,
    /// The collector's state.
    pub collector: Place,
}

/// Whose collector it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// One for all interpreters, at this offset of the runtime.
    Runtime(u64),
    /// One for each, at this offset of the interpreter.
    Interpreter(u64),
    /// 3.6: in variables that no symbol names.
    Unknown,
}

/// Places in the runtime's own table of offsets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entries {
    /// See [`Layout::interpreters_head`].
    pub interpreters_head: u64,
    /// See [`Layout::interpreter_id`].
    pub interpreter_id: u64,
    /// See [`Layout::interpreter_next`].
    pub interpreter_next: u64,
    /// See [`Layout::threads_head`].
    pub threads_head: u64,
    /// See [`Layout::collector`].
    pub collector: u64,
    /// See [`Layout::thread_next`].
    pub thread_next: u64,
    /// See [`Layout::thread_interpreter`].
    pub thread_interpreter: u64,
    /// See [`Layout::thread_handle`].
    pub thread_handle: u64,
    /// See [`Layout::thread_native`].
    pub thread_native: u64,
}

const V3_9: Layout = Layout {
    interpreters_head: 32,
    interpreter_id: Some(24),
    interpreter_next: 0,
    threads_head: 8,
    thread_next: 8,
    thread_interpreter: 16,
    thread_handle: 176,
    thread_native: None,
    collector: Place::Interpreter(616),
};

const V3_13: Entries = Entries {
    interpreters_head: 40,
    interpreter_id: 56,
    interpreter_next: 64,
    threads_head: 72,
    collector: 80,
    thread_next: 168,
    thread_interpreter: 176,
    thread_handle: 192,
    thread_native: 200,
};

/// In 3.14 an entry for the main thread state went in front of the collector's.
const V3_14: Entries = Entries {
    collector: 88,
    thread_next: 192,
    thread_interpreter: 200,
    thread_handle: 216,
    thread_native: 224,
    ..V3_13
};

/// Every version that can be read, oldest first.
pub const TABLES: [Table; 10] = [
    Table {
        minor: 6,
        verified: true,
        // What stands for the runtime is the variable that leads to the newest interpreter.
        offsets: Offsets::Fixed(Layout {
            interpreters_head: 0,
            interpreter_id: None,
            thread_handle: 152,
            collector: Place::Unknown,
            ..V3_9
        }),
        collector: V3_7_COLLECTOR,
        later_collector: None,
    },
    Table {
        minor: 7,
        verified: true,
        offsets: Offsets::Fixed(Layout {
            interpreters_head: 24,
            interpreter_id: Some(16),
            collector: Place::Runtime(320),
            ..V3_9
        }),
        collector: V3_7_COLLECTOR,
        later_collector: None,
    },
    Table {
        minor: 8,
        verified: true,
        offsets: Offsets::Fixed(Layout {
            interpreter_id: Some(16),
            collector: Place::Runtime(344),
            ..V3_9
        }),
        collector: GENERATIONAL,
        later_collector: None,
    },
    Table {
        minor: 9,
        verified: true,
        offsets: Offsets::Fixed(V3_9),
        collector: GENERATIONAL,
        later_collector: None,
    },
    Table {
        minor: 10,
        verified: true,
        offsets: Offsets::Fixed(V3_9),
        collector: GENERATIONAL,
        later_collector: None,
    },
    Table {
        minor: 11,
        verified: true,
        offsets: Offsets::Fixed(Layout {
            interpreters_head: 40,
            interpreter_id: Some(48),
            threads_head: 16,
            thread_handle: 152,
            thread_native: Some(160),
            collector: Place::Interpreter(648),
            ..V3_9
        }),
        collector: GENERATIONAL,
        later_collector: None,
    },
    Table {
        minor: 12,
        verified: true,
        offsets: Offsets::Fixed(Layout {
            interpreters_head: 40,
            interpreter_id: Some(8),
            threads_head: 72,
            thread_handle: 136,
            thread_native: Some(144),
            collector: Place::Interpreter(112),
            ..V3_9
        }),
        collector: GENERATIONAL,
        later_collector: None,
    },
    Table {
        minor: 13,
        verified: true,
        offsets: Offsets::InRuntime(V3_13),
        collector: GENERATIONAL,
        // Heads of lists need but 4 bytes of alignment there: 3.13.18 has it, 3.13.0 not.
        later_collector: Some(CollectorTable { generations: 20, ..GENERATIONAL }),
    },
    Table {
        minor: 14,
        verified: true,
        offsets: Offsets::InRuntime(V3_14),
        collector: CollectorTable {
            permanent: 96,
            statistics: StatisticsPlace::Inside(120),
            collecting: Some(192),
            garbage: Some(200),
            ..GENERATIONAL
        },
        later_collector: None,
    },
    Table {
        minor: 15,
        verified: true,
        offsets: Offsets::InRuntime(Entries { thread_handle: 240, thread_native: 248, ..V3_14 }),
        collector: CollectorTable {
            enabled: 0,
            generations: 8,
            permanent: 80,
            statistics: StatisticsPlace::Behind(Rings {
                pointer: 104,
                items: [11, 3, 3],
                item: 64,
                collections: 16,
            }),
            collecting: Some(112),
            garbage: Some(128),
            ..GENERATIONAL
        },
        later_collector: None,
    },
];

/// The row of a version.
///
/// # Errors
/// [`ErrorKind::Unsupported`] with the version when there is none.
pub fn table(version: &Version) -> Result<&'static Table> {
    let row = TABLES.iter().find(|t| version.major == 3 && t.minor == version.minor);
    row.ok_or_else(|| {
        let known = TABLES.iter().map(|t| t.minor);
        let (first, last) = (known.clone().min().unwrap_or(0), known.max().unwrap_or(0));
        let message =
            format!("Python {version} is not known: this program reads 3.{first} to 3.{last}");
        Error::new(ErrorKind::Unsupported, message)
            .with_hint("look for a newer version of this program, or stay at the high level")
    })
}

impl Table {
    /// The offsets of the runtime at this address.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidData`] when the runtime's own table makes no sense.
    pub fn layout<M: ReadMemory>(&self, memory: &M, runtime: u64) -> Result<Layout> {
        match self.offsets {
            Offsets::Fixed(layout) => Ok(layout),
            Offsets::InRuntime(entries) => {
                entries.read(memory, runtime).context("reading the runtime's table of offsets")
            }
        }
    }
}

impl Entries {
    fn read<M: ReadMemory>(&self, memory: &M, runtime: u64) -> Result<Layout> {
        let entry = |at| entry(memory, runtime, at);
        Ok(Layout {
            interpreters_head: entry(self.interpreters_head)?,
            interpreter_id: Some(entry(self.interpreter_id)?),
            interpreter_next: entry(self.interpreter_next)?,
            threads_head: entry(self.threads_head)?,
            thread_next: entry(self.thread_next)?,
            thread_interpreter: entry(self.thread_interpreter)?,
            thread_handle: entry(self.thread_handle)?,
            thread_native: Some(entry(self.thread_native)?),
            collector: Place::Interpreter(entry(self.collector)?),
        })
    }
}

/// An entry of the runtime's own table of offsets.
///
/// # Errors
/// [`ErrorKind::InvalidData`] when it is no offset.
pub(crate) fn entry<M: ReadMemory>(memory: &M, runtime: u64, at: u64) -> Result<u64> {
    let offset = memory.read_u64(runtime.saturating_add(at))?;
    // Of what is read with these, only an owner of a frame is not aligned.
    if offset <= MAX_OFFSET && offset % 2 == 0 {
        return Ok(offset);
    }
    let message = format!("entry {at} says {offset}, which is no offset");
    Err(Error::new(ErrorKind::InvalidData, message))
}
