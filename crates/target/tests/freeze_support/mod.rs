//! Starting the programs, freezing them while they work, looking at what is left.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use memprobe_target::freeze::{FrozenTarget, Method, Options, freeze};
use memprobe_target::procfs::{ProcessDir, children};
use probe::{Result, Target};
use test_support::{Python, Running};

/// The methods that hold a target still, on this machine.
pub(crate) const METHODS: &[Method] = if cfg!(target_arch = "x86_64") {
    &[Method::Fork, Method::Stop, Method::Auto]
} else {
    &[Method::Stop, Method::Auto]
};

/// Whether the long form was asked for.
pub(crate) fn is_long() -> bool {
    std::env::var_os("MEMPROBE_TORTURE").is_some_and(|value| value == "1")
}

/// Says what was done. `cargo xtask torture` adds up these lines.
pub(crate) fn figures(python: &Python, text: &str) {
    let (major, minor, patch) = python.version;
    eprintln!("torture: {major}.{minor}.{patch}{} {text}", python.flags);
}

pub(crate) fn program(python: &Python, name: &str) -> Running {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/freeze_support/programs.py");
    Running::script(python, &file, &[name])
}

pub(crate) fn try_freeze(pid: u32, method: Method) -> Result<FrozenTarget> {
    freeze(&Target::from_pid(pid), method, &Options::default())
}

pub(crate) fn freeze_now(pid: u32, method: Method) -> FrozenTarget {
    try_freeze(pid, method).unwrap_or_else(|e| panic!("{method} of {pid}: {e:?}"))
}

/// The value of a line of `status`.
pub(crate) fn status(pid: u32, name: &str) -> String {
    status_of(&PathBuf::from(format!("/proc/{pid}")), name)
}

/// The folders of the threads of a process.
pub(crate) fn tasks(pid: u32) -> Vec<PathBuf> {
    let list = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    list.flatten().map(|entry| entry.path()).collect()
}

/// The value of a line of `status` in the folder of a process or thread.
pub(crate) fn status_of(folder: &Path, name: &str) -> String {
    let text = std::fs::read_to_string(folder.join("status")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_default().trim().to_owned()
}

/// The children of a process and their states.
pub(crate) fn families(pid: u32) -> Vec<(u32, char)> {
    let process = ProcessDir::open(pid).unwrap();
    let list = children(&process, 1 << 20).expect("the kernel lists children");
    let state = |pid| Some((pid, ProcessDir::open(pid).ok()?.stat().ok()?.state));
    list.into_iter().filter_map(state).collect()
}

/// Fails if the program is traced or stopped.
pub(crate) fn assert_free(pid: u32) {
    assert_eq!(status(pid, "TracerPid"), "0");
    for task in tasks(pid) {
        let Ok(stat) = std::fs::read_to_string(task.join("stat")) else { continue };
        let state = stat.rsplit_once(") ").unwrap().1.chars().next().unwrap();
        assert!(!matches!(state, 't' | 'T'), "{} is {state}", task.display());
    }
}

/// Freezes a program again and again while it works, at least so many times. Returns how often
/// each of the two ways was used.
pub(crate) fn torment(target: &mut Running, method: Method, times: usize) -> (usize, usize) {
    let pid = target.pid();
    let (forks, stops) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let enough = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let freezing = scope.spawn(|| {
            while !enough.load(Ordering::Relaxed) {
                let frozen = freeze_now(pid, method);
                let count = if frozen.method() == Method::Fork { &forks } else { &stops };
                assert!(frozen.is_frozen());
                assert!(!frozen.threads().is_empty());
                let released = frozen.release().unwrap();
                assert!(released.issues.is_empty(), "{:?}", released.issues);
                count.fetch_add(1, Ordering::Relaxed);
            }
        });
        while forks.load(Ordering::Relaxed) + stops.load(Ordering::Relaxed) < times {
            assert_eq!(target.ask("go"), "ok");
            assert!(!freezing.is_finished(), "freezing failed");
        }
        enough.store(true, Ordering::Relaxed);
        freezing.join().unwrap();
    });
    assert_eq!(target.ask("go"), "ok");
    (forks.into_inner(), stops.into_inner())
}
