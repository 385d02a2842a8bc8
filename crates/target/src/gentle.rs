//! Staying out of the way: work for which the programs of the machine need not wait.

use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// How long threads that give way to all others may be kept waiting.
const PATIENCE: Duration = Duration::from_millis(250);
/// The least part of that time that they must have had.
const LEAST_SHARE: f64 = 0.25;
/// For how long after that nobody relies on such threads.
const BUSY: Duration = Duration::from_secs(10);

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

/// Threads that give way, as long as they are there.
#[derive(Debug, Default)]
struct Gentle(Mutex<Vec<i32>>);

impl Gentle {
    /// Does something on the calling thread, which gives way meanwhile.
    fn run<T>(&self, work: impl FnOnce() -> T) -> T {
        let own = rustix::thread::gettid().as_raw_nonzero().get();
        self.threads().push(own);
        // Where the system refuses, the work is done like any other.
        let _ = only_when_idle();
        let result = panic::catch_unwind(AssertUnwindSafe(work));
        self.threads().retain(|&thread| thread != own);
        result.unwrap_or_else(|panic| panic::resume_unwind(panic))
    }

    /// Has them give way no longer, where the system agrees (`CAP_SYS_NICE`): each holds a piece of
    /// the work that nobody else can do.
    fn hurry(&self) {
        let parameters = libc::sched_param { sched_priority: 0 };
        for &thread in self.threads().iter() {
            // SAFETY: `parameters` outlives the call, which only reads it. The thread is one of this
            // program: it is in the list, which it leaves before it ends, and the list is held.
            unsafe { libc::sched_setscheduler(thread, libc::SCHED_OTHER, &parameters) };
        }
    }

    fn threads(&self) -> MutexGuard<'_, Vec<i32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// When such threads were kept waiting last.
#[derive(Debug)]
struct Busy(Mutex<Option<Instant>>);

impl Busy {
    const fn new() -> Self {
        Self(Mutex::new(None))
    }

    fn note(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// Whether that was just now.
    fn is_so(&self) -> bool {
        let noted = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        noted.is_some_and(|noted| noted.elapsed() < BUSY)
    }
}

/// Runs `work` on so many threads at once, which only work while nobody else wants the processor.
/// Its runs share out the pieces of the work among themselves. On a machine where somebody always
/// wants the processor the caller runs `work` too, at its own priority, so that it gets done; and
/// for a while after that it does so alone, since a thread that is kept waiting with a piece in its
/// hands keeps all others waiting.
/// With `hurry` all of them work at the caller's priority: somebody stands still meanwhile.
///
/// What each run returned, in no order, or with what it panicked.
pub fn share_out<T: Send>(
    threads: usize,
    hurry: bool,
    work: impl Fn(Worker<'_>) -> T + Sync,
) -> Vec<thread::Result<T>> {
    static MACHINE: Busy = Busy::new();
    share_out_on(&MACHINE, threads, hurry, work)
}

fn share_out_on<T: Send>(
    machine: &Busy,
    threads: usize,
    hurry: bool,
    work: impl Fn(Worker<'_>) -> T + Sync,
) -> Vec<thread::Result<T>> {
    let (progress, gentle) = (Progress::default(), Gentle::default());
    let run = || work(Worker { progress: &progress, noted: processor_time() });
    if !hurry && machine.is_so() {
        return vec![panic::catch_unwind(AssertUnwindSafe(run))];
    }
    thread::scope(|scope| {
        let (ended, ends) = mpsc::channel::<()>();
        let start = |ended| {
            scope.spawn(|| {
                // Dropped, and so told, even if the work panics.
                let _ended: mpsc::Sender<()> = ended;
                if hurry { run() } else { gentle.run(run) }
            })
        };
        let started: Vec<_> = (0..threads).map(|_| start(ended.clone())).collect();
        drop(ended);
        let mut results = Vec::new();
        if is_starved(&progress, threads, &ends) {
            if !hurry {
                machine.note();
                gentle.hurry();
            }
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
        let helped = Mutex::new(helped);
        let machine = Busy::new();
        let results = share_out_on(&machine, 1, false, |mut worker| {
            let policy = policy();
            if thread::current().id() == caller {
                help.send(()).unwrap();
            } else {
                helped.lock().unwrap().recv().unwrap();
            }
            worker.note();
            policy
        });
        let policies: Vec<_> = results.into_iter().map(|r| r.unwrap().unwrap()).collect();
        assert_eq!(policies.len(), 2);
        assert_eq!(policies[1], "5");
        assert_ne!(policies[0], "5");
        // From then on it works alone.
        let alone = share_out_on(&machine, 2, false, |_| thread::current().id());
        assert_eq!(alone.into_iter().map(Result::unwrap).collect::<Vec<_>>(), [caller]);
    }

    /// What is in their hands when they are kept waiting gets done, too, where the system agrees.
    #[test]
    fn starved_threads_need_not_give_way() {
        let gentle = Gentle::default();
        let (is_idle, idle) = mpsc::channel();
        let (go, gone) = mpsc::channel::<()>();
        let (before, after) = thread::scope(|scope| {
            let gentle = &gentle;
            let waits = scope.spawn(move || {
                gentle.run(|| {
                    let before = policy();
                    is_idle.send(()).unwrap();
                    gone.recv().unwrap();
                    (before, policy())
                })
            });
            idle.recv().unwrap();
            gentle.hurry();
            go.send(()).unwrap();
            waits.join().unwrap()
        });
        assert_eq!(before.as_deref(), Some("5"));
        let may = std::fs::read_to_string("/proc/self/status").unwrap();
        let may = may.lines().find_map(|line| line.strip_prefix("CapEff:")).unwrap().trim();
        let may = u64::from_str_radix(may, 16).unwrap() >> 23 & 1 == 1;
        assert_eq!(after.as_deref(), Some(if may { "0" } else { "5" }));
        assert!(gentle.threads().is_empty());
    }

    #[test]
    fn who_is_in_a_hurry_gives_way_to_nobody() {
        let before = policy();
        for found in share_out_on(&Busy::new(), 2, true, |_| policy()) {
            assert_eq!(found.unwrap(), before);
        }
    }

    #[test]
    fn a_panic_is_one_result() {
        let results = share_out_on(&Busy::new(), 2, false, |_| panic!("on purpose"));
        // On a busy machine the caller helps, and panics too.
        assert!(results.len() >= 2);
        assert!(results.iter().all(|r: &thread::Result<()>| r.is_err()));
    }
}
