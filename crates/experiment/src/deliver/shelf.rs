//! The file in memory by which the text reaches the target and its reports come back.
//!
//! It belongs to the target, has no place in any file system, and goes when nobody has it open.
//! Its name says whose it is: whoever cleans up behind a memprobe that was killed finds it, and its
//! mappings, by that. Where the target may make no files in memory (filters of system calls), it is
//! a file in a folder for such, which loses its place there at once.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};

use probe::{Error, ErrorKind, Result};
use rustix::fs::{FlockOperation, fcntl_lock};
use target::images::mappings;
use target::procfs::ProcessDir;
use target::remote::Visit;

use super::script::{MOST_REPORT, Report};

/// What the names of such files begin with.
const PREFIX: &str = "memprobe-";
/// `MFD_CLOEXEC`.
const CLOSE_ON_EXEC: u64 = 1;
/// Folders in which a process may write, if in any.
const FOLDERS: [&str; 3] = ["/dev/shm", "/tmp", "/var/tmp"];
/// `O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC`.
const NEW: u64 = 0o2_400_302;
/// Only the owner reads and writes it.
const OWNERS: u64 = 0o600;
/// The first number of a file that is no standard one.
const FIRST: u64 = 3;
/// `F_DUPFD_CLOEXEC`.
const DUP_CLOSE_ON_EXEC: u64 = 1030;
/// The most open files of a target that are looked through.
const MOST_FILES: usize = 1 << 17;

/// A file in the target's memory, and a handle of ours to it.
#[derive(Debug)]
pub(super) struct Shelf {
    pub(super) name: String,
    /// Its number in the target.
    pub(super) fd: u64,
    file: File,
}

impl Shelf {
    /// Has the target make one.
    pub(super) fn make(process: &ProcessDir, visit: &mut Visit<'_>, name: &str) -> Result<Self> {
        let mut text = name.as_bytes().to_vec();
        text.push(0);
        let create = |at| [at, CLOSE_ON_EXEC, 0, 0, 0, 0];
        let made = visit
            .system_call_on(calls::MEMFD_CREATE, &text, create)
            .and_then(|fd| u64::try_from(fd).map_err(|_| refused("a file in memory", fd)));
        let fd = made.or_else(|error| Self::make_file(visit, name).ok_or(error))?;
        let shelf = Self::open(process, name, above_standard(visit, fd)?)?;
        shelf.hold()?;
        Ok(shelf)
    }

    /// Holds a lock on the file for as long as this program lives and has it open: without that, what
    /// runs in the target does nothing. It is lost when any handle of this program to the file is
    /// closed, so there is but this one until all is over.
    fn hold(&self) -> Result<()> {
        let held = fcntl_lock(&self.file, FlockOperation::NonBlockingLockExclusive);
        held.map_err(|e| Error::io(e.into(), "cannot hold a lock on the file in memory"))
    }

    /// Has the target make one in a folder, and take its place there away.
    fn make_file(visit: &mut Visit<'_>, name: &str) -> Option<u64> {
        FOLDERS.iter().find_map(|folder| {
            let path = format!("{folder}/{name}\0");
            let create = |at| [at, NEW, OWNERS, 0, 0, 0];
            let fd = visit.system_call_on(calls::OPEN, path.as_bytes(), create).ok()?;
            let fd = u64::try_from(fd).ok()?;
            // If it stays, who cleans up removes it.
            let _ = visit.system_call_on(calls::UNLINK, path.as_bytes(), |at| [at, 0, 0, 0, 0, 0]);
            Some(fd)
        })
    }

    /// Removes one that has still its place in a folder: memprobe was killed before it lost it.
    pub(super) fn remove_file(process: &ProcessDir, name: &str) {
        for folder in FOLDERS {
            let path = format!("/proc/{}/root{folder}/{name}", process.pid());
            let _ = std::fs::remove_file(path);
        }
    }

    /// Opens one that the target has.
    fn open(process: &ProcessDir, name: &str, fd: u64) -> Result<Self> {
        let path = format!("/proc/{}/fd/{fd}", process.pid());
        let open = || File::options().read(true).write(true).open(&path);
        let file = open().map_err(|e| Error::io(e, format!("cannot open {path}")))?;
        if link(process, fd).as_deref() != Some(name) {
            let message = format!("{path} is another file than the one that was made");
            return Err(Error::new(ErrorKind::Other, message));
        }
        Ok(Self { name: name.to_owned(), fd, file })
    }

    /// All that a process has, by their names.
    pub(super) fn all(process: &ProcessDir) -> Vec<(String, u64)> {
        let list = std::fs::read_dir(format!("/proc/{}/fd", process.pid()));
        let list = list.into_iter().flatten().flatten().take(MOST_FILES);
        let numbers = list.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        numbers.filter_map(|fd| Some((link(process, fd)?, fd))).collect()
    }

    /// The one of a name, if the target still has it open.
    pub(super) fn find(process: &ProcessDir, name: &str) -> Option<Self> {
        let (_, fd) = Self::all(process).into_iter().find(|(found, _)| found == name)?;
        Self::open(process, name, fd).ok()
    }

    pub(super) fn inode(&self) -> Result<u64> {
        let found = self.file.metadata().map(|m| m.ino());
        found.map_err(|e| Error::io(e, "cannot ask about the file in memory"))
    }

    /// Puts the text at the start.
    pub(super) fn put(&self, text: &[u8]) -> Result<()> {
        let put = self.file.write_all_at(text, 0);
        put.map_err(|e| Error::io(e, "cannot write to the file in memory"))
    }

    /// Makes the text one that does nothing.
    pub(super) fn empty(&self) -> Result<()> {
        self.put(&[0])
    }

    /// What was reported so far, from this place on.
    pub(super) fn report(&self, from: u64) -> Report {
        let length = self.file.metadata().map_or(0, |m| m.len()).saturating_sub(from);
        let mut bytes = vec![0; length.min(MOST_REPORT) as usize];
        let read = read_at(&self.file, &mut bytes, from).unwrap_or(0);
        Report::parse(&bytes[..read])
    }

    /// The names of all that a process has open or mapped.
    pub(super) fn names(process: &ProcessDir) -> Result<BTreeSet<String>> {
        let mut names: BTreeSet<String> =
            Self::all(process).into_iter().map(|(name, _)| name).collect();
        let all = mappings(process)?;
        names.extend(all.iter().filter_map(|m| of_ours(&m.path)));
        Ok(names)
    }

    /// Where the target has it mapped.
    pub(super) fn pages(process: &ProcessDir, name: &str) -> Result<Vec<(u64, u64)>> {
        let all = mappings(process)?;
        let own = all.iter().filter(|m| of_ours(&m.path).as_deref() == Some(name));
        Ok(own.map(|m| (m.start, m.end)).collect())
    }

    /// Has the target unmap what it has of a name.
    pub(super) fn unmap(process: &ProcessDir, visit: &mut Visit<'_>, name: &str) -> Result<()> {
        for (start, end) in Self::pages(process, name)? {
            visit.system_call(calls::MUNMAP, [start, end - start, 0, 0, 0, 0])?;
        }
        Ok(())
    }

    /// Has the target close it.
    pub(super) fn close(process: &ProcessDir, visit: &mut Visit<'_>, name: &str) -> Result<()> {
        for (found, fd) in Self::all(process) {
            if found == name {
                visit.system_call(calls::CLOSE, [fd, 0, 0, 0, 0, 0])?;
            }
        }
        Ok(())
    }
}

/// A process that has closed its standard output or error gives these numbers to what it opens next:
/// whatever it prints would go there, over the text that it is to run.
fn above_standard(visit: &mut Visit<'_>, fd: u64) -> Result<u64> {
    if fd >= FIRST {
        return Ok(fd);
    }
    let higher = visit.system_call(calls::FCNTL, [fd, DUP_CLOSE_ON_EXEC, FIRST, 0, 0, 0]);
    visit.system_call(calls::CLOSE, [fd, 0, 0, 0, 0, 0])?;
    let higher = higher?;
    u64::try_from(higher).map_err(|_| refused("another number for a file", higher))
}

/// The name under which a file in memory was made, if it is one of ours.
fn link(process: &ProcessDir, fd: u64) -> Option<String> {
    let path = std::fs::read_link(format!("/proc/{}/fd/{fd}", process.pid())).ok()?;
    of_ours(path.to_str()?)
}

/// The name in the path that the kernel tells of such a file, if it is one of ours.
fn of_ours(path: &str) -> Option<String> {
    let path = path.trim_end_matches(" (deleted)");
    let in_folder = |folder: &str| path.strip_prefix(folder)?.strip_prefix('/');
    let name = path.strip_prefix("/memfd:").or_else(|| FOLDERS.into_iter().find_map(in_folder))?;
    (name.starts_with(PREFIX) && !name.contains('/')).then(|| name.to_owned())
}

/// A name for a file in memory of this run.
pub(super) fn name() -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    format!("{PREFIX}{}-{}", std::process::id(), now.map_or(0, |d| d.as_nanos()))
}

fn read_at(file: &File, bytes: &mut [u8], from: u64) -> io::Result<usize> {
    let mut done = 0;
    while done < bytes.len() {
        match file.read_at(&mut bytes[done..], from + done as u64)? {
            0 => break,
            count => done += count,
        }
    }
    Ok(done)
}

/// The error of a system call in the target.
pub(super) fn refused(what: &str, result: i64) -> Error {
    let error = io::Error::from_raw_os_error(i32::try_from(-result).unwrap_or(0));
    Error::io(error, format!("the system refused the target {what}"))
}

/// Numbers of system calls, on the one kind of machine on which they are made for another process.
pub(super) mod calls {
    pub(in super::super) const MMAP: i64 = 9;
    pub(in super::super) const MUNMAP: i64 = 11;
    pub(in super::super) const CLOSE: i64 = 3;
    pub(in super::super) const FCNTL: i64 = 72;
    pub(in super::super) const MEMFD_CREATE: i64 = 319;
    pub(in super::super) const OPEN: i64 = 2;
    pub(in super::super) const UNLINK: i64 = 87;
}
