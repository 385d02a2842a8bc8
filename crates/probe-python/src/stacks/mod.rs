//! Python stacks of threads: frame objects to 3.10, frames of the interpreter since.

pub mod lines;
mod reader;
pub mod rules;
pub(crate) mod table;

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use probe::{Error, ErrorKind, Result};
use target::memory::ReadMemory;

use crate::attach::Python;
use crate::census::names::Names;
use crate::find::Runtime;
use crate::source::Source;
use crate::state::{Interpreter, ThreadState, field};
use reader::Reader;
use rules::{FrameRules, Places, frame_rules};

/// A function that was called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Its qualified name; to 3.10 its plain name. Control characters are escaped.
    pub function: Arc<str>,
    /// The file that its code says; control characters are escaped.
    pub file: Arc<str>,
    /// The line that runs; `None`: the instruction has none.
    pub line: Option<u64>,
}

/// What a thread was doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stack {
    /// The thread.
    pub thread: ThreadState,
    /// Whether it held the interpreter's lock (GIL).
    pub holds_gil: bool,
    /// Its frames, innermost first; none when it was running no Python code.
    pub frames: Vec<Frame>,
    /// Why there may be more frames, or other ones.
    pub doubt: Option<Doubt>,
}

/// What is wrong with a stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// It has more frames than are read: the outermost are missing.
    TooDeep,
    /// It changed at each of several tries: what is given may be of several moments.
    Changed,
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooDeep => "it has more frames than are read: the outermost are missing",
            Self::Changed => {
                "it ran on while its stack was read: its frames may be of several moments"
            }
        })
    }
}

impl Python {
    /// The stacks of all threads of an interpreter, and why one could not be read. `holders`:
    /// what [`Python::gil_holders`] gave.
    pub fn stacks(
        &self,
        runtime: &Runtime,
        interpreter: &Interpreter,
        holders: &HashSet<u64>,
    ) -> Vec<Result<Stack>> {
        match self.stack_reader(runtime) {
            Ok(mut reader) => {
                let threads = interpreter.threads.iter();
                threads.map(|thread| reader.stack(*thread, holders)).collect()
            }
            Err(error) => vec![Err(error)],
        }
    }

    fn stack_reader(&self, runtime: &Runtime) -> Result<Reader<'_, Source>> {
        let rules = frame_rules(&runtime.version)?;
        if runtime.free_threaded && rules.minor > 13 {
            let message = format!(
                "the stacks of Python {}, a free-threaded build, are not read: each thread has code \
                 of its own there",
                runtime.version
            );
            return Err(Error::new(ErrorKind::Unsupported, message)
                .with_hint("`faulthandler.dump_traceback()` inside of the program says them"));
        }
        let places = rules.places(self.memory(), runtime.address)?;
        let rules_of_objects = crate::census::rules::rules(&runtime.version)?;
        let difference = runtime.difference();
        let names = Names { rules: rules_of_objects, memory: self.memory(), difference };
        Ok(Reader::new(rules, places, names))
    }

    /// The thread states that hold a lock of an interpreter (GIL): at most one for each lock.
    ///
    /// # Errors
    /// `Unsupported` when the version is not known; those of reading memory.
    pub fn gil_holders(
        &self,
        runtime: &Runtime,
        interpreters: &[Interpreter],
    ) -> Result<HashSet<u64>> {
        let rules = frame_rules(&runtime.version)?;
        let places = rules.places(self.memory(), runtime.address)?;
        Ok(holders(self.memory(), rules, &places, runtime.address, interpreters))
    }
}

/// Subinterpreters with the main one's lock have an unused one of their own, which is not taken.
fn holders<M: ReadMemory>(
    memory: &M,
    rules: &FrameRules,
    places: &Places,
    runtime: u64,
    interpreters: &[Interpreter],
) -> HashSet<u64> {
    let owners = interpreters.iter().map(|interpreter| interpreter.address);
    let one = rules.one_lock().then_some(runtime);
    let owners = one.into_iter().chain(owners.filter(|_| !rules.one_lock()));
    let holder = |owner: u64| {
        let locked = memory.read_u32(owner.checked_add(places.gil_locked)?).ok()?;
        let holder = field(memory, owner, places.gil_holder).ok()?;
        (locked == 1 && holder != 0).then_some(holder)
    };
    owners.filter_map(holder).collect()
}
