//! The operating system's threads behind the interpreter's.

use std::collections::HashMap;

use target::memory::ReadMemory;
use target::procfs::ProcessDir;

use crate::state::ThreadState;

/// The most threads that are looked at.
const MAX_THREADS: usize = 1 << 16;
/// Places of the thread's number in the C library's thread structure, to which `pthread_t`
/// points: glibc, musl. Only x86-64 is known; a place counts only when what is there is the
/// number of a thread of the process.
#[cfg(target_arch = "x86_64")]
const NUMBER_PLACES: &[u64] = &[720, 48];
#[cfg(not(target_arch = "x86_64"))]
const NUMBER_PLACES: &[u64] = &[];
/// Place of the pointer to itself in the thread structure of glibc on x86-64; musl has it at 0.
const SELF_PLACES: &[u64] = &[16, 0];

/// A thread as the system knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OsThread {
    /// Number in the observer's PID namespace.
    pub(crate) tid: u64,
    /// Short name.
    pub(crate) name: Option<String>,
}

/// The threads of a process, by their number in its own PID namespace.
#[derive(Debug, Default)]
pub(crate) struct OsThreads(HashMap<u64, OsThread>);

impl OsThreads {
    /// Reads `/proc/PID/task`; what cannot be read is left out.
    pub(crate) fn read(process: &ProcessDir) -> Self {
        let entries = std::fs::read_dir(format!("/proc/{}/task", process.pid()));
        let tids = entries.into_iter().flatten().flatten().filter_map(|entry| {
            let tid: u64 = entry.file_name().to_str()?.parse().ok()?;
            let status = process.read(&format!("task/{tid}/status")).ok()?;
            Some((inner_number(&status).unwrap_or(tid), OsThread { tid, name: name(&status) }))
        });
        Self(tids.take(MAX_THREADS).collect())
    }

    /// The thread behind a thread state, if it can be told.
    pub(crate) fn of<M: ReadMemory>(&self, memory: &M, state: &ThreadState) -> Option<&OsThread> {
        match state.native {
            Some(number) => self.0.get(&number),
            None => self.by_handle(memory, state.handle),
        }
    }

    fn by_handle<M: ReadMemory>(&self, memory: &M, handle: u64) -> Option<&OsThread> {
        let points_to_itself = |place: &u64| {
            memory.read_u64(handle.checked_add(*place)?).ok().filter(|&own| own == handle)
        };
        SELF_PLACES.iter().find_map(points_to_itself)?;
        NUMBER_PLACES.iter().find_map(|place| {
            let number = memory.read_u32(handle.checked_add(*place)?).ok()?;
            self.0.get(&u64::from(number))
        })
    }
}

fn line<'a>(status: &'a [u8], name: &str) -> Option<&'a [u8]> {
    status.split(|&b| b == b'\n').find_map(|line| line.strip_prefix(name.as_bytes()))
}

/// The number in the innermost PID namespace.
fn inner_number(status: &[u8]) -> Option<u64> {
    let numbers = std::str::from_utf8(line(status, "NSpid:")?).ok()?;
    numbers.split_ascii_whitespace().last()?.parse().ok()
}

fn name(status: &[u8]) -> Option<String> {
    let name = String::from_utf8_lossy(line(status, "Name:")?.trim_ascii_start()).into_owned();
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_the_inner_namespace() {
        let status = b"Name:\tworker 1\nNSpid:\t4242\t7\n";
        assert_eq!(inner_number(status), Some(7));
        assert_eq!(name(status).as_deref(), Some("worker 1"));
        assert_eq!(inner_number(b"Name:\tx\n"), None);
    }
}
