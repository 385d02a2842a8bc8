//! The conformance kit: honest plugins pass it, and each fault is found by the check for it.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test stops where it cannot go on")]

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;

use common::library;
use memprobe_plugin_host::check::{self, NAMES, Outcome};

fn failed(path: &Path) -> Vec<(&'static str, String)> {
    let mut outcomes: Vec<Outcome> = Vec::new();
    let passed = check::run(path, &mut |outcome| outcomes.push(outcome.clone()));
    let failed: Vec<_> =
        outcomes.into_iter().filter(|o| !o.passed).map(|o| (o.name, o.detail)).collect();
    assert_eq!(passed, failed.is_empty());
    failed
}

#[test]
fn an_honest_plugin_passes_every_check() {
    let mut names = Vec::new();
    let passed = check::run(&library("misbehaving"), &mut |outcome| {
        assert!(outcome.passed, "{outcome:?}");
        names.push(outcome.name);
    });
    assert!(passed);
    assert_eq!(names, NAMES);
}

#[test]
fn what_is_no_plugin_fails_at_once() {
    let own = std::env::current_exe().unwrap();
    let failed = failed(&own.with_file_name("no-such-file.so"));
    assert_eq!(failed, [("library", "does not exist".to_owned())]);
}

/// A plugin in C with faults of one's choice; `None` without a compiler.
fn faulty(faults: &[&str]) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let include = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugin/include");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/faulty.c");
    let library = folder.join(format!("libmemprobe_faulty_{}.so", faults.join("_").to_lowercase()));
    let mut command = Command::new("cc");
    command.args(["-std=c11", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared", "-I"]);
    command.arg(include).args(faults.iter().map(|fault| format!("-D{fault}")));
    match command.arg("-o").arg(&library).arg(source).output() {
        Err(e) => {
            println!("SKIPPED: a faulty plugin is not built: cannot run `cc`: {e}");
            None
        }
        Ok(output) => {
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            Some(library)
        }
    }
}

#[test]
fn each_fault_is_found_by_its_check() {
    for (fault, check, detail) in [
        ("RESERVED", "table", "`reserved` is 7, and has to be 0"),
        ("NO_QUESTIONS", "describe", "there is no question that it answers"),
        ("FICKLE", "describe twice", "the second description is not the first"),
        ("KEEPS_RELEASE", "release", "`release` does not set itself to NULL"),
        ("TAKES_NONSENSE", "open with nonsense", "a configuration that is no JSON is accepted"),
        (
            "SIGNS_AS_ANOTHER",
            "snapshot",
            "signs as `another 1`, and describes itself as `faulty 1`",
        ),
        ("SAME_KEYS", "snapshot", "table `faulty`, row 1: its key stands twice"),
        ("NO_TIME", "snapshot", "`taken` is 0: there is no telling when this was"),
        ("EAGER", "unknown question", "is answered with table `faulty`"),
        ("ANSWERS_FOR_ANYONE", "no such process", "does not exist, and is answered for"),
        ("MUTE", "no such process", "fails without saying why"),
        ("ODD_LEVEL", "log", "logged at level 9; there are 1 to 5"),
        ("ODD_TEXT", "log", "logged what is not UTF-8"),
    ] {
        let Some(library) = faulty(&[fault]) else { return };
        let failed = failed(&library);
        let found = failed.iter().any(|(name, text)| *name == check && text.contains(detail));
        assert!(found, "{fault}: {failed:?}");
    }
}

#[test]
fn the_faulty_plugin_without_faults_passes() {
    let Some(library) = faulty(&[]) else { return };
    assert_eq!(failed(&library), []);
}

/// The kit runs in a child: what it told before the crash is there.
#[test]
fn a_crash_leaves_what_was_found_before_it() {
    const FILE: &str = "MEMPROBE_TEST_CRASHING";
    if let Some(file) = std::env::var_os(FILE) {
        check::run(Path::new(&file), &mut |outcome| println!("checked: {}", outcome.name));
        return;
    }
    let Some(library) = faulty(&["CRASHES"]) else { return };
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_crash_leaves_what_was_found_before_it", "--nocapture"])
        .env(FILE, library)
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    let checked: Vec<_> = told.lines().filter_map(|l| Some(l.split_once("checked: ")?.1)).collect();
    assert!(!output.status.success());
    assert_eq!(checked, NAMES[..7], "it crashes in the eighth, which looks for the first time");
}
