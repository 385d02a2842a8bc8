//! The main job.

use std::process::Command;
use std::time::Instant;

use serde_json::Value;
use test_support::Running;

use crate::support::{
    self, IDLE, LEAK, NO_LEAK, Watching, assert_contract, at_once, decided, memprobe,
    on_every_python, python3, run, sure, watch,
};

/// On every Python: a leak is called within seconds, with its rate, and the target lives on.
#[test]
fn a_leak_is_called_on_every_python() {
    on_every_python(|python| {
        let mut target = Running::python(python, LEAK);
        let before = Resident::of(&target);
        let report = sure(&target, 12, &[]);
        let real = Resident::of(&target).rate_since(&before);
        assert_contract(&report);
        assert_eq!(report["verdict"]["leak"], Value::Bool(true), "{python}: {}", report["verdict"]);
        let rate = report["verdict"]["severity"]["bytes_per_s"].as_f64().unwrap();
        // The pace of the program is that of the machine.
        assert!((real / 3.0..real * 3.0).contains(&rate), "{python}: {rate} of {real} bytes/s");
        assert!(target.is_running(), "{python}: the target was harmed");
        assert_eq!(report["findings"][0]["kind"], "mapping-growth", "{python}");
    });
}

/// What one of the objects of `LEAK` takes, about.
const BYTES_EACH: f64 = 1040.0;

/// Resident bytes of a process, and when.
struct Resident(u64, Instant);

impl Resident {
    fn of(target: &Running) -> Self {
        let text = std::fs::read_to_string(format!("/proc/{}/status", target.pid())).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        let kib: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
        Self(kib << 10, Instant::now())
    }

    /// Bytes per second.
    fn rate_since(&self, before: &Self) -> f64 {
        (self.0 - before.0) as f64 / self.1.duration_since(before.1).as_secs_f64()
    }
}

/// The same work without the leak is no leak.
#[test]
fn no_leak_is_no_leak() {
    let target = support::start(NO_LEAK);
    let report = sure(&target, 22, &[]);
    assert_contract(&report);
    assert_eq!(report["verdict"]["leak"], Value::Bool(false), "{}", report["verdict"]);
    assert_eq!(report["findings"], Value::Array(Vec::new()));
}

/// Without --for the watch ends by itself when it is sure.
#[test]
fn it_stops_when_it_is_sure() {
    let target = support::start(LEAK);
    let report = watch(&target, &[]).json();
    assert_eq!(report["verdict"]["leak"], Value::Bool(true), "{}", report["verdict"]);
    // Where it is not sure it goes on for 50 s.
    assert!(report["duration_s"].as_f64().unwrap() < 49.0, "{}", report["duration_s"]);
}

/// All levels run on a real process, and say what they do not know yet.
#[test]
fn every_level_runs() {
    at_once([("medium", "python_threads"), ("low", "native_heap")], |(level, table)| {
        let target = support::start(LEAK);
        let dir = tempfile::tempdir().unwrap();
        let recording = dir.path().join("run.jsonl");
        let file = recording.to_str().unwrap();
        let said = watch(&target, &["--level", level, "--for", "8s", "--record", file]);
        let report = said.json();
        assert_contract(&report);
        assert_eq!(report["level"], level);
        let unknown = report["unknown"].as_array().unwrap();
        assert!(!unknown.is_empty());
        let python = support::python();
        let (major, minor, patch) = python.version;
        assert_eq!(report["target"]["python"], format!("{major}.{minor}.{patch}"), "{}", said.err);
        let pid = target.pid().to_string();
        let text = run(["--pid", &pid, "--level", level, "--for", "3s"]);
        assert!(text.out.contains(&level.to_owned()), "{}", text.out);
        let errors: Vec<&Value> = report["issues"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|issue| issue["severity"] == "error")
            .collect();
        assert!(errors.is_empty(), "{errors:?}");
        let recorded = std::fs::read_to_string(&recording).unwrap();
        assert!(recorded.contains(&format!("\"{table}\"")), "{level}: no table {table}");
    });
}

/// The medium level names the types that grow, on every Python whose layout is known.
#[test]
fn the_medium_level_names_what_grows() {
    on_every_python(|python| {
        if python.version < (3, 7, 0) {
            eprintln!("skipped: the layout of {python} is not known");
            return;
        }
        let target = Running::python(python, LEAK);
        let before = Resident::of(&target);
        let report = sure(&target, 18, &["--level", "medium"]);
        let real = Resident::of(&target).rate_since(&before) / BYTES_EACH;
        assert_contract(&report);
        let first = &report["findings"][0];
        assert_eq!(first["kind"], "python-growth", "{python}: {}", report["findings"]);
        assert_eq!(first["subject"], "builtins.bytes", "{python}");
        assert!(first["share"].as_f64().unwrap() > 0.5, "{python}: {first}");
        let per_s = first["growth"]["objects_per_s"].as_f64().unwrap();
        assert!((real / 3.0..real * 3.0).contains(&per_s), "{python}: {per_s} of {real} objects/s");
    });
}

/// A command's output is its own, byte for byte, and its status is passed on when asked.
#[test]
fn a_command_is_left_alone() {
    let program = "import sys, time; sys.stdout.buffer.write(bytes(range(256)) * 40); \
                   sys.stdout.flush(); time.sleep(1.5); sys.exit(7)";
    at_once([&[][..], &["--event-regex", "x"]], |events| {
        let output = memprobe()
            .args(["--quiet", "--pass-status"])
            .args(events)
            .args(["--", python3(), "-c", program])
            .output()
            .unwrap();
        let wanted: Vec<u8> = (0..=255).cycle().take(256 * 40).collect();
        assert_eq!(output.stdout, wanted);
        assert_eq!(output.status.code(), Some(7));
        assert!(String::from_utf8_lossy(&output.stderr).contains("PID"));
    });
    let said = run(["--quiet", "--", python3(), "-c", "import time; time.sleep(1.5); exit(7)"]);
    assert_eq!(said.status, 0, "the status is passed on only when asked");
}

/// A server that was started is stopped when the time is up.
#[test]
fn a_started_server_is_stopped() {
    let said = run(["--for", "5s", "--quiet", "--format", "json", "--", python3(), "-c", NO_LEAK]);
    // The command shares standard output: its line, then the document.
    let (line, document) = said.out.split_once('\n').unwrap();
    assert_eq!(line, "ready");
    let report: Value = serde_json::from_str(document).unwrap();
    let pid = report["target"]["pid"].as_u64().unwrap();
    assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists(), "still there: {pid}");
}

/// Ctrl-C ends the watch and still gives the report.
#[test]
fn an_interrupt_still_gives_the_report() {
    let target = support::start(LEAK);
    let pid = target.pid().to_string();
    let mut watching = Watching::start(&["--for", "1h"], &["--pid", &pid]);
    watching.until_looks(30);
    let kill = Command::new("kill").args(["-INT", &watching.pid().to_string()]).status().unwrap();
    assert!(kill.success());
    let said = watching.end();
    assert_eq!(said.status, 0, "{}", said.err);
    let report = said.json();
    assert!(report["duration_s"].as_f64().unwrap() > 1.0);
    let issues = report["issues"].to_string();
    assert!(issues.contains("stopped by the user"), "{issues}");
}

/// A target that ends is reported on with what was seen.
#[test]
fn a_target_that_ends_is_reported_on() {
    let mut target = support::start(
        "print('ready', flush=True); x = []\n\
         while input(): x.append(bytearray(b'x') * 3_000_000); print(len(x), flush=True)",
    );
    let pid = target.pid().to_string();
    let mut watching = Watching::start(&["--for", "1h"], &["--pid", &pid]);
    for looks in (10..=40).step_by(10) {
        watching.until_looks(looks);
        target.ask("more");
    }
    watching.until_looks(50);
    target.kill();
    let said = watching.end();
    assert_eq!(said.status, 0, "{}", said.err);
    let report = said.json();
    assert!(report["issues"].to_string().contains("ended"), "{}", report["issues"]);
    assert!(report["verdict"]["severity"]["bytes_total"].as_f64().unwrap() > 1e6);
}

/// Several processes are one subject; each that grows is named.
#[test]
fn several_processes_are_one_subject() {
    let quiet = support::start(IDLE);
    let leaking = support::start(LEAK);
    let pids = format!("{},{}", quiet.pid(), leaking.pid());
    let report = decided(8, |seconds| {
        let duration = format!("{seconds}s");
        let said = run(["--pid", &pids, "--for", &duration, "--format", "json", "--quiet"]);
        let report = said.json();
        (!report["verdict"]["leak"].is_null()).then_some(report)
    });
    assert_contract(&report);
    assert_eq!(report["target"]["processes"], 2);
    assert_eq!(report["verdict"]["leak"], Value::Bool(true));
    let findings = report["findings"].to_string();
    assert!(findings.contains(&leaking.pid().to_string()), "{findings}");
}

/// Processes are found by their command line, children with their parents, memprobe not at all.
#[test]
fn processes_are_found_by_pattern() {
    let mark = format!("mark_{}", std::process::id());
    let target = support::start(&format!("{mark} = 1\n{IDLE}"));
    let said = run(["--match", &mark, "--for", "2s", "--format", "json", "--quiet"]);
    assert_eq!(said.status, 0, "{}", said.err);
    assert_eq!(said.json()["target"]["pid"], target.pid());
}

/// Growth is measured against events: lines of the command, a log file, a counter file.
#[test]
fn growth_per_event() {
    let program = "
import sys, time
kept = []
for n in range(1, 100000):
    kept.append(bytearray(20000))
    print('handled', n, flush=True)
    if len(sys.argv) > 1: open(sys.argv[1], 'w').write(str(n))
    time.sleep(0.01)
";
    let check = |said: &support::Said, what: &str| {
        let document = said.out.lines().last().unwrap_or_default();
        let report: Value = serde_json::from_str(document).unwrap();
        let per_event = report["verdict"]["severity"]["bytes_per_event"].as_f64();
        let per_event = per_event.unwrap_or_else(|| panic!("{what}: {}", report["verdict"]));
        assert!((15_000.0..30_000.0).contains(&per_event), "{what}: {per_event}");
    };
    let common = ["--for", "8s", "--quiet", "--format", "json"];
    let command = ["--", python3(), "-c", program];
    let dir = tempfile::tempdir().unwrap();
    let counter = dir.path().join("counter").display().to_string();
    let ways = [
        (["--event-regex", "handled"], &[][..]),
        (["--event-regex", r"handled (\d+)"], &[]),
        (["--events", &counter], &[counter.as_str()]),
    ];
    at_once(ways, |(events, more)| {
        let said = run(common.iter().chain(&events).chain(&command).chain(more));
        check(&said, &events.join(" "));
    });
}

/// Repetition over runs is part of the verdict.
#[test]
fn runs_are_repeated() {
    let program = "import time; x = []\n\
                   for _ in range(300): x.append(bytearray(50_000)); time.sleep(0.02)";
    let said = run([
        "--repeat",
        "2",
        "--quiet",
        "--format",
        "json",
        "--",
        python3(),
        "-c",
        program,
    ]
    .iter());
    let report = said.json();
    assert_contract(&report);
    assert_eq!(report["verdict"]["repeatability"]["runs"], 2, "{}", report["verdict"]);
}

/// Single answers at once: as tables, and as the probe's snapshot.
#[test]
fn single_answers() {
    let target = support::start(
        "class Planted: pass\nkept = [Planted() for _ in range(4321)]\nprint('ready', flush=True); input()",
    );
    let pid = target.pid().to_string();
    let said = run(["census", "--pid", &pid, "--rows", "9999"]);
    assert_eq!(said.status, 0, "{}", said.err);
    let line = said.out.lines().find(|l| l.contains("__main__.Planted")).unwrap();
    assert!(line.contains("4321"), "{line}");
    let json = run(["census", "--pid", &pid, "--format", "json"]).json();
    assert_eq!(json["probe"]["name"], "python");
    for (command, word) in [
        ("gc", "threshold"),
        ("pymalloc", "arenas"),
        ("malloc", "main"),
        ("stacks", "File \"<string>\", line 3, in <module>"),
    ] {
        let said = run([command, "--pid", &pid]);
        assert!(said.status == 0 && said.out.contains(word), "{}{}", said.out, said.err);
    }
    let said = run(["census", "--pid", "4194305"]);
    assert_eq!(said.status, 3, "{}", said.err);
}
