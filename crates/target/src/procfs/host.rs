//! The machine as a whole: memory, pressure, boot, settings.

use super::text;

/// `/proc/meminfo`, bytes.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Meminfo {
    /// All memory.
    pub total: Option<u64>,
    /// What programs can have without swapping (Linux 3.14 and up).
    pub available: Option<u64>,
    /// What nobody uses.
    pub free: Option<u64>,
    /// Shared memory and tmpfs.
    pub shmem: Option<u64>,
    /// All swap.
    pub swap_total: Option<u64>,
    /// Swap that nobody uses.
    pub swap_free: Option<u64>,
}

impl Meminfo {
    /// Reads the text of `meminfo`.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Self {
        let mut info = Self::default();
        for (name, value) in text::lines(bytes).filter_map(text::field) {
            let field = match name {
                b"MemTotal" => &mut info.total,
                b"MemAvailable" => &mut info.available,
                b"MemFree" => &mut info.free,
                b"Shmem" => &mut info.shmem,
                b"SwapTotal" => &mut info.swap_total,
                b"SwapFree" => &mut info.swap_free,
                _ => continue,
            };
            *field = text::kib(value);
        }
        info
    }
}

/// A line of pressure stall information.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Stall {
    /// Share of the last 10 s in which tasks stalled, 0 to 1.
    pub avg10: f64,
    /// Time stalled since boot (or since the cgroup was made), nanoseconds.
    pub total_ns: u64,
}

/// Pressure stall information on memory: `/proc/pressure/memory` or a cgroup's `memory.pressure`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Pressure {
    /// At least one task stalled.
    pub some: Option<Stall>,
    /// All tasks stalled at once.
    pub full: Option<Stall>,
}

impl Pressure {
    /// Reads the text; lines that make no sense are left out.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Self {
        let mut pressure = Self::default();
        for line in text::lines(bytes) {
            match text::words(line).next() {
                Some(b"some") => pressure.some = stall(line),
                Some(b"full") => pressure.full = stall(line),
                _ => {}
            }
        }
        pressure
    }
}

fn stall(line: &[u8]) -> Option<Stall> {
    let value = |name: &[u8]| text::words(line).find_map(|word| word.strip_prefix(name));
    let percent: f64 = std::str::from_utf8(value(b"avg10=")?).ok()?.parse().ok()?;
    let microseconds = text::number(value(b"total=")?)?;
    (0.0..=100.0)
        .contains(&percent)
        .then_some(Stall { avg10: percent / 100.0, total_ns: microseconds.saturating_mul(1000) })
}

/// When the machine was started, seconds since the Unix epoch: `btime` of `/proc/stat`.
#[must_use]
pub fn parse_boot_time(stat: &[u8]) -> Option<u64> {
    text::lines(stat).find_map(|line| text::number(line.strip_prefix(b"btime ")?.trim_ascii()))
}

/// For how long the machine has been up, nanoseconds to 10 ms: `/proc/uptime`.
#[must_use]
pub fn parse_uptime(bytes: &[u8]) -> Option<u64> {
    let word = text::words(bytes.trim_ascii()).next()?;
    let point = word.iter().position(|&b| b == b'.')?;
    let hundredths = &word[point + 1..];
    if hundredths.len() != 2 {
        return None;
    }
    let seconds = text::number(&word[..point])?.checked_mul(1_000_000_000)?;
    seconds.checked_add(text::number(hundredths)? * 10_000_000)
}

/// Settings of the kernel that decide what may be looked at. `None`: this kernel has none.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KernelSettings {
    /// `kernel.yama.ptrace_scope`: 0 same user, 1 descendants, 2 administrator, 3 nobody.
    pub ptrace_scope: Option<u64>,
    /// `kernel.pid_max`.
    pub pid_max: Option<u64>,
    /// `vm.overcommit_memory`: 0 heuristic, 1 always, 2 never.
    pub overcommit: Option<u64>,
    /// `vm.max_map_count`: the most mappings a process may have.
    pub max_mappings: Option<u64>,
}

#[cfg(target_os = "linux")]
pub use io::*;

#[cfg(target_os = "linux")]
mod io {
    use std::fs;

    use super::super::{cgroup, text};
    use super::{KernelSettings, Meminfo};

    /// `/proc/meminfo` of this machine; empty where it cannot be read.
    #[must_use]
    pub fn meminfo() -> Meminfo {
        fs::read("/proc/meminfo").map(|bytes| Meminfo::parse(&bytes)).unwrap_or_default()
    }

    /// The settings of this machine.
    #[must_use]
    pub fn kernel_settings() -> KernelSettings {
        let read = |path: &str| text::number(fs::read(path).ok()?.trim_ascii());
        KernelSettings {
            ptrace_scope: read("/proc/sys/kernel/yama/ptrace_scope"),
            pid_max: read("/proc/sys/kernel/pid_max"),
            overcommit: read("/proc/sys/vm/overcommit_memory"),
            max_mappings: read("/proc/sys/vm/max_map_count"),
        }
    }

    /// Whether `/proc` is mounted so that it hides the processes of other users (`hidepid`).
    #[must_use]
    pub fn hides_processes() -> bool {
        let Ok(bytes) = fs::read("/proc/self/mountinfo") else { return false };
        // The last mount on a place is the one that is seen.
        cgroup::parse_mountinfo(&bytes)
            .filter(|mount| mount.mount_point == "/proc")
            .last()
            .is_some_and(|mount| mount.super_options.split(',').any(is_hiding))
    }

    fn is_hiding(option: &str) -> bool {
        option.strip_prefix("hidepid=").is_some_and(|level| !matches!(level, "0" | "off"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_is_read() {
        let info = Meminfo::parse(b"MemTotal:  100 kB\nMemFree: 5 kB\nSwapFree:\t0 kB\nHugeX: 1\n");
        assert_eq!((info.total, info.available), (Some(100 << 10), None));
        assert_eq!((info.free, info.swap_free), (Some(5 << 10), Some(0)));
        let pressure = Pressure::parse(
            b"some avg10=12.50 avg60=0.00 avg300=0.00 total=42\nfull avg10=nan total=1\n",
        );
        assert_eq!(pressure.some, Some(Stall { avg10: 0.125, total_ns: 42_000 }));
        assert_eq!(pressure.full, None);
        assert_eq!(parse_boot_time(b"cpu  1 2\nbtime 1700000000\n"), Some(1_700_000_000));
        assert_eq!(parse_uptime(b"12.34 5.00\n"), Some(12_340_000_000));
        for bad in [&b""[..], b"12", b"12.3 4", b"x.00", b"99999999999999999999.00"] {
            assert_eq!(parse_uptime(bad), None);
        }
    }
}
