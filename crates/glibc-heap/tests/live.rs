//! What is read from outside beside what `malloc` says of itself.
#![forbid(unsafe_code)]
#![allow(clippy::print_stderr, clippy::unwrap_used, reason = "tests")]

use std::collections::{HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::Command;

use memprobe_glibc_heap::{Native, Regions, State, read, trimmable};
use probe::Target;
use target::images::mappings;
use target::memory::LiveMemory;
use target::procfs::pagemap;
use test_support::{Malloc, Running, c_program, mallocs};

/// The program of `history.c` with a C library, and what it is called.
struct Program {
    _folder: tempfile::TempDir,
    libc: Option<Malloc>,
    compiled: Vec<OsString>,
}

impl Program {
    fn new(libc: Option<Malloc>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/history.c");
        let command = c_program(&source, &folder.path().join("history"), libc.as_ref());
        let words = std::iter::once(command.get_program()).chain(command.get_args());
        let compiled = words.map(OsStr::to_owned).collect();
        Self { _folder: folder, libc, compiled }
    }

    /// With the machine's C library, and with each that was unpacked.
    fn all() -> Vec<Self> {
        let only = std::env::var("ONLY").ok();
        let libcs = mallocs("glibc").into_iter();
        let libcs = libcs.filter(|libc| only.as_ref().is_none_or(|only| *only == libc.version));
        std::iter::once(None).chain(libcs.map(Some)).map(Self::new).collect()
    }

    fn start(&self, arguments: [usize; 4]) -> Command {
        let mut command = Command::new(&self.compiled[0]);
        command.args(&self.compiled[1..]).args(arguments.map(|n| n.to_string()));
        command
    }

    fn name(&self) -> String {
        let version = self.libc.as_ref().map(|libc| &*libc.version);
        format!("glibc {}", version.unwrap_or("of the machine"))
    }
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
    assert_eq!(native.mmapped.len() as u64, params.mmaps, "{what}");
    // From 2.43 on each `realloc` of such a block counts 16 bytes too many.
    let off = params.mmapped.wrapping_sub(mapped);
    let newest = !told.xml.contains("type=\"fast\"");
    assert!(off == 0 || newest && off.is_multiple_of(16) && off < 1 << 20, "{what}: {off}");

    let arenas = native.arenas.len();
    let xml = |line: &str, name: &str| attributes(&told.xml, line, name)[..arenas].to_vec();
    let each = |of: fn(&memprobe_glibc_heap::Sums) -> u64| sums.iter().map(of).collect::<Vec<_>>();
    assert_eq!(attributes(&told.xml, "<heap ", "nr").len(), arenas, "{what}");
    let system: Vec<u64> = native.arenas.iter().map(|arena| arena.system).collect();
    assert_eq!(system, xml("<system type=\"current\"", "size"), "{what}");
    let most: Vec<u64> = native.arenas.iter().map(|arena| arena.most_system).collect();
    assert_eq!(most, xml("<system type=\"max\"", "size"), "{what}");
    // Versions without fast bins (2.43 and up) say nothing of them.
    if told.xml.contains("type=\"fast\"") {
        assert_eq!(each(|s| s.fast.count), xml("type=\"fast\"", "count"), "{what}");
        assert_eq!(each(|s| s.fast.bytes), xml("type=\"fast\"", "size"), "{what}");
    } else {
        assert_eq!(total(|s| s.fast.count), 0, "{what}");
    }
    // From 2.29 on `malloc_info` counts the top among what is free.
    let rest = xml("type=\"rest\"", "count");
    let top = rest[0].wrapping_sub(sums[0].free.count);
    assert!(top <= 1, "{what}: {rest:?}");
    assert_eq!(sums.iter().map(|s| s.free.count + top).collect::<Vec<_>>(), rest, "{what}");
    // It adds the flags in the low bits of each size: 1 or (other arenas) also 4.
    for (sums, told) in sums.iter().zip(xml("type=\"rest\"", "size")) {
        let flags = told - sums.free.bytes - top * sums.top.bytes;
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
    let used = |address: &u64| Some((*address, *blocks.get(address).filter(|b| b.1.is_used())?));
    let wrong = told.freed.iter().find_map(used);
    assert_eq!(wrong, None, "{what}: a freed block counts as in use");
    // What is in use beyond that is of the program's start: streams, stacks' tables, caches.
    let beyond = native.blocks().filter(|b| b.state.is_used()).count() - told.live.len();
    assert!(beyond < 200, "{what}: {beyond}");
}

/// Random histories with one thread and many, of small sizes and big ones, with each C library.
#[test]
fn numbers_are_those_of_malloc() {
    for program in Program::all() {
        for seed in 1..=8 {
            let (threads, shape) = ([1, 2, 5, 12][seed % 4], seed % 4);
            let what = format!("{}, seed {seed}, {threads} threads, shape {shape}", program.name());
            let (running, told) = start(&mut program.start([seed, threads, 40_000, shape]));
            compare(&look(running.pid()), &told, &what);
        }
    }
}

/// The same under settings that change what `malloc` does.
#[test]
fn settings_are_read() {
    let settings = [
        ("MALLOC_ARENA_MAX", "1"),
        ("MALLOC_MMAP_THRESHOLD_", "20000"),
        ("MALLOC_TRIM_THRESHOLD_", "1000000"),
        ("MALLOC_TOP_PAD_", "500000"),
        ("GLIBC_TUNABLES", "glibc.malloc.tcache_count=0"),
        ("GLIBC_TUNABLES", "glibc.malloc.tcache_count=100"),
        ("GLIBC_TUNABLES", "glibc.malloc.mxfast=160"),
    ];
    for program in Program::all() {
        for (n, (name, value)) in settings.into_iter().enumerate() {
            let mut command = program.start([n, 3, 20_000, n % 3]);
            let (running, told) = start(command.env(name, value));
            let native = look(running.pid());
            compare(&native, &told, &format!("{}, {name}={value}", program.name()));
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
}

/// What `malloc_trim` gives back is what was said before, to a tenth.
#[test]
fn trimming_is_foretold() {
    for program in Program::all() {
        for seed in 1..=8 {
            let arguments = [seed, [1, 4][seed % 2], 60_000, 1 + seed % 3];
            let (mut running, _) = start(&mut program.start(arguments));
            let native = look(running.pid());
            let memory = LiveMemory::open(&Target::from_pid(running.pid())).unwrap();
            let ranges: Vec<_> = trimmable(&native, 4096).into_iter().map(|t| t.range).collect();
            let counts = pagemap::resident(memory.process(), &ranges).unwrap();
            let foretold: u64 = counts.iter().sum();
            let answer = running.ask("trim");
            let (before, after) = answer.split_once(' ').unwrap();
            let given = before.parse::<i64>().unwrap() - after.parse::<i64>().unwrap();
            let what = format!("{}, seed {seed}", program.name());
            eprintln!("{what}: {foretold} foretold, {given} given back");
            // Some pages of stack and of the program's data are touched meanwhile, which is much of
            // the least that is given back here, 1 MB.
            let off = (foretold as i64 - given).abs();
            assert!(off <= given / 10 + 65_536, "{what}: {foretold} foretold, {given} given");
            assert!(given > 100_000, "{what}: {given}");
        }
    }
}
