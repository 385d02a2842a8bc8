//! Findings about Python objects: who holds them, or why nobody does.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use common::watch;
use probe::{Certainty, Column, FindingKind, Table, Unit, tables};

/// Rows of path, steps, objects and bytes.
fn holders(rows: &[(&str, &str, u64, u64)]) -> Table {
    use tables::holders as t;
    Table::new(
        t::TABLE,
        vec![
            Column::id_key(t::PID, rows.iter().map(|_| 7)),
            Column::text_key(t::PATH, rows.iter().map(|r| r.0)),
            Column::level(t::OBJECTS, Unit::Count, rows.iter().map(|r| Some(r.2))),
            Column::level(t::BYTES, Unit::Bytes, rows.iter().map(|r| Some(r.3))),
            Column::text(t::STEPS, rows.iter().map(|r| Some(r.1.to_owned()))),
        ],
    )
}

const CACHE: &str = r#"{"kind":"module global","name":"app.CACHE","type":"builtins.dict"}"#;
const ORDER: &str = r#"{"kind":"value","name":"[*]","type":"app.Order"}"#;
const ROWS: &str = r#"{"kind":"attribute","name":"rows","type":"builtins.list"}"#;

/// Members and what hangs on them are one finding about their container.
#[test]
fn the_container_that_grows_is_named() {
    let way = |steps: &[&str]| format!("[{}]", steps.join(","));
    let ways = [way(&[CACHE]), way(&[CACHE, ORDER]), way(&[CACHE, ORDER, ROWS])];
    let findings = watch(true, |seconds| {
        let n = 100 + seconds * 1000;
        vec![holders(&[
            ("app.CACHE", &ways[0], 1, 10_000),
            ("app.CACHE[*]", &ways[1], n, n * 100),
            ("app.CACHE[*].rows", &ways[2], n, n * 900),
            ("not read", "no JSON", n, n * 900),
        ])]
    });
    let first = &findings[0];
    assert_eq!(first.kind, FindingKind::PythonGrowth, "{findings:#?}");
    assert_eq!(first.subject, "builtins.list");
    assert_eq!(first.place.as_deref(), Some("app.CACHE (builtins.dict)"));
    assert_eq!(first.certainty, Certainty::Likely);
    assert_eq!(first.growth.objects, Some(58_000.0));
    assert_eq!(first.growth.bytes, Some(29e6));
    assert!(first.share.unwrap() > 0.9);
    assert_eq!(
        first.evidence[0],
        "app.Order in app.CACHE (builtins.dict) went from 1100 to 30100 in 29 s, up in 2 of 2 looks"
    );
    assert!(first.evidence[1].contains("24.9 MiB in 29000 builtins.list"), "{:?}", first.evidence);
    assert_eq!(first.holders.len(), 2);
    assert_eq!(first.holders[0].path.len(), 3);
    assert_eq!(first.holders[0].bytes, Some(29_000.0 * 900.0));
    assert!(first.advice.contains("app.CACHE"));
    assert_eq!(findings.len(), 1, "the mappings are the same bytes: {findings:#?}");
}

fn garbage(rows: &[(&str, u64, u64)], blocked_by: Option<&str>) -> Table {
    use tables::garbage as t;
    let cycle = r#"[{"kind":"object","name":null,"type":"app.A"},{"kind":"attribute","name":"b","type":"builtins.list"},{"kind":"item","name":"[*]","type":"app.A"}]"#;
    Table::new(
        t::TABLE,
        vec![
            Column::id_key(t::PID, rows.iter().map(|_| 7)),
            Column::text_key(t::TYPE, rows.iter().map(|r| r.0)),
            Column::level(t::OBJECTS, Unit::Count, rows.iter().map(|r| Some(r.1))),
            Column::level(t::BYTES, Unit::Bytes, rows.iter().map(|r| Some(r.2))),
            Column::text(t::CYCLE, rows.iter().map(|_| Some(cycle.to_owned()))),
            Column::text(t::BLOCKED_BY, rows.iter().map(|_| blocked_by.map(Into::into))),
        ],
    )
}

fn collector(enabled: bool) -> Table {
    use tables::gc as t;
    let values = probe::Values::Bool(vec![Some(enabled)]);
    let mut column = Column::text(t::ENABLED, [Some(String::new())]);
    column.values = values;
    Table::new(t::TABLE, vec![Column::text_key(t::GENERATION, ["0"]), column])
}

/// Cycles are a leak where the collector cannot take them, and a possibility where it can.
#[test]
fn cyclic_garbage_says_why_it_is_there() {
    let found = |enabled, blocked_by| {
        let findings = watch(true, move |seconds| {
            let n = seconds * 5000;
            // What hangs on a cycle may have more bytes than what is in it.
            let rows = [
                ("builtins.bytearray", n, n * 100),
                ("builtins.list", n, n * 60),
                ("app.A", n, n * 40),
            ];
            vec![garbage(&rows, blocked_by), collector(enabled)]
        });
        findings.into_iter().find(|f| f.kind == FindingKind::CyclicGarbage).unwrap()
    };
    let off = found(false, None);
    assert_eq!((off.subject.as_str(), off.certainty), ("app.A", Certainty::Proved));
    assert!(off.evidence.iter().any(|e| e.contains("gc.disable()")), "{:?}", off.evidence);
    assert_eq!(off.place.as_deref(), Some("app.A.b -> builtins.list[*] -> app.A"));
    let waiting = found(true, None);
    assert_eq!(waiting.certainty, Certainty::Possible);
    let blocked = found(true, Some("ext.Reader"));
    assert_eq!(blocked.certainty, Certainty::Proved);
    assert!(blocked.advice.contains("ext.Reader"), "{}", blocked.advice);
}

fn refcounts(objects: u64, unreferenced: u64) -> Table {
    use tables::refcounts as t;
    let level = |name, unit, value| Column::level(name, unit, [Some(value)]);
    Table::new(
        t::TABLE,
        vec![
            Column::id_key(t::PID, [7]),
            Column::text_key(t::TYPE, ["builtins.list"]),
            level(t::OBJECTS, Unit::Count, objects),
            level(t::UNREFERENCED, Unit::Count, unreferenced),
            level(t::REFERENCES, Unit::Count, objects),
            level(t::BYTES, Unit::Bytes, objects * 80),
            level(t::HELD_OBJECTS, Unit::Count, objects * 2),
            level(t::HELD_BYTES, Unit::Bytes, objects * 120),
            Column::text(t::REFERS_TO, [Some("3 builtins.float".into())]),
        ],
    )
}

/// Where no pointer exists, it is proved; where native memory has some, it is likely; where
/// nothing grows, nothing is said.
#[test]
fn references_too_many_are_a_leak() {
    let found = |unreferenced: fn(u64) -> u64| {
        let findings = watch(true, move |s| vec![refcounts(s * 5000, unreferenced(s * 5000))]);
        findings.into_iter().find(|f| f.kind == FindingKind::RefcountLeak).unwrap()
    };
    let proved = found(|n| n);
    assert_eq!((proved.subject.as_str(), proved.certainty), ("builtins.list", Certainty::Proved));
    assert_eq!(proved.growth.bytes, Some(29.0 * 5000.0 * 200.0));
    assert!(proved.evidence.iter().any(|e| e.contains("no pointer to them exists anywhere")));
    assert!(proved.evidence.iter().any(|e| e == "most of them refer to 3 builtins.float"));
    assert!(!proved.advice.contains("of its own"), "{}", proved.advice);
    assert_eq!(found(|n| n / 2).certainty, Certainty::Likely);
    let kept = found(|_| 0);
    assert!(kept.advice.contains("a list, cache or pool of its own"), "{}", kept.advice);
    let level = watch(true, |_| vec![refcounts(5000, 5000)]);
    assert!(level.iter().all(|f| f.kind != FindingKind::RefcountLeak), "{level:#?}");
}
