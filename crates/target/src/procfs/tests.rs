//! Real processes: who they are, and every way in which they can be refused.

use std::process::Command;

use probe::{ErrorKind, Target};
use test_support::{Running, python, pythons};

use super::{ProcessDir, children, clock, identify, parents, pids, read_again, read_smaps};

const WAIT: &str = "print('ready')\ninput()";

#[test]
fn a_process_is_identified() {
    for python in pythons() {
        let process = Running::python(&python, WAIT);
        let target = identify(process.pid()).unwrap();
        assert_eq!(target.pid, process.pid());
        assert!(target.start_id > 0);
        let started = target.started_unix_ns.unwrap();
        // The kernel's ticks and our rounding: the start may seem 20 ms away in the future.
        let age = (clock::now().unix_ns + 20_000_000).checked_sub(started).expect("in the past");
        assert!(age < 600_000_000_000, "{age} ns old");
        assert!(target.command.ends_with("input()"), "{}", target.command);
        assert!(target.exe.as_deref().unwrap_or("").contains("python"), "{target:?}");
        assert_eq!(identify(process.pid()).unwrap().start_id, target.start_id);
    }
}

#[test]
fn the_mappings_are_those_of_the_process() {
    let process = Running::python(&python(), WAIT);
    let mappings = read_smaps(process.pid()).unwrap();
    assert!(mappings.iter().any(|m| m.path == "[stack]" && m.perms.write));
    assert!(mappings.iter().any(|m| m.perms.exec && m.inode > 0));
    assert!(mappings.is_sorted_by_key(|m| m.start));
    assert!(mappings.iter().all(|m| m.counts.rss <= m.counts.size && m.counts.rss.is_some()));
}

#[test]
fn no_such_process() {
    let error = identify(u32::MAX / 2).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(error.to_string(), format!("there is no process {}", u32::MAX / 2));
    assert!(error.hint().is_some());
}

/// The PID is in use, by another process than the one that was meant.
#[test]
fn a_pid_that_is_used_again() {
    let process = Running::python(&python(), WAIT);
    let mut meant = identify(process.pid()).unwrap();
    meant.start_id -= 1;
    let error = ProcessDir::open_target(&meant).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TargetEnded);
    assert!(error.to_string().contains("belongs to another process"), "{error}");
    meant.start_id = 0;
    assert!(ProcessDir::open_target(&meant).is_ok(), "an unknown start fits any");
}

/// An open folder never turns into another process, and says that its own has ended.
#[test]
fn a_process_that_ends() {
    let mut process = Running::python(&python(), WAIT);
    let dir = ProcessDir::open(process.pid()).unwrap();
    let statm = dir.file("statm").unwrap();
    assert!(dir.is_alive());
    process.kill();
    assert!(!dir.is_alive());
    for name in ["stat", "smaps", "maps", "fd/0"] {
        assert_eq!(dir.read(name).unwrap_err().kind(), ErrorKind::TargetEnded, "{name}");
    }
    let error = read_again(&statm, &mut [0; 64]).unwrap_err();
    assert_eq!(dir.explain("statm", error).kind(), ErrorKind::TargetEnded);
}

#[test]
fn a_zombie() {
    let code = "import os\np = os.fork()\np or os._exit(0)\n\
                os.waitid(os.P_PID, p, os.WEXITED | os.WNOWAIT)\nprint(p)\ninput()";
    let parent = Running::python(&python(), code);
    let error = identify(parent.ready.parse().unwrap()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TargetEnded);
    let message = error.to_string();
    assert!(message.contains("zombie") && message.contains(&parent.pid().to_string()), "{message}");
}

#[test]
fn a_thread_is_not_a_process() {
    let code = "import threading, os, time\n\
                threading.Thread(target=time.sleep, args=(600,), daemon=True).start()\n\
                print(max(map(int, os.listdir('/proc/self/task'))))\ninput()";
    let process = Running::python(&python(), code);
    let error = identify(process.ready.parse().unwrap()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.to_string().contains(&format!("process {}", process.pid())), "{error}");
}

#[test]
fn a_kernel_thread() {
    let is_kernel = |pid: &u32| {
        ProcessDir::open(*pid).and_then(|p| p.stat()).is_ok_and(|stat| stat.is_kernel_thread())
    };
    let Some(pid) = pids().unwrap().into_iter().find(is_kernel) else {
        println!("skipped: no kernel thread can be seen from here");
        return;
    };
    let error = identify(pid).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("no memory of its own"), "{error}");
}

#[test]
fn children_are_found_both_ways() {
    let code = "import os, threading, time\nr, w = os.pipe()\n\
                def fork():\n    p = os.fork()\n    if not p: time.sleep(600)\n    \
                os.write(w, b'%d ' % p); time.sleep(600)\n\
                for _ in range(2): threading.Thread(target=fork, daemon=True).start()\n\
                got = b''\nwhile got.count(b' ') < 2: got += os.read(r, 99)\n\
                print(got.decode())\ninput()\n\
                for p in got.split(): os.kill(int(p), 9)\n\
                print('killed')";
    let mut process = Running::python(&python(), code);
    let words = process.ready.split_whitespace();
    let mut expected: Vec<u32> = words.map(|word| word.parse().unwrap()).collect();
    expected.sort_unstable();
    let dir = ProcessDir::open(process.pid()).unwrap();
    let pid = process.pid();
    let of_all = parents().unwrap().into_iter().filter(|(_, parent)| *parent == pid);
    let mut by_list: Vec<u32> = of_all.map(|(pid, _)| pid).collect();
    by_list.sort_unstable();
    assert_eq!(by_list, expected);
    match children(&dir, 100) {
        Some(mut children) => {
            children.sort_unstable();
            assert_eq!(children, expected, "children of threads count");
        }
        None => println!("skipped: this kernel has no lists of children"),
    }
    assert_eq!(children(&dir, 2), None, "three threads are too many");
    assert_eq!(process.ask(""), "killed");
}

/// Runs one of the tests below as another user; its output, if that is possible here.
fn as_nobody(script: &str, test: &str, pid: u32) -> Option<String> {
    let me = std::env::current_exe().unwrap();
    // The file is handed over open: the other user may not be allowed to reach its folder.
    let script = format!(
        "{script} exec setpriv --reuid=65534 --regid=65534 --clear-groups -- /proc/self/fd/9 \
         --exact procfs::tests::{test} --nocapture --include-ignored 9<'{}'",
        me.display()
    );
    let output = Command::new("unshare")
        .args(["--mount", "sh", "-c", &script])
        .env("MEMPROBE_TEST_PID", pid.to_string())
        .output();
    match output {
        Ok(output) if output.status.success() => {
            Some(String::from_utf8_lossy(&output.stdout).into_owned())
        }
        other => {
            println!("skipped: cannot run as another user (needs root): {other:?}");
            None
        }
    }
}

fn pid_to_look_at() -> Option<u32> {
    std::env::var("MEMPROBE_TEST_PID").ok()?.parse().ok()
}

/// A program of root, looked at by another user: the refusal says what to do.
#[test]
fn no_permission() {
    let process = Running::python(&python(), WAIT);
    let Some(text) = as_nobody("", "look_as_nobody", process.pid()) else { return };
    assert!(text.contains("PermissionDenied: cannot read /proc/"), "{text}");
    assert!(text.contains("hint: run as the same user as the process, as root"), "{text}");
    assert!(text.contains("identified: true"), "{text}");
}

#[test]
#[ignore = "run by the test no_permission"]
fn look_as_nobody() {
    let Some(pid) = pid_to_look_at() else { return };
    println!("{:?}", read_smaps(pid).unwrap_err());
    let target = identify(pid).unwrap();
    println!("identified: {}", target.start_id > 0 && target.exe.is_none());
}

/// `/proc` mounted so that it hides other users' processes: the refusal says so.
#[test]
fn hidden_by_hidepid() {
    let process = Running::python(&python(), WAIT);
    for (level, expected) in [("1", "PermissionDenied"), ("2", "NotFound")] {
        let mount = format!("mount -t proc -o hidepid={level} proc /proc &&");
        let Some(text) = as_nobody(&mount, "look_hidden", process.pid()) else { return };
        assert!(text.contains(&format!("{expected}: ")), "hidepid={level}: {text}");
        assert!(text.contains("hint: /proc is mounted with hidepid"), "hidepid={level}: {text}");
    }
}

#[test]
#[ignore = "run by the test hidden_by_hidepid"]
fn look_hidden() {
    let Some(pid) = pid_to_look_at() else { return };
    println!("{:?}", ProcessDir::open_target(&Target::from_pid(pid)).unwrap_err());
}
