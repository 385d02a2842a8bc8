//! Allocators other than glibc's: named with their version, and never taken for glibc's.
#![forbid(unsafe_code)]
#![allow(clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used, reason = "tests")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use memprobe_probe_alloc::AllocProbe;
use probe::tables::{allocators, malloc_arenas, native_heap};
use probe::{Open, Probe, Request, Snapshot, Target};
use test_support::{Malloc, Running, mallocs, python};

/// Blocks and bytes of each that a program takes from whatever `malloc` it has.
const BLOCKS: u64 = 20_000;
const BYTES: u64 = 3000;

/// Takes them, and says so.
fn start(preload: Option<&Path>, setting: (&str, &str)) -> Running {
    let code = format!(
        "import ctypes, sys\nlibc = ctypes.CDLL(None)\nlibc.malloc.restype = ctypes.c_void_p\n\
         libc.memset.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]\n\
         for n in range({BLOCKS}): libc.memset(libc.malloc({BYTES}), 1, {BYTES})\n\
         many = [object() for n in range(300000)]\n\
         print('ready', flush=True)\nsys.stdin.readline()\n"
    );
    let mut command = Command::new(python().exe);
    if let Some(preload) = preload {
        command.env("LD_PRELOAD", preload).env("ASAN_OPTIONS", "detect_leaks=0");
    }
    Running::start(command.env(setting.0, setting.1).args(["-c", &code]))
}

fn look(pid: u32) -> Snapshot {
    let mut probe = AllocProbe::open(Default::default()).unwrap();
    let request = Request::new(Target::from_pid(pid), &["native", "malloc"]);
    let snapshot = probe.snapshot(&request).unwrap();
    for table in &snapshot.tables {
        table.check().unwrap();
    }
    snapshot
}

/// Names and versions of the allocators.
fn named(snapshot: &Snapshot) -> Vec<(String, Option<String>)> {
    let table = snapshot.table(allocators::TABLE).unwrap();
    let cell = |name, row| table.value(name, row).as_str().map(str::to_owned);
    let rows = 0..table.rows();
    rows.map(|row| (cell(allocators::ALLOCATOR, row).unwrap(), cell(allocators::VERSION, row)))
        .collect()
}

/// Blocks that glibc is said to have in use.
fn blocks(snapshot: &Snapshot) -> u64 {
    let Some(table) = snapshot.table(malloc_arenas::TABLE) else { return 0 };
    let rows = 0..table.rows();
    rows.map(|row| table.value(malloc_arenas::BLOCKS, row).as_u64().unwrap()).sum()
}

/// Resident bytes of the native heap, whoever's it is.
fn resident(snapshot: &Snapshot) -> u64 {
    let table = snapshot.table(native_heap::TABLE).unwrap();
    let rows = 0..table.rows();
    rows.filter_map(|row| table.value(native_heap::RSS, row).as_u64()).sum()
}

/// What it takes is in no row of glibc's, it is named, and its memory counts as memory all the same.
fn is_told(snapshot: &Snapshot, name: &str) {
    assert!(blocks(snapshot) < BLOCKS / 2, "{name}: {} blocks of glibc", blocks(snapshot));
    let says = |text: &str| snapshot.issues.iter().any(|issue| issue.message.contains(text));
    assert!(says(name), "{name}: {:?}", snapshot.issues);
    assert!(resident(snapshot) > BLOCKS * BYTES, "{name}: {}", resident(snapshot));
}

/// Whether Python starts with it: packages for a newer C library do not.
fn starts(library: &Path) -> bool {
    let mut command = Command::new(python().exe);
    command.env("LD_PRELOAD", library).args(["-c", "pass"]).stderr(Stdio::piped());
    let output = command.output().unwrap();
    let starts = output.status.success() && output.stderr.is_empty();
    if !starts {
        eprintln!("skipped: {} is for another C library", library.display());
    }
    starts
}

#[test]
fn preloaded_allocators_are_named() {
    let ways = [
        ("jemalloc", "libjemalloc.so"),
        ("mimalloc", "libmimalloc.so"),
        ("tcmalloc", "libtcmalloc_minimal.so"),
    ];
    for (name, file) in ways {
        for malloc in mallocs(name) {
            let library = malloc.library(file).unwrap();
            if !starts(&library) {
                continue;
            }
            let program = start(Some(&library), ("PYTHONHASHSEED", "0"));
            let snapshot = look(program.pid());
            let wanted = (name.to_owned(), Some(malloc.version.clone()));
            assert!(named(&snapshot).contains(&wanted), "{wanted:?}: {:?}", named(&snapshot));
            is_told(&snapshot, name);
        }
    }
}

#[test]
fn sanitizers_are_named() {
    let told = Command::new("cc").arg("-print-file-name=libasan.so").output().unwrap();
    let library = PathBuf::from(String::from_utf8(told.stdout).unwrap().trim());
    if !library.is_absolute() {
        eprintln!("skipped: the compiler has no libasan.so");
        return;
    }
    let program = start(Some(&library), ("ASAN_OPTIONS", "detect_leaks=0"));
    let snapshot = look(program.pid());
    assert!(named(&snapshot).iter().any(|(name, _)| name == "asan"), "{:?}", named(&snapshot));
    is_told(&snapshot, "asan");
}

/// Objects that Python takes from `malloc` are blocks of glibc.
#[test]
fn settings_of_python_change_whose_blocks_they_are() {
    let count = |setting| blocks(&look(start(None, ("PYTHONMALLOC", setting)).pid()));
    let [pools, malloc, debug] = ["pymalloc", "malloc", "malloc_debug"].map(count);
    assert!((BLOCKS..300_000).contains(&pools), "{pools}");
    assert!(malloc > 300_000 && debug > 300_000, "{malloc} {debug}");
}

/// A program of musl's, with nothing of glibc's in it.
fn musl_program(musl: &Malloc, folder: &Path) -> PathBuf {
    const SOURCE: &str = "void *malloc(unsigned long); long write(int, const void *, long);\n\
        int pause(void);\n__attribute__((force_align_arg_pointer)) void _start(void) {\n\
        for (int n = 0; n < 20000; n++) { char *p = malloc(3000);\n\
        for (int k = 0; k < 3000; k++) p[k] = 1; }\n\
        write(1, \"ready\\n\", 6); for (;;) pause(); }\n";
    let (source, program) = (folder.join("program.c"), folder.join("program"));
    std::fs::write(&source, SOURCE).unwrap();
    let loader = musl.library("ld-musl").unwrap();
    let mut compile = Command::new("cc");
    compile.args(["-O1", "-fno-builtin", "-fno-stack-protector", "-nostdlib", "-o"]);
    compile.args([&program, &source, &musl.library("libc.so").unwrap()]);
    compile.arg(format!("-Wl,--dynamic-linker={}", loader.display()));
    assert!(compile.status().unwrap().success());
    program
}

#[test]
fn musl_is_named() {
    let folder = tempfile::tempdir().unwrap();
    for musl in mallocs("musl") {
        let program = Running::start(&mut Command::new(musl_program(&musl, folder.path())));
        let snapshot = look(program.pid());
        assert_eq!(named(&snapshot), [("musl".to_owned(), Some(musl.version.clone()))]);
        is_told(&snapshot, "musl");
    }
}

/// Blocks that mimalloc 2.0 has in use are those that it shows itself; later ones are not read.
#[test]
fn blocks_of_mimalloc_are_counted() {
    const CODE: &str = "import ctypes, sys
own = ctypes.CDLL(None)
own.mi_malloc.restype = ctypes.c_void_p
kept = [own.mi_malloc(ctypes.c_size_t(n % 3000 + 8)) for n in range(60000)]
big = own.mi_malloc(ctypes.c_size_t(100 << 20))
SHOW = ctypes.CFUNCTYPE(ctypes.c_bool, ctypes.c_void_p, ctypes.POINTER(ctypes.c_size_t),
                        ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p)
sums = [0, 0]
def show(heap, area, block, size, argument):
    # Blocks, reserved, committed, used; block_size.
    sums[0] += area[3]
    sums[1] += area[3] * area[4]
    return True
show = SHOW(show)
own.mi_heap_get_default.restype = ctypes.c_void_p
heap = ctypes.c_void_p(own.mi_heap_get_default())
own.mi_collect(ctypes.c_bool(True))
for n in range(2):
    sums[:] = [0, 0]
    own.mi_heap_visit_blocks(heap, ctypes.c_bool(False), show, None)
print('ready', flush=True)
print(*sums, flush=True)
sys.stdin.readline()
";
    for malloc in mallocs("mimalloc") {
        let library = malloc.library("libmimalloc.so").unwrap();
        if !starts(&library) {
            continue;
        }
        let seen = |pid| {
            let snapshot = look(pid);
            let table = snapshot.table(allocators::TABLE).unwrap();
            let name = |row: &usize| table.value(allocators::ALLOCATOR, *row).as_str();
            let row = (0..table.rows()).find(|row| name(row) == Some("mimalloc")).unwrap();
            let cell = |column| table.value(column, row).as_u64();
            cell(allocators::BLOCKS).zip(cell(allocators::BYTES_USED))
        };
        if !malloc.version.starts_with("2.0.") {
            let program = start(Some(&library), ("PYTHONHASHSEED", "0"));
            assert_eq!(seen(program.pid()), None, "{}", malloc.version);
            continue;
        }
        let mut command = Command::new(python().exe);
        let mut program = Running::start(command.env("LD_PRELOAD", &library).args(["-c", CODE]));
        let figures = program.line().unwrap();
        let said: Vec<u64> = figures.split(' ').map(|n| n.trim().parse().unwrap()).collect();
        let seen = seen(program.pid());
        println!("{}: {seen:?}, it says {said:?}", malloc.version);
        let (blocks, bytes) = seen.unwrap();
        // It goes on between its figures and the look: some blocks of Python.
        assert!(blocks.abs_diff(said[0]) <= 200, "{blocks} of {}", said[0]);
        assert!(bytes.abs_diff(said[1]) <= 200 << 10, "{bytes} of {}", said[1]);
    }
}
