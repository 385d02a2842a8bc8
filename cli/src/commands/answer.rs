//! `memprobe census`, `pymalloc`, `gc`, `stacks`, `tracemalloc`: one question to whichever plugin
//! answers it, asked once.

use std::fmt::Write as _;

use plugin_host::{OpenOptions, Search};
use probe::{Error, ErrorKind, Probe, Request, Result, Severity, Snapshot, tables};

use crate::args::{AnswerArgs, Format, GlobalArgs};
use crate::commands::tracebacks;
use crate::exit::{Exit, Failure};
use crate::output::{harmless, to_stdout};
use crate::{plan, targets};

/// Asks and prints the tables that come back.
///
/// # Errors
/// When no plugin answers the question, or the process cannot be looked at.
pub fn run(question: &str, args: &AnswerArgs, global: &GlobalArgs) -> Result<Exit, Failure> {
    let target = targets::identify(args.pid).map_err(Failure::of_target)?;
    let search = plan::search(global);
    let plugin = search.find(&who_answers(&search, question)?)?;
    let mut probe = plugin.open(&serde_json::json!({}), OpenOptions::default())?;
    let request = Request::new(target, &[question]);
    let snapshot = probe.snapshot(&request).map_err(Failure::of_target)?;
    to_stdout(render(&snapshot, args).as_bytes())?;
    Ok(Exit::Fine)
}

/// The first plugin of the search that declares the question.
fn who_answers(search: &Search, question: &str) -> Result<String> {
    let mut listed = search.list().into_iter();
    let found = listed.find(|entry| entry.questions().contains(&question));
    found.map(|entry| entry.name).ok_or_else(|| {
        Error::new(ErrorKind::NotFound, format!("no plugin answers the question `{question}`"))
            .with_hint("`memprobe plugins` lists what there is; --plugin-dir names one more folder")
    })
}

fn render(snapshot: &Snapshot, args: &AnswerArgs) -> String {
    if args.format == Format::Json {
        return snapshot.to_json() + "\n";
    }
    let mut text = String::new();
    for table in snapshot.tables.iter().filter(|t| t.rows() > 0) {
        text.push_str(&match args.format {
            Format::Markdown => report::table_markdown(table, args.rows),
            _ if table.name == tables::stacks::TABLE => tracebacks::text(table, args.rows),
            _ => report::table_text(table, args.rows),
        });
        text.push('\n');
    }
    for issue in &snapshot.issues {
        let mark = match issue.severity {
            Severity::Info => "note",
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        let _ = writeln!(text, "{mark}: {}", harmless(&issue.message));
    }
    text
}
