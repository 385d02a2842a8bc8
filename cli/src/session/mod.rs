//! One run: lanes look, the session collects, judges as it goes, and knows when to stop.

use std::process::ExitStatus;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use diagnose::{Judgement, Observation};
use probe::{Error, Issue, Result, Snapshot, Target};

use crate::command::{self, Launched};
use crate::facts::Facts;
use crate::freezing::Pause;
use crate::lane::Ending;
use crate::plan::Plan;
use crate::progress::Progress;
use crate::recorder::Recorder;
use crate::targets;

/// How often the series is judged and progress is shown.
const TICK: Duration = Duration::from_millis(500);
/// What is seen in the last moments of a process is its taking down, not its life: snapshots
/// wait this long before they count, and are dropped when the target ends meanwhile.
const HOLD: Duration = Duration::from_millis(300);
/// How long lanes get for their last look.
const LAST_LOOK: Duration = Duration::from_secs(3);
/// How long the last round may take: to finish the one before, to freeze, to answer.
const LAST_ROUND: Duration = Duration::from_secs(90);

mod crew;
mod state;

use crew::Crew;
use state::State;

/// What a session is told.
#[derive(Debug)]
pub enum Message {
    /// A probe has looked.
    Snapshot(Box<Snapshot>),
    /// So many events have happened by this moment.
    Event {
        /// On the clock of the snapshots.
        monotonic_ns: u64,
        /// Since the start.
        total: u64,
    },
    /// A lane asks no more.
    LaneEnded {
        /// Name of the plugin.
        name: String,
        /// What it looked at.
        target: Target,
        /// Why, unless it was told to.
        reason: Option<Error>,
    },
    /// Something that a round could not do.
    Issue(Issue),
    /// A pause of a process in which nobody saw anything.
    Pause {
        /// The process.
        pid: u32,
        /// How long it was.
        pause: Pause,
    },
    /// The command has ended.
    CommandEnded(ExitStatus),
    /// The user wants to stop.
    Interrupt,
}

/// How long to watch.
#[derive(Clone, Copy, Debug)]
pub enum Until {
    /// Exactly so long.
    Elapsed(Duration),
    /// Until the answer is sure, at most so long.
    Sure(Duration),
    /// Until the command ends.
    CommandEnds,
}

/// Why a session stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// The time was up.
    Elapsed,
    /// More watching would not have changed the answer.
    Sure,
    /// The target ended, or the command did.
    TargetEnded,
    /// The user stopped it.
    Interrupted,
    /// No probe was left that could look.
    NoProbe,
}

impl Stopped {
    /// The same in words.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::Elapsed => "the time was up",
            Self::Sure => "the answer was sure",
            Self::TargetEnded => "the target ended",
            Self::Interrupted => "the user stopped it",
            Self::NoProbe => "no probe was left that could look",
        }
    }
}

/// What a session needs to run.
pub struct Session<'a> {
    /// Whom to ask what.
    pub plan: &'a Plan,
    /// The processes; not empty.
    pub targets: Vec<Target>,
    /// The command, where one was started.
    pub launched: Option<Launched>,
    /// How long.
    pub until: Until,
    /// The first part of the run is not judged.
    pub skip: Duration,
    /// Where messages arrive.
    pub inbox: Receiver<Message>,
    /// Where lanes send them.
    pub outbox: Sender<Message>,
    /// The line on the terminal.
    pub progress: Progress,
    /// The file that keeps the series.
    pub recorder: Option<&'a mut Recorder>,
}

/// What came out.
#[derive(Debug)]
pub struct Outcome {
    /// The verdict and its series.
    pub judgement: Judgement,
    /// Everything that was seen, thinned.
    pub observation: Observation,
    /// What the report says beside the verdict.
    pub facts: Facts,
    /// Why it stopped.
    pub stopped: Stopped,
    /// How the command ended, where one was started and ended by itself.
    pub status: Option<ExitStatus>,
}

impl Session<'_> {
    /// Watches until it is time to stop.
    ///
    /// # Errors
    /// When nothing at all was measured: the reason of the first probe that failed.
    pub fn run(mut self) -> Result<Outcome> {
        let mut state = State::new(self.plan, &self.targets);
        let crew = self.start_crew(&mut state);
        let stopped = self.watch(&mut state);
        self.wind_down(&mut state, crew, stopped);
        self.progress.finish();
        state.finish(stopped, &self.targets, self.skip)
    }

    fn watch(&mut self, state: &mut State) -> Stopped {
        let mut next_tick = Instant::now() + TICK;
        loop {
            if state.lanes_left == 0 {
                return if state.failures.is_empty() {
                    Stopped::TargetEnded
                } else {
                    Stopped::NoProbe
                };
            }
            let deadline = self.deadline(state);
            let wake = deadline.map_or(next_tick, |d| d.min(next_tick));
            match self.inbox.recv_timeout(wake.saturating_duration_since(Instant::now())) {
                Ok(message) => {
                    if let Some(stopped) = self.take(message, state) {
                        return stopped;
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Stopped::NoProbe,
            }
            let now = Instant::now();
            if deadline.is_some_and(|d| now >= d) {
                return Stopped::Elapsed;
            }
            if now >= next_tick {
                next_tick = now + TICK;
                if self.tick(state) {
                    return Stopped::Sure;
                }
            }
        }
    }

    fn deadline(&self, state: &State) -> Option<Instant> {
        match self.until {
            Until::Elapsed(time) | Until::Sure(time) => state.begun.checked_add(time),
            Until::CommandEnds => None,
        }
    }

    /// Shows progress; whether the answer is sure and that is enough.
    fn tick(&mut self, state: &mut State) -> bool {
        state.release(Instant::now());
        if let Some(launched) = &self.launched {
            // A launcher (a shell script, `env`) becomes the program that is meant.
            state.facts.refresh(targets::identify(launched.pid()).ok());
        }
        if state.observation.is_empty() {
            return false;
        }
        let judgement = state.observation.judge();
        let limit = match self.until {
            Until::Elapsed(time) | Until::Sure(time) => Some(time),
            Until::CommandEnds => None,
        };
        self.progress.show(&judgement, state.begun.elapsed(), limit);
        matches!(self.until, Until::Sure(_)) && judgement.sure
    }

    fn take(&mut self, message: Message, state: &mut State) -> Option<Stopped> {
        match message {
            Message::Snapshot(snapshot) => {
                if let Some(recorder) = &mut self.recorder {
                    recorder.snapshot(&snapshot, &mut state.facts);
                }
                state.facts.note(&snapshot);
                if state.begun.elapsed() >= self.skip {
                    state.held.push_back((Instant::now(), *snapshot));
                }
                None
            }
            Message::Event { monotonic_ns, total } => {
                if let Some(recorder) = &mut self.recorder {
                    recorder.event(monotonic_ns, total, &mut state.facts);
                }
                state.observation.event(monotonic_ns, total);
                None
            }
            Message::LaneEnded { name, target, reason } => {
                state.lane_ended(&name, &target, reason);
                None
            }
            Message::Issue(issue) => {
                state.facts.issue(issue);
                None
            }
            Message::Pause { pid, pause } => {
                state.facts.pause(pid, pause);
                None
            }
            Message::CommandEnded(status) => {
                state.status = Some(status);
                Some(Stopped::TargetEnded)
            }
            Message::Interrupt => Some(Stopped::Interrupted),
        }
    }

    /// Lets everybody look once more if there is something to look at, and ends the command.
    fn wind_down(&mut self, state: &mut State, crew: Crew, stopped: Stopped) {
        let gone = stopped == Stopped::TargetEnded || state.lanes_left == 0;
        let ending = if gone { Ending::AtOnce } else { Ending::WithLastLook };
        crew.stop_lanes.stop(ending);
        self.await_lanes(state, crew.in_rounds, if gone { HOLD } else { LAST_LOOK });
        // A copy would stand in the way of the lanes, so the last round comes after them. It is
        // waited for: it bounds itself, and a copy must not be left behind.
        crew.stop_rounds.stop(ending);
        if !gone {
            self.await_lanes(state, 0, LAST_ROUND);
        }
        // A lane whose plugin hangs is left behind; it ends with the process.
        drop(crew);
        if gone && !state.observation.is_empty() {
            state.held.clear();
        }
        state.release_all();
        state.facts.measured(state.begun.elapsed());
        self.end_command(state, stopped);
    }

    /// Takes what still comes, until no more than so many lanes are left.
    fn await_lanes(&mut self, state: &mut State, left: usize, patience: Duration) {
        let until = Instant::now() + patience;
        while state.lanes_left > left {
            match self.inbox.recv_timeout(until.saturating_duration_since(Instant::now())) {
                // The end of the command is noted; a second interrupt ends the process elsewhere.
                Ok(message) => drop(self.take(message, state)),
                Err(_) => break,
            }
        }
    }

    fn end_command(&mut self, state: &mut State, stopped: Stopped) {
        let Some(mut launched) = self.launched.take() else { return };
        if stopped == Stopped::TargetEnded {
            // Its probes may have noticed its end before its status is known.
            self.await_end(state, command::GRACE);
        }
        if state.status.is_none() {
            launched.terminate();
            self.await_end(state, command::GRACE);
            if state.status.take().is_none() {
                let seconds = command::GRACE.as_secs();
                state.facts.issue(Issue::warning(format!(
                    "the command did not end within {seconds} s of SIGTERM and was killed"
                )));
                launched.kill();
                self.await_end(state, command::GRACE);
                state.status = None;
            }
        }
        launched.drain();
    }

    fn await_end(&mut self, state: &mut State, patience: Duration) {
        let until = Instant::now() + patience;
        while state.status.is_none() {
            let left = until.saturating_duration_since(Instant::now());
            match self.inbox.recv_timeout(left) {
                Ok(Message::CommandEnded(status)) => state.status = Some(status),
                Ok(_) => {}
                Err(_) => return,
            }
        }
    }
}
