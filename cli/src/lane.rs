//! A lane asks one probe about one target, each question at its own pace, on a thread of its
//! own: a probe that is slow or hangs holds up nobody else.

use std::sync::mpsc::Sender;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use probe::{Error, ErrorKind, Probe, Target};

use crate::pace::{Due, Meter, Span};
use crate::preset::Ask;
use crate::session::Message;
use crate::shutter::{Open, Shutter};

/// How often a probe may fail in a row before it is given up. A command that has just started is
/// not yet what it will be, so a first failure says little.
pub(crate) const PATIENCE: u32 = 5;
/// How long the end of a copy is waited for, so that a look may count.
const COPY_STANDS: Duration = Duration::from_secs(60);
/// The same for a last look.
const LAST_COPY_STANDS: Duration = Duration::from_secs(2);

/// Tells lanes to stop.
#[derive(Debug, Default)]
pub struct StopFlag {
    stopped: Mutex<Option<Ending>>,
    changed: Condvar,
}

/// How lanes stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// After a last look at everything.
    WithLastLook,
    /// At once: there is nothing left to look at.
    AtOnce,
}

impl StopFlag {
    /// Stops all lanes that share this flag. The first call decides how.
    pub fn stop(&self, ending: Ending) {
        let mut stopped = self.stopped.lock().unwrap_or_else(PoisonError::into_inner);
        stopped.get_or_insert(ending);
        self.changed.notify_all();
    }

    /// Waits until then (`None`: for ever), or until lanes are to stop.
    pub(crate) fn wait_until(&self, moment: Option<Instant>) -> Option<Ending> {
        const LONG: Duration = Duration::from_secs(3600);
        let mut stopped = self.stopped.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if stopped.is_some() {
                return *stopped;
            }
            let left = moment.map_or(LONG, |m| m.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                return None;
            }
            let waited = self.changed.wait_timeout(stopped, left);
            stopped = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// A probe, a target, and the questions with their pace.
pub struct Lane<P> {
    /// Name of the plugin.
    pub name: String,
    /// The probe.
    pub probe: P,
    /// The process.
    pub target: Target,
    /// The questions.
    pub asks: Vec<Ask>,
    /// The part of the run that counts.
    pub span: Span,
    /// Closed while a target is stopped or copied: what is measured then does not count.
    pub shutter: Arc<Shutter>,
}

impl<P: Probe + 'static> Lane<P> {
    /// Starts to ask. Snapshots, failures and the end come as messages.
    #[must_use]
    pub fn start(self, stop: Arc<StopFlag>, to: Sender<Message>) -> JoinHandle<()> {
        std::thread::spawn(move || self.run(&stop, &to))
    }

    fn run(mut self, stop: &StopFlag, to: &Sender<Message>) {
        let due = |ask: &Ask| Due::new(ask, &self.target, self.span);
        let mut dues: Vec<Due> = self.asks.iter().map(due).collect();
        let mut failures = 0;
        let reason = loop {
            let next = self.next(&dues);
            match stop.wait_until(next) {
                Some(Ending::AtOnce) => break None,
                Some(Ending::WithLastLook) => {
                    self.last_look(&dues, to);
                    break None;
                }
                None => {}
            }
            let Some(due) = dues.iter_mut().find(|due| due.next == next) else { continue };
            let least = if due.beside_copy { Open::BesideCopy } else { Open::Wide };
            let open = self.shutter.wait_open(least, Instant::now() + COPY_STANDS);
            let meter = Meter::start();
            let seen = self.probe.snapshot(&due.request);
            due.looked(meter.cost());
            let was_open = self.shutter.was_open_since(open);
            match seen {
                Ok(_) if was_open < Some(least) => due.again(),
                Ok(mut snapshot) => {
                    failures = 0;
                    snapshot.beside_copy = was_open == Some(Open::BesideCopy);
                    if to.send(Message::Snapshot(Box::new(snapshot))).is_err() {
                        return;
                    }
                }
                Err(error) => {
                    failures += 1;
                    if is_final(&error) || failures >= PATIENCE {
                        break Some(error);
                    }
                    tracing::debug!(plugin = self.name, "a look failed, trying again: {error:#}");
                    due.failed(meter.begun);
                }
            }
        };
        let _ = to.send(Message::LaneEnded { name: self.name, target: self.target, reason });
    }

    /// When to look next. While a copy stands, what may be asked beside it does not wait for what
    /// may not.
    fn next(&self, dues: &[Due]) -> Option<Instant> {
        let beside = || dues.iter().filter(|due| due.beside_copy).filter_map(|due| due.next).min();
        let any = || dues.iter().filter_map(|due| due.next).min();
        if self.shutter.is_wide_open() { any() } else { beside().or_else(any) }
    }

    /// One more look at what is asked seldom, so that the last figures are of the last moment.
    fn last_look(&mut self, dues: &[Due], to: &Sender<Message>) {
        let open = self.shutter.wait_open(Open::Wide, Instant::now() + LAST_COPY_STANDS);
        for due in dues {
            match self.probe.snapshot(&due.request) {
                Ok(snapshot) if self.shutter.was_open_since(open) == Some(Open::Wide) => {
                    let _ = to.send(Message::Snapshot(Box::new(snapshot)));
                }
                Ok(_) => return,
                Err(error) => {
                    tracing::debug!(plugin = self.name, "the last look failed: {error:#}");
                    return;
                }
            }
        }
    }
}

/// Errors that trying again does not mend.
pub(crate) fn is_final(error: &Error) -> bool {
    use ErrorKind::{
        Cancelled, Incompatible, InvalidInput, Panicked, PermissionDenied, TargetEnded, TimedOut,
    };
    matches!(
        error.kind(),
        Cancelled
            | Incompatible
            | InvalidInput
            | Panicked
            | PermissionDenied
            | TargetEnded
            | TimedOut
    )
}
