//! Stopping every thread of a process, and letting them go.

use std::collections::BTreeMap;
use std::io;
use std::time::{Duration, Instant};

use probe::target::FrozenThread;
use probe::{Error, ErrorKind, Result};

use super::checks;
use super::sys::{self, Event, Tid};
use crate::procfs::ProcessDir;
use crate::procfs::stat::Stat;

/// How often a wait looks up to see the time.
pub(crate) const TICK: Duration = Duration::from_millis(5);
/// How long the others wait for a thread that the kernel does not let stop.
const KERNEL_PATIENCE: Duration = Duration::from_millis(30);
/// How long one is waited for that will stop as soon as it has a core.
#[cfg(feature = "remote")]
const CORE_PATIENCE: Duration = Duration::from_secs(2);
/// How long all threads of a target sit in the kernel before they are looked at again.
const BETWEEN_TRIES: Duration = Duration::from_millis(1);
/// How often a thread that could not be seized is tried again: it may be about to end.
const SEIZE_TRIES: u32 = 20;
/// The most threads that are stopped.
const MOST_THREADS: usize = 1 << 17;

/// How a thread of the target stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// It is seized and was asked to stop.
    Asked,
    /// It stands.
    Stopped,
}

/// The threads of a process that this thread traces. All of it happens on one thread.
#[derive(Debug)]
pub(crate) struct Held<'p> {
    process: &'p ProcessDir,
    threads: BTreeMap<Tid, State>,
    /// The process, if this program has started it and somebody in it waits for its end.
    child: Option<Tid>,
    /// When the first thread was asked to stop.
    since: Option<Instant>,
    /// When the last thread so far was let go.
    until: Option<Instant>,
}

impl<'p> Held<'p> {
    pub(crate) fn new(process: &'p ProcessDir) -> Self {
        let parent = process.stat().map_or(0, |stat| stat.parent);
        let child = (parent == std::process::id()).then_some(process.pid());
        Self { process, threads: BTreeMap::new(), child, since: None, until: None }
    }

    /// The process, if this program has started it.
    pub(crate) fn child(&self) -> Option<Tid> {
        self.child
    }

    pub(crate) fn process(&self) -> &'p ProcessDir {
        self.process
    }

    /// When the pause began.
    pub(crate) fn since(&self) -> Option<Instant> {
        self.since
    }

    /// How long the pause was, nanoseconds: until the last thread was let go.
    pub(crate) fn paused_ns(&self) -> u64 {
        let paused = |since| Some(self.until?.saturating_duration_since(since));
        self.since.and_then(paused).map_or(0, super::nanoseconds)
    }

    /// Begins a new pause.
    pub(crate) fn forget_pause(&mut self) {
        (self.since, self.until) = (None, None);
    }

    /// Stops all threads. Those that sit uninterruptibly in the kernel (in `vfork`, on a disk)
    /// do not stop, but will before they run a single instruction of the program.
    ///
    /// # Errors
    /// The process has ended, it may not be traced, or it did not stop in time. Threads that
    /// were seized remain so: [`Held::let_go`] ends that.
    pub(crate) fn stop_all(&mut self, timeout: Duration) -> Result<()> {
        let deadline = Instant::now() + timeout;
        loop {
            let found = self.seize_new()?;
            if found.is_empty() {
                return if self.threads.is_empty() {
                    Err(checks::ended(self.process))
                } else {
                    Ok(())
                };
            }
            self.since.get_or_insert_with(Instant::now);
            for tid in found {
                self.ask(tid);
            }
            self.wait_for_all(deadline)?;
        }
    }

    /// Stops one thread, the first that will: for what needs no more. Threads that sit in the
    /// kernel are passed over as long as there are others.
    ///
    /// # Errors
    /// As [`Held::stop_all`].
    pub(crate) fn stop_one(&mut self, timeout: Duration) -> Result<Tid> {
        let deadline = Instant::now() + timeout;
        loop {
            for tid in self.tasks()? {
                let sits = || self.state_of(tid) == Some('D');
                if !self.threads.contains_key(&tid) && !sits() && self.seize(tid)? {
                    self.since = Some(Instant::now());
                    self.ask(tid);
                }
                if self.stands_soon(tid, deadline)? {
                    return Ok(tid);
                }
            }
            if Instant::now() >= deadline {
                return Err(self.too_late());
            }
            std::thread::sleep(BETWEEN_TRIES);
        }
    }

    /// Stops the main thread, if it stops within a moment; else it stays asked to.
    ///
    /// # Errors
    /// As [`Held::stop_all`].
    #[cfg(feature = "remote")]
    pub(crate) fn stop_main(&mut self) -> Result<bool> {
        let tid = self.process.pid();
        if !self.threads.contains_key(&tid) {
            if !self.seize(tid)? {
                return Err(checks::ended(self.process));
            }
            self.since = Some(Instant::now());
            self.ask(tid);
        }
        let stands = self.stands_soon(tid, Instant::now() + CORE_PATIENCE)?;
        self.forget_ended();
        Ok(stands)
    }

    /// Waits a moment for a thread that was asked to stop; until the deadline for one that merely
    /// waits for a core, as on a busy machine.
    fn stands_soon(&mut self, tid: Tid, deadline: Instant) -> Result<bool> {
        let patience = Instant::now() + KERNEL_PATIENCE;
        while self.threads.get(&tid) == Some(&State::Asked) {
            let now = Instant::now();
            if now >= deadline || now >= patience && self.state_of(tid) != Some('R') {
                break;
            }
            self.take_next()?;
        }
        Ok(self.threads.get(&tid) == Some(&State::Stopped))
    }

    fn ask(&mut self, tid: Tid) {
        // An error means that the thread ends; waiting for it tells.
        if sys::interrupt(tid).is_ok() || self.is_there(tid) {
            self.threads.insert(tid, State::Asked);
        }
    }

    /// Seizes the threads that are not yet, and returns them.
    fn seize_new(&mut self) -> Result<Vec<Tid>> {
        let mut found = Vec::new();
        for tid in self.tasks()? {
            if !self.threads.contains_key(&tid) && self.seize(tid)? {
                found.push(tid);
            }
        }
        if self.threads.len() + found.len() > MOST_THREADS {
            let message = format!("process {} has too many threads", self.process.pid());
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
        Ok(found)
    }

    /// Seizes a thread; false when it has ended.
    fn seize(&self, tid: Tid) -> Result<bool> {
        let mut tries = 0;
        loop {
            let Err(error) = sys::seize(tid) else { return Ok(true) };
            tries += 1;
            if error.raw_os_error() == Some(libc::ESRCH) || !self.is_there(tid) {
                return Ok(false);
            }
            // Between its exit and its end a thread can neither be seized nor told from others.
            if tries > SEIZE_TRIES {
                return Err(self.refused(error));
            }
            std::thread::yield_now();
        }
    }

    /// The threads that `/proc` lists.
    fn tasks(&self) -> Result<Vec<Tid>> {
        let folder = self.process.folder("task")?;
        let list =
            rustix::fs::Dir::new(folder).map_err(|e| self.process.explain("task", e.into()))?;
        Ok(list.flatten().filter_map(|e| e.file_name().to_str().ok()?.parse().ok()).collect())
    }

    fn state_of(&self, tid: Tid) -> Option<char> {
        let bytes = self.process.read(&format!("task/{tid}/stat")).ok()?;
        Stat::parse(&bytes).map(|stat| stat.state)
    }

    fn is_there(&self, tid: Tid) -> bool {
        self.state_of(tid).is_some_and(|state| !matches!(state, 'Z' | 'X' | 'x'))
    }

    fn count(&self, state: State) -> usize {
        self.threads.values().filter(|&&s| s == state).count()
    }

    fn wait_for_all(&mut self, deadline: Instant) -> Result<()> {
        let patience = Instant::now() + KERNEL_PATIENCE;
        while self.count(State::Asked) > 0 {
            if self.take_next()? {
                continue;
            }
            let now = Instant::now();
            self.forget_ended();
            let stuck = self.asked().iter().all(|&tid| self.state_of(tid) == Some('D'));
            let waited_enough = self.count(State::Stopped) > 0 && now > patience;
            if stuck && (waited_enough || now > deadline) {
                break;
            }
            if now > deadline {
                return Err(self.too_late());
            }
        }
        Ok(())
    }

    /// Takes the next report; false when the ticker ticked first.
    fn take_next(&mut self) -> Result<bool> {
        match sys::wait(None, self.child) {
            Ok(Some((tid, event))) => {
                self.take(tid, event);
                Ok(true)
            }
            Ok(None) => Ok(false),
            // No tracee is left.
            Err(error) if error.raw_os_error() == Some(libc::ECHILD) => {
                self.threads.clear();
                Err(checks::ended(self.process))
            }
            Err(error) => Err(Error::io(error, "cannot wait for a traced thread")),
        }
    }

    /// Takes note of a report.
    pub(crate) fn take(&mut self, tid: Tid, event: Event) {
        match event {
            Event::Stopped => {
                self.threads.insert(tid, State::Stopped);
            }
            // The first thread of a process reports its end last.
            Event::Ended if tid == self.process.pid() => self.threads.clear(),
            Event::Ended => {
                self.threads.remove(&tid);
            }
            // The signal is the target's own: it takes it, then stops as it was asked to.
            Event::Signal(signal) => {
                let _ = sys::cont(tid, signal);
            }
            Event::Syscall | Event::Cloned | Event::Other => {
                let _ = sys::cont(tid, 0);
            }
        }
    }

    /// Forgets threads that ended without a report: the first of a process, and those that
    /// vanish when another one replaces the program.
    fn forget_ended(&mut self) {
        for tid in self.asked() {
            if !self.is_there(tid) {
                self.threads.remove(&tid);
            }
        }
    }

    fn asked(&self) -> Vec<Tid> {
        self.with(State::Asked)
    }

    /// The threads that stand.
    pub(crate) fn stopped(&self) -> Vec<Tid> {
        self.with(State::Stopped)
    }

    fn with(&self, state: State) -> Vec<Tid> {
        self.threads.iter().filter(|(_, s)| **s == state).map(|(tid, _)| *tid).collect()
    }

    /// How many threads did not stop, because they sit in the kernel.
    pub(crate) fn pending(&self) -> usize {
        self.count(State::Asked)
    }

    /// All threads that were seized, with the registers of those that stand.
    pub(crate) fn registers(&self) -> Vec<FrozenThread> {
        let read = |(&tid, state): (&Tid, &State)| {
            let stands = *state == State::Stopped;
            let registers = if stands { sys::registers(tid).unwrap_or_default() } else { vec![] };
            FrozenThread { tid, registers }
        };
        self.threads.iter().map(read).collect()
    }

    /// Lets one thread go that stands.
    pub(crate) fn release_one(&mut self, tid: Tid) {
        // Only a thread that was killed meanwhile cannot be let go.
        let _ = sys::detach(tid);
        self.until = Some(Instant::now());
        self.threads.remove(&tid);
    }

    /// Lets all threads go that stand, but this one.
    pub(crate) fn release_all_but(&mut self, keep: Tid) {
        for tid in self.stopped() {
            if tid != keep {
                self.release_one(tid);
            }
        }
    }

    /// Lets all threads go that stand.
    pub(crate) fn release(&mut self) {
        for tid in self.stopped() {
            self.release_one(tid);
        }
    }

    /// Waits for one report or one tick, and lets go whoever has come to stand. For the threads
    /// that sat in the kernel. False when none is left.
    pub(crate) fn release_late(&mut self) -> bool {
        if self.threads.is_empty() {
            return false;
        }
        if !matches!(self.take_next(), Ok(true)) {
            self.forget_ended();
        }
        self.release();
        !self.threads.is_empty()
    }

    /// Lets all threads go. For those that sit in the kernel it waits a moment: what is left of
    /// them the kernel lets go when this thread ends.
    pub(crate) fn let_go(&mut self) {
        self.release();
        let until = Instant::now() + KERNEL_PATIENCE;
        while self.release_late() && Instant::now() < until {}
    }

    fn too_late(&self) -> Error {
        if checks::has_ended(self.process) {
            return checks::ended(self.process);
        }
        let (pid, pending) = (self.process.pid(), self.pending());
        let message = format!("process {pid} did not stop in time ({pending} threads still run)");
        Error::new(ErrorKind::TimedOut, message).with_hint(
            "the machine is very busy or the process waits in the kernel: try again, or use \
             --freeze none",
        )
    }

    fn refused(&self, error: io::Error) -> Error {
        if let Some(traced) = checks::already_traced(self.process) {
            return traced;
        }
        match error.raw_os_error() {
            Some(libc::EPERM | libc::EACCES) => crate::memory::explain_access(self.process, error)
                .context(format!("cannot stop process {}", self.process.pid())),
            _ => Error::io(error, format!("cannot stop process {}", self.process.pid())),
        }
    }
}
