//! Names of the tables and columns that the standard probes fill and the rules read.
//!
//! A rule never asks *which probe* a table came from: any probe that fills these tables is
//! judged by the same rules. Every cell may be missing. Bytes are bytes, never KiB.

mod native;
mod python;

pub use native::{
    allocators, block_samples, malloc_arenas, malloc_free, malloc_holes, malloc_settings,
    mapping_holders, native_blocks, native_heap, private_memory,
};
pub use python::{
    census, free_lists, gc, interpreters, levers, pymalloc, python_threads, size_classes, stacks,
    tracemalloc, tracemalloc_files, tracemalloc_lines, tracemalloc_tracebacks,
};

/// One row per process of the target's tree. Question `rss` fills only the columns marked (c).
pub mod processes {
    /// The table.
    pub const TABLE: &str = "processes";
    /// Key (c): PID in the observer's namespace.
    pub const PID: &str = "pid";
    /// Key (c): the start mark of [`Target::start_id`](crate::Target::start_id).
    pub const START_ID: &str = "start_id";
    /// Attribute (c): PID of the parent; missing for the root of the tree.
    pub const PARENT: &str = "parent";
    /// Attribute: short name (`comm`).
    pub const NAME: &str = "name";
    /// Attribute: command line.
    pub const COMMAND: &str = "command";
    /// Attribute: one-letter state of `/proc/PID/stat`.
    pub const STATE: &str = "state";

    /// Level, bytes (c): resident set. From `statm`, which the kernel keeps per CPU and sums
    /// loosely (Linux 6.2 and up), for question `rss`; exact for question `memory`.
    pub const RSS: &str = "rss";
    /// Level, bytes (c): resident anonymous memory (`statm` resident - shared; `RssAnon`).
    pub const RSS_ANON: &str = "rss_anon";
    /// Level, bytes: resident file pages.
    pub const RSS_FILE: &str = "rss_file";
    /// Level, bytes: resident shared memory (tmpfs, SysV, shared anonymous).
    pub const RSS_SHMEM: &str = "rss_shmem";
    /// Level, bytes (c): virtual size.
    pub const VSS: &str = "vss";
    /// Level, bytes: the highest RSS so far.
    pub const PEAK_RSS: &str = "peak_rss";
    /// Level, bytes: proportional set: each page divided by the number of its mappers.
    pub const PSS: &str = "pss";
    /// Level, bytes: the anonymous part of the PSS.
    pub const PSS_ANON: &str = "pss_anon";
    /// Level, bytes: the file part of the PSS.
    pub const PSS_FILE: &str = "pss_file";
    /// Level, bytes: the shared-memory part of the PSS.
    pub const PSS_SHMEM: &str = "pss_shmem";
    /// Level, bytes: unique set: private clean and dirty pages.
    pub const USS: &str = "uss";
    /// Level, bytes: swapped out.
    pub const SWAP: &str = "swap";
    /// Level, bytes: proportional share of what is swapped out.
    pub const SWAP_PSS: &str = "swap_pss";
    /// Level, bytes: anonymous huge pages.
    pub const HUGE: &str = "huge";
    /// Level, bytes: freed with `MADV_FREE` and still resident: the kernel takes it when it must.
    pub const LAZY_FREE: &str = "lazy_free";
    /// Level, bytes: page tables.
    pub const PAGE_TABLES: &str = "page_tables";
    /// Level, count.
    pub const THREADS: &str = "threads";
    /// Level, count: open handles of all kinds.
    pub const HANDLES: &str = "handles";
    /// Counter, count: page faults that needed no I/O.
    pub const MINOR_FAULTS: &str = "minor_faults";
    /// Counter, count: page faults that needed I/O.
    pub const MAJOR_FAULTS: &str = "major_faults";
    /// Counter, ns: CPU time in user mode.
    pub const CPU_USER: &str = "cpu_user";
    /// Counter, ns: CPU time in the kernel.
    pub const CPU_SYSTEM: &str = "cpu_system";
    /// Counter, ns: for how long the main thread has waited for a core.
    pub const CPU_WAITED: &str = "cpu_waited";
}

/// Mappings grouped by process, kind and name (question `mappings`).
pub mod mappings {
    /// The table.
    pub const TABLE: &str = "mappings";
    /// Key: PID.
    pub const PID: &str = "pid";
    /// Key: one of [`KINDS`].
    pub const KIND: &str = "kind";
    /// Key: path, name or label of the group.
    pub const NAME: &str = "name";
    /// Level, count: mappings in the group.
    pub const COUNT: &str = "mappings";
    /// Level, bytes: address space.
    pub const SIZE: &str = "size";
    /// Level, bytes.
    pub const RSS: &str = "rss";
    /// Level, bytes.
    pub const PSS: &str = "pss";
    /// Level, bytes.
    pub const PRIVATE_DIRTY: &str = "private_dirty";
    /// Level, bytes.
    pub const PRIVATE_CLEAN: &str = "private_clean";
    /// Level, bytes.
    pub const SHARED_DIRTY: &str = "shared_dirty";
    /// Level, bytes.
    pub const SHARED_CLEAN: &str = "shared_clean";
    /// Level, bytes.
    pub const ANONYMOUS: &str = "anonymous";
    /// Level, bytes.
    pub const SWAP: &str = "swap";
    /// Level, bytes: huge pages of all kinds.
    pub const HUGE: &str = "huge";
    /// Level, bytes.
    pub const LAZY_FREE: &str = "lazy_free";

    /// `[heap]`: the brk heap.
    pub const HEAP: &str = "heap";
    /// Private anonymous memory.
    pub const ANON: &str = "anonymous";
    /// The main thread's stack, and thread stacks where they can be told.
    pub const STACK: &str = "stack";
    /// A shared library or the executable.
    pub const LIBRARY: &str = "library";
    /// Any other mapped file.
    pub const FILE: &str = "file";
    /// Shared memory and tmpfs, memfd, SysV.
    pub const SHARED: &str = "shared";
    /// Executable anonymous memory.
    pub const JIT: &str = "jit";
    /// vdso, vvar, vsyscall.
    pub const VDSO: &str = "vdso";
    /// Devices and whatever else.
    pub const OTHER: &str = "other";
    /// All kinds.
    pub const KINDS: [&str; 9] = [HEAP, ANON, STACK, LIBRARY, FILE, SHARED, JIT, VDSO, OTHER];
}

/// Open handles by process and kind (question `handles`).
pub mod handles {
    /// The table.
    pub const TABLE: &str = "handles";
    /// Key: PID.
    pub const PID: &str = "pid";
    /// Key: `file`, `socket`, `pipe`, `eventfd`, `epoll`, `memfd`, `timerfd`, `inotify`, ...
    pub const KIND: &str = "kind";
    /// Level, count.
    pub const COUNT: &str = "handles";
    /// Attribute: the newest of them, as an example.
    pub const EXAMPLE: &str = "example";
}

/// What threads wait for (question `thread_waits`): those at one place together.
pub mod thread_waits {
    /// The table.
    pub const TABLE: &str = "thread_waits";
    /// Key: PID.
    pub const PID: &str = "pid";
    /// Key: name of the threads (`comm`); a star stands for digits at its end.
    pub const NAME: &str = "name";
    /// Key: the system call that they are in; `running` when in none; empty where not told.
    pub const CALL: &str = "call";
    /// Key: the function of the kernel that they sleep in (`wchan`); empty where not told.
    pub const KERNEL: &str = "kernel";
    /// Level, count.
    pub const THREADS: &str = "threads";
    /// Attribute: number of the newest of them.
    pub const NEWEST: &str = "newest";
}

/// Shared-memory files that the tree made, mapped or not, left behind or not
/// (question `shared_memory`).
pub mod shared_memory {
    /// The table.
    pub const TABLE: &str = "shared_memory";
    /// Key: path.
    pub const PATH: &str = "path";
    /// Key: inode, so that a name used again is another file.
    pub const INODE: &str = "inode";
    /// Attribute: `mapped`, `open` (held by a process of the tree) or `left` (by nobody of it).
    pub const STATE: &str = "state";
    /// Level, bytes: what the file takes up.
    pub const BYTES: &str = "bytes";
    /// Level, bytes: the part that no process of the tree has mapped, so that no RSS shows it.
    pub const UNMAPPED: &str = "unmapped";
}

/// Limits that end the process when memory reaches them (question `limits`).
pub mod limits {
    /// The table.
    pub const TABLE: &str = "limits";
    /// Key: `cgroup`, `rlimit`, `host`.
    pub const SCOPE: &str = "scope";
    /// Key: `memory.max`, `RLIMIT_AS`, `MemTotal`, ...
    pub const NAME: &str = "name";
    /// Attribute: path of the cgroup, or what it applies to.
    pub const PLACE: &str = "place";
    /// Level, bytes: the limit; missing: none.
    pub const LIMIT: &str = "limit";
    /// Level, bytes: what is used of it.
    pub const USED: &str = "used";
    /// Level, bytes: the part of `used` that the kernel can take back at once: page cache that
    /// was not used of late.
    pub const RECLAIMABLE: &str = "reclaimable";
    /// Attribute, text: the figure of the target that counts against it: `rss`, `vss`, `data`,
    /// `host`.
    pub const AGAINST: &str = "against";
}

/// Pressure stall information (question `pressure`).
pub mod pressure {
    /// The table.
    pub const TABLE: &str = "pressure";
    /// Key: `host` or `cgroup`.
    pub const SCOPE: &str = "scope";
    /// Key: `some` or `full`.
    pub const KIND: &str = "kind";
    /// Attribute, ratio: share of the last 10 s in which tasks stalled on memory.
    pub const AVG10: &str = "avg10";
    /// Counter, ns: total stall time.
    pub const TOTAL: &str = "total";
}

/// The ways in which reachable Python objects are held, each object by one of them (question
/// `holders`).
pub mod holders {
    /// The table.
    pub const TABLE: &str = "holders";
    /// Key: PID.
    pub const PID: &str = "pid";
    /// Key: the way from a root to the objects, as a text.
    pub const PATH: &str = "path";
    /// Level, count: objects that are held this way.
    pub const OBJECTS: &str = "objects";
    /// Level, bytes: their own blocks and buffers.
    pub const BYTES: &str = "bytes";
    /// Attribute: the way as JSON, a list of steps as in the report: `kind`, `name`, `type`.
    pub const STEPS: &str = "steps";
}

/// Containers that never get more members than they were told: caches of `functools.lru_cache`
/// with a `maxsize`, deques with a `maxlen` (question `holders`).
pub mod bounds {
    /// The table.
    pub const TABLE: &str = "bounds";
    /// Key: PID.
    pub const PID: &str = "pid";
    /// Key: the way from a root to the containers, as a text; that of `holders`.
    pub const PATH: &str = "path";
    /// Level, count: containers that are held this way and have a bound.
    pub const CONTAINERS: &str = "containers";
    /// Level, count: members that they have.
    pub const LENGTH: &str = "length";
    /// Level, count: the most members that they may have.
    pub const MOST: &str = "most";
}

/// Python objects that no root leads to and whose every reference is known: only reference
/// cycles keep them (question `holders`).
pub mod garbage {
    /// The table.
    pub const TABLE: &str = "garbage";
    /// Key: PID.
    pub const PID: &str = "pid";
    /// Key: `module.qualname`.
    pub const TYPE: &str = "type";
    /// Level, count.
    pub const OBJECTS: &str = "objects";
    /// Level, bytes: their own blocks and buffers.
    pub const BYTES: &str = "bytes";
    /// Attribute: a cycle that one of them is part of, as JSON: a list of steps.
    pub const CYCLE: &str = "cycle";
    /// Attribute: a type in such a cycle that does not tell the collector what it refers to, so
    /// that the cycle is never found.
    pub const BLOCKED_BY: &str = "blocked_by";
}

/// Python objects with more references than anything in the process accounts for (question
/// `audit`).
pub mod refcounts {
    /// The table.
    pub const TABLE: &str = "refcounts";
    /// Key: PID.
    pub const PID: &str = "pid";
    /// Key: `module.qualname`.
    pub const TYPE: &str = "type";
    /// Level, count: objects with such references.
    pub const OBJECTS: &str = "objects";
    /// Level, count: those among them to which no pointer exists anywhere in the process.
    pub const UNREFERENCED: &str = "unreferenced";
    /// Level, count: references too many.
    pub const REFERENCES: &str = "references";
    /// Level, bytes: own blocks and buffers of these objects.
    pub const BYTES: &str = "bytes";
    /// Level, count: other objects that are reachable through these alone.
    pub const HELD_OBJECTS: &str = "held_objects";
    /// Level, bytes: blocks and buffers of those others.
    pub const HELD_BYTES: &str = "held_bytes";
    /// Attribute: what most of these objects refer to, as number and type.
    pub const REFERS_TO: &str = "refers_to";
}
