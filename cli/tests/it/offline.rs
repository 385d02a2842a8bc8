//! Recordings: kept, reported on again, compared, cut short.

use std::process::Command;

use crate::support::{self, LEAK, NO_LEAK, assert_contract, run, watch};

fn record(code: &str, file: &str) -> serde_json::Value {
    let target = support::start(code);
    let said = watch(&target, &["--for", "10s", "--record", file]);
    assert_eq!(said.status, 0, "{}", said.err);
    said.json()
}

/// A recording gives the same verdict again, and two of them are compared.
#[test]
fn recordings_are_reported_on_and_compared() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).display().to_string();
    let (leak, calm) = (path("leak.jsonl"), path("calm.jsonl"));
    let live = std::thread::scope(|scope| {
        scope.spawn(|| record(NO_LEAK, &calm));
        record(LEAK, &leak)
    });
    let again = run(["report", &leak, "--format", "json"]).json();
    assert_contract(&again);
    assert_eq!(again["verdict"]["leak"], live["verdict"]["leak"]);
    assert_eq!(again["verdict"]["shape"], live["verdict"]["shape"]);
    assert_eq!(again["target"]["pid"], live["target"]["pid"]);
    let diff = run(["diff", &calm, &leak]);
    assert_eq!(diff.status, 0, "{}", diff.err);
    assert!(diff.out.contains("processes"), "{}", diff.out);
    assert!(diff.out.contains("different processes"), "{}", diff.out);
    let same = run(["diff", &leak, &leak]);
    assert!(!same.out.contains("different processes"), "{}", same.out);

    // Cut anywhere, it tells what is there.
    let bytes = std::fs::read(&leak).unwrap();
    let cut = path("cut.jsonl");
    std::fs::write(&cut, &bytes[..bytes.len() * 2 / 3]).unwrap();
    let said = run(["report", &cut, "--format", "json"]);
    assert_eq!(said.status, 0, "{}", said.err);
    assert!(said.json()["issues"].to_string().contains("cut"), "{}", said.json()["issues"]);
    std::fs::write(&cut, &bytes[..20]).unwrap();
    let said = run(["report", &cut]);
    assert_eq!(said.status, 2);
    assert!(said.err.contains("cut.jsonl"), "{}", said.err);
}

/// An existing recording is not overwritten unless asked, and a disk that is full costs the
/// recording, not the run.
#[test]
fn a_recording_never_costs_the_run() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("there.jsonl").display().to_string();
    std::fs::write(&file, "precious").unwrap();
    let target = support::start(NO_LEAK);
    let said = watch(&target, &["--for", "2s", "--record", &file]);
    assert_eq!(said.status, 2);
    assert!(said.err.contains("--force"), "{}", said.err);
    assert_eq!(std::fs::read(&file).unwrap(), b"precious");
    // A disk that is full from the start is said before the watch.
    let full = watch(&target, &["--for", "3s", "--record", "/dev/full", "--force"]);
    assert_eq!(full.status, 2);
    assert!(full.err.contains("/dev/full"), "{}", full.err);
    // One that fills up meanwhile costs the recording. A limit on file sizes stands in for it.
    let late = dir.path().join("late.jsonl").display().to_string();
    let output = Command::new("sh")
        .args(["-c", "ulimit -f 40 && exec \"$@\"", "sh"])
        .arg(support::program())
        .args(["--pid", &target.pid().to_string(), "--for", "8s", "--quiet", "--format", "json"])
        .args(["--record", &late])
        .output()
        .unwrap();
    let said: support::Said = output.into();
    assert_eq!(said.status, 0, "{}", said.err);
    let issues = said.json()["issues"].to_string();
    assert!(issues.contains("the recording ends here"), "{issues}");
    let kept = run(["report", &late]);
    assert_eq!(kept.status, 0, "what was recorded before is there: {}", kept.err);
}
