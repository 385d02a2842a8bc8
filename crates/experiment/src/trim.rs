//! Having glibc's `malloc` give back what it keeps: `malloc_trim(0)`, called by the main thread.

use std::time::Duration;

use probe::{Error, ErrorKind, Result, Target};
use target::memory::LiveMemory;
use target::procfs::ProcessDir;
use target::remote::{self, Fit, Manner};

use crate::deliver::{Interpreter, LOCKED, Lock};

/// The function, of glibc alone.
const TRIM: &str = "malloc_trim";
/// Giving back goes on for as long as there is something: a thread that was taken out of it would
/// leave an arena locked.
const NO_END: Duration = Duration::from_secs(24 * 3600);

/// Has the main thread of a Python process call `malloc_trim(0)`, where it holds no lock of the
/// allocator.
///
/// # Errors
/// [`ErrorKind::Unsupported`] where there is no such function, or no Python;
/// [`ErrorKind::TimedOut`] with where the main thread is, when it does not come to such a place in
/// time; then nothing was called.
pub fn trim(target: &Target, patience: Duration) -> Result<()> {
    let process = ProcessDir::open_target(target)?;
    remote::refuse(&process)?;
    let _lock = Lock::await_it(&process, LOCKED)?;
    let target = Target { start_id: process.start_ticks(), ..Target::from_pid(process.pid()) };
    let memory = LiveMemory::open(&target)?;
    let program = Interpreter::find(&process, &memory)?.program;
    let function = program.defining(TRIM).find_map(|library| library.symbol(TRIM));
    let function = function.ok_or_else(|| {
        let message = format!("process {} has no {TRIM}: its C library is not glibc", target.pid);
        Error::new(ErrorKind::Unsupported, message)
    })?;
    let manner = Manner { fit: Fit::OutsideMalloc(&program), all_threads: false, patience };
    remote::visit(&target, manner, |visit| visit.call_within(function, [0; 3], NO_END))
}
