//! Rounds: questions that want a picture of one instant. Whenever one is due its target is frozen
//! once, all probes are asked about what stands still, side by side, and the target is let go.

use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use probe::{Error, Frozen, Probe, Snapshot, Target};
use target::freeze::Method;

use crate::freezing::{self, Round};
use crate::guardian::Guardian;
use crate::lane::{Ending, PATIENCE, StopFlag, is_final};
use crate::pace::{Due, Meter, Span};
use crate::preset::Ask;
use crate::session::Message;
use crate::shutter::{Closed, Shutter};

/// Between the rounds of two targets the lanes get this long to look.
const BREATH: Duration = Duration::from_millis(250);

/// All rounds of a run, one target after the other.
#[derive(Debug)]
pub struct Rounds<P> {
    /// The targets, each with the probes that are asked about it.
    pub subjects: Vec<Subject<P>>,
    /// How they are frozen.
    pub method: Method,
    /// Who cleans up if this process is killed.
    pub guardian: Option<Guardian>,
    /// Closed while a copy stands.
    pub shutter: Arc<Shutter>,
}

/// A target and the probes that are asked about it.
#[derive(Debug)]
pub struct Subject<P> {
    target: Target,
    asked: Vec<Asked<P>>,
}

/// A probe and its questions.
#[derive(Debug)]
struct Asked<P> {
    name: String,
    probe: P,
    dues: Vec<Due>,
    /// In a row.
    failures: u32,
    /// Why it is not asked any more.
    given_up: Option<Error>,
}

impl<P: Probe> Subject<P> {
    /// A target, and nobody yet who is asked about it.
    #[must_use]
    pub fn new(target: Target) -> Self {
        Self { target, asked: Vec::new() }
    }

    /// Adds a probe and its questions.
    pub fn add(&mut self, name: String, probe: P, asks: &[Ask], span: Span) {
        let dues = asks.iter().map(|ask| Due::new(ask, &self.target, span)).collect();
        self.asked.push(Asked { name, probe, dues, failures: 0, given_up: None });
    }

    /// How many probes are asked.
    #[must_use]
    pub fn len(&self) -> usize {
        self.asked.len()
    }

    /// Whether nobody is asked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.asked.is_empty()
    }

    fn next(&self) -> Option<Instant> {
        self.asked.iter().flat_map(|asked| &asked.dues).filter_map(|due| due.next).min()
    }
}

impl<P: Probe + 'static> Rounds<P> {
    /// Starts to ask. Snapshots, failures and ends come as messages, one end per probe.
    #[must_use]
    pub fn start(self, stop: Arc<StopFlag>, to: Sender<Message>) -> JoinHandle<()> {
        std::thread::spawn(move || self.run(&stop, &to))
    }

    fn run(mut self, stop: &StopFlag, to: &Sender<Message>) {
        let ending = loop {
            self.subjects.retain(|subject| !subject.is_empty());
            if self.subjects.is_empty() {
                return;
            }
            let next = self.subjects.iter().filter_map(Subject::next).min();
            if let Some(ending) = stop.wait_until(next) {
                break ending;
            }
            self.rounds(stop, to, false);
        };
        if ending == Ending::WithLastLook {
            self.rounds(stop, to, true);
        }
        for subject in self.subjects {
            for Asked { name, .. } in subject.asked {
                let target = subject.target.clone();
                let _ = to.send(Message::LaneEnded { name, target, reason: None });
            }
        }
    }

    /// One round for each target with a question that is due, or for all of them.
    fn rounds(&mut self, stop: &StopFlag, to: &Sender<Message>, all: bool) {
        let now = Instant::now();
        let (method, guardian) = (self.method, self.guardian.as_ref());
        let due = |s: &&mut Subject<P>| all || s.next().is_some_and(|next| next <= now);
        for (index, subject) in self.subjects.iter_mut().filter(due).enumerate() {
            if index > 0 && !all {
                let breath = Instant::now() + BREATH;
                if stop.wait_until(Some(breath)) == Some(Ending::AtOnce) {
                    return;
                }
            }
            let closed = (method != Method::None).then(|| self.shutter.close());
            let target = subject.target.clone();
            let round = freezing::round(&target, method, guardian, |frozen| {
                let is_copy = frozen.is_some_and(|frozen| frozen.pid != target.pid);
                let standing = closed.as_ref().filter(|_| is_copy).map(Closed::copy_stands);
                let answers = subject.ask(frozen, if all { None } else { Some(now) });
                drop(standing);
                answers
            });
            drop(closed);
            match round {
                Ok(round) => subject.report(round, to),
                Err(error) => subject.ended(&error, to),
            }
        }
    }
}

impl<P: Probe> Subject<P> {
    /// Asks what was due by then, or everything: the probes side by side.
    fn ask(&mut self, frozen: Option<&Frozen>, by: Option<Instant>) -> Vec<Snapshot> {
        std::thread::scope(|scope| {
            let asked = self.asked.iter_mut();
            let threads: Vec<_> =
                asked.map(|asked| scope.spawn(move || asked.ask(frozen, by))).collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap_or_default()).collect()
        })
    }

    /// Passes on what a round has yielded, and lets go the probes that are given up.
    fn report(&mut self, round: Round, to: &Sender<Message>) {
        for issue in round.issues {
            let _ = to.send(Message::Issue(issue));
        }
        if let Some(pause) = round.pause.filter(|_| round.answers.is_empty()) {
            let _ = to.send(Message::Pause { pid: self.target.pid, pause });
        }
        for snapshot in round.answers {
            let _ = to.send(Message::Snapshot(Box::new(snapshot)));
        }
        let target = &self.target;
        self.asked.retain_mut(|asked| {
            let Some(reason) = asked.given_up.take() else { return true };
            let (name, target) = (asked.name.clone(), target.clone());
            let _ = to.send(Message::LaneEnded { name, target, reason: Some(reason) });
            false
        });
    }

    /// The target has ended: so have all that are asked about it.
    fn ended(&mut self, error: &Error, to: &Sender<Message>) {
        for asked in self.asked.drain(..) {
            let reason = Error::new(error.kind(), format!("{error:#}"));
            let target = self.target.clone();
            let _ = to.send(Message::LaneEnded { name: asked.name, target, reason: Some(reason) });
        }
    }
}

impl<P: Probe> Asked<P> {
    fn ask(&mut self, frozen: Option<&Frozen>, by: Option<Instant>) -> Vec<Snapshot> {
        let mut answers = Vec::new();
        let is_due = |due: &&mut Due| by.is_none_or(|by| due.next.is_some_and(|next| next <= by));
        for due in self.dues.iter_mut().filter(is_due) {
            let meter = Meter::start();
            due.request.frozen = frozen.cloned();
            let answer = self.probe.snapshot(&due.request);
            due.looked(meter.cost());
            match answer {
                Ok(snapshot) => {
                    self.failures = 0;
                    answers.push(snapshot);
                }
                Err(error) => {
                    self.failures += 1;
                    if is_final(&error) || self.failures >= PATIENCE {
                        self.given_up = Some(error);
                        break;
                    }
                    tracing::debug!(plugin = self.name, "a look failed, trying again: {error:#}");
                    due.failed(meter.begun);
                }
            }
        }
        answers
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    use probe::{
        Characteristics, Descriptor, ErrorKind, FrozenBy, Level, ProbeId, Request, Result, Taken,
    };
    use test_support::Running;

    /// Notes what it was lent; fails if it is to.
    struct Fake {
        descriptor: Descriptor,
        lent: Sender<(u32, bool)>,
        fails: Option<ErrorKind>,
    }

    impl Probe for Fake {
        fn descriptor(&self) -> &Descriptor {
            &self.descriptor
        }

        fn snapshot(&mut self, request: &Request) -> Result<Snapshot> {
            let pid = request.frozen.as_ref().map_or(0, |frozen| frozen.pid);
            let lives = std::path::Path::new(&format!("/proc/{pid}")).exists();
            self.lent.send((pid, lives)).unwrap();
            match self.fails {
                Some(kind) => Err(Error::new(kind, "it was told to")),
                None => Ok(Snapshot::new(
                    ProbeId::default(),
                    request.target.clone(),
                    Taken { unix_ns: 1, monotonic_ns: 1 },
                )),
            }
        }
    }

    fn fake(lent: &Sender<(u32, bool)>, fails: Option<ErrorKind>) -> Fake {
        let descriptor = Descriptor {
            name: "fake".into(),
            version: "1".into(),
            summary: "notes what it is lent".into(),
            level: Level::Medium,
            questions: Vec::new(),
            characteristics: Characteristics::default(),
        };
        Fake { descriptor, lent: lent.clone(), fails }
    }

    /// One round: all messages, and what the probes were lent.
    fn one_round(
        target: &Running,
        method: Method,
        fails: &[Option<ErrorKind>],
    ) -> (Vec<Message>, Vec<(u32, bool)>) {
        let (lend, lent) = channel();
        let mut subject = Subject::new(Target::from_pid(target.pid()));
        let span = Span { begin: Instant::now(), length: None };
        let ask =
            Ask { questions: Vec::new(), pace: crate::pace::Pace::Rounds(2), beside_copy: false };
        for &fails in fails {
            subject.add("fake".into(), fake(&lend, fails), std::slice::from_ref(&ask), span);
        }
        let shutter = Arc::default();
        let rounds = Rounds { subjects: vec![subject], method, guardian: None, shutter };
        let (to, messages) = channel();
        let stop = StopFlag::default();
        stop.stop(Ending::WithLastLook);
        rounds.run(&stop, &to);
        drop((to, lend));
        (messages.iter().collect(), lent.iter().collect())
    }

    fn waiting() -> Running {
        Running::python(&test_support::python(), "print('ready'); input()")
    }

    /// All probes of a round are lent the same, share its moment and its pause, and what they
    /// were lent is gone afterwards.
    #[test]
    fn a_round_is_one_freeze() {
        let mut target = waiting();
        for method in [Method::Stop, Method::Auto] {
            let (messages, lent) = one_round(&target, method, &[None, None, None]);
            assert!(lent.iter().all(|&one| one == (lent[0].0, true)), "{lent:?}");
            assert_eq!(lent.len(), 3);
            let seen: Vec<&Snapshot> = messages
                .iter()
                .filter_map(|m| if let Message::Snapshot(s) = m { Some(&**s) } else { None })
                .collect();
            assert_eq!(seen.len(), 3);
            let cost = |s: &&Snapshot| (s.taken, s.paused_ns, s.frozen);
            assert!(seen.iter().all(|s| cost(s) == cost(&seen[0])));
            assert!(seen[0].paused_ns > 0 && seen[0].taken.monotonic_ns > 1);
            match seen[0].frozen.unwrap() {
                FrozenBy::Stop => assert_eq!(lent[0].0, target.pid()),
                FrozenBy::Fork => {
                    assert!(!std::path::Path::new(&format!("/proc/{}", lent[0].0)).exists());
                }
            }
            assert!(target.is_running());
        }
    }

    /// A probe that hangs or fails costs its own data; a pause in which nobody saw anything is
    /// told all the same.
    #[test]
    fn failures_are_the_probes_own() {
        let target = waiting();
        let late = Some(ErrorKind::TimedOut);
        let (messages, lent) = one_round(&target, Method::Stop, &[late, None]);
        assert_eq!(lent.len(), 2);
        let ended = |m: &&Message| matches!(m, Message::LaneEnded { reason: Some(_), .. });
        assert_eq!(messages.iter().filter(ended).count(), 1, "{messages:?}");
        assert_eq!(messages.iter().filter(|m| matches!(m, Message::Snapshot(_))).count(), 1);
        assert!(!messages.iter().any(|m| matches!(m, Message::Pause { .. })), "{messages:?}");
        let (messages, _) = one_round(&target, Method::Stop, &[late]);
        assert!(messages.iter().any(|m| matches!(m, Message::Pause { .. })), "{messages:?}");
    }

    /// When the target has ended, so has everybody who is asked about it.
    #[test]
    fn a_target_that_has_ended_ends_its_rounds() {
        let mut target = waiting();
        let pid = target.pid();
        target.kill();
        let (messages, lent) = one_round(&target, Method::Auto, &[None, None]);
        assert!(lent.is_empty(), "process {pid} was asked about");
        assert_eq!(messages.len(), 2, "{messages:?}");
    }
}
