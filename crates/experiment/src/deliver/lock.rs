//! One memprobe at a time changes a process.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::time::{Duration, Instant};

use probe::{Error, ErrorKind, Result};
use target::procfs::ProcessDir;

/// A lock that the kernel gives back when this program ends, however that is: a name for a socket
/// that is in no file system.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "held, not used")] UnixListener);

impl Lock {
    /// Takes the lock of a process.
    ///
    /// # Errors
    /// [`ErrorKind::PermissionDenied`] when another memprobe has it.
    pub fn take(process: &ProcessDir) -> Result<Self> {
        let (pid, start) = (process.pid(), process.start_ticks());
        let name = format!("memprobe-experiment-{pid}-{start}");
        let bind = || UnixListener::bind_addr(&SocketAddr::from_abstract_name(name.as_bytes())?);
        match bind() {
            Ok(listener) => Ok(Self(listener)),
            Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
                let message = format!("another memprobe changes process {pid} just now");
                Err(Error::new(ErrorKind::PermissionDenied, message)
                    .with_hint("wait until it is over: two experiments would measure each other"))
            }
            Err(error) => Err(Error::io(error, format!("cannot lock process {pid}"))),
        }
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
