//! Targets that can't be frozen, or only in one way, or are special.

use std::io::Read;
use std::process::{Command, Stdio};

use memprobe_target::freeze::Method;
use probe::ErrorKind;
use test_support::{Running, python, pythons};

use crate::support::{
    METHODS, assert_free, freeze_now, program, status, status_of, tasks, torment, try_freeze,
};

fn send(signal: &str, pid: u32) {
    assert!(Command::new("kill").args([signal, &pid.to_string()]).status().unwrap().success());
}

/// A program that was stopped by job control stays so, and goes on when it is told to.
#[test]
fn a_stopped_program_stays_stopped() {
    for python in pythons() {
        for name in ["busy", "many_threads"] {
            let mut target = program(&python, name);
            send("-STOP", target.pid());
            while !status(target.pid(), "State").starts_with('T') {
                std::thread::yield_now();
            }
            for &method in METHODS {
                let frozen = freeze_now(target.pid(), method);
                assert!(!frozen.threads().is_empty());
                frozen.release().unwrap();
                // Its threads enter the stop again, without running the program. None of them
                // may end up anywhere else.
                for thread in tasks(target.pid()) {
                    while status_of(&thread, "TracerPid") != "0"
                        || !status_of(&thread, "State").starts_with('T')
                    {
                        std::thread::yield_now();
                    }
                }
            }
            send("-CONT", target.pid());
            assert_eq!(target.ask("go"), "ok");
        }
    }
}

/// A filter that kills at the calls a copy needs does not: the target is stopped instead. Another
/// filter is no obstacle, if it can be read.
#[test]
fn filtered_programs_survive() {
    for python in pythons() {
        let mut forbidden = program(&python, "filtered");
        assert_eq!(status(forbidden.pid(), "Seccomp"), "2");
        let (forks, _) = torment(&mut forbidden, Method::Auto, 5);
        assert_eq!(forks, 0);
        let frozen = freeze_now(forbidden.pid(), Method::Auto);
        let issue = &frozen.issues()[0];
        assert!(issue.message.contains("seccomp"), "{issue:?}");
        drop(frozen);
        assert_free(forbidden.pid());
        let mut permitted = program(&python, "permitted");
        let (forks, stops) = torment(&mut permitted, Method::Auto, 5);
        assert!(forks == 0 || stops == 0);
        eprintln!("{python}: under a filter that permits them, {forks} copies and {stops} stops");
    }
}

/// The exit status of a program that ends meanwhile is its own.
#[test]
fn a_program_may_end_meanwhile() {
    for python in pythons() {
        for &method in METHODS {
            let mut child = Command::new(&python.exe)
                .args([
                    "-c",
                    "import os; print('ready', flush=True); sum(range(10**6)); os._exit(7)",
                ])
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            // Before that it may have no code at all.
            child.stdout.as_mut().unwrap().read_exact(&mut [0; 5]).unwrap();
            let error = loop {
                match try_freeze(child.id(), method) {
                    Ok(frozen) => drop(frozen),
                    Err(error) => break error,
                }
            };
            assert_eq!(error.kind(), ErrorKind::TargetEnded, "{error:?}");
            assert_eq!(child.wait().unwrap().code(), Some(7));
        }
    }
}

/// Whoever traces already is named.
#[test]
fn a_traced_program_is_left_alone() {
    let python = python();
    let target = program(&python, "busy");
    let pid = target.pid();
    let first = freeze_now(pid, Method::Stop);
    for &method in METHODS {
        let error = try_freeze(pid, method).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PermissionDenied);
        let own = std::process::id();
        assert!(error.to_string().contains(&format!("traced by process {own} (")), "{error}");
        assert!(error.hint().unwrap().contains("--freeze none"));
    }
    assert!(try_freeze(pid, Method::None).is_ok());
    drop(first);
    assert_free(pid);
    with_strace(pid);
    freeze_now(pid, Method::Auto).release().unwrap();
}

fn with_strace(pid: u32) {
    let strace = Command::new("strace")
        .args(["-f", "-p", &pid.to_string()])
        .stderr(Stdio::null())
        .stdout(Stdio::null())
        .spawn();
    let Ok(mut strace) = strace else {
        eprintln!("skipped: no strace on PATH");
        return;
    };
    while status(pid, "TracerPid") != strace.id().to_string() {
        assert!(strace.try_wait().unwrap().is_none(), "strace could not attach");
        std::thread::yield_now();
    }
    let error = try_freeze(pid, Method::Auto).unwrap_err();
    assert!(error.to_string().contains(&format!("process {} (strace)", strace.id())), "{error}");
    strace.kill().unwrap();
    strace.wait().unwrap();
}

/// A missing right is named, with what to change.
#[test]
fn a_missing_right_is_explained() {
    let python = python();
    let target = program(&python, "busy");
    let Some(mut looping) = crate::killed::looper(target.pid(), Method::Auto, true) else { return };
    let mut said = String::new();
    while let Some(line) = looping.line() {
        said.push_str(&line);
    }
    assert!(said.contains("PermissionDenied"), "{said}");
    assert!(said.contains("belongs to user 0 and this program runs as 65534"), "{said}");
    assert!(said.contains("CAP_SYS_PTRACE"), "{said}");
    assert_free(target.pid());
}

#[test]
fn senseless_targets_are_errors() {
    for &method in METHODS {
        let kind = |pid| try_freeze(pid, method).unwrap_err().kind();
        assert_eq!(kind(u32::MAX), ErrorKind::NotFound);
        assert_eq!(kind(std::process::id()), ErrorKind::InvalidInput);
        assert_eq!(kind(2), ErrorKind::Unsupported);
    }
    let mut ended = Running::python(&python(), "print('ready')");
    ended.close_stdin();
    assert_eq!(ended.line(), None);
    while !status(ended.pid(), "State").starts_with('Z') {
        std::thread::yield_now();
    }
    let error = try_freeze(ended.pid(), Method::Auto).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TargetEnded);
}
