//! Who holds objects, what cycles keep, and which references nobody owns: planted in real
//! programs of every Python.
#![forbid(unsafe_code)]
#![allow(clippy::print_stderr, clippy::unwrap_used, reason = "tests")]

use memprobe_probe_python::PythonProbe;
use probe::tables::{bounds, garbage, holders, refcounts};
use probe::{Open, Probe, Request, Snapshot, Step, Table, Target};
use test_support::{Python, Running, every_python};

/// Each line of input plants something more; the program then stands still.
const PROGRAM: &str = r#"
import atexit, collections, ctypes, functools, gc, sys

class Order:
    def __init__(self, number):
        self.rows = [number] * 50
        self.note = "note %d" % number

class Node:
    pass

class Registry:
    entries = []

CACHE = {}
RECENT = collections.deque(maxlen=77)
ANY = collections.deque()

@functools.lru_cache(maxsize=5000)
def bounded(number):
    return [number]

@functools.lru_cache(maxsize=None)
def boundless(number):
    return [number]

def fill():
    for number in range(300):
        bounded(number), boundless(number), RECENT.append([number]), ANY.append([number])

def cache():
    for number in range(1000):
        CACHE[len(CACHE)] = Order(number)

def register():
    for number in range(500):
        Registry.entries.append((number, object()))

def cycles():
    gc.disable()
    for _ in range(700):
        a, b = Node(), Node()
        a.other, b.other = b, a

class Connection:
    def close(self):
        pass

def at_exit():
    for number in range(600):
        atexit.register(Connection().close)
    gone = Connection().close
    atexit.register(gone)
    atexit.unregister(gone)

def raise_counts():
    for number in range(400):
        leaked = [number + 1000, "text %d" % number]
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(leaked))

# What the first call makes besides is made before the first look.
leaked = []
ctypes.pythonapi.Py_IncRef(ctypes.py_object(leaked))
gc.collect()
print("ready", flush=True)
for line in sys.stdin:
    globals()[line.strip()]()
    line = None
    print("done", flush=True)
"#;

fn known() -> impl Iterator<Item = Python> {
    let known = every_python().into_iter();
    known.filter(|python| python.version >= (3, 7, 0) && python.version < (3, 14, 0))
}

fn look(program: &Running) -> Snapshot {
    let mut probe = PythonProbe::open(Default::default()).unwrap();
    let request = Request::new(Target::from_pid(program.pid()), &["holders", "audit"]);
    program.until_it_reads();
    let snapshot = probe.snapshot(&request).unwrap();
    for table in &snapshot.tables {
        table.check().unwrap();
    }
    snapshot
}

/// The sum of a column over rows whose key fits.
fn sum(snapshot: &Snapshot, (table, key): (&str, &str), column: &str, fits: &str) -> i64 {
    let table: &Table = snapshot.table(table).unwrap();
    let rows = (0..table.rows()).filter(|&row| table.value(key, row).as_str() == Some(fits));
    rows.map(|row| table.value(column, row).as_u64().unwrap() as i64).sum()
}

/// What a planting added to rows whose key fits.
struct Planted {
    before: Snapshot,
    after: Snapshot,
}

impl Planted {
    fn by(python: &Python, what: &str) -> Self {
        let mut program = Running::python(python, PROGRAM);
        let before = look(&program);
        assert_eq!(program.ask(what), "done");
        let after = look(&program);
        assert!(program.is_running(), "{python}");
        Self { before, after }
    }

    fn grew(&self, place: (&str, &str), column: &str, fits: &str) -> i64 {
        sum(&self.after, place, column, fits) - sum(&self.before, place, column, fits)
    }
}

const WAYS: (&str, &str) = (holders::TABLE, holders::PATH);

#[test]
fn ways_lead_from_modules_and_classes_to_what_they_hold() {
    for python in known() {
        let planted = Planted::by(&python, "cache");
        let grew = |path| planted.grew(WAYS, holders::OBJECTS, path);
        assert_eq!(grew("__main__.CACHE[*] (__main__.Order)"), 1000, "{python}");
        assert_eq!(grew("__main__.CACHE[*].rows (builtins.list)"), 1000, "{python}");
        assert_eq!(grew("__main__.CACHE[*].note (builtins.str)"), 1000, "{python}");
        let bytes = planted.grew(WAYS, holders::BYTES, "__main__.CACHE[*].rows (builtins.list)");
        assert!((1000 * (40 + 400)..1000 * 600).contains(&bytes), "{python}: {bytes}");

        let planted = Planted::by(&python, "register");
        let path = "__main__.Registry.entries[*] (builtins.tuple)";
        assert_eq!(planted.grew(WAYS, holders::OBJECTS, path), 500, "{python}");
    }
}

/// Functions to be called at the end stand in native blocks, which own them all the same.
#[test]
fn callbacks_of_the_end_are_held_and_lose_no_reference() {
    for python in known() {
        let planted = Planted::by(&python, "at_exit");
        let counts = (refcounts::TABLE, refcounts::TYPE);
        for kind in ["builtins.method", "__main__.Connection"] {
            let leaked = planted.grew(counts, refcounts::OBJECTS, kind);
            assert_eq!(leaked, 0, "{python}: {kind}");
        }
        let held = |look: &Snapshot| -> u64 {
            let table = look.table(holders::TABLE).unwrap();
            let rows = 0..table.rows();
            let is_one = |&row: &usize| {
                let path = table.value(holders::PATH, row);
                let path = path.as_str().unwrap();
                path.contains("atexit") && path.ends_with("(__main__.Connection)")
            };
            rows.filter(is_one).filter_map(|row| table.value(holders::OBJECTS, row).as_u64()).sum()
        };
        // Up to 3.9 they are part of a module's state, which is read word by word.
        let grew = held(&planted.after) - held(&planted.before);
        assert!((580..=600).contains(&grew), "{python}: {grew}");
    }
}

/// Bounds are read where there are some, and only there.
#[test]
fn containers_say_how_much_they_may_hold() {
    for python in known() {
        let planted = Planted::by(&python, "fill");
        for (path, length, most) in [
            ("__main__.bounded (functools._lru_cache_wrapper)", 300, 5000),
            ("__main__.RECENT (collections.deque)", 77, 77),
            ("__main__.boundless (functools._lru_cache_wrapper)", 0, 0),
            ("__main__.ANY (collections.deque)", 0, 0),
        ] {
            let now = |column| sum(&planted.after, (bounds::TABLE, bounds::PATH), column, path);
            let seen = (now(bounds::LENGTH), now(bounds::MOST));
            assert_eq!(seen, (length, most), "{python}: {path}");
            assert_eq!(now(bounds::CONTAINERS), i64::from(most > 0), "{python}: {path}");
        }
    }
}

/// The steps are those of the text.
#[test]
fn ways_come_as_steps_too() {
    let python = known().last().unwrap();
    let planted = Planted::by(&python, "cache");
    let table = planted.after.table(holders::TABLE).unwrap();
    let path = "__main__.CACHE[*].rows (builtins.list)";
    let row = (0..table.rows()).find(|&row| table.value(holders::PATH, row).as_str() == Some(path));
    let steps = table.value(holders::STEPS, row.unwrap()).as_str().unwrap();
    let steps: Vec<Step> = serde_json::from_str(steps).unwrap();
    assert_eq!(probe::path_text(&steps), path);
    assert_eq!(steps[0].kind, "module global");
    assert_eq!(steps.last().unwrap().type_name.as_deref(), Some("builtins.list"));
}

#[test]
fn cycles_are_garbage_with_an_example() {
    for python in known() {
        let planted = Planted::by(&python, "cycles");
        let nodes = (garbage::TABLE, garbage::TYPE);
        let grew = planted.grew(nodes, garbage::OBJECTS, "__main__.Node");
        // Variables of frames that are kept for use again still name the last ones.
        assert!((1390..=1400).contains(&grew), "{python}: {grew}");
        let table = planted.after.table(garbage::TABLE).unwrap();
        let cycle = table.value(garbage::CYCLE, 0).as_str().unwrap().to_owned();
        assert!(cycle.contains("__main__.Node") && cycle.contains("other"), "{python}: {cycle}");
        assert_eq!(table.value(garbage::BLOCKED_BY, 0).as_str(), None, "{python}");
        let counts = (refcounts::TABLE, refcounts::TYPE);
        let leaked = planted.grew(counts, refcounts::OBJECTS, "__main__.Node");
        assert_eq!(leaked, 0, "{python}: a cycle is no reference too many");
    }
}

/// What hangs on an object with a reference too many counts with it, and is no garbage.
#[test]
fn references_too_many_are_counted_by_type() {
    for python in known() {
        let planted = Planted::by(&python, "raise_counts");
        let counts = (refcounts::TABLE, refcounts::TYPE);
        let grew = |column| planted.grew(counts, column, "builtins.list");
        // Words that are left in frames and in the blocks of ctypes lead to some of them.
        let objects = grew(refcounts::OBJECTS);
        assert!((370..=400).contains(&objects), "{python}: {objects}");
        assert!(grew(refcounts::REFERENCES) >= objects, "{python}");
        assert!(grew(refcounts::HELD_OBJECTS) >= 2 * objects, "{python}");
        let unreferenced = grew(refcounts::UNREFERENCED);
        assert!((250..=objects).contains(&unreferenced), "{python}: {unreferenced}");
        let kept = (garbage::TABLE, garbage::TYPE);
        assert_eq!(planted.grew(kept, garbage::OBJECTS, "builtins.list"), 0, "{python}");
    }
}
