//! What the kernel shows of a process, and how it would be frozen.

use std::os::unix::fs::FileExt;

use probe::{ErrorKind, Target};

use super::{Check, State};
use crate::freeze::checks::{self, Room, Seccomp};
use crate::freeze::{Method, refuses_copy};
use crate::memory::access::AS_ROOT;
use crate::memory::{LiveMemory, ReadMemory};
use crate::procfs::{ProcessDir, clock, smaps};

/// The most threads whose filters are looked at.
const MAX_THREADS: usize = 1 << 16;
/// ELF files of 64 bits: `EI_CLASS`.
const CLASS_64: u8 = 2;

/// Who it is and how it stands.
pub(super) fn process(process: &ProcessDir) -> Check {
    const WHAT: &str = "process";
    let Ok(stat) = process.stat() else { return Check::no(WHAT, "its state cannot be read") };
    let name = stat.comm.replace(char::is_control, "?");
    let why = format!("{} ({name}), {} threads", process.pid(), stat.threads);
    match stat.state {
        'T' => Check::limited(WHAT, format!("{why}, stopped by a signal: nothing grows meanwhile"))
            .with_change(format!("let it go on with `kill -CONT {}`", process.pid())),
        'D' => Check::limited(WHAT, format!("{why}, waiting in the kernel: it cannot be frozen")),
        _ => Check::ok(WHAT, why),
    }
}

/// Whether its words are as long as ours.
pub(super) fn machine(process: &ProcessDir) -> Check {
    const WHAT: &str = "machine";
    let own = std::env::consts::ARCH;
    let mut head = [0; 20];
    let exe = process.file("exe");
    if exe.is_ok_and(|exe| exe.read_exact_at(&mut head, 0).is_ok())
        && head.starts_with(b"\x7fELF")
        && head[4] != CLASS_64
    {
        let why = "the process runs a program of 32 bits: only its platform numbers are read";
        return Check::no(WHAT, why);
    }
    if cfg!(target_arch = "x86_64") {
        return Check::ok(WHAT, own);
    }
    Check::limited(WHAT, format!("{own}: there is no freezing fork, and nothing here was tested"))
}

/// Whether its memory can be read: tried on the first mapping that is readable.
pub(super) fn memory(process: &ProcessDir) -> Check {
    const WHAT: &str = "memory";
    match read_a_word(process) {
        Ok(Some(())) => Check::ok(WHAT, "can be read"),
        Ok(None) => Check::no(WHAT, "it has no memory that can be read"),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            let refused = std::io::ErrorKind::PermissionDenied.into();
            let error = crate::memory::explain_access(process, refused);
            Check { why: error.to_string(), ..Check::failed(WHAT, State::No, &error) }
        }
        Err(error) => Check::failed(WHAT, State::No, &error),
    }
}

fn read_a_word(process: &ProcessDir) -> probe::Result<Option<()>> {
    let target = Target { start_id: process.start_ticks(), ..Target::from_pid(process.pid()) };
    let memory = LiveMemory::open(&target)?;
    let maps = process.read("maps")?;
    let readable = smaps::parse(&maps).filter(|mapping| mapping.perms.read);
    for mapping in readable.take(MAX_THREADS) {
        if memory.read_prefix(mapping.start, &mut [0; 8])? == 8 {
            return Ok(Some(()));
        }
    }
    Ok(None)
}

/// Whether the kernel says what is in its mappings.
pub(super) fn smaps(process: &ProcessDir) -> Check {
    const WHAT: &str = "smaps";
    let mut first = [0; 64];
    let read = |file: std::fs::File| {
        file.read_at(&mut first, 0).map_err(|error| process.explain("smaps", error))
    };
    match process.file("smaps").and_then(read) {
        Ok(_) => Check::ok(WHAT, "USS, PSS and swap of each mapping can be read"),
        Err(error) => Check::failed(WHAT, State::No, &error),
    }
}

/// Whether it can be told which pages were ever touched.
pub(super) fn pagemap(process: &ProcessDir) -> Check {
    const WHAT: &str = "pagemap";
    let mut mark = [0; 8];
    let maps = process.read("maps").unwrap_or_default();
    let page = smaps::parse(&maps).next().map_or(0, |first| first.start / clock::page_size());
    let read = |file: std::fs::File| {
        let read = file.read_exact_at(&mut mark, page.saturating_mul(8));
        read.map_err(|error| process.explain("pagemap", error))
    };
    match process.file("pagemap").and_then(read) {
        Ok(()) => Check::ok(WHAT, "memory that was never touched is left out"),
        Err(error) => {
            let mut check = Check::failed(WHAT, State::Limited, &error);
            check.why.push_str("; memory that was never touched is read too");
            check
        }
    }
}

/// What speaks for and against a copy, and what `auto` would take.
pub(super) fn freezing(process: &ProcessDir, readable: bool) -> Vec<Check> {
    let filters = seccomp(process);
    let method = method(process, readable, filters.state);
    vec![filters, cgroup(process), method]
}

fn seccomp(process: &ProcessDir) -> Check {
    const WHAT: &str = "seccomp";
    let folder = std::fs::read_dir(format!("/proc/{}/task", process.pid()));
    let tids = folder.into_iter().flatten().flatten().take(MAX_THREADS);
    let tids = tids.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let (mut free, mut filtered, mut refused) = (0, 0, None);
    for tid in tids {
        match checks::thread(process, tid) {
            Ok(Seccomp::Off) => free += 1,
            Ok(Seccomp::On) => filtered += 1,
            Err(why) => refused = Some(why),
        }
    }
    match (free, filtered, refused) {
        (1.., 0, _) => Check::ok(WHAT, "no system call of the process is filtered"),
        (1.., some, _) => Check::ok(WHAT, format!("{free} threads are not filtered, {some} are")),
        (0, 1.., _) => Check::limited(
            WHAT,
            "the system calls of all its threads are filtered: a copy is made only where the \
             filters allow the calls for it, which shows when it is tried",
        ),
        (_, _, Some(why)) => Check::limited(WHAT, format!("{why}: no copy can be made in it")),
        _ => Check::limited(WHAT, "its threads cannot be looked at"),
    }
}

fn cgroup(process: &ProcessDir) -> Check {
    const WHAT: &str = "cgroup";
    let status = process.read("status").unwrap_or_default();
    match checks::room(process, &status) {
        None => Check::ok(WHAT, "no memory cgroup of the process has a limit that can be seen"),
        Some(Room { left, needed }) => {
            let why = format!(
                "its memory cgroup has room for {} KiB more, a copy may take {} KiB",
                left >> 10,
                needed >> 10
            );
            if left >= needed {
                return Check::ok(WHAT, why);
            }
            Check::limited(WHAT, format!("{why}: no copy is made"))
                .with_change("raise the memory limit of its cgroup, or accept a stop")
        }
    }
}

/// What the method `auto` would do.
fn method(process: &ProcessDir, readable: bool, filters: State) -> Check {
    const WHAT: &str = "freeze";
    let (fork, stop) = (Method::Fork, Method::Stop);
    if process.pid() == std::process::id() {
        return Check::no(WHAT, "a program cannot freeze itself");
    }
    if !readable {
        return Check::no(WHAT, "who may not read the process may not stop it")
            .with_change(AS_ROOT);
    }
    if let Some(error) = checks::already_traced(process) {
        let change = error.hint().unwrap_or_default().to_owned();
        return Check::no(WHAT, format!("{error}")).with_change(change);
    }
    match refuses_copy(process) {
        Some(error) => Check::limited(WHAT, format!("auto is {stop}, a longer pause: {error:#}")),
        None if filters == State::Ok => Check::ok(
            WHAT,
            format!("auto is {fork}: a copy is read, the process pauses about 20 ms per GiB"),
        ),
        None => Check::limited(
            WHAT,
            format!("auto is {fork} where it turns out that it can be made, else {stop}"),
        ),
    }
}
