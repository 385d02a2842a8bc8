//! The thread that traces: it stops the target, holds what was frozen, and lets it go.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use probe::target::FrozenThread;
use probe::{Error, ErrorKind, Issue, Result};

use super::checks;
use super::copies::Copies;
use super::fork::{Copy, NoCopy, Plan};
use super::held::{Held, TICK};
use super::ticker::Ticker;
use super::{Method, Options, Pause, Released, nanoseconds};
use crate::procfs::ProcessDir;

/// What was frozen.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) pid: u32,
    pub(super) method: Method,
    pub(super) pause: Pause,
    pub(super) threads: Vec<FrozenThread>,
    pub(super) issues: Vec<Issue>,
    pub(super) copies: Copies,
}

/// The tracing thread, seen from the others. Dropping it lets the target go.
#[derive(Debug)]
pub(super) struct Tracer {
    /// Closed to have the target let go.
    commands: Option<Sender<()>>,
    released: Receiver<Released>,
    thread: Option<JoinHandle<()>>,
    since: Instant,
    held: Arc<AtomicBool>,
}

impl Tracer {
    /// Starts the thread and waits until the target stands.
    pub(super) fn start(
        process: ProcessDir,
        method: Method,
        options: Options,
    ) -> Result<(Self, Report)> {
        let (commands, orders) = channel();
        let (ready, start) = channel();
        let (done, released) = channel();
        let held = Arc::new(AtomicBool::new(true));
        let job = Job { process, method, options, held: Arc::clone(&held) };
        let thread = thread::Builder::new()
            .name("memprobe-tracer".into())
            .spawn(move || job.run(&ready, &orders, &done))
            .map_err(|e| Error::io(e, "cannot start the tracing thread"))?;
        let mut tracer = Self {
            commands: Some(commands),
            released,
            thread: Some(thread),
            since: Instant::now(),
            held,
        };
        // On an error, the thread has ended when the tracer is dropped.
        let (report, since) = start.recv().map_err(|_| failed())??;
        tracer.since = since;
        Ok((tracer, report))
    }

    /// How long the target has been standing.
    pub(super) fn stopped_ns(&self) -> u64 {
        nanoseconds(self.since.elapsed())
    }

    /// Whether the target has been standing ever since.
    pub(super) fn is_held(&self) -> bool {
        self.held.load(Ordering::Acquire)
    }

    /// Lets the target go.
    pub(super) fn release(mut self) -> Result<Released> {
        let released = self.end();
        released.ok_or_else(failed)
    }

    /// Has the target let go, and waits for the end of the thread: only then may it be traced
    /// again.
    fn end(&mut self) -> Option<Released> {
        self.commands = None;
        let released = self.released.recv().ok();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        released
    }
}

impl Drop for Tracer {
    fn drop(&mut self) {
        if self.thread.is_some() {
            self.end();
        }
    }
}

fn failed() -> Error {
    Error::new(ErrorKind::Other, "the tracing thread has failed; the target runs on")
}

/// What the thread is to do.
#[derive(Debug)]
struct Job {
    process: ProcessDir,
    method: Method,
    options: Options,
    held: Arc<AtomicBool>,
}

/// What is held.
#[derive(Debug)]
enum Hold {
    Copy(Box<Plan>, Copy),
    Stop,
}

impl Job {
    fn run(
        &self,
        ready: &Sender<Result<(Report, Instant)>>,
        orders: &Receiver<()>,
        done: &Sender<Released>,
    ) {
        let ticker = match Ticker::start(TICK) {
            Ok(ticker) => ticker,
            Err(error) => {
                let _ = ready.send(Err(Error::io(error, "cannot bound the waits of tracing")));
                return;
            }
        };
        let mut held = Held::new(&self.process);
        match self.establish(&mut held) {
            Err(error) => {
                held.let_go();
                let _ = ready.send(Err(error));
            }
            Ok((report, hold)) => {
                let pause = report.pause;
                let since = held.since().unwrap_or_else(Instant::now);
                let _ = ready.send(Ok((report, since)));
                let released = self.hold(&mut held, &hold, pause, &ticker, orders);
                held.let_go();
                let _ = done.send(released);
            }
        }
    }

    /// Freezes the target. After an error, threads may stand.
    fn establish(&self, held: &mut Held<'_>) -> Result<(Report, Hold)> {
        let mut issues = Vec::new();
        let plan = self.plan(&mut issues)?;
        held.stop_all(self.options.stop_timeout)?;
        let since = held.since().unwrap_or_else(Instant::now);
        let attach_ns = nanoseconds(since.elapsed());
        let threads = held.registers();
        issues.extend(sitting(held.pending()));
        let mut report = Report {
            pid: self.process.pid(),
            method: Method::Stop,
            pause: Pause { attach_ns, ..Pause::default() },
            threads,
            issues,
            copies: Copies::default(),
        };
        let Some(plan) = plan else { return Ok((report, Hold::Stop)) };
        let before = Instant::now();
        report.copies = plan.save_lost(self.options.most_copied);
        match plan.fork(held, &report.threads) {
            Ok(copy) => {
                held.release();
                let before_ns = nanoseconds(before.duration_since(since));
                report.pause.total_ns = held.paused_ns();
                report.pause.fork_ns = report.pause.total_ns.saturating_sub(before_ns);
                report.pid = copy.pid;
                report.method = Method::Fork;
                report.issues.extend(plan.issues());
                report.issues.extend(report.copies.issue());
                Ok((report, Hold::Copy(Box::new(plan), copy)))
            }
            Err(NoCopy::Lost(error)) => Err(error),
            Err(NoCopy::Refused(why)) => {
                self.fall_back(&why, &mut report.issues)?;
                report.copies = Copies::default();
                Ok((report, Hold::Stop))
            }
        }
    }

    /// What has to be known for a copy, if one is wanted and can be had.
    fn plan(&self, issues: &mut Vec<Issue>) -> Result<Option<Plan>> {
        if self.method == Method::Stop {
            return Ok(None);
        }
        match Plan::make(&self.process) {
            Ok(plan) => Ok(Some(plan)),
            Err(error) if error.kind() == ErrorKind::TargetEnded => Err(error),
            // Whoever may not read may not stop either.
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                let refused = std::io::Error::from(std::io::ErrorKind::PermissionDenied);
                Err(crate::memory::explain_access(&self.process, refused)
                    .context(format!("cannot stop process {}", self.process.pid())))
            }
            Err(error) => self.fall_back(&format!("{error:#}"), issues).map(|()| None),
        }
    }

    /// Takes the stop instead of the copy, if that was left open.
    fn fall_back(&self, why: &str, issues: &mut Vec<Issue>) -> Result<()> {
        let pid = self.process.pid();
        if checks::has_ended(&self.process) {
            return Err(checks::ended(&self.process));
        }
        let message = format!("process {pid} cannot be copied: {why}");
        if self.method == Method::Fork {
            return Err(Error::new(ErrorKind::Unsupported, message)
                .with_hint("use --freeze stop (a longer pause) or none (racy)"));
        }
        let message = format!("{message}; it is stopped while it is read");
        issues.push(
            Issue::warning(message).with_hint(
                "the pause is longer; --freeze none does without, but may read torn data",
            ),
        );
        Ok(())
    }

    /// Waits for the order to let go, and follows it.
    fn hold(
        &self,
        held: &mut Held<'_>,
        hold: &Hold,
        mut pause: Pause,
        ticker: &Ticker,
        orders: &Receiver<()>,
    ) -> Released {
        let mut issues = Vec::new();
        match hold {
            Hold::Copy(plan, copy) => {
                await_order(held, ticker, orders);
                match copy.end(plan, held) {
                    Ok(ns) => pause.reap_ns = ns,
                    Err(why) => issues.push(Issue::info(format!(
                        "process {} could not collect its ended copy, which stays in its table \
                         of processes: {why}",
                        self.process.pid()
                    ))),
                }
            }
            Hold::Stop => {
                let _ = ticker.set(Duration::ZERO);
                let order = orders.recv_timeout(self.options.most_stop);
                if order == Err(RecvTimeoutError::Timeout) {
                    self.held.store(false, Ordering::Release);
                    issues.push(too_long(self.options.most_stop));
                }
                held.release();
                pause.total_ns = held.paused_ns();
                let _ = ticker.set(TICK);
                // Whoever holds the other end may still be reading.
                let _ = orders.recv();
            }
        }
        Released { pause, issues }
    }
}

/// Waits for the order; meanwhile lets go the threads that sat in the kernel.
fn await_order(held: &mut Held<'_>, ticker: &Ticker, orders: &Receiver<()>) {
    use std::sync::mpsc::TryRecvError;
    while held.release_late() {
        if orders.try_recv() == Err(TryRecvError::Disconnected) {
            return;
        }
    }
    // No report is expected: nothing to tick for.
    let _ = ticker.set(Duration::ZERO);
    let _ = orders.recv();
    let _ = ticker.set(TICK);
}

fn sitting(pending: usize) -> Option<Issue> {
    (pending > 0).then(|| {
        Issue::info(format!(
            "{pending} threads sat in the kernel (waiting for a child to start, or for a disk) and \
             have no registers"
        ))
    })
}

fn too_long(most: Duration) -> Issue {
    Issue::warning(format!(
        "the target stood for {} s and was let go before all was read: what was read after that \
         may be torn",
        most.as_secs_f64()
    ))
    .with_hint("use --freeze fork, which lets it run meanwhile")
}
