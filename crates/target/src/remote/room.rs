//! How much more memory a process may take.

use crate::freeze::checks;
use crate::procfs::ProcessDir;
use crate::procfs::limits::Rlimits;

/// The room that a process has left under the tightest limit of its memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Bytes.
    pub left: u64,
    /// What limits it.
    pub limit: &'static str,
}

/// The room of a process; `None` where nothing that can be seen limits it.
#[must_use]
pub fn room(process: &ProcessDir) -> Option<Room> {
    let status = process.read("status").ok()?;
    let kib = |name| {
        let text = checks::field(&status, name)?.strip_suffix(" kB")?;
        text.trim().parse::<u64>().ok()?.checked_mul(1024)
    };
    let limits = process.read("limits").map(|bytes| Rlimits::parse(&bytes)).unwrap_or_default();
    let cgroup = checks::room(process, &status)
        .map(|room| Room { left: room.left, limit: "the memory limit of its cgroup" });
    let address_space = limits.address_space.and_then(|limit| limit.soft);
    let address_space = address_space.zip(kib("VmSize")).map(|(limit, used)| Room {
        left: limit.saturating_sub(used),
        limit: "its limit of address space (RLIMIT_AS)",
    });
    let data = limits.data.and_then(|limit| limit.soft).zip(kib("VmData"));
    let data = data.map(|(limit, used)| Room {
        left: limit.saturating_sub(used),
        limit: "its limit of data (RLIMIT_DATA)",
    });
    [cgroup, address_space, data].into_iter().flatten().min_by_key(|room| room.left)
}
