//! Who is whose child.

use std::fs;

use probe::Result;

use super::process::ProcessDir;
use super::stat::Stat;
use super::text;

/// All processes that can be seen, in no order.
///
/// # Errors
/// When `/proc` cannot be read.
pub fn pids() -> Result<Vec<u32>> {
    use probe::ResultExt;
    let entries = fs::read_dir("/proc").context("cannot list the processes in /proc")?;
    Ok(entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect())
}

/// All processes that can be seen, each with its parent. One small file is read per process of
/// the machine. Processes that end meanwhile are left out.
///
/// # Errors
/// When `/proc` cannot be read.
pub fn parents() -> Result<Vec<(u32, u32)>> {
    let parent_of = |pid: u32| {
        let bytes = fs::read(format!("/proc/{pid}/stat")).ok()?;
        Some((pid, Stat::parse(&bytes)?.parent))
    };
    Ok(pids()?.into_iter().filter_map(parent_of).collect())
}

/// The children of a process. One small file is read per thread of it; a process is the child
/// of the thread that started it.
///
/// `None`: the kernel has no such list (it was built without `CONFIG_PROC_CHILDREN`), or it has
/// more than `most_threads` threads; [`parents`] knows too.
#[must_use]
pub fn children(process: &ProcessDir, most_threads: usize) -> Option<Vec<u32>> {
    let mut found = Vec::new();
    let mut threads = 0;
    let mut any = false;
    for entry in rustix::fs::Dir::new(process.folder("task").ok()?).ok()?.flatten() {
        let Ok(tid) = entry.file_name().to_str() else { continue };
        if tid.starts_with('.') {
            continue;
        }
        threads += 1;
        if threads > most_threads {
            return None;
        }
        // A thread that has just ended has no list; that is not the kernel's fault.
        let Ok(list) = process.read(&format!("task/{tid}/children")) else { continue };
        any = true;
        let numbers = text::words(list.trim_ascii()).filter_map(text::number);
        found.extend(numbers.filter_map(|pid| u32::try_from(pid).ok()));
    }
    any.then_some(found)
}
