//! Stacks read from outside, compared with what the target says of its own frames.
#![forbid(unsafe_code)]
#![allow(clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;

use memprobe_probe_python::{PythonProbe, stacks::rules::FRAMES};
use probe::tables::stacks as t;
use probe::{Open, Probe, Request, Snapshot, Table, Target};
use test_support::{Python, Running, every_python, free_threaded_pythons, until};

/// Threads that stand in a read, called in many ways; then the frames of all of them. What
/// stands on one line has one number, whatever of it runs.
const PARKED: &str = r#"
import asyncio, json, os, sys, threading
hole, _keep = os.pipe()
def name(code): return getattr(code, 'co_qualname', code.co_name)
def chain(frame):
    out = []
    while frame is not None:
        out.append([name(frame.f_code), frame.f_code.co_filename, frame.f_lineno])
        frame = frame.f_back
    return out
def say(outer):
    me, all = threading.get_ident(), {}
    numbers = {t.ident: getattr(t, 'native_id', t.ident) for t in threading.enumerate()}
    for ident, frame in sys._current_frames().items():
        all[numbers[ident]] = chain(outer if ident == me else frame)
    print(json.dumps(all), flush=True)
class Deep:
    def down(self, n):
        if n: return self.down(n - 1)
        return os.read(hole, 1)
    @staticmethod
    def up(): return (lambda: os.read(hole, 1))()
def generator():
    for n in range(3):
        yield os.read(
            hole,
            1)
async def inner(): return os.read(hole, 1)
async def middle(): return await inner()
def run_async(): asyncio.new_event_loop().run_until_complete(middle())
def through_c(): return sorted([1], key=lambda n: list(map(lambda m: os.read(hole, 1), [n])))
def executed(): exec(compile('\n' * 700 + 'def f():\n os.read(hole, 1)\nf()', 'a\nb\x1b[2J', 'exec'))
long = 'def far(x):\n' + ''.join(' x = (x +\n  1)\n' for _ in range(3000)) + ' return os.read(hole, 1)\n'
long += 'def back(): return max(\n' + '\n' * 400 + '  os.read(hole, 1),\n\n  2)'
exec(compile(long, 'long.py', 'exec'))
def wide():
    try: raise ValueError
    except ValueError:
        with open(os.devnull) as f:
            return [os.read(hole, 1) for _ in (1, 2)]
class Iterated:
    def __iter__(self): return self
    def __next__(self): return os.read(hole, 1)
    def __getattr__(self, name): return os.read(hole, 1)
def special():
    for _ in Iterated(): pass
def attribute(): return Iterated().missing
calls = [lambda: Deep().down(0), lambda: Deep().down(500), Deep.up, lambda: next(generator()),
         run_async, through_c, executed, lambda: far(1), back, wide, special, attribute,
         lambda: [x for x in generator()]]
def guarded(call): call()
for call in calls: threading.Thread(target=guarded, args=(call,), daemon=True).start()
def main():
    os.read(0, 1000); say(sys._getframe())
print('ready', flush=True)
while True: main()
"#;

fn known() -> Vec<Python> {
    // Free-threaded builds from 3.14 on have code of its own for each thread.
    let free_threaded = free_threaded_pythons().into_iter().filter(|p| p.version < (3, 14, 0));
    let known = every_python().into_iter().filter(|python| python.version >= (3, 7, 0));
    known.chain(free_threaded).collect()
}

fn look(pid: u32) -> Snapshot {
    let mut probe = PythonProbe::open(Default::default()).unwrap();
    let snapshot = probe.snapshot(&Request::new(Target::from_pid(pid), &["stacks"])).unwrap();
    snapshot.tables.iter().for_each(|table| table.check().unwrap());
    snapshot
}

/// Until every thread stands in a `read`.
fn wait_until_all_read(pid: u32, threads: usize) {
    let reads = |entry: std::fs::DirEntry| {
        let call = std::fs::read_to_string(entry.path().join("syscall")).unwrap_or_default();
        call.starts_with("0 ")
    };
    let tasks = || std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    until("all threads read", || {
        tasks().count() == threads && tasks().all(|entry| reads(entry.unwrap()))
    });
}

type Stack = Vec<(String, String, u64)>;

/// Stacks by thread, innermost frame first.
fn by_thread(table: &Table) -> BTreeMap<u64, Stack> {
    let mut map: BTreeMap<u64, Stack> = BTreeMap::new();
    for row in 0..table.rows() {
        let number = |column| table.value(column, row).as_u64();
        let text = |column| table.value(column, row).as_str().unwrap_or("").to_owned();
        let stack = map.entry(number(t::THREAD).unwrap()).or_default();
        assert_eq!(number(t::DEPTH), Some(stack.len() as u64));
        stack.push((text(t::FUNCTION), text(t::FILE), number(t::LINE).unwrap_or(0)));
    }
    map
}

/// The stacks of all threads are those that the target sees, to the line.
#[test]
fn stacks_are_those_that_the_target_sees() {
    for python in known() {
        let mut program = Running::python(&python, PARKED);
        wait_until_all_read(program.pid(), 14);
        let snapshot = look(program.pid());
        assert!(snapshot.complete, "{python}: {:?}", snapshot.issues);
        let table = snapshot.table(t::TABLE).unwrap();
        let found = by_thread(table);
        let holders: Vec<_> = (0..table.rows())
            .filter(|&row| table.value(t::GIL, row) == probe::Value::Bool(true))
            .collect();
        assert!(holders.is_empty(), "{python}: nobody runs, and {holders:?} hold the lock");
        let told: BTreeMap<u64, Stack> = serde_json::from_str(&program.ask("go")).unwrap();
        let tame = |text: &str| text.replace('\n', "\\n").replace('\x1b', "\\u{1b}");
        let told: BTreeMap<u64, Stack> = told
            .into_iter()
            .map(|(thread, stack)| {
                let tame = |(name, file, line): (String, String, u64)| (name, tame(&file), line);
                (thread, stack.into_iter().map(tame).collect())
            })
            .collect();
        let frames: usize = found.values().map(Vec::len).sum();
        println!("{python}: {} threads, {frames} frames", found.len());
        assert_eq!(told.len(), 14, "{python}");
        if python.version >= (3, 8, 0) {
            for (thread, stack) in &told {
                assert_eq!(found.get(thread), Some(stack), "{python}");
            }
        }
        let sorted = |map: BTreeMap<u64, Stack>| {
            let mut all: Vec<Stack> = map.into_values().collect();
            all.sort();
            all
        };
        assert_eq!(sorted(found), sorted(told), "{python}");
    }
}

/// The thread that runs is the one that holds the lock; it stays the same when asked again.
#[test]
fn the_holder_of_the_lock_is_named() {
    const BUSY: &str = "
import os, threading
hole, keep = os.pipe()
for n in range(3): threading.Thread(target=os.read, args=(hole, 1), daemon=True).start()
def spin():
    while True: pass
print('ready', flush=True)
spin()
";
    // A free-threaded build has no lock to hold.
    for python in known().into_iter().filter(|python| !python.is_free_threaded()) {
        let program = Running::python(&python, BUSY);
        // The last thread to start takes the lock once before it reads.
        let holds = || {
            let snapshot = look(program.pid());
            let table = snapshot.table(t::TABLE).unwrap();
            (0..table.rows()).any(|row| {
                let number = |column| table.value(column, row).as_u64();
                let is_main = number(t::THREAD) == Some(program.pid().into());
                is_main && table.value(t::GIL, row) == probe::Value::Bool(true)
            })
        };
        while !holds() {}
        let snapshot = look(program.pid());
        let stack = &by_thread(snapshot.table(t::TABLE).unwrap())[&program.pid().into()];
        let spin: Vec<_> = stack.iter().filter(|frame| frame.0 == "spin").collect();
        assert_eq!(spin.len(), 1, "{python}: {stack:?}");
        assert_eq!(spin[0].2, 6, "{python}");
    }
}

/// Subinterpreters have stacks of their own, found while they run.
#[test]
fn stacks_of_subinterpreters_are_read() {
    const SUBINTERPRETER: &str = r"
import os, sys, threading
try: import _interpreters as sub
except ImportError: import _xxsubinterpreters as sub
hole, keep = os.pipe()
code = 'import os\ndef inside():\n  os.read(%d, 1)\ninside()' % hole
def work():
    s = sub.create()
    (sub.run_string if hasattr(sub, 'run_string') else sub.exec)(s, code)
threading.Thread(target=work, daemon=True).start()
print('ready', flush=True)
os.read(0, 1)
";
    for python in known().iter().filter(|python| python.version >= (3, 8, 0)) {
        let program = Running::python(python, SUBINTERPRETER);
        wait_until_all_read(program.pid(), 2);
        let snapshot = look(program.pid());
        let table = snapshot.table(t::TABLE).unwrap();
        let row = (0..table.rows())
            .find(|&row| table.value(t::FUNCTION, row).as_str() == Some("inside"))
            .unwrap_or_else(|| panic!("{python}: {table:?}"));
        assert_eq!(table.value(t::LINE, row).as_u64(), Some(3), "{python}");
        assert_ne!(table.value(t::INTERPRETER, row).as_u64(), Some(0), "{python}");
    }
}

/// A process that never stands still gives stacks of functions that it has, and no nonsense.
#[test]
fn a_busy_process_gives_no_nonsense() {
    const BUSY: &str = "
import threading
def down(n): return sum(up(n - 1) for _ in (1, 2)) if n else 1
def up(n): return down(n)
def work():
    while True: down(6)
for n in range(3): threading.Thread(target=work, daemon=True).start()
print('ready', flush=True)
work()
";
    // A free-threaded build has no lock to hold.
    for python in known().into_iter().filter(|python| !python.is_free_threaded()) {
        let program = Running::python(&python, BUSY);
        let mut frames = 0;
        for _ in 0..100 {
            let snapshot = look(program.pid());
            let table = snapshot.table(t::TABLE).unwrap();
            for row in 0..table.rows() {
                let Some(function) = table.value(t::FUNCTION, row).as_str() else { continue };
                let file = table.value(t::FILE, row).as_str().unwrap();
                assert!(
                    file == "<string>" || file.ends_with("threading.py"),
                    "{python}: {function} {file}"
                );
                frames += 1;
            }
        }
        assert!(frames > 100, "{python}: {frames}");
    }
}

/// The rows are in the order of versions, one each.
#[test]
fn every_version_has_a_row() {
    let minors: Vec<u32> = FRAMES.iter().map(|row| row.minor).collect();
    assert_eq!(minors, (7..=15).collect::<Vec<_>>());
}
