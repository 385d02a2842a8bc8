//! `memprobe doctor`: each obstacle is named, with what to change, and nothing is touched.

use std::process::Command;

use serde_json::Value;
use target::freeze::{Method, Options, freeze};
use test_support::Running;

use crate::support::{self, IDLE, Said, run};

/// The lines of an answer.
struct Answer(Value);

impl Answer {
    fn of(said: &Said) -> Self {
        let answer = said.json();
        assert_eq!(answer["schema"], "memprobe.doctor/1");
        for check in answer["checks"].as_array().unwrap() {
            assert!(["ok", "limited", "no"].contains(&check["state"].as_str().unwrap()));
            assert!(!check["why"].as_str().unwrap().is_empty(), "{check}");
        }
        Self(answer)
    }

    fn line(&self, what: &str) -> &Value {
        let lines = self.0["checks"].as_array().unwrap();
        lines.iter().find(|line| line["what"] == what).unwrap_or_else(|| panic!("{what}"))
    }

    #[track_caller]
    fn is(&self, what: &str, state: &str, words: &str) {
        let line = self.line(what);
        assert_eq!(line["state"], state, "{line}");
        assert!(line["why"].as_str().unwrap().contains(words), "{line}");
    }

    #[track_caller]
    fn level(&self, level: &str, state: &str) {
        let lines = self.0["levels"].as_array().unwrap();
        let line = lines.iter().find(|line| line["level"] == level).unwrap();
        assert_eq!(line["state"], state, "{line}");
    }
}

fn ask(pid: u32) -> Said {
    run(["doctor", &pid.to_string(), "--format", "json"])
}

/// The state letters and tracers of the threads of a process.
fn states(pid: u32) -> Vec<String> {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let status = |task: std::fs::DirEntry| {
        let text = std::fs::read_to_string(task.path().join("status")).unwrap();
        let kept = |line: &&str| line.starts_with("State") || line.starts_with("TracerPid");
        text.lines().filter(kept).collect::<Vec<_>>().join(" ")
    };
    tasks.flatten().map(status).collect()
}

/// A Python of the same user: all is well, in every form, and it stays as it was.
#[test]
fn an_own_python_is_well() {
    let program = support::start(IDLE);
    let said = ask(program.pid());
    let answer = Answer::of(&said);
    answer.is("memory", "ok", "can be read");
    let (major, minor, patch) = support::python().version;
    answer.is("python", "ok", &format!("{major}.{minor}.{patch} (release)"));
    answer.is("plugins", "ok", "process, python, alloc");
    answer.is("tracer", "ok", "nobody");
    for level in ["high", "medium", "low"] {
        answer.level(level, "ok");
    }
    assert_eq!(said.status, 0, "{}", said.out);
    for state in states(program.pid()) {
        assert!(!state.contains("stop") && state.ends_with("TracerPid:\t0"), "{state}");
    }
    let text = run(["doctor", "--pid", &program.pid().to_string()]);
    assert_eq!(text.status, 0);
    assert!(text.out.contains("\nok       python "), "{}", text.out);
    assert!(text.out.contains("to do: nothing has to be changed"), "{}", text.out);
    let page = run(["doctor", &program.pid().to_string(), "--format", "markdown"]);
    assert!(page.out.contains("| python | ok | "), "{}", page.out);
}

/// No Python: the high level works, and the medium level says why it does not.
#[test]
fn another_program_is_no_python() {
    let program = Running::start(Command::new("sh").args(["-c", "echo ready; read line"]));
    let said = ask(program.pid());
    let answer = Answer::of(&said);
    answer.is("python", "no", "no Python interpreter in process");
    answer.level("high", "ok");
    answer.level("medium", "no");
    assert_eq!(said.status, 1);
}

/// Who traces is named; it can still be read.
#[test]
fn a_traced_process_names_its_tracer() {
    let program = support::start(IDLE);
    let target = probe::Target::from_pid(program.pid());
    let held = freeze(&target, Method::Stop, &Options::default()).unwrap();
    let said = ask(program.pid());
    let answer = Answer::of(&said);
    let own = format!("traced by process {} (", std::process::id());
    answer.is("tracer", "limited", &own);
    answer.is("freeze", "no", &own);
    answer.is("memory", "ok", "");
    assert!(answer.0["change"].as_str().unwrap().contains("one tracer"), "{}", answer.0["change"]);
    assert_eq!(said.status, 1);
    held.release().unwrap();
}

/// A process that job control has stopped goes on when it is told to.
#[test]
fn a_stopped_process_is_said_to_be() {
    let program = support::start(IDLE);
    let pid = program.pid().to_string();
    let send = |signal: &str| Command::new("kill").args([signal, &pid]).status().unwrap();
    send("-STOP");
    while !states(program.pid())[0].contains("T (stopped)") {
        std::thread::yield_now();
    }
    let answer = Answer::of(&ask(program.pid()));
    answer.is("process", "limited", "stopped by a signal");
    assert!(answer.line("process")["change"].as_str().unwrap().contains("-CONT"));
    assert!(states(program.pid())[0].contains("T (stopped)"));
    send("-CONT");
}

/// Filters of system calls are seen.
#[test]
fn filtered_calls_are_seen() {
    let code = "
import ctypes, struct
libc = ctypes.CDLL(None)
allow = ctypes.create_string_buffer(struct.pack('HBBI', 6, 0, 0, 0x7fff0000))
prog = ctypes.create_string_buffer(struct.pack('HxxxxxxQ', 1, ctypes.addressof(allow)))
assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, prog, 0, 0) == 0
print('ready', flush=True); input()";
    let program = support::start(code);
    let answer = Answer::of(&ask(program.pid()));
    answer.is("seccomp", "limited", "are filtered");
    answer.is("freeze", "limited", "auto is");
}

/// What is not there, has ended, or has no memory.
#[test]
fn nothing_to_look_at() {
    let said = ask(4_194_305);
    Answer::of(&said).is("process", "no", "there is no process 4194305");
    assert_eq!(said.status, 3);
    let mut parent = support::start(
        "import os, sys\npid = os.fork()\nif pid == 0: os._exit(0)\n\
         os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)\nprint(pid, flush=True); input()",
    );
    let said = ask(parent.ready.parse().unwrap());
    Answer::of(&said).is("process", "no", "zombie");
    assert_eq!(said.status, 3);
    parent.kill();
    if std::fs::read_to_string("/proc/2/comm").is_ok_and(|name| name.trim() == "kthreadd") {
        let said = ask(2);
        Answer::of(&said).is("process", "no", "kernel thread");
        assert_eq!(said.status, 3);
    } else {
        eprintln!("skipped: no kernel thread is visible here");
    }
    let said = run(["doctor"]);
    assert_eq!(said.status, 2, "{}", said.err);
}

/// A process of somebody else: the right that is missing and how to get it.
#[test]
fn a_process_of_somebody_else() {
    let program = support::start(IDLE);
    let Some(mut other) = support::memprobe_as_nobody() else { return };
    let pid = program.pid().to_string();
    let output = other.command.args(["doctor", &pid, "--format", "json"]).output().unwrap();
    let said: Said = output.into();
    let answer = Answer::of(&said);
    answer.is("user", "no", "belongs to user 0, this program runs as 65534 without CAP_SYS_PTRACE");
    answer.is("memory", "no", "does not let this program read the memory");
    answer.is("smaps", "no", "smaps");
    answer.is("freeze", "no", "may not stop it");
    answer.is("python", "no", "cannot be told");
    answer.level("high", "limited");
    answer.level("medium", "no");
    assert!(answer.0["change"].as_str().unwrap().contains("CAP_SYS_PTRACE"));
    assert_eq!(said.status, 1);
}

/// Without plugins nothing works, and where they should be is said.
#[test]
fn missing_plugins_are_said() {
    let program = support::start(IDLE);
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("memprobe");
    std::fs::copy(support::bin_dir().join("memprobe"), &copy).unwrap();
    let output = Command::new(copy)
        .args(["doctor", &program.pid().to_string(), "--format", "json"])
        .env_remove("MEMPROBE_PLUGIN_PATH")
        .output()
        .unwrap();
    let said: Said = output.into();
    let answer = Answer::of(&said);
    answer.is("plugins", "no", "none is found");
    answer.is("python", "no", "no plugin answers");
    answer.level("high", "no");
    assert_eq!(said.status, 1);
}

/// A core file answers the questions that are asked once.
#[test]
fn a_core_is_asked_like_a_process() {
    let code = "
import os
class Mine: pass
kept = [Mine() for _ in range(321)]
print('ready', flush=True); os.read(0, 1)";
    let program = support::start(code);
    let folder = tempfile::tempdir().unwrap();
    let core = folder.path().join("core");
    test_support::write_core(program.pid(), &core);
    let pid = u64::from(program.pid());
    drop(program);
    let core = core.to_str().unwrap();
    let said = run(["census", "--core", core, "--format", "json"]);
    assert_eq!(said.status, 0, "{}", said.err);
    assert_eq!(said.json()["target"]["pid"], pid);
    assert!(said.out.contains("__main__.Mine"));
    let text = run(["gc", "--core", core]);
    assert_eq!(text.status, 0, "{}", text.err);
    let none = run(["census", "--core", "/no/such/core"]);
    assert_eq!(none.status, 3);
    assert!(none.err.contains("/no/such/core"), "{}", none.err);
    let bad = run(["census", "--core", "/etc/hostname"]);
    assert_eq!(bad.status, 2);
    assert!(bad.err.contains("no core file") && bad.err.contains("hint"), "{}", bad.err);
}
