//! Where the runtime's own table of offsets says what a script from outside needs (PEP 768).

use probe::Result;
use target::memory::ReadMemory;

use super::entry;

/// Places in the runtime's own table of offsets; 3.14 and up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DebuggerEntries {
    /// Interpreter: its main thread state.
    pub threads_main: u64,
    /// Thread state: the word that the evaluation loop looks at. Five entries follow.
    pub eval_breaker: u64,
}

/// What they say, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Debugger {
    /// Interpreter: its main thread state.
    pub(crate) threads_main: u64,
    /// Interpreter: `int`, whether scripts from outside are taken.
    pub(crate) enabled: u64,
    /// Thread state: the word that the evaluation loop looks at.
    pub(crate) eval_breaker: u64,
    /// Thread state: `int`, whether a script waits.
    pub(crate) pending: u64,
    /// Thread state: the path of the script.
    pub(crate) script_path: u64,
    /// Bytes that are there for it.
    pub(crate) script_path_size: u64,
}

const V3_14: DebuggerEntries = DebuggerEntries { threads_main: 80, eval_breaker: 712 };

impl DebuggerEntries {
    /// Those of a minor version; `None` when it takes no scripts.
    #[must_use]
    pub fn of(minor: u32) -> Option<Self> {
        match minor {
            14 => Some(V3_14),
            15 => Some(Self { eval_breaker: 840, ..V3_14 }),
            _ => None,
        }
    }

    /// Reads them from the runtime at this address.
    ///
    /// # Errors
    /// `InvalidData` when one of them is no offset.
    pub(crate) fn read<M: ReadMemory>(&self, memory: &M, runtime: u64) -> Result<Debugger> {
        let follows = |number: u64| entry(memory, runtime, self.eval_breaker + 8 * number);
        let support = follows(1)?;
        Ok(Debugger {
            threads_main: entry(memory, runtime, self.threads_main)?,
            enabled: follows(2)?,
            eval_breaker: follows(0)?,
            pending: support + follows(3)?,
            script_path: support + follows(4)?,
            script_path_size: follows(5)?,
        })
    }
}
