//! Having the interpreter of a running process run a few lines of Python.
//!
//! Up to 3.13 the interpreter is handed a *pending call*: its main thread runs it between two
//! instructions, with the global lock, when it comes there. From 3.14 on it has an interface for
//! this (PEP 768), which has switches by which it can be forbidden; they are honoured. Nothing else is
//! ever tried.
//!
//! The text lies in a file in memory that the target makes, and its reports come back by the same
//! file. It catches everything, leaves no name, module, thread or file behind, and does nothing in a
//! child that the target forks meanwhile (such a child inherits the open file and its mapping until
//! it starts another program). What has not begun in time is taken back: see `withdraw`.

mod interpreter;
mod lock;
mod pending;
mod script;
mod scripts;
mod shelf;
mod withdraw;

use std::time::{Duration, Instant};

use probe::{Error, ErrorKind, Result, Target};
use target::memory::LiveMemory;
use target::procfs::ProcessDir;
use target::remote;

pub(crate) use interpreter::Interpreter;
use script::{Report, Where};
use shelf::Shelf;

pub use lock::Lock;
pub use scripts::RemoteDebug;
pub use withdraw::{Order, clean_up};

/// How long another memprobe may have the lock: if that was killed, a program that another thread of
/// it just started has it for a moment still.
pub(crate) const LOCKED: Duration = Duration::from_secs(1);
/// How long the thread that undoes something may take, at least.
const UNDO: Duration = Duration::from_secs(10);
/// How often the reports are looked at.
const LOOK: Duration = Duration::from_millis(5);

/// How something is delivered.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// How long the main thread may take to come to it.
    pub patience: Duration,
    /// How long it may take to run, once it has begun.
    pub run: Duration,
    /// Told what is to be cleaned up if this program dies, before there is anything; `None`: there is
    /// nothing any more.
    pub note: &'a dyn Fn(Option<&Order>),
}

impl std::fmt::Debug for Options<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("patience", &self.patience)
            .field("run", &self.run)
            .finish_non_exhaustive()
    }
}

impl Default for Options<'_> {
    fn default() -> Self {
        Self { patience: Duration::from_secs(10), run: Duration::from_secs(60), note: &|_| {} }
    }
}

/// What came of it.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// What the code said (`say(...)`), each as JSON.
    pub results: Vec<String>,
    /// How long after the hand-over it had run, nanoseconds.
    pub took_ns: u64,
}

/// A process to which something can be delivered, locked against other memprobes.
#[derive(Debug)]
pub struct Recipient {
    process: ProcessDir,
    memory: LiveMemory,
    interpreter: Interpreter,
    remote: Option<RemoteDebug>,
    /// The number of the process as itself knows it.
    own_pid: u64,
    _lock: Lock,
}

impl Recipient {
    /// Looks whether something can be delivered to a process, and takes its lock. What an earlier
    /// memprobe left there because it was killed is cleaned up. `remote` says where the words of
    /// the interface of 3.14 and up are.
    ///
    /// # Errors
    /// Those of [`remote::refuse`]; [`ErrorKind::Unsupported`] when it runs no Python that takes
    /// anything; [`ErrorKind::PermissionDenied`] when another memprobe changes it.
    pub fn open(target: &Target, remote: Option<RemoteDebug>) -> Result<Self> {
        let process = ProcessDir::open_target(target)?;
        remote::refuse(&process)?;
        let lock = Lock::await_it(&process, LOCKED)?;
        let recipient = Self::locked(process, lock, remote)?;
        for name in Shelf::names(&recipient.process)? {
            withdraw::clean(&recipient, &name)?;
        }
        Ok(recipient)
    }

    fn locked(process: ProcessDir, lock: Lock, remote: Option<RemoteDebug>) -> Result<Self> {
        let target = Target { start_id: process.start_ticks(), ..Target::from_pid(process.pid()) };
        let memory = LiveMemory::open(&target)?;
        let interpreter = Interpreter::find(&process, &memory)?;
        interpreter.refuse(process.pid())?;
        let own_pid = numbers(&process)?.last().copied().unwrap_or(process.pid().into());
        Ok(Self { process, memory, interpreter, remote, own_pid, _lock: lock })
    }

    /// The way by which code gets there, in a few words.
    #[must_use]
    pub fn way(&self) -> &'static str {
        if self.interpreter.takes_scripts {
            "by its interface for remote execution, PEP 768"
        } else {
            "by a pending call"
        }
    }

    fn target(&self) -> Target {
        Target { start_id: self.process.start_ticks(), ..Target::from_pid(self.process.pid()) }
    }

    /// Has the interpreter run some lines of Python, and waits for them.
    ///
    /// The code has `say(value)`, whose values come back as JSON. What it imports at its top level it
    /// had better have in it by nature (`gc`, `_tracemalloc`): a module that was not loaded is
    /// unloaded again, but not what that has loaded.
    ///
    /// # Errors
    /// [`ErrorKind::TimedOut`] when it did not begin in time, with where the main thread is: it was
    /// taken back and never runs; [`ErrorKind::Other`] with what the code raised;
    /// [`ErrorKind::Unsupported`] when the process does not take it; [`ErrorKind::TargetEnded`].
    pub fn deliver(&self, code: &str, options: Options<'_>) -> Result<Delivery> {
        let name = shelf::name();
        let order = Order::new(&self.process, &name, self.remote);
        (options.note)(Some(&order));
        let result = self.hand_over(code, &name, options);
        (options.note)(None);
        result.map(|(_, _, delivery)| delivery)
    }

    /// The same of code that leaves something to be undone: it calls `keep(seconds, undo)` once, at
    /// its end. A thread of the process calls `undo()` after so long, or as soon as [`Kept::undo`] is
    /// called or this program is gone and somebody cleans up behind it, and says what it returns.
    ///
    /// # Errors
    /// As [`Recipient::deliver`].
    pub fn deliver_to_keep<'a>(&'a self, code: &str, options: Options<'a>) -> Result<Kept<'a>> {
        let name = shelf::name();
        (options.note)(Some(&Order::new(&self.process, &name, self.remote)));
        let result = self.hand_over(code, &name, options);
        let (shelf, reports, delivery) = result.inspect_err(|_| (options.note)(None))?;
        Ok(Kept { recipient: self, shelf, reports, delivery, options })
    }

    fn hand_over(
        &self,
        code: &str,
        name: &str,
        options: Options<'_>,
    ) -> Result<(Shelf, u64, Delivery)> {
        let began = Instant::now();
        let handed = if self.interpreter.takes_scripts {
            scripts::hand_over(self, code, name, options)
        } else {
            pending::hand_over(self, code, name, options)
        };
        let (shelf, reports) = match handed {
            Ok(handed) => handed,
            Err(error) => {
                // It may have come half way.
                withdraw::clean(self, name)?;
                return Err(error);
            }
        };
        let report = self.await_end(&shelf, reports, options)?;
        let took_ns = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        withdraw::put_away(self, name, report.kept)?;
        match report.error {
            None => Ok((shelf, reports, Delivery { results: report.results, took_ns })),
            Some(why) => Err(self.failed(&why)),
        }
    }

    fn failed(&self, why: &str) -> Error {
        let pid = self.process.pid();
        Error::new(ErrorKind::Other, format!("the code that ran in process {pid} failed: {why}"))
    }

    /// Waits until the code has run; takes it back when it does not begin.
    fn await_end(&self, shelf: &Shelf, reports: u64, options: Options<'_>) -> Result<Report> {
        let mut deadline = Instant::now() + options.patience;
        let mut has_begun = false;
        loop {
            let alive = self.process.is_alive();
            let report = shelf.report(reports);
            if report.done {
                return Ok(report);
            }
            let pid = self.process.pid();
            if !alive {
                let message = format!("process {pid} ended before the code in it had");
                return Err(Error::new(ErrorKind::TargetEnded, message));
            }
            if report.started && !has_begun {
                has_begun = true;
                deadline = Instant::now() + options.run;
            }
            if Instant::now() >= deadline {
                if has_begun {
                    let seconds = options.run.as_secs_f64();
                    let message = format!("the code in process {pid} has not ended in {seconds} s");
                    return Err(Error::new(ErrorKind::TimedOut, message)
                        .with_hint("it cleans up behind itself when it does"));
                }
                let place = remote::whereabouts(&self.target(), &self.interpreter.program);
                if withdraw::withdraw(self, shelf, reports)? {
                    let place = place.unwrap_or_else(|_| "an unknown place".into());
                    return Err(blocked(options.patience, &place));
                }
                has_begun = true;
                deadline = Instant::now() + options.run;
            }
            std::thread::sleep(LOOK);
        }
    }
}

/// Something that a thread of the process undoes at its time.
#[derive(Debug)]
pub struct Kept<'a> {
    recipient: &'a Recipient,
    shelf: Shelf,
    reports: u64,
    /// What the code said when it ran.
    pub delivery: Delivery,
    options: Options<'a>,
}

impl Kept<'_> {
    /// Has it undone now, and returns what `undo` said, as JSON.
    ///
    /// # Errors
    /// [`ErrorKind::TimedOut`] when the thread does not come to it: it undoes it when it does;
    /// [`ErrorKind::Other`] with what it raised; [`ErrorKind::TargetEnded`].
    pub fn undo(self) -> Result<Option<String>> {
        self.shelf.empty()?;
        let process = &self.recipient.process;
        let deadline = Instant::now() + self.options.patience.max(UNDO);
        loop {
            let alive = process.is_alive();
            let report = self.shelf.report(self.reports);
            let pid = process.pid();
            if report.undone {
                withdraw::await_closed(process, &self.shelf.name, deadline);
                (self.options.note)(None);
                return match report.error {
                    Some(why) => Err(self.recipient.failed(&why)),
                    None => Ok(report.results.into_iter().nth(self.delivery.results.len())),
                };
            }
            if !alive {
                let message = format!("process {pid} ended before the experiment was undone");
                return Err(Error::new(ErrorKind::TargetEnded, message));
            }
            if Instant::now() >= deadline {
                let message = format!("the thread in process {pid} did not undo it yet");
                return Err(Error::new(ErrorKind::TimedOut, message)
                    .with_hint("somebody holds the global lock: it does so when it gets it"));
            }
            std::thread::sleep(LOOK);
        }
    }
}

fn blocked(patience: Duration, place: &str) -> Error {
    let seconds = patience.as_secs_f64();
    let message = format!("not delivered in {seconds} s: the main thread is in {place}");
    Error::new(ErrorKind::TimedOut, message).with_hint(
        "it was taken back and will not run later; Python comes to it only between two \
         instructions of the main thread, in the main interpreter: try again when that is at work",
    )
}

/// The numbers of a process in its namespaces; its own is the last.
fn numbers(process: &ProcessDir) -> Result<Vec<u64>> {
    let status = process.read("status")?;
    let text = String::from_utf8_lossy(&status);
    let line = text.lines().find_map(|line| line.strip_prefix("NSpid:")).unwrap_or_default();
    let numbers: Option<Vec<u64>> =
        line.split_ascii_whitespace().map(|number| number.parse().ok()).collect();
    Ok(numbers.filter(|all| !all.is_empty()).unwrap_or_else(|| vec![process.pid().into()]))
}

/// The place of a text and its reports in a file that the target has just made.
fn lay(recipient: &Recipient, shelf: &Shelf, code: &str) -> Result<(u64, u64)> {
    let place = Where { pid: recipient.own_pid, fd: shelf.fd, inode: shelf.inode()? };
    let script = script::wrap(code, place);
    shelf.put(&script.text)?;
    Ok((script.text.len() as u64, script.reports))
}
