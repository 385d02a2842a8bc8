//! A lane asks one probe about one target, each question at its own pace, on a thread of its
//! own: a probe that is slow or hangs holds up nobody else.

use std::collections::VecDeque;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use probe::{Error, ErrorKind, Probe, Request, Target};

use crate::preset::Ask;
use crate::session::Message;

/// Watching may take this share of one core: a look that takes `t` is not repeated before
/// `t * 100`.
const STRETCH: u32 = 100;
/// What a look takes is the least of this many: on a busy machine most of the time goes by
/// waiting for a core, which costs nobody anything.
const COSTS: usize = 5;
/// How often a probe may fail in a row before it is given up. A command that has just started is
/// not yet what it will be, so a first failure says little.
const PATIENCE: u32 = 5;
/// The shortest time from a failure to the next try.
const RETRY: Duration = Duration::from_millis(400);

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

    /// Waits until then, or until lanes are to stop.
    fn wait_until(&self, moment: Instant) -> Option<Ending> {
        let mut stopped = self.stopped.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if stopped.is_some() {
                return *stopped;
            }
            let left = moment.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            let waited = self.changed.wait_timeout(stopped, left);
            stopped = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

struct Due {
    request: Request,
    every: Duration,
    next: Instant,
    /// How long the last looks took.
    costs: VecDeque<Duration>,
}

impl Due {
    /// Notes how long a look took, and when the next one is due.
    fn looked(&mut self, took: Duration) {
        self.costs.push_back(took);
        if self.costs.len() > COSTS {
            self.costs.pop_front();
        }
        let cost = self.costs.iter().min().copied().unwrap_or(took);
        self.next = Instant::now() + self.every.max(cost * STRETCH);
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
}

impl<P: Probe + 'static> Lane<P> {
    /// Starts to ask. Snapshots, failures and the end come as messages.
    #[must_use]
    pub fn start(self, stop: Arc<StopFlag>, to: Sender<Message>) -> JoinHandle<()> {
        std::thread::spawn(move || self.run(&stop, &to))
    }

    fn run(mut self, stop: &StopFlag, to: &Sender<Message>) {
        let start = Instant::now();
        let due = |ask: &Ask| Due {
            request: Request {
                target: self.target.clone(),
                questions: ask.questions.clone(),
                frozen: None,
                capture_dir: None,
            },
            every: ask.every,
            next: start,
            costs: VecDeque::new(),
        };
        let mut dues: Vec<Due> = self.asks.iter().map(due).collect();
        let mut failures = 0;
        let reason = loop {
            let Some(due) = dues.iter_mut().min_by_key(|d| d.next) else { break None };
            match stop.wait_until(due.next) {
                Some(Ending::AtOnce) => break None,
                Some(Ending::WithLastLook) => {
                    self.last_look(&dues, to);
                    break None;
                }
                None => {}
            }
            let begun = Instant::now();
            let seen = self.probe.snapshot(&due.request);
            due.looked(begun.elapsed());
            match seen {
                Ok(snapshot) => {
                    failures = 0;
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
                    due.next = begun + due.every.min(RETRY);
                }
            }
        };
        let _ = to.send(Message::LaneEnded { name: self.name, target: self.target, reason });
    }

    /// One more look at what is asked seldom, so that the last figures are of the last moment.
    fn last_look(&mut self, dues: &[Due], to: &Sender<Message>) {
        for due in dues {
            match self.probe.snapshot(&due.request) {
                Ok(snapshot) => {
                    let _ = to.send(Message::Snapshot(Box::new(snapshot)));
                }
                Err(error) => {
                    tracing::debug!(plugin = self.name, "the last look failed: {error:#}");
                    return;
                }
            }
        }
    }
}

/// Errors that trying again does not mend.
fn is_final(error: &Error) -> bool {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Dear looks become seldom; a look that merely had to wait does not make them so.
    #[test]
    fn looks_are_stretched_by_what_they_cost() {
        let every = Duration::from_millis(100);
        let mut due = Due {
            request: Request::default(),
            every,
            next: Instant::now(),
            costs: VecDeque::new(),
        };
        let mut gap = |took: u64| {
            due.looked(Duration::from_millis(took));
            due.next.saturating_duration_since(Instant::now())
        };
        assert!(gap(0) <= every);
        assert!(gap(80) <= every, "one slow look among cheap ones");
        for _ in 0..COSTS {
            gap(80);
        }
        assert!(gap(80) > Duration::from_secs(7), "all of them are slow");
    }
}
