//! What threads of a real program wait for.
#![cfg(target_os = "linux")]
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "tests")]

use probe::tables::thread_waits as t;
use probe::{Open, Probe, Request, Table, Target};
use probe_process::ProcessProbe;
use test_support::{Running, python, until_some};

/// Five threads wait for a lock, three for a pipe; both are there before the program is ready.
const CODE: &str = "
import os, threading, time
lock = threading.Lock()
lock.acquire()
def called(thread):
    try:
        with open('/proc/self/task/%d/syscall' % thread) as file: return file.read().split()[0]
    except OSError: return 'running'
def start(function):
    thread = threading.Thread(target=function, daemon=True)
    thread.start()
    while not thread.native_id or called(thread.native_id) in ('running', '-1'): time.sleep(0.001)
ends = [os.pipe() for _ in range(3)]
for _ in range(5): start(lock.acquire)
for read, _ in ends: start(lambda read=read: os.read(read, 1))
print('ready')
input()
";

#[test]
fn threads_are_counted_by_what_they_wait_for() {
    let python = python();
    if python.version < (3, 8, 0) {
        return;
    }
    let running = Running::python(&python, CODE);
    let mut probe = ProcessProbe::open(Default::default()).unwrap();
    let request = Request::new(Target::from_pid(running.pid()), &["thread_waits"]);
    let threads = |table: &Table, call: &str| -> u64 {
        let rows = (0..table.rows()).filter(|&r| table.value(t::CALL, r).as_str() == Some(call));
        rows.filter_map(|row| table.value(t::THREADS, row).as_u64()).sum()
    };
    // A thread that is about to read may wait for the lock of the interpreter first. The main thread
    // reads, too.
    let table = until_some("five threads wait for a lock and four read", || {
        let snapshot = probe.snapshot(&request).unwrap();
        let table = snapshot.table(t::TABLE).unwrap();
        let waits = (threads(table, "futex"), threads(table, "read"));
        (waits == (5, 4)).then(|| table.clone())
    });
    let newest = (0..table.rows()).filter_map(|row| table.value(t::NEWEST, row).as_u64()).max();
    assert!(newest > Some(u64::from(running.pid())));
}
