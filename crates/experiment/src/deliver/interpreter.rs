//! The interpreter of the target: which one it is, and the functions of it that are used.

use probe::{Error, ErrorKind, Result};
use target::memory::{LiveMemory, ReadMemory};
use target::procfs::ProcessDir;
use target::remote::{Names, Program};

/// What runs between instructions, without a lock.
const LOOP: &str = "_PyEval_EvalFrameDefault";
/// Functions of CPython that have to do with the queue of calls. Those that wait for the global lock
/// are not among them: who waits there holds nothing that the queue wants.
const NAMES: Names<'_> = Names {
    open: &[LOOP],
    queue: &[
        "Py_AddPendingCall",
        "_PyEval_AddPendingCall",
        "Py_MakePendingCalls",
        "make_pending_calls",
        "_PyEval_MakePendingCalls",
        "_make_pending_calls",
        "_Py_HandlePending",
        "handle_eval_breaker",
        "eval_frame_handle_pending",
    ],
    locking: &[
        "_PyEval_ReInitThreads",
        "PyEval_ReInitThreads",
        "PyOS_BeforeFork",
        "PyOS_AfterFork_Parent",
        "PyOS_AfterFork_Child",
        "PyOS_AfterFork",
        "PyThread_start_new_thread",
        "PyThread_start_joinable_thread",
        "Py_FinalizeEx",
        "Py_Finalize",
        "_PyImport_AcquireLock",
        "_PyImport_LoadDynamicModuleWithSpec",
    ],
    running: &[
        "PyRun_SimpleString",
        "PyRun_SimpleStringFlags",
        "_PyRun_SimpleStringFlagsWithName",
        "PyRun_StringFlags",
        "PyRun_String",
        "_PyRunRemoteDebugger",
    ],
};

/// A version like 3.14, as `PY_VERSION_HEX` has it.
const V3_14: u64 = 0x030e_0000;

/// The interpreter of a process.
#[derive(Debug)]
pub(crate) struct Interpreter {
    pub(crate) program: Program,
    /// `PyRun_SimpleString`.
    pub(super) run: u64,
    /// `Py_AddPendingCall`.
    pub(super) hand_over: u64,
    /// `PyErr_CheckSignals`: what may always be called.
    pub(super) harmless: u64,
    /// Whether it takes scripts from outside by itself, or would if it was allowed to.
    pub(super) takes_scripts: bool,
    /// Whether it takes what it is to run by one way or the other.
    takes_calls: bool,
}

impl Interpreter {
    /// Finds it.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] when there is none, more than one, one without the functions that
    /// are needed, or Python 2.
    pub(crate) fn find(process: &ProcessDir, memory: &LiveMemory) -> Result<Self> {
        let pid = process.pid();
        let unsupported = |why: &str| {
            Error::new(
                ErrorKind::Unsupported,
                format!("nothing can be run in process {pid}: {why}"),
            )
        };
        let program = Program::read(process, NAMES)?;
        let paths: Vec<&str> = program.defining(LOOP).map(|library| library.path()).collect();
        let path = match paths[..] {
            [path] => path.to_owned(),
            [] if program.defining("PyString_Type").next().is_some() => {
                return Err(unsupported("it runs Python 2"));
            }
            [] => {
                return Err(unsupported("no CPython 3.6 or newer was found in it").with_hint(
                    "a Python that was linked statically and stripped has no names to find it by",
                ));
            }
            [first, second, ..] => {
                return Err(unsupported(&format!("it has two Pythons, {first} and {second}")));
            }
        };
        let function = |name| {
            let found = program.defining(name).find(|library| library.path() == path);
            let missing = || unsupported(&format!("its Python ({path}) does not export {name}"));
            found.and_then(|library| library.symbol(name)).ok_or_else(missing)
        };
        let version = function("Py_Version").ok().and_then(|at| memory.read_u64(at).ok());
        let takes_scripts = version.is_some_and(|version| version >> 16 >= V3_14 >> 16);
        let takes_calls = takes_scripts || function("_Py_DecRefShared").is_err();
        Ok(Self {
            run: function("PyRun_SimpleString")?,
            hand_over: function("Py_AddPendingCall")?,
            harmless: function("PyErr_CheckSignals")?,
            takes_scripts,
            takes_calls,
            program,
        })
    }

    /// Refuses an interpreter that takes nothing that is to be run.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] for a free-threaded build before 3.14.
    pub(super) fn refuse(&self, pid: u32) -> Result<()> {
        if self.takes_calls {
            return Ok(());
        }
        let message = format!(
            "no code can be run in process {pid}: its Python is free-threaded and older than 3.14, \
             whose queue of calls is not relied upon"
        );
        Err(Error::new(ErrorKind::Unsupported, message).with_hint(
            "`try gc-off`, `gc-thresholds` and `trim` need none; a program that was started with \
             PYTHONTRACEMALLOC=1 is read by `memprobe tracemalloc`; 3.14 has a way of its own",
        ))
    }
}
