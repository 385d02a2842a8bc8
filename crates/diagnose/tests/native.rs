//! Findings about native blocks: leaks, growth, and what is not said twice.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use common::watch;
use probe::{Certainty, Column, FindingKind, Table, Unit, tables};

/// Allocator, size class, state, holder, blocks, bytes, content.
type Row<'a> = (&'a str, u64, &'a str, &'a str, u64, u64, &'a str);

fn blocks(rows: &[Row<'_>]) -> Table {
    use tables::native_blocks as t;
    let candidates = |row: &Row<'_>| {
        (row.2 == t::UNREACHABLE && row.3.is_empty()).then(|| "fast.so, slow.so".to_owned())
    };
    Table::new(
        t::TABLE,
        vec![
            Column::id_key(t::PID, rows.iter().map(|_| 7)),
            Column::text_key(t::ALLOCATOR, rows.iter().map(|r| r.0)),
            Column::id_key(t::SIZE_CLASS, rows.iter().map(|r| r.1)),
            Column::text_key(t::STATE, rows.iter().map(|r| r.2)),
            Column::text_key(t::HOLDER, rows.iter().map(|r| r.3)),
            Column::level(t::BLOCKS, Unit::Count, rows.iter().map(|r| Some(r.4))),
            Column::level(t::BYTES, Unit::Bytes, rows.iter().map(|r| Some(r.5))),
            Column::level(t::RESIDENT, Unit::Bytes, rows.iter().map(|r| Some(r.5))),
            Column::text(t::CONTENT, rows.iter().map(|r| Some(r.6.to_owned()))),
            Column::text(t::CANDIDATES, rows.iter().map(candidates)),
        ],
    )
}

fn census(objects: u64, bytes: u64) -> Table {
    use tables::census as t;
    Table::new(
        t::TABLE,
        vec![
            Column::id_key(t::PID, [7]),
            Column::text_key(t::TYPE, ["fast.Table"]),
            Column::level(t::OBJECTS, Unit::Count, [Some(objects)]),
            Column::level(t::BYTES_ALLOCATED, Unit::Bytes, [Some(bytes)]),
        ],
    )
}

#[test]
fn blocks_that_nothing_points_to_are_a_proved_leak() {
    let look = |seconds| {
        let n = 100 + seconds * 25_000;
        vec![blocks(&[
            ("malloc", 40, "unreachable", "", n, n * 40, "text"),
            ("malloc", 40, "object", "", n, n * 40, "other"),
            ("pymalloc", 512, "buffer", "", n, n * 512, "other"),
            ("pymalloc", 48, "unreachable", "", 10, 480, "zero"),
        ])]
    };
    let findings = watch(true, look);
    let first = &findings[0];
    assert_eq!(first.kind, FindingKind::NativeLeak, "{findings:#?}");
    assert_eq!(first.certainty, Certainty::Proved);
    assert_eq!(first.subject, "40-byte (48 with header) blocks of malloc");
    assert_eq!(first.growth.objects, Some(29.0 * 25_000.0));
    assert_eq!(first.growth.bytes, Some(29e6));
    assert!(first.share.unwrap() > 0.9);
    let evidence = first.evidence.join("; ");
    assert!(evidence.contains("from 25100 to 750 k in 29 s"), "{evidence}");
    assert!(evidence.contains("they hold text"), "{evidence}");
    assert!(evidence.contains("fast.so, slow.so"), "{evidence}");
    assert_eq!(findings.len(), 1, "the heap is the same bytes: {findings:#?}");
    let quiet = watch(false, |seconds| look(seconds / 30));
    assert!(quiet.is_empty(), "{quiet:#?}");
}

#[test]
fn blocks_that_something_holds_are_growth() {
    let findings = watch(true, |seconds| {
        let n = 10 + seconds * 10;
        vec![blocks(&[
            ("malloc", 131_072, "reachable", "fast.so+0x4068", n, n * 60_000, "pointers"),
            ("malloc", 120, "reachable", "fast.so+0x4068", n * 300, n * 36_000, "text"),
            ("malloc", 64, "unreachable", "slow.so", n * 50, n * 3_200, "code pointer"),
        ])]
    });
    let [first, second] = &findings[..] else { panic!("{findings:#?}") };
    assert_eq!(first.kind, FindingKind::NativeGrowth);
    assert_eq!(first.certainty, Certainty::Likely);
    assert_eq!(first.subject, "native blocks held by fast.so+0x4068");
    assert_eq!(first.growth.bytes, Some(29.0 * 960_000.0));
    assert!(first.evidence[2].contains("up to 131072-byte blocks of malloc"), "{first:#?}");
    assert_eq!(second.kind, FindingKind::NativeLeak);
    assert_eq!(second.place.as_deref(), Some("slow.so"));
    assert!(second.subject.ends_with("that lead to slow.so"), "{}", second.subject);
}

/// A table in a library without symbols has a place for each member: together they are one finding.
#[test]
fn places_in_a_stripped_library_are_one_finding() {
    let findings = watch(true, |seconds| {
        let names: Vec<_> = (0..64).map(|n| format!("fast.so+{:#x}", 0xff00 + 8 * n)).collect();
        let n = 10 + seconds * 50;
        let row = |holder| ("malloc", 248, "reachable", holder, n, n * 248, "text");
        let mut rows: Vec<_> = names.iter().map(|name| row(&**name)).collect();
        rows.push(("malloc", 248, "reachable", "fast.so (others)", n, n * 248, "text"));
        vec![blocks(&rows)]
    });
    let [found] = &findings[..] else { panic!("{findings:#?}") };
    assert_eq!(found.subject, "native blocks held by fast.so");
    assert_eq!(found.growth.objects, Some(65.0 * 29.0 * 50.0));
    let evidence = found.evidence.join("; ");
    assert!(evidence.contains("64 variables without names"), "{evidence}");
    assert!(evidence.contains("from fast.so+0xff00 to fast.so+0x100f8"), "{evidence}");
    assert!(evidence.contains("they hold text"), "{evidence}");
}

/// Many sizes that each explain little are one finding.
#[test]
fn scattered_leaks_are_one_finding() {
    let findings = watch(true, |seconds| {
        let n = seconds * 100;
        let row = |size| ("malloc", size, "unreachable", "", n, n * 200, "other");
        let rows: Vec<_> = (1..=50).map(|number| row(16 * number)).collect();
        vec![blocks(&rows)]
    });
    assert_eq!(findings.len(), 1, "{findings:#?}");
    assert_eq!(findings[0].subject, "native blocks of 50 sizes");
    assert_eq!(findings[0].growth.bytes, Some(29e6));
}

/// What says who may have lost blocks says who may have kept references.
#[test]
fn references_too_many_name_the_same_suspects() {
    use tables::refcounts as t;
    let findings = watch(true, |seconds| {
        let n = seconds * 5000;
        let level = |name, unit, value| Column::level(name, unit, [Some(value)]);
        let counts = Table::new(
            t::TABLE,
            vec![
                Column::id_key(t::PID, [7]),
                Column::text_key(t::TYPE, ["builtins.str"]),
                level(t::OBJECTS, Unit::Count, n),
                level(t::UNREFERENCED, Unit::Count, n),
                level(t::REFERENCES, Unit::Count, n),
                level(t::BYTES, Unit::Bytes, n * 200),
                level(t::HELD_OBJECTS, Unit::Count, 0),
                level(t::HELD_BYTES, Unit::Bytes, 0),
                Column::text(t::REFERS_TO, [None]),
            ],
        );
        vec![counts, blocks(&[("malloc", 40, "unreachable", "", 3, 120, "text")])]
    });
    assert_eq!(findings[0].kind, FindingKind::RefcountLeak, "{findings:#?}");
    let evidence = findings[0].evidence.join("; ");
    assert!(evidence.contains("fast.so, slow.so"), "{evidence}");
}

/// However many blocks each object has: where both become more in step, they are the objects'.
#[test]
fn many_blocks_of_each_object_are_told_with_the_objects() {
    let findings = watch(true, |seconds| {
        let n = 10 + seconds * 20;
        let held = ("malloc", 504, "reachable", "object fast.Table", n * 100, n * 50_000, "other");
        vec![blocks(&[held]), census(n, n * 2500)]
    });
    let [found] = &findings[..] else { panic!("{findings:#?}") };
    assert_eq!((found.kind, &*found.subject), (FindingKind::PythonGrowth, "fast.Table"));
    assert!(found.share.is_some_and(|share| share > 0.9), "{found:#?}");
}

/// Native memory behind ever more objects of a type is told with them; behind the same objects it
/// is growth of its own.
#[test]
fn what_objects_hold_is_said_once() {
    let look = |more: u64| {
        move |seconds: u64| {
            let n = 100 + seconds * 1000;
            vec![
                blocks(&[("malloc", 504, "reachable", "object fast.Table", n, n * 504, "other")]),
                census(100 + seconds * more, (100 + seconds * more) * 496),
            ]
        }
    };
    let kinds = |more| -> Vec<FindingKind> {
        watch(true, look(more)).into_iter().map(|finding| finding.kind).collect()
    };
    assert!(!kinds(1000).contains(&FindingKind::NativeGrowth), "{:?}", kinds(1000));
    let still = watch(true, look(0));
    assert_eq!(still[0].kind, FindingKind::NativeGrowth, "{still:#?}");
    assert!(
        still[0].evidence.iter().any(|e| e.contains("fast.Table objects went from 100 to 100"))
    );
}
