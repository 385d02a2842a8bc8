//! What the keeper holds: a process, its words, and the moment at which they are put back.

use std::time::{Duration, Instant};

use probe::{Error, ErrorKind, Result, Target};
use target::memory::WriteMemory;
use target::procfs::ProcessDir;

use crate::deliver::{LOCKED, Lock};
use crate::kin::Mark;
use crate::word::{Outcome, Restored, Word};

/// How often children are looked for, until none is found that was not there before: one may be
/// about to be forked from what is put back just then.
const LOOKS: usize = 20;
const BETWEEN_LOOKS: Duration = Duration::from_millis(20);

#[derive(Debug)]
pub(super) struct Change {
    target: Target,
    words: Vec<Word>,
    /// `None`: the system does not tell which children it has forked.
    mark: Option<Mark>,
    until: Instant,
    /// What became of the words, once they were put back.
    restored: Option<Vec<Restored>>,
    _lock: Lock,
}

impl Change {
    /// Keeps other experiments away from a process.
    pub(super) fn hold(target: &Target, at_most: Duration) -> Result<Self> {
        let process = ProcessDir::open_target(target)?;
        let lock = Lock::await_it(&process, LOCKED)?;
        let until = Instant::now().checked_add(at_most).unwrap_or_else(Instant::now);
        let target = Target { start_id: process.start_ticks(), ..target.clone() };
        let mark = Mark::of(&target)?;
        Ok(Self { target, words: Vec::new(), mark, until, restored: None, _lock: lock })
    }

    /// How long until everything is to be as before.
    pub(super) fn time_left(&self) -> Duration {
        match self.restored {
            Some(_) => Duration::MAX,
            None => self.until.saturating_duration_since(Instant::now()),
        }
    }

    pub(super) fn set(&mut self, word: Word) -> Result<()> {
        if self.restored.is_some() {
            let message = "the time for this experiment is over";
            return Err(Error::new(ErrorKind::TimedOut, message));
        }
        let memory = WriteMemory::open(&self.target)?;
        // First it is remembered, then it is written.
        self.words.push(word);
        let set = self.words.last().map_or(Ok(()), |word| word.set(&memory));
        if set.is_err() {
            self.words.pop();
        }
        set
    }

    /// Puts everything back, once; what became of it.
    pub(super) fn put_back(&mut self) -> Vec<Restored> {
        let Self { words, target, mark, restored, .. } = self;
        restored.get_or_insert_with(|| put_back(words, target, mark.as_ref())).clone()
    }
}

/// The same, where the keeper is gone.
pub(super) fn put_back_alone(words: &[Word], target: &Target) -> Vec<Restored> {
    put_back(words, target, Mark::of(target).ok().flatten().as_ref())
}

/// Puts words back in a process, and in what it forked meanwhile where that can be told.
pub(super) fn put_back(words: &[Word], target: &Target, mark: Option<&Mark>) -> Vec<Restored> {
    let back = |target: &Target| -> Vec<Restored> {
        let restored = |word: &Word| Restored {
            name: word.name.clone(),
            pid: target.pid,
            outcome: word.put_back(target),
        };
        words.iter().rev().map(restored).collect()
    };
    let mut restored = back(target);
    let Some(mark) = mark.filter(|_| !words.is_empty()) else { return restored };
    // Older than this process nothing was forked from what it has changed.
    let Ok(since) = ProcessDir::open(std::process::id()).map(|own| own.start_ticks()) else {
        return restored;
    };
    let changed = |one: &Restored| !matches!(one.outcome, Outcome::AsBefore | Outcome::Ended);
    let mut seen = Vec::new();
    for look in 0..LOOKS {
        let mut kin = mark.kin(since, target.pid);
        kin.retain(|child| !seen.contains(child));
        if kin.is_empty() && look > 0 {
            break;
        }
        restored.extend(kin.iter().flat_map(back).filter(changed));
        seen.extend(kin);
        std::thread::sleep(BETWEEN_LOOKS);
    }
    restored
}
