//! Staying out of the way: work for which the programs of the machine need not wait.

use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// How long threads that give way to all others may be kept waiting.
const PATIENCE: Duration = Duration::from_millis(250);
/// The least part of that time that they must have had.
const LEAST_SHARE: f64 = 0.25;

/// Lets the calling thread run only when no other wants the processor (`SCHED_IDLE`, sched(7)).
/// It cannot be taken back by an unprivileged process, so it is for threads that were started for
/// one piece of work. Returns whether the system has agreed.
///
/// A lower priority (`nice`) is not enough: a thread that wakes up still waits until the running
/// one has used up its slice, some 3 ms, which a server's 99th percentile shows.
#[must_use]
pub fn only_when_idle() -> bool {
    let parameters = libc::sched_param { sched_priority: 0 };
    // SAFETY: `parameters` outlives the call, which only reads it; 0 is the calling thread.
    unsafe { libc::sched_setscheduler(0, libc::SCHED_IDLE, &parameters) == 0 }
}

/// How much processor time the threads of [`share_out`] have had.
#[derive(Debug, Default)]
pub struct Progress {
    nanoseconds: AtomicU64,
}

/// Tells [`Progress`] of the calling thread.
#[derive(Debug)]
pub struct Worker<'a> {
    progress: &'a Progress,
    noted: u64,
}

impl Worker<'_> {
    /// To be called after each piece of work.
    pub fn note(&mut self) {
        let now = processor_time();
        self.progress.nanoseconds.fetch_add(now.saturating_sub(self.noted), Ordering::Relaxed);
        self.noted = now;
    }
}

fn processor_time() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    u64::try_from(time.tv_sec).unwrap_or(0) * 1_000_000_000
        + u64::try_from(time.tv_nsec).unwrap_or(0)
}

/// Runs `work` on so many threads at once, which only work while nobody else wants the processor.
/// Its runs share out the pieces of the work among themselves. On a machine where somebody always
/// wants the processor the caller runs `work` too, at its own priority, so that it gets done.
/// With `hurry` all of them work at the caller's priority: somebody stands still meanwhile.
///
/// What each run returned, in no order, or with what it panicked.
pub fn share_out<T: Send>(
    threads: usize,
    hurry: bool,
    work: impl Fn(Worker<'_>) -> T + Sync,
) -> Vec<thread::Result<T>> {
    let progress = Progress::default();
    let run = || work(Worker { progress: &progress, noted: processor_time() });
    thread::scope(|scope| {
        let (ended, ends) = mpsc::channel::<()>();
        let start = |ended| {
            scope.spawn(|| {
                // Dropped, and so told, even if the work panics.
                let _ended: mpsc::Sender<()> = ended;
                // Where the system refuses, the work is done like any other.
                let _ = hurry || only_when_idle();
                run()
            })
        };
        let started: Vec<_> = (0..threads).map(|_| start(ended.clone())).collect();
        drop(ended);
        let mut results = Vec::new();
        if is_starved(&progress, threads, &ends) {
            // A panic is one result here as on a thread.
            results.push(panic::catch_unwind(AssertUnwindSafe(run)));
        }
        results.extend(started.into_iter().map(thread::ScopedJoinHandle::join));
        results
    })
}

/// Waits for the end of all threads; `true` as soon as they are kept waiting.
fn is_starved(progress: &Progress, threads: usize, ends: &Receiver<()>) -> bool {
    let had = || progress.nanoseconds.load(Ordering::Relaxed);
    let mut before = had();
    loop {
        let began = Instant::now();
        // Nothing is ever sent: it ends when the last thread does.
        if ends.recv_timeout(PATIENCE) != Err(RecvTimeoutError::Timeout) {
            return false;
        }
        let now = had();
        let could = began.elapsed().as_nanos() as f64 * threads as f64;
        if ((now - before) as f64) < LEAST_SHARE * could {
            return true;
        }
        before = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy() -> Option<String> {
        let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
        // Field 41; the name in field 2 may hold spaces.
        let fields = stat.rsplit(')').next()?.to_owned();
        fields.split_whitespace().nth(38).map(str::to_owned)
    }

    #[test]
    fn a_thread_gives_way_alone() {
        let before = policy();
        let within = thread::spawn(|| {
            assert!(only_when_idle());
            policy()
        });
        assert_eq!(within.join().unwrap().as_deref(), Some("5"), "SCHED_IDLE");
        assert_eq!(policy(), before, "other threads are as they were");
    }

    /// Threads that get no time are helped by the caller; here they wait for it.
    #[test]
    fn the_caller_helps_where_threads_starve() {
        let caller = thread::current().id();
        let (help, helped) = mpsc::channel();
        let helped = std::sync::Mutex::new(helped);
        let results = share_out(1, false, |mut worker| {
            if thread::current().id() == caller {
                help.send(()).unwrap();
            } else {
                helped.lock().unwrap().recv().unwrap();
            }
            worker.note();
            policy()
        });
        let policies: Vec<_> = results.into_iter().map(|r| r.unwrap().unwrap()).collect();
        assert_eq!(policies.len(), 2);
        assert_eq!(policies[1], "5");
        assert_ne!(policies[0], "5");
    }

    #[test]
    fn who_is_in_a_hurry_gives_way_to_nobody() {
        let before = policy();
        for found in share_out(2, true, |_| policy()) {
            assert_eq!(found.unwrap(), before);
        }
    }

    #[test]
    fn a_panic_is_one_result() {
        let results = share_out(2, false, |_| panic!("on purpose"));
        // On a busy machine the caller helps, and panics too.
        assert!(results.len() >= 2);
        assert!(results.iter().all(|r: &thread::Result<()>| r.is_err()));
    }
}
