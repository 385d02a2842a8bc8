//! What single questions about a Python interpreter fill.

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
