//! The account at the beginning and at the end of a run: in which parts the growth is.

use probe::tables::{mappings, private_memory};
use probe::{Snapshot, Table};
use serde::{Deserialize, Serialize};

use super::{Account, AccountGrowth, AccountRow, Sums, growth};
use crate::lanes::Lanes;

/// Rows that are named of each part.
const LARGEST: usize = 5;

/// How a part grew, and in which rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PartGrowth {
    /// The part; it has no name.
    #[serde(flatten)]
    pub whole: AccountGrowth,
    /// Its rows that grew most.
    pub largest: Vec<AccountGrowth>,
}

/// The parts that changed between the first look since a moment and the last one, all targets
/// together, what grew most first. Empty where memory was not told apart twice.
pub(crate) fn by_part(lanes: &Lanes, since_ns: u64) -> Vec<PartGrowth> {
    let (mut before, mut after) = (Sums::default(), Sums::default());
    let mut seconds = 0.0_f64;
    for kept in lanes.of(private_memory::TABLE) {
        let Some((first, last)) = ends(kept, since_ns) else { continue };
        let time = last.taken.monotonic_ns.saturating_sub(first.taken.monotonic_ns);
        seconds = seconds.max(time as f64 / 1e9);
        before.take(rows(lanes, first));
        after.take(rows(lanes, last));
    }
    let (before, after) = (before.rows(), after.rows());
    let rows = growth(&before, &after, seconds);
    let part = |whole: AccountGrowth| {
        let of = rows.iter().filter(|row| row.part == whole.part && !row.name.is_empty());
        let largest = of.filter(|row| row.bytes > 0).take(LARGEST).cloned().collect();
        PartGrowth { whole, largest }
    };
    growth(&whole(&before), &whole(&after), seconds).into_iter().map(part).collect()
}

/// The first look since a moment, if another one followed, else the first of all; and the last.
fn ends(kept: &[Snapshot], since_ns: u64) -> Option<(&Snapshot, &Snapshot)> {
    let told = |look: &&Snapshot| look.table(private_memory::TABLE).is_some_and(|t| t.rows() > 0);
    let looks: Vec<&Snapshot> = kept.iter().filter(told).collect();
    let from = looks.partition_point(|look| look.taken.monotonic_ns < since_ns);
    let looks = if looks.len() - from >= 2 { &looks[from..] } else { &looks[..] };
    let (first, last) = (looks.first()?, looks.last()?);
    (first.taken.monotonic_ns < last.taken.monotonic_ns).then_some((first, last))
}

/// The rows of one look, with the mappings that were seen nearest to it.
fn rows(lanes: &Lanes, look: &Snapshot) -> Vec<AccountRow> {
    let of_target =
        lanes.of(mappings::TABLE).find(|kept| kept.iter().all(|s| s.target.pid == look.target.pid));
    let distance = |s: &&Snapshot| s.taken.monotonic_ns.abs_diff(look.taken.monotonic_ns);
    let nearest = of_target.and_then(|kept| kept.iter().min_by_key(distance));
    let own = look.table(private_memory::TABLE);
    let tables: Vec<&Table> =
        own.into_iter().chain(nearest.and_then(|s| s.table(mappings::TABLE))).collect();
    Account::of(&tables, look.target.pid.into()).map(|account| account.rows).unwrap_or_default()
}

fn whole(rows: &[AccountRow]) -> Vec<AccountRow> {
    let account = Account { rows: rows.to_vec(), ..Account::default() };
    account.parts()
}
