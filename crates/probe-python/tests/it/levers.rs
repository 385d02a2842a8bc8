//! The words that experiments may write, against what every Python says of itself.

use memprobe_probe_python::PythonProbe;
use probe::tables::levers as t;
use probe::{Open, Probe, Request, Table, Target};
use serde_json::Value;
use test_support::{Python, Running, debug_pythons, every_python, free_threaded_pythons};

/// Says what its collector is set to, and sets it as it is told.
const PROGRAM: &str = "
import gc, json, sys
print('ready', flush=True)
for line in sys.stdin:
    exec(line)
    main = getattr(sys, 'is_remote_debug_enabled', lambda: None)()
    print(json.dumps([gc.isenabled(), gc.get_threshold(), main]), flush=True)
";

fn levers(pid: u32) -> Table {
    let mut probe = PythonProbe::open(Default::default()).unwrap();
    let snapshot = probe.snapshot(&Request::new(Target::from_pid(pid), &["levers"])).unwrap();
    assert!(snapshot.complete, "{:?}", snapshot.issues);
    let table = snapshot.table(t::TABLE).unwrap().clone();
    table.check().unwrap();
    table
}

/// The row of a lever of an interpreter.
fn row(table: &Table, interpreter: u64, lever: &str) -> Option<usize> {
    (0..table.rows()).find(|&row| {
        table.value(t::INTERPRETER, row).as_u64() == Some(interpreter)
            && table.value(t::LEVER, row).as_str() == Some(lever)
    })
}

fn value(table: &Table, lever: &str) -> Option<u64> {
    table.value(t::VALUE, row(table, 0, lever)?).as_u64()
}

fn all() -> Vec<Python> {
    every_python().into_iter().chain(debug_pythons()).chain(free_threaded_pythons()).collect()
}

/// Whatever the program sets shows in the words, and each has an anchor.
#[test]
fn the_words_hold_what_the_program_set() {
    for python in all() {
        let mut program = Running::python(&python, PROGRAM);
        // Free-threaded builds count below 0 what other threads' batches have not told yet.
        const CYCLES: &str = "for n in range(20000): a = []; a.append(a)";
        for line in ["pass", CYCLES, "gc.disable()", "gc.enable(); gc.set_threshold(901, 11, 13)"] {
            let told: Value = serde_json::from_str(&program.ask(line)).unwrap();
            let table = levers(program.pid());
            let enabled = told[0].as_bool().map(u64::from);
            if python.version >= (3, 7, 0) {
                assert_eq!(value(&table, t::GC_ENABLED), enabled, "{python}: {line}");
            }
            for (generation, lever) in t::GC_THRESHOLDS.into_iter().enumerate() {
                let truth = told[1][generation].as_u64();
                // Where a version has no use for the third it says 0, whatever the word holds.
                if generation < 2 || truth != Some(0) {
                    assert_eq!(value(&table, lever), truth, "{python}: {lever}, {line}");
                }
            }
            let remote = value(&table, t::DEBUGGER_ENABLED);
            assert_eq!(remote, told[2].as_bool().map(u64::from), "{python}");
            for row in 0..table.rows() {
                let lever = table.value(t::LEVER, row).as_str().unwrap_or_default().to_owned();
                let anchored = table.value(t::ANCHOR, row).as_u64().is_some();
                assert_eq!(anchored, lever != t::DEBUGGER_ENABLED, "{python}: {lever}");
            }
        }
    }
}

/// What a subinterpreter has may be gone at any time: there is no anchor.
#[test]
fn subinterpreters_have_no_anchor() {
    const SUB: &str = "
import sys
try: import _xxsubinterpreters as sub
except ImportError: import _interpreters as sub
keep = sub.create()
print(int(keep), flush=True)
sys.stdin.read()
";
    for python in every_python().into_iter().filter(|python| python.version >= (3, 9, 0)) {
        let program = Running::python(&python, SUB);
        let number: u64 = program.ready.parse().unwrap();
        let table = levers(program.pid());
        let other = row(&table, number, t::GC_ENABLED).expect("its own collector");
        assert_eq!(table.value(t::ANCHOR, other).as_u64(), None, "{python}");
        let main = row(&table, 0, t::GC_ENABLED).expect("the main one's");
        assert!(table.value(t::ANCHOR, main).as_u64().is_some(), "{python}");
    }
}
