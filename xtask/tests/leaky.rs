//! The programs of `examples/leaky` do what their README says, on every Python of the machine:
//! they start, leak (or do not), and end quietly. Figures are read per request handled, so that
//! a slow machine changes nothing.
#![forbid(unsafe_code)]
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up should stop")]

use std::fs;
use std::io::{BufRead, BufReader, Lines};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use test_support::{Python, python, pythons};

const MIB: u64 = 1 << 20;

/// A program that has said `ready`, with its standard error kept.
struct Program {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Program {
    fn start(python: &Python, name: &str, args: &[&str]) -> Self {
        let folder = xtask::root().join("examples/leaky");
        let mut child = Command::new(&python.exe)
            .arg("-B")
            .arg(folder.join(name))
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut program = Self { child, lines };
        assert_eq!(program.line(), "ready", "{name}, Python {python}");
        program
    }

    fn line(&mut self) -> String {
        self.lines.next().and_then(Result::ok).unwrap_or_default()
    }

    /// Goes on until that many requests are handled.
    fn handle(&mut self, requests: u64) {
        let wanted = format!("handled {requests} requests");
        loop {
            let line = self.line();
            assert!(!line.is_empty(), "ended before it {wanted}");
            if line == wanted {
                return;
            }
        }
    }

    /// Itself and its children.
    fn pids(&self) -> Vec<u32> {
        let pid = self.child.id();
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
        let children = children.split_whitespace().map(|text| text.parse().unwrap());
        std::iter::once(pid).chain(children).collect()
    }

    /// Resident bytes of all its processes.
    fn rss(&self) -> u64 {
        let resident = |pid: &u32| -> u64 {
            let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
            let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
            line.split_whitespace().next().unwrap().parse().unwrap()
        };
        self.pids().iter().map(resident).sum::<u64>() * 1024
    }

    fn entries(&self, folder: &str) -> usize {
        fs::read_dir(format!("/proc/{}/{folder}", self.child.id())).unwrap().count()
    }

    /// Sends SIGTERM: it ends with status 0 and nothing on standard error.
    fn end(mut self, name: &str) {
        let kill = Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        assert!(kill.success());
        while !self.line().is_empty() {}
        let stderr = std::io::read_to_string(self.child.stderr.take().unwrap()).unwrap();
        assert_eq!(stderr, "", "{name}");
        assert!(self.child.wait().unwrap().success(), "{name}");
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How much a program grows from 100 to 300 requests at 100 KiB each.
fn growth(python: &Python, name: &str, fixed: bool) -> u64 {
    let mut args = vec!["--rate", "9.765625", "--per-s", "100"];
    args.extend(fixed.then_some("--fixed"));
    let mut program = Program::start(python, name, &args);
    program.handle(100);
    let before = program.rss();
    program.handle(300);
    let grown = program.rss().saturating_sub(before);
    program.end(name);
    grown
}

/// Each starts, handles requests and ends quietly on every Python.
#[test]
fn all_run_on_every_python() {
    let names = [
        "server", "sawtooth", "plateau", "steps", "shm", "threads", "files", "children", "native",
        "arenas",
    ];
    for python in pythons() {
        let mut programs = Vec::new();
        for name in names {
            if name == "shm" && python.version < (3, 8, 0) {
                eprintln!("skipped: shm.py on Python {python}, which has no shared memory");
                continue;
            }
            let name = format!("{name}.py");
            programs.push((Program::start(&python, &name, &["--rate", "2"]), name));
        }
        for (mut program, name) in programs {
            assert!(program.line().starts_with("handled "), "{name}, Python {python}");
            program.end(&name);
        }
    }
}

/// 200 requests of 100 KiB are about 20 MiB where they are kept, and next to nothing in the twin.
#[test]
fn leaks_leak_and_their_twins_do_not() {
    let python = &python();
    // They wait for their next request most of the time.
    std::thread::scope(|scope| {
        for name in ["server.py", "children.py", "threads.py", "native.py"] {
            scope.spawn(move || {
                let leaked = growth(python, name, false);
                assert!((15 * MIB..30 * MIB).contains(&leaked), "{name}: {leaked} bytes");
            });
            scope.spawn(move || {
                let kept = growth(python, name, true);
                assert!(kept < 3 * MIB, "{name} --fixed: {kept} bytes");
            });
        }
    });
}

/// Handles and threads, counted.
#[test]
fn handles_and_threads_pile_up() {
    let python = python();
    let count = |name: &str, args: &[&str], folder: &str| {
        let mut program = Program::start(&python, name, args);
        let before = program.entries(folder);
        program.handle(100);
        let more = program.entries(folder).saturating_sub(before);
        program.end(name);
        more
    };
    assert!(count("files.py", &["--rate", "100"], "fd") >= 95);
    // One may be in use at the moment of counting.
    assert!(count("files.py", &["--rate", "100", "--fixed"], "fd") <= 1);
    let quick = ["--rate", "1", "--per-s", "100"];
    assert!(count("threads.py", &quick, "task") >= 95);
    assert!(count("threads.py", &[&quick[..], &["--fixed"]].concat(), "task") <= 1);
}

/// What shared memory is left is seen in `/dev/shm`, and is gone when the program has ended.
#[test]
fn shared_memory_is_left_and_cleaned_up() {
    let python = python();
    if python.version < (3, 8, 0) || !Path::new("/dev/shm").is_dir() {
        eprintln!("skipped: no shared memory on Python {python}, or no /dev/shm");
        return;
    }
    // Only segments of this size, 16,384 bytes, are counted: other tests have others.
    let segments = || {
        let entries = fs::read_dir("/dev/shm").unwrap().flatten();
        let sizes = entries.filter_map(|entry| entry.metadata().ok()).map(|about| about.len());
        sizes.filter(|&size| size == 16_384).count()
    };
    let before = segments();
    let mut program = Program::start(&python, "shm.py", &["--rate", "1.5625", "--per-s", "100"]);
    program.handle(100);
    assert!(segments() >= before + 95);
    program.end("shm.py");
    assert_eq!(segments(), before);
}
