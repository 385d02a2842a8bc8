//! What can be done with a main thread that stands.

use std::sync::OnceLock;
use std::time::Duration;

use probe::{Error, ErrorKind, Result, Target};

use super::program::{STACK, Standing};
use crate::freeze::checks::Layout;
use crate::freeze::fork::code::Code;
use crate::freeze::fork::frame::{Registers, Return, reg};
use crate::freeze::fork::inject::{Failure, Injection, Place};
use crate::freeze::held::Held;
use crate::freeze::sys;
use crate::memory::{LiveMemory, ReadMemory, WriteMemory};
use crate::procfs::ProcessDir;

/// How long a function of the target may take. Those that are called here take microseconds.
const CALL: Duration = Duration::from_secs(2);

/// The most bytes of a text that a system call is given.
const MOST_TEXT: usize = 512;

/// What is known of a process before it is stopped.
#[derive(Debug)]
pub(super) struct Ground<'p> {
    process: &'p ProcessDir,
    memory: WriteMemory,
    code: Option<Code>,
}

impl<'p> Ground<'p> {
    pub(super) fn survey(process: &'p ProcessDir) -> Result<Self> {
        let target = Target { start_id: process.start_ticks(), ..Target::from_pid(process.pid()) };
        let memory = WriteMemory::open(&target)?;
        let code = Code::find(process, memory.memory())?;
        Ok(Self { process, memory, code })
    }

    /// How a stopped thread stands; `None` for one with other registers.
    pub(super) fn standing(&self, tid: u32) -> Option<Standing> {
        let registers: Registers = sys::registers(tid).ok()?.try_into().ok()?;
        let mut bytes = vec![0; STACK];
        let read = self.memory.memory().read_prefix(registers[reg::RSP], &mut bytes).unwrap_or(0);
        let words = bytes[..read].chunks_exact(8);
        Some(Standing {
            at: registers[reg::RIP],
            call: (registers[reg::ORIG_RAX] as i64 >= 0).then_some(registers[reg::ORIG_RAX]),
            stack: words.map(|w| u64::from_ne_bytes(w.try_into().unwrap_or_default())).collect(),
        })
    }
}

/// A main thread that stands, at which something can be done.
#[derive(Debug)]
pub struct Visit<'v> {
    ground: &'v Ground<'v>,
    tid: u32,
    child: Option<u32>,
    layout: OnceLock<Layout>,
}

impl<'v> Visit<'v> {
    pub(super) fn new(ground: &'v Ground<'v>, held: &Held<'_>, tid: u32) -> Result<Self> {
        Ok(Self { ground, tid, child: held.child(), layout: OnceLock::new() })
    }

    /// The memory of the process.
    #[must_use]
    pub fn memory(&self) -> &LiveMemory {
        self.ground.memory.memory()
    }

    pub(super) fn standing(&self) -> Option<Standing> {
        self.ground.standing(self.tid)
    }

    /// Has the thread make a system call. The result is the kernel's: negative for an error.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] when it cannot be made there; when the thread was lost.
    pub fn system_call(&mut self, number: i64, args: [u64; 6]) -> Result<i64> {
        let injection = self.prepare(&[(number, args)])?;
        let result = injection.run(number, args, |_| {});
        let restored = injection.finish();
        restored.and(result).map_err(|failure| self.failed(failure))
    }

    /// The same of a call that takes the address of a text, which `args` is given. The text is of
    /// at most 512 bytes and is gone after the call.
    ///
    /// # Errors
    /// As [`Visit::system_call`].
    pub fn system_call_on(
        &mut self,
        number: i64,
        text: &[u8],
        args: impl Fn(u64) -> [u64; 6],
    ) -> Result<i64> {
        if text.len() > MOST_TEXT {
            return Err(Error::new(ErrorKind::InvalidInput, "the text of a call is too long"));
        }
        let injection = self.prepare(&[(number, args(0))])?;
        // Where the frames of a fork would be: this call makes none.
        let at = injection.frames.base;
        let written = sys::write_memory(self.ground.process.pid(), at, text);
        let result = match written {
            Ok(()) => injection.run(number, args(at), |_| {}),
            Err(error) => Err(Failure::Refused(format!("cannot write to the stack: {error}"))),
        };
        injection.finish().and(result).map_err(|failure| self.failed(failure))
    }

    /// Has the thread call a function of its program. What it returned is not known.
    ///
    /// # Errors
    /// As [`Visit::system_call`]; [`ErrorKind::TimedOut`] when the function did not return: the
    /// thread was taken out of it.
    pub fn call(&mut self, function: u64, args: [u64; 3]) -> Result<()> {
        self.call_within(function, args, CALL)
    }

    /// The same of a function that may take longer: a thread that is taken out of one that has a
    /// lock leaves it locked.
    ///
    /// # Errors
    /// As [`Visit::call`].
    pub fn call_within(&mut self, function: u64, args: [u64; 3], patience: Duration) -> Result<()> {
        let injection = self.prepare(&[])?;
        let result = injection.call(function, args, patience);
        let restored = injection.finish();
        match restored.and(result) {
            Ok(true) => Ok(()),
            Ok(false) => {
                let message =
                    format!("a call in process {} did not return", self.ground.process.pid());
                Err(Error::new(ErrorKind::TimedOut, message))
            }
            Err(failure) => Err(self.failed(failure)),
        }
    }

    /// Writes to the memory of the process, where it may write itself.
    ///
    /// # Errors
    /// When it may not.
    pub fn write(&mut self, addr: u64, bytes: &[u8]) -> Result<()> {
        self.ground.memory.write(addr, bytes)
    }

    fn prepare(&self, wanted: &[(i64, [u64; 6])]) -> Result<Injection> {
        let Self { ground, tid, child, layout } = self;
        let code = ground.code.filter(|code| code.is_there(ground.memory.memory()));
        let code = code.ok_or_else(|| {
            self.failed(Failure::Refused("its code has no system call that could be used".into()))
        })?;
        if layout.get().is_none() {
            let _ = layout.set(Layout::writable(ground.process)?);
        }
        let nothing = Layout::default();
        let layout = layout.get().unwrap_or(&nothing);
        let place = Place {
            process: ground.process,
            code,
            layout,
            memory: ground.memory.memory(),
            child: *child,
        };
        Injection::prepare(*tid, place, Return::Plain, wanted).map_err(|f| self.failed(f))
    }

    fn failed(&self, failure: Failure) -> Error {
        let (Failure::Refused(why) | Failure::Lost(why)) = failure;
        let pid = self.ground.process.pid();
        Error::new(ErrorKind::Unsupported, format!("nothing can be run in process {pid}: {why}"))
    }
}

/// Whether a process runs in the memory of its parent.
pub(super) fn shares_memory_with_parent(process: &ProcessDir) -> bool {
    let parent = process.stat().map_or(0, |stat| stat.parent);
    parent != 0 && sys::share_memory(process.pid(), parent)
}
