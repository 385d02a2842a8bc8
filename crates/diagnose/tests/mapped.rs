//! Findings about mappings and threads: what libraries map, who holds files, where threads stand.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use common::{judged, watch};
use memprobe_diagnose::account::part;
use probe::{Column, Finding, FindingKind, Table, Unit, tables};

const MIB: u64 = 1 << 20;

fn private(rows: &[(&str, &str, u64, u64)]) -> Table {
    use tables::private_memory as t;
    Table::new(
        t::TABLE,
        vec![
            Column::id_key(t::PID, rows.iter().map(|_| 7)),
            Column::text_key(t::PART, rows.iter().map(|row| row.0)),
            Column::text_key(t::NAME, rows.iter().map(|row| row.1)),
            Column::level(t::COUNT, Unit::Count, rows.iter().map(|row| Some(row.2))),
            Column::level(t::RESIDENT, Unit::Bytes, rows.iter().map(|row| Some(row.3))),
        ],
    )
}

fn look(seconds: u64) -> Vec<Table> {
    use tables::private_memory as t;
    vec![private(&[
        (t::MAPPED, "fast.so+0x40", seconds, seconds * 400_000),
        (t::MAPPED, "fast.so+0x88", seconds, seconds * 300_000),
        (t::UNKNOWN, "", seconds, seconds * 200_000),
        (t::OBJECTS, "builtins.str", 10, MIB + seconds * 100_000),
        (t::MAPPED, "still.so+0x40", 1, 5 * MIB),
    ])]
}

fn find<'a>(findings: &'a [Finding], what: &str) -> &'a Finding {
    let found = findings.iter().find(|finding| finding.subject.contains(what));
    found.unwrap_or_else(|| panic!("no `{what}` in {findings:#?}"))
}

/// The variables of a library are one holder; what nothing points to is a finding of its own; what
/// does not grow is none.
#[test]
fn what_libraries_map_is_named() {
    let findings = watch(true, look);
    let mapped = find(&findings, "anonymous mappings of fast.so");
    assert_eq!(mapped.kind, FindingKind::MappingGrowth);
    assert_eq!(mapped.place.as_deref(), Some("fast.so"));
    assert!((mapped.growth.bytes_per_s.unwrap() - 700_000.0).abs() < 10_000.0, "{mapped:#?}");
    let lost = find(&findings, "anonymous mappings that nothing points to");
    assert!(lost.advice.contains("munmap"), "{lost:#?}");
    assert!(!findings.iter().any(|f| f.subject.contains("still.so")), "{findings:#?}");
}

/// The account of a run is that of its last regime, part by part.
#[test]
fn the_growth_is_told_by_part() {
    let (observation, judgement) = judged(true, look);
    let account = observation.account(&judgement);
    let told: Vec<_> = account.iter().map(|part| &*part.whole.part).collect();
    assert_eq!(told, [part::MAPPED, part::UNKNOWN, part::OBJECTS]);
    let first = &account[0];
    assert!((first.whole.bytes_per_s - 700_000.0).abs() < 1.0, "{first:?}");
    assert!((first.whole.share.unwrap() - 0.7).abs() < 0.001, "{first:?}");
    assert_eq!(first.largest[0].name, "fast.so+0x40");
    assert!(account[1].largest.is_empty(), "{account:?}");
    let (observation, judgement) = judged(true, |_| vec![]);
    assert_eq!(observation.account(&judgement), []);
}

/// Threads that do not end: what they wait for and the code that waits.
#[test]
fn threads_are_told_by_where_they_stand() {
    use tables::{stacks as s, thread_waits as w};
    let tables = |seconds: u64| {
        let waits = Table::new(
            w::TABLE,
            vec![
                Column::id_key(w::PID, [7, 7]),
                Column::text_key(w::NAME, ["python", "worker-*"]),
                Column::text_key(w::CALL, ["read", "futex"]),
                Column::text_key(w::KERNEL, ["", "futex_wait_queue"]),
                Column::level(w::THREADS, Unit::Count, [Some(1), Some(seconds)]),
            ],
        );
        let frames: Vec<(u64, u64, &str, &str)> = (0..seconds)
            .flat_map(|thread| {
                [
                    (thread, 0, "wait", "/lib/python3/threading.py"),
                    (thread, 1, "Pool.serve", "/srv/app.py"),
                    (thread, 2, "run", "/lib/python3/threading.py"),
                ]
            })
            .collect();
        let id = |name, of: fn(&(u64, u64, &str, &str)) -> u64| {
            Column::id_key(name, frames.iter().map(of))
        };
        let stacks = Table::new(
            s::TABLE,
            vec![
                id(s::PID, |_| 7),
                id(s::THREAD, |frame| frame.0),
                id(s::DEPTH, |frame| frame.1),
                Column::text(s::FUNCTION, frames.iter().map(|frame| Some(frame.2.into()))),
                Column::text(s::FILE, frames.iter().map(|frame| Some(frame.3.into()))),
                id(s::LINE, |_| 12),
            ],
        );
        let processes = Table::new(
            tables::processes::TABLE,
            vec![
                Column::id_key(tables::processes::PID, [7]),
                Column::level(tables::processes::THREADS, Unit::Count, [Some(1 + seconds)]),
            ],
        );
        let memory = |name, bytes: u64| Column::level(name, Unit::Bytes, [Some(bytes)]);
        let mappings = Table::new(
            tables::mappings::TABLE,
            vec![
                Column::id_key(tables::mappings::PID, [7]),
                Column::text_key(tables::mappings::KIND, [tables::mappings::STACK]),
                Column::text_key(tables::mappings::NAME, [""]),
                memory(tables::mappings::RSS, seconds * 400_000),
                memory(tables::mappings::PSS, seconds * 400_000),
            ],
        );
        let mut other = look(seconds);
        other.extend([processes, waits, stacks, mappings]);
        other
    };
    let findings = watch(true, tables);
    let threads = findings.iter().find(|f| f.kind == FindingKind::ThreadGrowth).unwrap();
    assert!(threads.share.is_some_and(|share| share > 0.2), "their stacks: {threads:?}");
    let [first, second, ..] = findings.as_slice() else { panic!("{findings:#?}") };
    assert!([first.kind, second.kind].contains(&FindingKind::ThreadGrowth), "{findings:#?}");
    assert!(!findings.iter().any(|f| f.subject == "stacks"), "told once: {findings:#?}");
    assert_eq!(threads.place.as_deref(), Some("Pool.serve (app.py:12)"));
    let evidence = threads.evidence.join("\n");
    for sentence in [
        "29 more threads named worker-* wait in futex() (futex_wait_queue of the kernel), 30 in all",
        "30 threads stand in wait (threading.py:12), which Pool.serve (app.py:12) has called",
    ] {
        assert!(evidence.contains(sentence), "{sentence}: {evidence}");
    }
}

/// A mapped file that is pinned names the objects that hold it, and the way to them.
#[test]
fn holders_of_mapped_files_are_told() {
    use tables::{holders as h, mapping_holders as m};
    let tables = |seconds: u64| {
        let mapped = Table::new(
            m::TABLE,
            vec![
                Column::id_key(m::PID, [7, 7]),
                Column::text_key(m::NAME, ["/tmp/data.bin", "/tmp/data.bin"]),
                Column::text_key(m::HOLDER, ["object mmap.mmap", "stack"]),
                Column::level(m::COUNT, Unit::Count, [Some(seconds), Some(1)]),
            ],
        );
        let steps = r#"[{"kind":"module","name":"app"},{"kind":"attribute","name":"VIEWS","type":"mmap.mmap"}]"#;
        let ways = Table::new(
            h::TABLE,
            vec![
                Column::id_key(h::PID, [7]),
                Column::text_key(h::PATH, ["app.VIEWS[*].base"]),
                Column::level(h::OBJECTS, Unit::Count, [Some(seconds)]),
                Column::level(h::BYTES, Unit::Bytes, [Some(seconds * 100)]),
                Column::text(h::STEPS, [Some(steps.to_owned())]),
            ],
        );
        use tables::mappings as a;
        let mappings = Table::new(
            a::TABLE,
            vec![
                Column::id_key(a::PID, [7]),
                Column::text_key(a::KIND, [a::FILE]),
                Column::text_key(a::NAME, ["/tmp/data.bin"]),
                Column::level(a::RSS, Unit::Bytes, [Some(seconds * 500_000)]),
            ],
        );
        vec![mappings, mapped, ways]
    };
    let findings = watch(true, tables);
    let file = find(&findings, "mapped file /tmp/data.bin");
    assert!(
        file.evidence.iter().any(|e| e == "mmap.mmap objects hold 30 of 31 mappings of it"),
        "{file:#?}"
    );
    assert_eq!(file.holders[0].objects, Some(30.0));
    assert_eq!(file.holders[0].path[1].name.as_deref(), Some("VIEWS"));
}
