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

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

pub use core_writer::write_core;

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

/// The CPython 3 interpreters on this machine, oldest first: the `python3` on `PATH`, those
/// under `$PYENV_ROOT/versions` and those in folders named by `MEMPROBE_TEST_PYTHONS`
/// (colon-separated executables). Prints which ones, so that a test's output says what it used.
///
/// # Panics
/// When there is none: the tests need at least the `python3` on `PATH`.
#[must_use]
pub fn pythons() -> Vec<Python> {
    let mut found = BTreeMap::new();
    for exe in candidates() {
        if let Some(python) = ask(&exe) {
            found.entry((python.version, python.flags.clone())).or_insert(python);
        }
    }
    let all: Vec<Python> = found.into_values().collect();
    assert!(!all.is_empty(), "no python3 on PATH: install one to run the tests");
    let names: Vec<String> = all.iter().map(ToString::to_string).collect();
    eprintln!("interpreters: {}", names.join(", "));
    all
}

/// The `python3` on `PATH`.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn python() -> Python {
    ask(Path::new("python3")).expect("no python3 on PATH: install one to run the tests")
}

fn candidates() -> Vec<PathBuf> {
    let mut list = vec![PathBuf::from("python3")];
    let root = std::env::var_os("PYENV_ROOT")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".pyenv")));
    if let Some(entries) = root.and_then(|r| std::fs::read_dir(r.join("versions")).ok()) {
        list.extend(entries.flatten().map(|entry| entry.path().join("bin/python3")));
    }
    if let Some(more) = std::env::var_os("MEMPROBE_TEST_PYTHONS") {
        list.extend(std::env::split_paths(&more));
    }
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
