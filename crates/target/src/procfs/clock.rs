//! The clocks of the machine, as `/proc` counts.

use probe::Taken;
use rustix::time::{ClockId, clock_gettime};

const SECOND: u64 = 1_000_000_000;

fn now_ns(clock: ClockId) -> u64 {
    let time = clock_gettime(clock);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    seconds.saturating_mul(SECOND).saturating_add(u64::try_from(time.tv_nsec).unwrap_or(0))
}

/// This moment.
#[must_use]
pub fn now() -> Taken {
    Taken { unix_ns: now_ns(ClockId::Realtime), monotonic_ns: now_ns(ClockId::Monotonic) }
}

/// Nanoseconds in a clock tick of `/proc/PID/stat`.
#[must_use]
pub fn tick_ns() -> u64 {
    SECOND / rustix::param::clock_ticks_per_second().max(1)
}

/// The moment that is so many ticks after boot, nanoseconds since the Unix epoch, to 10 ms.
#[must_use]
pub fn unix_ns_of_ticks(ticks: u64) -> Option<u64> {
    let booted = now_ns(ClockId::Realtime).checked_sub(now_ns(ClockId::Boottime))?;
    let exact = booted.checked_add(ticks.checked_mul(tick_ns())?)?;
    // The clocks cannot be read at one instant: two calls differ by some microseconds.
    Some(exact.saturating_add(5_000_000) / 10_000_000 * 10_000_000)
}

/// Bytes in a page.
#[must_use]
pub fn page_size() -> u64 {
    rustix::param::page_size() as u64
}
