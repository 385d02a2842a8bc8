//! A watch of a process that grows or not, with tables of the interpreter at three moments.
#![allow(dead_code, clippy::unwrap_used, reason = "tests, each of which uses a part")]

use memprobe_diagnose::{Judgement, Observation, Settings};
use probe::{Column, Finding, ProbeId, Snapshot, Table, Taken, Target, Unit, tables};

const MIB: u64 = 1 << 20;
/// What grows in each second, bytes.
const RATE: u64 = 1_000_000;

fn snapshot(name: &str, seconds: f64, tables: Vec<Table>) -> Snapshot {
    let ns = (seconds * 1e9) as u64;
    let id = ProbeId { name: name.into(), version: "1".into() };
    let taken = Taken { unix_ns: ns, monotonic_ns: ns };
    let mut snapshot = Snapshot::new(id, Target::from_pid(7), taken);
    snapshot.tables = tables;
    snapshot
}

fn memory(anon: u64) -> Vec<Table> {
    let level = |name, value| Column::level(name, Unit::Bytes, [Some(value)]);
    let processes = Table::new(
        tables::processes::TABLE,
        vec![
            Column::id_key(tables::processes::PID, [7]),
            level(tables::processes::RSS, anon),
            level(tables::processes::RSS_ANON, anon),
        ],
    );
    let mappings = Table::new(
        tables::mappings::TABLE,
        vec![
            Column::id_key(tables::mappings::PID, [7]),
            Column::text_key(tables::mappings::KIND, [tables::mappings::HEAP]),
            Column::text_key(tables::mappings::NAME, ["[heap]"]),
            level(tables::mappings::RSS, anon),
            level(tables::mappings::ANONYMOUS, anon),
        ],
    );
    vec![processes, mappings]
}

/// A watch of 30 s in which 1 MB/s grows or nothing does, with `look` at three moments of it.
pub(crate) fn watch(grows: bool, look: impl Fn(u64) -> Vec<Table>) -> Vec<Finding> {
    let (observation, judgement) = judged(grows, look);
    observation.findings(&judgement)
}

/// The same with all that is known of it.
pub(crate) fn judged(grows: bool, look: impl Fn(u64) -> Vec<Table>) -> (Observation, Judgement) {
    let mut observation = Observation::new(Settings::default());
    for tick in 0..=120 {
        let seconds = f64::from(tick) / 4.0;
        let grown = if grows { (seconds * RATE as f64) as u64 } else { 0 };
        observation.push(snapshot("process", seconds, memory(20 * MIB + grown)));
        if [4, 60, 120].contains(&tick) {
            observation.push(snapshot("python", seconds, look(seconds as u64)));
        }
    }
    let judgement = observation.judge();
    assert_eq!(judgement.verdict.leak, Some(grows), "{judgement:#?}");
    (observation, judgement)
}
