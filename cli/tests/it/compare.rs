//! `memprobe compare`: two commands, run in turn.

use std::path::Path;
use std::process::Stdio;

use serde_json::Value;
use test_support::{until, until_some};

use crate::support::{self, SHORT, Said, at_once, memprobe, python3, root, run};

/// A program that leaks so many KiB at each of 100 steps a second.
fn leaking(kib: u32) -> String {
    format!(
        "{} -c 'import time\nkept = []\nwhile True:\n    kept.append(b\"x\" * {kib} * 1024)\n    \
         print(\"step\", flush=True)\n    time.sleep(0.01)'",
        python3()
    )
}

fn compare(args: &[&str], a: &str, b: &str) -> Said {
    run(["compare", "--quiet", "--format", "json"].iter().chain(args).chain(&[a, b]))
}

/// The document of runs that decide: so many of each, or more.
fn decided(run: impl Fn(&str) -> Said) -> (Said, Value) {
    support::decided(2, |runs| {
        let said = run(&runs.to_string());
        let found = document(&said);
        (found["verdict"]["effect"] != "undecided").then_some((said, found))
    })
}

/// Fails unless the document is what the contract says.
fn document(said: &Said) -> Value {
    let document = said.json();
    let schema = std::fs::read(root().join("docs/compare.schema.json")).expect("the schema");
    let schema: Value = serde_json::from_slice(&schema).expect("the schema is JSON");
    let validator = jsonschema::validator_for(&schema).expect("the schema is a schema");
    let errors: Vec<String> =
        validator.iter_errors(&document).map(|e| format!("{}: {e}", e.instance_path())).collect();
    assert!(errors.is_empty(), "{errors:?}");
    document
}

/// A leak and its fix, and the same program twice; with events, which decide.
#[test]
fn a_fix_makes_a_difference_and_nothing_makes_none() {
    let (leak, fixed) = (leaking(40), leaking(0));
    let events = ["--for", "4s", "--event-regex", "step"];
    let cases = [(&leak, &fixed, "not-better", 0), (&leak, &leak, "worse", 0)];
    at_once(cases, |(a, b, fail_on, status)| {
        let args = [&events[..], &["--fail-on", fail_on]].concat();
        let compared = |runs: &str| compare(&[&args[..], &["-n", runs]].concat(), a, b);
        let (said, found) = if a == b {
            let said = compared("2");
            let found = document(&said);
            assert_eq!(found["a"]["runs"].as_array().map(Vec::len), Some(2));
            (said, found)
        } else {
            decided(compared)
        };
        let verdict = &found["verdict"];
        assert_eq!(said.status, status, "{} {verdict}", said.err);
        assert_eq!(verdict["decided_by"], "per_event", "{verdict}");
        assert_eq!(found["a"]["runs"][0]["ended"], false);
        if a == b {
            assert_ne!(verdict["effect"], "difference", "{verdict}");
            return;
        }
        assert_eq!((&verdict["effect"], &verdict["better"]), (&"difference".into(), &"B".into()));
        // 40 KiB and what belongs to it, whatever the pace.
        let per_event = verdict["measures"][0]["a"].as_f64().expect("bytes per event");
        assert!((35e3..60e3).contains(&per_event), "{verdict}");
    });
}

/// Programs that end by themselves are compared by what they grow in their life; the worse one
/// fails if that is asked.
#[test]
fn programs_that_end_are_compared_by_their_lives() {
    let ends = |mib: u32| {
        let steps = mib * 10;
        format!(
            "{} -c 'import time\ndef wait(n):\n    for _ in range(n): time.sleep(0.02)\nkept = []\n\
             for _ in range(10):\n    kept.append(b\"x\" * {steps} * 104857)\n    wait(5)\nwait(25)'",
            python3()
        )
    };
    let (said, found) =
        decided(|runs| compare(&["-n", runs, "--fail-on", "worse"], &ends(2), &ends(6)));
    let verdict = &found["verdict"];
    assert_eq!(verdict["decided_by"], "at_end", "{verdict}");
    assert_eq!((said.status, &verdict["better"]), (1, &"A".into()), "{verdict}");
    assert_eq!(found["b"]["runs"][1]["ended"], true);
}

/// Fewer arenas for a program whose threads leave memory in theirs.
#[test]
fn fewer_arenas_make_a_difference() {
    if !Path::new("/lib64/ld-linux-x86-64.so.2").exists() {
        eprintln!("skipped: this C library is not glibc");
        return;
    }
    let program =
        format!("{} -B {} --rate 50", python3(), root().join("examples/leaky/arenas.py").display());
    let few = format!("env MALLOC_ARENA_MAX=1 {program}");
    let (said, found) = decided(|runs| compare(&["-n", runs, "--for", "4s"], &program, &few));
    let verdict = &found["verdict"];
    assert_eq!(verdict["decided_by"], "peak", "{} {verdict}", said.err);
    assert_eq!((&verdict["effect"], &verdict["better"]), (&"difference".into(), &"B".into()));
}

/// For people, and for an issue tracker; what comes next is there to be pasted.
#[test]
fn text_and_markdown() {
    let at = |kib: u32| {
        format!("sh -c 'exec {} -c \"x = b\\\"x\\\" * {kib} * 1024; {SHORT}\"'", python3())
    };
    at_once([("text", "A  "), ("markdown", "| A |")], |(format, line)| {
        let said = run(["compare", "-q", "-n", "2", "-f", format, &at(1), &at(2)]);
        assert_eq!(said.status, 0, "{}", said.err);
        assert!(said.out.contains(line) && said.out.contains("DIFFERENCE"), "{}", said.out);
        assert!(said.out.contains("what is compared"), "{}", said.out);
        assert!(said.out.contains("at the end"), "{}", said.out);
    });
}

/// Bad input is one clear error that names the side.
#[test]
fn bad_input() {
    let python = |code: &str| format!("{} -c '{code}'", python3());
    let (good, fails) = (&*python(SHORT), &*python("raise SystemExit(7)"));
    let late = &*python(&format!("{SHORT}; print(1/0)"));
    let cases: [(&[&str], &str, &str, &[&str]); 12] = [
        (
            &[][..],
            "/nonexistent/program",
            good,
            &["(A)", "cannot start `/nonexistent/program`"][..],
        ),
        (&[], good, "/etc", &["(B)", "cannot start `/etc`"]),
        (&[], good, fails, &["(B)", "ended with status 7"]),
        (&[], good, late, &["(B)", "ended with status 1", "ZeroDivisionError"]),
        (&[], "true", good, &["(A)", "before its memory was seen twice"]),
        (&["--shell"], good, "exit 3", &["(B)", "ended with status 3"]),
        (&[], good, "", &["command B: it is empty"]),
        (&[], good, "a | b", &["`|` is for a shell", "--shell"]),
        (&[], good, "python3 -c 'x", &["a quote is not closed"]),
        (&["--runs", "1"], good, good, &["2..=50"]),
        (&["--warmup", "30s"], good, good, &["--warmup is as long as --for"]),
        (&["--event-regex", "("], good, good, &["--event-regex"]),
    ];
    at_once(cases, |(args, a, b, words)| {
        let said = compare(args, a, b);
        assert_eq!(said.status, 2, "{a} / {b}: {}{}", said.out, said.err);
        for word in words {
            assert!(said.err.contains(word), "`{word}` is missing: {}", said.err);
        }
        assert!(!said.err.contains("panicked"), "{}", said.err);
    });
}

/// Whatever ends memprobe, the command that runs ends, and what that left running after a run.
#[test]
fn nothing_stays_behind() {
    for signal in ["INT", "KILL"] {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("pid");
        let program = format!(
            "{1} -c 'import os, time\nopen(\"{0}.new\", \"w\").write(str(os.getpid()))\n\
             os.rename(\"{0}.new\", \"{0}\")\ntime.sleep(600)'",
            file.display(),
            python3()
        );
        let mut child = memprobe()
            .args(["compare", "--quiet", &program, &program])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("memprobe starts");
        let pid = until_some("the command starts", || std::fs::read_to_string(&file).ok());
        let kill = ["-s", signal, &child.id().to_string()].map(str::to_owned);
        assert!(std::process::Command::new("kill").args(kill).status().unwrap().success());
        child.wait().expect("memprobe ends");
        until(&format!("the command ends after {signal}"), || !is_running(&pid));
    }
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("pid");
    let leaves =
        format!("sleep 600 & echo $! > {}; exec {} -c '{SHORT}'", file.display(), python3());
    let said = compare(&["--shell", "-n", "2"], &leaves, &leaves);
    assert_eq!(said.status, 0, "{}", said.err);
    let pid = std::fs::read_to_string(&file).expect("a PID");
    until("what was left running ends", || !is_running(pid.trim()));
}

fn is_running(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with('Z'))
}

/// One change to a command: the collector off, a variable, another Python.
#[test]
fn one_change_is_tried() {
    let cycles = "import time\nwhile True:\n    for _ in range(20):\n        a = [bytes(2000)]\n        \
                  a.append(a)\n    time.sleep(0.01)";
    let blocks = &format!("x = [object() for _ in range(600000)]; {SHORT}");
    let cases: [(&[&str], &str, &str, Value); 3] = [
        (&["gc-off", "--for", "3s"], cycles, "difference", "A".into()),
        (&["env", "PYTHONMALLOC=malloc"], blocks, "difference", "A".into()),
        (&["python", python3()], blocks, "none", Value::Null),
    ];
    at_once(cases, |(change, program, effect, better)| {
        let (_, found) = decided(|runs| {
            let command = ["-n", runs, "-q", "--format", "json", "--", python3(), "-c", program];
            let said = run(["try"].iter().chain(change).chain(&command));
            assert_eq!(said.status, 0, "{change:?}: {}", said.err);
            said
        });
        let verdict = &found["verdict"];
        assert_eq!((&verdict["effect"], &verdict["better"]), (&effect.into(), &better), "{found}");
        assert!(found["change"].is_string(), "{found}");
    });
}

/// Changes that make no sense.
#[test]
fn changes_that_make_no_sense() {
    let good = ["--", python3(), "-c", SHORT];
    for (change, command, words) in [
        (&["env", "X"][..], &good[..], "`X` is no variable"),
        (&["env", "X=1"], &[], "COMMAND"),
        (&["python", "/usr/bin/python3"], &["--", "sleep", "1"], "`sleep` is no Python"),
        (&["python", "/nonexistent/python"], &good, "cannot start `/nonexistent/python`"),
        (&["gc-off", "--pid", "1"], &good, "cannot be used with"),
        (&["gc-off"], &[], "--pid"),
        (&["gc-off"], &["--", "sleep", "3"], "collector could not be turned off"),
        (&["gc-off", "--pid", "1", "--runs", "2"], &[], "cannot be used with"),
    ] {
        let said = run(["try"].iter().chain(change).chain(command));
        assert_eq!(said.status, 2, "{change:?}: {}{}", said.out, said.err);
        assert!(said.err.contains(words), "`{words}` is missing: {}", said.err);
    }
}
