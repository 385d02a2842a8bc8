//! Making a stopped thread of the target run a system call, and nothing else.

use std::io;
use std::time::{Duration, Instant};

use super::code::Code;
use super::filter::{self, Call};
use super::frame::{self, Frames, Registers, Return, reg};
use crate::freeze::checks::{self, Layout, Seccomp};
use crate::freeze::sys::{self, Event, Tid};
use crate::memory::{LiveMemory, ReadMemory};
use crate::procfs::ProcessDir;

/// How long a system call may take. The largest is a copy of the page tables: about 20 ms for
/// each GiB. It can't be interrupted, so giving up early would help nobody.
const PATIENCE: Duration = Duration::from_secs(120);
/// What a fresh x86-64 system call finds in `rax`: at its entry the kernel's own "not done".
const NOT_DONE: i64 = -(libc::ENOSYS as i64);
/// `si_code` values aside, these are signals a thread gets for what it did itself.
const OWN_FAULTS: [i32; 6] =
    [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE, libc::SIGSYS, libc::SIGTRAP];

/// `CLONE_FS | CLONE_FILES | CLONE_PARENT_SETTID` and exit signal 0.
pub(crate) const CLONE_FLAGS: u64 =
    (libc::CLONE_FS | libc::CLONE_FILES | libc::CLONE_PARENT_SETTID) as u64;
/// How a copy that has ended is collected.
pub(crate) const REAP_OPTIONS: u64 = (libc::__WALL | libc::WNOHANG) as u64;

/// A system call that a thread is to make: its number and arguments.
pub(crate) type Wanted = (libc::c_long, [u64; 6]);

/// Why nothing was injected, or not to its end.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The thread stands as it did before; another one may do.
    Refused(String),
    /// The thread ended or is out of reach.
    Lost(String),
}

impl Failure {
    fn lost(error: &io::Error) -> Self {
        Self::Lost(format!("a thread was lost while it was stopped: {error}"))
    }
}

/// What a thread is to run in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    pub(crate) process: &'a ProcessDir,
    pub(crate) code: Code,
    pub(crate) layout: &'a Layout,
    pub(crate) memory: &'a LiveMemory,
    /// The target, if this program has started it.
    pub(crate) child: Option<Tid>,
}

/// A stopped thread with its safety frame laid, ready for system calls.
#[derive(Debug)]
pub(crate) struct Injection {
    tid: Tid,
    child: Option<Tid>,
    code: Code,
    registers: Registers,
    mask: u64,
    pub(crate) frames: Frames,
}

impl Injection {
    /// Saves the thread and lays the safety frame. The thread still stands where it stood. What is
    /// `wanted` of it, beside its return, its filters are asked about.
    ///
    /// # Errors
    /// [`Failure::Refused`] when this thread will not do.
    pub(crate) fn prepare(
        tid: Tid,
        place: Place<'_>,
        back: Return,
        wanted: &[Wanted],
    ) -> Result<Self, Failure> {
        let refuse =
            |why: &str, e: io::Error| Failure::Refused(format!("{why} of thread {tid}: {e}"));
        let registers = sys::registers(tid).map_err(|e| refuse("cannot read the registers", e))?;
        let registers = Registers::try_from(registers)
            .map_err(|_| Failure::Refused(format!("thread {tid} has unknown registers")))?;
        if registers[reg::CS] != frame::USER_CS {
            return Err(Failure::Refused(format!("thread {tid} runs 32-bit code")));
        }
        if in_restartable_sequence(tid, registers[reg::RIP], place.memory) {
            return Err(Failure::Refused(format!("thread {tid} is in a restartable sequence")));
        }
        let mask = sys::signal_mask(tid).map_err(|e| refuse("cannot read the signal mask", e))?;
        let state = sys::xstate(tid).map_err(|e| refuse("cannot read the vector registers", e))?;
        let state = frame::fpstate(state)
            .ok_or_else(|| Failure::Refused("the vector registers make no sense".into()))?;
        let frames = Frames::new(&registers, mask, &state, place.code, back)
            .filter(|frames| place.layout.holds(frames.base, frames.end()))
            .ok_or_else(|| Failure::Refused(format!("the stack of thread {tid} has no room")))?;
        if checks::thread(place.process, tid).map_err(Failure::Refused)? == Seccomp::On {
            ask_filters(tid, place.code, &frames, back, wanted)?;
        }
        sys::write_memory(place.process.pid(), frames.base, &frames.bytes)
            .map_err(|e| refuse("cannot write to the stack", e))?;
        let options = libc::PTRACE_O_TRACESYSGOOD
            | libc::PTRACE_O_TRACEFORK
            | libc::PTRACE_O_TRACEVFORK
            | libc::PTRACE_O_TRACECLONE;
        sys::set_options(tid, options).map_err(|e| refuse("cannot set the tracing options", e))?;
        Ok(Self { tid, child: place.child, code: place.code, registers, mask, frames })
    }

    /// Runs a system call and returns its result. `cloned` hears of the child at once.
    ///
    /// # Errors
    /// [`Failure::Lost`] when the thread is gone; otherwise call [`Injection::finish`].
    pub(crate) fn run(
        &self,
        number: libc::c_long,
        args: [u64; 6],
        mut cloned: impl FnMut(Tid),
    ) -> Result<i64, Failure> {
        let places = [reg::RDI, reg::RSI, reg::RDX, reg::R10, reg::R8, reg::R9];
        let mut registers = self.registers;
        registers[reg::RAX] = number as u64;
        for (place, arg) in places.into_iter().zip(args) {
            registers[place] = arg;
        }
        self.enter(registers, self.code.syscall).map_err(|e| Failure::lost(&e))?;
        let deadline = Instant::now() + PATIENCE;
        let mut signal = 0;
        loop {
            sys::cont_to_syscall(self.tid, signal).map_err(|e| Failure::lost(&e))?;
            signal = 0;
            match self.next(deadline)? {
                Event::Syscall => {
                    let now = sys::registers(self.tid).map_err(|e| Failure::lost(&e))?;
                    let result = now.get(reg::RAX).map_or(NOT_DONE, |&rax| rax as i64);
                    if result != NOT_DONE && !frame::restarts(result) {
                        return Ok(result);
                    }
                }
                Event::Cloned => {
                    let child = sys::event_message(self.tid).map_err(|e| Failure::lost(&e))?;
                    cloned(Tid::try_from(child).unwrap_or(0));
                }
                Event::Signal(fault) if OWN_FAULTS.contains(&fault) => {
                    return Err(Failure::Refused(format!(
                        "thread {} took signal {fault}",
                        self.tid
                    )));
                }
                // Only job control gets through.
                Event::Signal(other) => signal = other,
                Event::Stopped | Event::Other => {}
                Event::Ended => return Err(self.ended()),
            }
        }
    }

    /// Runs a function of the target with up to three arguments; false when it has not returned in
    /// time, and the thread is to be taken out of it. The thread stands in front of its own return,
    /// which it takes if this program ends; else call [`Injection::finish`].
    ///
    /// # Errors
    /// As [`Injection::run`].
    #[cfg(feature = "remote")]
    pub(crate) fn call(
        &self,
        function: u64,
        args: [u64; 3],
        patience: Duration,
    ) -> Result<bool, Failure> {
        let mut registers = self.registers;
        registers[reg::RAX] = 0;
        [registers[reg::RDI], registers[reg::RSI], registers[reg::RDX]] = args;
        self.enter(registers, function).map_err(|e| Failure::lost(&e))?;
        let deadline = Instant::now() + patience;
        let mut signal = 0;
        loop {
            sys::cont_to_syscall(self.tid, signal).map_err(|e| Failure::lost(&e))?;
            signal = 0;
            let Some(event) = self.next_until(deadline)? else { return Ok(false) };
            match event {
                Event::Syscall if self.stays().map_err(|e| Failure::lost(&e))? => return Ok(true),
                Event::Signal(fault) if OWN_FAULTS.contains(&fault) => {
                    let why = format!("thread {} took signal {fault} in the call", self.tid);
                    return Err(Failure::Refused(why));
                }
                Event::Signal(other) => signal = other,
                Event::Ended => return Err(self.ended()),
                Event::Syscall | Event::Cloned | Event::Stopped | Event::Other => {}
            }
        }
    }

    /// Whether the thread is about to return through the safety frame. Then it is held back: the
    /// kernel would forget how an interrupted system call goes on. It is sent to make the call
    /// once more after this one, of which nothing is left but that.
    #[cfg(feature = "remote")]
    fn stays(&self) -> io::Result<bool> {
        let now = sys::registers(self.tid)?;
        let Ok(mut now) = Registers::try_from(now) else { return Ok(false) };
        let returns = now[reg::RIP] == self.code.sigreturn_end
            && now[reg::ORIG_RAX] == libc::SYS_rt_sigreturn as u64;
        if returns {
            now[reg::ORIG_RAX] = u64::MAX;
            now[reg::RIP] = self.code.sigreturn;
            sys::set_registers(self.tid, &now)?;
        }
        Ok(returns)
    }

    /// Sends the thread to an address. From here on, if we are killed, the frame brings it back.
    fn enter(&self, mut registers: Registers, to: u64) -> io::Result<()> {
        registers[reg::ORIG_RAX] = u64::MAX;
        registers[reg::RIP] = to;
        registers[reg::RSP] = self.frames.stack;
        sys::set_registers(self.tid, &registers)?;
        // Only now: the frame unblocks them again.
        sys::set_signal_mask(self.tid, u64::MAX)
    }

    /// The next report of the thread.
    fn next(&self, deadline: Instant) -> Result<Event, Failure> {
        let late = || Failure::Lost("a system call in the target does not end".into());
        self.next_until(deadline)?.ok_or_else(late)
    }

    /// The same; `None` when it is too late.
    fn next_until(&self, deadline: Instant) -> Result<Option<Event>, Failure> {
        loop {
            match sys::wait(Some(self.tid), self.child) {
                Ok(Some((_, event))) => return Ok(Some(event)),
                Ok(None) if Instant::now() > deadline => return Ok(None),
                Ok(None) => {}
                Err(error) => return Err(Failure::lost(&error)),
            }
        }
    }

    /// Restores the thread, which stands afterwards as it did before.
    ///
    /// At the exit of a system call the kernel no longer looks whether an interrupted one is to
    /// be made again, and the program would see its error 512. So the thread is brought to a
    /// stop of the other kind first.
    ///
    /// # Errors
    /// [`Failure::Lost`].
    pub(crate) fn finish(self) -> Result<(), Failure> {
        let mut signal = 0;
        let deadline = Instant::now() + PATIENCE;
        sys::interrupt(self.tid).map_err(|e| Failure::lost(&e))?;
        loop {
            sys::cont(self.tid, signal).map_err(|e| Failure::lost(&e))?;
            match self.next(deadline)? {
                Event::Stopped => break,
                Event::Ended => return Err(self.ended()),
                Event::Signal(other) if !OWN_FAULTS.contains(&other) => signal = other,
                _ => signal = 0,
            }
        }
        sys::set_signal_mask(self.tid, self.mask)
            .and_then(|()| sys::set_registers(self.tid, &self.registers))
            .and_then(|()| sys::set_options(self.tid, 0))
            .map_err(|e| Failure::lost(&e))
    }

    fn ended(&self) -> Failure {
        Failure::Lost(format!("thread {} has ended", self.tid))
    }
}

/// Whether the thread may make all system calls that an injection takes, those on the way back
/// without us included.
fn ask_filters(
    tid: Tid,
    code: Code,
    frames: &Frames,
    back: Return,
    wanted: &[Wanted],
) -> Result<(), Failure> {
    let rip = code.syscall + 2;
    let call = |number, [a, b, c]: [u64; 3]| Call { number, rip, args: [a, b, c, 0, 0, 0] };
    let reap = |options| call(libc::SYS_wait4, [frame::NOBODY, 0, options]);
    let sigreturn = Call { rip: code.sigreturn_end, ..call(libc::SYS_rt_sigreturn, [0; 3]) };
    let (stack, slot) = (frames.child_stack, frames.child_slot);
    let mut calls = match back {
        Return::Plain => vec![sigreturn],
        Return::AfterChild => vec![
            sigreturn,
            call(libc::SYS_clone, [CLONE_FLAGS, stack, slot]),
            call(libc::SYS_exit_group, [frame::LOST_COPY, 0, 0]),
            reap(frame::WALL),
            reap(REAP_OPTIONS),
        ],
    };
    calls.extend(wanted.iter().map(|&(number, args)| Call { number, rip, args }));
    match filter::lets_pass(tid, &calls) {
        Ok(true) => Ok(()),
        Ok(false) => Err(Failure::Refused(
            "its filters of system calls (seccomp) forbid what it was to run".into(),
        )),
        Err(why) => Err(Failure::Refused(why)),
    }
}

/// Whether the thread is in a sequence that the kernel restarts when it is interrupted: it would
/// take the way to our code for an interruption, and forget the sequence.
fn in_restartable_sequence(tid: Tid, rip: u64, memory: &LiveMemory) -> bool {
    // `struct rseq`: the pointer to the sequence at 8; `struct rseq_cs`: first address at 8,
    // length at 16.
    let sequence = || {
        let word = |addr: u64, at: u64| memory.read_u64(addr.checked_add(at)?).ok();
        let sequence = word(sys::rseq_area(tid)?, 8).filter(|&addr| addr != 0)?;
        Some((word(sequence, 8)?, word(sequence, 16)?))
    };
    sequence().is_some_and(|(start, length)| rip.wrapping_sub(start) < length)
}
