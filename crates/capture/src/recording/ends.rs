//! Where a recording began and where it ended, table by table: what two recordings are
//! compared by.

use std::collections::{HashMap, HashSet};
use std::io::BufRead;

use probe::{Issue, Snapshot};

use super::{Header, Item, Recording};

/// Different tables (of a probe and a target) that are kept; more are counted.
const TABLES: usize = 10_000;

/// The first and the last look at every table of a recording.
#[derive(Clone, Debug)]
pub struct Ends {
    /// The first line of the recording.
    pub header: Header,
    /// In the order in which they first appear.
    pub tables: Vec<TableEnds>,
    /// Issues of the recording, and of the snapshots that the tables come from.
    pub issues: Vec<Issue>,
    /// How many snapshots were read.
    pub snapshots: u64,
}

/// The first and the last look at one table of one target.
#[derive(Clone, Debug, PartialEq)]
pub struct TableEnds {
    /// Its first appearance: the snapshot with this table alone.
    pub first: Snapshot,
    /// Its last appearance; the same as `first` if there was only one.
    pub last: Snapshot,
}

impl TableEnds {
    /// The number of columns, and what tells it from other tables whatever its columns.
    fn form(&self) -> (usize, (&str, u32, u64, &str)) {
        let Snapshot { probe, target, tables, .. } = &self.first;
        let (columns, name) =
            tables.first().map_or((0, ""), |t| (t.columns.len(), t.name.as_str()));
        (columns, (&probe.name, target.pid, target.start_id, name))
    }
}

/// What tells tables apart: probe, PID, start mark, table, and its columns, because a cheap
/// question may fill only a part of the columns and must not hide a full look before it.
type Key = (String, u32, u64, String, Vec<String>);

impl<R: BufRead> Recording<R> {
    /// Reads to the end and keeps the first and last look at every table. Where a table was
    /// seen with different columns, the look with most columns counts.
    #[must_use]
    pub fn into_ends(mut self) -> Ends {
        let mut seen = Seen::default();
        let mut issues = Vec::new();
        for item in &mut self {
            match item {
                // Beside a copy of a process, its figures are not all its own.
                Item::Snapshot(snapshot) if snapshot.beside_copy => {}
                Item::Snapshot(snapshot) => seen.take(*snapshot, &mut issues),
                Item::Issue(issue) => add(&mut issues, issue),
                Item::Event(_) | Item::Run(_) | Item::End(_) => {}
            }
        }
        if seen.left_out > 0 {
            let n = seen.left_out;
            issues.push(Issue::warning(format!(
                "{n} tables beyond the first {TABLES} were left out"
            )));
        }
        let snapshots = self.snapshots();
        Ends { header: self.header, tables: seen.widest(), issues, snapshots }
    }
}

#[derive(Default)]
struct Seen {
    index: HashMap<Key, usize>,
    tables: Vec<TableEnds>,
    left_out: u64,
}

impl Seen {
    fn take(&mut self, mut snapshot: Snapshot, issues: &mut Vec<Issue>) {
        for mut issue in std::mem::take(&mut snapshot.issues) {
            issue.probe.get_or_insert_with(|| snapshot.probe.name.clone());
            add(issues, issue);
        }
        for table in std::mem::take(&mut snapshot.tables) {
            let Snapshot { probe, target, .. } = &snapshot;
            let columns = table.columns.iter().map(|c| c.name.clone()).collect();
            let key =
                (probe.name.clone(), target.pid, target.start_id, table.name.clone(), columns);
            let look = Snapshot { tables: vec![table], ..snapshot.clone() };
            if let Some(&at) = self.index.get(&key) {
                self.tables[at].last = look;
            } else if self.tables.len() < TABLES {
                self.index.insert(key, self.tables.len());
                self.tables.push(TableEnds { first: look.clone(), last: look });
            } else {
                self.left_out += 1;
            }
        }
    }

    /// Of the forms of each table the one with most columns.
    fn widest(self) -> Vec<TableEnds> {
        let mut widest = HashMap::new();
        for (at, ends) in self.tables.iter().enumerate() {
            let (columns, id) = ends.form();
            let best = widest.entry(id).or_insert((columns, at));
            if columns > best.0 {
                *best = (columns, at);
            }
        }
        let kept: HashSet<usize> = widest.into_values().map(|(_, at)| at).collect();
        let tables = self.tables.into_iter().enumerate();
        tables.filter(|(at, _)| kept.contains(at)).map(|(_, ends)| ends).collect()
    }
}

/// Issues that differ, up to a bound.
fn add(issues: &mut Vec<Issue>, issue: Issue) {
    const DIFFERENT: usize = 1000;
    if issues.len() < DIFFERENT && !issues.contains(&issue) {
        issues.push(issue);
    }
}
