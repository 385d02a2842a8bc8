//! The probe on real Python processes whose memory is known.
#![cfg(target_os = "linux")]
#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that cannot set itself up should stop; one that skips says so"
)]

use std::collections::BTreeMap;

use probe::{ErrorKind, Open, Probe, Request, Snapshot, Table, Target};
use probe_process::{Config, ProcessProbe, ProcessSampler, Source, THREAD_STACKS};
use test_support::{Python, Running, python, pythons, until_some};

/// Runs each line that it is sent; the lines print their answers.
const DRIVER: &str = "import mmap, os, sys, threading, time\nprint('ready')\n\
                      while True: exec(input(), globals())";
const MIB: u64 = 1 << 20;

fn driver(python: &Python) -> Running {
    Running::python(python, DRIVER)
}

fn target(process: &Running) -> Target {
    target::procfs::identify(process.pid()).unwrap()
}

fn probe() -> ProcessProbe {
    ProcessProbe::open(Config::default()).unwrap()
}

fn look(probe: &mut ProcessProbe, process: &Running, question: &str) -> Snapshot {
    let snapshot = probe.snapshot(&Request::new(target(process), &[question])).unwrap();
    for table in &snapshot.tables {
        table.check().unwrap();
    }
    snapshot
}

fn number(table: &Table, column: &str, row: usize) -> u64 {
    table.value(column, row).as_u64().unwrap_or_else(|| panic!("{column} in row {row} is missing"))
}

fn rows(table: &Table) -> impl Iterator<Item = usize> {
    0..table.rows()
}

/// The sum of a column over the rows whose column `by` is `is`.
fn sum_where(table: &Table, column: &str, by: &str, is: &str) -> u64 {
    let fitting = rows(table).filter(|&row| table.value(by, row).as_str() == Some(is));
    fitting.map(|row| number(table, column, row)).sum()
}

fn near(value: u64, expected: u64, tolerance: u64, what: &str) {
    assert!(value.abs_diff(expected) <= tolerance, "{what}: {value}, expected {expected}");
}

/// 64 MiB more in the program are 64 MiB more in USS, PSS and RSS, to within some pages.
#[test]
fn an_allocation_is_seen_to_the_page() {
    for python in pythons() {
        let mut process = driver(&python);
        let mut sampler = ProcessSampler::attach(process.pid()).unwrap();
        let before = sampler.memory().unwrap();
        assert_eq!(process.ask("a = bytearray(b'x') * (64 << 20); print('ok')"), "ok");
        let after = sampler.memory().unwrap();
        let loose = sampler.rss().unwrap();
        assert_eq!(after.source, Source::Rollup);
        // File pages change hands: a neighbour that starts the same program shares them, and
        // this one's USS and PSS go down without any doing of its own. Anonymous memory is its.
        let files = after.rss_file.unwrap().max(before.rss_file.unwrap());
        for (name, before, after, tolerance) in [
            ("rss_anon", before.rss_anon, after.rss_anon, 128 << 10),
            ("pss_anon", before.pss_anon, after.pss_anon, 128 << 10),
            ("rss", before.rss, after.rss, MIB),
            ("uss", before.uss, after.uss, files),
            ("pss", before.pss, after.pss, files),
        ] {
            near(after.unwrap() - before.unwrap(), 64 * MIB, tolerance, name);
        }
        near(loose.rss, after.rss.unwrap(), 2 * MIB, "statm against smaps_rollup");
        let parts = after.rss_anon.unwrap() + after.rss_file.unwrap() + after.rss_shmem.unwrap();
        assert_eq!(parts, after.rss.unwrap(), "the parts add up");
        assert!(after.peak_rss >= after.rss && after.vss > after.rss);
        assert!(after.minor_faults > before.minor_faults && after.uss <= after.pss);
        let has_schedstat = std::path::Path::new("/proc/self/schedstat").exists();
        assert_eq!(after.cpu_waited_ns.is_some(), has_schedstat);
        assert!(after.cpu_waited_ns >= before.cpu_waited_ns);
    }
}

/// Pages shared after a fork count once in the PSS of the tree and twice in the RSS.
#[test]
fn the_sum_over_a_forked_tree_is_not_double() {
    let mut process = driver(&python());
    process.ask("a = bytearray(b'x') * (64 << 20); print('ok')");
    let fork = "r, w = os.pipe(); p = os.fork(); p or (os.close(w), os.read(r, 1), os._exit(0)); \
                print(p)";
    let child: u64 = process.ask(fork).parse().unwrap();
    let mut probe = probe();
    let snapshot = look(&mut probe, &process, "memory");
    let table = snapshot.table("processes").unwrap();
    assert_eq!(rows(table).map(|row| number(table, "pid", row)).max(), Some(child));
    assert_eq!((table.rows(), number(table, "parent", 1)), (2, u64::from(process.pid())));
    let sum = |column| rows(table).map(|row| number(table, column, row)).sum::<u64>();
    assert!(sum("rss") > 128 * MIB, "both have it: {}", sum("rss"));
    assert!(sum("pss") > 64 * MIB && sum("pss") < 90 * MIB, "it exists once: {}", sum("pss"));
    assert!(number(table, "uss", 1) < 16 * MIB, "the child shares it");
    assert!(snapshot.complete, "{:?}", snapshot.issues);
    process.ask("os.write(w, b'x'); print(os.waitpid(p, 0)[0])");
    let table = look(&mut probe, &process, "memory");
    assert_eq!(table.table("processes").unwrap().rows(), 1, "it is gone");
}

/// Grandchildren are found, and stay when their parent ends; zombies have no memory.
#[test]
fn grandchildren_stay_when_their_parent_ends() {
    let mut process = driver(&python());
    // The child starts a grandchild and ends when told; the grandchild waits for ever.
    let fork = "r, w = os.pipe(); q = os.pipe(); p = os.fork(); p or (os.fork() or \
                (os.write(q[1], str(os.getpid()).encode() + b'\\n'), time.sleep(600)), \
                os.read(r, 1), os._exit(0)); print(os.read(q[0], 20).decode().strip())";
    let grandchild: u64 = process.ask(fork).parse().unwrap();
    let mut probe = probe();
    let snapshot = look(&mut probe, &process, "memory");
    assert_eq!(snapshot.table("processes").unwrap().rows(), 3);
    // Ends the child, and waits until it is a zombie without collecting it.
    process.ask("os.write(w, b'x'); os.waitid(os.P_PID, p, os.WEXITED | os.WNOWAIT); print(1)");
    let snapshot = look(&mut probe, &process, "memory");
    let table = snapshot.table("processes").unwrap();
    let state = |state: &str| {
        rows(table).filter(|&r| table.value("state", r).as_str() == Some(state)).collect::<Vec<_>>()
    };
    let zombies = state("Z");
    assert_eq!((table.rows(), zombies.len()), (3, 1));
    assert_eq!((number(table, "rss", zombies[0]), number(table, "pss", zombies[0])), (0, 0));
    assert!(snapshot.complete, "{:?}", snapshot.issues);
    process.ask("os.waitpid(p, 0); print(1)");
    let rss = look(&mut probe, &process, "rss");
    let after = look(&mut probe, &process, "memory");
    let table = after.table("processes").unwrap();
    let pids: Vec<_> = rows(table).map(|row| number(table, "pid", row)).collect();
    assert_eq!(pids, [u64::from(process.pid()), grandchild]);
    assert!(rss.table("processes").unwrap().rows() >= 2);
    process.ask(&format!("os.kill({grandchild}, 9); print(1)"));
}

/// Memory that the program asked for under a name is found under its kind and name.
#[test]
fn mappings_have_their_kind() {
    for python in pythons() {
        let mut process = driver(&python);
        let mut probe = probe();
        let before = look(&mut probe, &process, "mappings");
        let file = format!("/tmp/memprobe-mapped-{}", process.pid());
        process.ask(&format!(
            "f = open({file:?}, 'w+b'); os.truncate({file:?}, 8 << 20); \
             m = mmap.mmap(f.fileno(), 8 << 20); m[:] = b'x' * (8 << 20); \
             s = mmap.mmap(-1, 16 << 20); s[:] = b'x' * (16 << 20); \
             a = bytearray(b'x') * (32 << 20); \
             j = mmap.mmap(-1, 4096 * 5, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_WRITE | \
             mmap.PROT_EXEC); \
             t = [threading.Thread(target=time.sleep, args=(600,), daemon=True) for _ in range(5)]; \
             [x.start() for x in t]; print('ok')"
        ));
        // Only a thread that waits can be asked for its stack: look until all of them do.
        let stacks = |snapshot: &Snapshot| {
            sum_where(snapshot.table("mappings").unwrap(), "mappings", "name", THREAD_STACKS)
        };
        let after = until_some("five threads wait", || {
            let snapshot = look(&mut probe, &process, "mappings");
            (stacks(&snapshot) == 5).then_some(snapshot)
        });
        std::fs::remove_file(&file).unwrap();
        assert!(after.complete, "{:?}", after.issues);
        let (before, after) = (before.table("mappings").unwrap(), after.table("mappings").unwrap());
        let rss =
            |kind| sum_where(after, "rss", "kind", kind) - sum_where(before, "rss", "kind", kind);
        assert_eq!(sum_where(after, "rss", "name", &file), 8 * MIB, "{python}");
        near(rss("file"), 8 * MIB, 64 << 10, "file");
        near(rss("shared"), 16 * MIB, 64 << 10, "shared");
        near(rss("anonymous") + rss("heap") + rss("stack"), 32 * MIB, 2 * MIB, "anonymous");
        let count = |kind| sum_where(after, "mappings", "kind", kind);
        assert_eq!(count("jit"), 1, "{python}");
        assert!(count("library") >= 4 && count("vdso") >= 1 && count("stack") >= 1, "{python}");
    }
}

/// The columns of all groups together are what the kernel counts for the whole process.
#[test]
fn groups_sum_up_to_the_process() {
    let process = driver(&python());
    process.until_it_reads();
    let mut sampler = ProcessSampler::attach(process.pid()).unwrap();
    // Pages of a library change from private to shared, or back, when another process with that
    // library starts or ends: what is read before and after has to be the same.
    let (memory, few, all) = until_some("its memory stays as it is for a moment", || {
        let before = sampler.memory().unwrap();
        let (few, all) = (sampler.mappings(3).unwrap(), sampler.mappings(100_000).unwrap());
        let after = sampler.memory().unwrap();
        let same = (before.rss, before.uss) == (after.rss, after.uss);
        same.then_some((after, few, all))
    });
    assert_eq!((few.len(), few[3].name.as_str()), (4, probe_process::OTHERS));
    for groups in [few, all] {
        let sum = |get: fn(&probe_process::MappingGroup) -> Option<u64>| {
            groups.iter().filter_map(get).sum::<u64>()
        };
        near(sum(|g| g.counts.rss), memory.rss.unwrap(), 64 << 10, "rss");
        near(sum(|g| g.counts.uss()), memory.uss.unwrap(), 64 << 10, "uss");
        near(sum(|g| g.counts.swap), memory.swap.unwrap(), 0, "swap");
    }
}

#[test]
fn handles_are_counted_by_kind() {
    let mut process = driver(&python());
    let mut probe = probe();
    let count = |snapshot: &Snapshot| -> BTreeMap<String, u64> {
        let table = snapshot.table("handles").unwrap();
        let kind = |row| table.value("kind", row).as_str().unwrap().to_owned();
        rows(table).map(|row| (kind(row), number(table, "handles", row))).collect()
    };
    let before = count(&look(&mut probe, &process, "handles"));
    process.ask(
        "import socket, select; f = [open('/etc/passwd') for _ in range(100)]; \
         s = [socket.socket() for _ in range(7)]; p = [os.pipe() for _ in range(3)]; \
         e = select.epoll(); print('ok')",
    );
    let snapshot = look(&mut probe, &process, "handles");
    let after = count(&snapshot);
    let more = |kind: &str| after.get(kind).unwrap_or(&0) - before.get(kind).unwrap_or(&0);
    assert_eq!((more("file"), more("socket"), more("pipe"), more("epoll")), (100, 7, 6, 1));
    let table = snapshot.table("handles").unwrap();
    assert_eq!(table.value("example", 0).as_str(), Some("/etc/passwd"));
    let sum: u64 = after.values().sum();
    let memory = look(&mut probe, &process, "memory");
    assert_eq!(number(memory.table("processes").unwrap(), "handles", 0), sum);
    let few = Config { max_handles: 10, ..Config::default() };
    let snapshot = look(&mut ProcessProbe::open(few).unwrap(), &process, "handles");
    assert!(!snapshot.complete);
    assert!(snapshot.issues[0].message.contains("more than 10"), "{:?}", snapshot.issues);
}

/// The program replaces itself: new memory, same process.
#[test]
fn exec_is_survived() {
    let mut process = driver(&python());
    let mut sampler = ProcessSampler::attach(process.pid()).unwrap();
    process.ask("a = bytearray(b'x') * (64 << 20); print('ok')");
    assert!(sampler.memory().unwrap().rss.unwrap() > 64 * MIB);
    process.ask("os.execl(sys.executable, 'renamed', '-uc', 'print(1); input()')");
    let after = sampler.memory().unwrap();
    assert_eq!(after.source, Source::Rollup);
    assert!(after.rss.unwrap() < 64 * MIB && sampler.rss().unwrap().rss < 64 * MIB);
    assert!(sampler.target().command.starts_with("renamed"), "{:?}", sampler.target());
}

/// After the end: one clear error, whatever is asked.
#[test]
fn the_end_is_told() {
    let mut process = driver(&python());
    let mut probe = probe();
    let target = target(&process);
    look(&mut probe, &process, "memory");
    look(&mut probe, &process, "rss");
    process.kill();
    for question in ["rss", "memory", "mappings", "handles", "shared_memory", "limits"] {
        let error = probe.snapshot(&Request::new(target.clone(), &[question])).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TargetEnded, "{question}: {error:?}");
    }
}

#[test]
fn every_question_has_its_tables() {
    let process = driver(&python());
    let mut probe = probe();
    for question in ProcessProbe::describe().questions {
        let snapshot = look(&mut probe, &process, &question.name);
        for table in &question.tables {
            let missing = snapshot.issues.iter().any(|i| i.message.contains("(PSI)"));
            assert!(snapshot.table(table).is_some() || missing, "{}: {table}", question.name);
        }
    }
    let all = probe.snapshot(&Request::new(target(&process), &[])).unwrap();
    let names: Vec<_> = all.tables.iter().map(|t| t.name.as_str()).collect();
    assert_eq!(
        names,
        ["processes", "mappings", "handles", "shared_memory", "thread_waits", "limits", "pressure",]
    );
    let unknown = probe.snapshot(&Request::new(target(&process), &["census"])).unwrap_err();
    assert_eq!(unknown.kind(), ErrorKind::InvalidInput);
    assert!(unknown.hint().unwrap().contains("mappings"), "{unknown:?}");
}
