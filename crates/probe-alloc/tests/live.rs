//! Real Python programs whose native heap has known parts.
#![forbid(unsafe_code)]
#![allow(clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used, reason = "tests")]

use std::process::Command;

use memprobe_probe_alloc::AllocProbe;
use probe::tables::{allocators, malloc_arenas, malloc_settings, native_heap};
use probe::{ErrorKind, Open, Probe, Request, Snapshot, Table, Target};
use test_support::{Python, Running, pythons, until_some};

const MIB: u64 = 1 << 20;

fn look(pid: u32) -> Snapshot {
    let mut probe = AllocProbe::open(Default::default()).unwrap();
    let snapshot = probe.snapshot(&Request::new(Target::from_pid(pid), &["native"])).unwrap();
    for table in &snapshot.tables {
        table.check().unwrap();
    }
    snapshot
}

/// A column summed over the rows of a part, and their number.
fn sum(snapshot: &Snapshot, part: &str, column: &str) -> (u64, usize) {
    let table: &Table = snapshot.table(native_heap::TABLE).unwrap();
    let rows =
        (0..table.rows()).filter(|&row| table.value(native_heap::PART, row).as_str() == Some(part));
    let values: Vec<u64> = rows.map(|row| table.value(column, row).as_u64().unwrap()).collect();
    (values.iter().sum(), values.len())
}

fn start(python: &Python, arenas: Option<u32>, code: &str) -> Running {
    let mut command = Command::new(&python.exe);
    if let Some(arenas) = arenas {
        command.env("MALLOC_ARENA_MAX", arenas.to_string());
    }
    let code = format!("{code}\nprint('ready', flush=True)\nimport sys\nsys.stdin.readline()\n");
    Running::start(command.args(["-c", &code]))
}

/// Four threads that call `malloc` without the lock of the interpreter and then stand still.
const THREADS: &str = "
import ctypes, threading
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.memset.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]
lock = threading.Lock(); lock.acquire()
done = threading.Barrier(5)
def work():
    for n in range(100): libc.memset(libc.malloc(50000), 1, 50000)
    done.wait()
    lock.acquire()
for n in range(4): threading.Thread(target=work, daemon=True).start()
done.wait()
";

/// Threads get arenas, each with what was put into it; with one arena allowed, there is none.
#[test]
fn arenas_of_threads_are_counted() {
    for python in pythons() {
        let program = start(&python, Some(16), THREADS);
        // Only a thread that waits can be asked for its stack.
        let stacks = |snapshot: &Snapshot| sum(snapshot, "thread stack", native_heap::COUNT);
        let snapshot = until_some("four threads wait", || {
            Some(look(program.pid())).filter(|snapshot| stacks(snapshot) == (4, 1))
        });
        assert!(snapshot.complete, "{python}: {:?}", snapshot.issues);
        let (rss, arenas) = sum(&snapshot, "thread arena", native_heap::RSS);
        assert_eq!(arenas, 4, "{python}");
        assert!(rss >= 4 * 100 * 50_000, "{python}: {rss}");
        let (size, _) = sum(&snapshot, "thread arena", native_heap::SIZE);
        let (reserved, _) = sum(&snapshot, "thread arena", native_heap::RESERVED);
        assert_eq!(size + reserved, 4 * 64 * MIB, "{python}");

        let single = look(start(&python, Some(1), THREADS).pid());
        assert_eq!(sum(&single, "thread arena", native_heap::SIZE).1, 0, "{python}");
        let (heap, _) = sum(&single, "main heap", native_heap::RSS);
        assert!(heap >= 4 * 100 * 50_000, "{python}: {heap}");
    }
}

/// An arena that outgrew its first heap is still one arena.
#[test]
fn an_arena_of_many_heaps_is_one_row() {
    const BIG: &str = "
import ctypes, threading
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
lock = threading.Lock(); lock.acquire()
done = threading.Barrier(2)
def work():
    for n in range(2000): libc.malloc(100000)
    done.wait()
    lock.acquire()
threading.Thread(target=work, daemon=True).start()
done.wait()
";
    let program = start(&test_support::python(), Some(8), BIG);
    let snapshot = look(program.pid());
    let (size, arenas) = sum(&snapshot, "thread arena", native_heap::SIZE);
    assert_eq!(arenas, 1, "{:?}", snapshot.table(native_heap::TABLE));
    assert!(size >= 2000 * 100_000, "{size}");
    let (reserved, _) = sum(&snapshot, "thread arena", native_heap::RESERVED);
    assert_eq!((size + reserved) % (64 * MIB), 0);
}

/// Big blocks stand in mappings of their own; small ones in the main heap. The same process is
/// looked at before and after: where the kernel happens to put mappings side by side differs
/// from one process to the next.
#[test]
fn big_blocks_are_mapped() {
    const CODE: &str = "
import sys
kept = []
print('ready', flush=True)
sys.stdin.readline()
kept += [bytearray(b'x') * (4 << 20) for n in range(10)]
print('big', flush=True)
sys.stdin.readline()
kept += [bytearray(2000) for n in range(10000)]
print('small', flush=True)
sys.stdin.readline()
";
    for python in pythons() {
        let mut program = Running::python(&python, CODE);
        let rss = |s: &Snapshot, part| sum(s, part, native_heap::RSS).0;
        let before = look(program.pid());
        assert_eq!(program.ask(""), "big");
        let big = look(program.pid());
        let grown = rss(&big, "mmapped block") - rss(&before, "mmapped block");
        assert!((40 * MIB..42 * MIB).contains(&grown), "{python}: {grown}");
        assert_eq!(program.ask(""), "small");
        let grown = rss(&look(program.pid()), "main heap") - rss(&big, "main heap");
        assert!(grown >= 10_000 * 2000, "{python}: {grown}");
    }
}

/// The C library is named with its version.
#[test]
fn the_allocator_is_named() {
    let told = Command::new("getconf").arg("GNU_LIBC_VERSION").output().unwrap();
    let told = String::from_utf8(told.stdout).unwrap();
    let program = start(&test_support::python(), None, "");
    let snapshot = look(program.pid());
    let table = snapshot.table(allocators::TABLE).unwrap();
    assert_eq!(table.rows(), 1, "{table:?}");
    let cell = |name| table.value(name, 0).as_str().unwrap().to_owned();
    let named = format!("{} {}", cell(allocators::ALLOCATOR), cell(allocators::VERSION));
    assert_eq!(named, told.trim());
    assert!(snapshot.issues.iter().any(|i| i.message.contains("keeps for later")));
}

#[test]
fn a_process_that_is_gone_is_named() {
    let mut program = start(&test_support::python(), None, "");
    program.kill();
    let mut probe = AllocProbe::open(Default::default()).unwrap();
    let request = Request::new(Target::from_pid(program.pid()), &[]);
    assert_eq!(probe.snapshot(&request).unwrap_err().kind(), ErrorKind::NotFound);
}

fn malloc(pid: u32) -> Snapshot {
    let mut probe = AllocProbe::open(Default::default()).unwrap();
    let snapshot = probe.snapshot(&Request::new(Target::from_pid(pid), &["malloc"])).unwrap();
    for table in &snapshot.tables {
        table.check().unwrap();
    }
    snapshot
}

/// A column of the arenas, summed.
fn arenas(snapshot: &Snapshot, column: &str) -> u64 {
    let table = snapshot.table(malloc_arenas::TABLE).unwrap();
    (0..table.rows()).map(|row| table.value(column, row).as_u64().unwrap()).sum()
}

/// Planted blocks of one size are found in use, and free once they are freed; what malloc itself
/// says of its arenas and mappings is what is said here.
#[test]
fn blocks_of_a_python_are_counted() {
    const CODE: &str = "
import ctypes, sys, threading
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.free.argtypes = [ctypes.c_void_p]
libc.malloc_info.argtypes = [ctypes.c_int, ctypes.c_void_p]
libc.fopen.restype = ctypes.c_void_p
libc.fclose.argtypes = [ctypes.c_void_p]
kept = [0] * 20000
big = [libc.malloc(50_000_000) for n in range(3)]
def step(word):
    sys.stdout.write(word + '\\n'); sys.stdout.flush(); sys.stdin.readline()
step('ready')
for n in range(20000): kept[n] = libc.malloc(3000)
step('kept')
for n in range(0, 20000, 2): libc.free(kept[n])
step('freed')
file = libc.fopen(sys.argv[1].encode(), b'w')
libc.malloc_info(0, file)
libc.fclose(file)
step('told')
";
    let folder = tempfile::tempdir().unwrap();
    let told = folder.path().join("told.xml");
    for python in pythons() {
        let mut command = Command::new(&python.exe);
        let mut program = Running::start(command.args(["-c", CODE]).arg(&told));
        let before = malloc(program.pid());
        assert!(before.complete, "{python}: {:?}", before.issues);
        assert_eq!(program.ask(""), "kept");
        let kept = malloc(program.pid());
        let grown = |column| arenas(&kept, column) - arenas(&before, column);
        // A chunk of 3008 bytes each; the program itself makes and frees a few blocks.
        assert!((19_990..20_100).contains(&grown(malloc_arenas::BLOCKS)), "{python}");
        let bytes = 20_000 * 3008;
        let used = grown(malloc_arenas::BYTES_USED);
        assert!(used.abs_diff(bytes) < 200_000, "{python}: {used}");
        assert_eq!(program.ask(""), "freed");
        let freed = malloc(program.pid());
        let fallen =
            arenas(&kept, malloc_arenas::BYTES_USED) - arenas(&freed, malloc_arenas::BYTES_USED);
        assert!(fallen.abs_diff(bytes / 2) < 200_000, "{python}: {fallen}");

        assert_eq!(program.ask(""), "told");
        let now = malloc(program.pid());
        let xml = std::fs::read_to_string(&told).unwrap();
        let number = |line: &str, name: &str| -> u64 {
            let line = xml.lines().rev().find(|l| l.contains(line)).unwrap();
            let rest = line.split(&format!("{name}=\"")).nth(1).unwrap();
            rest.split('"').next().unwrap().parse().unwrap()
        };
        let settings = now.table(malloc_settings::TABLE).unwrap();
        let setting = |name| settings.value(name, 0).as_u64().unwrap();
        assert_eq!(setting(malloc_settings::MMAPS), number("\"mmap\"", "count"), "{python}");
        assert_eq!(setting(malloc_settings::MMAPPED), number("\"mmap\"", "size"), "{python}");
        assert_eq!(
            arenas(&now, malloc_arenas::BYTES),
            number("type=\"current\"", "size"),
            "{python}"
        );
        let free = arenas(&now, malloc_arenas::BYTES_FREE) + arenas(&now, malloc_arenas::BYTES_TOP);
        let rest = number("type=\"rest\"", "size");
        assert!(free.abs_diff(rest) < 100_000, "{python}: {free} {rest}");
    }
}
