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
//! from: LEAK                        the line with which what is kept of the answer begins
//! lines: 12                         of the answer that are kept
//! status: 1                         of the command, where it is not 0
//! slow: yes                         it is run only where answers are written: other tests hold it
//! -->
//! ```

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
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
    start: String,
    lines: usize,
    status: i32,
    slow: bool,
    /// What the document says.
    text: String,
}

#[test]
fn what_techniques_show_is_true() {
    let writes = std::env::var_os(WRITE).is_some();
    let path = root().join(DOCUMENT);
    let document = std::fs::read_to_string(&path).expect("the document");
    let all = blocks(&document);
    assert!(all.len() > 10, "{} blocks", all.len());
    let answers = Mutex::new(vec![None; all.len()]);
    let failures = Mutex::new(Vec::new());
    at_once(groups(&all, writes), |group| {
        let first = &all[group[0]];
        let program = (first.program != "none").then(|| Program::start(first));
        for index in group {
            match all[index].answer(program.as_ref()) {
                Ok(answer) => answers.lock().unwrap()[index] = Some(answer),
                Err(why) => failures.lock().unwrap().push(why),
            }
        }
    });
    let mut failures = failures.into_inner().unwrap();
    if writes {
        let answers = answers.into_inner().unwrap();
        std::fs::write(&path, with_answers(&document, &all, &answers)).expect("the document");
    } else {
        failures.extend(all.iter().filter_map(|shown| shown.missing(&shown.text)));
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Which blocks are run one after the other: those of the same program share it.
fn groups(all: &[Shown], slow_too: bool) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for (index, shown) in all.iter().enumerate().filter(|(_, shown)| slow_too || !shown.slow) {
        let same = |group: &&mut Vec<usize>| {
            let other = &all[group[0]];
            shown.program != "none"
                && (&other.program, &other.python) == (&shown.program, &shown.python)
        };
        match groups.iter_mut().find(same) {
            Some(group) => group.push(index),
            None => groups.push(vec![index]),
        }
    }
    groups
}

impl Shown {
    /// The answer, and whether it shows what it should; on a busy machine once more.
    fn answer(&self, program: Option<&Program>) -> Result<String, String> {
        let checked = |answer: String| match self.missing(&answer) {
            None => Ok(answer),
            Some(why) => Err(format!("{why} in:\n{answer}")),
        };
        let run = || self.run(program).and_then(checked);
        run().or_else(|_| run())
    }

    /// What a text does not show, if there is something.
    fn missing(&self, text: &str) -> Option<String> {
        let word = self.shows.iter().find(|word| !text.contains(*word))?;
        Some(format!("{}: no `{word}`", self.command))
    }

    fn run(&self, program: Option<&Program>) -> Result<String, String> {
        let pid = program.map_or_else(String::new, |p| p.child.id().to_string());
        let leaky = root().join("examples/leaky");
        let words = shlex::split(&self.command).expect("a command line");
        // What `python3` starts may be a script that starts the Python of a folder.
        let python = test_support::python().exe.display().to_string();
        let words = words.iter().skip(1).map(|word| word.replace("PID", &pid));
        let words = words.map(|word| word.replace("python3", &python));
        let output = memprobe().args(words).current_dir(leaky).output().expect("it starts");
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        if output.status.code() != Some(self.status) {
            return Err(format!("{}: {}: {said}", self.command, output.status));
        }
        Ok(harmless(&said, &pid))
    }

    /// What stands in the document.
    fn block(&self, answer: &str) -> String {
        let command = self.command.replace("PID", PID);
        let lines = answer.trim_end().lines();
        let mut lines: Vec<&str> = lines.skip_while(|l| !l.starts_with(&self.start)).collect();
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
    let text = text.replace(&python.display().to_string(), "python3");
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
                "from" => shown.start = value.into(),
                "lines" => shown.lines = value.parse().expect("a number"),
                "status" => shown.status = value.parse().expect("a number"),
                "slow" => shown.slow = value == "yes",
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

/// The document with what was answered; where nothing was, with what it had.
fn with_answers(document: &str, all: &[Shown], answers: &[Option<String>]) -> String {
    let lines: Vec<&str> = document.lines().collect();
    let mut text = String::new();
    let mut at = 0;
    for (shown, answer) in all.iter().zip(answers) {
        lines[at..shown.from].iter().for_each(|line| text.push_str(&format!("{line}\n")));
        match answer {
            Some(answer) => text.push_str(&format!("{}\n", shown.block(answer))),
            None => {
                lines[shown.from..shown.to].iter().for_each(|l| text.push_str(&format!("{l}\n")))
            }
        }
        at = shown.to;
    }
    lines[at..].iter().for_each(|line| text.push_str(&format!("{line}\n")));
    text
}
