//! One round: the target is frozen once, questions are asked about what stands still, and it is
//! let go.

use std::time::Duration;

use probe::{Error, ErrorKind, Frozen, FrozenBy, Issue, Result, Severity, Snapshot, Taken, Target};
use target::freeze::{FrozenTarget, Method, Options, Released, freeze};
use target::procfs::clock;

use crate::args::FreezeArg;
use crate::guardian::Guardian;

/// How long an answer about a frozen picture may take: then the probe is left behind, and the
/// target is let go. A busy machine makes long of little.
pub const ANSWER: Duration = Duration::from_secs(60);
/// How long a target may be stopped: half of that.
const STOPPED: Duration = Duration::from_secs(30);

impl From<FreezeArg> for Method {
    fn from(how: FreezeArg) -> Self {
        match how {
            FreezeArg::Auto => Self::Auto,
            FreezeArg::Fork => Self::Fork,
            FreezeArg::Stop => Self::Stop,
            FreezeArg::None => Self::None,
        }
    }
}

/// What a round yields.
#[derive(Debug, Default)]
pub struct Round {
    /// What the probes have seen, of one instant where the target was frozen.
    pub answers: Vec<Snapshot>,
    /// What went wrong with the freeze.
    pub issues: Vec<Issue>,
    /// For how long the target stood, and why.
    pub pause: Option<Pause>,
}

/// How long a target stood still.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pause {
    /// How it was frozen.
    pub by: FrozenBy,
    /// When the picture was taken.
    pub taken: Taken,
    /// For how long it stood, nanoseconds.
    pub ns: u64,
}

/// Freezes a target, has questions asked, and lets it go. Where it cannot be frozen the issues
/// say so, and the questions are asked about the process as it runs.
///
/// # Errors
/// When the target has ended.
pub fn round(
    target: &Target,
    method: Method,
    guardian: Option<&Guardian>,
    ask: impl FnOnce(Option<&Frozen>) -> Vec<Snapshot>,
) -> Result<Round> {
    if method == Method::None {
        return Ok(Round { answers: ask(None), ..Round::default() });
    }
    if let Some(guardian) = guardian.filter(|_| method != Method::Stop) {
        guardian.watch(Some(target));
    }
    let round = frozen_round(target, method, ask);
    if let Some(guardian) = guardian {
        guardian.watch(None);
    }
    round
}

fn frozen_round(
    target: &Target,
    method: Method,
    ask: impl FnOnce(Option<&Frozen>) -> Vec<Snapshot>,
) -> Result<Round> {
    let frozen = match freeze(target, method, &options()) {
        Ok(frozen) => frozen,
        Err(error) if matches!(error.kind(), ErrorKind::TargetEnded | ErrorKind::NotFound) => {
            return Err(error);
        }
        Err(error) => {
            let issues = vec![not_frozen(target, error)];
            return Ok(Round { answers: ask(None), issues, pause: None });
        }
    };
    let taken = clock::now();
    let answers = ask(Some(&frozen.frozen()));
    let mut round = Round { answers, issues: frozen.issues().to_vec(), pause: None };
    round.issues.extend(lost(target, &frozen));
    let by = match frozen.method() {
        Method::Fork => FrozenBy::Fork,
        _ => FrozenBy::Stop,
    };
    match frozen.release() {
        Ok(Released { pause, issues, .. }) => {
            round.issues.extend(issues);
            let ns = pause.total_ns.saturating_add(pause.reap_ns);
            round.pause = Some(Pause { by, taken, ns });
        }
        Err(error) => round.issues.push(error.to_issue(Severity::Warning)),
    }
    round.stamp(by, taken);
    Ok(round)
}

impl Round {
    /// Says in each snapshot of what moment it is and what that cost.
    fn stamp(&mut self, by: FrozenBy, taken: Taken) {
        for snapshot in &mut self.answers {
            snapshot.taken = taken;
            snapshot.frozen = Some(by);
            snapshot.paused_ns = self.pause.map_or(0, |pause| pause.ns);
        }
    }
}

/// Plugins read the copy by its number: what only this program could read is not saved.
fn options() -> Options {
    let mut options = Options::default();
    options.most_stop = STOPPED;
    options.most_copied = 0;
    options
}

fn not_frozen(target: &Target, error: Error) -> Issue {
    error
        .context(format!(
            "process {} was not frozen, and is read while it runs: figures may be torn",
            target.pid
        ))
        .with_hint("--freeze fork, stop or none choose another way")
        .to_issue(Severity::Warning)
}

/// A stop that was too long is told when it is released.
fn lost(target: &Target, frozen: &FrozenTarget) -> Option<Issue> {
    (frozen.method() == Method::Fork && !frozen.is_frozen()).then(|| {
        Issue::warning(format!(
            "the frozen copy of process {} was ended by somebody while it was read: what was \
             read of it may not be all",
            target.pid
        ))
        .with_hint("the machine may be short of memory; --freeze stop needs no copy")
    })
}
