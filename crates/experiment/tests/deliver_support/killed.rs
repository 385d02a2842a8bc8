//! `kill -9` of the delivering program at random instants.
//!
//! The program that is killed is this test program, started to do nothing but [`delivering_loop`].

use std::process::{Command, Stdio};
use std::time::Duration;

use test_support::{Python, Running};

use crate::blocked::{LOCKED, maps};
use crate::support::{deliver, is_long, options, program, recipient, with_all};

const JOB: &str = "MEMPROBE_TEST_DELIVER_LOOP";
const ONCE: &str = "MEMPROBE_TEST_DELIVER_ONCE";

/// Not a test: what is killed.
#[test]
fn delivering_loop() {
    let Ok(pid) = std::env::var(JOB) else { return };
    let pid = pid.parse().unwrap();
    println!("ready");
    loop {
        if let Err(error) = deliver(pid, "import gc\nsay(gc.get_threshold())") {
            println!("{error:?}");
            return;
        }
    }
}

/// Not a test either.
#[test]
fn delivering_once() {
    let Ok(pid) = std::env::var(ONCE) else { return };
    let code = "import sys\nsys.was_here = True";
    let to = recipient(pid.parse().unwrap());
    println!("{:?}", to.and_then(|to| to.deliver(code, options(600))));
}

/// What was handed over does nothing once nobody waits for it, whoever else was killed.
#[test]
fn what_nobody_waits_for_does_not_run() {
    with_all(|python| {
        let mut target = Running::python(python, LOCKED);
        let pid = target.pid();
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "killed::delivering_once", "--nocapture"]);
        let mut delivering =
            command.env(ONCE, pid.to_string()).stdout(Stdio::null()).spawn().unwrap();
        while files(pid) == 0 {
            assert!(delivering.try_wait().unwrap().is_none(), "{python}");
            std::thread::sleep(Duration::from_millis(5));
        }
        std::thread::sleep(Duration::from_millis(300));
        delivering.kill().unwrap();
        delivering.wait().unwrap();
        for _ in 0..3 {
            assert_eq!(target.ask(""), "None", "{python}");
        }
        // Whoever comes next removes the rest.
        drop(recipient(pid).unwrap_or_else(|e| panic!("{python}: {e:?}")));
        assert!(files(pid) == 0 && !maps(pid).contains("memprobe"), "{python}");
        assert_eq!(target.ask(""), "None", "{python}");
    });
}

/// How many files of ours a process has open.
fn files(pid: u32) -> usize {
    let list = std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    let links = list.filter_map(|entry| std::fs::read_link(entry.path()).ok());
    links.filter(|link| link.to_string_lossy().contains("memprobe")).count()
}

/// Numbers that look random, the same in every run.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *state >> 33
}

fn kill_at_random(python: &Python, rounds: u32) {
    let mut target = program(python);
    let pid = target.pid();
    let before = target.ask("state()");
    let mut random = u64::from(python.version.1);
    for round in 0..rounds {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["--exact", "killed::delivering_loop", "--nocapture"])
            .env(JOB, pid.to_string());
        let mut looper = Running::start(&mut command);
        while looper.ready != "ready" {
            looper.ready = looper.line().unwrap();
        }
        std::thread::sleep(Duration::from_micros(next(&mut random) % 60_000));
        assert!(looper.is_running(), "{python}, round {round}: {:?}", looper.line());
        looper.kill();
        assert!(target.ask("1").starts_with('1'), "{python}, round {round}");
    }
    // Whoever comes next cleans up.
    drop(recipient(pid).unwrap_or_else(|e| panic!("{python}: {e:?}")));
    assert_eq!(target.ask("state()"), before, "{python}");
    assert_eq!(deliver(pid, "say(2)").unwrap().results, ["2"]);
    assert_eq!(target.ask("state()"), before, "{python}");
}

#[test]
fn the_target_survives_a_kill() {
    let rounds = if is_long() { 100 } else { 20 };
    with_all(|python| kill_at_random(python, rounds));
}
