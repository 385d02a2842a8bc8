//! Bad input: one clear error with the next step, the documented exit status.

use crate::support::{self, IDLE, Said, run, watch};

#[track_caller]
fn refused(said: &Said, status: i32, words: &[&str]) {
    assert_eq!(said.status, status, "{}{}", said.out, said.err);
    for word in words {
        assert!(said.err.contains(word), "`{word}` is missing: {}", said.err);
    }
    assert!(!said.err.contains("panicked"), "{}", said.err);
}

#[test]
fn targets_that_cannot_be_watched() {
    // PIDs end at 2^22 on Linux.
    refused(&run(["--pid", "4194305"]), 3, &["no process", "4194305"]);
    refused(&run(["--pid", "0"]), 2, &["0"]);
    refused(&run(["--pid", "x"]), 2, &["invalid"]);
    refused(&run(["--match", "no_process_has_this_name_[0-9]{9}"]), 3, &["no process matches"]);
    refused(&run(["--match", "("]), 2, &["--match"]);
    refused(&run::<&str>([]), 2, &["no target was given", "--pid"]);
    refused(&run(["--", "/nonexistent/program"]), 3, &["cannot start", "/nonexistent/program"]);
    refused(&run(["--", "/etc/hostname"]), 3, &["cannot start"]);
}

/// A zombie has no memory left to watch.
#[test]
fn a_zombie() {
    let mut parent = support::start(
        "import os, sys\npid = os.fork()\nif pid == 0: os._exit(0)\n\
         os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)\nprint(pid, flush=True); input()",
    );
    refused(&run(["--pid", &parent.ready]), 3, &["zombie"]);
    parent.kill();
}

/// A kernel thread has no memory of its own.
#[test]
fn a_kernel_thread() {
    let name = std::fs::read_to_string("/proc/2/comm").unwrap_or_default();
    if name.trim() != "kthreadd" {
        eprintln!("skipped: no kernel thread is visible here");
        return;
    }
    refused(&run(["--pid", "2"]), 3, &["kernel thread"]);
}

/// A process of somebody else.
#[test]
fn no_permission() {
    let target = support::start(IDLE);
    let pid = target.pid().to_string();
    let Some(mut other) = support::memprobe_as_nobody() else { return };
    let output = other.command.args(["--pid", &pid, "--for", "2s", "--quiet"]).output().unwrap();
    let said: Said = output.into();
    // RSS is public; what is not is said. Whether that is enough depends on the kernel.
    assert!(said.status == 0 || said.status == 3, "{}{}", said.out, said.err);
    let all = said.out + &said.err;
    assert!(all.contains("ermission") || all.contains("not permitted"), "{all}");
}

#[test]
fn nonsense_values() {
    let own = std::process::id().to_string();
    refused(&run(["--pid", &own, "--for", "soon"]), 2, &["is no duration", "for example"]);
    refused(&run(["--pid", &own, "--every", "0s"]), 2, &["more than zero"]);
    refused(&run(["--pid", &own, "--level", "deep"]), 2, &["high", "medium", "low"]);
    refused(&run(["--pid", &own, "--preset", "none"]), 2, &["no preset", "memprobe presets"]);
    refused(&run(["--pid", &own, "--", "true"]), 2, &["which one"]);
    refused(&run(["--pid", &own, "--event-regex", "x"]), 2, &["--events"]);
    refused(&run(["--pid", &own, "--events", "/no/such", "--for", "1s"]), 2, &["/no/such"]);
    refused(
        &run(["check", "--max-growth", "fast", "--", "true"]),
        2,
        &["is no rate", "for example"],
    );
    refused(&run(["report", "/no/such/recording"]), 2, &["/no/such/recording"]);
    refused(&run(["diff", "/etc/hostname", "/etc/hostname"]), 2, &["/etc/hostname"]);
    refused(&run(["plugin", "check", "/no/such.so"]), 2, &["/no/such.so"]);
}

/// What cannot be written is said before the watch begins.
#[test]
fn paths_that_cannot_be_written() {
    let target = support::start(IDLE);
    for option in ["--record", "--output"] {
        let said = watch(&target, &[option, "/no/such/folder/file", "--for", "1h"]);
        refused(&said, 2, &["/no/such/folder/file"]);
    }
}

/// A disk that is full when the report is written: it is printed instead.
#[test]
fn a_full_disk_loses_no_report() {
    let target = support::start(IDLE);
    let said = watch(&target, &["--output", "/dev/full", "--force", "--for", "2s"]);
    refused(&said, 2, &["/dev/full", "standard output instead"]);
    assert_eq!(said.json()["schema"], "memprobe.report/1");
}

/// Broken plugins are explained; the others do their work.
#[test]
fn broken_plugins() {
    let dir = tempfile::tempdir().unwrap();
    let target = support::start(IDLE);
    let try_file = |bytes: &[u8]| {
        let file = dir.path().join("libmemprobe_broken.so");
        std::fs::write(&file, bytes).unwrap();
        let said = watch(&target, &["--plugin", file.to_str().unwrap(), "--for", "2s"]);
        assert_eq!(said.status, 0, "{}", said.err);
        said.json()["issues"].to_string()
    };
    let library = support::bin_dir().join("libmemprobe_process.so");
    let mut foreign = std::fs::read(&library).unwrap();
    foreign[18] = if foreign[18] == 0x3e { 0xb7 } else { 0x3e };
    let issues = try_file(&foreign);
    assert!(issues.contains("aarch64") && issues.contains("x86_64"), "{issues}");
    let issues = try_file(&std::fs::read(&library).unwrap()[..5000]);
    assert!(issues.contains("libmemprobe_broken.so"), "{issues}");
    let issues = try_file(b"not a library at all");
    assert!(issues.contains("libmemprobe_broken.so"), "{issues}");
}
