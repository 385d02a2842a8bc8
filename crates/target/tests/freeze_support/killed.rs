//! `kill -9` of the freezing program at random instants.
//!
//! The program that is killed is this test program, started to do nothing but [`freezing_loop`].

use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Duration;

use memprobe_target::freeze::Method;
use memprobe_target::memory::ReadMemory;
use test_support::{Python, Running, pythons};

use crate::support::{
    METHODS, assert_free, families, figures, freeze_now, is_long, program, status, try_freeze,
};

const JOB: &str = "MEMPROBE_TEST_FREEZE_LOOP";

/// Not a test: what [`looper`] starts.
#[test]
fn freezing_loop() {
    let Ok(job) = std::env::var(JOB) else { return };
    let (pid, method) = job.split_once(' ').unwrap();
    let (pid, method) = (pid.parse().unwrap(), method.parse().unwrap());
    println!("ready");
    loop {
        let frozen = match try_freeze(pid, method) {
            Ok(frozen) => frozen,
            Err(error) => {
                println!("{error:?}");
                return;
            }
        };
        let _ = frozen.memory().unwrap().read_prefix(0x1000, &mut [0; 8]);
        frozen.release().unwrap();
    }
}

/// Starts this program to freeze another again and again, as a user without rights if asked.
pub(crate) fn looper(pid: u32, method: Method, unprivileged: bool) -> Option<Running> {
    let exe = std::env::current_exe().unwrap();
    let mut command = Command::new(&exe);
    command.args(["--exact", "killed::freezing_loop", "--nocapture"]);
    command.env(JOB, format!("{pid} {method}"));
    if unprivileged {
        let may = Command::new(&exe).arg("--list").uid(65534).gid(65534).output();
        if !may.is_ok_and(|output| output.status.success()) {
            eprintln!("skipped: only root can start a program as another user");
            return None;
        }
        command.uid(65534).gid(65534);
    }
    let mut looper = Running::start(&mut command);
    while looper.line()? != "ready" {}
    Some(looper)
}

/// Numbers that look random, the same in every run.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *state >> 33
}

fn kill_at_random(python: &Python, name: &str, rounds: u32) {
    let mut target = program(python, name);
    let pid = target.pid();
    let own = families(pid).len();
    let mut random = 12;
    for round in 0..rounds {
        for &method in METHODS {
            let mut looper = looper(pid, method, false).unwrap();
            std::thread::sleep(Duration::from_micros(next(&mut random) % 30_000));
            assert!(looper.is_running(), "round {round}: {:?}", looper.line());
            looper.kill();
            assert_eq!(target.ask("go"), "ok", "round {round}, {method}");
            while status(pid, "TracerPid") != "0" {
                std::thread::yield_now();
            }
            assert_free(pid);
        }
    }
    let kills = rounds as usize * METHODS.len();
    figures(python, &format!("{name} kills={kills}"));
    if name == "vforking" {
        // It always has a child of its own, which it takes with it.
        target.close_stdin();
        assert_eq!(target.line(), None);
        return;
    }
    // Of copies that had to end with their tracer, entries may be left; none that lives.
    let alive = |(_, state): &(u32, char)| *state != 'Z';
    while families(pid).iter().filter(|child| alive(child)).count() > own {
        std::thread::yield_now();
    }
    let left = families(pid).len() - own;
    eprintln!("{python}: {name}: {left} entries of ended copies left of {kills} kills");
    freeze_now(pid, Method::Auto).release().unwrap();
    assert_eq!(families(pid).len(), own, "{:?}", families(pid));
    assert_eq!(target.ask("go"), "ok");
}

#[test]
fn the_target_survives_a_kill() {
    let all = pythons();
    // In the short form on the newest alone, in the long form over 200 kills of each on all.
    let (used, rounds) = if is_long() { (&all[..], 67) } else { (&all[all.len() - 1..], 15) };
    for python in used {
        for name in ["busy", "sleeping", "waiting", "many_threads", "vforking", "permitted"] {
            kill_at_random(python, name, rounds);
        }
    }
}
