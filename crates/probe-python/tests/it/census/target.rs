//! A program that runs what it is told and then stands still.

use std::collections::BTreeMap;
use std::process::Command;

use memprobe_probe_python::{Counts, Python as Attached, Survey, Wanted};
use probe::{Severity, Target};
pub(crate) use test_support::until_it_reads as wait_until_blocked;
use test_support::{Python, Running, every_python};

/// Runs a line of code at a time, read without making objects that stay, and says when it is done.
pub(crate) const TARGET: &str = "
import os, sys, gc, json
os.dup2(1, 2)
here = globals()
def run(line):
    exec(line, here)
def stand_and_print():
    print('ready', flush=True)
    while not os.read(0, 1000).strip(): pass
    sys._debugmallocstats()
    print('getallocatedblocks =', sys.getallocatedblocks())
print('ready', flush=True)
while True:
    line = os.read(0, 60000)
    if not line.strip(): continue
    run(line)
    del line
    gc.collect()
    print('done', flush=True)
";

pub(crate) fn known() -> Vec<Python> {
    every_python().into_iter().filter(|python| python.version >= (3, 6, 0)).collect()
}

pub(crate) fn start(python: &Python, environment: &[(&str, &str)]) -> Running {
    let mut command = Command::new(&python.exe);
    // Development mode prints what we do not ask for.
    command.args(["-u", "-W", "ignore", "-c", TARGET]).envs(environment.iter().copied());
    let mut program = Running::start(&mut command);
    assert_eq!(run(&mut program, "import sys, gc, json"), [""; 0]);
    program
}

/// Runs code in the target and returns what it printed, when the target waits again.
pub(crate) fn run(program: &mut Running, code: &str) -> Vec<String> {
    let path = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(path.path(), code).unwrap();
    let line = format!("exec(open({:?}).read())", path.path());
    let mut lines = vec![program.ask(&line)];
    while lines.last().unwrap() != "done" {
        lines.push(program.line().expect("the target has ended"));
    }
    lines.pop();
    wait_until_blocked(program.pid());
    lines
}

pub(crate) fn survey(program: &Running, wanted: Wanted) -> Survey {
    let python = Attached::attach(&Target::from_pid(program.pid())).unwrap();
    let (survey, issues) = python.survey(wanted).unwrap();
    // Builds whose free lists are not found are told apart where free lists are looked at.
    let lacks = issues.iter().any(|issue| issue.severity != Severity::Info);
    assert!(!lacks, "{issues:?}");
    survey
}

pub(crate) fn by_name(survey: &Survey) -> BTreeMap<String, Counts> {
    let mut map: BTreeMap<String, Counts> = BTreeMap::new();
    for found in &survey.types {
        map.entry(found.name.to_string()).or_default().add(&found.counts);
    }
    map
}
