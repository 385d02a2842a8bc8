//! The files that were mapped: a core leaves out what can be read from them.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileExt, OpenOptionsExt};

use super::notes::Notes;
use crate::images::DELETED;
use crate::procfs::clock::page_size;

/// Bytes of a file's beginning that are compared: a page, in which the kernel puts the ELF headers
/// of every mapped file into the core, and in which the linker puts the build's own number.
pub(super) const HEAD: usize = 4096;
/// The most files that are opened.
const MAX_OPEN: usize = 8192;

/// A file that was mapped, as it is found on this machine.
#[derive(Debug)]
pub(super) enum Backing {
    /// It begins as it did in the process, and is long enough.
    Same(File),
    /// It is not there, or cannot be opened.
    Absent,
    /// Another file has its name now.
    Other,
    /// The core does not hold its beginning: nothing is believed.
    Unknown,
}

/// Looks for every file; `read` reads what the core itself holds.
pub(super) fn find(notes: &Notes, read: impl Fn(u64, &mut [u8]) -> usize) -> Vec<Backing> {
    let mut heads = vec![None; notes.paths.len()];
    let mut lengths = vec![0; notes.paths.len()];
    for mapping in &notes.files {
        let length = mapping.range.end - mapping.range.start;
        let end = mapping.offset.saturating_add(length);
        lengths[mapping.path] = end.max(lengths[mapping.path]);
        if mapping.offset == 0 && heads[mapping.path].is_none() {
            let mut head = vec![0; HEAD.min(length as usize)];
            let held = read(mapping.range.start, &mut head);
            head.truncate(held);
            heads[mapping.path] = head.starts_with(b"\x7fELF").then_some(head);
        }
    }
    let places = notes.paths.iter().zip(heads.iter().zip(lengths));
    places
        .enumerate()
        .map(|(index, (path, (head, length)))| match head {
            Some(head) if index < MAX_OPEN => compare(path, head, length),
            _ => Backing::Unknown,
        })
        .collect()
}

fn compare(path: &str, head: &[u8], length: u64) -> Backing {
    // A pipe or a terminal may stand at a path that a stranger wrote.
    let flags = (rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY).bits() as i32;
    let path = path.trim_end_matches(DELETED);
    let Ok(file) = OpenOptions::new().read(true).custom_flags(flags).open(path) else {
        return Backing::Absent;
    };
    let Ok(found) = file.metadata() else { return Backing::Absent };
    let mut start = vec![0; head.len()];
    // A mapping ends with the page in which the file ends.
    let long_enough =
        found.len().checked_next_multiple_of(page_size()).is_some_and(|n| n >= length);
    if found.is_file() && long_enough && file.read_exact_at(&mut start, 0).is_ok() && start == head
    {
        return Backing::Same(file);
    }
    Backing::Other
}
