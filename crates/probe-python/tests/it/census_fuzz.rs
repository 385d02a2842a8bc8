//! The census over broken copies of a real process: it ends, does not panic, and does not count
//! more than there can be.
#![forbid(unsafe_code)]
#![allow(clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used, reason = "tests")]

use memprobe_probe_python::census::rules::{RULES, Rules};
use memprobe_probe_python::{GraphOptions, Python as Attached, Survey, Wanted, refs, walk};
use probe::Target;
use target::images::{self, Mapping};
use target::memory::{FakeMemory, LiveMemory, ReadMemory};
use target::procfs::ProcessDir;
use test_support::{Running, every_python};

/// The memory of a process, made by hand.
struct Copy {
    mappings: Vec<Mapping>,
    segments: Vec<(u64, Vec<u8>)>,
    rules: &'static Rules,
}

/// Numbers that look random and are the same each time.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % below.max(1)
    }
}

fn copies() -> Vec<Copy> {
    const CODE: &str = "
kept = [[str(n), {n: n}, (n,), {n}, bytearray(9), 'y' * 600, type('T', (), {})] for n in range(200)]
print('ready')
input()";
    let all = every_python().into_iter().filter(|python| python.version >= (3, 7, 0));
    all.map(|python| {
        let program = Running::python(&python, CODE);
        let target = Target::from_pid(program.pid());
        let memory = LiveMemory::open(&target).unwrap();
        let process = ProcessDir::open_target(&target).unwrap();
        let mappings = images::mappings(&process).unwrap();
        let read = |mapping: &&Mapping| mapping.perms.read && mapping.len() < 64 << 20;
        let segments = mappings.iter().filter(read).map(|mapping| {
            let mut bytes = vec![0; mapping.len() as usize];
            memory.read_with_holes(mapping.start, &mut bytes).unwrap();
            (mapping.start, bytes)
        });
        let segments = segments.collect();
        let rules = RULES.iter().find(|rules| rules.minor == python.version.1).unwrap();
        Copy { mappings, segments, rules }
    })
    .collect()
}

impl Copy {
    /// A copy whose writable segments a function may change.
    fn survey(&self, change: impl FnMut(&mut Vec<u8>)) -> Survey {
        let memory = self.changed(change);
        walk::survey(&memory, &self.mappings, self.rules, Wanted::Objects, None).unwrap()
    }

    /// The graph of the same, bounded by the size of memory.
    fn graph(&self, change: impl FnMut(&mut Vec<u8>)) {
        let memory = self.changed(change);
        let options = GraphOptions::default();
        let (graph, _) = refs::graph(&memory, &self.mappings, self.rules, &options).unwrap();
        let edges = graph.edge_count() as u64;
        assert!(edges < 64 * self.most(), "{} objects, {edges} edges", graph.len());
    }

    fn changed(&self, mut change: impl FnMut(&mut Vec<u8>)) -> FakeMemory {
        let mut memory = FakeMemory::default();
        for (start, bytes) in &self.segments {
            let mut bytes = bytes.clone();
            let mapping = self.mappings.iter().find(|mapping| mapping.start == *start).unwrap();
            if mapping.perms.write {
                change(&mut bytes);
            }
            memory.add(*start, bytes);
        }
        memory
    }

    fn most(&self) -> u64 {
        self.segments.iter().map(|(_, bytes)| bytes.len() as u64 / 16).sum()
    }
}

fn objects(survey: &Survey) -> u64 {
    survey.types.iter().map(|found| found.counts.objects).sum()
}

/// What a copy gives is what the process gives.
#[test]
fn a_copy_is_counted_like_the_process() {
    let python = every_python().pop().unwrap();
    let code = "kept = [[n] for n in range(9999)]\nprint('ready')\ninput()";
    let program = Running::python(&python, code);
    let attached = Attached::attach(&Target::from_pid(program.pid())).unwrap();
    program.until_it_reads();
    let (live, _) = attached.survey(Wanted::Objects).unwrap();
    let (again, _) = attached.survey(Wanted::Objects).unwrap();
    assert_eq!(live.pymalloc, again.pymalloc);
    let sorted = |survey: Survey| {
        let mut types = survey.types;
        types.sort_by_key(|found| found.address);
        types
    };
    assert_eq!(sorted(live), sorted(again));
}

/// One word of so many becomes another word of the same memory, a small number, or nonsense.
fn spoil(numbers: &mut Numbers, bytes: &mut [u8], one_of: usize) {
    for _ in 0..bytes.len() / 8 / one_of {
        let words = bytes.len() as u64 / 8;
        let (to, from) = (numbers.next(words) as usize, numbers.next(words) as usize);
        let value = match numbers.next(4) {
            0 => u64::from_ne_bytes(*bytes[from * 8..].first_chunk().unwrap()),
            1 => numbers.next(64),
            2 => u64::MAX - numbers.next(64),
            _ => numbers.next(u64::MAX),
        };
        bytes[to * 8..to * 8 + 8].copy_from_slice(&value.to_ne_bytes());
    }
}

#[test]
fn broken_memory_is_survived() {
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    for copy in copies() {
        let whole = copy.survey(|_| {});
        let all = objects(&whole);
        assert!(all > 10_000, "{} objects", all);
        for round in 0..12 {
            let broken =
                copy.survey(|bytes| spoil(&mut numbers, bytes, [1000, 100, 10][round % 3]));
            copy.graph(|bytes| spoil(&mut numbers, bytes, [1000, 100, 10][round % 3]));
            assert!(objects(&broken) <= copy.most(), "{} objects", objects(&broken));
        }
        copy.graph(|bytes| bytes.truncate(numbers.next(bytes.len() as u64) as usize));
        // Segments that end early: the rest cannot be read.
        let cut = copy.survey(|bytes| bytes.truncate(numbers.next(bytes.len() as u64) as usize));
        assert!(cut.unreadable > 0 && objects(&cut) <= all);
        // Nothing but one value.
        for value in [0, 1, 0x20, 0xff] {
            assert_eq!(objects(&copy.survey(|bytes| bytes.fill(value))), 0, "{value}");
        }
    }
}
