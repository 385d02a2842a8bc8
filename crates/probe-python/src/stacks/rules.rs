//! Where threads, frames and code objects keep what a stack is read from: one row per version.

use probe::{Error, ErrorKind, Result, ResultExt};
use target::memory::ReadMemory;

use super::lines::LineTable;
use crate::layout::entry;
use crate::version::Version;

/// One version's row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameRules {
    /// The minor version: 11 for 3.11.
    pub minor: u32,
    /// Whether it was compared with a real interpreter of this version.
    pub verified: bool,
    /// How the offsets are told.
    pub told: Told,
    /// The form of line tables.
    pub lines: LineTable,
    /// Bytes of what the number of an instruction counts (to 3.10).
    pub instruction_size: u64,
    /// The lowest owner of a frame that runs no Python code: those on the C stack, and from 3.14
    /// on those of the interpreter.
    pub shim: u8,
}

/// How the offsets of a version are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// By this table.
    Fixed(Places),
    /// By the runtime's own table, whose entries stand at these places.
    InRuntime(Places),
}

/// Offsets in bytes, or the places of these offsets in the runtime's own table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Places {
    /// Thread state: its frame, or what holds it.
    pub thread_frame: u64,
    /// What holds the frame (`_PyCFrame`, 3.11 and 3.12): the frame. Never an entry.
    pub inner_frame: Option<u64>,
    /// Frame: the one that called it.
    pub back: u64,
    /// Frame: its code object.
    pub code: u64,
    /// Frame: the number (`int`, to 3.10) or the address of its instruction.
    pub instruction: u64,
    /// Frame: `char` whose it is (3.11 and up).
    pub owner: Option<u64>,
    /// Code: file.
    pub filename: u64,
    /// Code: qualified name, or plain name to 3.10.
    pub name: u64,
    /// Code: table of lines.
    pub lines: u64,
    /// Code: `int` first line.
    pub first_line: u64,
    /// Code: the first instruction (3.11 and up).
    pub instructions: Option<u64>,
    /// Of the runtime (to 3.11) or the interpreter: the thread state that has or had the lock.
    pub gil_holder: u64,
    /// The same: `int` whether the lock is taken.
    pub gil_locked: u64,
}

const V3_8: Places = Places {
    thread_frame: 24,
    inner_frame: None,
    back: 24,
    code: 32,
    instruction: 104,
    owner: None,
    filename: 104,
    name: 112,
    lines: 120,
    first_line: 40,
    instructions: None,
    gil_holder: 1152 + 8,
    gil_locked: 1152 + 16,
};

const V3_9: Places = Places { gil_holder: 352 + 8, gil_locked: 352 + 16, ..V3_8 };

const V3_11: Places = Places {
    thread_frame: 56,
    inner_frame: Some(8),
    back: 48,
    code: 32,
    instruction: 56,
    owner: Some(69),
    filename: 112,
    name: 128,
    lines: 136,
    first_line: 72,
    instructions: Some(184),
    gil_holder: 360 + 8,
    gil_locked: 360 + 16,
};

const V3_12: Places = Places {
    inner_frame: Some(0),
    back: 8,
    code: 0,
    owner: Some(70),
    first_line: 68,
    instructions: Some(192),
    gil_holder: 1040 + 8,
    gil_locked: 1040 + 16,
    ..V3_11
};

/// Places of entries.
const V3_13: Places = Places {
    thread_frame: 184,
    inner_frame: None,
    back: 232,
    code: 240,
    instruction: 248,
    owner: Some(264),
    filename: 280,
    name: 296,
    lines: 304,
    first_line: 312,
    instructions: Some(344),
    gil_holder: 144,
    gil_locked: 136,
};

/// Places of entries. Three words went in front of those of threads, two into frames.
const V3_14: Places = Places {
    thread_frame: 208,
    back: 256,
    code: 264,
    instruction: 272,
    owner: Some(288),
    filename: 320,
    name: 336,
    lines: 344,
    first_line: 352,
    instructions: Some(384),
    gil_holder: 152,
    gil_locked: 144,
    ..V3_13
};

/// Places of entries. Eight words went into those of threads.
const V3_15: Places = Places {
    back: 320,
    code: 328,
    instruction: 336,
    owner: Some(352),
    filename: 384,
    name: 400,
    lines: 408,
    first_line: 416,
    instructions: Some(448),
    ..V3_14
};

const OLD: FrameRules = FrameRules {
    minor: 8,
    verified: true,
    told: Told::Fixed(V3_8),
    lines: LineTable::Increments,
    instruction_size: 1,
    shim: u8::MAX,
};

const NEW: FrameRules = FrameRules {
    minor: 13,
    verified: true,
    told: Told::InRuntime(V3_13),
    lines: LineTable::Locations,
    instruction_size: 1,
    shim: 3,
};

/// Every version whose stacks can be read, oldest first.
pub const FRAMES: [FrameRules; 9] = [
    FrameRules {
        minor: 7,
        told: Told::Fixed(Places {
            filename: 96,
            name: 104,
            lines: 112,
            first_line: 36,
            gil_holder: 1264 + 8,
            gil_locked: 1264 + 16,
            ..V3_8
        }),
        ..OLD
    },
    OLD,
    FrameRules { minor: 9, told: Told::Fixed(V3_9), ..OLD },
    FrameRules {
        minor: 10,
        told: Told::Fixed(Places { instruction: 96, ..V3_9 }),
        lines: LineTable::Ranges,
        instruction_size: 2,
        ..OLD
    },
    FrameRules { minor: 11, told: Told::Fixed(V3_11), shim: u8::MAX, ..NEW },
    FrameRules { minor: 12, told: Told::Fixed(V3_12), ..NEW },
    NEW,
    FrameRules { minor: 14, told: Told::InRuntime(V3_14), ..NEW },
    FrameRules { minor: 15, told: Told::InRuntime(V3_15), ..NEW },
];

/// The row of a version.
///
/// # Errors
/// [`ErrorKind::Unsupported`] with the version when there is none.
pub fn frame_rules(version: &Version) -> Result<&'static FrameRules> {
    let row = FRAMES.iter().find(|row| version.major == 3 && row.minor == version.minor);
    row.ok_or_else(|| {
        let message = format!("how Python {version} keeps its frames is not known");
        Error::new(ErrorKind::Unsupported, message)
            .with_hint("look for a newer version of this program")
    })
}

impl FrameRules {
    /// Whether one lock serves all interpreters of the runtime.
    pub(crate) fn one_lock(&self) -> bool {
        self.minor < 12
    }

    /// The offsets of the runtime at this address.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidData`] when the runtime's own table makes no sense.
    pub(crate) fn places<M: ReadMemory>(&self, memory: &M, runtime: u64) -> Result<Places> {
        match &self.told {
            Told::Fixed(places) => Ok(*places),
            Told::InRuntime(entries) => {
                entries.read(memory, runtime).context("reading the runtime's table of offsets")
            }
        }
    }
}

impl Places {
    fn read<M: ReadMemory>(&self, memory: &M, runtime: u64) -> Result<Self> {
        let entry = |at| entry(memory, runtime, at);
        let maybe = |at: Option<u64>| at.map(entry).transpose();
        Ok(Self {
            thread_frame: entry(self.thread_frame)?,
            inner_frame: None,
            back: entry(self.back)?,
            code: entry(self.code)?,
            instruction: entry(self.instruction)?,
            owner: maybe(self.owner)?,
            filename: entry(self.filename)?,
            name: entry(self.name)?,
            lines: entry(self.lines)?,
            first_line: entry(self.first_line)?,
            instructions: maybe(self.instructions)?,
            gil_holder: entry(self.gil_holder)?,
            gil_locked: entry(self.gil_locked)?,
        })
    }
}
