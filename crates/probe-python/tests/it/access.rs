//! Who may look, and files that are not where they were.
#![forbid(unsafe_code)]
#![allow(clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used, reason = "tests")]

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use memprobe_probe_python::{FoundBy, Python as Attached};
use probe::Target;
use test_support::{Python, Running, every_python};

const WAIT: &str = "print('ready', flush=True)\nimport sys\nsys.stdin.readline()";
/// In the environment of this test when it runs itself as another user: the PID to look at.
const AS_NOBODY: &str = "MEMPROBE_TEST_AS_NOBODY";
const NOBODY: [&str; 3] = ["--reuid=65534", "--regid=65534", "--clear-groups"];

/// Runs the test of this name again as `nobody`; its output. `None` where that cannot be done.
fn again_as_nobody(test: &str, pid: u32) -> Option<String> {
    let output = Command::new("setpriv")
        .args(NOBODY)
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", &format!("access::{test}"), "--nocapture"])
        .env(AS_NOBODY, pid.to_string())
        .output();
    match output {
        Ok(output) if output.status.success() => {
            Some(String::from_utf8_lossy(&output.stdout).into_owned())
        }
        other => {
            eprintln!("skipped: this test cannot run itself as nobody: {other:?}");
            None
        }
    }
}

fn is_root() -> bool {
    let root = std::fs::metadata("/proc/self").unwrap().uid() == 0;
    if !root {
        eprintln!("skipped: only root can become another user");
    }
    root
}

/// An ordinary user is told which right is missing for a process of somebody else.
#[test]
fn a_missing_right_is_named() {
    if let Ok(pid) = std::env::var(AS_NOBODY) {
        let error = Attached::attach(&Target::from_pid(pid.parse().unwrap())).unwrap_err();
        println!("{error:?}");
        return;
    }
    if !is_root() {
        return;
    }
    let python = test_support::python();
    let program = Running::python(&python, WAIT);
    let Some(text) = again_as_nobody("a_missing_right_is_named", program.pid()) else { return };
    assert!(text.contains("PermissionDenied: the system does not let this program"), "{text}");
    assert!(text.contains("belongs to user 0 and this program runs as 65534"), "{text}");
    assert!(text.contains("hint: run as root, or give this program"), "{text}");
}

/// An ordinary user can look at an own process.
#[test]
fn an_ordinary_user_sees_own_processes() {
    if let Ok(pid) = std::env::var(AS_NOBODY) {
        let attached = Attached::attach(&Target::from_pid(pid.parse().unwrap())).unwrap();
        let runtime = &attached.runtimes()[0];
        let interpreter = &attached.interpreters(runtime).unwrap()[0];
        let collector = attached.collector(runtime, interpreter, 1 << 20).unwrap().unwrap();
        println!("{:?}", collector.generations[2].objects);
        return;
    }
    let python = Path::new("/usr/bin/python3");
    if !is_root() || !python.exists() {
        return;
    }
    let program =
        Running::start(Command::new("setpriv").args(NOBODY).arg(python).args(["-u", "-c", WAIT]));
    let scope = std::fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope").unwrap_or_default();
    if !matches!(scope.trim(), "" | "0") {
        eprintln!("skipped: kernel.yama.ptrace_scope forbids it");
        return;
    }
    let test = "an_ordinary_user_sees_own_processes";
    let Some(text) = again_as_nobody(test, program.pid()) else { return };
    assert!(text.contains("Exactly("), "{text}");
}

/// A folder with a copy of an interpreter's program and of its library, if it has one.
fn copy(python: &Python, folder: &Path) -> (PathBuf, Vec<PathBuf>) {
    let exe = folder.join("program");
    std::fs::copy(&python.exe, &exe).unwrap();
    let library = python.exe.parent().unwrap().join("../lib");
    let libraries: Vec<PathBuf> = std::fs::read_dir(library)
        .unwrap()
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().ends_with(".so.1.0"))
        .filter(|entry| entry.file_name().to_string_lossy().starts_with("libpython3."))
        .map(|entry| {
            let to = folder.join(entry.file_name());
            std::fs::copy(entry.path(), &to).unwrap();
            to
        })
        .collect();
    (exe, libraries)
}

/// A program and a library that were deleted, or replaced by an upgrade, are still read.
#[test]
fn deleted_and_replaced_files_are_read() {
    // A launcher starts a file that no copy replaces.
    for python in every_python().iter().filter(|python| !python.is_launched()) {
        let folder = tempfile::tempdir().unwrap();
        let (exe, libraries) = copy(python, folder.path());
        let program = Running::start(
            Command::new(&exe)
                .args(["-u", "-c", WAIT])
                .env("PYTHONHOME", python.exe.parent().unwrap().parent().unwrap())
                .env("LD_LIBRARY_PATH", folder.path()),
        );
        for file in libraries.iter().chain([&exe]) {
            std::fs::remove_file(file).unwrap();
            std::fs::write(file, "another file").unwrap();
        }
        let attached = Attached::attach(&Target::from_pid(program.pid())).unwrap();
        let runtime = &attached.runtimes()[0];
        let (major, minor, patch) = python.version;
        assert_eq!(runtime.version.to_string(), format!("{major}.{minor}.{patch}"));
        let folder = folder.path().to_str().unwrap();
        assert!(runtime.library.starts_with(folder), "{}", runtime.library);
        let interpreters = attached.interpreters(runtime).unwrap();
        assert_eq!(interpreters.len(), 1, "{python}");
        assert_eq!(interpreters[0].threads.len(), 1, "{python}");
    }
}

/// A library that is loaded and never initialised beside the interpreter that runs does no harm.
#[test]
fn a_second_copy_is_told_apart() {
    let all = every_python();
    let with_library = |python: &&Python| {
        let (major, minor, _) = python.version;
        let name = format!("../lib/libpython{major}.{minor}.so.1.0");
        python.version >= (3, 8, 0) && python.exe.parent().unwrap().join(name).exists()
    };
    let Some(second) = all.iter().rfind(with_library) else {
        eprintln!("skipped: no Python with a shared library");
        return;
    };
    let (major, minor, _) = second.version;
    let library =
        second.exe.parent().unwrap().join(format!("../lib/libpython{major}.{minor}.so.1.0"));
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("libother.so");
    std::fs::copy(library, &copy).unwrap();
    // A loader of one's own has no C library for another Python's library.
    let usual: Vec<&Python> = all.iter().filter(|python| !python.is_launched()).collect();
    let first = usual[usual.len() / 2];
    let code = format!("import ctypes; ctypes.CDLL({:?})\n{WAIT}", copy.to_str().unwrap());
    let program = Running::python(first, &code);
    let attached = Attached::attach(&Target::from_pid(program.pid())).unwrap();
    assert_eq!(attached.runtimes().len(), 2, "{:?}", attached.runtimes());
    let mut counts: Vec<(bool, usize)> = attached
        .runtimes()
        .iter()
        .map(|r| (r.library.ends_with("libother.so"), attached.interpreters(r).unwrap().len()))
        .collect();
    counts.sort_unstable();
    assert_eq!(counts, [(false, 1), (true, 0)]);
    assert!(attached.runtimes().iter().all(|r| r.found_by != FoundBy::Scan));
}
