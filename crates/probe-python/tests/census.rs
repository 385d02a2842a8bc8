//! Objects and pools of every Python of the machine, counted from outside and compared with what
//! the interpreter says itself.
#![forbid(unsafe_code)]
#![allow(clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used, reason = "tests")]

use std::collections::{BTreeMap, HashMap};
use std::process::Command;
use std::sync::Mutex;

use memprobe_probe_python::{Counts, Python as Attached, PythonProbe, Survey, Wanted};
use probe::tables::{census, pymalloc, size_classes};
use probe::{Frozen, Open, Probe, Request, Target};
use test_support::{Python, Running, debug_pythons, every_python};

/// Runs a line of code at a time, read without making objects that stay, and says when it is done.
const TARGET: &str = "
import os, sys, gc, json
os.dup2(1, 2)
here = globals()
def run(line):
    exec(line, here)
def stand_and_print():
    print('ready', flush=True)
    while not os.read(0, 1000).strip(): pass
    sys._debugmallocstats()
    print('allocated =', sys.getallocatedblocks())
print('ready', flush=True)
while True:
    line = os.read(0, 60000)
    if not line.strip(): continue
    run(line)
    del line
    gc.collect()
    print('done', flush=True)
";

/// Makes `n` of each kind of object, as a list of lists that is kept.
const PLANT: &str = "
import collections, array, decimal, datetime, gc, weakref
class C:
    pass
class S:
    __slots__ = ('a', 'b')
class D(dict):
    pass
def stop():
    yield 1
def started():
    x = stop(); next(x); return x
def instance(i):
    c = C(); c.x = i; return c
KINDS = {
    'str': lambda i: 'text number %d' % i,
    'wide': lambda i: '\\u4e2d\\u6587 %d' % i,
    'int': lambda i: i + 10**6,
    'big': lambda i: 10**40 + i,
    'float': lambda i: i + 0.5,
    'complex': lambda i: i + 0.5j,
    'bytes': lambda i: b'bytes number %d' % i,
    'tuple': lambda i: (i, i, i),
    'list': lambda i: [i] * 9,
    'dict': lambda i: {i: i, i + 1: i},
    'names': lambda i: {'a': i, 'b': i, 'c': i, 'd': i, 'e': i, 'f': i},
    'set': lambda i: {i},
    'manyset': lambda i: set(range(20)),
    'frozenset': lambda i: frozenset([i]),
    'C': instance,
    'S': lambda i: S(),
    'D': lambda i: D(a=i),
    'deque': lambda i: collections.deque([i] * 70),
    'generator': lambda i: started(),
    'bytearray': lambda i: bytearray(b'x' * 30),
    'array': lambda i: array.array('i', [i] * 3),
    'Decimal': lambda i: decimal.Decimal(i),
    'datetime': lambda i: datetime.datetime(2000, 1, 1, microsecond=i),
    'function': lambda i: (lambda: 1),
    'slice': lambda i: slice(i),
    'large': lambda i: (i,) * 100,
    'largestr': lambda i: 'y' * (1000 + i),
}
kept = {}
def prepare(n):
    for name, make in KINDS.items():
        make(1)
        kept[name] = [None] * n
def plant(n):
    for name, make in KINDS.items():
        place = kept[name]
        # Small numbers exist already: only the kinds themselves are made.
        for i in range(n): place[i] = make(i % 200)
";

fn known() -> Vec<Python> {
    every_python().into_iter().filter(|python| python.version >= (3, 6, 0)).collect()
}

fn start(python: &Python, environment: &[(&str, &str)]) -> Running {
    let mut command = Command::new(&python.exe);
    // Development mode prints what we do not ask for.
    command.args(["-u", "-W", "ignore", "-c", TARGET]).envs(environment.iter().copied());
    let mut program = Running::start(&mut command);
    assert_eq!(run(&mut program, "import sys, gc, json"), [""; 0]);
    program
}

/// Runs code in the target and returns what it printed, when the target waits again.
fn run(program: &mut Running, code: &str) -> Vec<String> {
    let path = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(path.path(), code).unwrap();
    let line = format!("exec(open({:?}).read())", path.path());
    let mut lines = vec![program.ask(&line)];
    while lines.last().unwrap() != "done" {
        lines.push(program.line().expect("the target has ended"));
    }
    lines.pop();
    wait_until_blocked(program.pid());
    lines
}

fn wait_until_blocked(pid: u32) {
    while !std::fs::read_to_string(format!("/proc/{pid}/syscall")).unwrap().starts_with("0 0x0 ") {
        std::thread::yield_now();
    }
}

fn survey(program: &Running, wanted: Wanted) -> Survey {
    let python = Attached::attach(&Target::from_pid(program.pid())).unwrap();
    let (survey, issues) = python.survey(wanted).unwrap();
    assert!(issues.is_empty(), "{issues:?}");
    survey
}

fn by_name(survey: &Survey) -> BTreeMap<String, Counts> {
    let mut map: BTreeMap<String, Counts> = BTreeMap::new();
    for found in &survey.types {
        map.entry(found.name.to_string()).or_default().add(&found.counts);
    }
    map
}

/// What `sys._debugmallocstats()` prints: (size, pools, in use, free), and the lines below.
fn statistics(lines: &[String]) -> (Vec<[u64; 4]>, BTreeMap<String, u64>) {
    let (mut classes, mut rest) = (Vec::new(), BTreeMap::new());
    for line in lines {
        let numbers: Vec<u64> = line.split_whitespace().map_while(|w| w.parse().ok()).collect();
        if let [_, size, pools, used, free] = numbers[..] {
            classes.push([size, pools, used, free]);
        }
        if let Some((name, value)) = line.split_once('=') {
            let value = value.trim().replace(',', "");
            if let Ok(value) = value.parse() {
                rest.entry(name.trim().to_owned()).or_insert(value);
            }
        }
    }
    (classes, rest)
}

/// What makes pools: nothing, many, and many of which most are empty again.
const MAKES: [&str; 3] = [
    "pass",
    "kept = [[str(n), n * 1.5, (n,)] for n in range(30000)]",
    "kept = [b'x' * (n % 500) for n in range(200000)]\nkept = kept[::100]",
];

/// Pools, blocks in use and free ones are those that the interpreter prints, to the last block
/// but the one of the call itself.
#[test]
fn pools_are_those_that_the_interpreter_prints() {
    for python in known() {
        for make in MAKES {
            let mut program = start(&python, &[]);
            run(&mut program, make);
            assert_eq!(program.ask("stand_and_print()"), "ready");
            wait_until_blocked(program.pid());
            let found = survey(&program, Wanted::Pools).pymalloc;
            let mut lines = vec![program.ask("go")];
            while lines.last().unwrap() != "done" {
                lines.push(program.line().expect("the target has ended"));
            }
            let (classes, rest) = statistics(&lines);
            assert!(classes.len() > 10, "{python}: {lines:?}");
            let mut apart = Vec::new();
            for &[size, pools, used, free] in &classes {
                let class = found.classes.iter().find(|class| class.block == size).unwrap();
                if [class.pools, class.used, class.free] != [pools, used, free] {
                    assert!(
                        class.used.abs_diff(used) <= 1 && class.pools == pools,
                        "{python} {class:?}"
                    );
                    apart.push(format!("{class:?} {pools} {used} {free}"));
                }
            }
            println!("{python} {make}: {apart:?} of {}", found.blocks());
            assert_eq!(found.torn_pools, 0);
            let told = rest["# arenas allocated current"];
            assert_eq!(found.arenas, told, "{python} {make}");
            // One block of the call itself may be in use, or free again.
            assert!(apart.len() <= 1, "{python}: {apart:#?}");
            // Blocks of more than 512 bytes count there too.
            let large = rest["allocated"].checked_sub(found.blocks()).unwrap();
            println!("{large} large blocks");
            assert!((1..6000).contains(&large), "{python}: {large} large blocks");
            assert_eq!(found.header_bytes(), rest["# bytes lost to pool headers"]);
            assert_eq!(found.quantisation_bytes(), rest["# bytes lost to quantization"]);
            let parts = ["# bytes lost to arena alignment", "unused pools"].map(|name| {
                let found = rest.iter().find(|(line, _)| line.contains(name));
                *found.unwrap_or_else(|| panic!("{name}: {rest:?}")).1
            });
            assert_eq!(found.unused_bytes(), parts.iter().sum::<u64>(), "{python} {make}");
        }
    }
}

/// Every object that is made is found under the name of its type, with the size that
/// `sys.getsizeof` gives, and nothing else appears.
#[test]
fn planted_objects_are_counted() {
    for python in known() {
        for environment in allocators(&python) {
            planted(&python, environment);
        }
    }
}

/// The same for builds with `--with-pydebug`.
#[test]
fn debug_builds_are_counted() {
    for python in debug_pythons() {
        for environment in allocators(&python) {
            planted(&python, environment);
        }
        recall(&python, &[]);
    }
}

/// The settings of the allocator that a version has, and development mode.
fn allocators(python: &Python) -> Vec<&'static [(&'static str, &'static str)]> {
    let mut list: Vec<&'static [(&str, &str)]> =
        vec![&[], &[("PYTHONMALLOC", "malloc")], &[("PYTHONMALLOC", "debug")]];
    if python.version >= (3, 7, 0) {
        list.push(&[("PYTHONDEVMODE", "1")]);
    }
    list
}

/// Objects in mimalloc are not counted, and that is said.
#[test]
fn what_mimalloc_hides_is_said() {
    for python in known().iter().filter(|python| has_mimalloc(python)) {
        let program = start(python, &[("PYTHONMALLOC", "mimalloc")]);
        let attached = Attached::attach(&Target::from_pid(program.pid())).unwrap();
        let (_, issues) = attached.survey(Wanted::Objects).unwrap();
        assert!(issues.iter().any(|i| i.message.contains("mimalloc")), "{python}: {issues:?}");
    }
}

/// From 3.13 on, where it was not left out of the build.
fn has_mimalloc(python: &Python) -> bool {
    let mut command = Command::new(&python.exe);
    command.args(["-c", "pass"]).env("PYTHONMALLOC", "mimalloc");
    let output = command.output().unwrap();
    python.version >= (3, 13, 0) && output.status.success()
}

fn planted(python: &Python, environment: &[(&str, &str)]) {
    const N: u64 = 2000;
    let mut program = start(python, environment);
    run(&mut program, &format!("exec({PLANT:?})\nprepare(3)\nplant(3)\nprepare({N})"));
    let before = by_name(&survey(&program, Wanted::Objects));
    run(&mut program, &format!("plant({N})"));
    let whole = survey(&program, Wanted::Objects);
    let after = by_name(&whole);
    let answer = run(
        &mut program,
        "told = {}
for name, place in kept.items():
    kind = type(place[0])
    kind = kind.__module__ + '.' + kind.__qualname__
    objects, size = told.get(kind, (0, 0))
    told[kind] = (objects + len(place), size + sum(sys.getsizeof(o) for o in place))
if sys.version_info < (3, 11):
    objects, size = told['builtins.dict']
    inside = [o.__dict__ for o in kept['C']]
    told['builtins.dict'] = (objects + len(inside), size + sum(map(sys.getsizeof, inside)))
if sys.version_info >= (3, 15):
    # A bytearray of it owns a bytes object.
    objects, size = told['builtins.bytes']
    inside = [bytes(len(o)) for o in kept['bytearray']]
    told['builtins.bytes'] = (objects + len(inside), size + sum(map(sys.getsizeof, inside)))
print(json.dumps(told))",
    );
    let told: HashMap<String, (u64, u64)> = serde_json::from_str(answer.last().unwrap()).unwrap();
    let mut wrong = Vec::new();
    for (name, &(objects, size)) in &told {
        let of = |map: &BTreeMap<String, Counts>| map.get(name).copied().unwrap_or_default();
        let (old, new) = (of(&before), of(&after));
        let grown = new.objects.saturating_sub(old.objects);
        let shallow = new.shallow.saturating_sub(old.shallow);
        // What runs the line, and what the interpreter keeps for reuse, is not the same each time.
        if (objects, size) != (grown, shallow) {
            println!("{python} {environment:?} {name}: {grown} of {objects}, {shallow} of {size}");
        }
        if grown.abs_diff(objects) > 8 || shallow.abs_diff(size) > 8 * 512 {
            wrong.push(format!("{name}: {grown} of {objects}, {shallow} of {size} bytes"));
        }
    }
    assert!(wrong.is_empty(), "{python} {environment:?}: {wrong:#?}");
    assert_eq!(whole.torn, 0, "{python} {environment:?}");
}

/// Modules of the standard library that make objects of many kinds.
const LIBRARY: &str = "
import asyncio, http.server, xml.dom.minidom, sqlite3, decimal, ctypes, unittest.mock, email.mime.text
import concurrent.futures, logging.handlers, threading, typing, enum, collections, json
try: import dataclasses
except ImportError: dataclasses = None
try: import numpy
except ImportError: pass
try: import pandas
except ImportError: pass
document = xml.dom.minidom.parseString('<a>' + '<b c=\"d\">e</b>' * 500 + '</a>')
E = enum.Enum('E', [('x%d' % i, i) for i in range(50)])
tasks = [typing.Dict[str, int], typing.List['x']]
mocks = [unittest.mock.Mock() for _ in range(20)]
records = [dataclasses.make_dataclass('R%d' % i, ['a', 'b'])(1, 2) for i in range(20)] if dataclasses else []
class Meta(type): pass
class Odd(metaclass=Meta):
    def __init__(self): self.me = self
odd = [Odd() for _ in range(1000)]
loop = asyncio.new_event_loop()
threads = [threading.Thread(target=threading.Event().wait, daemon=True) for _ in range(5)]
for t in threads: t.start()
";

/// Every object that the collector knows is found with the name of its type.
#[test]
fn what_the_collector_knows_is_found() {
    for python in known().into_iter().chain(with_numpy()) {
        for environment in [&[][..], &[("PYTHONMALLOC", "malloc")], &[("PYTHONMALLOC", "debug")]] {
            recall(&python, environment);
        }
    }
}

fn recall(python: &Python, environment: &[(&str, &str)]) {
    let mut program = start(python, environment);
    run(&mut program, LIBRARY);
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path();
    let code = "ids = [(id(o), type(o)) for o in gc.get_objects()]
with open(PATH, 'w') as file:
    for i, t in ids: file.write('%d %s.%s\\n' % (i, t.__module__, t.__qualname__))
del ids, i, t
print(gc.get_freeze_count() if sys.version_info >= (3, 7) else 0)";
    let answer = run(&mut program, &code.replace("PATH", &format!("{path:?}")));
    let frozen: usize = answer.last().unwrap().parse().unwrap();
    let text = std::fs::read_to_string(path).unwrap();
    let told: HashMap<u64, &str> = text
        .lines()
        .map(|line| line.split_once(' ').unwrap())
        .map(|(id, name)| (id.parse().unwrap(), name))
        .collect();
    let attached = Attached::attach(&Target::from_pid(program.pid())).unwrap();
    let seen = Mutex::new(HashMap::new());
    let each = |address: u64, kind: u64| {
        assert_eq!(seen.lock().unwrap().insert(address, kind), None, "counted twice");
    };
    let (whole, _) = attached.survey_each(&each).unwrap();
    let names: HashMap<u64, &str> = whole.types.iter().map(|t| (t.address, &*t.name)).collect();
    let seen = seen.into_inner().unwrap();
    let mut missed = Vec::new();
    for (id, name) in &told {
        match seen.get(id).map(|kind| names[kind]) {
            Some(found) if found == *name => {}
            other => missed.push(format!("{id:#x} {name}: {other:?}")),
        }
    }
    // The lists and frames of the line that wrote the numbers are gone by now.
    std::fs::write(path, missed.join("\n")).unwrap();
    let code = "import gc, json
missed = {int(line.split()[0], 16) for line in open(PATH)}
print(json.dumps([hex(id(o)) for o in gc.get_objects() if id(o) in missed]))";
    let answer = run(&mut program, &code.replace("PATH", &format!("{path:?}")));
    let alive: Vec<String> = serde_json::from_str(answer.last().unwrap()).unwrap();
    let tracked: u64 = whole.types.iter().map(|found| found.counts.tracked).sum();
    println!(
        "{python} {environment:?}: {} of {} that the collector knows missed ({} gone by now), \
         {tracked} tracked, {} objects in all",
        alive.len(),
        told.len(),
        missed.len(),
        seen.len()
    );
    assert!(alive.len() * 1000 <= told.len(), "{python}: {missed:#?}");
    assert!(
        tracked <= (frozen + told.len() + told.len() / 1000 + 20) as u64,
        "{python}: {tracked}"
    );
}

/// The labels of the debug allocator tell objects from other blocks. What is recognised without
/// them is the same.
#[test]
fn labels_change_nothing() {
    for python in known() {
        let count = |allocator| {
            let environment = [("PYTHONMALLOC", allocator), ("PYTHONHASHSEED", "0")];
            let mut program = start(&python, &environment);
            run(&mut program, LIBRARY);
            by_name(&survey(&program, Wanted::Objects))
        };
        // The first import may compile modules, which makes other texts than loading them.
        count("pymalloc");
        let labelled = count("pymalloc_debug");
        let all: u64 = labelled.values().map(|counts| counts.objects).sum();
        for allocator in ["pymalloc", "malloc"] {
            let plain = count(allocator);
            let of = |map: &BTreeMap<String, Counts>, name: &String| {
                map.get(name).map_or(0, |counts| counts.objects)
            };
            let apart = |name: &String| of(&plain, name).abs_diff(of(&labelled, name));
            let names: std::collections::BTreeSet<_> =
                plain.keys().chain(labelled.keys()).collect();
            let apart: BTreeMap<_, _> = names
                .into_iter()
                .map(|name| (name, apart(name)))
                .filter(|pair| pair.1 > 0)
                .collect();
            println!("{python} {allocator}: of {all} objects apart: {apart:?}");
            // 3.13.18 keeps a number of equal texts ("expandtabs", "open") that is not the same
            // in any two runs; all other kinds are.
            let texts = apart.get(&"builtins.str".to_owned()).copied().unwrap_or(0);
            assert!(texts * 100 <= all, "{python} {allocator}: {apart:?}");
            let others = apart.values().sum::<u64>() - texts;
            assert!(others * 1000 <= all, "{python} {allocator}: {apart:?}");
        }
    }
}

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
        assert_eq!(names, [census::TABLE, pymalloc::TABLE, size_classes::TABLE]);
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

/// The Pythons that have numpy, those of `MEMPROBE_TEST_PYTHONS` included that are of a version
/// that another one has.
fn with_numpy() -> Vec<Python> {
    let named = std::env::var_os("MEMPROBE_TEST_PYTHONS").unwrap_or_default();
    let named: Vec<_> = std::env::split_paths(&named)
        .map(|exe| Python { exe, version: (3, 0, 0), flags: String::new() })
        .collect();
    let has_numpy = |python: &Python| {
        let status = Command::new(&python.exe).args(["-c", "import numpy"]).output();
        status.is_ok_and(|output| output.status.success())
    };
    known().into_iter().chain(named).filter(has_numpy).collect()
}

/// Arrays of numpy count with the data that they own, where a Python of the machine has numpy.
#[test]
fn arrays_count_with_their_data() {
    const MAKE: &str = "
import sys, numpy
class Own(numpy.ndarray): pass
kept = [numpy.zeros((9, n)).view(Own).copy() for n in range(500)]
kept += [numpy.zeros(n, 'i2').view(Own).copy() for n in range(500)]
views = [a[1:] for a in kept]
kept += [numpy.array(1.5).view(Own).copy()]
print(sum(map(sys.getsizeof, kept + views)), sum(a.nbytes for a in kept), len(kept + views))";
    let all = with_numpy();
    if all.is_empty() {
        eprintln!("skipped: no Python of the machine has numpy");
    }
    for python in all {
        let mut program = start(&python, &[]);
        let answer = run(&mut program, MAKE);
        let numbers: Vec<u64> =
            answer[0].split(' ').map(|number| number.parse().unwrap()).collect();
        let [shallow, data, objects] = numbers[..] else { panic!("{answer:?}") };
        let found = by_name(&survey(&program, Wanted::Objects))["__main__.Own"];
        println!("{}: {found:?}", python.exe.display());
        assert_eq!((found.objects, found.shallow), (objects, shallow));
        assert!(found.buffers >= data && found.buffers <= data + objects * 64);
    }
}
