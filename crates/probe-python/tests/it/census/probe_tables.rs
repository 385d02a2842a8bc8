//! What becomes of a survey: tables of a process that runs, stands still, or is hostile.

use memprobe_probe_python::{Python as Attached, PythonProbe, Wanted};
use probe::tables::{census, free_lists, pymalloc, size_classes};
use probe::{Frozen, Open, Probe, Request, Target};
use test_support::Running;

use super::target::{by_name, known, run, start, survey};

/// A copy that stands still is read instead of the process, where there is one.
#[test]
fn a_frozen_copy_is_read_instead() {
    let python = known().pop().unwrap();
    let mut program = start(&python, &[]);
    let code = "import os, signal
class Early: pass
kept = [Early() for _ in range(100)]
copy = os.fork()
if copy == 0:
    while True: signal.pause()
kept += [Early() for _ in range(100)]
print(copy)";
    let copy: u32 = run(&mut program, code).last().unwrap().parse().unwrap();
    let target = Target::from_pid(program.pid());
    let mut request = Request::new(target, &["census"]);
    let count = |request: &Request| {
        let mut probe = PythonProbe::open(Default::default()).unwrap();
        let snapshot = probe.snapshot(request).unwrap();
        let table = snapshot.table(census::TABLE).unwrap();
        let row = (0..table.rows())
            .find(|&row| table.value(census::TYPE, row).as_str() == Some("__main__.Early"));
        table.value(census::OBJECTS, row.unwrap()).as_u64().unwrap()
    };
    assert_eq!(count(&request), 200);
    request.frozen = Some(Frozen { pid: copy, threads: Vec::new() });
    assert_eq!(count(&request), 100);
    run(&mut program, "os.kill(copy, 9); os.waitpid(copy, 0)");
}

/// The questions give sound tables that fit each other.
#[test]
fn questions_become_tables() {
    for python in known() {
        let program = start(&python, &[]);
        let mut probe = PythonProbe::open(Default::default()).unwrap();
        let request = Request::new(Target::from_pid(program.pid()), &["census", "pymalloc"]);
        let snapshot = probe.snapshot(&request).unwrap();
        assert!(snapshot.complete, "{python}: {:?}", snapshot.issues);
        assert!(snapshot.issues.iter().any(|issue| issue.message.contains("not frozen")));
        snapshot.tables.iter().for_each(|table| table.check().unwrap());
        let names: Vec<&str> = snapshot.tables.iter().map(|t| &*t.name).collect();
        assert_eq!(names, [census::TABLE, pymalloc::TABLE, free_lists::TABLE, size_classes::TABLE]);
        let sum = |table: &str, column: &str| -> u64 {
            let table = snapshot.table(table).unwrap();
            (0..table.rows()).filter_map(|row| table.value(column, row).as_u64()).sum()
        };
        let blocks = sum(pymalloc::TABLE, pymalloc::BLOCKS);
        assert_eq!(sum(size_classes::TABLE, size_classes::USED), blocks);
        let inside = sum(size_classes::TABLE, size_classes::OBJECTS);
        assert!(inside <= blocks && inside > blocks / 2, "{python}: {inside} of {blocks}");
        assert!(sum(census::TABLE, census::OBJECTS) >= inside);
        let parts = [
            pymalloc::BYTES_USED,
            pymalloc::BYTES_FREE,
            pymalloc::BYTES_UNUSED,
            pymalloc::BYTES_HEADERS,
            pymalloc::BYTES_QUANTISATION,
        ];
        let parts: u64 = parts.iter().map(|part| sum(pymalloc::TABLE, part)).sum();
        assert_eq!(parts, sum(pymalloc::TABLE, pymalloc::BYTES), "{python}");
    }
}

/// Objects of subinterpreters count like others.
#[test]
fn subinterpreters_are_counted() {
    const MAKE: &str = "
try: import _xxsubinterpreters as sub
except ImportError: import _interpreters as sub
code = 'class Inside: pass\\nkept = [Inside() for _ in range(777)]'
all = []
for _ in range(3):
    s = sub.create(); all.append(s)
    (sub.run_string if hasattr(sub, 'run_string') else sub.exec)(s, code)
";
    for python in known().iter().filter(|python| python.version >= (3, 8, 0)) {
        let mut program = start(python, &[]);
        let lines = run(&mut program, MAKE);
        assert!(lines.is_empty(), "{python}: {lines:?}");
        let found = by_name(&survey(&program, Wanted::Objects));
        assert_eq!(found["__main__.Inside"].objects, 3 * 777, "{python}");
    }
}

/// A process that never stands still is counted without nonsense.
#[test]
fn a_busy_process_is_counted() {
    const BUSY: &str = "
import threading
class Mine: pass
kept = [Mine() for _ in range(5000)]
def work():
    while True:
        junk = [[{'n': n, 'text': str(n) * 20}] for n in range(3000)]
        del junk
for n in range(3): threading.Thread(target=work, daemon=True).start()
print('ready', flush=True)
work()
";
    for python in known() {
        let program = Running::python(&python, BUSY);
        for _ in 0..5 {
            let attached = Attached::attach(&Target::from_pid(program.pid())).unwrap();
            let (whole, _) = attached.survey(Wanted::Objects).unwrap();
            let found = by_name(&whole);
            assert_eq!(found["__main__.Mine"].objects, 5000, "{python}");
            let all: u64 = found.values().map(|counts| counts.objects).sum();
            assert!(all < 1_000_000, "{python}: {all}");
        }
    }
}

/// Names from a hostile target are tame.
#[test]
fn hostile_names_are_tame() {
    let code = "
A = type('evil\\x1b[2J\\nname', (), {})
B = type('long' * 300000, (), {'__module__': 'x' * 300000})
kept = [A(), B()]
";
    let python = known().pop().unwrap();
    let mut program = start(&python, &[]);
    run(&mut program, code);
    let whole = survey(&program, Wanted::Objects);
    assert!(whole.types.iter().all(|found| found.name.len() < 300));
    assert!(whole.types.iter().all(|found| !found.name.contains(char::is_control)));
    assert!(whole.types.iter().any(|found| found.name.ends_with("evil\\u{1b}[2J\\nname")));
}
