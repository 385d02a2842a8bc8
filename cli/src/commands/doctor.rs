//! `memprobe doctor`: what works on a process, what does not, why, and the one thing to change.

use std::fmt::Write as _;

use plugin_host::{Listed, OpenOptions, Search, Status};
use probe::tables::interpreters;
use probe::{Probe, Request, Result, Severity, Snapshot, Target};
use serde::Serialize;
use target::doctor::{Check, State, examine};

use super::answer::who_answers;
use crate::args::{DoctorArgs, Format, GlobalArgs};
use crate::exit::{Exit, Failure};
use crate::output::{harmless, to_stdout};
use crate::plan;

/// The plugins that the levels ask.
const STANDARD: [&str; 3] = ["process", "python", "alloc"];
/// What a level cannot do without, and what it only does better with.
const LEVELS: [(&str, &[&str], &[&str]); 3] = [
    ("high", &["process", "plugins"], &["smaps", "hidepid"]),
    ("medium", &["process", "plugins", "machine", "memory", "python"], &["freeze", "pagemap"]),
    ("low", &["process", "plugins", "smaps"], &["machine", "memory"]),
];

/// The whole answer.
#[derive(Debug)]
struct Answer {
    pid: u32,
    command: String,
    checks: Vec<Check>,
}

/// The answer as it is written for programs.
#[derive(Debug, Serialize)]
struct Document<'a> {
    schema: &'static str,
    pid: u32,
    command: &'a str,
    checks: Vec<Line<'a>>,
    levels: Vec<LevelLine>,
    change: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct Line<'a> {
    what: &'static str,
    state: &'static str,
    why: &'a str,
    change: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct LevelLine {
    level: &'static str,
    state: &'static str,
    because_of: Vec<&'static str>,
}

/// Looks at a process and everything that is needed to look deeper, and says what it found.
///
/// # Errors
/// When standard output cannot be written.
pub fn run(args: &DoctorArgs, global: &GlobalArgs) -> Result<Exit, Failure> {
    let pid = args.pid.or(args.process).unwrap_or_default();
    let (answer, exit) = match examine(pid) {
        Err(error) => {
            let checks = vec![Check::failed("process", State::No, &error)];
            let exit = Failure::of_target(error).exit;
            (Answer { pid, command: String::new(), checks }, exit)
        }
        Ok(mut checks) => {
            let target = target::procfs::identify(pid).unwrap_or_else(|_| Target::from_pid(pid));
            let search = plan::search(global);
            checks.push(plugins(&search.list()));
            checks.push(python(&search, &target, &checks));
            let works = checks.iter().all(|check| check.state < State::No);
            let exit = if works { Exit::Fine } else { Exit::Met };
            (Answer { pid, command: target.command, checks }, exit)
        }
    };
    to_stdout(answer.render(args.format).as_bytes())?;
    Ok(exit)
}

/// Whether the standard plugins are found.
fn plugins(listed: &[Listed]) -> Check {
    const WHAT: &str = "plugins";
    const CHANGE: &str = "keep the program and its plugins (`libmemprobe_*.so`) in one folder, or \
                          name theirs with --plugin-dir; `memprobe plugins` says where it looked";
    let used = |name: &&&str| {
        listed.iter().any(|entry| entry.name == **name && matches!(entry.status, Status::Used))
    };
    let (found, missing): (Vec<&str>, Vec<&str>) = STANDARD.iter().partition(|name| used(name));
    if found.is_empty() {
        return Check::no(WHAT, "none is found").with_change(CHANGE);
    }
    if !missing.is_empty() {
        let why = format!("{} found, {} not", found.join(", "), missing.join(", "));
        return Check::limited(WHAT, why).with_change(CHANGE);
    }
    let refused: Vec<&str> = listed
        .iter()
        .filter(|entry| matches!(entry.status, Status::Refused(_)))
        .map(|entry| entry.name.as_str())
        .collect();
    if !refused.is_empty() {
        let why = format!("{} found; refused: {}", found.join(", "), refused.join(", "));
        return Check::limited(WHAT, why).with_change("`memprobe plugins` says why");
    }
    Check::ok(WHAT, format!("{} found", found.join(", ")))
}

/// Which Python runs in the process, as the plugin that knows says.
fn python(search: &Search, target: &Target, checks: &[Check]) -> Check {
    const WHAT: &str = "python";
    if checks.iter().any(|check| check.what == "memory" && check.state == State::No) {
        return Check::no(WHAT, "cannot be told: its memory cannot be read");
    }
    match ask(search, target) {
        Ok(snapshot) => of_snapshot(WHAT, &snapshot),
        Err(error) => Check::failed(WHAT, State::No, &error),
    }
}

fn ask(search: &Search, target: &Target) -> Result<Snapshot> {
    const QUESTION: &str = "runtime";
    let plugin = search.find(&who_answers(search, QUESTION)?)?;
    let mut probe = plugin.open(&serde_json::json!({}), OpenOptions::default())?;
    probe.snapshot(&Request::new(target.clone(), &[QUESTION]))
}

fn of_snapshot(what: &'static str, snapshot: &Snapshot) -> Check {
    let mut found: Vec<String> = Vec::new();
    if let Some(table) = snapshot.table(interpreters::TABLE) {
        for row in 0..table.rows() {
            let text = |column| table.value(column, row).as_str().unwrap_or("?").to_owned();
            let line = format!(
                "{} ({}) in {}, found by {}",
                text(interpreters::VERSION),
                text(interpreters::BUILD),
                text(interpreters::LIBRARY),
                text(interpreters::FOUND_BY)
            );
            if !found.contains(&line) {
                found.push(line);
            }
        }
    }
    // That the process was not stopped for this look is no news here.
    let doubts = snapshot
        .issues
        .iter()
        .filter(|issue| issue.severity > Severity::Info || issue.message.contains("not tested"));
    let doubts: Vec<&probe::Issue> = doubts.collect();
    let said: Vec<String> =
        found.iter().cloned().chain(doubts.iter().map(|issue| issue.message.clone())).collect();
    let why = said.join("; ");
    match (found.is_empty(), doubts.first()) {
        (true, None) => Check::no(what, "an interpreter is loaded but not initialised")
            .with_change("look again when the program has started"),
        (true, Some(doubt)) => with_hint(Check::no(what, why), doubt.hint.as_deref()),
        (false, Some(doubt)) => with_hint(Check::limited(what, why), doubt.hint.as_deref()),
        (false, None) => Check::ok(what, why),
    }
}

fn with_hint(check: Check, hint: Option<&str>) -> Check {
    match hint {
        Some(hint) => check.with_change(hint),
        None => check,
    }
}

impl Answer {
    /// How it stands with each level, and because of what.
    fn levels(&self) -> Vec<LevelLine> {
        // What was not looked at says nothing: that the process is not there says it all.
        let state = |what: &str| self.checks.iter().find(|c| c.what == what).map(|c| c.state);
        let level = |(level, needs, better): &(&'static str, &[&'static str], &[&'static str])| {
            let needed = needs.iter().filter_map(|&what| Some((what, state(what)?)));
            let wished =
                better.iter().filter_map(|&what| Some((what, state(what)?.min(State::Limited))));
            let all: Vec<(&str, State)> = needed.chain(wished).collect();
            let worst = all.iter().map(|&(_, state)| state).max().unwrap_or(State::No);
            let because = all.iter().filter(|&&(_, of)| of == worst && of != State::Ok);
            let because_of = because.map(|&(what, _)| what).collect();
            LevelLine { level, state: worst.name(), because_of }
        };
        LEVELS.iter().map(level).collect()
    }

    /// The one thing to change: of what is worst, the first that can be changed.
    fn change(&self) -> Option<&str> {
        let of = |state: State| {
            let mut bad = self.checks.iter().filter(move |check| check.state == state);
            bad.find_map(|check| check.change.as_deref())
        };
        // Who may not read the memory has one reason, which stands there.
        let memory = self.checks.iter().find(|c| c.what == "memory" && c.state == State::No);
        memory
            .and_then(|check| check.change.as_deref())
            .or_else(|| of(State::No))
            .or_else(|| of(State::Limited))
    }

    fn render(&self, format: Format) -> String {
        match format {
            Format::Json => self.json(),
            Format::Markdown => self.markdown(),
            Format::Text => self.text(),
        }
    }

    fn json(&self) -> String {
        let checks = self.checks.iter().map(|check| Line {
            what: check.what,
            state: check.state.name(),
            why: &check.why,
            change: check.change.as_deref(),
        });
        let document = Document {
            schema: "memprobe.doctor/1",
            pid: self.pid,
            command: &self.command,
            checks: checks.collect(),
            levels: self.levels(),
            change: self.change(),
        };
        serde_json::to_string_pretty(&document).unwrap_or_default() + "\n"
    }

    fn text(&self) -> String {
        let title = format!("process {} {}", self.pid, harmless(&self.command));
        let mut text = format!("{}\n\n", title.trim_end());
        for check in &self.checks {
            let (state, what) = (check.state.name(), check.what);
            let _ = writeln!(text, "{state:8} {what:11} {}", harmless(&check.why));
            if let Some(change) = &check.change {
                let _ = writeln!(text, "{:20} -> {}", "", harmless(change));
            }
        }
        text.push('\n');
        for LevelLine { level, state, because_of } in self.levels() {
            let because = because_of.join(", ");
            let _ = match because_of.is_empty() {
                true => writeln!(text, "{state:8} level {level}"),
                false => writeln!(text, "{state:8} level {level}: {because}"),
            };
        }
        let change = self.change().unwrap_or("nothing has to be changed");
        let _ = writeln!(text, "\nto do: {}", harmless(change));
        text
    }

    fn markdown(&self) -> String {
        let cell = |text: &str| harmless(text).replace('|', "\\|");
        let mut text = format!("Process {} `{}`\n\n", self.pid, cell(&self.command));
        text.push_str("| what | state | why | what to do |\n|---|---|---|---|\n");
        for check in &self.checks {
            let change = check.change.as_deref().unwrap_or_default();
            let (what, state) = (check.what, check.state.name());
            let _ =
                writeln!(text, "| {what} | {state} | {} | {} |", cell(&check.why), cell(change));
        }
        for LevelLine { level, state, because_of } in self.levels() {
            let because = because_of.join(", ");
            let _ = writeln!(text, "| level {level} | {state} | {because} | |");
        }
        text
    }
}
