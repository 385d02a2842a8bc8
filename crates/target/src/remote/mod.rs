//! Having a running program make a call: the way in for experiments.
//!
//! Everything else in this crate leaves the target as it is. Here its main thread is stopped for a
//! moment and sent into a system call or a function of its own program, and words of its memory are
//! written. A safety frame lies below its stack beforehand, as for the freezing fork: whatever
//! becomes of this program, `kill -9` at any instant included, the thread ends the call and goes on
//! where it was.
//!
//! A function may want locks that the thread holds already. So it is called only where the thread
//! stands in a function that holds none, or waits in a system call and came there through none
//! that might: see [`Fit`]. There are no breakpoints; a thread that stands elsewhere is let go and
//! stopped again a little later.

mod program;
mod room;
#[cfg(target_arch = "x86_64")]
mod visit;
#[cfg(not(target_arch = "x86_64"))]
#[path = "no_visit.rs"]
mod visit;

use std::time::{Duration, Instant};

use probe::{Error, ErrorKind, Result, Target};

use crate::freeze::checks;
use crate::freeze::held::{Held, TICK};
use crate::freeze::ticker::Ticker;
use crate::procfs::ProcessDir;

use program::Standing;
pub use program::{Library, Names, Program};
pub use room::{Room, room};
use visit::Ground;
pub use visit::Visit;

/// Between tries, milliseconds: uneven, so as not to meet a program in step at the same place
/// again and again.
const PAUSES: [u64; 6] = [1, 2, 3, 5, 7, 11];
/// How long all threads may take to stop.
const STOP: Duration = Duration::from_secs(2);

/// Where the main thread has to stand.
#[derive(Clone, Copy, Debug)]
pub enum Fit<'a> {
    /// Anywhere: no function of its program is called that could want a lock.
    Anywhere,
    /// As `Program::is_fit` says.
    Placed(&'a Program),
    /// As `Program::is_outside_malloc` says.
    OutsideMalloc(&'a Program),
    /// As `Program::is_away` says.
    Away(&'a Program),
}

/// How a target is visited.
#[derive(Clone, Copy, Debug)]
pub struct Manner<'a> {
    /// Where the main thread has to stand.
    pub fit: Fit<'a>,
    /// Whether all other threads are to stand too: where a word is changed that they change.
    pub all_threads: bool,
    /// How long it is tried.
    pub patience: Duration,
}

impl Manner<'_> {
    /// A visit at any place, for system calls and writes.
    #[must_use]
    pub fn anywhere(patience: Duration) -> Self {
        Self { fit: Fit::Anywhere, all_threads: false, patience }
    }
}

/// Stops the main thread of a process where it is fit, has `act` done with it, and lets it go.
///
/// # Errors
/// What [`refuse`] says; those of stopping; [`ErrorKind::TimedOut`] with where the main thread was
/// when it was not fit in time; [`ErrorKind::Unsupported`] where nothing can be called; those of
/// `act`.
pub fn visit<T: Send>(
    target: &Target,
    manner: Manner<'_>,
    act: impl FnOnce(&mut Visit<'_>) -> Result<T> + Send,
) -> Result<T> {
    let process = ProcessDir::open_target(target)?;
    refuse(&process)?;
    let ground = Ground::survey(&process)?;
    // The kernel ties a tracee to a thread, and the thread's signals are blocked.
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("memprobe-visit".into());
        let visiting = thread.spawn_scoped(scope, || {
            let _ticker = Ticker::start(TICK)
                .map_err(|e| Error::io(e, "cannot bound the waits of tracing"))?;
            let mut held = Held::new(&process);
            let result = meet(&mut held, &ground, manner).and_then(|tid| {
                let result = Visit::new(&ground, &held, tid).and_then(|mut visit| act(&mut visit));
                held.release();
                result
            });
            held.let_go();
            result
        });
        let visiting = visiting.map_err(|e| Error::io(e, "cannot start the tracing thread"))?;
        let failed =
            || Error::new(ErrorKind::Other, "the tracing thread has failed; the target runs on");
        visiting.join().map_err(|_| failed())?
    })
}

/// Stops the main thread where it is fit.
fn meet(held: &mut Held<'_>, ground: &Ground<'_>, manner: Manner<'_>) -> Result<u32> {
    let deadline = Instant::now() + manner.patience;
    let main = held.process().pid();
    let mut pauses = PAUSES.into_iter().cycle();
    loop {
        let stands = if manner.all_threads {
            held.stop_all(STOP)?;
            held.stopped().contains(&main)
        } else {
            held.stop_main()?
        };
        let at = if stands { ground.standing(main) } else { None };
        if stands && is_fit(manner.fit, at.as_ref()) {
            return Ok(main);
        }
        held.release();
        if Instant::now() >= deadline {
            // Only now: looking for names takes longer than anybody should stand.
            let place = match (manner.fit, at) {
                (_, None) => waits_in_kernel(held.process()),
                (
                    Fit::Placed(program) | Fit::OutsideMalloc(program) | Fit::Away(program),
                    Some(at),
                ) => program.tell(&at),
                (Fit::Anywhere, Some(_)) => "an unknown place".into(),
            };
            let seconds = manner.patience.as_secs_f64();
            let message = format!("not delivered in {seconds} s: the main thread is in {place}");
            return Err(Error::new(ErrorKind::TimedOut, message));
        }
        std::thread::sleep(Duration::from_millis(pauses.next().unwrap_or(1)));
    }
}

fn is_fit(fit: Fit<'_>, at: Option<&Standing>) -> bool {
    match fit {
        Fit::Anywhere => true,
        Fit::Placed(program) => at.is_some_and(|at| program.is_fit(at)),
        Fit::OutsideMalloc(program) => at.is_some_and(|at| program.is_outside_malloc(at)),
        Fit::Away(program) => at.is_some_and(|at| program.is_away(at)),
    }
}

/// Where a thread is that does not stop.
fn waits_in_kernel(process: &ProcessDir) -> String {
    let kernel = process.read("wchan").unwrap_or_default();
    let kernel = String::from_utf8_lossy(&kernel).replace(char::is_control, "?");
    match kernel.as_str() {
        "" | "0" => "the kernel, which does not let it stop".into(),
        name if name.contains("vfork") => {
            format!("the kernel, waiting for a child of vfork ({name})")
        }
        name => format!("the kernel, which does not let it stop ({name})"),
    }
}

/// Where the main thread of a process is just now: what to say of one that does not come back.
///
/// # Errors
/// Those of [`visit`].
pub fn whereabouts(target: &Target, program: &Program) -> Result<String> {
    let manner = Manner::anywhere(Duration::from_secs(1));
    match visit(target, manner, |visit| Ok(visit.standing())) {
        Ok(at) => Ok(at.map_or_else(|| "an unknown place".into(), |at| program.tell(&at))),
        // It sits in the kernel, and the message says where.
        Err(error) if error.kind() == ErrorKind::TimedOut => {
            Ok(waits_in_kernel(&ProcessDir::open_target(target)?))
        }
        Err(error) => Err(error),
    }
}

/// Why nothing may be run in a process, as far as the kernel tells without touching it.
///
/// # Errors
/// [`ErrorKind::PermissionDenied`] when somebody else traces it, with a name;
/// [`ErrorKind::Unsupported`] when it is stopped, shares its memory with its parent (a child of
/// `vfork`), has no main thread any more, or its system calls are all forbidden (strict seccomp);
/// [`ErrorKind::InvalidInput`] when it is this program.
pub fn refuse(process: &ProcessDir) -> Result<()> {
    let pid = process.pid();
    if pid == std::process::id() {
        return Err(Error::new(ErrorKind::InvalidInput, "a program cannot visit itself"));
    }
    if let Some(error) = checks::already_traced(process) {
        return Err(error.with_hint("a process has one tracer: end that one first"));
    }
    let unsupported = |why: String, hint: &'static str| {
        Err(Error::new(
            ErrorKind::Unsupported,
            format!("nothing can be run in process {pid}: {why}"),
        )
        .with_hint(hint))
    };
    let state = process.stat()?.state;
    let main = process.read(&format!("task/{pid}/stat")).unwrap_or_default();
    let main = crate::procfs::stat::Stat::parse(&main).map_or(state, |stat| stat.state);
    if state == 'T' || main == 'T' {
        return unsupported("it is stopped".into(), "continue it with `kill -CONT PID`");
    }
    if matches!(main, 'Z' | 'X' | 'x') {
        return unsupported("its main thread has ended".into(), "only the others are left of it");
    }
    let status = process.read("status")?;
    if checks::field(&status, "Seccomp") == Some("1") {
        return unsupported(
            "it may only read, write and end (strict seccomp)".into(),
            "use what only reads",
        );
    }
    if visit::shares_memory_with_parent(process) {
        return unsupported(
            "it is a child of vfork and shares the memory of its parent".into(),
            "it is over as soon as the child has started its program",
        );
    }
    Ok(())
}
