//! What is read of Python interpreters.

/// Python interpreters in the process (question `runtime`).
pub mod interpreters {
    /// The table.
    pub const TABLE: &str = "interpreters";
    /// Key: PID.
    pub const PID: &str = "pid";
    /// Key: address of the runtime (several libraries may be loaded).
    pub const RUNTIME: &str = "runtime";
    /// Key: id of the interpreter.
    pub const INTERPRETER: &str = "interpreter";
    /// Attribute: "3.11.7".
    pub const VERSION: &str = "version";
    /// Attribute: `release`, `debug`, `free-threaded`, joined by spaces.
    pub const BUILD: &str = "build";
    /// Attribute: file that holds the runtime.
    pub const LIBRARY: &str = "library";
    /// Attribute: how the runtime was found: `debug offsets`, `symbol`, `section`, `scan`.
    pub const FOUND_BY: &str = "found_by";
    /// Level, count: thread states.
    pub const THREADS: &str = "threads";
}

/// Threads that the interpreter knows (question `threads`).
pub mod python_threads {
    /// The table.
    pub const TABLE: &str = "python_threads";
    /// Key: PID.
    pub const PID: &str = "pid";
    /// Key: address of the runtime.
    pub const RUNTIME: &str = "runtime";
    /// Key: id of the interpreter.
    pub const INTERPRETER: &str = "interpreter";
    /// Key: native thread id where known, else the pthread handle, else the thread state's address.
    pub const THREAD: &str = "thread";
    /// Attribute: name of the operating system's thread (`comm`), where known.
    pub const NAME: &str = "name";
}

/// Python stacks of the threads (question `stacks`): one row per frame, innermost first.
pub mod stacks {
    /// The table.
    pub const TABLE: &str = "stacks";
    /// Key: PID.
    pub const PID: &str = "pid";
    /// Key: address of the runtime.
    pub const RUNTIME: &str = "runtime";
    /// Key: id of the interpreter.
    pub const INTERPRETER: &str = "interpreter";
    /// Key: as in [`python_threads`](crate::tables::python_threads).
    pub const THREAD: &str = "thread";
    /// Key: 0 is the function that runs, 1 its caller.
    pub const DEPTH: &str = "depth";
    /// Attribute: name of the operating system's thread (`comm`), where known.
    pub const NAME: &str = "name";
    /// Attribute, bool: whether the thread held the interpreter's lock (GIL).
    pub const GIL: &str = "gil";
    /// Attribute: qualified name of the function, plain name to 3.10; missing: the thread runs
    /// no Python code.
    pub const FUNCTION: &str = "function";
    /// Attribute: file, as the code object says it.
    pub const FILE: &str = "file";
    /// Attribute: line that runs; missing: the instruction has none.
    pub const LINE: &str = "line";
}

/// What `tracemalloc` of the target knows (question `tracemalloc`): one row per runtime.
pub mod tracemalloc {
    /// The table.
    pub const TABLE: &str = "tracemalloc";
    /// Key: PID.
    pub const PID: &str = "pid";
    /// Key: address of the runtime.
    pub const RUNTIME: &str = "runtime";
    /// Attribute, bool: whether it is on. If not, the figures are missing.
    pub const ON: &str = "on";
    /// Level, bytes: blocks that are traced (`get_traced_memory()`).
    pub const BYTES: &str = "bytes";
    /// Level, bytes: the most that ever were traced.
    pub const PEAK: &str = "peak";
    /// Level, count: blocks that are traced.
    pub const BLOCKS: &str = "blocks";
    /// Level, count: places at which these blocks were allocated.
    pub const TRACEBACKS: &str = "tracebacks";
    /// Level, count: domains beside the usual one that have blocks.
    pub const DOMAINS: &str = "domains";
    /// Level, bytes: what tracing itself costs (`get_tracemalloc_memory()`).
    pub const OVERHEAD: &str = "overhead";
    /// What stands for all behind the most rows that are given.
    pub const OTHERS: &str = "(others)";
}

/// The same by the file whose code allocated (question `tracemalloc`).
pub mod tracemalloc_files {
    /// The table.
    pub const TABLE: &str = "tracemalloc_files";
    /// Key: PID.
    pub const PID: &str = "pid";
    /// Key: address of the runtime.
    pub const RUNTIME: &str = "runtime";
    /// Key: file.
    pub const FILE: &str = "file";
    /// Level, bytes: blocks that were allocated there and live.
    pub const BYTES: &str = "bytes";
    /// Level, count: those blocks.
    pub const BLOCKS: &str = "blocks";
}

/// The same by the line that allocated (question `tracemalloc`).
pub mod tracemalloc_lines {
    /// The table.
    pub const TABLE: &str = "tracemalloc_lines";
    /// Key: PID.
    pub const PID: &str = "pid";
    /// Key: address of the runtime.
    pub const RUNTIME: &str = "runtime";
    /// Key: file.
    pub const FILE: &str = "file";
    /// Key: line.
    pub const LINE: &str = "line";
    /// Level, bytes: blocks that were allocated there and live.
    pub const BYTES: &str = "bytes";
    /// Level, count: those blocks.
    pub const BLOCKS: &str = "blocks";
}

/// The same by traceback, those with most bytes (question `tracemalloc`).
pub mod tracemalloc_tracebacks {
    /// The table.
    pub const TABLE: &str = "tracemalloc_tracebacks";
    /// Key: PID.
    pub const PID: &str = "pid";
    /// Key: address of the runtime.
    pub const RUNTIME: &str = "runtime";
    /// Key: `file:line < file:line ...`, innermost first.
    pub const TRACEBACK: &str = "traceback";
    /// Level, bytes: blocks that were allocated there and live.
    pub const BYTES: &str = "bytes";
    /// Level, count: those blocks.
    pub const BLOCKS: &str = "blocks";
}

/// The cyclic garbage collector (question `gc`): one row per generation.
pub mod gc {
    /// The table.
    pub const TABLE: &str = "gc";
    /// Key: PID.
    pub const PID: &str = "pid";
    /// Key: address of the runtime.
    pub const RUNTIME: &str = "runtime";
    /// Key: id of the interpreter.
    pub const INTERPRETER: &str = "interpreter";
    /// Key: `0`, `1`, `2`, `permanent`.
    pub const GENERATION: &str = "generation";
    /// Attribute, bool: whether automatic collection is on.
    pub const ENABLED: &str = "enabled";
    /// Attribute, u64: threshold; 0 means never.
    pub const THRESHOLD: &str = "threshold";
    /// Attribute, u64: what `gc.get_count()` gives.
    pub const COUNT: &str = "count";
    /// Level, count: objects in the generation.
    pub const OBJECTS: &str = "objects";
    /// Counter, count: collections so far.
    pub const COLLECTIONS: &str = "collections";
    /// Counter, count: objects collected so far.
    pub const COLLECTED: &str = "collected";
    /// Counter, count: objects found uncollectable so far.
    pub const UNCOLLECTABLE: &str = "uncollectable";
    /// Level, count: length of `gc.garbage`; in the row of generation 2.
    pub const GARBAGE: &str = "garbage";
}

/// Words of the interpreter that an experiment may write, and what they hold now (question
/// `levers`). The probe only reads them.
pub mod levers {
    /// The table.
    pub const TABLE: &str = "levers";
    /// Key: PID.
    pub const PID: &str = "pid";
    /// Key: address of the runtime.
    pub const RUNTIME: &str = "runtime";
    /// Key: id of the interpreter.
    pub const INTERPRETER: &str = "interpreter";
    /// Key: which word, one of the names below.
    pub const LEVER: &str = "lever";
    /// Attribute, address: where it is.
    pub const ADDRESS: &str = "address";
    /// Attribute, bytes: how long it is.
    pub const SIZE: &str = "size";
    /// Attribute, u64: what it holds; missing of more than a word.
    pub const VALUE: &str = "value";
    /// Attribute, address: another word, that leads to the structure as long as that is there;
    /// missing: there is none, so who writes later cannot know that it writes to the structure.
    pub const ANCHOR: &str = "anchor";
    /// Attribute, u64: what that other word holds as long as the structure is there.
    pub const ANCHORED: &str = "anchored";

    /// `int`: whether automatic collection is on, 0 or 1.
    pub const GC_ENABLED: &str = "gc.enabled";
    /// `int`: the thresholds of the generations, youngest first; 0 for the youngest: no automatic
    /// collection. The first releases of 3.14 have no use for the oldest's.
    pub const GC_THRESHOLDS: [&str; 3] = ["gc.threshold0", "gc.threshold1", "gc.threshold2"];
    /// `int` (3.14 and up): whether the interpreter runs scripts that are named from outside
    /// (PEP 768).
    pub const DEBUGGER_ENABLED: &str = "debugger.enabled";
    /// Word (3.14 and up): what the main thread's evaluation loop looks at between instructions.
    pub const EVAL_BREAKER: &str = "thread.eval_breaker";
    /// `int` (3.14 and up): whether a script waits for the main thread.
    pub const DEBUGGER_PENDING: &str = "debugger.pending";
    /// Text that ends in NUL (3.14 and up): the path of that script.
    pub const DEBUGGER_SCRIPT_PATH: &str = "debugger.script_path";
}

/// Live Python objects by type, also those that the collector does not track (question
/// `census`). Without regard to interpreters: an object does not tell whose it is.
pub mod census {
    /// The table.
    pub const TABLE: &str = "census";
    /// Key: PID.
    pub const PID: &str = "pid";
    /// Key: `module.qualname`; types of the same name are one row.
    pub const TYPE: &str = "type";
    /// Level, count: live objects.
    pub const OBJECTS: &str = "objects";
    /// Level, bytes: what `sys.getsizeof` gives, summed; it counts some buffers outside.
    pub const BYTES_SHALLOW: &str = "bytes_shallow";
    /// Level, bytes: the objects' own blocks as the allocator rounds them.
    pub const BYTES_ALLOCATED: &str = "bytes_allocated";
    /// Level, bytes: buffers in blocks of their own that belong to the objects alone: items of
    /// lists, tables of dictionaries and sets, data of byte arrays; without rounding.
    pub const BYTES_BUFFERS: &str = "bytes_buffers";
    /// Level, count: objects that the collector tracks.
    pub const TRACKED: &str = "tracked";
    /// Level, count: objects that never die (3.11 and up).
    pub const IMMORTAL: &str = "immortal";
    /// What stands for all types behind the most rows that are given.
    pub const OTHERS: &str = "(other types)";
}

/// What the interpreter's allocator for small blocks holds (question `pymalloc`): one row per
/// process, all its interpreters together.
pub mod pymalloc {
    /// The table.
    pub const TABLE: &str = "pymalloc";
    /// Key: PID.
    pub const PID: &str = "pid";
    /// Attribute, bytes: an arena, the unit in which memory is taken from the system.
    pub const ARENA_SIZE: &str = "arena_size";
    /// Attribute, bytes: a pool, the unit in which an arena is given to a size class.
    pub const POOL_SIZE: &str = "pool_size";
    /// Level, count: arenas.
    pub const ARENAS: &str = "arenas";
    /// Level, bytes: all arenas.
    pub const BYTES: &str = "bytes";
    /// Level, count: pools with at least one block in use.
    pub const POOLS: &str = "pools";
    /// Level, count: blocks in use.
    pub const BLOCKS: &str = "blocks";
    /// Level, bytes: blocks in use.
    pub const BYTES_USED: &str = "bytes_used";
    /// Level, bytes: free blocks in pools that have others in use.
    pub const BYTES_FREE: &str = "bytes_free";
    /// Level, bytes: pools that are in no use, and what an arena that does not begin at a
    /// multiple of a pool loses.
    pub const BYTES_UNUSED: &str = "bytes_unused";
    /// Level, bytes: headers of pools in use.
    pub const BYTES_HEADERS: &str = "bytes_headers";
    /// Level, bytes: ends of pools in use that are too short for a block.
    pub const BYTES_QUANTISATION: &str = "bytes_quantisation";
    /// Level, count: arenas of which less than a quarter is in use.
    pub const SPARSE_ARENAS: &str = "sparse_arenas";
    /// Level, bytes: what those hold and do not use: what fragmentation costs.
    pub const SPARSE_BYTES: &str = "sparse_bytes";
    /// Level, bytes: whole pages that blocks in use lie in.
    pub const PAGES_USED: &str = "pages_used";
    /// Level, bytes: whole pages that were used and have no block in use now: what `malloc` in the
    /// place of pymalloc could give back.
    pub const PAGES_FREE: &str = "pages_free";
    /// Level, count: the most arenas at one time.
    pub const ARENAS_HIGHWATER: &str = "arenas_highwater";
    /// Counter, count: arenas taken so far, those given back included.
    pub const ARENAS_TAKEN: &str = "arenas_taken";
    /// Level, count: pools in no use: those given back, and those never used.
    pub const POOLS_UNUSED: &str = "pools_unused";
    /// Level, bytes: what arenas lose that do not begin at a multiple of a pool.
    pub const BYTES_ALIGNMENT: &str = "bytes_alignment";
    /// Level, count: what `sys.getallocatedblocks()` gives: blocks in pools, and larger ones.
    pub const BLOCKS_ALLOCATED: &str = "blocks_allocated";
}

/// Objects that are dead and kept to be used again (question `pymalloc`): one row per
/// interpreter, kind and size. No rows of versions before 3.10.
pub mod free_lists {
    /// The table.
    pub const TABLE: &str = "free_lists";
    /// Key: PID.
    pub const PID: &str = "pid";
    /// Key, address: the runtime of the interpreter.
    pub const RUNTIME: &str = "runtime";
    /// Key: number of the interpreter.
    pub const INTERPRETER: &str = "interpreter";
    /// Key: what is kept, such as `float`, `tuple`, `dict keys`.
    pub const KIND: &str = "kind";
    /// Key: items of a tuple; 0 for all other kinds.
    pub const SIZE: &str = "size";
    /// Level, count: how many are kept.
    pub const OBJECTS: &str = "objects";
    /// Level, bytes: their blocks as the allocator rounds them; missing where the objects are
    /// in no pool.
    pub const BYTES: &str = "bytes";
}

/// The size classes of that allocator (questions `pymalloc` and `census`).
pub mod size_classes {
    /// The table.
    pub const TABLE: &str = "size_classes";
    /// Key: PID.
    pub const PID: &str = "pid";
    /// Key: bytes of a block.
    pub const BLOCK: &str = "block";
    /// Level, count: pools with at least one block in use.
    pub const POOLS: &str = "pools";
    /// Level, count: blocks in use.
    pub const USED: &str = "used";
    /// Level, count: blocks that could be given without another pool.
    pub const FREE: &str = "free";
    /// Level, bytes: blocks in use.
    pub const BYTES_USED: &str = "bytes_used";
    /// Level, bytes: those free blocks.
    pub const BYTES_FREE: &str = "bytes_free";
    /// Level, count: blocks in use in which an object was recognised; missing where objects
    /// were not looked for.
    pub const OBJECTS: &str = "objects";
}
