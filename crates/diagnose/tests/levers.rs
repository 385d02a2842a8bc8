//! What is said that each way out would give back, beside what it does give back: real programs, run
//! again with the setting.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "tests")]

use std::process::Command;

use memprobe_diagnose::{Observation, Settings};
use probe::{Finding, FindingKind, Open, Probe, Request, Target};
use probe_alloc::AllocProbe;
use probe_process::ProcessProbe;
use probe_python::PythonProbe;
use test_support::{Python, Running, pythons};

const MIB: f64 = (1 << 20) as f64;

/// What all programs begin with.
const BEGIN: &str = "
import ctypes, sys, threading
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.free.argtypes = [ctypes.c_void_p]
libc.memset.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]
def fill(count, size):
    blocks = (ctypes.c_void_p * count)()
    for n in range(count):
        blocks[n] = libc.malloc(size)
        libc.memset(blocks[n], 1, size)
    return blocks
def drop(blocks, keep=0):
    for n in range(len(blocks) - keep): libc.free(blocks[n])
";

/// What all end with.
const END: &str = "
print('ready', flush=True)
for line in sys.stdin:
    print(libc.malloc_trim(0), flush=True)
";

/// Twelve threads that have their peaks of 6 MiB one after the other, and stay.
const THREADS: &str = "
lock = threading.Lock(); lock.acquire()
def work(done):
    drop(fill(3000, 2000), 1)
    done.set()
    lock.acquire()
for n in range(12):
    done = threading.Event()
    threading.Thread(target=work, args=(done,), daemon=True).start()
    done.wait()
";

/// A block that raised the thresholds, and a peak at the end of the heap.
const PEAK: &str = "
libc.free(libc.malloc(30 << 20))
libc.free(libc.malloc(30 << 20))
drop(fill(12000, 2000))
";

/// Objects of which runs stay: pages between them are free, arenas are not.
const RUNS: &str = "
kept = [bytes(40) for n in range(600000)]
kept = [item for n, item in enumerate(kept) if n % 1500 < 30]
";

/// Objects of all sizes of which every tenth stays: some in each page.
const SCATTERED: &str = "
kept = [bytes(n % 48) for n in range(600000)][::7]
";

fn start(python: &Python, code: &str, setting: Option<(&str, &str)>) -> Running {
    let mut command = Command::new(&python.exe);
    // As many arenas as on a larger machine.
    command.env("MALLOC_ARENA_MAX", "16").envs(setting);
    Running::start(command.args(["-c", &format!("{BEGIN}{code}{END}")]))
}

/// Anonymous resident memory, bytes.
fn anonymous(running: &Running) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", running.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() * 1024.0
}

/// The finding about what allocators keep.
fn held(running: &Running) -> Finding {
    let mut observation = Observation::new(Settings::default());
    let target = Target::from_pid(running.pid());
    let ask = |probe: &mut dyn Probe, question| {
        probe.snapshot(&Request::new(target.clone(), &[question])).unwrap()
    };
    observation.push(ask(&mut ProcessProbe::open(Default::default()).unwrap(), "memory"));
    observation.push(ask(&mut AllocProbe::open(Default::default()).unwrap(), "malloc"));
    observation.push(ask(&mut PythonProbe::open(Default::default()).unwrap(), "pymalloc"));
    let findings = observation.findings(&observation.judge());
    let held = findings.iter().find(|found| found.kind == FindingKind::AllocatorHeld);
    held.unwrap_or_else(|| panic!("{findings:#?}")).clone()
}

/// The bytes that a sentence of the evidence says behind some words.
fn said(finding: &Finding, begin: &str, behind: &str) -> Option<f64> {
    let line = finding.evidence.iter().find(|line| line.starts_with(begin))?;
    let mut words = line.split(behind).nth(1)?.split([' ', ':', ',']).filter(|w| !w.is_empty());
    let number: f64 = words.next()?.parse().ok()?;
    let unit = match words.next()? {
        "GiB" => 1024.0 * MIB,
        "MiB" => MIB,
        "KiB" => 1024.0,
        _ => 1.0,
    };
    Some(number * unit)
}

fn near(python: &Python, what: &str, told: f64, real: f64) {
    println!("{python}: {what}: {:.1} MiB told, {:.1} MiB real", told / MIB, real / MIB);
    let off = (told - real).abs();
    assert!(off <= 0.15 * real.abs() + MIB, "{python}: {what}: {told} told, {real} real");
}

/// The oldest, one in the middle and the newest: pools of 4 and of 16 KiB.
fn some() -> Vec<Python> {
    let all = pythons();
    let mut some = vec![all[0].clone(), all[all.len() / 2].clone(), all[all.len() - 1].clone()];
    some.dedup();
    some
}

fn on_some(test: impl Fn(&Python) + Sync) {
    let pythons = some();
    std::thread::scope(|scope| {
        let test = &test;
        let run = |python| scope.spawn(move || test(python));
        let started: Vec<_> = pythons.iter().map(run).collect();
        started.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

#[test]
fn fewer_arenas_give_back_what_was_said() {
    on_some(|python| {
        let mut many = start(python, THREADS, None);
        let finding = held(&many);
        let told = said(&finding, "MALLOC_ARENA_MAX=2", "up to ").unwrap();
        let all = anonymous(&many);
        let few = start(python, THREADS, Some(("MALLOC_ARENA_MAX", "2")));
        near(python, "two arenas", told, all - anonymous(&few));
        let told = said(&finding, "malloc_trim(0)", "back ").unwrap();
        many.ask("trim");
        near(python, "trimming", told, all - anonymous(&many));
        assert!(finding.advice.contains("MALLOC_ARENA_MAX=2"), "{}", finding.advice);
    });
}

#[test]
fn a_lower_threshold_gives_back_what_was_said() {
    on_some(|python| {
        let raised = start(python, PEAK, None);
        let finding = held(&raised);
        let told = said(&finding, "MALLOC_TRIM_THRESHOLD_", "back ").unwrap();
        let low = start(python, PEAK, Some(("MALLOC_TRIM_THRESHOLD_", "131072")));
        near(python, "a threshold", told, anonymous(&raised) - anonymous(&low));
    });
}

#[test]
fn malloc_in_the_place_of_pymalloc_gives_back_what_was_said() {
    on_some(|python| {
        for (what, code) in [("runs", RUNS), ("scattered", SCATTERED)] {
            let mut own = start(python, code, None);
            own.ask("trim");
            let finding = held(&own);
            let told = said(&finding, "PYTHONMALLOC=malloc,", "back ")
                .or_else(|| said(&finding, "PYTHONMALLOC=malloc would", "take ").map(|more| -more));
            let mut malloc = start(python, code, Some(("PYTHONMALLOC", "malloc")));
            malloc.ask("trim");
            near(python, what, told.unwrap(), anonymous(&own) - anonymous(&malloc));
        }
    });
}
