//! `memprobe check`: the test that shows that a leak is fixed.

use crate::support::{LEAK, SHORT, assert_contract, at_once, decided, python3, root, run};

fn check(args: &[&str], program: &str) -> crate::support::Said {
    run(["check", "--quiet", "--format", "json"].iter().chain(args).chain(&[
        "--",
        python3(),
        "-c",
        program,
    ]))
}

fn document(said: &crate::support::Said) -> serde_json::Value {
    serde_json::from_str(said.out.lines().last().unwrap_or_default())
        .unwrap_or_else(|e| panic!("{e}: {} {}", said.out, said.err))
}

/// The leaking server of the examples fails, its repaired twin passes.
#[test]
fn leaking_fails_and_fixed_passes() {
    let server = root().join("examples/leaky/server.py").display().to_string();
    let check = |seconds: u32, args: &[&str]| {
        let check = ["check", "--quiet", "--format", "json", "--for", &format!("{seconds}s"), "--"];
        run(check.iter().chain(&[python3(), server.as_str()]).chain(args))
    };
    at_once([(12, &[][..], 1), (25, &["--fixed"], 0)], |(seconds, args, status)| {
        let said = decided(seconds, |seconds| {
            let said = check(seconds, args);
            (said.status != 2).then_some(said)
        });
        let report = document(&said);
        assert_eq!(said.status, status, "{args:?}: {} {}", said.err, report["verdict"]);
        assert_contract(&report);
        assert_eq!(report["check"]["passed"], status == 0);
    });
}

/// A limit is kept or broken.
#[test]
fn a_limit_decides() {
    at_once([("1GiB/min", 0), ("1MiB/min", 1)], |(limit, status)| {
        let said = decided(8, |seconds| {
            let duration = format!("{seconds}s");
            let said = check(&["--for", &duration, "--max-growth", limit], LEAK);
            (said.status != 2).then_some(said)
        });
        assert_eq!(said.status, status, "{limit}: {}", document(&said)["check"]);
    });
}

/// What cannot be told does not pass, unless that is allowed.
#[test]
fn undecided_does_not_pass() {
    let said = check(&[], SHORT);
    assert_eq!(said.status, 2, "{}", document(&said)["verdict"]);
    assert_eq!(document(&said)["check"]["passed"], serde_json::Value::Null);
    assert_eq!(check(&["--allow-undecided"], SHORT).status, 0);
}

/// A check per event needs events.
#[test]
fn per_event_needs_events() {
    let said = check(&["--max-growth", "0B/event"], LEAK);
    assert_eq!(said.status, 2);
    assert!(said.err.contains("--event-regex"), "{}", said.err);
}

/// A command that does not start is an error, not a failed check.
#[test]
fn a_command_that_does_not_start() {
    let said = run(["check", "--", "/nonexistent/program"]);
    assert_eq!(said.status, 2);
    assert!(said.err.contains("cannot start `/nonexistent/program`"), "{}", said.err);
}

/// A warm-up that leaves nothing to judge is said to be that, before the run or after it.
#[test]
fn a_warm_up_as_long_as_the_run() {
    let said = check(&["--warmup", "1m"], SHORT);
    assert_eq!(said.status, 2, "{}", said.err);
    assert!(said.err.contains("nothing was left to be judged"), "{}", said.err);
    assert!(said.err.contains("the first 60 s of it are warm-up"), "{}", said.err);
    assert!(said.err.contains("hint: shorten --warmup"), "{}", said.err);
    let said = check(&["--warmup", "5s", "--for", "5s"], "raise SystemExit('it was started')");
    assert_eq!(said.status, 2, "{}", said.err);
    assert!(said.err.contains("--warmup is as long as --for"), "{}", said.err);
    assert!(!said.err.contains("it was started"), "{}", said.err);
}
