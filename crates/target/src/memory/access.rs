//! Why memory may not be read, and what to change.

use std::io;
use std::os::unix::fs::MetadataExt;

use probe::{Error, ErrorKind};

use crate::procfs::{ProcessDir, host};

/// `CAP_SYS_PTRACE`.
const SYS_PTRACE: u32 = 19;

/// What decides who may read whose memory.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Facts {
    /// This program's effective user.
    pub(crate) own_uid: u32,
    /// The target's effective user.
    pub(crate) uid: Option<u32>,
    /// Whether this program has `CAP_SYS_PTRACE` in its own user namespace.
    pub(crate) capable: bool,
    /// `kernel.yama.ptrace_scope`.
    pub(crate) scope: Option<u64>,
    /// Whether the target may be dumped: the kernel gives its files in `/proc` to root if not.
    pub(crate) dumpable: bool,
}

/// The error for a read of memory that was refused: which right is missing and how to get it.
#[must_use]
pub fn explain(process: &ProcessDir, error: io::Error) -> Error {
    let pid = process.pid();
    let facts = gather(process);
    let (why, hint) = advise(&facts);
    Error::new(
        ErrorKind::PermissionDenied,
        format!("the system does not let this program read the memory of process {pid}: {why}"),
    )
    .with_source(error)
    .with_hint(hint)
}

/// Looks them up.
pub(crate) fn gather(process: &ProcessDir) -> Facts {
    let uid = process.status().ok().and_then(|status| status.uid);
    let owner = std::fs::metadata(format!("/proc/{}", process.pid())).map(|m| m.uid()).ok();
    Facts {
        own_uid: rustix::process::geteuid().as_raw(),
        uid,
        capable: own_capabilities().is_some_and(|caps| caps >> SYS_PTRACE & 1 == 1),
        scope: host::kernel_settings().ptrace_scope,
        dumpable: owner == uid,
    }
}

fn own_capabilities() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("CapEff:"))?;
    u64::from_str_radix(line.trim(), 16).ok()
}

/// What an administrator can give.
pub(crate) const AS_ROOT: &str = "run as root, or give this program the capability CAP_SYS_PTRACE (`sudo setcap \
         cap_sys_ptrace+ep FILE`; in a container `--cap-add=SYS_PTRACE`)";

fn advise(facts: &Facts) -> (String, &'static str) {
    let own = facts.own_uid;
    match facts {
        Facts { capable: true, .. } => (
            "it has CAP_SYS_PTRACE, but not in the user namespace of that process, or a sandbox \
             (seccomp, an LSM) forbids it"
                .into(),
            "run it outside of the container, as root of the machine, or in the same container \
             as the process with `--cap-add=SYS_PTRACE`",
        ),
        Facts { scope: Some(3..), .. } => (
            "kernel.yama.ptrace_scope is 3, which forbids it to everybody until the next boot"
                .into(),
            "set kernel.yama.ptrace_scope to a lower value and boot again",
        ),
        Facts { uid: Some(uid), .. } if *uid != own => {
            (format!("that process belongs to user {uid} and this program runs as {own}"), AS_ROOT)
        }
        Facts { scope: Some(2), .. } => (
            "kernel.yama.ptrace_scope is 2, which allows it to administrators only".into(),
            AS_ROOT,
        ),
        Facts { scope: Some(1), .. } => (
            "kernel.yama.ptrace_scope is 1, which allows it for child processes only".into(),
            "start the program with this one (`memprobe ... -- COMMAND`), run as root or with \
             CAP_SYS_PTRACE, or set kernel.yama.ptrace_scope to 0",
        ),
        Facts { dumpable: false, .. } => (
            "that process is not dumpable (it changed its user, has file capabilities, or called \
             prctl(PR_SET_DUMPABLE))"
                .into(),
            AS_ROOT,
        ),
        _ => (
            "the user is the same, so its group, its capabilities, its user namespace or a \
             sandbox (seccomp, an LSM) must be the reason"
                .into(),
            AS_ROOT,
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each setting that can be the reason is named, the strongest one first.
    #[test]
    fn the_reason_is_named() {
        let same = Facts { own_uid: 5, uid: Some(5), dumpable: true, ..Facts::default() };
        let why = |facts: Facts| advise(&facts).0;
        assert!(why(Facts { uid: Some(0), ..same }).contains("belongs to user 0"));
        assert!(why(Facts { scope: Some(1), ..same }).contains("child processes only"));
        assert!(why(Facts { scope: Some(2), ..same }).contains("administrators only"));
        assert!(why(Facts { scope: Some(3), uid: Some(0), ..same }).contains("everybody"));
        assert!(why(Facts { dumpable: false, ..same }).contains("not dumpable"));
        assert!(why(Facts { capable: true, ..same }).contains("user namespace"));
        assert!(why(same).contains("the user is the same"));
    }
}
