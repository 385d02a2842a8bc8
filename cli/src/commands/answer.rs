//! `memprobe census`, `pymalloc`, `gc`: one question to whichever plugin answers it, asked once.

use std::fmt::Write as _;

use ::diff::human;
use plugin_host::{OpenOptions, Search};
use probe::{Error, ErrorKind, Probe, Request, Result, Severity, Snapshot};
use target::freeze::Method;

use crate::args::{AnswerArgs, Format, GlobalArgs};
use crate::exit::{Exit, Failure};
use crate::guardian::Guardian;
use crate::output::{harmless, to_stdout};
use crate::{freezing, plan, targets};

/// Asks and prints the tables that come back.
///
/// # Errors
/// When no plugin answers the question, or the process cannot be looked at.
pub fn run(question: &str, args: &AnswerArgs, global: &GlobalArgs) -> Result<Exit, Failure> {
    let target = targets::identify(args.pid).map_err(Failure::of_target)?;
    let search = plan::search(global);
    let plugin = search.find(&who_answers(&search, question)?)?;
    let options = OpenOptions { deadline: freezing::ANSWER };
    let mut probe = plugin.open(&serde_json::json!({}), options)?;
    let method = match plugin.descriptor().wants_frozen(question) {
        true => args.freeze.into(),
        false => Method::None,
    };
    let snapshot = ask(&mut probe, Request::new(target, &[question]), method)?;
    to_stdout(render(&snapshot, args).as_bytes())?;
    Ok(Exit::Fine)
}

/// Asks about the frozen process.
fn ask(probe: &mut impl Probe, mut request: Request, method: Method) -> Result<Snapshot, Failure> {
    let target = request.target.clone();
    let mut failed = None;
    let guardian = Guardian::of(method);
    let round = freezing::round(&target, method, guardian.as_ref(), |frozen| {
        request.frozen = frozen.cloned();
        let answer = probe.snapshot(&request);
        answer.map_err(|error| failed = Some(error)).into_iter().collect()
    });
    let round = round.map_err(Failure::of_target)?;
    if let Some(error) = failed {
        return Err(Failure::of_target(error));
    }
    let mut answers = round.answers;
    let mut snapshot = answers.pop().ok_or_else(|| {
        Error::new(ErrorKind::Other, format!("process {} was not looked at", target.pid))
    })?;
    snapshot.issues.extend(round.issues);
    Ok(snapshot)
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
            _ => report::table_text(table, args.rows),
        });
        text.push('\n');
    }
    if let Some(by) = snapshot.frozen {
        let paused = human::duration(snapshot.paused_ns as f64 / 1e9);
        let _ = writeln!(text, "paused once for {paused} ({})", by.name());
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
