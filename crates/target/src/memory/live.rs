//! The memory of a process that runs (or of a copy of it that stands still).

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::OnceLock;

use probe::{Error, ErrorKind, Result, Target};

use super::{ReadMemory, access};
use crate::procfs::ProcessDir;

/// The memory of a process, read without stopping it.
///
/// Reads with `process_vm_readv`; where the kernel or a sandbox has no such call, through
/// `/proc/PID/mem`, which needs the same right. The call goes by number: ask
/// [`ProcessDir::is_alive`] after a series of reads to know that it was this process throughout.
#[derive(Debug)]
pub struct LiveMemory {
    process: ProcessDir,
    /// `/proc/PID/mem`, once it was needed; `None` inside: it cannot be opened either.
    mem: OnceLock<Option<File>>,
}

impl LiveMemory {
    /// Opens the memory of a process. Whether it may be read shows at the first read.
    ///
    /// # Errors
    /// Those of [`ProcessDir::open_target`].
    pub fn open(target: &Target) -> Result<Self> {
        Ok(Self { process: ProcessDir::open_target(target)?, mem: OnceLock::new() })
    }

    /// The process.
    #[must_use]
    pub fn process(&self) -> &ProcessDir {
        &self.process
    }

    fn failed(&self, addr: u64, error: io::Error) -> Error {
        let pid = self.process.pid();
        match error.raw_os_error() {
            Some(libc::EPERM | libc::EACCES) => access::explain(&self.process, error),
            Some(libc::ESRCH) => {
                Error::new(ErrorKind::TargetEnded, format!("process {pid} has ended"))
                    .with_source(error)
            }
            _ => Error::io(error, format!("cannot read address {addr:#x} of process {pid}")),
        }
    }

    /// The second way. `first` is why the first one failed.
    fn read_mem(&self, addr: u64, buf: &mut [u8], first: io::Error) -> Result<usize> {
        let mem = self.mem.get_or_init(|| self.process.file("mem").ok());
        let Some(mem) = mem else { return Err(self.failed(addr, first)) };
        let mut done = 0;
        while done < buf.len() {
            let Some(at) = addr.checked_add(done as u64) else { break };
            match mem.read_at(&mut buf[done..], at) {
                Ok(0) => break,
                Ok(read) => done += read,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) if is_hole(&e) => break,
                Err(e) => return Err(self.failed(at, e)),
            }
        }
        Ok(done)
    }
}

impl ReadMemory for LiveMemory {
    fn read_prefix(&self, addr: u64, buf: &mut [u8]) -> Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        if self.mem.get().is_some() {
            return self.read_mem(addr, buf, io::ErrorKind::PermissionDenied.into());
        }
        let pid = self.process.pid();
        let mut done = 0;
        while done < buf.len() {
            let Some(at) = addr.checked_add(done as u64) else { break };
            match read_remote(pid, at, &mut buf[done..]) {
                Ok(0) => break,
                Ok(read) => done += read,
                Err(e) if is_hole(&e) => break,
                Err(e) if is_refused(&e) => return self.read_mem(addr, buf, e),
                Err(e) => return Err(self.failed(at, e)),
            }
        }
        Ok(done)
    }
}

pub(super) fn ended() -> io::Error {
    io::Error::from_raw_os_error(libc::ESRCH)
}

/// Nothing can be read there, which says nothing about other addresses.
fn is_hole(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EFAULT | libc::EIO | libc::EINVAL | libc::EOVERFLOW))
}

/// This call is not to be had; another may.
fn is_refused(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EPERM | libc::EACCES | libc::ENOSYS))
}

/// One `process_vm_readv` with one range on each side.
fn read_remote(pid: u32, addr: u64, buf: &mut [u8]) -> io::Result<usize> {
    let pid = libc::pid_t::try_from(pid).map_err(|_| ended())?;
    let local = libc::iovec { iov_base: buf.as_mut_ptr().cast(), iov_len: buf.len() };
    let remote = libc::iovec { iov_base: addr as *mut libc::c_void, iov_len: buf.len() };
    // SAFETY: `local` is exactly the exclusive borrow `buf`, which outlives the call; the kernel
    // writes nothing else. `remote` is an address of the other process, checked by the kernel.
    let read = unsafe { libc::process_vm_readv(pid, &raw const local, 1, &raw const remote, 1, 0) };
    usize::try_from(read).map_err(|_| io::Error::last_os_error())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own() -> LiveMemory {
        LiveMemory::open(&Target::from_pid(std::process::id())).unwrap()
    }

    /// Both ways give the same bytes, and end at the same hole.
    #[test]
    fn both_ways_read_the_same() {
        let data: Vec<u8> = (0..100_000_u32).map(|n| n as u8).collect();
        let addr = data.as_ptr() as u64;
        let (first, second) = (own(), own());
        second.mem.set(second.process.file("mem").ok()).unwrap();
        for memory in [&first, &second] {
            let mut buf = vec![0; data.len()];
            memory.read(addr, &mut buf).unwrap();
            assert_eq!(buf, data);
            assert_eq!(memory.read_prefix(8, &mut buf).unwrap(), 0);
            assert_eq!(memory.read_prefix(u64::MAX - 4, &mut buf).unwrap(), 0);
        }
    }

    #[test]
    fn a_process_that_is_not_there_is_named() {
        let error = LiveMemory::open(&Target::from_pid(u32::MAX)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
    }
}
