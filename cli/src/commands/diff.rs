//! `memprobe diff`: two recordings or captures, compared table by table.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::path::Path;

use ::diff::compare;
use ::report::{DiffReport, Side};
use capture::folder::{Capture, TableEntry};
use capture::recording::{Recording, TableEnds};
use probe::{Column, Issue, ProbeId, Result, Role, Snapshot, Table, Target, Unit};

use crate::args::DiffArgs;
use crate::commands::capture::describe;
use crate::commands::report::replay;
use crate::commands::show::small;
use crate::exit::{Exit, Failure};
use crate::output;

/// Keys that name the same thing differently in another process.
const IDENTITY: [&str; 3] = ["pid", "start_id", "inode"];

/// Compares the last state of two recordings, and their verdicts, or two captures.
///
/// # Errors
/// When one is neither, or holds nothing.
pub fn run(args: &DiffArgs) -> Result<Exit, Failure> {
    let mut issues = Vec::new();
    let mut before = State::read(&args.before, &mut issues)?;
    let mut after = State::read(&args.after, &mut issues)?;
    if let Some(issue) = before.stranger_to(&after) {
        issues.push(issue);
        before.tables.values_mut().chain(after.tables.values_mut()).for_each(forget_identity);
    }
    let mut tables = Vec::new();
    for (key, earlier) in &before.tables {
        if let Some(later) = after.tables.get(key) {
            let compared = compare(earlier, later);
            tables.extend(compared.tables);
            issues.extend(compared.issues);
        } else {
            issues.push(lonely(key, "first"));
        }
    }
    let only_after = after.tables.keys().filter(|key| !before.tables.contains_key(*key));
    issues.extend(only_after.map(|key| lonely(key, "second")));
    let report = DiffReport { before: before.side, after: after.side, tables, issues };
    let renderer = output::renderer(args.format, std::io::stdout().is_terminal());
    let mut text = Vec::new();
    renderer
        .render_diff(&report, &mut text)
        .map_err(|e| probe::Error::io(e, "cannot render the comparison"))?;
    output::to_stdout(&text)?;
    Ok(Exit::Fine)
}

fn lonely((probe, table): &(String, String), which: &str) -> Issue {
    Issue::info(format!("`{table}` of {probe} is only in the {which} of the two"))
}

/// By probe and table.
type ByTable = BTreeMap<(String, String), Snapshot>;

/// What is compared with another.
struct State {
    side: Side,
    target: Option<Target>,
    tables: ByTable,
}

impl State {
    /// A folder is a capture, a file a recording.
    fn read(path: &Path, issues: &mut Vec<Issue>) -> Result<Self> {
        if path.is_dir() {
            Self::of_capture(path, issues)
        } else {
            Self::of_recording(path, issues)
        }
    }

    fn of_recording(path: &Path, issues: &mut Vec<Issue>) -> Result<Self> {
        let verdict = Some(replay(path)?.0.judgement.verdict);
        let side = Side { file: path.display().to_string(), verdict, about: String::new() };
        let tables = last_tables(path, issues)?;
        let target = tables.values().next().map(|s| s.target.clone());
        Ok(Self { side, target, tables })
    }

    fn of_capture(path: &Path, issues: &mut Vec<Issue>) -> Result<Self> {
        let capture = Capture::open(path)?;
        let manifest = capture.manifest();
        let side =
            Side { file: path.display().to_string(), verdict: None, about: describe(manifest) };
        let mut tables = ByTable::new();
        for entry in &manifest.tables {
            match small(&capture, entry)? {
                Some(table) => {
                    let key = (entry.probe.clone(), entry.name.clone());
                    tables.insert(key, look_of(&capture, entry, table));
                }
                None => issues.push(not_compared(entry)),
            }
        }
        issues.extend(manifest.issues.iter().cloned());
        issues.dedup();
        Ok(Self { side, target: Some(manifest.target.clone()), tables })
    }

    /// What is to be said where two are not of the same process: a key that is a place or a number
    /// in one process means nothing in another.
    fn stranger_to(&self, other: &Self) -> Option<Issue> {
        let (a, b) = (self.target.as_ref()?, other.target.as_ref()?);
        let pythons = match (&a.python, &b.python) {
            (Some(a), Some(b)) if a != b => Some(format!("of Python {a} and of Python {b}")),
            _ => None,
        };
        if a.is_same_process(b) && pythons.is_none() {
            return None;
        }
        let what = pythons.unwrap_or_else(|| format!("PIDs {} and {}", a.pid, b.pid));
        Some(Issue::warning(format!(
            "the two are of different processes ({what}): rows are matched by name, not by PID or \
             address"
        )))
    }
}

/// A table of a capture as the snapshot of its probe.
fn look_of(capture: &Capture, entry: &TableEntry, table: Table) -> Snapshot {
    let manifest = capture.manifest();
    let made = manifest.probes.iter().find(|made| made.name == entry.probe);
    let taken = made.map_or(manifest.taken, |made| made.taken);
    let id = ProbeId { name: entry.probe.clone(), version: String::new() };
    let mut snapshot = Snapshot::new(id, manifest.target.clone(), taken);
    snapshot.tables.push(table);
    snapshot
}

fn not_compared(entry: &TableEntry) -> Issue {
    Issue::info(format!(
        "`{}` is not compared row by row: addresses are used again, so the same one may be another \
         object",
        entry.name
    ))
}

/// The last state of each table of each probe; a table of several targets is one table.
fn last_tables(path: &Path, issues: &mut Vec<Issue>) -> Result<ByTable> {
    let ends = Recording::open(path)?.into_ends();
    for issue in ends.issues {
        if !issues.contains(&issue) {
            issues.push(issue);
        }
    }
    let mut merged = ByTable::new();
    for TableEnds { last, .. } in ends.tables {
        let table = last.tables.first().map_or_else(String::new, |t| t.name.clone());
        merged
            .entry((last.probe.name.clone(), table))
            .and_modify(|into: &mut Snapshot| append(into, &last))
            .or_insert(last);
    }
    Ok(merged)
}

/// Adds the rows of another snapshot's only table, where the columns are the same.
fn append(into: &mut Snapshot, from: &Snapshot) {
    let (Some(into), Some(from)) = (into.tables.first_mut(), from.tables.first()) else { return };
    into.append(from);
}

fn forget_identity(snapshot: &mut Snapshot) {
    let identity = |c: &Column| {
        c.role == Role::Key && (c.unit == Unit::Address || IDENTITY.contains(&c.name.as_str()))
    };
    for table in &mut snapshot.tables {
        // A table that is left without a key would be one row.
        if table.keys().any(|key| !identity(key)) {
            table.columns.retain(|c| !identity(c));
        }
    }
}
