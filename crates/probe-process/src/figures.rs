//! What is measured, as plain values. All sizes are bytes. `None` is "not known", never zero.

/// The cheap figures: what one read of `statm` tells.
///
/// Since Linux 6.2 the kernel keeps these counters per CPU and sums them loosely: each may be
/// off by up to 64 pages for every CPU. [`Memory`] is exact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rss {
    /// Resident set, bytes.
    pub rss: u64,
    /// The anonymous part of it: resident and neither file nor shared memory, bytes. Always
    /// known on Linux.
    pub rss_anon: Option<u64>,
    /// Address space, bytes.
    pub vss: u64,
}

/// Where the figures of a [`Memory`] come from, best first.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Source {
    /// `smaps_rollup`: exact.
    #[default]
    Rollup,
    /// `smaps`, summed: exact, slower, without the parts of the PSS (kernels before 4.14).
    Smaps,
    /// `status`: without USS and PSS, loose figures (no right to read more, or a kernel without
    /// `smaps`).
    Status,
    /// The process has ended and waits for its parent: no memory at all.
    Zombie,
    /// What the platform's own interface gives; not Linux.
    Platform,
}

/// Everything the platform says about the memory of one process.
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// Where the figures come from.
    pub source: Source,
    /// Short name of the process.
    pub name: Option<String>,
    /// One-letter state of `/proc/PID/stat`.
    pub state: Option<char>,
    /// Resident set, bytes.
    pub rss: Option<u64>,
    /// Resident anonymous memory, bytes.
    pub rss_anon: Option<u64>,
    /// Resident file pages, bytes: `rss` less the other two parts.
    pub rss_file: Option<u64>,
    /// Resident shared memory, bytes; the kernel reports it loosely only.
    pub rss_shmem: Option<u64>,
    /// Address space, bytes.
    pub vss: Option<u64>,
    /// Highest resident set so far, bytes.
    pub peak_rss: Option<u64>,
    /// Proportional set, bytes: each page divided by the number of its mappers, so that the sum
    /// over processes counts each page once.
    pub pss: Option<u64>,
    /// The anonymous part of the PSS, bytes.
    pub pss_anon: Option<u64>,
    /// The file part of the PSS, bytes.
    pub pss_file: Option<u64>,
    /// The shared-memory part of the PSS, bytes.
    pub pss_shmem: Option<u64>,
    /// Unique set, bytes: what would be free if this process ended.
    pub uss: Option<u64>,
    /// Swapped out, bytes.
    pub swap: Option<u64>,
    /// Proportional share of what is swapped out, bytes.
    pub swap_pss: Option<u64>,
    /// Anonymous memory in huge pages, bytes.
    pub huge: Option<u64>,
    /// Freed with `MADV_FREE` and still resident, bytes.
    pub lazy_free: Option<u64>,
    /// Page tables, bytes.
    pub page_tables: Option<u64>,
    /// Threads.
    pub threads: Option<u64>,
    /// Open handles of all kinds.
    pub handles: Option<u64>,
    /// Page faults without I/O since the start.
    pub minor_faults: Option<u64>,
    /// Page faults with I/O since the start.
    pub major_faults: Option<u64>,
    /// CPU time in user mode, nanoseconds since the start.
    pub cpu_user_ns: Option<u64>,
    /// CPU time in the kernel, nanoseconds since the start.
    pub cpu_system_ns: Option<u64>,
    /// For how long the main thread has waited for a core, nanoseconds since the start.
    pub cpu_waited_ns: Option<u64>,
}

/// The open handles of one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HandleGroup {
    /// `file`, `socket`, `pipe`, `memfd`...
    pub kind: String,
    /// How many.
    pub count: u64,
    /// What the one with the highest number leads to: mostly the newest.
    pub example: String,
}

/// The open handles of a process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Handles {
    /// By kind, most first.
    pub groups: Vec<HandleGroup>,
    /// Whether there were more than were looked at.
    pub cut: bool,
}

/// A limit on memory, and what is used of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limit {
    /// `cgroup`, `rlimit` or `host`.
    pub scope: &'static str,
    /// `memory.max`, `RLIMIT_AS`, `MemTotal`...
    pub name: &'static str,
    /// Folder of the cgroup, or what the limit applies to.
    pub place: String,
    /// The limit, bytes; `None`: there is none.
    pub limit: Option<u64>,
    /// What is used of it, bytes.
    pub used: Option<u64>,
    /// The part of `used` that the kernel can take back at once: page cache not used of late,
    /// bytes.
    pub reclaimable: Option<u64>,
    /// Which figure counts against it: `rss`, `vss`, `data`, `host`.
    pub against: &'static str,
}
