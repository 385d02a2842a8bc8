//! The freezing fork: a copy of the target, made by the target itself and never run.
//!
//! A thread of the target is sent to `clone`; the child stops before its first instruction and
//! shares all pages with the target until one of them is written. The target goes on after
//! about 20 ms per GiB, and the copy is read at leisure.
//!
//! The child has no exit signal, so the target's own waits do not see it and no handler runs
//! when it ends. It shares the target's open files, so no file is held open by it.

pub(crate) mod code;
mod filter;
pub(crate) mod frame;
pub(crate) mod inject;

use std::fs;
use std::io;
use std::time::Duration;

use probe::target::FrozenThread;
use probe::{Error, ErrorKind, Issue, Target};

use self::code::Code;
pub(super) use self::filter::Instruction;
use self::frame::{Return, reg};
use self::inject::{Failure, Injection, Place};
use super::checks::{self, Layout, refuse_copy};
use super::copies::Copies;
use super::held::Held;
use super::sys::{self, Event, Tid};
use crate::memory::LiveMemory;
use crate::procfs::{ProcessDir, children};

/// The most threads that are tried.
const MOST_TRIES: usize = 16;
/// The most children of a target that are looked at for copies left over.
const MOST_CHILDREN: usize = 4096;
/// How long one thread of the target is waited for to collect the copy.
const REAP_TIMEOUT: Duration = Duration::from_secs(1);

/// Everything that is known before the target is stopped.
#[derive(Debug)]
pub(super) struct Plan {
    code: Code,
    layout: Layout,
    memory: LiveMemory,
}

/// A copy that stands.
#[derive(Debug)]
pub(super) struct Copy {
    /// Its number.
    pub(super) pid: u32,
    /// Its number in the target's PID namespace.
    in_target: u64,
}

/// Why there is no copy.
#[derive(Debug)]
pub(super) enum NoCopy {
    /// The target's threads stand as before.
    Refused(String),
    /// The target ended, or a thread is out of reach.
    Lost(Error),
}

impl Plan {
    /// Looks at the target while it runs.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] when it can't be copied; those of reading its files and memory.
    pub(super) fn make(process: &ProcessDir) -> Result<Self, Error> {
        let refused = |why: String| Error::new(ErrorKind::Unsupported, why);
        refuse_copy(process).map_err(refused)?;
        let target = Target { start_id: process.start_ticks(), ..Target::from_pid(process.pid()) };
        let memory = LiveMemory::open(&target)?;
        let code = Code::find(process, &memory)?;
        let code =
            code.ok_or_else(|| refused("its code has no system call that could be used".into()))?;
        let layout = Layout::read(process)?;
        Ok(Self { code, layout, memory })
    }

    /// What the reader of the copy should know.
    pub(super) fn issues(&self) -> Vec<Issue> {
        self.layout.issues()
    }

    /// The memory that the copy will not have, read now, while the target stands.
    pub(super) fn save_lost(&self, most: u64) -> Copies {
        Copies::take(&self.memory, &self.layout.lost, most)
    }

    /// Makes the copy. All threads but the one that makes it are let go as soon as it exists;
    /// that one is let go when it is restored.
    ///
    /// # Errors
    /// [`NoCopy::Refused`]: all threads still stand.
    pub(super) fn fork(
        &self,
        held: &mut Held<'_>,
        threads: &[FrozenThread],
    ) -> Result<Copy, NoCopy> {
        if !self.code.is_there(&self.memory) {
            return Err(NoCopy::Refused("it has just replaced its program".into()));
        }
        let mut why = String::from("none of its threads can be used");
        for tid in candidates(held, threads) {
            let injection = match Injection::prepare(tid, self.place(held), Return::AfterChild, &[])
            {
                Ok(injection) => injection,
                Err(Failure::Refused(reason)) => {
                    why = reason;
                    continue;
                }
                Err(Failure::Lost(reason)) => return Err(lost(held, reason)),
            };
            return self.clone_in(held, tid, injection);
        }
        Err(NoCopy::Refused(why))
    }

    fn place<'a>(&'a self, held: &Held<'a>) -> Place<'a> {
        Place {
            process: held.process(),
            code: self.code,
            layout: &self.layout,
            memory: &self.memory,
            child: held.child(),
        }
    }

    fn clone_in(
        &self,
        held: &mut Held<'_>,
        tid: Tid,
        injection: Injection,
    ) -> Result<Copy, NoCopy> {
        let (stack, slot) = (injection.frames.child_stack, injection.frames.child_slot);
        let mut child = 0;
        let result =
            injection.run(libc::SYS_clone, [inject::CLONE_FLAGS, stack, slot, 0, 0, 0], |new| {
                child = new;
                held.release_all_but(tid);
            });
        let restored = injection.finish();
        let made = match (result, restored) {
            (Ok(number), Ok(())) if number < 0 || child != 0 => number,
            (Ok(_), Ok(())) => {
                held.release_one(tid);
                return Err(lost(held, "the kernel did not tell of the child".into()));
            }
            (Err(Failure::Refused(why)), Ok(())) if child == 0 => return Err(NoCopy::Refused(why)),
            (Err(Failure::Lost(why) | Failure::Refused(why)), _)
            | (_, Err(Failure::Lost(why) | Failure::Refused(why))) => {
                held.release_one(tid);
                discard(child);
                return Err(lost(held, why));
            }
        };
        let Ok(in_target) = u64::try_from(made) else {
            let error = io::Error::from_raw_os_error(i32::try_from(-made).unwrap_or(0));
            return Err(NoCopy::Refused(format!("the system refused it a child: {error}")));
        };
        held.release_one(tid);
        let copy = Copy { pid: child, in_target };
        copy.hold().map_err(|error| {
            discard(child);
            let message = format!("the copy of process {} was lost", held.process().pid());
            NoCopy::Lost(Error::io(error, message))
        })?;
        Ok(copy)
    }
}

impl Copy {
    /// Waits until the copy stands, and makes it end when this program does.
    fn hold(&self) -> io::Result<()> {
        loop {
            match sys::wait(Some(self.pid), None)? {
                Some((_, Event::Stopped)) => break,
                Some((_, Event::Ended)) => return Err(io::Error::from_raw_os_error(libc::ESRCH)),
                _ => {}
            }
        }
        // When memory gets short, this is what should go first. It is also the mark of a copy, so
        // it comes before the copy can be killed: until then it ends with a status of its own.
        let _ = fs::write(format!("/proc/{}/oom_score_adj", self.pid), "1000");
        sys::set_options(self.pid, libc::PTRACE_O_EXITKILL)
    }

    /// Ends the copy, and has the target collect it. Returns how long one thread of the target
    /// was stopped for that, nanoseconds.
    ///
    /// # Errors
    /// Why the target has not collected it: it keeps an entry in its table of processes until
    /// it ends, or until the next copy of it is collected.
    pub(super) fn end(&self, plan: &Plan, held: &mut Held<'_>) -> Result<u64, String> {
        discard(self.pid);
        if checks::has_ended(held.process()) {
            return Ok(0);
        }
        held.forget_pause();
        let result = self.collect(plan, held);
        held.release();
        result.map(|()| held.paused_ns())
    }

    fn collect(&self, plan: &Plan, held: &mut Held<'_>) -> Result<(), String> {
        let process = held.process();
        let mut ended = left_over(process);
        ended.retain(|&number| number != self.in_target);
        ended.push(self.in_target);
        let tid = held.stop_one(REAP_TIMEOUT).map_err(|e| format!("{e:#}"))?;
        if !plan.code.is_there(&plan.memory) {
            return Err("it has replaced its program".into());
        }
        let text = |failure| match failure {
            Failure::Refused(why) | Failure::Lost(why) => why,
        };
        let place = plan.place(held);
        let reap = (libc::SYS_wait4, [frame::NOBODY, 0, inject::REAP_OPTIONS, 0, 0, 0]);
        let injection = Injection::prepare(tid, place, Return::Plain, &[reap]).map_err(text)?;
        let mut result = Ok(0);
        // Whether the target collects it by itself meanwhile does not matter.
        for number in ended {
            let args = [number, 0, inject::REAP_OPTIONS, 0, 0, 0];
            result = injection.run(libc::SYS_wait4, args, |_| {});
            if result.is_err() {
                break;
            }
        }
        injection.finish().map_err(text)?;
        result.map(|_| ()).map_err(text)
    }
}

/// Threads for the injection, the best first: those that are not in a system call.
fn candidates(held: &Held<'_>, threads: &[FrozenThread]) -> Vec<Tid> {
    let stopped = held.stopped();
    let mut fit: Vec<&FrozenThread> = threads
        .iter()
        .filter(|t| !t.registers.is_empty() && stopped.binary_search(&t.tid).is_ok())
        .collect();
    fit.sort_by_key(|t| t.registers.get(reg::ORIG_RAX).is_none_or(|&number| number != u64::MAX));
    fit.into_iter().take(MOST_TRIES).map(|thread| thread.tid).collect()
}

/// Kills a copy and waits for its end.
fn discard(child: Tid) {
    if child == 0 {
        return;
    }
    let _ = sys::kill(child);
    while !matches!(sys::wait(Some(child), None), Ok(Some((_, Event::Ended))) | Err(_)) {}
}

fn lost(held: &Held<'_>, why: String) -> NoCopy {
    if checks::has_ended(held.process()) {
        return NoCopy::Lost(checks::ended(held.process()));
    }
    let message = format!("cannot copy process {}: {why}", held.process().pid());
    NoCopy::Lost(Error::new(ErrorKind::Other, message))
}

/// Copies that an earlier run left because it was killed, by their numbers in the target's
/// namespace. They have ended, but the target still has them in its table.
fn left_over(process: &ProcessDir) -> Vec<u64> {
    copies(process).into_iter().filter_map(|(number, ended)| ended.then_some(number)).collect()
}

/// Copies that a process has as children: their numbers in its namespace, and whether they have
/// ended.
pub(super) fn copies(process: &ProcessDir) -> Vec<(u64, bool)> {
    let list = children(process, MOST_CHILDREN).unwrap_or_default();
    list.into_iter().take(MOST_CHILDREN).filter_map(copy).collect()
}

/// The number of a child in its own namespace, and whether it has ended, if it is a copy of ours.
fn copy(pid: u32) -> Option<(u64, bool)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // Behind the name, the first is field 3 of the manual page.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_ascii_whitespace().collect();
    let field = |number: usize| fields.get(number - 3).copied();
    if field(38) != Some("0") {
        return None;
    }
    let score = fs::read_to_string(format!("/proc/{pid}/oom_score_adj")).unwrap_or_default();
    let status: u64 = field(52)?.parse().ok()?;
    if score.trim() != "1000" && status != frame::LOST_COPY << 8 {
        return None;
    }
    let status = fs::read(format!("/proc/{pid}/status")).ok()?;
    let number = checks::field(&status, "NSpid")?.split_ascii_whitespace().last()?.parse().ok()?;
    Some((number, field(3) == Some("Z")))
}
