//! Processes in which one row of a table has a history of which the truth is known: what the
//! rules that read tables are measured on.
//!
//! A history is a series of one of the classes of [`CLASSES`](super::CLASSES), or of one of
//! [`MORE`], which are habits of single rows. The process has it beside the noise of a service,
//! and where that is asked beside a leak that is not the row's.

use probe::{Certainty, Finding, FindingKind, ProbeId, Snapshot, Table, Taken, Target};

use super::rows::{PID, Pace, Row, culprit, process};
pub use super::rows::{RULES, Rule};
use super::{Class, KIB, LOOKS_PER_S, MIB, Random, Truth, add, ending, lasting, line, mild, span};
use crate::{Observation, Settings};

/// The least of what gives something back: what is smaller is noise, bytes.
const GIVEN_BACK: f64 = 64.0 * KIB;
/// When the first round is, seconds.
const SETTLED: f64 = 0.5;

/// Habits of single rows, which a process as a whole seldom has.
pub const MORE: &[Class] = &[
    Class { name: "pool, keeps its most", truth: Truth::Sound, make: pool },
    Class { name: "buffer, doubled and dropped", truth: Truth::Sound, make: buffer },
    Class { name: "start-up, then still", truth: Truth::Sound, make: start_up },
    Class { name: "holes, a drift of fragments", truth: Truth::Sound, make: holes },
    Class { name: "20 kB/s, even", truth: Truth::Leak, make: |_, t| line(t, 20e3) },
    Class { name: "1 MB/s, even", truth: Truth::Leak, make: |_, t| line(t, 1e6) },
];

/// What is used goes up and down; what was once used is kept.
fn pool(random: &mut Random, times: &[f64]) -> Vec<f64> {
    let (sigma, constant) = (random.scale(100.0 * KIB, 4.0 * MIB), random.scale(0.3, 5.0));
    let mut most: f64 = 0.0;
    let used = lasting(random, times, sigma, constant);
    let mut keep = |v: f64| {
        most = most.max(v);
        most
    };
    used.into_iter().map(&mut keep).collect()
}

/// Twice as much whenever it is full, and anew after a while.
fn buffer(random: &mut Random, times: &[f64]) -> Vec<f64> {
    let period = random.scale(2.0, span(times));
    let least = random.scale(64.0 * KIB, MIB);
    let doublings = random.between(2.0, 6.0).floor();
    let phase = random.between(0.0, 1.0);
    let full = |t: &f64| ((t / period + phase).fract() * (doublings + 1.0)).floor();
    times.iter().map(|t| least * full(t).exp2()).collect()
}

fn start_up(random: &mut Random, times: &[f64]) -> Vec<f64> {
    let height = random.scale(MIB, 100.0 * MIB);
    ending(times, height, random.scale(0.3, span(times) / 10.0))
}

/// A walk that only slowly comes back, as of the holes between blocks.
fn holes(random: &mut Random, times: &[f64]) -> Vec<f64> {
    let (sigma, constant) = (random.scale(100.0 * KIB, 4.0 * MIB), span(times) / 2.0);
    add(lasting(random, times, sigma, constant), &mild(random, times))
}

/// What is said of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Answer {
    /// Nothing.
    Silent,
    /// That it may take part in the growth.
    Possible,
    /// More than that.
    Sure,
}

/// How a process is watched, and what else is in it.
#[derive(Clone, Copy, Debug)]
pub struct Watch {
    /// How long.
    pub seconds: f64,
    /// How often tables are looked at for which it must be frozen: three times or more.
    pub looks: usize,
    /// A leak that is not the row's, bytes per second.
    pub beside: f64,
}

impl Rule {
    /// What this rule says of a row with a history of a class.
    #[must_use]
    pub fn answer(&self, class: &Class, seed: u64, watch: Watch) -> Answer {
        let Watch { seconds, beside, .. } = watch;
        let mut observation = Observation::new(Settings::default());
        let (base, points) = class.grown(seed, seconds);
        let mut random = Random::new(seed ^ 0x726f_7773);
        let times: Vec<f64> = points.iter().map(|p| p.0).collect();
        let noise = mild(&mut random, &times);
        let offset = random.scale(100.0 * KIB, 4.0 * MIB);
        let mut dues = Dues::new(self.pace, watch);
        let mut row = Row::default();
        let mut before = offset;
        for ((t, value), noise) in points.into_iter().zip(noise) {
            let value = (offset + value).max(0.0);
            if before - value >= GIVEN_BACK {
                row.given_back += (before - value) as u64;
                row.times += 1;
            }
            row.bytes = value as u64;
            before = value;
            let own = if self.is_memory { value } else { 0.0 };
            let leaked = beside * t;
            let is_child = self.kind == FindingKind::ChildGrowth;
            let rest = base + noise + leaked + if is_child { 0.0 } else { own };
            let mut tables = vec![process(PID, rest.max(MIB), self.threads(row))];
            if self.pace == Pace::Always {
                join(&mut tables, (self.tables)(row));
            }
            observation.push(snapshot("process", t, tables));
            if dues.row(t) {
                observation.push(snapshot("row", t, (self.tables)(row)));
            }
            if dues.round(t) {
                let mut tables = vec![culprit((MIB + leaked) as u64)];
                if self.pace == Pace::Rounds {
                    join(&mut tables, (self.tables)(row));
                }
                observation.push(snapshot("round", t, tables));
            }
        }
        let judgement = observation.judge();
        self.said(&observation.findings(&judgement))
    }

    fn said(&self, findings: &[Finding]) -> Answer {
        let is_named = |finding: &&Finding| {
            let place = finding.place.as_deref().unwrap_or_default();
            finding.kind == self.kind
                && (finding.subject.contains(self.names) || place.contains(self.names))
                // What an allocator keeps may be said of itself, growing or not.
                && (finding.share.is_some() || finding.growth.bytes_per_s.is_none())
        };
        let answer = |finding: &Finding| match finding.certainty {
            Certainty::Possible => Answer::Possible,
            _ => Answer::Sure,
        };
        findings.iter().filter(is_named).map(answer).max().unwrap_or(Answer::Silent)
    }
}

/// When tables are looked at.
struct Dues {
    row: f64,
    every: Option<f64>,
    rounds: Vec<f64>,
}

impl Dues {
    fn new(pace: Pace, Watch { seconds, looks, .. }: Watch) -> Self {
        let end = seconds - 1.0 / LOOKS_PER_S;
        let marks = (1..looks - 1).rev().map(|n| seconds * n as f64 / (looks - 1) as f64);
        let rounds = [end].into_iter().chain(marks).chain([SETTLED]).collect();
        Self { row: 0.0, every: (pace == Pace::Often).then_some(2.0), rounds }
    }

    fn row(&mut self, t: f64) -> bool {
        let Some(every) = self.every else { return false };
        let is_due = t >= self.row;
        if is_due {
            self.row += every;
        }
        is_due
    }

    fn round(&mut self, t: f64) -> bool {
        self.rounds.pop_if(|due| t >= *due).is_some()
    }
}

/// Puts the rows of tables below those of the same name.
fn join(tables: &mut Vec<Table>, more: Vec<Table>) {
    for table in more {
        let is_known =
            tables.iter_mut().any(|known| known.name == table.name && known.append(&table));
        if !is_known {
            tables.push(table);
        }
    }
}

fn snapshot(name: &str, seconds: f64, tables: Vec<Table>) -> Snapshot {
    let ns = (seconds * 1e9) as u64;
    let id = ProbeId { name: name.into(), version: "1".into() };
    let taken = Taken { unix_ns: ns, monotonic_ns: ns };
    let mut snapshot = Snapshot::new(id, Target::from_pid(PID as u32), taken);
    snapshot.tables = tables;
    snapshot
}
