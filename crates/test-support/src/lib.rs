//! Real Python processes for tests. A development dependency only.
//!
//! A program under test prints `ready` (or any line) when it stands where the test wants it,
//! so no test sleeps and hopes. Whatever is started is killed when its handle is dropped.
#![forbid(unsafe_code)]
#![allow(
    clippy::expect_used,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a test that cannot set itself up should stop, loudly"
)]

mod core_writer;
mod mallocs;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

pub use core_writer::write_core;
pub use mallocs::{Malloc, c_program, mallocs};

/// A Python interpreter on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Python {
    /// The executable.
    pub exe: PathBuf,
    /// Version with all its parts: `(3, 11, 7)`.
    pub version: (u32, u32, u32),
    /// `sys.abiflags`, such as `t` (free-threaded) or `d` (debug).
    pub flags: String,
}

impl fmt::Display for Python {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (major, minor, patch) = self.version;
        write!(f, "{major}.{minor}.{patch}{} ({})", self.flags, self.exe.display())
    }
}

impl Python {
    /// Whether it was built with `--with-pydebug`.
    #[must_use]
    pub fn is_debug(&self) -> bool {
        self.flags.contains('d')
    }

    /// Whether it was built without the global lock.
    #[must_use]
    pub fn is_free_threaded(&self) -> bool {
        self.flags.contains('t')
    }

    /// Whether its executable is a script that starts the real one by a loader of its own: then
    /// the program that the kernel knows is that loader.
    #[must_use]
    pub fn is_launched(&self) -> bool {
        std::fs::read(&self.exe).is_ok_and(|bytes| bytes.starts_with(b"#!"))
    }
}

/// The CPython 3 interpreters that are installed on this machine, oldest first: the `python3` on
/// `PATH`, those under `$PYENV_ROOT/versions`, and those that `MEMPROBE_TEST_PYTHONS` names
/// (colon-separated executables, or folders of them). Prints which ones, so that a test's output
/// says what it used.
///
/// # Panics
/// When there is none: the tests need at least the `python3` on `PATH`.
#[must_use]
pub fn pythons() -> Vec<Python> {
    let all = chosen(|python| is_ordinary(python) && !python.is_launched());
    tell(&all);
    all
}

/// The same, and the newer ones that `fetch-pythons` of this crate unpacked: these are started by a
/// loader of their own, which is what the system names as the program. Prints which versions
/// are missed as well.
///
/// # Panics
/// As [`pythons`].
#[must_use]
pub fn every_python() -> Vec<Python> {
    let all = chosen(is_ordinary);
    tell(&all);
    let missed: Vec<String> = EXPECTED
        .filter(|&minor| all.iter().all(|python| python.version.1 != minor))
        .map(|minor| format!("3.{minor}"))
        .collect();
    if !missed.is_empty() {
        eprintln!("MISSED interpreters: {} ({FETCH})", missed.join(", "));
    }
    all
}

fn is_ordinary(python: &Python) -> bool {
    !python.is_debug() && !python.is_free_threaded()
}

fn tell(all: &[Python]) {
    assert!(!all.is_empty(), "no python3 on PATH: install one to run the tests");
    let names: Vec<String> = all.iter().map(ToString::to_string).collect();
    eprintln!("interpreters: {}", names.join(", "));
}

/// The builds with `--with-pydebug`, with the global lock. Says so when there are none.
#[must_use]
pub fn debug_pythons() -> Vec<Python> {
    special("debug builds", |python| python.is_debug() && !python.is_free_threaded())
}

/// The free-threaded builds. Says so when there are none.
#[must_use]
pub fn free_threaded_pythons() -> Vec<Python> {
    special("free-threaded builds", Python::is_free_threaded)
}

/// The minor versions that tests should see.
const EXPECTED: std::ops::RangeInclusive<u32> = 6..=15;
/// Where to get more.
const FETCH: &str = "crates/test-support/fetch-pythons unpacks more";

fn special(name: &str, choose: impl Fn(&Python) -> bool) -> Vec<Python> {
    let all = chosen(choose);
    let names: Vec<String> = all.iter().map(ToString::to_string).collect();
    if names.is_empty() {
        eprintln!("MISSED: {name} ({FETCH})");
    } else {
        eprintln!("{name}: {}", names.join(", "));
    }
    all
}

fn chosen(choose: impl Fn(&Python) -> bool) -> Vec<Python> {
    /// All of them, the preferred ones first: they are asked once in a program of tests.
    static ALL: OnceLock<Vec<Python>> = OnceLock::new();
    let all = ALL.get_or_init(|| {
        first().iter().cloned().chain(candidates().iter().filter_map(|exe| ask(exe))).collect()
    });
    let mut found = BTreeMap::new();
    for python in all.iter().filter(|python| choose(python)) {
        found.entry((python.version, python.flags.clone())).or_insert_with(|| python.clone());
    }
    found.into_values().collect()
}

/// The `python3` on `PATH`: what that starts may be a script that looks for it, which takes time.
fn first() -> &'static Option<Python> {
    static FIRST: OnceLock<Option<Python>> = OnceLock::new();
    FIRST.get_or_init(|| ask(Path::new("python3")))
}

/// The `python3` on `PATH`.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn python() -> Python {
    first().clone().expect("no python3 on PATH: install one to run the tests")
}

fn candidates() -> Vec<PathBuf> {
    let mut list = Vec::new();
    let root = std::env::var_os("PYENV_ROOT")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".pyenv")));
    if let Some(entries) = root.and_then(|r| std::fs::read_dir(r.join("versions")).ok()) {
        list.extend(entries.flatten().map(|entry| entry.path().join("bin/python3")));
    }
    list.extend(executables(&fetched()));
    if let Some(more) = std::env::var_os("MEMPROBE_TEST_PYTHONS") {
        for path in std::env::split_paths(&more) {
            if path.is_dir() { list.extend(executables(&path)) } else { list.push(path) }
        }
    }
    list
}

/// Where `fetch-pythons` leaves its launchers.
fn fetched() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    target.unwrap_or_else(|| workspace.join("target")).join("pythons/bin")
}

/// What a folder holds, by name.
fn executables(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut list: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    list.sort();
    list
}

fn ask(exe: &Path) -> Option<Python> {
    const QUESTION: &str = "import sys; print(*sys.version_info[:3], sys.executable, \
                            sys.abiflags, sep='\\n')";
    let output = Command::new(exe).args(["-c", QUESTION]).stderr(Stdio::null()).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let mut lines = text.lines();
    let mut number = || lines.next()?.parse::<u32>().ok();
    let version = (number()?, number()?, number()?);
    let exe = PathBuf::from(lines.next()?);
    Some(Python { exe, version, flags: lines.next().unwrap_or_default().into() })
}

/// Nothing that a test waits for takes longer, however busy the machine is.
const LIMIT: Duration = Duration::from_secs(300);

/// Waits until something holds.
///
/// # Panics
/// When it never does.
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    until_some(what, || holds().then_some(()));
}

/// Waits until there is something, and returns it.
///
/// # Panics
/// When there never is.
pub fn until_some<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < LIMIT, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Waits until the main thread of a process waits for standard input, and works no more: that it has
/// said something does not mean that, where it has to wait for a core first.
///
/// # Panics
/// When it has ended, or does not get there.
pub fn until_it_reads(pid: u32) {
    until("the program reads its standard input", || {
        // The number of `read` on this machine, and the file.
        let read = if cfg!(target_arch = "x86_64") { "0 0x0 " } else { "63 0x0 " };
        let call = std::fs::read_to_string(format!("/proc/{pid}/syscall"));
        call.expect("the program has ended").starts_with(read)
    });
}

/// A running program that has said that it is ready.
#[derive(Debug)]
pub struct Running {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
    /// The line by which it said so.
    pub ready: String,
}

impl Running {
    /// Starts a command and waits for its first line on standard output.
    ///
    /// # Panics
    /// When it does not start or ends without a line.
    #[must_use]
    pub fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|e| panic!("cannot start {command:?}: {e}"));
        let stdin = child.stdin.take();
        let stdout = BufReader::new(child.stdout.take().expect("piped"));
        let mut running = Self { child, stdin, stdout, ready: String::new() };
        running.ready = running.line().unwrap_or_else(|| panic!("{command:?} ended at once"));
        running
    }

    /// Starts a Python program given as text.
    ///
    /// # Panics
    /// When it does not start or ends without a line.
    #[must_use]
    pub fn python(python: &Python, code: &str) -> Self {
        Self::start(Command::new(&python.exe).args(["-u", "-c", code]))
    }

    /// Starts a Python program given as a file, with arguments.
    ///
    /// # Panics
    /// When it does not start or ends without a line.
    #[must_use]
    pub fn script<S: AsRef<OsStr>>(python: &Python, file: &Path, args: &[S]) -> Self {
        Self::start(Command::new(&python.exe).arg("-u").arg(file).args(args))
    }

    /// Its PID.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its next line on standard output, without the line end; `None` at the end.
    pub fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = self.stdout.read_line(&mut line).unwrap_or(0);
        (read > 0).then(|| line.trim_end().to_owned())
    }

    /// The same as [`until_it_reads`].
    ///
    /// # Panics
    /// When it has ended, or does not get there.
    pub fn until_it_reads(&self) {
        until_it_reads(self.pid());
    }

    /// Sends it a line and returns its answer.
    ///
    /// # Panics
    /// When it has ended.
    pub fn ask(&mut self, line: &str) -> String {
        let stdin = self.stdin.as_mut().expect("standard input is closed");
        writeln!(stdin, "{line}").and_then(|()| stdin.flush()).expect("the program has ended");
        self.line().expect("the program has ended")
    }

    /// Closes its standard input.
    pub fn close_stdin(&mut self) {
        self.stdin = None;
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Waits for its end.
    pub fn end(&mut self) {
        let _ = self.child.wait();
    }

    /// Kills it and waits for its end.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The interpreters on the machine are found, and a program can be talked to.
    #[test]
    fn a_program_is_started_asked_and_killed() {
        for python in pythons() {
            let code = "print('ready')\nwhile True: print(input().upper())";
            let mut program = Running::python(&python, code);
            assert_eq!(program.ready, "ready");
            assert_eq!(program.ask("hello"), "HELLO");
            assert!(program.is_running());
            program.kill();
            assert!(!program.is_running());
        }
    }
}
