//! Limits, pressure, and what is left without rights; on real processes.
#![cfg(target_os = "linux")]
#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that cannot set itself up should stop; one that skips says so"
)]

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use probe::{Open, Probe, Request, Snapshot, Table};
use probe_process::{Config, ProcessProbe};
use test_support::{Running, python};

const MIB: u64 = 1 << 20;

fn look(pid: u32, questions: &[&str]) -> probe::Result<Snapshot> {
    let mut probe = ProcessProbe::open(Config::default()).unwrap();
    probe.snapshot(&Request::new(probe::Target::from_pid(pid), questions))
}

fn row(table: &Table, name: &str) -> Option<usize> {
    (0..table.rows()).find(|&row| table.value("name", row).as_str() == Some(name))
}

#[test]
fn rlimits_and_host_are_there() {
    let code = "import resource\n\
                resource.setrlimit(resource.RLIMIT_AS, (3 << 30, resource.RLIM_INFINITY))\n\
                print('ready')\ninput()";
    let process = Running::python(&python(), code);
    let snapshot = look(process.pid(), &["limits", "rss"]).unwrap();
    let table = snapshot.table("limits").unwrap();
    let address_space = row(table, "RLIMIT_AS").unwrap();
    assert_eq!(table.value("limit", address_space).as_u64(), Some(3 << 30));
    let used = table.value("used", address_space).as_u64();
    assert_eq!(used, snapshot.table("processes").unwrap().value("vss", 0).as_u64());
    let data = row(table, "RLIMIT_DATA").unwrap();
    assert_eq!(table.value("limit", data).as_u64(), None, "none is not zero");
    assert!(table.value("used", data).as_u64().unwrap() > MIB);
    let host = row(table, "MemTotal").unwrap();
    assert!(table.value("limit", host).as_u64() > table.value("used", host).as_u64());
    assert_eq!(table.value("scope", host).as_str(), Some("host"));
}

/// A cgroup made by the test, removed at its end.
struct Cgroup(PathBuf);

impl Cgroup {
    fn new() -> Option<Self> {
        let path = PathBuf::from("/sys/fs/cgroup/memory")
            .join(format!("memprobe-test-{}", std::process::id()));
        fs::create_dir(&path).ok()?;
        Some(Self(path))
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.0.join(name), text).unwrap();
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}

/// The limit of the parent cgroup holds for the child.
#[test]
fn a_cgroup_limit_is_found_in_the_parent() {
    let Some(outer) = Cgroup::new() else {
        println!("skipped: no cgroup v1 memory controller that can be written");
        return;
    };
    outer.write("memory.limit_in_bytes", &(512 * MIB).to_string());
    let inner = Cgroup(outer.0.join("inner"));
    fs::create_dir(&inner.0).unwrap();
    let code = "print('ready')\ninput()\na = bytearray(b'x') * (64 << 20)\nprint('ok')\ninput()";
    let mut process = Running::python(&python(), code);
    inner.write("cgroup.procs", &process.pid().to_string());
    process.ask("");
    let snapshot = look(process.pid(), &["limits"]).unwrap();
    let table = snapshot.table("limits").unwrap();
    let limit = row(table, "memory.limit_in_bytes").unwrap();
    assert_eq!(table.value("limit", limit).as_u64(), Some(512 * MIB));
    assert_eq!(table.value("place", limit).as_str(), outer.0.to_str());
    let used = table.value("used", limit).as_u64().unwrap();
    assert!((64 * MIB..128 * MIB).contains(&used), "{used}");
    assert!(table.value("reclaimable", limit).as_u64().unwrap() < used);
    // A process leaves its cgroup for good when it has been collected.
    process.kill();
}

#[test]
fn pressure_is_a_share_and_a_counter() {
    let process = Running::python(&python(), "print('ready')\ninput()");
    let snapshot = look(process.pid(), &["pressure"]).unwrap();
    let table = snapshot.table("pressure").unwrap();
    if fs::read("/proc/pressure/memory").is_err() {
        println!("skipped: this kernel has no PSI");
        assert!(!snapshot.complete && table.rows() == 0);
        return;
    }
    assert!(snapshot.complete);
    assert_eq!(table.value("scope", 0).as_str(), Some("host"));
    for row in 0..table.rows() {
        assert!((0.0..=1.0).contains(&table.value("avg10", row).as_f64().unwrap()));
        assert!(table.value("total", row).as_u64().is_some());
    }
}

/// A program of root, looked at by another user: what everybody may read is there, and it is
/// said what is missing.
#[test]
fn without_rights_the_public_figures_remain() {
    let process = Running::python(&python(), "print('ready')\ninput()");
    // The file is handed over open: the other user may not be allowed to reach its folder.
    let script = format!(
        "exec setpriv --reuid=65534 --regid=65534 --clear-groups -- /proc/self/fd/9 --exact \
         look_as_nobody --nocapture --include-ignored 9<'{}'",
        std::env::current_exe().unwrap().display()
    );
    let output = Command::new("sh")
        .args(["-c", &script])
        .env("MEMPROBE_TEST_PID", process.pid().to_string())
        .output()
        .unwrap();
    if !output.status.success()
        && !fs::read_to_string("/proc/self/status").unwrap().contains("Uid:\t0")
    {
        println!("skipped: cannot run as another user (needs root): {output:?}");
        return;
    }
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

#[test]
#[ignore = "run by the test without_rights_the_public_figures_remain"]
fn look_as_nobody() {
    let Some(pid) = std::env::var("MEMPROBE_TEST_PID").ok().and_then(|pid| pid.parse().ok()) else {
        return;
    };
    let snapshot = look(pid, &[]).unwrap();
    assert!(!snapshot.complete);
    let table = snapshot.table("processes").unwrap();
    assert!(table.value("rss", 0).as_u64().unwrap() > MIB);
    assert!(table.value("rss_anon", 0).as_u64().is_some());
    for missing in ["pss", "uss", "handles"] {
        assert_eq!(table.value(missing, 0).as_u64(), None, "{missing}");
    }
    assert!(snapshot.table("mappings").is_none() && snapshot.table("handles").is_none());
    assert!(snapshot.table("limits").unwrap().rows() > 0);
    let hinted = snapshot.issues.iter().filter(|issue| issue.hint.is_some()).count();
    assert!(hinted >= 4, "{:#?}", snapshot.issues);
    // Nothing but what is refused was asked: that is an error.
    let error = look(pid, &["mappings"]).unwrap_err();
    assert_eq!(error.kind(), probe::ErrorKind::PermissionDenied);
}
