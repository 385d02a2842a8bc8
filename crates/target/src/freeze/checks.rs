//! What is known of a target before it is touched.

use std::fs;

use probe::{Error, ErrorKind, Issue};

use crate::procfs::cgroup::{Place, Version, places};
use crate::procfs::{ProcessDir, smaps::Mapping};

/// Room in a memory cgroup that the copy gets at least, bytes.
const LEAST_ROOM: u64 = 16 << 20;
/// What no limit of a cgroup looks like, bytes: more than any machine has.
const NO_LIMIT: u64 = 1 << 60;
/// The part of the target's anonymous memory that it may write while the copy lives: every page
/// it writes is there twice.
const WRITTEN_PART: u64 = 16;

/// The error when somebody else traces the process.
pub(crate) fn already_traced(process: &ProcessDir) -> Option<Error> {
    let status = process.read("status").ok()?;
    let tracer: u32 = field(&status, "TracerPid")?.parse().ok().filter(|&pid| pid != 0)?;
    let pid = process.pid();
    // The kernel names the thread that traces.
    let of_tracer = fs::read(format!("/proc/{tracer}/status")).unwrap_or_default();
    let tracer = field(&of_tracer, "Tgid").and_then(|pid| pid.parse().ok()).unwrap_or(tracer);
    let name = fs::read_to_string(format!("/proc/{tracer}/comm")).unwrap_or_default();
    let name = name.trim().replace(char::is_control, "?");
    let message = format!("process {pid} is traced by process {tracer} ({name}) already");
    let hint = format!(
        "a process has one tracer: end {tracer}, or read without stopping with --freeze none \
         (what is read may be torn)"
    );
    Some(Error::new(ErrorKind::PermissionDenied, message).with_hint(hint))
}

/// Whether the process has ended, or has begun to and lost its memory.
pub(crate) fn has_ended(process: &ProcessDir) -> bool {
    let sizes = process.read("statm").unwrap_or_default();
    !process.is_alive() || sizes.is_empty() || sizes.starts_with(b"0 ")
}

/// That it has.
pub(crate) fn ended(process: &ProcessDir) -> Error {
    let message = format!("process {} ended while it was being stopped", process.pid());
    Error::new(ErrorKind::TargetEnded, message)
}

/// The value of a line of `status`.
pub(crate) fn field<'t>(status: &'t [u8], name: &str) -> Option<&'t str> {
    let line = status.split(|&b| b == b'\n').find(|line| {
        line.strip_prefix(name.as_bytes()).is_some_and(|rest| rest.first() == Some(&b':'))
    })?;
    std::str::from_utf8(line.get(name.len() + 1..)?).ok().map(str::trim)
}

/// How the system calls of a thread are filtered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Seccomp {
    /// They are not.
    #[default]
    Off,
    /// By a filter, or all but a few are forbidden.
    On,
}

/// How the calls of a thread are filtered, or why it can make no copy.
pub(crate) fn thread(process: &ProcessDir, tid: u32) -> Result<Seccomp, String> {
    let status = process.read(&format!("task/{tid}/status")).map_err(|e| format!("{e:#}"))?;
    let features = field(&status, "x86_Thread_features").unwrap_or_default();
    if features.split_whitespace().any(|feature| feature == "shstk") {
        return Err(format!("thread {tid} runs with a shadow stack"));
    }
    Ok(match field(&status, "Seccomp") {
        None | Some("0") => Seccomp::Off,
        Some(_) => Seccomp::On,
    })
}

/// What speaks against a copy of the process.
pub(crate) fn refuse_copy(process: &ProcessDir) -> Result<(), String> {
    let status = process.read("status").map_err(|e| format!("{e:#}"))?;
    no_room(process, &status).map_or(Ok(()), Err)
}

/// Why a memory cgroup of the process has no room for a copy.
fn no_room(process: &ProcessDir, status: &[u8]) -> Option<String> {
    let Room { left, needed } = room(process, status)?;
    (left < needed).then(|| {
        format!(
            "its memory cgroup has room for {} KiB more and a copy may take {} KiB",
            left >> 10,
            needed >> 10
        )
    })
}

/// The room for a copy, bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    /// What the tightest memory cgroup of the process may take more.
    pub(crate) left: u64,
    /// What a copy may take.
    pub(crate) needed: u64,
}

/// The room in the memory cgroups of a process; `None` where none has a limit that can be seen.
pub(crate) fn room(process: &ProcessDir, status: &[u8]) -> Option<Room> {
    let kib = |name| {
        let text = field(status, name)?;
        text.strip_suffix(" kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
    };
    let tables = kib("VmPTE").unwrap_or(0);
    let written = kib("RssAnon").or_else(|| kib("VmRSS")).unwrap_or(0) / WRITTEN_PART;
    let needed = tables.saturating_add(written.max(LEAST_ROOM));
    let cgroup = process.read("cgroup").ok()?;
    let mounts = fs::read("/proc/self/mountinfo").ok()?;
    // Version 1 writes the largest number of pages where there is no limit.
    let left = places(&cgroup, &mounts).iter().flat_map(rooms).min().filter(|&n| n < NO_LIMIT)?;
    Some(Room { left, needed })
}

/// The room in each level of a memory cgroup that has a limit, bytes.
fn rooms(place: &Place) -> Vec<u64> {
    let (limit, usage, cache) = match place.version {
        Version::V1 => ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
        Version::V2 => ("memory.max", "memory.current", "inactive_file"),
    };
    let room = |folder: String| {
        let read = |name: &str| fs::read_to_string(format!("{folder}/{name}")).ok();
        let number = |name: &str| read(name)?.trim().parse::<u64>().ok();
        let limit = number(limit)?;
        let stat = read("memory.stat").unwrap_or_default();
        let cached = stat.lines().find_map(|line| {
            line.strip_prefix(cache)?.strip_prefix(' ')?.trim().parse::<u64>().ok()
        });
        let used = number(usage)?.saturating_sub(cached.unwrap_or(0));
        Some(limit.saturating_sub(used))
    };
    place.folders().filter_map(room).collect()
}

/// What the mappings of a target mean for a copy of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Layout {
    /// Mappings that a copy has as they are: first address and the one behind the last.
    pub(crate) plain: Vec<(u64, u64)>,
    /// Ranges that a copy has not, or has empty.
    pub(crate) lost: Vec<(u64, u64)>,
    /// Writable bytes that the target shares with others: they change in the copy too.
    pub(crate) shared: u64,
}

impl Layout {
    /// Reads the mappings of a process.
    ///
    /// # Errors
    /// Those of [`ProcessDir::mappings`].
    pub(crate) fn read(process: &ProcessDir) -> probe::Result<Self> {
        let mut layout = Self::default();
        process.mappings(|mapping| layout.add(&mapping))?;
        Ok(layout)
    }

    /// Only the mappings that the process may write and shares with nobody, without what costs
    /// time to know.
    ///
    /// # Errors
    /// Those of [`ProcessDir::read`].
    #[cfg(feature = "remote")]
    pub(crate) fn writable(process: &ProcessDir) -> probe::Result<Self> {
        let all = crate::images::mappings(process)?;
        let own = all.iter().filter(|m| m.perms.write && !m.perms.shared);
        Ok(Self { plain: own.map(|m| (m.start, m.end)).collect(), ..Self::default() })
    }

    fn add(&mut self, mapping: &Mapping<'_>) {
        let range = (mapping.start, mapping.end);
        // Device memory cannot be read anyhow.
        let device = mapping.has_flag("io") || mapping.has_flag("pf");
        if mapping.has_flag("dc") || mapping.has_flag("wf") {
            if mapping.perms.read && !device {
                self.lost.push(range);
            }
        } else if mapping.perms.shared {
            if mapping.perms.write && !device {
                self.shared = self.shared.saturating_add(mapping.len());
            }
        } else {
            self.plain.push(range);
        }
    }

    /// Whether a range lies in one plain mapping.
    pub(crate) fn holds(&self, low: u64, high: u64) -> bool {
        let after = self.plain.partition_point(|(start, _)| *start <= low);
        let last = after.checked_sub(1).and_then(|at| self.plain.get(at));
        last.is_some_and(|(_, end)| high <= *end)
    }

    /// What a reader of the copy should know.
    pub(crate) fn issues(&self) -> Vec<Issue> {
        let message = format!(
            "{} KiB of memory that the target shares with other processes are not frozen: they \
             may change while they are read",
            self.shared >> 10
        );
        if self.shared == 0 { Vec::new() } else { vec![Issue::info(message)] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_by_their_whole_name() {
        let status = b"Name:\tTracerPid: 7\nTracerPid:\t12\nSeccomp:\t0\nSeccomp_filters:\t3\n";
        assert_eq!(field(status, "TracerPid"), Some("12"));
        assert_eq!(field(status, "Seccomp"), Some("0"));
        assert_eq!(field(status, "Trace"), None);
        assert_eq!(field(b"Seccomp:\xff", "Seccomp"), None);
        assert_eq!(field(b"Seccomp:", "Seccomp"), Some(""));
    }

    #[test]
    fn mappings_are_told_apart() {
        let smaps = b"1000-3000 rw-p 00000000 00:00 0\nVmFlags: rd wr mr\n\
            3000-4000 rw-p 00000000 00:00 0\nVmFlags: rd wr mr dc\n\
            4000-5000 rw-p 00000000 00:00 0\nVmFlags: rd wr wf\n\
            5000-6000 rw-s 00000000 00:00 0\nVmFlags: rd wr sh\n\
            6000-7000 r--s 00000000 00:00 0\nVmFlags: rd sh\n\
            7000-8000 rw-s 00000000 00:00 0\nVmFlags: rd wr sh io pf dc\n";
        let mut layout = Layout::default();
        crate::procfs::smaps::parse(smaps).for_each(|m| layout.add(&m));
        assert_eq!(layout.plain, [(0x1000, 0x3000)]);
        assert_eq!(layout.lost, [(0x3000, 0x4000), (0x4000, 0x5000)]);
        assert_eq!(layout.shared, 0x1000);
        assert!(layout.holds(0x1000, 0x3000));
        assert!(!layout.holds(0xfff, 0x1001));
        assert!(!layout.holds(0x2fff, 0x3001));
    }
}
