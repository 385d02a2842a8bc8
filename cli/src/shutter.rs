//! Whether a copy of a target stands at this moment.
//!
//! A copy shares the pages of the target, so that for as long as it stands the target's private
//! memory seems to be shared, and the copy seems to be a child of it. What is measured meanwhile
//! does not count, but for questions whose answers hold all the same: reading a copy may take
//! long, and a curve with holes says little. What is measured while the target is stopped, or
//! while a copy is made or taken down, never counts.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Shared by everybody who looks at the processes of a run.
#[derive(Debug, Default)]
pub struct Shutter {
    state: Mutex<State>,
    opened: Condvar,
}

#[derive(Debug, Default)]
struct State {
    closed: u32,
    /// How many of those who closed it have a copy, beside which the target runs.
    copies: u32,
    /// How often it was closed, or a copy came or went.
    times: u64,
}

impl State {
    fn open(&self) -> Option<Open> {
        match self.closed {
            0 => Some(Open::Wide),
            closed if closed == self.copies => Some(Open::BesideCopy),
            _ => None,
        }
    }
}

/// How far it is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Open {
    /// Copies stand, and the targets run.
    BesideCopy,
    /// No copy stands.
    Wide,
}

/// Keeps the shutter closed.
#[derive(Debug)]
pub struct Closed<'a>(&'a Shutter);

impl Drop for Closed<'_> {
    fn drop(&mut self) {
        self.0.lock().closed -= 1;
        self.0.opened.notify_all();
    }
}

/// A copy stands, and its target runs.
#[derive(Debug)]
pub struct Standing<'a>(&'a Shutter);

impl Drop for Standing<'_> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.copies -= 1;
        state.times += 1;
    }
}

impl Closed<'_> {
    /// A copy has been made; until the guard is dropped it stands and the target runs.
    #[must_use]
    pub fn copy_stands(&self) -> Standing<'_> {
        let mut state = self.0.lock();
        state.copies += 1;
        state.times += 1;
        drop(state);
        self.0.opened.notify_all();
        Standing(self.0)
    }
}

impl Shutter {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A copy is about to be made; until the guard is dropped it may stand.
    #[must_use]
    pub fn close(&self) -> Closed<'_> {
        let mut state = self.lock();
        state.closed += 1;
        state.times += 1;
        Closed(self)
    }

    /// Waits until it is open so far, or until then. Returns what [`Shutter::was_open_since`] is
    /// to be told.
    pub fn wait_open(&self, least: Open, until: Instant) -> u64 {
        let mut state = self.lock();
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if state.open() >= Some(least) || left.is_zero() {
                return state.times;
            }
            let waited = self.opened.wait_timeout(state, left.min(Duration::from_secs(1)));
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Whether no copy stands.
    #[must_use]
    pub fn is_wide_open(&self) -> bool {
        self.lock().open() == Some(Open::Wide)
    }

    /// How far it has been open since, all the time.
    #[must_use]
    pub fn was_open_since(&self, times: u64) -> Option<Open> {
        let state = self.lock();
        state.open().filter(|_| state.times == times)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_copy_overlaps_is_told() {
        let shutter = Shutter::default();
        let now = Instant::now();
        let before = shutter.wait_open(Open::Wide, now);
        assert_eq!(shutter.was_open_since(before), Some(Open::Wide));
        let closed = shutter.close();
        assert_eq!(shutter.was_open_since(before), None);
        let during = shutter.wait_open(Open::Wide, now);
        assert_eq!(shutter.was_open_since(during), None, "closed all the time");
        let far = now + Duration::from_secs(600);
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| shutter.wait_open(Open::Wide, far));
            drop(closed);
            let after = waiting.join().unwrap();
            assert_eq!(shutter.was_open_since(after), Some(Open::Wide));
        });
        assert_eq!(shutter.was_open_since(before), None, "it was closed in between");
    }

    /// Beside a copy some may look; never while it is made or taken down.
    #[test]
    fn beside_a_copy_it_is_half_open() {
        let shutter = Shutter::default();
        let now = Instant::now();
        let beside = || shutter.wait_open(Open::BesideCopy, now);
        let closed = shutter.close();
        let made = beside();
        assert_eq!(shutter.was_open_since(made), None, "it is being made");
        let standing = closed.copy_stands();
        assert_eq!(shutter.was_open_since(made), None);
        let look = beside();
        assert_eq!(shutter.was_open_since(look), Some(Open::BesideCopy));
        let another = shutter.close();
        assert_eq!(shutter.was_open_since(look), None, "another one is being made");
        drop(another);
        let look = beside();
        drop(standing);
        assert_eq!(shutter.was_open_since(look), None, "it is being taken down");
        drop(closed);
        assert_eq!(shutter.was_open_since(beside()), Some(Open::Wide));
    }
}
