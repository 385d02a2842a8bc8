//! A watch of a process that grows or not, with tables of the interpreter at three moments.
#![allow(clippy::unwrap_used, dead_code, reason = "tests; none of them uses all of this")]

use memprobe_diagnose::{Judgement, Observation, Settings};
use probe::{Column, Finding, ProbeId, Snapshot, Table, Taken, Target, Unit, tables};

const MIB: u64 = 1 << 20;
/// What grows in each second, bytes.
const RATE: f64 = 1e6;

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

/// What comes of a watch.
pub(crate) struct Watched {
    pub(crate) judgement: Judgement,
    pub(crate) findings: Vec<Finding>,
    pub(crate) observation: Observation,
}

/// A watch of 30 s in which memory grows by a function of the seconds, with `look` at three
/// moments of it.
pub(crate) fn watched(grown: impl Fn(f64) -> f64, look: impl Fn(u64) -> Vec<Table>) -> Watched {
    let mut observation = Observation::new(Settings::default());
    for tick in 0..=120 {
        let seconds = f64::from(tick) / 4.0;
        observation.push(snapshot("process", seconds, memory(20 * MIB + grown(seconds) as u64)));
        if [4, 60, 120].contains(&tick) {
            observation.push(snapshot("python", seconds, look(seconds as u64)));
        }
    }
    let judgement = observation.judge();
    let findings = observation.findings(&judgement);
    Watched { judgement, findings, observation }
}

/// A watch of 30 s in which 1 MB/s grows or nothing does, with `look` at three moments of it.
pub(crate) fn watch(grows: bool, look: impl Fn(u64) -> Vec<Table>) -> Vec<Finding> {
    let rate = if grows { RATE } else { 0.0 };
    let seen = watched(|seconds| seconds * rate, look);
    assert_eq!(seen.judgement.verdict.leak, Some(grows), "{:#?}", seen.judgement);
    seen.findings
}

/// The same with all that is known of it.
pub(crate) fn judged(grows: bool, look: impl Fn(u64) -> Vec<Table>) -> (Observation, Judgement) {
    let rate = if grows { RATE } else { 0.0 };
    let seen = watched(|seconds| seconds * rate, look);
    (seen.observation, seen.judgement)
}
