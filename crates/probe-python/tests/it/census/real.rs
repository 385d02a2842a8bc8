//! Objects of real programs against those that the collector knows.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::process::Command;
use std::sync::Mutex;

use memprobe_probe_python::{Counts, Python as Attached, Wanted};
use probe::Target;
use test_support::Python;

use super::target::{by_name, known, run, start, survey};

/// Modules of the standard library that make objects of many kinds.
pub(crate) const LIBRARY: &str = "
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

/// A server and its clients, in a thread of their own.
pub(crate) const SERVER: &str = "
import asyncio, threading, json
ready = threading.Event()
class Session:
    def __init__(self, reader, writer): self.pair = reader, writer; self.seen = []
sessions = []
async def serve(reader, writer):
    session = Session(reader, writer); sessions.append(session)
    while True:
        line = await reader.readline()
        if not line: return
        session.seen.append(json.loads(line.decode()))
        writer.write(line)
        await writer.drain()
async def client(port, number):
    reader, writer = await asyncio.open_connection('127.0.0.1', port)
    for n in range(50):
        writer.write(json.dumps({'n': n, 'who': [number, str(n)]}).encode() + b'\\n')
        await reader.readline()
    return reader, writer
async def main():
    server = await asyncio.start_server(serve, '127.0.0.1', 0)
    port = server.sockets[0].getsockname()[1]
    kept = await asyncio.gather(*[client(port, n) for n in range(60)])
    ready.set()
    await asyncio.get_event_loop().create_future()
def work():
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    loop.run_until_complete(main())
threading.Thread(target=work, daemon=True).start()
ready.wait()
";

/// Programs that need packages: their names, what must be importable, and their code.
const PACKAGED: [(&str, &str, &str); 3] = [
    (
        "numpy",
        "import numpy",
        "
import numpy
kept = [numpy.arange(n, dtype='f8').reshape(-1, 1) for n in range(1, 2000)]
views = [a[::2] for a in kept] + [memoryview(a) for a in kept[:500]]
scalars = [numpy.float64(n) for n in range(2000)] + [numpy.int32(n) for n in range(2000)]
records = numpy.zeros(100, dtype=[('a', 'i4'), ('b', 'O')])
mixed = numpy.array([{'n': n} for n in range(3000)], dtype=object)
",
    ),
    (
        "pandas",
        "import pandas",
        "
import pandas
frame = pandas.DataFrame({'a': range(5000), 'b': [str(n) for n in range(5000)],
    'c': pandas.date_range('2020-01-01', periods=5000, freq='min')})
groups = {key: group for key, group in frame.groupby(frame.a % 50)}
joined = frame.merge(frame, on='a')
rows = [row for _, row in frame.head(300).iterrows()]
stamps = list(frame.c.head(1000))
",
    ),
    (
        "sqlalchemy",
        "import sqlalchemy",
        "
import sqlalchemy as sa
from sqlalchemy.orm import declarative_base, relationship, sessionmaker
Base = declarative_base()
class User(Base):
    __tablename__ = 'users'
    id = sa.Column(sa.Integer, primary_key=True)
    name = sa.Column(sa.String)
    posts = relationship('Post', back_populates='user')
class Post(Base):
    __tablename__ = 'posts'
    id = sa.Column(sa.Integer, primary_key=True)
    text = sa.Column(sa.String)
    user_id = sa.Column(sa.ForeignKey('users.id'))
    user = relationship('User', back_populates='posts')
engine = sa.create_engine('sqlite://')
Base.metadata.create_all(engine)
session = sessionmaker(engine)()
for n in range(500):
    session.add(User(name='user %d' % n, posts=[Post(text='text %d' % n) for _ in range(4)]))
session.commit()
users = session.query(User).all()
texts = [post.text for user in users for post in user.posts]
",
    ),
];

/// The same for programs with packages from the folders of `MEMPROBE_TEST_PACKAGES` (those of a
/// virtual environment, `lib/python3.N/site-packages`), on each Python that can import them. What
/// is recognised without labels is what the labels of the debug allocator say.
#[test]
fn programs_with_packages_are_counted() {
    let folders = std::env::var_os("MEMPROBE_TEST_PACKAGES").unwrap_or_default();
    let mut ran = BTreeSet::new();
    for folder in std::env::split_paths(&folders) {
        let folder = folder.to_str().unwrap().to_owned();
        let environment = [("PYTHONPATH", &*folder)];
        for python in known() {
            for (name, import, code) in PACKAGED {
                let mut command = Command::new(&python.exe);
                command.args(["-c", import]).envs(environment);
                // What needs no compiler is in more than one folder.
                let again = ran.contains(&(python.exe.clone(), name));
                if again || !command.output().unwrap().status.success() {
                    continue;
                }
                println!("{python}: {name}");
                recall(&python, &environment, code);
                compare_with_labels(&python, &environment, code);
                ran.insert((python.exe.clone(), name));
            }
        }
    }
    if ran.is_empty() {
        eprintln!("SKIPPED: no package in a folder that MEMPROBE_TEST_PACKAGES names");
        assert!(folders.is_empty(), "no Python can import what is in {folders:?}");
    }
}

/// Every object that the collector knows is found with the name of its type.
#[test]
fn what_the_collector_knows_is_found() {
    for python in known().into_iter().chain(with_numpy()) {
        for environment in [&[][..], &[("PYTHONMALLOC", "malloc")], &[("PYTHONMALLOC", "debug")]] {
            recall(&python, environment, LIBRARY);
        }
        // Other types, in the same blocks.
        recall(&python, &[], SERVER);
    }
}

/// Missed of the known, and what is more than the known, are under 0.1 %.
pub(crate) fn recall(python: &Python, environment: &[(&str, &str)], code: &str) {
    let mut program = start(python, environment);
    run(&mut program, code);
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
        compare_with_labels(&python, &[], LIBRARY);
    }
}

fn compare_with_labels(python: &Python, environment: &[(&str, &str)], code: &str) {
    let count = |allocator| {
        let more = [("PYTHONMALLOC", allocator), ("PYTHONHASHSEED", "0")];
        let environment = [environment, &more].concat();
        let mut program = start(python, &environment);
        run(&mut program, code);
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
        let names: BTreeSet<_> = plain.keys().chain(labelled.keys()).collect();
        let apart: BTreeMap<_, _> =
            names.into_iter().map(|name| (name, apart(name))).filter(|pair| pair.1 > 0).collect();
        println!("{python} {allocator}: of {all} objects apart: {apart:?}");
        // 3.13.18 keeps a number of equal texts ("expandtabs", "open") that is not the same
        // in any two runs; all other kinds are.
        let texts = apart.get(&"builtins.str".to_owned()).copied().unwrap_or(0);
        assert!(texts * 100 <= all, "{python} {allocator}: {apart:?}");
        let others = apart.values().sum::<u64>() - texts;
        assert!(others * 1000 <= all, "{python} {allocator}: {apart:?}");
    }
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
