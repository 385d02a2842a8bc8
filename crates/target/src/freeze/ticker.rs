//! The clock that ends waits.

use std::io;
use std::mem;
use std::ptr;
use std::sync::OnceLock;
use std::time::Duration;

/// A signal that comes to this thread again and again, so that no wait lasts for ever.
///
/// Waiting with a timeout is not to be had for tracees, and polling costs a scheduler tick per
/// stop. The signal is a real-time one that the program does not use; its handler does nothing.
#[derive(Debug)]
pub(crate) struct Ticker(libc::timer_t);

impl Ticker {
    /// Starts ticking on this thread, and keeps all other signals from it: they are for the
    /// other threads of the program.
    pub(crate) fn start(every: Duration) -> io::Result<Self> {
        let signal = tick_signal()?;
        block_all_but(signal)?;
        // SAFETY: the call takes no arguments and cannot fail.
        let tid = unsafe { libc::gettid() };
        // SAFETY: all-zero bytes are a valid `sigevent`: it is plain integers and pointers.
        let mut event: libc::sigevent = unsafe { mem::zeroed() };
        event.sigev_notify = libc::SIGEV_THREAD_ID;
        event.sigev_signo = signal;
        event.sigev_notify_thread_id = tid;
        let mut timer: libc::timer_t = ptr::null_mut();
        // SAFETY: both pointers are to locals that live for the call.
        let result =
            unsafe { libc::timer_create(libc::CLOCK_MONOTONIC, &raw mut event, &raw mut timer) };
        if result < 0 {
            return Err(io::Error::last_os_error());
        }
        let ticker = Self(timer);
        ticker.set(every)?;
        Ok(ticker)
    }

    /// Changes how often it ticks; 0: not at all.
    pub(crate) fn set(&self, every: Duration) -> io::Result<()> {
        // SAFETY: all-zero bytes are a valid `itimerspec`: it is plain integers.
        let mut times: libc::itimerspec = unsafe { mem::zeroed() };
        times.it_value.tv_sec = every.as_secs() as libc::time_t;
        times.it_value.tv_nsec = every.subsec_nanos().into();
        times.it_interval = times.it_value;
        // SAFETY: the timer is this ticker's own and not deleted yet; `times` lives for the call
        // and the old setting is not asked for.
        let result = unsafe { libc::timer_settime(self.0, 0, &raw const times, ptr::null_mut()) };
        if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        // SAFETY: the timer is this ticker's own and is deleted once, here.
        unsafe { libc::timer_delete(self.0) };
    }
}

extern "C" fn ignore(_: libc::c_int) {}

/// A real-time signal that had no use in this program, with a handler that does nothing. The
/// handler stays for good: a tick may come late.
fn tick_signal() -> io::Result<libc::c_int> {
    static SIGNAL: OnceLock<Option<libc::c_int>> = OnceLock::new();
    let signal = SIGNAL.get_or_init(|| {
        let (first, last) = (libc::SIGRTMIN(), libc::SIGRTMAX());
        (first..=last).rev().find(|&signal| take_signal(signal))
    });
    signal.ok_or_else(|| io::Error::other("every real-time signal is in use in this program"))
}

/// Installs the handler if the signal has none.
fn take_signal(signal: libc::c_int) -> bool {
    // SAFETY: all-zero bytes are a valid `sigaction`: no handler, no flags, an empty mask.
    let (mut old, mut new): (libc::sigaction, libc::sigaction) = unsafe { mem::zeroed() };
    // SAFETY: `old` lives for the call; nothing is changed.
    if unsafe { libc::sigaction(signal, ptr::null(), &raw mut old) } < 0 {
        return false;
    }
    if old.sa_sigaction != libc::SIG_DFL {
        return false;
    }
    new.sa_sigaction = ignore as extern "C" fn(libc::c_int) as usize;
    // SAFETY: the handler does nothing, which is allowed at any instant; without `SA_RESTART` it
    // only makes system calls of the thread that is ticked return early.
    unsafe { libc::sigaction(signal, &raw const new, ptr::null_mut()) == 0 }
}

fn block_all_but(signal: libc::c_int) -> io::Result<()> {
    // SAFETY: all-zero bytes are a valid `sigset_t`, and the calls only write to it.
    let result = unsafe {
        let mut set: libc::sigset_t = mem::zeroed();
        libc::sigfillset(&raw mut set);
        libc::sigdelset(&raw mut set, signal);
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const set, ptr::null_mut())
    };
    if result == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(result)) }
}
