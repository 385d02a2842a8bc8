//! Every Python of the machine, looked at from outside and compared with what it says itself.
#![forbid(unsafe_code)]
#![allow(clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;

use memprobe_probe_python as probe_python;
use memprobe_probe_python::{Python as Attached, PythonProbe};
use probe::tables::{gc, interpreters, python_threads};
use probe::{ErrorKind, Open, Probe, Request, Snapshot, Table, Target};
use serde_json::Value;
use test_support::{
    Python, Running, debug_pythons, every_python, free_threaded_pythons,
    until_it_reads as wait_until_blocked,
};

/// Stands still in a read, then says what it was like, reading the collector before anything
/// else can change it.
const REPORT: &str = "
import gc, json, os, sys, threading, time
new = sys.version_info >= (3, 8)
if new: gc.get_objects(generation=0)  # its first call makes a tuple that stays
def report():
    young = middle = old = everything = 0
    os.read(0, 1000)
    if new:
        young = len(gc.get_objects(generation=0))
        middle = len(gc.get_objects(generation=1))
        old = len(gc.get_objects(generation=2))
    else:
        everything = len(gc.get_objects())
    frozen = gc.get_freeze_count() if sys.version_info >= (3, 7) else 0
    stats = gc.get_stats()
    garbage = len(gc.garbage)
    print(json.dumps({
        'objects': [young, middle, old] if new else [everything], 'frozen': frozen,
        'enabled': gc.isenabled(), 'threshold': gc.get_threshold(), 'stats': stats, 'garbage': garbage,
        'threads': len(threading.enumerate()), 'version': '%d.%d.%d' % sys.version_info[:3],
        'tids': [t.native_id for t in threading.enumerate()] if new else []}), flush=True)
def count():
    os.read(0, 1000)
    counts = gc.get_count()
    print(json.dumps(counts), flush=True)
";

/// The interpreters that can be read.
fn known() -> Vec<Python> {
    every_python().into_iter().filter(|python| python.version >= (3, 6, 0)).collect()
}

/// Those whose collector is read too.
fn with_collector() -> Vec<Python> {
    known().into_iter().filter(|python| python.version >= (3, 7, 0)).collect()
}

fn look(pid: u32, questions: &[&str]) -> Snapshot {
    let mut probe = PythonProbe::open(Default::default()).unwrap();
    let snapshot = probe.snapshot(&Request::new(Target::from_pid(pid), questions)).unwrap();
    for table in &snapshot.tables {
        table.check().unwrap();
    }
    snapshot
}

fn number(table: &Table, column: &str, row: usize) -> u64 {
    table.value(column, row).as_u64().unwrap_or_else(|| panic!("no {column} in row {row}"))
}

fn texts<'a>(table: &'a Table, column: &str) -> Vec<&'a str> {
    (0..table.rows()).map(|row| table.value(column, row).as_str().unwrap_or("")).collect()
}

fn start(python: &Python, setup: &str, call: &str) -> Running {
    let code = format!("{REPORT}\n{setup}\nprint('ready', flush=True)\nwhile True: {call}()\n");
    let program = Running::python(python, &code);
    assert_eq!(program.ready, "ready", "{python}");
    wait_until_blocked(program.pid());
    program
}

const SETUPS: [&str; 5] = [
    "",
    "
class Node: pass
gc.set_debug(gc.DEBUG_SAVEALL)
for n in range(100): a = Node(); a.me = a
del a; gc.collect(); gc.set_debug(0)",
    "gc.collect(); gc.freeze(); junk = [[n] for n in range(1000)]",
    "gc.disable(); gc.set_threshold(900, 7, 3); junk = [[] for n in range(20000)]",
    "
for n in range(3): gc.collect(n)
class Node: pass
for n in range(5000): a = Node(); a.me = a
junk = [{'a': []} for n in range(100000)]
gc.collect()
gc.set_threshold(0)",
];

/// Objects, thresholds, switches and statistics are those that the interpreter gives, to the
/// last object.
#[test]
fn the_collector_is_read_to_the_last_object() {
    for python in with_collector() {
        for setup in SETUPS {
            let mut program = start(&python, setup, "report");
            let snapshot = look(program.pid(), &["gc"]);
            assert!(snapshot.complete, "{python}: {:?}", snapshot.issues);
            let truth: Value = serde_json::from_str(&program.ask("")).unwrap();
            let table = snapshot.table(gc::TABLE).unwrap();
            assert_eq!(texts(table, gc::GENERATION), ["0", "1", "2", "permanent"]);
            let objects: Vec<_> = (0..4).map(|row| number(table, gc::OBJECTS, row)).collect();
            let told: Vec<_> =
                truth["objects"].as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).collect();
            if told.len() == 1 {
                assert_eq!(objects[..3].iter().sum::<u64>(), told[0], "{python} {setup}");
            } else {
                assert_eq!(objects[..3], told, "{python} {setup}");
            }
            assert_eq!(objects[3], truth["frozen"].as_u64().unwrap(), "{python} {setup}");
            let garbage = table.value(gc::GARBAGE, 2).as_u64();
            assert_eq!(garbage, truth["garbage"].as_u64(), "{python} {setup}");
            for row in 0..3 {
                let enabled = table.value(gc::ENABLED, row);
                assert_eq!(enabled, probe::Value::Bool(truth["enabled"].as_bool().unwrap()));
                assert_eq!(
                    Some(number(table, gc::THRESHOLD, row)),
                    truth["threshold"][row].as_u64()
                );
                let stats = &truth["stats"][row];
                for name in [gc::COLLECTIONS, gc::COLLECTED, gc::UNCOLLECTABLE] {
                    let told = stats[name].as_u64();
                    assert_eq!(Some(number(table, name, row)), told, "{python} {setup} {name}");
                }
            }
        }
    }
}

/// The counts are those of `gc.get_count()`.
#[test]
fn the_counts_are_those_of_get_count() {
    for python in with_collector() {
        for setup in SETUPS {
            let mut program = start(&python, setup, "count");
            let snapshot = look(program.pid(), &["gc"]);
            let table = snapshot.table(gc::TABLE).unwrap();
            let counts: Vec<_> = (0..3).map(|row| number(table, gc::COUNT, row)).collect();
            let told: Vec<u64> = serde_json::from_str(&program.ask("")).unwrap();
            assert_eq!(counts, told, "{python} {setup}");
        }
    }
}

/// Version, build and library; threads with their numbers and names.
#[test]
fn the_runtime_and_its_threads_are_read() {
    const THREADS: &str = "
lock = threading.Lock(); lock.acquire()
started = threading.Barrier(8)
def work():
    started.wait()
    lock.acquire()
for n in range(7): threading.Thread(target=work, daemon=True).start()
started.wait()
";
    for python in known() {
        let mut program = start(&python, THREADS, "report");
        let snapshot = look(program.pid(), &["runtime", "threads"]);
        assert!(snapshot.complete, "{python}: {:?}", snapshot.issues);
        let truth: Value = serde_json::from_str(&program.ask("")).unwrap();
        let version = truth["version"].as_str().unwrap();
        assert_eq!(snapshot.target.python.as_deref(), Some(version), "{python}");
        let table = snapshot.table(interpreters::TABLE).unwrap();
        assert_eq!(table.rows(), 1, "{python}");
        assert_eq!(table.value(interpreters::VERSION, 0).as_str(), Some(version));
        assert_eq!(table.value(interpreters::BUILD, 0).as_str(), Some("release"));
        assert_eq!(number(table, interpreters::THREADS, 0), 8);
        assert_eq!(number(table, interpreters::INTERPRETER, 0), 0);
        let found_by = match python.version.1 {
            ..=6 => "scan",
            7..=12 => "symbol",
            _ => "debug offsets",
        };
        assert_eq!(table.value(interpreters::FOUND_BY, 0).as_str(), Some(found_by));
        let table = snapshot.table(python_threads::TABLE).unwrap();
        let mut tids: Vec<_> =
            (0..8).map(|row| number(table, python_threads::THREAD, row)).collect();
        tids.sort_unstable();
        let mut told: Vec<u64> = std::fs::read_dir(format!("/proc/{}/task", program.pid()))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_str().unwrap().parse().unwrap())
            .collect();
        told.sort_unstable();
        assert_eq!(tids, told, "{python}");
        for row in 0..8 {
            let tid = number(table, python_threads::THREAD, row);
            let comm = std::fs::read_to_string(format!("/proc/{}/task/{tid}/comm", program.pid()))
                .unwrap();
            let name = table.value(python_threads::NAME, row);
            assert_eq!(name.as_str(), Some(comm.trim_end()), "{python}");
        }
        assert_eq!(probe_python::version(program.pid()).unwrap().as_deref(), Some(version));
    }
}

/// Subinterpreters are found, each with its own threads and, from 3.9 on, its own collector.
#[test]
fn subinterpreters_are_read() {
    const SUBINTERPRETERS: &str = "
try: import _interpreters as subs
except ImportError:
    try: import _xxsubinterpreters as subs
    except ImportError: subs = None
made = [subs.create() for n in range(3)] if subs else []
";
    for python in with_collector() {
        let program = start(&python, SUBINTERPRETERS, "report");
        let snapshot = look(program.pid(), &[]);
        assert!(snapshot.complete, "{python}: {:?}", snapshot.issues);
        let table = snapshot.table(interpreters::TABLE).unwrap();
        let mut ids: Vec<_> =
            (0..table.rows()).map(|row| number(table, interpreters::INTERPRETER, row)).collect();
        ids.sort_unstable();
        let expected = if python.version >= (3, 8, 0) { vec![0, 1, 2, 3] } else { vec![0] };
        assert_eq!(ids, expected, "{python}");
        let table = snapshot.table(gc::TABLE).unwrap();
        let mut rows = BTreeMap::new();
        for row in 0..table.rows() {
            *rows.entry(number(table, gc::INTERPRETER, row)).or_insert(0) += 1;
            assert!(table.value(gc::OBJECTS, row).as_u64().is_some());
        }
        let collectors = if python.version >= (3, 9, 0) { expected.len() } else { 1 };
        assert_eq!(rows.len(), collectors, "{python}");
        assert!(rows.values().all(|&n| n == 4));
    }
}

/// A process that never stands still gives what can be read, says what is doubtful, and its
/// figures stay within what it can have.
#[test]
fn a_busy_process_is_read_without_nonsense() {
    const BUSY: &str = "
import gc, threading
def work():
    while True:
        junk = [[{'n': n}] for n in range(3000)]
        junk.append(junk)
        del junk
for n in range(3): threading.Thread(target=work, daemon=True).start()
print('ready', flush=True)
work()
";
    for python in known() {
        let program = Running::python(&python, BUSY);
        let mut probe = PythonProbe::open(Default::default()).unwrap();
        for look in 0..20 {
            // Once everything, the graph of objects and all native blocks among it.
            let questions: &[&str] = if look == 0 { &[] } else { &["runtime", "threads", "gc"] };
            let request = Request::new(Target::from_pid(program.pid()), questions);
            let snapshot = probe.snapshot(&request).unwrap();
            let Some(table) = snapshot.table(gc::TABLE).filter(|t| t.rows() > 0) else {
                assert!(!snapshot.complete);
                continue;
            };
            for row in 0..table.rows() {
                if let Some(objects) = table.value(gc::OBJECTS, row).as_u64() {
                    assert!(objects < 10_000_000, "{python}: {objects}");
                } else {
                    assert!(!snapshot.complete);
                }
            }
            assert_eq!(snapshot.table(interpreters::TABLE).unwrap().rows(), 1);
        }
    }
}

/// What is no Python, too old a Python, or gone, is said so.
#[test]
fn what_cannot_be_read_is_named() {
    let cat = Running::start(std::process::Command::new("sh").args(["-c", "echo ready; cat"]));
    let error = Attached::attach(&Target::from_pid(cat.pid())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    let text = error.to_string();
    assert!(text.starts_with(&format!("no Python interpreter in process {}", cat.pid())), "{text}");
    assert!(error.hint().is_some());
    assert_eq!(probe_python::version(cat.pid()).unwrap(), None);
    let mut gone = cat;
    gone.kill();
    let error = Attached::attach(&Target::from_pid(gone.pid())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

/// 3.6 has no runtime structure: interpreters and threads are read, and what is not is said.
#[test]
fn what_3_6_lacks_is_said() {
    let old: Vec<Python> =
        known().into_iter().filter(|python| python.version < (3, 7, 0)).collect();
    for python in &old {
        let program = start(python, "", "report");
        let snapshot = look(program.pid(), &["runtime", "threads", "gc"]);
        assert!(!snapshot.complete);
        let said = |text: &str| snapshot.issues.iter().any(|i| i.message.contains(text));
        assert!(said("the collector of Python 3.6"), "{:?}", snapshot.issues);
        assert_eq!(snapshot.table(interpreters::TABLE).unwrap().rows(), 1);
        assert_eq!(snapshot.table(python_threads::TABLE).unwrap().rows(), 1);
        assert_eq!(snapshot.table(gc::TABLE).unwrap().rows(), 0);
    }
    if old.is_empty() {
        eprintln!("skipped: no Python 3.6");
    }
}

/// Python 2 is named, and refused.
#[test]
fn python_2_is_refused() {
    let root = std::env::var_os("PYENV_ROOT").map(std::path::PathBuf::from).or_else(|| {
        std::env::var_os("HOME").map(|home| std::path::PathBuf::from(home).join(".pyenv"))
    });
    let versions = root.and_then(|root| std::fs::read_dir(root.join("versions")).ok());
    let exes = versions.into_iter().flatten().flatten().map(|e| e.path().join("bin/python2.7"));
    let Some(exe) = exes.into_iter().find(|exe| exe.exists()) else {
        eprintln!("skipped: no Python 2.7");
        return;
    };
    let code = "import sys\nprint('ready')\nsys.stdout.flush()\nsys.stdin.read()";
    let program = Running::start(std::process::Command::new(exe).args(["-c", code]));
    let error = Attached::attach(&Target::from_pid(program.pid())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("Python 2.7."), "{error}");
}

/// Builds with `--with-pydebug` whose structures are known give all; others say so.
#[test]
fn debug_builds_are_read_or_refused() {
    for python in debug_pythons() {
        let mut program = start(&python, "", "report");
        let snapshot = look(program.pid(), &["runtime", "threads", "gc"]);
        assert!(snapshot.complete, "{python}: {:?}", snapshot.issues);
        let truth: Value = serde_json::from_str(&program.ask("")).unwrap();
        let table = snapshot.table(interpreters::TABLE).unwrap();
        assert_eq!(table.value(interpreters::BUILD, 0).as_str(), Some("debug"));
        assert_eq!(number(table, interpreters::THREADS, 0), 1);
        assert_eq!(snapshot.target.python.as_deref(), truth["version"].as_str());
        let table = snapshot.table(gc::TABLE).unwrap();
        for row in 0..3 {
            assert_eq!(Some(number(table, gc::OBJECTS, row)), truth["objects"][row].as_u64());
        }
    }
}

/// Free-threaded builds give runtime and threads, and say that objects are missing.
#[test]
fn free_threaded_builds_say_what_is_missing() {
    const THREADS: &str = "
wait = threading.Event()
for n in range(3): threading.Thread(target=wait.wait, daemon=True).start()
";
    for python in free_threaded_pythons() {
        let mut program = start(&python, THREADS, "report");
        let snapshot = look(program.pid(), &["runtime", "threads", "gc", "census"]);
        let truth: Value = serde_json::from_str(&program.ask("")).unwrap();
        let table = snapshot.table(interpreters::TABLE).unwrap();
        let build = if python.is_debug() { "debug free-threaded" } else { "release free-threaded" };
        assert_eq!(table.value(interpreters::BUILD, 0).as_str(), Some(build));
        assert_eq!(number(table, interpreters::THREADS, 0), 4);
        assert_eq!(table.value(interpreters::VERSION, 0).as_str(), truth["version"].as_str());
        assert_eq!(snapshot.table(python_threads::TABLE).unwrap().rows(), 4);
        let table = snapshot.table(gc::TABLE).unwrap();
        assert_eq!(Some(number(table, gc::THRESHOLD, 0)), truth["threshold"][0].as_u64());
        assert!(!snapshot.complete);
        let said = |text: &str| snapshot.issues.iter().any(|i| i.message.contains(text));
        assert!(said("keeps no lists of objects"), "{:?}", snapshot.issues);
        assert!(said("a free-threaded build, cannot be counted"), "{:?}", snapshot.issues);
    }
}
