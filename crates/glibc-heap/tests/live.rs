//! What is read from outside beside what `malloc` says of itself.
#![forbid(unsafe_code)]
#![allow(clippy::print_stderr, clippy::unwrap_used, reason = "tests")]

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::process::Command;

use memprobe_glibc_heap::{Native, Regions, State, read, trimmable};
use probe::Target;
use target::images::mappings;
use target::memory::LiveMemory;
use target::procfs::pagemap;
use test_support::Running;

/// The program of `history.c`, compiled.
fn compile(folder: &Path) -> std::path::PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/history.c");
    let program = folder.join("history");
    let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".into());
    let done = Command::new(compiler)
        .args(["-O1", "-pthread", "-Wno-deprecated-declarations", "-o"])
        .args([program.as_os_str(), source.as_os_str()])
        .arg("-ldl")
        .status()
        .unwrap();
    assert!(done.success(), "cannot compile {}", source.display());
    program
}

/// What the program said.
#[derive(Default)]
struct Told {
    info: Vec<u64>,
    xml: String,
    live: HashMap<u64, u64>,
    freed: HashSet<u64>,
}

fn start(command: &mut Command) -> (Running, Told) {
    let mut program = Running::start(command);
    let mut told = Told::default();
    loop {
        let line = program.line().unwrap();
        let words: Vec<&str> = line.split(' ').collect();
        let address = || u64::from_str_radix(words[1], 16).unwrap();
        match words[0] {
            "info" => told.info = words[1..].iter().map(|w| w.parse().unwrap()).collect(),
            "live" => {
                told.live.insert(address(), words[2].parse().unwrap());
            }
            "freed" => {
                told.freed.insert(address());
            }
            "blocks" => {}
            "end" => break,
            _ => told.xml += &(line + "\n"),
        }
    }
    told.freed.retain(|address| !told.live.contains_key(address));
    (program, told)
}

fn look(pid: u32) -> Native {
    let memory = LiveMemory::open(&Target::from_pid(pid)).unwrap();
    let regions = Regions::new(&mappings(memory.process()).unwrap());
    read(&memory, &regions).unwrap().unwrap()
}

/// Values of an attribute in the lines of the XML that contain a text, in order.
fn attributes(xml: &str, line: &str, name: &str) -> Vec<u64> {
    let mark = format!("{name}=\"");
    let lines = xml.lines().filter(|l| l.contains(line));
    lines
        .map(|l| {
            let rest = &l[l.find(&mark).unwrap() + mark.len()..];
            rest[..rest.find('"').unwrap()].parse().unwrap()
        })
        .collect()
}

/// Every number that `mallinfo` and `malloc_info` give, and every block.
fn compare(native: &Native, told: &Told, what: &str) {
    assert!(native.issues.is_empty(), "{what}: {:?}", native.issues);
    let sums = native.sums();
    let total = |of: fn(&memprobe_glibc_heap::Sums) -> u64| sums.iter().map(of).sum::<u64>();
    let params = native.params.unwrap_or_else(|| panic!("{what}: no settings"));
    let system: u64 = native.arenas.iter().map(|arena| arena.system).sum();
    let free = total(|s| s.free.bytes + s.fast.bytes + s.top.bytes);
    let ours = [
        system,
        total(|s| s.free.count) + native.arenas.len() as u64,
        total(|s| s.fast.count),
        params.mmaps,
        params.mmapped,
        0,
        total(|s| s.fast.bytes),
        system - free,
        free,
        sums[0].top.bytes,
    ];
    assert_eq!(ours.to_vec(), told.info, "{what}: mallinfo");
    let mapped: u64 = native.mmapped.iter().map(|m| m.total).sum();
    assert_eq!((native.mmapped.len() as u64, mapped), (params.mmaps, params.mmapped), "{what}");

    let arenas = native.arenas.len();
    let xml = |line: &str, name: &str| attributes(&told.xml, line, name)[..arenas].to_vec();
    let each = |of: fn(&memprobe_glibc_heap::Sums) -> u64| sums.iter().map(of).collect::<Vec<_>>();
    assert_eq!(attributes(&told.xml, "<heap ", "nr").len(), arenas, "{what}");
    let system: Vec<u64> = native.arenas.iter().map(|arena| arena.system).collect();
    assert_eq!(system, xml("<system type=\"current\"", "size"), "{what}");
    let most: Vec<u64> = native.arenas.iter().map(|arena| arena.most_system).collect();
    assert_eq!(most, xml("<system type=\"max\"", "size"), "{what}");
    assert_eq!(each(|s| s.fast.count), xml("type=\"fast\"", "count"), "{what}");
    assert_eq!(each(|s| s.fast.bytes), xml("type=\"fast\"", "size"), "{what}");
    assert_eq!(each(|s| s.free.count + 1), xml("type=\"rest\"", "count"), "{what}");
    // `malloc_info` adds the flags in the low bits of each size: 1 or (other arenas) also 4.
    for (sums, told) in sums.iter().zip(xml("type=\"rest\"", "size")) {
        let flags = told - sums.free.bytes - sums.top.bytes;
        assert!((sums.free.count..=5 * sums.free.count).contains(&flags), "{what}: {flags}");
    }
    let unsorted: u64 = attributes(&told.xml, "<unsorted ", "count").iter().sum();
    assert_eq!(total(|s| s.unsorted.count), unsorted, "{what}");

    let blocks: HashMap<u64, (u64, State)> =
        native.blocks().map(|b| (b.address, (b.usable, b.state))).collect();
    for (address, usable) in &told.live {
        assert_eq!(blocks.get(address), Some(&(*usable, State::Used)), "{what}: {address:#x}");
        let inside = native.around(address + usable / 2).unwrap();
        assert_eq!((inside.address, inside.usable), (*address, *usable), "{what}");
    }
    let used = |address: &&u64| blocks.get(address).is_some_and(|block| block.1.is_used());
    assert_eq!(told.freed.iter().find(used), None, "{what}: a freed block counts as in use");
    // What is in use beyond that is of the program's start: streams, stacks' tables, caches.
    let beyond = native.blocks().filter(|b| b.state.is_used()).count() - told.live.len();
    assert!(beyond < 200, "{what}: {beyond}");
}

/// Random histories with one thread and many, of small sizes and big ones.
#[test]
fn numbers_are_those_of_malloc() {
    let folder = tempfile::tempdir().unwrap();
    let program = compile(folder.path());
    for seed in 1..=8 {
        let (threads, shape) = ([1, 2, 5, 12][seed % 4], seed % 4);
        let arguments = [seed, threads, 40_000, shape].map(|n| n.to_string());
        let what = format!("seed {seed}, {threads} threads, shape {shape}");
        let (program, told) = start(Command::new(&program).args(arguments));
        compare(&look(program.pid()), &told, &what);
    }
}

/// The same under settings that change what `malloc` does.
#[test]
fn settings_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let program = compile(folder.path());
    let settings = [
        ("MALLOC_ARENA_MAX", "1"),
        ("MALLOC_MMAP_THRESHOLD_", "20000"),
        ("MALLOC_TRIM_THRESHOLD_", "1000000"),
        ("MALLOC_TOP_PAD_", "500000"),
        ("GLIBC_TUNABLES", "glibc.malloc.tcache_count=0"),
        ("GLIBC_TUNABLES", "glibc.malloc.tcache_count=100"),
        ("GLIBC_TUNABLES", "glibc.malloc.mxfast=160"),
    ];
    for (n, (name, value)) in settings.into_iter().enumerate() {
        let arguments = [n, 3, 20_000, n % 3].map(|n| n.to_string());
        let (program, told) = start(Command::new(&program).args(arguments).env(name, value));
        let native = look(program.pid());
        compare(&native, &told, &format!("{name}={value}"));
        let params = native.params.unwrap();
        match name {
            "MALLOC_ARENA_MAX" => assert_eq!(params.arena_max, 1),
            "MALLOC_MMAP_THRESHOLD_" => assert_eq!(params.mmap_threshold, 20_000),
            "MALLOC_TRIM_THRESHOLD_" => assert_eq!(params.trim_threshold, 1_000_000),
            "MALLOC_TOP_PAD_" => assert_eq!(params.top_pad, 500_000),
            _ => assert!(params.dynamic),
        }
    }
}

/// What `malloc_trim` gives back is what was said before, to a tenth.
#[test]
fn trimming_is_foretold() {
    let folder = tempfile::tempdir().unwrap();
    let program = compile(folder.path());
    for seed in 1..=8 {
        let arguments = [seed, [1, 4][seed % 2], 60_000, 1 + seed % 3].map(|n| n.to_string());
        let (mut program, _) = start(Command::new(&program).args(arguments));
        let native = look(program.pid());
        let memory = LiveMemory::open(&Target::from_pid(program.pid())).unwrap();
        let ranges: Vec<_> = trimmable(&native, 4096).into_iter().map(|t| t.range).collect();
        let counts = pagemap::resident(memory.process(), &ranges).unwrap();
        let foretold: u64 = counts.iter().sum();
        let answer = program.ask("trim");
        let (before, after) = answer.split_once(' ').unwrap();
        let given = before.parse::<i64>().unwrap() - after.parse::<i64>().unwrap();
        eprintln!("seed {seed}: {foretold} foretold, {given} given back");
        // A page or two of stack and of the program's data are touched meanwhile.
        let off = (foretold as i64 - given).abs();
        assert!(off <= given / 10 + 16_384, "seed {seed}: {foretold} foretold, {given} given");
        assert!(given > 100_000, "seed {seed}: {given}");
    }
}
