//! Holding the process still: pictures of one instant, what they cost, and what stays behind.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use test_support::{Python, Running, until};

use crate::support::{
    self, IDLE, LEAK, Watching, assert_contract, at_once, memprobe, on_every_python, python3, run,
    watch,
};

/// Four threads that make and drop objects of two types in pairs, under one lock.
const PAIRS: &str = "
import os, threading
class Left: __slots__ = ()
class Right: __slots__ = ()
lock, lefts, rights = threading.Lock(), [], []
def work(least, most):
    while True:
        while len(lefts) < most:
            with lock: lefts.append(Left()); rights.append(Right())
        while len(lefts) > least:
            with lock:
                if lefts: lefts.pop(); rights.pop()
for i in range(4):
    threading.Thread(target=work, args=(100 * i, 20000 + 1000 * i), daemon=True).start()
print('ready', flush=True)
while True:
    input()
    try: children = os.waitpid(-1, os.WNOHANG)
    except ChildProcessError: children = None
    with lock: fine = len(lefts) == len(rights) and children is None
    print(threading.active_count(), fine, flush=True)
";

/// Versions whose objects can be counted.
fn is_known(python: &Python) -> bool {
    let known = python.version >= (3, 7, 0);
    if !known {
        eprintln!("skipped: the layout of {python} is not known");
    }
    known
}

fn objects(census: &Value, name: &str) -> u64 {
    let tables = census["tables"].as_array().unwrap();
    let table = tables.iter().find(|table| table["name"] == "census").unwrap();
    let columns = table["columns"].as_array().unwrap();
    let column = |name: &str| {
        let column = columns.iter().find(|column| column["name"] == name).unwrap();
        column["values"].as_array().unwrap()
    };
    let row = column("type").iter().position(|value| value == name);
    row.map_or(0, |row| column("objects")[row].as_u64().unwrap())
}

/// The census of a busy program is of one instant, and the program is none the worse for it.
#[test]
fn a_census_is_of_one_instant() {
    on_every_python(|python| {
        if !is_known(python) {
            return;
        }
        let mut target = Running::python(python, PAIRS);
        let pid = target.pid().to_string();
        for method in ["fork", "stop"] {
            for _ in 0..2 {
                let args = ["census", "--pid", &pid, "--format", "json", "--freeze", method];
                let said = run(args);
                let census = said.json();
                assert_eq!(census["frozen"], method, "{python}: {}", census["issues"]);
                assert!(census["paused_ns"].as_u64().unwrap() > 0, "{python}");
                let left = objects(&census, "__main__.Left");
                let right = objects(&census, "__main__.Right");
                // One thread may stand between the two halves of its pair.
                assert!(left.abs_diff(right) <= 1, "{python} {method}: {left} and {right}");
                assert_eq!(target.ask(""), "5 True", "{python} {method}");
            }
        }
    });
}

/// A watch pauses some times, says for how long and how, and a recording keeps it: on every
/// Python as it is by default, and in each way on one.
#[test]
fn pauses_are_counted_and_named() {
    let one = support::python();
    let named = ["fork", "stop", "none"].map(|method| (one.clone(), method));
    let all = test_support::pythons().into_iter().map(|python| (python, "auto"));
    at_once(all.chain(named), |(python, method)| {
        if is_known(&python) {
            watch_with_pauses(&python, method);
        }
    });
}

fn watch_with_pauses(python: &Python, method: &str) {
    // At the start, in the middle and at the end, where it is cheap twice more; where a look is so
    // slow that the middle is over before it ends, that one is left out.
    let looks = if method == "none" { 0..=0 } else { 2..=5 };
    let target = Running::python(python, IDLE);
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("run.jsonl").display().to_string();
    let args = ["--level", "medium", "--for", "4s", "--freeze", method, "--record", &file];
    let report = watch(&target, &args).json();
    assert_contract(&report);
    let pauses = &report["pauses"];
    let count = pauses["count"].as_u64().unwrap();
    assert!(looks.contains(&count), "{python} {method}: {report}");
    let total = pauses["total_ms"].as_f64().unwrap();
    assert_eq!(total > 0.0, count > 0, "{python} {method}: {pauses}");
    let used = pauses["method"].as_str().unwrap();
    match method {
        "auto" => assert!(["fork", "stop"].contains(&used), "{python}: {pauses}"),
        _ => assert_eq!(used, method, "{python}: {pauses}"),
    }
    let racy = report["issues"].to_string().contains("was not frozen");
    assert_eq!(racy, method == "none", "{python} {method}: {}", report["issues"]);
    // The copy is no child of the target that anybody measures.
    assert_eq!(report["target"]["processes"], 1, "{python} {method}");
    let again = run(["report", &file, "--format", "json"]).json();
    assert_eq!(&again["pauses"], pauses, "{python} {method}");
    let text = run(["report", &file]).out;
    let words = match count {
        0 => "never paused".into(),
        _ => format!("paused {count} times ("),
    };
    assert!(text.contains(&words), "{text}");
}

/// Levels that only read /proc never pause anything.
#[test]
fn the_high_level_never_pauses() {
    let target = support::start(LEAK);
    let report = watch(&target, &["--for", "2s", "--freeze", "stop"]).json();
    assert_eq!(report["pauses"]["count"], 0);
    assert_eq!(report["pauses"]["method"], "none");
}

/// A command of ours is frozen as any process; its end and its status stay its own.
#[test]
fn a_started_command_is_frozen() {
    let dir = tempfile::tempdir().unwrap();
    let enough = dir.path().join("enough");
    let program = format!(
        "import os, time\nwhile not os.path.exists({enough:?}): time.sleep(0.05)\nraise SystemExit(7)"
    );
    let words = ["--level", "medium", "--pass-status"];
    let mut watching = Watching::start(&words, &["--", python3(), "-c", &program]);
    // The command ends once it was held still, whenever that is on this machine.
    watching.until("a look has held it still", has_paused);
    fs::write(&enough, "").unwrap();
    let said = watching.end();
    assert_eq!(said.status, 7, "{}", said.err);
    let pauses = &said.json()["pauses"];
    assert!(pauses["count"].as_u64().unwrap() >= 1, "{pauses}");
    assert_ne!(pauses["method"], "none");
}

/// Whether a look that is recorded by now has held its target still.
fn has_paused(recording: &str) -> bool {
    recording.split("\"paused_ns\":").skip(1).any(|rest| !rest.starts_with('0'))
}

/// A process that somebody else traces cannot be frozen: it is read all the same, and both the
/// answer and the report say that.
#[test]
fn a_traced_process_is_read_while_it_runs() {
    const PTRACE: &str = "
import ctypes, sys
libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
SEIZE = 0x4206
print('ready' if libc.ptrace(SEIZE, PID, None, None) == 0 else 'refused', flush=True)
input()
";
    let mut target = support::start(PAIRS);
    let pid = target.pid().to_string();
    let tracer = support::start(&PTRACE.replace("PID", &pid));
    assert_eq!(tracer.ready, "ready", "the test could not trace its own child");
    for method in ["auto", "fork", "stop"] {
        let said = run(["census", "--pid", &pid, "--freeze", method]);
        assert_eq!(said.status, 0, "{}", said.err);
        assert!(said.out.contains("was not frozen, and is read while it runs"), "{}", said.out);
        assert!(said.out.contains("traced"), "{}", said.out);
        assert!(said.out.contains("__main__.Left"), "{}", said.out);
    }
    let report = watch(&target, &["--level", "medium", "--for", "3s"]).json();
    let issues = report["issues"].as_array().unwrap();
    let told = |issue: &&Value| issue["message"].as_str().unwrap().contains("was not frozen, and");
    let issue = issues.iter().find(told).unwrap_or_else(|| panic!("{issues:?}"));
    assert_eq!(issue["severity"], "warning");
    assert!(issue["hint"].is_string(), "{issue}");
    assert_eq!(report["pauses"]["count"], 0);
    assert!(report["tables"].to_string().contains("census"));
    assert_eq!(target.ask(""), "5 True");
}

/// The children of a process, ended ones included.
fn children(pid: u32) -> Vec<u32> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten();
    let lists = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    lists
        .flat_map(|l| l.split_whitespace().map(|n| n.parse().unwrap()).collect::<Vec<_>>())
        .collect()
}

fn signal(pid: u32, name: &str) {
    let status = Command::new("kill").args([name, &pid.to_string()]).status().unwrap();
    assert!(status.success());
}

/// Killed while a copy stands, memprobe leaves nothing in the target's table of processes.
#[test]
fn a_kill_leaves_no_entry_behind() {
    if !Path::new("/proc/self/task").join(std::process::id().to_string()).join("children").exists()
    {
        eprintln!("skipped: this kernel lists no children");
        return;
    }
    let program = format!("kept = [str(n) for n in range(400_000)]\n{IDLE}");
    let target = support::start(&program);
    let pid = target.pid();
    let mut caught = 0;
    for _ in 0..100 {
        let mut census = memprobe()
            .args(["census", "--pid", &pid.to_string(), "--freeze", "fork"])
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        until("there is a copy", || {
            !children(pid).is_empty() || !Path::new(&format!("/proc/{}", census.id())).exists()
        });
        signal(census.id(), "-STOP");
        // Stopped while the copy is there, it can't be released any more.
        caught += u32::from(!children(pid).is_empty());
        census.kill().unwrap();
        census.wait().unwrap();
        until("the entry of the copy is gone", || children(pid).is_empty());
        if caught == 3 {
            break;
        }
    }
    assert_eq!(caught, 3, "memprobe was not caught in the middle");
    let said = run(["census", "--pid", &pid.to_string(), "--freeze", "fork"]);
    assert_eq!(said.status, 0, "{}", said.err);
}
