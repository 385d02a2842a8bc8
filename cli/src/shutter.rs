//! Whether a copy of a target stands at this moment.
//!
//! A copy shares the pages of the target, so that for as long as it stands the target's private
//! memory seems to be shared, and the copy seems to be a child of it. What is measured meanwhile
//! does not count.

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
    /// How often it was closed.
    times: u64,
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

    /// Waits until no copy stands, or until then. Returns what [`Shutter::was_open_since`] is to
    /// be told.
    pub fn wait_open(&self, until: Instant) -> u64 {
        let mut state = self.lock();
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if state.closed == 0 || left.is_zero() {
                return state.times;
            }
            let waited = self.opened.wait_timeout(state, left.min(Duration::from_secs(1)));
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Whether no copy has stood since.
    #[must_use]
    pub fn was_open_since(&self, times: u64) -> bool {
        let state = self.lock();
        state.closed == 0 && state.times == times
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_copy_overlaps_is_told() {
        let shutter = Shutter::default();
        let now = Instant::now();
        let before = shutter.wait_open(now);
        assert!(shutter.was_open_since(before));
        let closed = shutter.close();
        assert!(!shutter.was_open_since(before));
        let during = shutter.wait_open(now);
        assert!(!shutter.was_open_since(during), "closed all the time");
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| shutter.wait_open(now + Duration::from_secs(600)));
            drop(closed);
            let after = waiting.join().unwrap();
            assert!(shutter.was_open_since(after));
        });
        assert!(!shutter.was_open_since(before), "it was closed in between");
    }
}
