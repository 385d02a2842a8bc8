//! `memprobe census`, `pymalloc`, `malloc`, `blocks`, `gc`, `stacks`, `tracemalloc`: one question to
//! whichever plugin answers it, asked once.

use std::fmt::Write as _;

use ::diff::human;
use plugin_host::{OpenOptions, Search};
use probe::{
    Error, ErrorKind, Issue, Probe, Request, Result, Severity, Snapshot, Table, Target, tables,
};
use target::corefile::CoreFile;
use target::freeze::Method;

use crate::args::{AnswerArgs, BlocksArgs, Format, GlobalArgs};
use crate::commands::tracebacks;
use crate::exit::{Exit, Failure};
use crate::guardian::Guardian;
use crate::output::{harmless, to_stdout};
use crate::{freezing, plan, targets};

/// Asks and prints the tables that come back.
///
/// # Errors
/// When no plugin answers the question, or the process cannot be looked at.
pub fn run(question: &str, args: &AnswerArgs, global: &GlobalArgs) -> Result<Exit, Failure> {
    answer(question, args, false, global)
}

/// The same for native blocks, with samples of their contents if they are asked for.
///
/// # Errors
/// As [`run`].
pub fn blocks(args: &BlocksArgs, global: &GlobalArgs) -> Result<Exit, Failure> {
    answer("blocks", &args.answer, args.samples, global)
}

fn answer(
    question: &str,
    args: &AnswerArgs,
    values: bool,
    global: &GlobalArgs,
) -> Result<Exit, Failure> {
    let (target, mut config) = subject(args).map_err(Failure::of_target)?;
    if values {
        config["values"] = true.into();
    }
    let search = plan::search(global);
    let plugin = search.find(&who_answers(&search, question)?)?;
    let options = OpenOptions { deadline: freezing::ANSWER };
    let mut probe = plugin.open(&config, options)?;
    let method = match args.core.is_none() && plugin.descriptor().wants_frozen(question) {
        true => args.freeze.into(),
        false => Method::None,
    };
    let request = Request::new(target, &[question]);
    let snapshot = match args.core {
        Some(_) => probe.snapshot(&request).map_err(Failure::of_target)?,
        None => ask(&mut probe, request, method).map_err(Failure::of_target)?,
    };
    to_stdout(render(&snapshot, args).as_bytes())?;
    Ok(Exit::Fine)
}

/// Who is asked about, and with which settings the plugin is opened: a core file is one of them.
fn subject(args: &AnswerArgs) -> Result<(Target, serde_json::Value)> {
    let Some(path) = &args.core else {
        return Ok((targets::identify(args.pid.unwrap_or_default())?, serde_json::json!({})));
    };
    Ok((CoreFile::open(path)?.target(), serde_json::json!({ "core": path })))
}

/// Asks about the frozen process.
///
/// # Errors
/// When it has ended, or the probe fails.
pub(super) fn ask(
    probe: &mut impl Probe,
    mut request: Request,
    method: Method,
) -> Result<Snapshot> {
    let target = request.target.clone();
    let mut failed = None;
    let guardian = Guardian::of(method);
    let round = freezing::round(&target, method, guardian.as_ref(), |frozen| {
        request.frozen = frozen.cloned();
        let answer = probe.snapshot(&request);
        answer.map_err(|error| failed = Some(error)).into_iter().collect()
    });
    let round = round?;
    if let Some(error) = failed {
        return Err(error);
    }
    let mut answers = round.answers;
    let mut snapshot = answers.pop().ok_or_else(|| {
        Error::new(ErrorKind::Other, format!("process {} was not looked at", target.pid))
    })?;
    snapshot.issues.extend(round.issues);
    Ok(snapshot)
}

/// The first plugin of the search that declares the question.
pub(super) fn who_answers(search: &Search, question: &str) -> Result<String> {
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
    snapshot.tables.iter().map(|table| in_form(table, args.format, args.rows)).collect::<String>()
        + &pause(snapshot)
        + &remarks(&snapshot.issues)
}

/// A table for people and a line after it; nothing of one without rows.
pub(crate) fn in_form(table: &Table, format: Format, rows: usize) -> String {
    if table.rows() == 0 {
        return String::new();
    }
    let text = match format {
        Format::Markdown => report::table_markdown(table, rows),
        _ if table.name == tables::stacks::TABLE => tracebacks::text(table, rows),
        _ => report::table_text(table, rows),
    };
    text + "\n"
}

/// For how long the process was held still, as a line.
fn pause(snapshot: &Snapshot) -> String {
    let paused = |by: probe::target::FrozenBy| {
        let time = human::duration(snapshot.paused_ns as f64 / 1e9);
        format!("paused once for {time} ({})\n", by.name())
    };
    snapshot.frozen.map(paused).unwrap_or_default()
}

/// Issues, one a line.
pub(crate) fn remarks(issues: &[Issue]) -> String {
    let mut text = String::new();
    for issue in issues {
        let mark = match issue.severity {
            Severity::Info => "note",
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        let _ = writeln!(text, "{mark}: {}", harmless(&issue.message));
    }
    text
}
