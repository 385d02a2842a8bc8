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
