//! `memprobe diff`: two recordings, compared table by table.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::path::Path;

use ::diff::compare;
use ::report::DiffReport;
use capture::recording::{Recording, TableEnds};
use probe::{Issue, Result, Snapshot, Table};

use crate::args::DiffArgs;
use crate::commands::report::replay;
use crate::exit::{Exit, Failure};
use crate::output;

/// Keys that name the same thing differently in another process.
const IDENTITY: [&str; 4] = ["pid", "start_id", "address", "inode"];

/// Compares the last state of two recordings, and their verdicts.
///
/// # Errors
/// When a file is no recording or holds nothing.
pub fn run(args: &DiffArgs) -> Result<Exit, Failure> {
    let (before_outcome, _) = replay(&args.before)?;
    let (after_outcome, _) = replay(&args.after)?;
    let mut issues = Vec::new();
    let mut before = last_tables(&args.before, &mut issues)?;
    let mut after = last_tables(&args.after, &mut issues)?;
    if !same_process(&before, &after) {
        issues.push(Issue::info(
            "the recordings are of different processes: rows are matched by name, not by PID or address",
        ));
        before.values_mut().chain(after.values_mut()).for_each(forget_identity);
    }
    let mut tables = Vec::new();
    for (key, earlier) in &before {
        if let Some(later) = after.get(key) {
            let compared = compare(earlier, later);
            tables.extend(compared.tables);
            issues.extend(compared.issues);
        } else {
            issues.push(Issue::info(format!(
                "`{}` of {} is only in the first recording",
                key.1, key.0
            )));
        }
    }
    for key in after.keys().filter(|key| !before.contains_key(*key)) {
        issues
            .push(Issue::info(format!("`{}` of {} is only in the second recording", key.1, key.0)));
    }
    let report = DiffReport {
        before: (args.before.display().to_string(), before_outcome.judgement.verdict),
        after: (args.after.display().to_string(), after_outcome.judgement.verdict),
        tables,
        issues,
    };
    let renderer = output::renderer(args.format, std::io::stdout().is_terminal());
    let mut text = Vec::new();
    renderer
        .render_diff(&report, &mut text)
        .map_err(|e| probe::Error::io(e, "cannot render the comparison"))?;
    output::to_stdout(&text)?;
    Ok(Exit::Fine)
}

type ByTable = BTreeMap<(String, String), Snapshot>;

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

fn same_process(before: &ByTable, after: &ByTable) -> bool {
    let first = |tables: &ByTable| tables.values().next().map(|s| s.target.clone());
    match (first(before), first(after)) {
        (Some(a), Some(b)) => a.is_same_process(&b),
        _ => true,
    }
}

fn forget_identity(snapshot: &mut Snapshot) {
    for table in &mut snapshot.tables {
        let keep = |t: &Table| t.keys().filter(|k| !IDENTITY.contains(&k.name.as_str())).count();
        if keep(table) == 0 {
            continue;
        }
        table.columns.retain(|c| !IDENTITY.contains(&c.name.as_str()));
    }
}
