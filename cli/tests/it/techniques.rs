//! `docs/techniques.md` shows what every technique answers on a real program. The programs are run
//! here, and what they are said to show is looked for both in the document and in the new answer.
//!
//! `MEMPROBE_WRITE_TECHNIQUES=1` writes the new answers into the document
//! (`cargo xtask techniques`).
//!
//! A block of the document:
//!
//! ```text
//! <!-- shown
//! program: server.py --rate 4       in examples/leaky, started and waited for; or `none`
//! python: -X tracemalloc            more options of Python
//! command: memprobe gc --pid PID
//! shows: enabled | threshold        words that must be in the answer
//! lines: 12                         of the answer that are kept
//! status: 1                         of the command, where it is not 0
//! -->
//! ```

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{at_once, memprobe, root};

const DOCUMENT: &str = "docs/techniques.md";
const WRITE: &str = "MEMPROBE_WRITE_TECHNIQUES";
/// The PID in the document.
const PID: &str = "4711";
/// How long a program may take until it has done something.
const WAIT: Duration = Duration::from_secs(60);

/// An answer in the document.
#[derive(Clone, Debug, Default)]
struct Shown {
    /// Lines of the document before and after its text.
    from: usize,
    to: usize,
    program: String,
    python: String,
    command: String,
    shows: Vec<String>,
    lines: usize,
    status: i32,
    /// What the document says.
    text: String,
}

#[test]
fn what_techniques_show_is_true() {
    let path = root().join(DOCUMENT);
    let document = std::fs::read_to_string(&path).expect("the document");
    let all = blocks(&document);
    assert!(all.len() > 10, "{} blocks", all.len());
    let answers = std::sync::Mutex::new(vec![String::new(); all.len()]);
    let failures = std::sync::Mutex::new(Vec::new());
    // Those of the same program share it, one after the other.
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for (index, shown) in all.iter().enumerate() {
        let same = |group: &&mut Vec<usize>| {
            let other = &all[group[0]];
            shown.program != "none" && (&other.program, &other.python) == (&shown.program, &shown.python)
        };
        match groups.iter_mut().find(same) {
            Some(group) => group.push(index),
            None => groups.push(vec![index]),
        }
    }
    at_once(groups, |group| {
        let first = &all[group[0]];
        let program = (first.program != "none").then(|| Program::start(first));
        for index in group {
            let shown = &all[index];
            let answer = shown.run(program.as_ref());
            let mut failed = failures.lock().unwrap();
            for word in &shown.shows {
                if !answer.contains(word) {
                    failed.push(format!("{}: no `{word}` in:\n{answer}", shown.command));
                }
                if std::env::var_os(WRITE).is_none() && !shown.text.contains(word) {
                    failed.push(format!("{}: no `{word}` in the document", shown.command));
                }
            }
            drop(failed);
            answers.lock().unwrap()[index] = answer;
        }
    });
    let failures = failures.into_inner().unwrap();
    if std::env::var_os(WRITE).is_some() {
        let answers = answers.into_inner().unwrap();
        std::fs::write(&path, with_answers(&document, &all, &answers)).expect("the document");
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

impl Shown {
    fn run(&self, program: Option<&Program>) -> String {
        let pid = program.map_or_else(String::new, |p| p.child.id().to_string());
        let leaky = root().join("examples/leaky");
        let words = shlex::split(&self.command).expect("a command line");
        let words = words.iter().skip(1).map(|word| word.replace("PID", &pid));
        let output = memprobe().args(words).current_dir(leaky).output().expect("it starts");
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        assert_eq!(output.status.code(), Some(self.status), "{}: {said}", self.command);
        harmless(&said, &pid)
    }

    /// What stands in the document.
    fn block(&self, answer: &str) -> String {
        let command = self.command.replace("PID", PID);
        let mut lines: Vec<&str> = answer.trim_end().lines().collect();
        if lines.len() > self.lines {
            lines.truncate(self.lines);
            lines.push("[...]");
        }
        format!("```text\n$ {command}\n{}\n```", lines.join("\n"))
    }
}

/// Without what is of this machine and this run only.
fn harmless(text: &str, pid: &str) -> String {
    let python = test_support::python().exe;
    let folder = |path: &Path| path.parent().map_or_else(String::new, |f| f.display().to_string());
    let prefix = python.parent().map(folder).unwrap_or_default();
    let mut text = text.replace(&format!("{}/", root().display()), "");
    if !pid.is_empty() {
        text = text.replace(pid, PID);
    }
    if prefix.len() > 1 {
        text = text.replace(&prefix, "/usr/local");
    }
    text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

/// A program of the examples that has been at work for a while.
struct Program {
    child: std::process::Child,
    _log: tempfile::TempDir,
}

impl Program {
    fn start(shown: &Shown) -> Self {
        let log = tempfile::tempdir().expect("a folder");
        let file: PathBuf = log.path().join("log");
        let child = Command::new(test_support::python().exe)
            .arg("-B")
            .args(shown.python.split_whitespace())
            .args(shown.program.split_whitespace())
            .current_dir(root().join("examples/leaky"))
            .stdout(std::fs::File::create(&file).expect("a file"))
            .stderr(Stdio::null())
            .spawn()
            .expect("a program of the examples");
        let program = Self { child, _log: log };
        let until = Instant::now() + WAIT;
        // Some seconds of work.
        while !std::fs::read_to_string(&file).is_ok_and(|text| text.lines().count() > 3) {
            assert!(Instant::now() < until, "{} does nothing", shown.program);
            std::thread::sleep(Duration::from_millis(50));
        }
        program
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The blocks of the document.
fn blocks(document: &str) -> Vec<Shown> {
    let lines: Vec<&str> = document.lines().collect();
    let mut all = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        if lines[at] != "<!-- shown" {
            at += 1;
            continue;
        }
        let end = at + lines[at..].iter().position(|line| *line == "-->").expect("an end");
        let mut shown = Shown { lines: 25, ..Shown::default() };
        for line in &lines[at + 1..end] {
            let (name, value) = line.split_once(": ").expect("name: value");
            match name {
                "program" => shown.program = value.into(),
                "python" => shown.python = value.into(),
                "command" => shown.command = value.into(),
                "shows" => shown.shows = value.split(" | ").map(str::to_owned).collect(),
                "lines" => shown.lines = value.parse().expect("a number"),
                "status" => shown.status = value.parse().expect("a number"),
                _ => panic!("`{name}` is nothing that a block says"),
            }
        }
        assert!(!shown.shows.is_empty() && !shown.command.is_empty(), "{shown:?}");
        shown.from = end + 1;
        shown.to = shown.from;
        if lines.get(end + 1) == Some(&"```text") {
            let length = lines[end + 2..].iter().position(|l| *l == "```").expect("an end");
            shown.to = end + 3 + length;
            shown.text = lines[end + 2..end + 2 + length].join("\n");
        }
        at = shown.to;
        all.push(shown);
    }
    all
}

fn with_answers(document: &str, all: &[Shown], answers: &[String]) -> String {
    let lines: Vec<&str> = document.lines().collect();
    let mut text = String::new();
    let mut at = 0;
    for (shown, answer) in all.iter().zip(answers) {
        lines[at..shown.from].iter().for_each(|line| text.push_str(&format!("{line}\n")));
        text.push_str(&shown.block(answer));
        text.push('\n');
        at = shown.to;
    }
    lines[at..].iter().for_each(|line| text.push_str(&format!("{line}\n")));
    text
}
