//! One word of a process that is changed for a while.

use std::fmt;

use probe::{Error, ErrorKind, Result, Target};
use serde::{Deserialize, Serialize};
use target::memory::{ReadMemory, WriteMemory};

/// A word: where it is, what it held, and what it holds for a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Word {
    /// What it is, for people: `gc.enabled`.
    pub name: String,
    /// Its address in the process.
    pub address: u64,
    /// How long it is.
    pub size: Size,
    /// What it held, and will hold again.
    pub before: u64,
    /// What it holds for a while.
    pub during: u64,
    /// What must hold for it to be written.
    pub anchor: Anchor,
}

/// Another word, that leads to the structure in which the first one is as long as that is there: the
/// memory of what has ended belongs to others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Anchor {
    /// Its address.
    pub address: u64,
    /// What it holds as long as the structure is there.
    pub value: u64,
}

/// How long a word is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Size {
    /// 32 bits.
    Four,
    /// 64 bits.
    Eight,
}

impl Size {
    /// The size of so many bytes; `None` when no word has it.
    #[must_use]
    pub fn of(bytes: u64) -> Option<Self> {
        match bytes {
            4 => Some(Self::Four),
            8 => Some(Self::Eight),
            _ => None,
        }
    }
}

/// What became of a word that was to be as before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restored {
    /// What it is.
    pub name: String,
    /// The process: the target, or a child that it forked meanwhile.
    pub pid: u32,
    /// What became of it.
    pub outcome: Outcome,
}

/// What was done to have a word as before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// It was put back.
    Back,
    /// It was as before already: the program has put it back by itself.
    AsBefore,
    /// The program has set it to this meanwhile, and it stays so.
    Kept(u64),
    /// The process, or the interpreter in it, has ended.
    Ended,
    /// It could not be put back.
    Failed(String),
}

impl fmt::Display for Restored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, pid, outcome } = self;
        match outcome {
            Outcome::Back => write!(f, "{name} of process {pid} is as before"),
            Outcome::AsBefore => {
                write!(
                    f,
                    "{name} of process {pid} is as before: the program has put it back itself"
                )
            }
            Outcome::Kept(value) => write!(
                f,
                "the program has set {name} of process {pid} to {value} meanwhile: it stays so"
            ),
            Outcome::Ended => write!(f, "process {pid} has ended, and {name} with it"),
            Outcome::Failed(why) => {
                write!(f, "{name} of process {pid} could not be put back: {why}")
            }
        }
    }
}

impl Word {
    /// What it holds now; `None` when its structure is gone.
    ///
    /// # Errors
    /// Those of reading memory.
    pub fn now<M: ReadMemory>(&self, memory: &M) -> Result<Option<u64>> {
        if memory.read_u64(self.anchor.address)? != self.anchor.value {
            return Ok(None);
        }
        match self.size {
            Size::Four => Ok(Some(memory.read_u32(self.address)?.into())),
            Size::Eight => Ok(Some(memory.read_u64(self.address)?)),
        }
    }

    /// Has it hold what it is to hold for a while.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidData`] when it does not hold what it should; those of writing.
    pub(crate) fn set(&self, memory: &WriteMemory) -> Result<()> {
        match self.now(memory)? {
            Some(now) if now == self.before => self.write(memory, self.during),
            now => {
                let now = now.map_or("is gone".into(), |now| format!("holds {now}"));
                let message = format!("{} {now}, and not {} any more", self.name, self.before);
                Err(Error::new(ErrorKind::InvalidData, message).with_hint("try again"))
            }
        }
    }

    /// Has it hold what it held, unless the program has set it to something else.
    pub(crate) fn put_back(&self, target: &Target) -> Outcome {
        let tried = WriteMemory::open(target).and_then(|memory| {
            Ok(match self.now(&memory)? {
                None => Outcome::Ended,
                Some(now) if now == self.during => {
                    self.write(&memory, self.before)?;
                    Outcome::Back
                }
                Some(now) if now == self.before => Outcome::AsBefore,
                Some(now) => Outcome::Kept(now),
            })
        });
        tried.unwrap_or_else(|error| match error.kind() {
            // What cannot be read any more is gone: a program that was replaced by `exec`.
            ErrorKind::TargetEnded | ErrorKind::NotFound | ErrorKind::InvalidData => Outcome::Ended,
            _ => Outcome::Failed(format!("{error:#}")),
        })
    }

    fn write(&self, memory: &WriteMemory, value: u64) -> Result<()> {
        let bytes = value.to_ne_bytes();
        match self.size {
            Size::Four => {
                let half = u32::try_from(value).map_err(|_| {
                    let message = format!("{value} does not fit into {}", self.name);
                    Error::new(ErrorKind::InvalidInput, message)
                })?;
                memory.write(self.address, &half.to_ne_bytes())
            }
            Size::Eight => memory.write(self.address, &bytes),
        }
    }
}
