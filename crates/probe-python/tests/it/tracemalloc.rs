//! The tables of tracemalloc read from outside, compared with what the module says in the target.
#![forbid(unsafe_code)]
#![allow(clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;
use std::process::Command;

use memprobe_probe_python::PythonProbe;
use probe::tables::{tracemalloc, tracemalloc_files, tracemalloc_lines, tracemalloc_tracebacks};
use probe::{Open, Probe, Request, Snapshot, Table, Target};
use serde_json::Value;
use test_support::{Python, Running, every_python, free_threaded_pythons, until};

/// Makes blocks on many lines and in other domains, then stands in a read that holds as little
/// as any, and says what it was like. Before, it says it of a few blocks, so that nothing is done
/// for the first time.
const TARGET: &str = r#"
import gc, json, os, sys, tracemalloc
START
gc.disable()
place = [bytearray(1000)]
source = ''.join('def f%d(): return [bytes(%d) for _ in range(%d)]\n' % (n, n * 7 + 1, n) for n in range(100))
exec(compile(source, 'planted\n.py', 'exec'))
def call(f, n): return call(f, n - 1) if n else f()
kept = [call(globals()['f%d' % n], n % 40) for n in range(100)]
try:
    import ctypes
    track = ctypes.pythonapi.PyTraceMalloc_Track
    track.argtypes = [ctypes.c_uint, ctypes.c_size_t, ctypes.c_size_t]
    for n in range(DOMAINS): track(7 + n % 3, 4096 + n * 16, 100 + n)
except (ImportError, AttributeError): pass
def report(only=None):
    now = tracemalloc.get_traced_memory()
    overhead = tracemalloc.get_tracemalloc_memory()
    snapshot = tracemalloc.take_snapshot() if tracemalloc.is_tracing() else None
    if only and snapshot: snapshot = snapshot.filter_traces([only])
    def sums(kind):
        if snapshot is None: return []
        return [['%s < ' % '' + ' < '.join('%s:%d' % (f.filename, f.lineno) for f in reversed(list(s.traceback))), s.size, s.count]
                for s in snapshot.statistics(kind)]
    text = json.dumps({'now': now, 'overhead': overhead, 'lines': sums('lineno'),
        'files': sums('filename'), 'tracebacks': sums('traceback')})
    return text
for _ in range(2): report(tracemalloc.Filter(True, 'planted*'))
print('ready', flush=True)
os.readv(0, place)
text = report()
print(text, flush=True)
os.readv(0, place)
"#;

fn known() -> Vec<Python> {
    let known = every_python().into_iter().filter(|python| python.version >= (3, 7, 0));
    known.chain(free_threaded_pythons()).collect()
}

fn start(python: &Python, code: &str, environment: &[(&str, &str)]) -> Running {
    let mut command = Command::new(&python.exe);
    command.args(["-u", "-S", "-c", code]).envs(environment.iter().copied());
    let program = Running::start(&mut command);
    assert_eq!(program.ready, "ready", "{python}");
    // In `readv` of standard input.
    let call = format!("/proc/{}/syscall", program.pid());
    until("the program reads", || std::fs::read_to_string(&call).unwrap().starts_with("19 0x0 "));
    program
}

fn look(pid: u32) -> Snapshot {
    let mut probe = PythonProbe::open(Default::default()).unwrap();
    let snapshot = probe.snapshot(&Request::new(Target::from_pid(pid), &["tracemalloc"])).unwrap();
    snapshot.tables.iter().for_each(|table| table.check().unwrap());
    snapshot
}

fn number(table: &Table, column: &str, row: usize) -> u64 {
    table.value(column, row).as_u64().unwrap_or_else(|| panic!("no {column} in row {row}"))
}

type Sums = BTreeMap<String, (u64, u64)>;

fn found(table: &Table, name: impl Fn(usize) -> String) -> Sums {
    let sums =
        |row| (number(table, tracemalloc::BYTES, row), number(table, tracemalloc::BLOCKS, row));
    (0..table.rows()).map(|row| (name(row), sums(row))).collect()
}

fn told(truth: &Value) -> Sums {
    let rows = truth.as_array().unwrap().iter();
    let sums = |row: &Value| {
        let name = row[0].as_str().unwrap().trim_start_matches(" < ").replace('\n', "\\n");
        (name, (row[1].as_u64().unwrap(), row[2].as_u64().unwrap()))
    };
    rows.map(sums).collect()
}

/// Groups that are apart, without those of the code that makes the comparison.
fn apart(found: &Sums, told: &Sums) -> Vec<String> {
    let own = |name: &str| {
        ["<string>", "tracemalloc.py", "json/", "codecs.py"].iter().any(|own| name.contains(own))
            && !name.contains("planted")
    };
    let names: std::collections::BTreeSet<&String> = found.keys().chain(told.keys()).collect();
    let names = names.into_iter().filter(|name| !own(name) && found.get(*name) != told.get(*name));
    names.map(|name| format!("{name}: {:?} {:?}", found.get(name), told.get(name))).collect()
}

fn compare(python: &Python, code: &str, environment: &[(&str, &str)], domains: u64) {
    let mut program = start(python, code, environment);
    let snapshot = look(program.pid());
    assert!(snapshot.complete, "{python}: {:?}", snapshot.issues);
    let truth: Value = serde_json::from_str(&program.ask("go")).unwrap();
    let table = snapshot.table(tracemalloc::TABLE).unwrap();
    assert_eq!(table.value(tracemalloc::ON, 0), probe::Value::Bool(true), "{python}");
    let bytes = number(table, tracemalloc::BYTES, 0);
    let all = |name: &str| snapshot.table(name).unwrap();
    let lines = all(tracemalloc_lines::TABLE);
    let text =
        |table: &Table, column: &str, row| table.value(column, row).as_str().unwrap().to_owned();
    let lines = found(lines, |row| {
        let line = number(lines, tracemalloc_lines::LINE, row);
        format!("{}:{line}", text(lines, tracemalloc_lines::FILE, row))
    });
    // All blocks stand in the table of lines.
    assert_eq!(lines.values().map(|sum| sum.0).sum::<u64>(), bytes, "{python}");
    let blocks = number(table, tracemalloc::BLOCKS, 0);
    assert_eq!(lines.values().map(|sum| sum.1).sum::<u64>(), blocks, "{python}");
    // The buffers of the read itself were free again when the target looked.
    let now = truth["now"][0].as_u64().unwrap();
    let overhead = truth["overhead"].as_u64().unwrap();
    println!(
        "{python} {environment:?}: {bytes} of {now} bytes, {blocks} blocks, overhead {} of \
         {overhead}, {} lines",
        number(table, tracemalloc::OVERHEAD, 0),
        lines.len()
    );
    assert!(bytes.abs_diff(now) <= 400, "{python}: {bytes} of {now}");
    // Link-time optimisation moves this figure away from the others.
    let peak = table.value(tracemalloc::PEAK, 0).as_u64();
    println!("peak: {peak:?}");
    assert!(peak.is_none() || peak == truth["now"][1].as_u64(), "{python}: {peak:?}");
    assert!(number(table, tracemalloc::OVERHEAD, 0).abs_diff(overhead) <= 400, "{python}");
    assert_eq!(number(table, tracemalloc::DOMAINS, 0), domains, "{python}");
    assert_eq!(apart(&lines, &told(&truth["lines"])), [""; 0], "{python}");
    let planted = lines.keys().filter(|name| name.starts_with("planted\\n.py:")).count();
    assert!(planted >= 98, "{python}: {planted}");
    let table = all(tracemalloc_files::TABLE);
    let files = found(table, |row| text(table, tracemalloc_files::FILE, row));
    let told_files = told(&truth["files"]);
    let told_files = told_files
        .into_iter()
        .map(|(name, sum)| (name.trim_end_matches(":0").into(), sum))
        .collect();
    assert_eq!(apart(&files, &told_files), [""; 0], "{python}");
    let table = all(tracemalloc_tracebacks::TABLE);
    let mut places = found(table, |row| text(table, tracemalloc_tracebacks::TRACEBACK, row));
    let told_places = told(&truth["tracebacks"]);
    // Only those with most bytes are given, and the sum of the others.
    let others = places.remove(tracemalloc::OTHERS);
    assert_eq!(others.is_some(), told_places.len() > 1000, "{python}: {others:?}");
    let same = |name: &&String| told_places.get(*name) == places.get(*name);
    let right = places.keys().filter(same).count();
    assert!(right + 12 >= places.len(), "{python}: {right} of {}", places.len());
}

/// Sums by file, line and traceback, totals, peak and overhead are those of the module.
#[test]
fn traces_are_those_that_the_module_gives() {
    let code = TARGET.replace("START", "").replace("DOMAINS", "0");
    for python in known() {
        compare(&python, &code, &[("PYTHONTRACEMALLOC", "1")], 0);
    }
}

/// Long tracebacks too, in each form that they have had: 3.9 put the number of all frames in.
#[test]
fn long_tracebacks_are_those_that_the_module_gives() {
    let code = TARGET.replace("START", "").replace("DOMAINS", "0");
    let (old, new): (Vec<_>, Vec<_>) = known().into_iter().partition(|p| p.version < (3, 9, 0));
    for python in old.first().into_iter().chain(new.first()).chain(new.last()) {
        compare(python, &code, &[("PYTHONTRACEMALLOC", "30")], 0);
    }
}

/// It may have been started later, and blocks may be of other domains.
#[test]
fn other_domains_count() {
    for python in known() {
        let code = TARGET.replace("START", "tracemalloc.start(3)").replace("DOMAINS", "1000");
        let domains = if python.version >= (3, 9, 0) { 3 } else { 0 };
        compare(&python, &code, &[], domains);
    }
}

/// Where it is off, never started or stopped again, that is said, with what to do.
#[test]
fn off_is_said() {
    for python in known() {
        for setup in ["", "tracemalloc.start(); tracemalloc.stop()"] {
            let code = format!(
                "import os, tracemalloc\n{setup}\nprint('ready', flush=True)\nos.readv(0, [bytearray(9)])"
            );
            let program = start(&python, &code, &[]);
            let snapshot = look(program.pid());
            assert!(snapshot.complete, "{python}: {:?}", snapshot.issues);
            let table = snapshot.table(tracemalloc::TABLE).unwrap();
            assert_eq!(
                table.value(tracemalloc::ON, 0),
                probe::Value::Bool(false),
                "{python} {setup}"
            );
            assert_eq!(table.value(tracemalloc::BYTES, 0), probe::Value::Missing);
            let said = snapshot.issues.iter().any(|i| i.message.contains("PYTHONTRACEMALLOC=1"));
            assert!(said, "{python}: {:?}", snapshot.issues);
        }
    }
}

/// A process that never stands still is read without nonsense.
#[test]
fn a_busy_process_is_read() {
    const BUSY: &str = "
import os, threading, tracemalloc
tracemalloc.start(5)
kept = [bytes(1000) for _ in range(5000)]
def work():
    while True:
        junk = [[{'n': n, 'text': str(n) * 20}] for n in range(3000)]
        del junk
for n in range(2): threading.Thread(target=work, daemon=True).start()
print('ready', flush=True)
work()
";
    for python in known() {
        let program = Running::python(&python, BUSY);
        for _ in 0..2 {
            let snapshot = look(program.pid());
            let table = snapshot.table(tracemalloc_lines::TABLE).unwrap();
            let row = (0..table.rows())
                .find(|&row| table.value(tracemalloc_lines::LINE, row).as_u64() == Some(4));
            let bytes = row.map_or(0, |row| number(table, tracemalloc::BYTES, row));
            // Blocks that moved from bucket to bucket meanwhile may be missing or there twice.
            assert!(bytes < 12_000_000, "{python}: {bytes}");
            assert!(!snapshot.complete || bytes >= 5_000_000, "{python}: {bytes}");
        }
    }
}
