//! Verdicts that tables decide: growth that comes to an end by itself, and memory that nobody can
//! give back.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use common::{Watched, watched};
use probe::{Certainty, Column, FindingKind, Table, Unit, Values, tables};

fn level(name: &str, values: &[u64]) -> Column {
    Column::level(name, Unit::Count, values.iter().map(|&value| Some(value)))
}

const CACHE: &str =
    r#"{"kind":"module global","name":"app.render","type":"functools._lru_cache_wrapper"}"#;
const PAGE: &str = r#"{"kind":"value","name":"[*]","type":"app.Page"}"#;
const PATH: &str = "app.render (functools._lru_cache_wrapper)";

/// A cache with pages of 1000 bytes, and the most that it may have.
fn cache(pages: u64, most: u64) -> Vec<Table> {
    use tables::{bounds as b, holders as h};
    let steps = [format!("[{CACHE}]"), format!("[{CACHE},{PAGE}]")];
    let held = Table::new(
        h::TABLE,
        vec![
            Column::id_key(h::PID, [7, 7]),
            Column::text_key(h::PATH, [PATH, "app.render[*] (app.Page)"]),
            level(h::OBJECTS, &[1, pages]),
            level(h::BYTES, &[100, pages * 1000]),
            Column::text(h::STEPS, steps.map(Some)),
        ],
    );
    let bounds = Table::new(
        b::TABLE,
        vec![
            Column::id_key(b::PID, [7]),
            Column::text_key(b::PATH, [PATH]),
            level(b::CONTAINERS, &[1]),
            level(b::LENGTH, &[pages]),
            level(b::MOST, &[most]),
        ],
    );
    vec![held, bounds]
}

/// Steady growth of 1 MB/s, as a cache that fills.
fn filling(most: u64) -> Watched {
    watched(|t| 1e6 * t, move |t| cache(10 + t * 1000, most))
}

#[test]
fn a_cache_with_a_bound_is_no_leak() {
    let Watched { judgement, findings, .. } = filling(40_000);
    assert_eq!(judgement.verdict.leak, Some(false), "{judgement:#?}");
    let reason = &judgement.verdict.reason;
    assert!(reason.contains("which has 30010 members of at most 40000"), "{reason}");
    assert!(judgement.is_bounded && judgement.verdict.severity.time_to_limit_s.is_none());
    assert_eq!(findings[0].kind, FindingKind::PythonGrowth, "{findings:#?}");
    assert!(findings.iter().all(|f| f.certainty == Certainty::Possible), "{findings:#?}");
}

/// A bound that is far beyond what the process has protects nobody.
#[test]
fn a_bound_that_is_far_away_is_none() {
    assert_eq!(filling(100_000_000).judgement.verdict.leak, Some(true));
}

/// More and more caches, each with a bound, have none together.
#[test]
fn ever_more_caches_are_a_leak() {
    let seen = watched(
        |t| 1e6 * t,
        |t| {
            let mut tables = cache(10 + t * 1000, 40_000);
            let column =
                tables[1].columns.iter_mut().find(|c| c.name == tables::bounds::CONTAINERS);
            column.unwrap().values = Values::U64(vec![Some(1 + t)]);
            tables
        },
    );
    assert_eq!(seen.judgement.verdict.leak, Some(true));
}

fn garbage(objects: u64) -> Vec<Table> {
    use tables::{garbage as g, holders as h};
    let none: [&str; 0] = [];
    let held = Table::new(
        h::TABLE,
        vec![
            Column::id_key(h::PID, []),
            Column::text_key(h::PATH, none),
            level(h::BYTES, &[]),
            Column::text(h::STEPS, []),
        ],
    );
    let garbage = Table::new(
        g::TABLE,
        vec![
            Column::id_key(g::PID, [7]),
            Column::text_key(g::TYPE, ["app.Node"]),
            level(g::OBJECTS, &[objects]),
            level(g::BYTES, &[objects * 1000]),
            Column::text(g::CYCLE, [None]),
            Column::text(g::BLOCKED_BY, [None]),
        ],
    );
    vec![held, garbage]
}

fn collector(enabled: bool, threshold: u64) -> Table {
    use tables::gc as t;
    let mut on = Column::text(t::ENABLED, [None, None, None]);
    on.values = Values::Bool(vec![Some(enabled); 3]);
    Table::new(
        t::TABLE,
        vec![
            Column::text_key(t::GENERATION, ["0", "1", "2"]),
            on,
            level(t::THRESHOLD, &[threshold, 10, 10]),
            level(t::OBJECTS, &[500, 1000, 20_000]),
            level(t::COLLECTIONS, &[10, 1, 0]),
            level(t::COLLECTED, &[0, 0, 0]),
        ],
    )
}

/// Growth of 1 MB/s that is cyclic garbage.
fn littering(enabled: bool, threshold: u64) -> Watched {
    watched(
        |t| 1e6 * t,
        move |t| {
            let mut tables = garbage(t * 1000);
            tables.push(collector(enabled, threshold));
            tables
        },
    )
}

#[test]
fn garbage_that_waits_for_the_collector_is_no_leak() {
    let waiting = littering(true, 700).judgement;
    assert_eq!(waiting.verdict.leak, Some(false), "{waiting:#?}");
    assert!(waiting.verdict.reason.contains("full collection"), "{}", waiting.verdict.reason);
    assert_eq!(littering(true, 50).judgement.verdict.leak, Some(true), "it is long overdue");
    for (enabled, threshold) in [(false, 700), (true, 0)] {
        let seen = littering(enabled, threshold);
        assert_eq!(seen.judgement.verdict.leak, Some(true));
        assert_eq!(seen.findings[0].certainty, Certainty::Proved, "{:#?}", seen.findings);
    }
}

fn references(objects: u64) -> Vec<Table> {
    use tables::refcounts as t;
    vec![Table::new(
        t::TABLE,
        vec![
            Column::id_key(t::PID, [7]),
            Column::text_key(t::TYPE, ["builtins.list"]),
            level(t::OBJECTS, &[objects]),
            level(t::UNREFERENCED, &[objects]),
            level(t::REFERENCES, &[objects]),
            level(t::BYTES, &[objects * 64]),
            level(t::HELD_OBJECTS, &[0]),
            level(t::HELD_BYTES, &[0]),
        ],
    )]
}

/// A pace that dies away, as on a machine that gets ever busier: the curve alone does not tell.
fn slowing(look: impl Fn(u64) -> Vec<Table>) -> Watched {
    watched(|t| 2e6 * (1.0 - (-t / 20.0).exp()), look)
}

#[test]
fn what_nobody_can_give_back_is_a_leak_at_any_pace() {
    let undecided = slowing(|_| references(5)).judgement.verdict;
    assert_eq!(undecided.leak, None, "{undecided:#?}");
    let grown = |t: u64| (30_000.0 * (1.0 - (-(t as f64) / 20.0).exp())) as u64;
    let lost = slowing(move |t| references(grown(t)));
    assert_eq!(lost.judgement.verdict.leak, Some(true), "{:#?}", lost.judgement.verdict);
    assert!(lost.judgement.verdict.reason.contains("in objects with references that nobody owns"));
    assert_eq!(lost.findings[0].kind, FindingKind::RefcountLeak);
    let once = slowing(move |t| references(if t > 5 { 20_000 } else { 0 }));
    assert_eq!(once.judgement.verdict.leak, None, "it did not go on");
    let little = slowing(move |t| references(grown(t) / 100));
    assert_eq!(little.judgement.verdict.leak, None, "it is not what grows");
}
