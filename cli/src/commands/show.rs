//! `memprobe show`: the tables of a capture.

use capture::folder::{Capture, Manifest, TableEntry};
use diff::human;
use probe::{Error, Issue, Result, Table};
use serde::Serialize;

use crate::args::{Format, ShowArgs};
use crate::commands::answer::{in_form, remarks};
use crate::commands::capture::describe;
use crate::exit::{Exit, Failure};
use crate::output::to_stdout;

/// The answer as JSON.
#[derive(Serialize)]
struct Shown<'a> {
    manifest: &'a Manifest,
    tables: Vec<Table>,
}

/// Reads a capture and prints its tables.
///
/// # Errors
/// When the folder is no capture, has no such table, or nothing of it can be read.
pub fn run(args: &ShowArgs) -> Result<Exit, Failure> {
    let capture = Capture::open(&args.folder)?;
    let mut issues = Vec::new();
    let mut tables = Vec::new();
    for entry in wanted(&capture, &args.table)? {
        match small(&capture, entry) {
            Ok(Some(table)) => tables.push(table),
            Ok(None) => issues.push(too_big(entry)),
            Err(error) if tables.is_empty() && args.table.len() == 1 => return Err(error.into()),
            Err(error) => issues.push(error.to_issue(probe::Severity::Error)),
        }
    }
    let manifest = capture.manifest();
    let text = if args.format == Format::Json {
        serde_json::to_string(&Shown { manifest, tables })
            .map_err(|e| Error::io(e.into(), "cannot render the tables"))?
            + "\n"
    } else {
        let body: String = tables.iter().map(|t| in_form(t, args.format, args.rows)).collect();
        issues.splice(0..0, manifest.issues.iter().cloned());
        format!("{}\n\n{body}{}", describe(manifest), remarks(&issues))
    };
    to_stdout(text.as_bytes())?;
    Ok(Exit::Fine)
}

/// A table of a capture that is read whole, or `None`: there are tables of millions of rows.
///
/// # Errors
/// When it is damaged.
pub(crate) fn small(capture: &Capture, entry: &TableEntry) -> Result<Option<Table>> {
    if entry.bulk { Ok(None) } else { capture.table(entry).map(Some) }
}

fn wanted<'a>(capture: &'a Capture, names: &[String]) -> Result<Vec<&'a TableEntry>> {
    if names.is_empty() {
        return Ok(capture.manifest().tables.iter().collect());
    }
    names.iter().map(|name| capture.entry(name)).collect()
}

fn too_big(entry: &TableEntry) -> Issue {
    Issue::info(format!(
        "table `{}` has {} rows, one by one of no use here; see docs/captures.md for queries",
        entry.name,
        human::count(entry.rows as f64)
    ))
}
