//! The census of a core file is that of the process that stands still.
#![forbid(unsafe_code)]
#![allow(clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used, reason = "tests")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use memprobe_probe_python::{Config, Python as Attached, PythonProbe, Survey, Wanted};
use probe::tables::{census, gc, interpreters};
use probe::{ErrorKind, Open, Probe, Request, Target};
use test_support::{Python, Running, pythons, until, write_core};

/// Objects of many kinds, in arenas, in the heap, in blocks of their own, and in threads' heaps.
const CODE: &str = "
import os, sys, threading, json, decimal, collections
class Mine: pass
kept = [Mine() for _ in range(2345)]
kept += [[str(n), {n: n}, (n,), {n}, bytearray(9), 'y' * 600, n * 1.5] for n in range(2000)]
kept += ['z' * 300000, list(range(200000)), (None,) * 100000]
go = threading.Event()
def work(): kept.append('t' * 5000); go.wait()
threads = [threading.Thread(target=work, daemon=True) for _ in range(2)]
for t in threads: t.start()
while sum(len(k) == 5000 for k in kept if isinstance(k, str)) < 2: pass
print('ready', flush=True)
os.read(0, 1)
";

fn known() -> Vec<Python> {
    pythons().into_iter().filter(|python| python.version >= (3, 7, 0)).collect()
}

/// A program whose threads all wait in the kernel.
fn start(python: &Python) -> Running {
    wait(Running::python(python, CODE))
}

/// The same program when all its threads wait.
fn wait(program: Running) -> Running {
    let tasks = format!("/proc/{}/task", program.pid());
    let waits = |task: PathBuf| {
        let call = std::fs::read_to_string(task.join("syscall")).unwrap();
        !call.starts_with("running")
    };
    until("all threads wait", || {
        std::fs::read_dir(&tasks).unwrap().all(|task| waits(task.unwrap().path()))
    });
    program
}

/// What was found, in an order of its own.
fn sorted(mut survey: Survey) -> Survey {
    survey.types.sort_by_key(|found| found.address);
    survey
}

fn live(program: &Running) -> Survey {
    let python = Attached::attach(&Target::from_pid(program.pid())).unwrap();
    sorted(python.survey(Wanted::Objects).unwrap().0)
}

fn assert_same(core: &Path, live: &Survey, python: &Python) {
    let attached = Attached::from_core(core).unwrap();
    let (survey, issues) = attached.survey(Wanted::Objects).unwrap();
    assert!(issues.is_empty(), "{python}: {issues:?}");
    let survey = sorted(survey);
    for (one, other) in survey.types.iter().zip(&live.types) {
        assert_eq!(one, other, "{python}");
    }
    assert_eq!(&survey, live, "{python}");
    let mine = survey.types.iter().find(|found| &*found.name == "__main__.Mine").unwrap();
    assert_eq!(mine.counts.objects, 2345, "{python}");
    let objects: u64 = survey.types.iter().map(|found| found.counts.objects).sum();
    println!("{python}: {objects} objects of {} types, the same", survey.types.len());
}

#[test]
fn a_core_is_counted_like_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let core = folder.path().join("core");
    for python in known() {
        let program = start(&python);
        let counted = live(&program);
        write_core(program.pid(), &core);
        assert_eq!(live(&program), counted, "{python}: the process does not stand still");
        assert_same(&core, &counted, &python);
    }
}

/// The same with the debugger's cores, which are laid out in another way.
#[test]
fn a_core_of_the_debugger_is_counted_like_the_process() {
    let folder = tempfile::tempdir().unwrap();
    for python in known() {
        let program = start(&python);
        let counted = live(&program);
        let prefix = folder.path().join("core");
        let made = Command::new("gcore")
            .arg("-o")
            .arg(&prefix)
            .arg(program.pid().to_string())
            .stdin(Stdio::null())
            .output();
        if !made.as_ref().is_ok_and(|output| output.status.success()) {
            eprintln!("skipped: gcore makes no core: {made:?}");
            return;
        }
        let core = folder.path().join(format!("core.{}", program.pid()));
        assert_same(&core, &counted, &python);
        std::fs::remove_file(core).unwrap();
    }
}

/// The questions are answered from a core as from a process, and name it.
#[test]
fn a_core_answers_questions() {
    let folder = tempfile::tempdir().unwrap();
    let core = folder.path().join("core");
    let python = known().pop().unwrap();
    let program = start(&python);
    write_core(program.pid(), &core);
    let config = Config { core: Some(core), ..Config::default() };
    let mut probe = PythonProbe::open(config).unwrap();
    drop(program);
    let questions = ["runtime", "threads", "gc", "census"];
    let snapshot = probe.snapshot(&Request::new(Target::from_pid(7), &questions)).unwrap();
    assert!(snapshot.complete, "{:?}", snapshot.issues);
    assert!(snapshot.issues.is_empty(), "{:?}", snapshot.issues);
    let rows = |table: &str| snapshot.table(table).unwrap().rows();
    assert_eq!((rows(interpreters::TABLE), rows(gc::TABLE)), (1, 4));
    assert!(rows(census::TABLE) > 50);
}

/// Without the files that were mapped there is an error that says so; a core that was cut is
/// counted as far as it goes, and what is missing is said.
#[test]
fn what_is_missing_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let core = folder.path().join("core");
    let python = known().pop().unwrap();
    let program = start(&python);
    write_core(program.pid(), &core);
    let whole = live(&program);
    drop(program);
    let bytes = std::fs::read(&core).unwrap();
    let cut = folder.path().join("cut");
    std::fs::write(&cut, &bytes[..bytes.len() / 3 * 2]).unwrap();
    match Attached::from_core(&cut) {
        Ok(python) => {
            let (survey, _) = python.survey(Wanted::Objects).unwrap();
            assert!(survey.types.len() <= whole.types.len());
        }
        Err(error) => assert!(error.to_string().contains("cut"), "{error}"),
    }
    let mut probe = PythonProbe::open(Config { core: Some(cut), ..Config::default() }).unwrap();
    match probe.snapshot(&Request::new(Target::default(), &["census"])) {
        Ok(snapshot) => {
            assert!(!snapshot.complete);
            let said = |issue: &probe::Issue| issue.message.contains("was cut");
            assert!(snapshot.issues.iter().any(said), "{:?}", snapshot.issues);
        }
        Err(error) => assert_ne!(error.kind(), ErrorKind::Panicked),
    }
    // No file of that name.
    let mut moved = bytes;
    let head = moved.len().min(1 << 16);
    let places: Vec<usize> = (0..head).filter(|&at| moved[at..].starts_with(b"python")).collect();
    for at in places {
        moved[at] = b'X';
    }
    let elsewhere = folder.path().join("elsewhere");
    std::fs::write(&elsewhere, moved).unwrap();
    let error = Attached::from_core(&elsewhere).unwrap_err();
    assert!(error.to_string().contains("are not on this machine"), "{error:?}");
}

/// And with one that the kernel writes, where it writes them into the working folder.
#[test]
fn a_core_of_the_kernel_is_counted_like_the_process() {
    let pattern = std::fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap_or_default();
    if pattern.trim() != "core" {
        eprintln!("skipped: kernel.core_pattern is {}", pattern.trim());
        return;
    }
    for python in known() {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", "ulimit -c unlimited && exec \"$0\" -u -c \"$1\""]);
        command.arg(&python.exe).arg(CODE).current_dir(folder.path());
        let mut program = wait(Running::start(&mut command));
        let counted = live(&program);
        let pid = program.pid().to_string();
        assert!(Command::new("kill").args(["-ABRT", &pid]).status().unwrap().success());
        assert_eq!(program.line(), None);
        let core = [folder.path().join("core"), folder.path().join(format!("core.{pid}"))];
        // Its output is closed before the core is written.
        program.end();
        let Some(core) = core.iter().find(|core| core.exists()) else {
            eprintln!("skipped: the kernel wrote no core");
            return;
        };
        assert_same(core, &counted, &python);
    }
}

/// What is no core of a Python says what it is.
#[test]
fn other_files_are_refused() {
    let refused = |path: &str| Attached::from_core(Path::new(path)).unwrap_err();
    let program = refused("/proc/self/exe");
    assert_eq!(program.kind(), ErrorKind::InvalidData);
    assert!(format!("{program:#}").contains("no core file but a program"), "{program:#}");
    assert_eq!(refused("/no/such/core").kind(), ErrorKind::NotFound);
    let folder = tempfile::tempdir().unwrap();
    let core = folder.path().join("core");
    let sleeper = Running::start(Command::new("sh").args(["-c", "echo ready; read line"]));
    write_core(sleeper.pid(), &core);
    let error = Attached::from_core(&core).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(format!("{error:#}").contains("no Python interpreter in the core"), "{error:#}");
}
