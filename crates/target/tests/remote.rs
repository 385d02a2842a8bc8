//! A main thread is sent into calls, and what it was in the middle of does not notice.

#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up should stop, loudly")]
#![cfg(target_arch = "x86_64")]

use std::time::Duration;

use memprobe_target::memory::ReadMemory;
use memprobe_target::procfs::ProcessDir;
use memprobe_target::remote::{Fit, Manner, Names, Program, visit, whereabouts};
use probe::{ErrorKind, Target};
use test_support::{Running, python};

const GETPID: i64 = 39;
/// Where nothing of an interpreter is looked for, a thread in a system call of the C library is fit.
const NAMES: Names<'_> =
    Names { open: &["_PyEval_EvalFrameDefault"], queue: &[], locking: &[], running: &[] };

/// Sleeps in C, by a call that only the kernel can resume, again and again until its word is 9; says
/// what the calls returned, and whether one of them has slept less than it should.
const SLEEPER: &str = "
import ctypes, sys, time
libc = ctypes.CDLL(None)
word = ctypes.c_uint64(7)
def sleep():
    began = time.monotonic()
    return libc.usleep(700000), time.monotonic() - began < 0.7
print(ctypes.addressof(word), flush=True)
for line in sys.stdin:
    print('asleep', flush=True)
    slept = {sleep()}
    while word.value != 9: slept.add(sleep())
    print(slept, word.value, flush=True)
";

#[test]
fn calls_are_made_and_a_sleep_goes_on() {
    let mut sleeper = Running::python(&python(), SLEEPER);
    let target = Target::from_pid(sleeper.pid());
    let word: u64 = sleeper.ready.parse().unwrap();
    let process = ProcessDir::open_target(&target).unwrap();
    let program = Program::read(&process, NAMES).unwrap();
    let getpid = program.defining("getpid").find_map(|library| library.symbol("getpid")).unwrap();
    assert_eq!(sleeper.ask(""), "asleep");
    let manner = Manner {
        fit: Fit::Placed(&program),
        all_threads: false,
        patience: Duration::from_secs(30),
    };
    for round in 0..10_u64 {
        let pid = visit(&target, manner, |visit| {
            visit.call(getpid, [0; 3])?;
            visit.write(word, &round.to_ne_bytes())?;
            assert_eq!(visit.memory().read_u64(word)?, round);
            visit.system_call(GETPID, [0; 6])
        });
        assert_eq!(pid.unwrap(), i64::from(sleeper.pid()));
    }
    // 0: it has slept to its end, and no signal has come in between.
    assert_eq!(sleeper.line().unwrap(), "{(0, False)} 9");
}

#[test]
fn who_cannot_be_visited_is_told_why() {
    let mut sleeper = Running::python(&python(), SLEEPER);
    let target = Target::from_pid(sleeper.pid());
    sleeper.until_it_reads();
    let process = ProcessDir::open_target(&target).unwrap();
    let program = Program::read(&process, Names::default()).unwrap();
    let place = whereabouts(&target, &program).unwrap();
    assert!(place.contains("read"), "{place}");
    let error =
        visit(&Target::from_pid(std::process::id()), Manner::anywhere(Duration::ZERO), |_| Ok(()));
    assert_eq!(error.unwrap_err().kind(), ErrorKind::InvalidInput);
    let stop = |signal: &str| {
        let pid = sleeper.pid().to_string();
        let done = std::process::Command::new("kill").args([signal, pid.as_str()]).status();
        assert!(done.unwrap().success());
    };
    stop("-STOP");
    while process.stat().unwrap().state != 'T' {
        std::thread::yield_now();
    }
    let error = visit(&target, Manner::anywhere(Duration::ZERO), |_| Ok(())).unwrap_err();
    assert!(error.to_string().contains("it is stopped"), "{error}");
    stop("-CONT");
    while process.stat().unwrap().state == 'T' {
        std::thread::yield_now();
    }
    assert_eq!(sleeper.ask(""), "asleep");
}

/// Somebody else traces it: who, is said.
#[test]
fn another_tracer_is_named() {
    const TRACER: &str = "
import ctypes, os, sys
libc = ctypes.CDLL(None)
pid = int(sys.stdin.readline())
libc.ptrace(0x4206, pid, None, None)
print('traces', flush=True)
sys.stdin.readline()
";
    let mut tracer = Running::python(&python(), &format!("print('ready', flush=True){TRACER}"));
    let sleeper = Running::python(&python(), SLEEPER);
    assert_eq!(tracer.ask(&sleeper.pid().to_string()), "traces");
    let target = Target::from_pid(sleeper.pid());
    let error = visit(&target, Manner::anywhere(Duration::ZERO), |_| Ok(())).unwrap_err();
    // What is traced can be waited for only when its tracer is gone.
    tracer.kill();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
    assert!(error.to_string().contains(&format!("process {}", tracer.pid())), "{error}");
}
