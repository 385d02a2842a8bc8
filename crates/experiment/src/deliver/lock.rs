//! One memprobe at a time changes a process.

use std::fs::File;
use std::time::{Duration, Instant};

use probe::{Error, ErrorKind, Result};
use rustix::fs::{FlockOperation, flock};
use target::procfs::ProcessDir;

/// A lock that the kernel gives back when this program ends, however that is. It lies on the target's
/// own entry in `/proc`: for who looks at it through the same `/proc`.
#[derive(Debug)]
pub struct Lock(File);

/// A child that another thread just starts has the file too until it has become its program, which
/// takes long on a busy machine: to close it would not do.
impl Drop for Lock {
    fn drop(&mut self) {
        // The kernel takes it back at the latest when this program ends.
        let _ = flock(&self.0, FlockOperation::Unlock);
    }
}

impl Lock {
    /// Takes the lock of a process.
    ///
    /// # Errors
    /// [`ErrorKind::PermissionDenied`] when another experiment has it.
    pub fn take(process: &ProcessDir) -> Result<Self> {
        let entry = process.file("stat")?;
        flock(&entry, FlockOperation::NonBlockingLockExclusive).map_err(|_| {
            let message = format!("another experiment runs on process {} just now", process.pid());
            Error::new(ErrorKind::PermissionDenied, message)
                .with_hint("wait until it is over: two experiments would measure each other")
        })?;
        Ok(Self(entry))
    }

    /// Takes it as soon as nobody has it.
    ///
    /// # Errors
    /// As [`Lock::take`], when somebody still has it after this time.
    pub fn await_it(process: &ProcessDir, patience: Duration) -> Result<Self> {
        let deadline = Instant::now() + patience;
        loop {
            match Self::take(process) {
                Err(_) if Instant::now() < deadline => {
                    std::thread::sleep(Duration::from_millis(10));
                }
                taken => return taken,
            }
        }
    }
}
