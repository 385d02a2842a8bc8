//! Interpreters and their thread states.

use std::collections::HashSet;

use probe::{Error, ErrorKind, Result, ResultExt};
use target::memory::ReadMemory;

use crate::layout::Layout;

/// The most interpreters of a runtime that are read.
const MAX_INTERPRETERS: usize = 4096;
/// The most thread states of an interpreter that are read.
const MAX_THREADS: usize = 1 << 16;
/// Interpreters are counted from 0: one above this is no number of an interpreter.
const MAX_ID: u64 = 1 << 40;
/// How often a list is read when it changed meanwhile.
const TRIES: usize = 3;

/// An interpreter: the main one or a subinterpreter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interpreter {
    /// Its number; the main one has 0.
    pub id: u64,
    /// Address of its structure.
    pub address: u64,
    /// Its thread states, newest first.
    pub threads: Vec<ThreadState>,
}

/// A thread as an interpreter knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThreadState {
    /// Address of its structure.
    pub address: u64,
    /// The handle of the threads library (`pthread_t`); 0: not started yet.
    pub handle: u64,
    /// The number of the thread in the target's own PID namespace, where this version keeps it.
    pub native: Option<u64>,
}

/// The interpreters of a runtime, newest first; none when it was not initialised.
///
/// # Errors
/// [`ErrorKind::InvalidData`] when the structures contradict themselves: the version is not what
/// it seems, or the process changed them at each of several tries.
pub(crate) fn interpreters<M: ReadMemory>(
    memory: &M,
    layout: &Layout,
    runtime: u64,
) -> Result<Vec<Interpreter>> {
    again(|| walk_interpreters(memory, layout, runtime))
}

/// Tries again what may have failed because the process went on meanwhile.
pub(crate) fn again<T>(mut action: impl FnMut() -> Result<T>) -> Result<T> {
    let mut tries = 1;
    loop {
        match action() {
            Err(error) if error.kind() == ErrorKind::InvalidData && tries < TRIES => tries += 1,
            other => return other,
        }
    }
}

fn walk_interpreters<M: ReadMemory>(
    memory: &M,
    layout: &Layout,
    runtime: u64,
) -> Result<Vec<Interpreter>> {
    let head = field(memory, runtime, layout.interpreters_head)?;
    let addresses =
        chain(memory, head, layout.interpreter_next, MAX_INTERPRETERS).context("interpreters")?;
    let mut list = Vec::with_capacity(addresses.len());
    for (younger, &address) in addresses.iter().enumerate() {
        let id = match layout.interpreter_id {
            Some(at) => field(memory, address, at)?,
            // The main one is the oldest and stands last.
            None => (addresses.len() - 1 - younger) as u64,
        };
        if id > MAX_ID {
            return Err(nonsense(format!("the interpreter at {address:#x} has the number {id}")));
        }
        let threads = walk_threads(memory, layout, address)
            .with_context(|| format!("threads of interpreter {id}"))?;
        list.push(Interpreter { id, address, threads });
    }
    Ok(list)
}

fn walk_threads<M: ReadMemory>(
    memory: &M,
    layout: &Layout,
    interpreter: u64,
) -> Result<Vec<ThreadState>> {
    let head = field(memory, interpreter, layout.threads_head)?;
    let addresses = chain(memory, head, layout.thread_next, MAX_THREADS)?;
    let mut list = Vec::with_capacity(addresses.len());
    for address in addresses {
        let owner = field(memory, address, layout.thread_interpreter)?;
        if owner != interpreter {
            let message = format!("the thread state at {address:#x} belongs to {owner:#x}");
            return Err(nonsense(message));
        }
        list.push(ThreadState {
            address,
            handle: field(memory, address, layout.thread_handle)?,
            native: layout.thread_native.map(|at| field(memory, address, at)).transpose()?,
        });
    }
    Ok(list)
}

/// The addresses of a list that ends in a null pointer.
fn chain<M: ReadMemory>(memory: &M, head: u64, next: u64, most: usize) -> Result<Vec<u64>> {
    let (mut list, mut seen) = (Vec::new(), HashSet::new());
    let mut address = head;
    while address != 0 {
        if !address.is_multiple_of(8) || list.len() >= most || !seen.insert(address) {
            return Err(nonsense(format!("the list goes to {address:#x}, which is no place")));
        }
        list.push(address);
        address = field(memory, address, next)?;
    }
    Ok(list)
}

pub(crate) fn field<M: ReadMemory>(memory: &M, base: u64, offset: u64) -> Result<u64> {
    memory.read_u64(base.saturating_add(offset))
}

pub(crate) fn nonsense(message: String) -> Error {
    Error::new(ErrorKind::InvalidData, message)
}

#[cfg(test)]
mod tests {
    use target::memory::FakeMemory;

    use super::*;
    use crate::layout::{Offsets, TABLES};

    fn layout() -> Layout {
        let Offsets::Fixed(layout) = TABLES[5].offsets else { unreachable!() };
        layout
    }

    fn fake() -> FakeMemory {
        let mut memory = FakeMemory::default();
        for start in [0x1000, 0x2000, 0x3000, 0x4000, 0x5000] {
            memory.add(start, vec![0; 0x1000]);
        }
        let l = layout();
        memory
            .put_u64(0x1000 + l.interpreters_head, 0x2000)
            .put_u64(0x2000 + l.interpreter_id.unwrap(), 1)
            .put_u64(0x2000 + l.interpreter_next, 0x3000)
            .put_u64(0x3000 + l.threads_head, 0x4000)
            .put_u64(0x4000 + l.thread_next, 0x5000)
            .put_u64(0x4000 + l.thread_interpreter, 0x3000)
            .put_u64(0x5000 + l.thread_interpreter, 0x3000)
            .put_u64(0x5000 + l.thread_native.unwrap(), 77);
        memory
    }

    #[test]
    fn lists_are_walked() {
        let list = interpreters(&fake(), &layout(), 0x1000).unwrap();
        assert_eq!(list.iter().map(|i| i.id).collect::<Vec<_>>(), [1, 0]);
        assert_eq!(list[1].threads.iter().map(|t| t.native.unwrap()).collect::<Vec<_>>(), [0, 77]);
    }

    /// Structures that contradict themselves end in an error, and none in an endless loop.
    #[test]
    fn lies_are_refused() {
        let l = layout();
        let refuse = |at: u64, value: u64| {
            let mut memory = fake();
            memory.put_u64(at, value);
            interpreters(&memory, &l, 0x1000).unwrap_err().kind()
        };
        for (at, value) in [
            (0x1000 + l.interpreters_head, 0x2001),
            (0x1000 + l.interpreters_head, 0xffff_0000),
            (0x3000 + l.interpreter_next, 0x2000),
            (0x3000 + l.interpreter_id.unwrap(), u64::MAX),
            (0x5000 + l.thread_next, 0x4000),
            (0x5000 + l.thread_next, u64::MAX - 7),
            (0x5000 + l.thread_interpreter, 0x2000),
        ] {
            assert_eq!(refuse(at, value), ErrorKind::InvalidData, "{at:#x} {value:#x}");
        }
    }
}
