//! A thread per opened probe, so that a plugin that hangs can be left behind.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use probe::{Error, ErrorKind, Request, Result, Snapshot};

use crate::call::Handle;
use crate::library::Table;
use crate::log::Context;

/// Stack of a worker, bytes. As much as a program's main thread has; plugins are foreign code.
const STACK: usize = 8 << 20;
/// How long closing is waited for.
const CLOSING: Duration = Duration::from_secs(2);

/// Runs foreign code on a thread of its own for at most `deadline`. After that the thread is
/// left behind.
///
/// # Errors
/// What the code gives, or [`ErrorKind::TimedOut`].
pub(crate) fn bounded<R: Send + 'static>(
    deadline: Duration,
    code: impl FnOnce() -> Result<R> + Send + 'static,
) -> Result<R> {
    let (answer, answered) = channel();
    let dispatch = tracing::dispatcher::get_default(Clone::clone);
    spawn(move || {
        let outcome = tracing::dispatcher::with_default(&dispatch, code);
        let _ = answer.send(outcome);
    })?;
    match answered.recv_timeout(deadline) {
        Ok(outcome) => outcome,
        Err(e) => Err(silence(e, deadline)),
    }
}

fn spawn(code: impl FnOnce() + Send + 'static) -> Result<()> {
    thread::Builder::new()
        .name("memprobe-plugin".into())
        .stack_size(STACK)
        .spawn(code)
        .map(drop)
        .map_err(|e| Error::io(e, "cannot start a thread for it"))
}

fn silence(error: RecvTimeoutError, deadline: Duration) -> Error {
    match error {
        RecvTimeoutError::Timeout => {
            Error::new(ErrorKind::TimedOut, format!("did not answer within {deadline:?}"))
                .with_hint("it is left behind; the other probes go on")
        }
        RecvTimeoutError::Disconnected => {
            Error::new(ErrorKind::Other, "its thread has ended without an answer")
        }
    }
}

/// A request and where the answer goes.
type Job = (Request, Sender<Result<Snapshot>>);

/// The thread of one opened probe.
pub(crate) struct Worker {
    /// `None` once it was left behind.
    jobs: Option<Sender<Job>>,
    /// Yields the end of the thread.
    ended: Receiver<()>,
    context: &'static Context,
    deadline: Duration,
}

impl Worker {
    /// Opens a probe on a thread of its own.
    pub(crate) fn open(
        table: Table,
        plugin: &str,
        config: String,
        deadline: Duration,
    ) -> Result<Self> {
        let (host, context) = Context::leak(plugin);
        let (jobs, queue) = channel::<Job>();
        let (opened, opening) = channel();
        let (alive, ended) = channel::<()>();
        spawn(move || {
            let _alive = alive;
            tracing::dispatcher::with_default(context.dispatch(), || {
                match table.open(host, &config) {
                    Ok(handle) => {
                        let _ = opened.send(Ok(()));
                        serve(handle, &queue);
                    }
                    Err(error) => {
                        let _ = opened.send(Err(error));
                    }
                }
            });
        })?;
        let outcome = opening.recv_timeout(deadline).unwrap_or_else(|e| {
            context.cancel();
            Err(silence(e, deadline).context("opening it"))
        });
        outcome.map(|()| Self { jobs: Some(jobs), ended, context, deadline })
    }

    /// Asks for a snapshot. A probe that does not answer in time is never asked again.
    pub(crate) fn snapshot(&mut self, request: &Request) -> Result<Snapshot> {
        let Some(jobs) = &self.jobs else {
            return Err(Error::new(
                ErrorKind::TimedOut,
                format!("was left behind: it did not answer within {:?}", self.deadline),
            ));
        };
        self.context.begin();
        let (answer, answered) = channel();
        // A queue without a reader gives a disconnected answer below.
        let _ = jobs.send((request.clone(), answer));
        answered.recv_timeout(self.deadline).unwrap_or_else(|e| {
            self.context.cancel();
            self.jobs = None;
            Err(silence(e, self.deadline))
        })
    }

    /// Whether the probe was left behind.
    pub(crate) fn is_left_behind(&self) -> bool {
        self.jobs.is_none()
    }
}

/// Answers until nobody can ask any more, then closes the probe.
fn serve(mut handle: Handle, queue: &Receiver<Job>) {
    while let Ok((request, answer)) = queue.recv() {
        let _ = answer.send(handle.snapshot(&request));
    }
}

impl Drop for Worker {
    /// Waits for the probe to close, for what it may have to clean up, but not for ever.
    fn drop(&mut self) {
        let Some(jobs) = self.jobs.take() else { return };
        drop(jobs);
        if self.ended.recv_timeout(CLOSING) == Err(RecvTimeoutError::Timeout) {
            self.context.cancel();
            tracing::warn!("a plugin does not close its probe; it is left behind");
        }
    }
}
