//! `memprobe plugins` and `memprobe plugin check`.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use plugin_host::check::{self, Outcome};
use plugin_host::{Listed, Status};
use probe::{Error, ErrorKind};

use crate::args::GlobalArgs;
use crate::exit::{Exit, Failure};
use crate::output::{lines_to_stdout, to_stdout};
use crate::plan;

/// Lists the plugins that are found, and where they were looked for.
///
/// # Errors
/// When standard output cannot be written.
pub fn list(global: &GlobalArgs) -> Result<Exit, Failure> {
    let listed = plan::search(global).list();
    let mut text = String::new();
    for entry in &listed {
        describe(entry, &mut text);
    }
    if listed.is_empty() {
        text.push_str("no plugin was found: give their folder with --plugin-dir\n");
    }
    lines_to_stdout(&text)?;
    Ok(Exit::Fine)
}

fn describe(entry: &Listed, text: &mut String) {
    let name = if entry.name.is_empty() { "(folder)" } else { &entry.name };
    let version = entry.version().unwrap_or_default();
    let abi = entry.abi.as_ref().map_or_else(String::new, |abi| format!(", ABI {abi}"));
    let _ = writeln!(text, "{name} {version}  {} ({}{abi})", entry.origin, entry.found_by);
    let _ = match &entry.status {
        Status::Used => writeln!(text, "    answers: {}", entry.questions().join(", ")),
        Status::Shadowed { by } => writeln!(text, "    not used: {by} comes first"),
        Status::Refused(error) => {
            let hint = error.hint().map_or_else(String::new, |h| format!("\n    hint: {h}"));
            writeln!(text, "    refused: {error:#}{hint}")
        }
    };
}

/// Checks one plugin. The checks run in a process of their own, so that a plugin that crashes
/// takes down the check and not the answer.
///
/// # Errors
/// When the file is not there or standard output cannot be written.
pub fn check(file: &Path, in_process: bool) -> Result<Exit, Failure> {
    if !file.is_file() {
        return Err(Error::new(
            ErrorKind::NotFound,
            format!("there is no file {}", file.display()),
        )
        .with_hint("name the shared library of the plugin, such as ./libmemprobe_mine.so")
        .into());
    }
    if in_process {
        let mut write_error = None;
        let passed = check::run(file, &mut |outcome| {
            let result = lines_to_stdout(&line(outcome));
            write_error = write_error.take().or(result.err());
        });
        return match write_error {
            Some(error) => Err(error.into()),
            None => Ok(if passed { Exit::Fine } else { Exit::Met }),
        };
    }
    let itself = std::env::current_exe().map_err(|e| Error::io(e, "cannot find this program"))?;
    let status = Command::new(itself)
        .args(["plugin", "check", "--in-process"])
        .arg(file)
        .status()
        .map_err(|e| Error::io(e, "cannot run the checks in a process of their own"))?;
    match status.code() {
        Some(0) => Ok(Exit::Fine),
        Some(1) => Ok(Exit::Met),
        Some(_) => Ok(Exit::Error),
        None => {
            let text = format!("FAILED  the plugin ended the process that checked it: {status}\n");
            to_stdout(text.as_bytes())?;
            Ok(Exit::Met)
        }
    }
}

fn line(outcome: &Outcome) -> String {
    let mark = if outcome.passed { "ok    " } else { "FAILED" };
    if outcome.detail.is_empty() {
        format!("{mark}  {}\n", outcome.name)
    } else {
        format!("{mark}  {}: {}\n", outcome.name, outcome.detail)
    }
}
