//! Who holds mappings of files and of memory files, in every Python of the machine.
#![forbid(unsafe_code)]
#![allow(clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used, reason = "tests")]

use std::process::Command;

use memprobe_probe_python::PythonProbe;
use probe::tables::{holders, mapping_holders};
use probe::{Open, Probe, Request, Snapshot, Table, Target};
use test_support::{Python, Running, every_python};

use crate::packages;

/// Views of mapped files are kept, the maps themselves are not; and memory of a file without a name.
const PROGRAM: &str = r#"
import mmap, os, sys
VIEWS, ARRAYS, CACHES = [], [], []
def mapped(file, size):
    found = mmap.mmap(file, size)
    found[0] = 1
    return found
def pin(path):
    for n in range(12):
        with open(path, "r+b") as file:
            VIEWS.append(memoryview(mapped(file.fileno(), 1 << 20))[16:64])
def arrays(path):
    for n in range(7):
        ARRAYS.append(numpy.memmap(path, dtype="u1", mode="r+", shape=(1 << 20,))[5:9])
try:
    import numpy
except ImportError:
    numpy = None
pin(sys.argv[1])
if numpy: arrays(sys.argv[2])
if hasattr(os, "memfd_create"):
    for n in range(5):
        file = os.memfd_create("cache")
        os.ftruncate(file, 1 << 20)
        CACHES.append(mapped(file, 1 << 20))
print("numpy" if numpy else "plain", "memfd" if CACHES else "none", flush=True)
sys.stdin.readline()
"#;

fn look(running: &Running) -> Snapshot {
    let mut probe = PythonProbe::open(Default::default()).unwrap();
    let request = Request::new(Target::from_pid(running.pid()), &["blocks", "holders"]);
    running.until_it_reads();
    probe.snapshot(&request).unwrap()
}

/// Mappings of a name that are held by whom, and how many.
fn held(table: &Table, name: &str) -> Vec<(String, u64)> {
    use mapping_holders as t;
    let text = |column, row| table.value(column, row).as_str().unwrap_or_default().to_owned();
    let rows = (0..table.rows()).filter(|&row| text(t::NAME, row).contains(name));
    rows.map(|row| (text(t::HOLDER, row), table.value(t::COUNT, row).as_u64().unwrap())).collect()
}

/// How many maps are held in a way that begins at a variable of the program.
fn ways(snapshot: &Snapshot, variable: &str) -> u64 {
    let table = snapshot.table(holders::TABLE).unwrap();
    let path = |row| table.value(holders::PATH, row).as_str().unwrap_or_default().to_owned();
    let begin = format!("__main__.{variable}");
    let rows = (0..table.rows())
        .filter(|&row| path(row).starts_with(&begin) && path(row).ends_with("(mmap.mmap)"));
    rows.map(|row| table.value(holders::OBJECTS, row).as_u64().unwrap()).sum()
}

fn check(python: &Python) {
    let folder = tempfile::tempdir().unwrap();
    let files = ["pinned.bin", "array.bin"].map(|name| folder.path().join(name));
    files.iter().for_each(|file| std::fs::write(file, vec![7; 1 << 20]).unwrap());
    let mut command = Command::new(&python.exe);
    command.envs(packages::of(python).map(|folder| ("PYTHONPATH", folder)));
    let running = Running::start(command.args(["-u", "-c", PROGRAM]).args(&files));
    let snapshot = look(&running);
    let table = snapshot.table(mapping_holders::TABLE).unwrap();
    let object = |count| vec![("object mmap.mmap".to_owned(), count)];
    assert_eq!(held(table, "pinned.bin"), object(12), "{python}: {table:?}");
    assert_eq!(ways(&snapshot, "VIEWS"), 12, "{python}: {:?}", snapshot.table(holders::TABLE));
    let (numpy, memfd) = running.ready.split_once(' ').unwrap();
    println!("{python}: {numpy}, {memfd}");
    if numpy == "numpy" {
        assert_eq!(held(table, "array.bin"), object(7), "{python}: {table:?}");
        assert_eq!(ways(&snapshot, "ARRAYS"), 7, "{python}");
    }
    if memfd == "memfd" {
        assert_eq!(held(table, "/memfd:cache"), object(5), "{python}: {table:?}");
        assert_eq!(ways(&snapshot, "CACHES"), 5, "{python}");
    }
}

/// File pages are pinned by whoever holds a view of a map: the map is named, and the way to it.
#[test]
fn mapped_files_are_held_by_views() {
    let pythons = every_python();
    std::thread::scope(|scope| {
        for half in pythons.chunks(pythons.len().div_ceil(3).max(1)) {
            scope
                .spawn(|| half.iter().filter(|python| python.version >= (3, 7, 0)).for_each(check));
        }
    });
}
