//! Tables of the native heap.

/// Parts of the native heap as the mappings show them (question `native`).
pub mod native_heap {
    /// The table.
    pub const TABLE: &str = "native_heap";
    /// Key: PID.
    pub const PID: &str = "pid";
    /// Key: `main heap`, `thread arena`, `mmapped block`, `thread stack`.
    pub const PART: &str = "part";
    /// Key, address: start; 0 for a row that sums up.
    pub const ADDRESS: &str = "address";
    /// Level, count: mappings.
    pub const COUNT: &str = "mappings";
    /// Level, bytes: address space that can be written.
    pub const SIZE: &str = "size";
    /// Level, bytes: reserved address space that cannot be touched yet.
    pub const RESERVED: &str = "reserved";
    /// Level, bytes: resident.
    pub const RSS: &str = "rss";
    /// Level, bytes: resident, but the kernel may take it at any time (`MADV_FREE`).
    pub const FREE_TO_RETURN: &str = "free_to_return";
    /// Level, bytes: swapped out.
    pub const SWAP: &str = "swap";
}

/// Arenas of glibc's `malloc` (question `malloc`). Bytes of chunks count their headers.
pub mod malloc_arenas {
    /// The table.
    pub const TABLE: &str = "malloc_arenas";
    /// Key: PID.
    pub const PID: &str = "pid";
    /// Key, address: the arena's state; 0 for a row that sums up.
    pub const ARENA: &str = "arena";
    /// Key: `main`, which grows with `brk`, or `thread`.
    pub const KIND: &str = "kind";
    /// Level, count: threads that allocate from it.
    pub const THREADS: &str = "threads";
    /// Level, count: stretches of address space that it has memory in.
    pub const HEAPS: &str = "heaps";
    /// Level, bytes: what it has from the system.
    pub const BYTES: &str = "bytes";
    /// Attribute, bytes: the most it ever had.
    pub const PEAK: &str = "peak";
    /// Level, count: blocks in use.
    pub const BLOCKS: &str = "blocks";
    /// Level, bytes: blocks in use.
    pub const BYTES_USED: &str = "bytes_used";
    /// Level, bytes: free chunks in bins.
    pub const BYTES_FREE: &str = "bytes_free";
    /// Level, bytes: free chunks in fast bins, which are not merged with their neighbours.
    pub const BYTES_FAST: &str = "bytes_fast";
    /// Level, bytes: free chunks in caches of threads.
    pub const BYTES_CACHED: &str = "bytes_cached";
    /// Level, bytes: the end of the newest heap, of which nothing was handed out.
    pub const BYTES_TOP: &str = "bytes_top";
    /// Level, bytes: what makes no sense as chunks.
    pub const BYTES_UNKNOWN: &str = "bytes_unknown";
    /// Attribute, bytes: the largest free chunk inside.
    pub const LARGEST: &str = "largest";
    /// Level, bytes: resident pages at the top that `malloc_trim(0)` would give back.
    pub const TRIM_TOP: &str = "trim_top";
    /// Level, bytes: resident whole pages inside of free chunks that it would give back.
    pub const TRIM_INSIDE: &str = "trim_inside";
    /// Level, bytes: resident pages of its top, at the end of its newest heap.
    pub const TOP_RESIDENT: &str = "top_resident";
    /// Level, bytes: resident memory of it that is free, on whichever list, tops included.
    pub const FREE_RESIDENT: &str = "free_resident";
}

/// Free chunks of glibc's `malloc` by list and size, all arenas together (question `malloc`).
pub mod malloc_free {
    /// The table.
    pub const TABLE: &str = "malloc_free";
    /// Key: PID.
    pub const PID: &str = "pid";
    /// Key: `bin`, `unsorted`, `fast`, `cache`, `top`.
    pub const LIST: &str = "list";
    /// Key, bytes: the largest chunk of the row: exact up to 1024, then powers of two.
    pub const UP_TO: &str = "up_to";
    /// Level, count: chunks.
    pub const CHUNKS: &str = "chunks";
    /// Level, bytes: chunks.
    pub const BYTES: &str = "bytes";
}

/// The largest free chunks inside the heaps of glibc's `malloc` (question `malloc`).
pub mod malloc_holes {
    /// The table.
    pub const TABLE: &str = "malloc_holes";
    /// Key: PID.
    pub const PID: &str = "pid";
    /// Key, address: the chunk.
    pub const ADDRESS: &str = "address";
    /// Attribute, address: its arena.
    pub const ARENA: &str = "arena";
    /// Level, bytes: the chunk.
    pub const BYTES: &str = "bytes";
    /// Level, bytes: what of it is resident.
    pub const RSS: &str = "rss";
}

/// Settings of glibc's `malloc`, and blocks outside of arenas (question `malloc`).
pub mod malloc_settings {
    /// The table.
    pub const TABLE: &str = "malloc_settings";
    /// Key: PID.
    pub const PID: &str = "pid";
    /// Level, count: blocks with a mapping of their own.
    pub const MMAPS: &str = "mmaps";
    /// Level, bytes: those blocks.
    pub const MMAPPED: &str = "mmapped";
    /// Level, count: caches of threads that hold something.
    pub const CACHES: &str = "caches";
    /// Attribute, bytes: larger blocks get a mapping of their own (`MALLOC_MMAP_THRESHOLD_`).
    pub const MMAP_THRESHOLD: &str = "mmap_threshold";
    /// Attribute, bytes: a longer top of the main heap is given back (`MALLOC_TRIM_THRESHOLD_`).
    pub const TRIM_THRESHOLD: &str = "trim_threshold";
    /// Attribute, bool: whether these two grow by themselves.
    pub const DYNAMIC: &str = "dynamic";
    /// Attribute, bytes: what is asked for in addition (`MALLOC_TOP_PAD_`).
    pub const TOP_PAD: &str = "top_pad";
    /// Attribute, count: the most arenas (`MALLOC_ARENA_MAX`); 0: 8 per core.
    pub const ARENA_MAX: &str = "arena_max";
}

/// Allocators whose code is in the process (questions `native` and `malloc`).
pub mod allocators {
    /// The table.
    pub const TABLE: &str = "allocators";
    /// Key: PID.
    pub const PID: &str = "pid";
    /// Key: `glibc`, `musl`, `jemalloc`, `mimalloc`, `tcmalloc`, `asan`, `tsan`, `msan`, `lsan`.
    pub const ALLOCATOR: &str = "allocator";
    /// Attribute: its version, where it can be told.
    pub const VERSION: &str = "version";
    /// Key: file that holds it.
    pub const LIBRARY: &str = "library";
    /// Level, count: blocks in use; of mimalloc 2.0 alone.
    pub const BLOCKS: &str = "blocks";
    /// Level, bytes: what these take, as the allocator rounds them.
    pub const BYTES_USED: &str = "bytes_used";
}

/// Blocks in use of `malloc` and of the interpreter's allocator by what they are, how large and
/// who holds them (question `blocks`). What is in them is not written out: [`block_samples`] has some of
/// it, for who asks.
pub mod native_blocks {
    /// The table.
    pub const TABLE: &str = "native_blocks";
    /// Key: PID.
    pub const PID: &str = "pid";
    /// Key: [`MALLOC`] or [`PYMALLOC`].
    pub const ALLOCATOR: &str = "allocator";
    /// Key, bytes: usable bytes of a block: exact up to 1032, else the next power of two.
    pub const SIZE_CLASS: &str = "size_class";
    /// Key: one of [`OBJECT`], [`BUFFER`], [`REACHABLE`], [`UNREACHABLE`].
    pub const STATE: &str = "state";
    /// Key: of reachable blocks who holds them: a variable of a library (`library+0x10`, counted
    /// from the start of its file), `object TYPE`, a library that the block points into, `stack`,
    /// `registers`, `anonymous memory`; of unreachable ones the library that they point into.
    /// Empty where there is none, and for the other states.
    pub const HOLDER: &str = "holder";
    /// Level, count.
    pub const BLOCKS: &str = "blocks";
    /// Level, bytes: usable bytes of these blocks.
    pub const BYTES: &str = "bytes";
    /// Level, bytes: what of them is resident: whole pages of blocks of 64 KiB and up that are no
    /// objects, all bytes of others.
    pub const RESIDENT: &str = "resident";
    /// Attribute: what most of these blocks seem to hold: `zero`, `text`, `pointers`,
    /// `code pointer` (they begin with an address in a library), `other`.
    pub const CONTENT: &str = "content";
    /// Attribute: libraries that come neither with Python nor with the system, where nothing
    /// tells whose blocks are: unreachable ones, and those behind stacks, registers, memory of no
    /// library, capsules and addresses kept as numbers. Without one, Python's own modules and
    /// libraries of the system but the C library.
    pub const CANDIDATES: &str = "candidates";

    /// glibc's `malloc`.
    pub const MALLOC: &str = "malloc";
    /// The interpreter's allocator for up to 512 bytes.
    pub const PYMALLOC: &str = "pymalloc";
    /// A Python object lies in the block.
    pub const OBJECT: &str = "object";
    /// A Python object has its contents in the block.
    pub const BUFFER: &str = "buffer";
    /// Native memory to which a root leads.
    pub const REACHABLE: &str = "reachable";
    /// Native memory to which no pointer of a root leads.
    pub const UNREACHABLE: &str = "unreachable";
}

/// The first bytes of some native blocks (question `blocks`), where contents are asked for: the keys are
/// those of [`native_blocks`], and the address.
pub mod block_samples {
    /// The table.
    pub const TABLE: &str = "block_samples";
    /// Key: PID.
    pub const PID: &str = "pid";
    /// Key: as in [`native_blocks`](super::native_blocks).
    pub const ALLOCATOR: &str = "allocator";
    /// Key, bytes: as there.
    pub const SIZE_CLASS: &str = "size_class";
    /// Key: `reachable` or `unreachable`.
    pub const STATE: &str = "state";
    /// Key: as there.
    pub const HOLDER: &str = "holder";
    /// Key, address: the block.
    pub const ADDRESS: &str = "address";
    /// Attribute: its first 64 bytes as text, a dot for each that cannot be printed.
    pub const TEXT: &str = "text";
    /// Attribute: the same in hexadecimal digits, by words of 8 bytes.
    pub const BYTES: &str = "bytes";
}

/// Resident memory that belongs to no file, each byte once, by what it is (question `blocks`).
/// With the file and shared pages of [`mappings`](crate::tables::mappings) it makes the RSS.
pub mod private_memory {
    /// The table.
    pub const TABLE: &str = "private_memory";
    /// Key: PID.
    pub const PID: &str = "pid";
    /// Key: one of the names below.
    pub const PART: &str = "part";
    /// Key: the type of objects and buffers, the holder of native blocks, the library of data and
    /// mappings; empty where there is none.
    pub const NAME: &str = "name";
    /// Level, count: blocks, pools, stacks or mappings.
    pub const COUNT: &str = "count";
    /// Level, bytes: resident.
    pub const RESIDENT: &str = "resident";

    /// Blocks that are Python objects.
    pub const OBJECTS: &str = "objects";
    /// Blocks in which Python objects have their contents.
    pub const BUFFERS: &str = "buffers";
    /// Other blocks to which something leads.
    pub const REACHABLE: &str = "native reachable";
    /// Other blocks to which nothing leads.
    pub const UNREACHABLE: &str = "native unreachable";
    /// Free blocks in pools of pymalloc that have others in use.
    pub const PYMALLOC_FREE: &str = "pymalloc free";
    /// Pools of pymalloc without a block in use.
    pub const PYMALLOC_EMPTY: &str = "pymalloc empty";
    /// Headers and ends of pools of pymalloc.
    pub const PYMALLOC_LOST: &str = "pymalloc lost";
    /// Free chunks of glibc's `malloc`; the name says of which arenas and where.
    pub const MALLOC_FREE: &str = "malloc free";
    /// Headers of chunks, states of arenas, and what makes no sense as chunks.
    pub const MALLOC_LOST: &str = "malloc lost";
    /// Stacks, of the main thread and of others.
    pub const STACKS: &str = "stacks";
    /// Variables and other changed pages of programs, libraries and files.
    pub const DATA: &str = "data";
    /// Memory of no allocator that is known, to which something leads.
    pub const MAPPED: &str = "mapped";
    /// The same, and nothing leads to it.
    pub const UNKNOWN: &str = "unknown";
}

/// Mappings of files and shared memory by who points to them (question `blocks`).
pub mod mapping_holders {
    /// The table.
    pub const TABLE: &str = "mapping_holders";
    /// Key: PID.
    pub const PID: &str = "pid";
    /// Key: path or label of what is mapped.
    pub const NAME: &str = "name";
    /// Key: `object TYPE`, a variable of a library (`library+0x10`), `stack`; empty: nothing.
    pub const HOLDER: &str = "holder";
    /// Level, count: mappings.
    pub const COUNT: &str = "mappings";
    /// Level, bytes: address space.
    pub const SIZE: &str = "size";
}
