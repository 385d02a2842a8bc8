//! A main thread that does not come to it: what was handed over is taken back and never runs.

use std::time::Duration;

use memprobe_experiment::deliver::Options;
use probe::ErrorKind;
use test_support::Running;

use crate::support::{deliver, options, recipient, with_all};

/// A program that waits in C, with the lock or without, until its standard input says something.
pub(crate) const LOCKED: &str = "
import ctypes, sys
print('ready', flush=True)
byte = ctypes.create_string_buffer(1)
# With the global lock, and not in Python.
while True:
    ctypes.PyDLL(None).read(0, byte, 1)
    if byte.raw == b'\\n':
        break
print(getattr(sys, 'was_here', None), flush=True)
for line in sys.stdin:
    print(getattr(sys, 'was_here', None), flush=True)
";
/// The same without it.
const UNLOCKED: &str = "
import sys
print('ready', flush=True)
for line in sys.stdin:
    print(getattr(sys, 'was_here', None), flush=True)
";

pub(crate) fn maps(pid: u32) -> String {
    std::fs::read_to_string(format!("/proc/{pid}/maps")).unwrap()
}

#[test]
fn what_is_not_begun_is_taken_back() {
    with_all(|python| {
        for program in [LOCKED, UNLOCKED] {
            let mut target = Running::python(python, program);
            target.until_it_reads();
            let pid = target.pid();
            let options = Options { patience: Duration::from_millis(300), ..options(1) };
            let error = recipient(pid)
                .and_then(|to| to.deliver("import sys\nsys.was_here = True", options))
                .unwrap_err();
            assert_eq!(error.kind(), ErrorKind::TimedOut, "{python}: {error:?}");
            let text = error.to_string();
            assert!(text.contains("the system call read"), "{python}: {text}");
            assert!(!maps(pid).contains("memprobe"), "{python}");
            for _ in 0..3 {
                assert_eq!(target.ask(""), "None", "{python}");
            }
        }
    });
}

/// A calculation in C, which no signal interrupts either.
#[test]
fn a_calculation_is_named() {
    const PROGRAM: &str = "
import sys
print('ready', flush=True)
x = 3 ** 300000
for line in sys.stdin:
    x = x * x * x * x * x * x % (1 << 60)
    print(getattr(sys, 'was_here', None), flush=True)
    sys.stdout.flush()
";
    with_all(|python| {
        let mut target = Running::python(python, PROGRAM);
        assert_eq!(target.ask("go"), "None");
        deliver_while_calculating(&mut target);
    });
}

fn deliver_while_calculating(target: &mut Running) {
    let pid = target.pid();
    std::thread::scope(|scope| {
        let delivering = scope.spawn(move || {
            let options = Options { patience: Duration::from_millis(50), ..options(1) };
            recipient(pid).and_then(|to| to.deliver("say(1)", options))
        });
        for _ in 0..5 {
            assert_eq!(target.ask("go"), "None");
        }
        match delivering.join().unwrap() {
            // Between two calculations it was in time.
            Ok(delivery) => assert_eq!(delivery.results, ["1"]),
            Err(error) => assert_eq!(error.kind(), ErrorKind::TimedOut, "{error:?}"),
        }
        assert!(!maps(pid).contains("memprobe"));
    });
    assert_eq!(target.ask("go"), "None");
}

/// A child that is forked meanwhile runs nothing of it and is not broken.
#[test]
fn children_do_nothing() {
    const PROGRAM: &str = "
import os, sys, time
print('ready', flush=True)
# Forks without end; each child has what its parent had.
stop = False
count = 0
import select
while True:
    child = os.fork()
    if not child:
        for i in range(1000):
            pass
        os._exit(7)
    assert os.waitpid(child, 0)[1] == 7 << 8
    count += 1
    if select.select([0], [], [], 0)[0]:
        sys.stdin.readline()
        print(count, flush=True)
";
    with_all(|python| {
        let mut target = Running::python(python, PROGRAM);
        for _ in 0..3 {
            let delivery = deliver(target.pid(), "say(1)");
            let delivery = delivery.unwrap_or_else(|e| panic!("{python}: {e:?}"));
            assert_eq!(delivery.results, ["1"], "{python}");
        }
        assert!(target.ask("").parse::<u64>().unwrap() > 0);
    });
}
