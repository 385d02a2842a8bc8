//! Which processes are meant.

use probe::{Error, ErrorKind, Result, Target};
use regex::Regex;
use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System, UpdateKind};

use crate::args::TargetArgs;

/// A pattern that fits more processes than that was hardly meant.
const MAX_TARGETS: usize = 64;

/// Finds the processes that were named, and makes sure that they can be watched.
///
/// # Errors
/// When one is not there or not ours to look at, when no process fits a pattern, or too many.
pub fn resolve(args: &TargetArgs) -> Result<Vec<Target>> {
    let mut pids = args.pid.clone();
    if let Some(pattern) = &args.r#match {
        pids.extend(matching(pattern)?);
    }
    pids.dedup();
    pids.iter().map(|&pid| identify(pid)).collect()
}

/// The identity of a process.
///
/// # Errors
/// When there is no such process, it is a zombie or a kernel thread, or may not be looked at.
pub fn identify(pid: u32) -> Result<Target> {
    target::procfs::identify(pid).map_err(|e| e.context(format!("cannot watch process {pid}")))
}

fn matching(pattern: &str) -> Result<Vec<u32>> {
    let regex = Regex::new(pattern)
        .map_err(|e| Error::new(ErrorKind::InvalidInput, format!("--match: {e}")))?;
    let mut system = System::new().map_err(|e| {
        Error::new(ErrorKind::Unsupported, "cannot list the processes").with_source(e)
    })?;
    let what = ProcessRefreshKind::nothing().with_cmd(UpdateKind::Always).without_tasks();
    system.refresh_processes_specifics(ProcessesToUpdate::All, true, what);
    let own = own_ancestry(&system);
    let mut pids: Vec<u32> = system
        .processes()
        .iter()
        .filter(|(pid, process)| {
            let words: Vec<_> = process.cmd().iter().map(|w| w.to_string_lossy()).collect();
            !own.contains(pid) && regex.is_match(&words.join(" "))
        })
        .map(|(pid, _)| pid.as_u32())
        .collect();
    pids.sort_unstable();
    // A child of a process that fits is watched with it.
    let children_of_others: Vec<u32> =
        pids.iter().copied().filter(|&pid| has_ancestor_in(&system, pid, &pids)).collect();
    pids.retain(|pid| !children_of_others.contains(pid));
    match pids.len() {
        0 => Err(Error::new(ErrorKind::NotFound, format!("no process matches `{pattern}`"))
            .with_hint(
                "the pattern is matched against the whole command line; see `ps -eo pid,args`",
            )),
        n if n > MAX_TARGETS => {
            Err(Error::new(ErrorKind::InvalidInput, format!("{n} processes match `{pattern}`"))
                .with_hint(format!(
                    "at most {MAX_TARGETS} are watched at once: narrow the pattern"
                )))
        }
        _ => Ok(pids),
    }
}

/// memprobe itself and what started it: their command lines hold the pattern too.
fn own_ancestry(system: &System) -> Vec<Pid> {
    let mut line = Vec::new();
    let mut next = Some(Pid::from_u32(std::process::id()));
    while let Some(pid) = next.filter(|pid| !line.contains(pid)) {
        line.push(pid);
        next = system.process(pid).and_then(sysinfo::Process::parent);
    }
    line
}

fn has_ancestor_in(system: &System, pid: u32, pids: &[u32]) -> bool {
    let mut seen = Vec::new();
    let mut next = system.process(Pid::from_u32(pid)).and_then(sysinfo::Process::parent);
    while let Some(parent) = next.filter(|p| !seen.contains(p)) {
        if pids.contains(&parent.as_u32()) {
            return true;
        }
        seen.push(parent);
        next = system.process(parent).and_then(sysinfo::Process::parent);
    }
    false
}
