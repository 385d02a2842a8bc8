//! Objects that are planted are counted, and nothing else.

use std::collections::{BTreeMap, HashMap};
use std::process::Command;

use memprobe_probe_python::{Counts, Python as Attached, Wanted};
use probe::Target;
use test_support::{Python, debug_pythons};

use super::real::{LIBRARY, recall};
use super::target::{by_name, known, run, start, survey};

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
        recall(&python, &[], LIBRARY);
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
