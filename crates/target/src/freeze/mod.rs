//! Holding a process still while it is read, and leaving it as it was.
//!
//! | method | what is read | how long the target pauses |
//! |---|---|---|
//! | [`Method::Fork`] | a copy that the target makes of itself and that never runs | about 20 ms per GiB |
//! | [`Method::Stop`] | the target, all threads stopped | as long as it is read |
//! | [`Method::None`] | the target as it runs; what is read may be torn | not at all |
//!
//! [`Method::Auto`] is the first of them that can be had of the first two, and says why where it
//! is not the fork. Whatever happens to this program, `kill -9` at any instant included, the
//! target goes on: stopped threads are let go by the kernel, and a thread that was sent to make a
//! copy returns by the frame that was laid for it beforehand.
//!
//! All tracing is done by a thread of its own, because the kernel ties a tracee to a thread. It
//! uses one real-time signal that the program has no handler for, to bound its waits. A program
//! that embeds this must not wait on other threads meanwhile for children of all kinds
//! (`waitpid(-1, _, __WALL)`), nor for the target if it has started it, by whatever call and
//! options: it would take the reports of the tracees away. Polling a pidfd tells of the end of a
//! process without that; then it may be waited for.
//!
//! One trace can be left: if this program is killed while a copy stands, the copy ends with it,
//! but the target keeps its number in its table of processes. No wait of the target sees the
//! entry, and the next copy of the same target that is released removes it, as does
//! [`collect_left_over`].

// Where there is no fork, what only the fork needs is not used.
#[cfg_attr(not(target_arch = "x86_64"), allow(dead_code))]
pub(crate) mod checks;
#[cfg_attr(not(target_arch = "x86_64"), allow(dead_code))]
mod copies;
#[cfg(target_arch = "x86_64")]
pub(crate) mod fork;
#[cfg(not(target_arch = "x86_64"))]
#[path = "no_fork.rs"]
mod fork;
#[cfg_attr(not(target_arch = "x86_64"), allow(dead_code))]
pub(crate) mod held;
#[cfg_attr(not(target_arch = "x86_64"), allow(dead_code))]
pub(crate) mod sys;
#[cfg_attr(not(target_arch = "x86_64"), allow(dead_code))]
pub(crate) mod ticker;
mod tracer;

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, Instant};

use probe::target::FrozenThread;
use probe::{Error, ErrorKind, Frozen, Issue, Result, Target};

use crate::memory::LiveMemory;
use crate::procfs::ProcessDir;
use tracer::Tracer;

pub use copies::FrozenMemory;

/// How long copies whose maker was killed may take to end: their memory is given back first.
const COPIES_END: Duration = Duration::from_secs(10);

/// How long it is tried to have a busy target collect them.
const COLLECT: Duration = Duration::from_secs(30);

/// How a target is held still.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Method {
    /// The gentlest that gives a consistent picture: a copy, else a stop.
    #[default]
    Auto,
    /// A copy made by the target, which runs on. x86-64 only.
    Fork,
    /// All threads are stopped for as long as the target is read.
    Stop,
    /// Not at all.
    None,
}

impl Method {
    /// Every method and its name.
    const NAMES: [(Self, &str); 4] =
        [(Self::Auto, "auto"), (Self::Fork, "fork"), (Self::Stop, "stop"), (Self::None, "none")];
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::NAMES.iter().find(|(method, _)| method == self).map_or("", |n| n.1);
        f.pad(name)
    }
}

impl FromStr for Method {
    type Err = Error;

    /// # Errors
    /// [`ErrorKind::InvalidInput`] for a name there is no method of.
    fn from_str(name: &str) -> Result<Self> {
        let found = Self::NAMES.iter().find(|(_, known)| *known == name);
        found.map(|(method, _)| *method).ok_or_else(|| {
            let message = format!("there is no way to freeze called {name:?}");
            Error::new(ErrorKind::InvalidInput, message).with_hint("use auto, fork, stop or none")
        })
    }
}

/// Bounds of a freeze.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct Options {
    /// How long the threads of the target may take to stop; then it is given up.
    pub stop_timeout: Duration,
    /// How long the target may stand with [`Method::Stop`]; then it is let go, finished or not.
    pub most_stop: Duration,
    /// How much memory that the copy would not have is copied while the target stands, bytes.
    pub most_copied: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            stop_timeout: Duration::from_secs(2),
            most_stop: Duration::from_secs(60),
            most_copied: 256 << 20,
        }
    }
}

/// How long the target stood, nanoseconds on the monotonic clock.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pause {
    /// From the first thread asked to stop until all stood.
    pub attach_ns: u64,
    /// From then until the copy was made and the thread that made it restored and let go; the
    /// other threads were let go before that.
    pub fork_ns: u64,
    /// From the first thread asked to stop until the last was let go.
    pub total_ns: u64,
    /// Later and for one thread only: collecting the copy.
    pub reap_ns: u64,
}

/// What is known when a target has been let go.
#[non_exhaustive]
#[derive(Clone, Debug, Default)]
pub struct Released {
    /// How long it stood.
    pub pause: Pause,
    /// What went wrong.
    pub issues: Vec<Issue>,
}

/// A target that is held still, or a copy of it. Dropping it lets the target go.
#[derive(Debug)]
pub struct FrozenTarget {
    pid: u32,
    method: Method,
    pause: Pause,
    threads: Vec<FrozenThread>,
    issues: Vec<Issue>,
    copies: copies::Copies,
    tracer: Option<Tracer>,
}

/// Holds a target still.
///
/// # Errors
/// Those of [`ProcessDir::open_target`]; [`ErrorKind::PermissionDenied`] when the target may not
/// be traced, with what to change, or is traced by somebody else; [`ErrorKind::TimedOut`] when
/// it did not stop in time; [`ErrorKind::Unsupported`] when `method` is [`Method::Fork`] and
/// the target can't be copied.
pub fn freeze(target: &Target, method: Method, options: &Options) -> Result<FrozenTarget> {
    let process = ProcessDir::open_target(target)?;
    if method == Method::None {
        return Ok(unfrozen(process.pid()));
    }
    if process.pid() == std::process::id() {
        return Err(Error::new(ErrorKind::InvalidInput, "a program cannot freeze itself")
            .with_hint("use --freeze none, or give the PID of another process"));
    }
    if let Some(error) = checks::already_traced(&process) {
        return Err(error);
    }
    let (tracer, report) = Tracer::start(process, method, options.clone())?;
    Ok(FrozenTarget {
        pid: report.pid,
        method: report.method,
        pause: report.pause,
        threads: report.threads,
        issues: report.issues,
        copies: report.copies,
        tracer: Some(tracer),
    })
}

/// Why a copy of the process cannot be had, as far as can be told without touching it.
pub(crate) fn refuses_copy(process: &ProcessDir) -> Option<Error> {
    fork::Plan::make(process).err()
}

/// Has a target collect the copies of programs that were killed while their copies stood. Waits
/// for copies that are just ending, at most some seconds. Where there are none the target is not
/// touched; else it pauses once, as for a copy, or a few times if it is very busy.
///
/// # Errors
/// Those of [`freeze`] with [`Method::Fork`].
pub fn collect_left_over(target: &Target) -> Result<()> {
    let process = ProcessDir::open_target(target)?;
    let until = Instant::now() + COPIES_END;
    let copies = loop {
        let copies = fork::copies(&process);
        if copies.iter().all(|(_, ended)| *ended) || Instant::now() >= until {
            break copies;
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    if !copies.iter().any(|(_, ended)| *ended) {
        return Ok(());
    }
    let until = Instant::now() + COLLECT;
    loop {
        // A copy that is released takes those that were left over with it, unless the target was
        // too busy to stop for that.
        let freed =
            freeze(target, Method::Fork, &Options::default()).and_then(FrozenTarget::release);
        let is_left = fork::copies(&process).iter().any(|(_, ended)| *ended);
        match freed {
            Ok(_) if !is_left => return Ok(()),
            Err(error) if error.kind() != ErrorKind::TimedOut => return Err(error),
            _ if Instant::now() >= until => break,
            _ => std::thread::sleep(Duration::from_millis(100)),
        }
    }
    let message = format!("process {} did not collect a copy that has ended", process.pid());
    Err(Error::new(ErrorKind::TimedOut, message))
}

fn unfrozen(pid: u32) -> FrozenTarget {
    let torn = Issue::info("the target ran while it was read: what was read may be torn");
    FrozenTarget {
        pid,
        method: Method::None,
        pause: Pause::default(),
        threads: Vec::new(),
        issues: vec![torn],
        copies: copies::Copies::default(),
        tracer: None,
    }
}

impl FrozenTarget {
    /// The process to read: the copy, or the target itself.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// The method that was used; never [`Method::Auto`].
    #[must_use]
    pub fn method(&self) -> Method {
        self.method
    }

    /// How long the target stood; with [`Method::Stop`], so far.
    #[must_use]
    pub fn pause(&self) -> Pause {
        let mut pause = self.pause;
        if let Some(tracer) = self.tracer.as_ref().filter(|_| self.method == Method::Stop) {
            pause.total_ns = tracer.stopped_ns();
        }
        pause
    }

    /// The target's threads and their registers. Threads that sat in the kernel and could not be
    /// stopped have no registers; without freezing there are none.
    #[must_use]
    pub fn threads(&self) -> &[FrozenThread] {
        &self.threads
    }

    /// What the reader should know: why it is not a copy, what is missing from it.
    #[must_use]
    pub fn issues(&self) -> &[Issue] {
        &self.issues
    }

    /// What a host lends to its probes.
    #[must_use]
    pub fn frozen(&self) -> Frozen {
        Frozen { pid: self.pid, threads: self.threads.clone() }
    }

    /// Whether what is read still stands: the copy was not killed, the stop did not last too
    /// long. Ask after reading.
    #[must_use]
    pub fn is_frozen(&self) -> bool {
        match (self.method, &self.tracer) {
            (Method::Stop, Some(tracer)) => tracer.is_held(),
            (Method::Fork, Some(_)) => ProcessDir::open(self.pid).is_ok_and(|copy| copy.is_alive()),
            _ => false,
        }
    }

    /// The memory of the target as it was.
    ///
    /// # Errors
    /// Those of [`LiveMemory::open`].
    pub fn memory(&self) -> Result<FrozenMemory<'_>> {
        let memory = LiveMemory::open(&Target::from_pid(self.pid))?;
        Ok(FrozenMemory { memory, copies: &self.copies })
    }

    /// Lets the target go and removes the copy.
    ///
    /// # Errors
    /// When the tracing thread has failed; the kernel has let the target go then.
    pub fn release(mut self) -> Result<Released> {
        match self.tracer.take() {
            Some(tracer) => tracer.release(),
            None => Ok(Released::default()),
        }
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_have_names() {
        for (method, name) in Method::NAMES {
            assert_eq!(name.parse::<Method>().unwrap(), method);
            assert_eq!(method.to_string(), name);
        }
        assert_eq!("gdb".parse::<Method>().unwrap_err().kind(), ErrorKind::InvalidInput);
    }
}
