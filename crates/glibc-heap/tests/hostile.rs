//! Heaps that were overwritten, on copies.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::Path;
use std::process::Command;

use memprobe_glibc_heap::{Native, Regions, State, read, trimmable};
use probe::Target;
use proptest::prelude::*;
use target::images::mappings;
use target::memory::{FakeMemory, LiveMemory, ReadMemory};
use test_support::Running;

/// A copy of everything that is read of a small process with threads.
fn copy() -> (FakeMemory, Regions, Vec<(u64, u64)>) {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("history");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/history.c");
    let mut compile = Command::new(std::env::var("CC").unwrap_or_else(|_| "cc".into()));
    compile.args(["-pthread", "-Wno-deprecated-declarations", "-o"]).args([&program, &source]);
    assert!(compile.arg("-ldl").status().unwrap().success());
    let mut process = Running::start(Command::new(program).args(["5", "3", "3000", "2"]));
    while process.line().unwrap() != "end" {}
    let memory = LiveMemory::open(&Target::from_pid(process.pid())).unwrap();
    let regions = Regions::new(&mappings(memory.process()).unwrap());
    let mut fake = FakeMemory::default();
    let mut ranges = Vec::new();
    let all = regions.data.iter().chain(&regions.brk).chain(&regions.anonymous);
    for range in all.filter(|range| range.end - range.start < 32 << 20) {
        let mut bytes = vec![0; (range.end - range.start) as usize];
        memory.read_with_holes(range.start, &mut bytes).unwrap();
        fake.add(range.start, bytes);
        ranges.push((range.start, range.end));
    }
    (fake, regions, ranges)
}

/// Everything that can be asked of a heap.
fn use_all(native: &Native) {
    let blocks = native.blocks().count();
    assert!(native.sums().len() == native.arenas.len() && blocks < 10_000_000);
    let _ = (native.free(), trimmable(native, 4096), native.around(0), native.around(u64::MAX));
    for block in native.blocks().take(1000) {
        let _ = native.around(block.address);
    }
}

/// A block that wrote behind its end: the place is named, and what is behind is still found.
#[test]
fn an_overflow_is_pointed_at() {
    let (mut fake, regions, _) = copy();
    let clean = read(&fake, &regions).unwrap().unwrap();
    assert!(clean.issues.is_empty(), "{:?}", clean.issues);
    let main: Vec<_> =
        clean.blocks().filter(|b| b.arena == Some(0) && b.state == State::Used).collect();
    let (victim, behind) = (main[main.len() / 2], main[main.len() / 2 + 20]);
    let header = victim.address - 16;
    fake.put_u64(header + 8, 0x4141_4141_4141_4141);
    let native = read(&fake, &regions).unwrap().unwrap();
    let message = &native.issues[0].message;
    assert!(message.contains(&format!("the first at {header:#x}")), "{:?}", native.issues);
    assert_eq!(native.around(behind.address), Some(behind));
    use_all(&native);
}

/// Lists that bite their tail, or lead elsewhere, end.
#[test]
fn cycles_in_lists_end() {
    let (mut fake, regions, _) = copy();
    let clean = read(&fake, &regions).unwrap().unwrap();
    let listed = |state| clean.blocks().filter(move |b| b.state == state);
    for block in listed(State::Fast).chain(listed(State::Unsorted)).chain(listed(State::Cached)) {
        fake.put_u64(block.address, block.address - 16);
        fake.put_u64(block.address + 8, block.address - 16);
    }
    use_all(&read(&fake, &regions).unwrap().unwrap());
}

/// An arena that is being made, or whose memory is not in a core file (`MADV_DONTDUMP`): the others
/// are read, and it is said.
#[test]
fn an_arena_that_is_not_there_is_said() {
    let (fake, regions, _) = copy();
    let clean = read(&fake, &regions).unwrap().unwrap();
    let last = clean.arenas.last().unwrap();
    assert!(!last.main, "one arena only");
    for gone in [0x7f12_3456_0000, last.address + 64] {
        let mut fake = fake.clone();
        // Whoever links to the last one links to nowhere.
        let before = &clean.arenas[clean.arenas.len() - 2];
        let links = (0..300).map(|n| before.address + 8 * n);
        let link = |at: &u64| fake.read_u64(*at).is_ok_and(|word| word == last.address);
        let link = links.rev().find(link).unwrap();
        fake.put_u64(link, gone);
        let native = read(&fake, &regions).unwrap().unwrap();
        assert!(native.issues.iter().any(|issue| issue.message.contains("breaks off")));
        assert_eq!(native.arenas.len(), clean.arenas.len() - 1);
        use_all(&native);
    }
}

/// As many mappings as a machine lets a process have, each a block of its own.
#[test]
fn a_hundred_thousand_mappings_are_walked() {
    const MANY: usize = 100_000;
    let (mut fake, mut regions, _) = copy();
    let clean = read(&fake, &regions).unwrap().unwrap();
    assert!(!clean.mmapped.is_empty(), "malloc counts none: it is not looked for any");
    for n in 0..MANY as u64 {
        let start = 0x2000_0000_0000 + n * 0x2000;
        regions.anonymous.push(start..start + 0x1000);
        fake.add(start, [0, 0x1002_u64].iter().flat_map(|word| word.to_ne_bytes()).collect());
    }
    regions.anonymous.sort_by_key(|range| range.start);
    let native = read(&fake, &regions).unwrap().unwrap();
    assert_eq!(native.mmapped.len(), clean.mmapped.len() + MANY);
    assert!(native.issues.iter().any(|issue| issue.message.contains("a mapping of their own")));
    use_all(&native);
}

/// Whatever stands in memory, there is an answer.
#[test]
fn mutations_are_survived() {
    let (fake, regions, ranges) = copy();
    let mutation = (
        0..ranges.len(),
        any::<prop::sample::Index>(),
        prop_oneof![
            any::<u64>(),
            (0..64_u64).prop_map(|bit| 1 << bit),
            Just(u64::MAX),
            Just(0),
            (any::<u16>(), 0..8_u64).prop_map(|(size, flags)| (u64::from(size) * 16) | flags),
        ],
    );
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(60) };
    let mutations = prop::collection::vec(mutation, 1..2000);
    let mut runner = prop::test_runner::TestRunner::new(config);
    let done = runner.run(&mutations, |mutations| {
        let mut fake = fake.clone();
        for (range, at, value) in mutations {
            let (start, end) = ranges[range];
            fake.put_u64(start + 8 * at.index(((end - start) / 8) as usize) as u64, value);
        }
        if let Some(native) = read(&fake, &regions).unwrap() {
            use_all(&native);
        }
        Ok(())
    });
    done.unwrap();
}

/// The same at the arenas' states and headers of heaps alone, where each word matters.
#[test]
fn broken_arenas_are_survived() {
    let (fake, regions, _) = copy();
    let clean = read(&fake, &regions).unwrap().unwrap();
    let values = [
        0,
        8,
        u64::MAX,
        u64::MAX - 15,
        1 << 47,
        0x10,
        clean.arenas[0].address,
        clean.arenas[0].top,
    ];
    for arena in &clean.arenas {
        let heap = arena.address & !((64 << 20) - 1);
        let words = (0..16).map(|n| heap + 8 * n).filter(|_| !arena.main);
        let words = words.chain((0..20).chain(265..278).map(|n| arena.address + 8 * n));
        for (n, word) in words.enumerate() {
            let mut fake = fake.clone();
            fake.put_u64(word, values[n % values.len()]);
            if let Some(native) = read(&fake, &regions).unwrap() {
                use_all(&native);
            }
        }
    }
}
