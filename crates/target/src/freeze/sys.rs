//! The system calls of tracing, each behind a safe function.
//!
//! The kernel ties a tracee to the *thread* that seized it: all of these work only on the
//! thread that called [`seize`].

use std::io;
use std::mem;

#[cfg(target_arch = "x86_64")]
use super::fork::Instruction;

/// The number of a thread, in the PID namespace of this program.
pub(crate) type Tid = u32;

/// Wait for children of every kind, tracees included.
const WAIT_ALL: i32 = libc::__WALL | libc::__WNOTHREAD;
/// What `PTRACE_O_TRACESYSGOOD` adds to the signal of a stop at a system call.
const SYSCALL_STOP: i32 = libc::SIGTRAP | 0x80;
/// `PTRACE_EVENT_STOP`.
const EVENT_STOP: i32 = 128;
/// Set of registers: the general ones.
const NT_PRSTATUS: usize = 1;
/// Set of registers: everything that `xsave` stores.
const NT_X86_XSTATE: usize = 0x202;
/// The largest `xsave` image that is known, with room to grow (tile data are 8 KiB of it).
const MOST_XSTATE: usize = 32 << 10;
/// The most general registers of any machine.
const MOST_REGISTERS: usize = 64;

/// What a tracee reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// It stands, as asked, or because its process is stopped by job control.
    Stopped,
    /// It is about to take this signal.
    Signal(i32),
    /// It is at the entry or exit of a system call.
    Syscall,
    /// It has made a child or thread.
    Cloned,
    /// Something else that needs no answer but to go on.
    Other,
    /// It has ended.
    Ended,
}

impl Event {
    fn of(status: i32) -> Self {
        if !libc::WIFSTOPPED(status) {
            return Self::Ended;
        }
        match (status >> 16, libc::WSTOPSIG(status)) {
            (EVENT_STOP, _) => Self::Stopped,
            (0, SYSCALL_STOP) => Self::Syscall,
            (0, signal) => Self::Signal(signal),
            (libc::PTRACE_EVENT_FORK | libc::PTRACE_EVENT_VFORK | libc::PTRACE_EVENT_CLONE, _) => {
                Self::Cloned
            }
            _ => Self::Other,
        }
    }
}

/// One request whose arguments are numbers, not addresses of ours.
fn request(code: u32, tid: Tid, addr: usize, data: usize) -> io::Result<()> {
    // SAFETY: none of the requests made through here reads or writes memory of this program:
    // `addr` and `data` are numbers to the kernel. What it does to the tracee is no matter of
    // this program's memory.
    let result = unsafe { libc::syscall(libc::SYS_ptrace, u64::from(code), tid, addr, data) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Becomes the tracer of a thread, which runs on.
pub(crate) fn seize(tid: Tid) -> io::Result<()> {
    request(libc::PTRACE_SEIZE, tid, 0, 0)
}

/// Asks a thread to stop.
pub(crate) fn interrupt(tid: Tid) -> io::Result<()> {
    request(libc::PTRACE_INTERRUPT, tid, 0, 0)
}

/// Lets a stopped thread run, with a signal to take or 0.
pub(crate) fn cont(tid: Tid, signal: i32) -> io::Result<()> {
    request(libc::PTRACE_CONT, tid, 0, signal as usize)
}

/// Lets a stopped thread run to the next entry or exit of a system call, with a signal to take
/// or 0.
pub(crate) fn cont_to_syscall(tid: Tid, signal: i32) -> io::Result<()> {
    request(libc::PTRACE_SYSCALL, tid, 0, signal as usize)
}

/// Lets a stopped thread go.
pub(crate) fn detach(tid: Tid) -> io::Result<()> {
    request(libc::PTRACE_DETACH, tid, 0, 0)
}

/// Sets the options of a stopped thread.
pub(crate) fn set_options(tid: Tid, options: i32) -> io::Result<()> {
    request(libc::PTRACE_SETOPTIONS, tid, 0, options as usize)
}

/// What belongs to the last event of a stopped thread: the number of the new child.
pub(crate) fn event_message(tid: Tid) -> io::Result<u64> {
    let mut message: libc::c_ulong = 0;
    // SAFETY: the kernel writes one `unsigned long` to `message`, which lives for the call.
    let result = unsafe {
        libc::syscall(
            libc::SYS_ptrace,
            u64::from(libc::PTRACE_GETEVENTMSG),
            tid,
            0_usize,
            &raw mut message,
        )
    };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(message) }
}

fn get_regset(tid: Tid, set: usize, bytes: &mut [u8]) -> io::Result<usize> {
    let mut vector = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: bytes.len() };
    // SAFETY: the kernel writes at most `iov_len` bytes to `bytes`, which is borrowed for the
    // call, and the count of them to `vector`, which lives as long.
    let result = unsafe {
        libc::syscall(
            libc::SYS_ptrace,
            u64::from(libc::PTRACE_GETREGSET),
            tid,
            set,
            &raw mut vector,
        )
    };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(vector.iov_len.min(bytes.len())) }
}

/// The general registers of a stopped thread in the order of the kernel's `user_regs_struct`.
/// A thread in 32-bit mode has a shorter set, which comes as an error.
pub(crate) fn registers(tid: Tid) -> io::Result<Vec<u64>> {
    let mut bytes = [0; MOST_REGISTERS * 8];
    let length = get_regset(tid, NT_PRSTATUS, &mut bytes)?;
    // The 32-bit sets: 17 words of 4 bytes on x86, 18 on ARM.
    if length < 128 {
        return Err(io::Error::new(io::ErrorKind::Unsupported, "the thread is in 32-bit mode"));
    }
    let words = bytes[..length].chunks_exact(8);
    Ok(words.map(|w| u64::from_ne_bytes(w.try_into().unwrap_or_default())).collect())
}

/// Sets the general registers of a stopped thread.
pub(crate) fn set_registers(tid: Tid, registers: &[u64]) -> io::Result<()> {
    let mut bytes: Vec<u8> = registers.iter().flat_map(|r| r.to_ne_bytes()).collect();
    let mut vector = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: bytes.len() };
    // SAFETY: the kernel reads `iov_len` bytes of `bytes`, which lives for the call, and writes
    // their count to `vector`, which does too.
    let result = unsafe {
        libc::syscall(
            libc::SYS_ptrace,
            u64::from(libc::PTRACE_SETREGSET),
            tid,
            NT_PRSTATUS,
            &raw mut vector,
        )
    };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// The `xsave` image of a stopped thread.
pub(crate) fn xstate(tid: Tid) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; MOST_XSTATE];
    let length = get_regset(tid, NT_X86_XSTATE, &mut bytes)?;
    bytes.truncate(length);
    Ok(bytes)
}

/// The blocked signals of a stopped thread, one bit each.
pub(crate) fn signal_mask(tid: Tid) -> io::Result<u64> {
    let mut mask = 0_u64;
    // SAFETY: `addr` is the size of the mask; the kernel writes that many bytes to `mask`.
    let result = unsafe {
        libc::syscall(
            libc::SYS_ptrace,
            u64::from(libc::PTRACE_GETSIGMASK),
            tid,
            size_of::<u64>(),
            &raw mut mask,
        )
    };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(mask) }
}

/// Sets the blocked signals of a stopped thread.
pub(crate) fn set_signal_mask(tid: Tid, mask: u64) -> io::Result<()> {
    // SAFETY: `addr` is the size of the mask; the kernel reads that many bytes of `mask`.
    let result = unsafe {
        libc::syscall(
            libc::SYS_ptrace,
            u64::from(libc::PTRACE_SETSIGMASK),
            tid,
            size_of::<u64>(),
            &raw const mask,
        )
    };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Where a stopped thread keeps its restartable-sequence area; `None` where it has none or the
/// kernel cannot say (before Linux 5.13).
pub(crate) fn rseq_area(tid: Tid) -> Option<u64> {
    const PTRACE_GET_RSEQ_CONFIGURATION: u64 = 0x420f;
    // Pointer, size, signature, flags, padding.
    let mut configuration = [0_u64; 3];
    let size = size_of_val(&configuration);
    // SAFETY: `addr` is the size of `configuration`; the kernel writes at most that many bytes.
    let result = unsafe {
        libc::syscall(
            libc::SYS_ptrace,
            PTRACE_GET_RSEQ_CONFIGURATION,
            tid,
            size,
            configuration.as_mut_ptr(),
        )
    };
    (result > 0 && configuration[0] != 0).then_some(configuration[0])
}

/// A filter of the system calls of a stopped thread, the newest first; `None` behind the last.
#[cfg(target_arch = "x86_64")]
pub(in crate::freeze) fn filter(
    tid: Tid,
    index: usize,
    most: usize,
) -> io::Result<Option<Vec<Instruction>>> {
    const PTRACE_SECCOMP_GET_FILTER: u64 = 0x420c;
    // SAFETY: without a place for them the kernel only counts the instructions.
    let count =
        unsafe { libc::syscall(libc::SYS_ptrace, PTRACE_SECCOMP_GET_FILTER, tid, index, 0_usize) };
    let count = match usize::try_from(count) {
        Ok(count) => count,
        Err(_) => {
            let error = io::Error::last_os_error();
            let is_last = error.raw_os_error() == Some(libc::ENOENT);
            return if is_last { Ok(None) } else { Err(error) };
        }
    };
    if count > most {
        return Err(io::Error::from(io::ErrorKind::InvalidData));
    }
    let mut words = vec![0_u64; most];
    // SAFETY: a filter has `count` instructions of 8 bytes and cannot change once it is in force;
    // `words` has room for the most that any has.
    let result = unsafe {
        libc::syscall(libc::SYS_ptrace, PTRACE_SECCOMP_GET_FILTER, tid, index, words.as_mut_ptr())
    };
    if usize::try_from(result) != Ok(count) {
        return Err(io::Error::last_os_error());
    }
    words.truncate(count);
    Ok(Some(words.into_iter().map(Instruction::from_word).collect()))
}

/// Writes to another process as the process itself could: not to pages it may not write.
pub(crate) fn write_memory(pid: u32, addr: u64, bytes: &[u8]) -> io::Result<()> {
    let pid = libc::pid_t::try_from(pid).map_err(|_| io::Error::from(io::ErrorKind::NotFound))?;
    let local = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
    let remote = libc::iovec { iov_base: addr as *mut libc::c_void, iov_len: bytes.len() };
    // SAFETY: the kernel only reads `local`, which is the borrow `bytes`; `remote` is an address
    // of the other process, checked by the kernel.
    let wrote =
        unsafe { libc::process_vm_writev(pid, &raw const local, 1, &raw const remote, 1, 0) };
    match usize::try_from(wrote) {
        Ok(count) if count == bytes.len() => Ok(()),
        Ok(_) => Err(io::Error::from_raw_os_error(libc::EFAULT)),
        Err(_) => Err(io::Error::last_os_error()),
    }
}

/// Whether two processes run in the same memory, as far as the kernel tells.
#[cfg(feature = "remote")]
pub(crate) fn share_memory(one: u32, other: u32) -> bool {
    const KCMP_VM: u32 = 1;
    // SAFETY: the call takes numbers alone.
    let result = unsafe { libc::syscall(libc::SYS_kcmp, one, other, KCMP_VM, 0_usize, 0_usize) };
    result == 0
}

/// Kills a process.
pub(crate) fn kill(pid: u32) -> io::Result<()> {
    let pid = libc::pid_t::try_from(pid).map_err(|_| io::Error::from(io::ErrorKind::NotFound))?;
    // SAFETY: the call touches no memory of this program.
    let result = unsafe { libc::kill(pid, libc::SIGKILL) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Waits for the next report of a tracee of this thread, or of one of them; `None` when the
/// [`Ticker`] ticked first.
///
/// The end of the process `child` is reported but not collected: that is for those who started it.
pub(crate) fn wait(tid: Option<Tid>, child: Option<Tid>) -> io::Result<Option<(Tid, Event)>> {
    let mut tid = tid;
    if let Some(child) = child {
        match peek(tid)? {
            None => return Ok(None),
            Some((found, Event::Ended)) if found == child => {
                return Ok(Some((child, Event::Ended)));
            }
            Some((found, _)) => tid = Some(found),
        }
    }
    let mut status = 0;
    // SAFETY: the kernel writes one `int` to `status`, which lives for the call.
    let found = unsafe { libc::waitpid(tid.map_or(-1, number), &raw mut status, WAIT_ALL) };
    match u32::try_from(found) {
        Ok(tid) => Ok(Some((tid, Event::of(status)))),
        Err(_) => unless_ticked(),
    }
}

/// Who has something to report, and whether it has ended; nothing is collected.
fn peek(tid: Option<Tid>) -> io::Result<Option<(Tid, Event)>> {
    let which = if tid.is_some() { libc::P_PID } else { libc::P_ALL };
    let options = WAIT_ALL | libc::WEXITED | libc::WSTOPPED | libc::WNOWAIT;
    // SAFETY: all-zero bytes are a valid `siginfo_t`: it is plain integers and pointers.
    let mut info: libc::siginfo_t = unsafe { mem::zeroed() };
    // SAFETY: the kernel writes one `siginfo_t` to `info`, which lives for the call.
    let result = unsafe { libc::waitid(which, tid.unwrap_or(0), &raw mut info, options) };
    if result < 0 {
        return unless_ticked();
    }
    // SAFETY: the kernel has filled in the fields of a child's report, which have a number.
    let found = unsafe { info.si_pid() };
    let ended = matches!(info.si_code, libc::CLD_EXITED | libc::CLD_KILLED | libc::CLD_DUMPED);
    let event = if ended { Event::Ended } else { Event::Other };
    Ok(u32::try_from(found).ok().filter(|&tid| tid != 0).map(|tid| (tid, event)))
}

/// A number as the kernel takes it. None is above its range.
fn number(tid: Tid) -> libc::pid_t {
    libc::pid_t::try_from(tid).unwrap_or(libc::pid_t::MAX)
}

fn unless_ticked<T>() -> io::Result<Option<T>> {
    match io::Error::last_os_error() {
        error if error.kind() == io::ErrorKind::Interrupted => Ok(None),
        error => Err(error),
    }
}
