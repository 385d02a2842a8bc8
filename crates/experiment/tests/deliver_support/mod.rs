//! Starting the programs, and delivering to them.

use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

use memprobe_experiment::deliver::{Delivery, Options, Recipient, RemoteDebug};
use probe::tables::levers as t;
use probe::{Open, Probe, Request, Result, Target};
use probe_python::PythonProbe;
use test_support::{Python, Running, debug_pythons, every_python};

pub(crate) fn all() -> &'static [Python] {
    static ALL: OnceLock<Vec<Python>> = OnceLock::new();
    ALL.get_or_init(|| every_python().into_iter().chain(debug_pythons()).collect())
}

/// Whether the long form was asked for.
pub(crate) fn is_long() -> bool {
    std::env::var_os("MEMPROBE_TORTURE").is_some_and(|value| value == "1")
}

pub(crate) fn program(python: &Python) -> Running {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/deliver_support");
    Running::script::<&str>(python, &folder.join("program.py"), &[])
}

/// Where the interface of 3.14 and up is in a process, as the probe says.
pub(crate) fn remote(pid: u32) -> Option<RemoteDebug> {
    let mut probe = PythonProbe::open(Default::default()).unwrap();
    let snapshot = probe.snapshot(&Request::new(Target::from_pid(pid), &["levers"])).unwrap();
    RemoteDebug::from_levers(snapshot.table(t::TABLE)?)
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
            scope.spawn(move || work(python));
        }
    });
}
