//! Starting the programs, and delivering to them.

use std::path::PathBuf;
use std::time::Duration;

use memprobe_experiment::deliver::{Delivery, Options, Recipient, RemoteDebug};
use probe::{Result, Target};
use test_support::{Python, Running, debug_pythons, every_python};

pub(crate) fn all() -> Vec<Python> {
    every_python().into_iter().chain(debug_pythons()).filter(|p| remote_is_known(p)).collect()
}

fn remote_is_known(python: &Python) -> bool {
    python.version < (3, 14, 0)
}

/// Whether the long form was asked for.
pub(crate) fn is_long() -> bool {
    std::env::var_os("MEMPROBE_TORTURE").is_some_and(|value| value == "1")
}

pub(crate) fn program(python: &Python) -> Running {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/deliver_support");
    Running::script::<&str>(python, &folder.join("program.py"), &[])
}

/// Where the interface of 3.14 and up is in a process.
pub(crate) fn remote(_pid: u32) -> Option<RemoteDebug> {
    None
}

pub(crate) fn recipient(pid: u32) -> Result<Recipient> {
    Recipient::open(&Target::from_pid(pid), remote(pid))
}

pub(crate) fn deliver(pid: u32, code: &str) -> Result<Delivery> {
    recipient(pid)?.deliver(code, options(60))
}

pub(crate) fn options(seconds: u64) -> Options<'static> {
    Options { patience: Duration::from_secs(seconds), ..Options::default() }
}

/// Does something with every interpreter at the same time.
pub(crate) fn with_all(work: impl Fn(&Python) + Sync) {
    std::thread::scope(|scope| {
        for python in all() {
            let work = &work;
            scope.spawn(move || work(&python));
        }
    });
}
