//! Writing to the memory of a process, for who was asked to change it.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use probe::{Error, ErrorKind, Result, Target};

use super::{LiveMemory, ReadMemory, access, live};

/// The memory of a process, to be read and written.
///
/// Writes go through `/proc/PID/mem`, opened by a folder that the kernel ties to the process: they
/// cannot reach another one that has the same number by then. Only where that file may not be
/// written, `process_vm_writev` is used, right after a look at who has the number.
#[derive(Debug)]
pub struct WriteMemory {
    memory: LiveMemory,
    mem: Option<File>,
}

impl WriteMemory {
    /// Opens the memory of a process. Whether it may be written shows at the first write.
    ///
    /// # Errors
    /// Those of [`LiveMemory::open`].
    pub fn open(target: &Target) -> Result<Self> {
        let memory = LiveMemory::open(target)?;
        let mem = memory.process().memory_to_write().ok();
        Ok(Self { memory, mem })
    }

    /// The memory, to be read.
    #[must_use]
    pub fn memory(&self) -> &LiveMemory {
        &self.memory
    }

    /// Writes all of `bytes` at `addr`.
    ///
    /// # Errors
    /// [`ErrorKind::PermissionDenied`] with the right that is missing, [`ErrorKind::TargetEnded`],
    /// [`ErrorKind::InvalidData`] when there is no memory, or not all of it: then some may have
    /// been written.
    pub fn write(&self, addr: u64, bytes: &[u8]) -> Result<()> {
        let written = match &self.mem {
            Some(mem) => match mem.write_at(bytes, addr) {
                Err(error) if is_refused(&error) => self.write_by_number(addr, bytes),
                other => other,
            },
            None => self.write_by_number(addr, bytes),
        };
        match written {
            Ok(all) if all == bytes.len() => Ok(()),
            Ok(0) if !self.memory.process().is_alive() => Err(self.failed(addr, live::ended())),
            Ok(some) => {
                let gap = addr.saturating_add(some as u64);
                let message = format!("address {gap:#x} cannot be written");
                Err(Error::new(ErrorKind::InvalidData, message))
            }
            Err(error) => Err(self.failed(addr, error)),
        }
    }

    fn write_by_number(&self, addr: u64, bytes: &[u8]) -> io::Result<usize> {
        let process = self.memory.process();
        if !process.is_alive() {
            return Err(live::ended());
        }
        write_remote(process.pid(), addr, bytes)
    }

    fn failed(&self, addr: u64, error: io::Error) -> Error {
        let process = self.memory.process();
        let pid = process.pid();
        match error.raw_os_error() {
            Some(libc::EPERM | libc::EACCES) => access::explain(process, error),
            Some(libc::ESRCH) => {
                Error::new(ErrorKind::TargetEnded, format!("process {pid} has ended"))
                    .with_source(error)
            }
            Some(libc::EFAULT | libc::EIO) => {
                Error::new(ErrorKind::InvalidData, format!("address {addr:#x} cannot be written"))
                    .with_source(error)
            }
            _ => Error::io(error, format!("cannot write address {addr:#x} of process {pid}")),
        }
    }
}

impl ReadMemory for WriteMemory {
    fn read_prefix(&self, addr: u64, buf: &mut [u8]) -> Result<usize> {
        self.memory.read_prefix(addr, buf)
    }
}

fn is_refused(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EPERM | libc::EACCES | libc::ENOSYS | libc::EINVAL))
}

/// One `process_vm_writev` with one range on each side.
fn write_remote(pid: u32, addr: u64, bytes: &[u8]) -> io::Result<usize> {
    let pid = libc::pid_t::try_from(pid).map_err(|_| live::ended())?;
    let local = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
    let remote = libc::iovec { iov_base: addr as *mut libc::c_void, iov_len: bytes.len() };
    // SAFETY: `local` is exactly the borrow `bytes`, which outlives the call and which the kernel
    // only reads. `remote` is an address of the other process, checked by the kernel.
    let written =
        unsafe { libc::process_vm_writev(pid, &raw const local, 1, &raw const remote, 1, 0) };
    usize::try_from(written).map_err(|_| io::Error::last_os_error())
}

#[cfg(test)]
mod tests {
    use super::*;
    use test_support::{Running, python};

    /// A Python that says where it keeps some bytes, and what they hold.
    fn program() -> (Running, u64) {
        let code = "
import ctypes, sys
kept = ctypes.create_string_buffer(b'0123456789', 4096)
print(ctypes.addressof(kept), flush=True)
for line in sys.stdin: print(kept.value.decode(), flush=True)
";
        let program = Running::python(&python(), code);
        let address = program.ready.parse().unwrap();
        (program, address)
    }

    /// Both ways write, and only what they were told.
    #[test]
    fn both_ways_write() {
        let (mut program, address) = program();
        let target = crate::procfs::identify(program.pid()).unwrap();
        let mut memory = WriteMemory::open(&target).unwrap();
        memory.write(address + 2, b"abc").unwrap();
        assert_eq!(program.ask(""), "01abc56789");
        memory.mem = None;
        memory.write(address + 8, b"XY").unwrap();
        assert_eq!(program.ask(""), "01abc567XY");
    }

    /// What is not there is an error, and so is a process that is gone.
    #[test]
    fn errors_say_what() {
        let (mut program, address) = program();
        let target = crate::procfs::identify(program.pid()).unwrap();
        for by_file in [true, false] {
            let mut memory = WriteMemory::open(&target).unwrap();
            memory.mem = memory.mem.filter(|_| by_file);
            assert_eq!(memory.write(16, b"x").unwrap_err().kind(), ErrorKind::InvalidData);
        }
        let memory = WriteMemory::open(&target).unwrap();
        let mut second = WriteMemory::open(&target).unwrap();
        second.mem = None;
        program.kill();
        for memory in [memory, second] {
            assert_eq!(memory.write(address, b"x").unwrap_err().kind(), ErrorKind::TargetEnded);
        }
    }
}
