//! What is read from a frozen target.

use memprobe_target::freeze::{FrozenTarget, Method, Options, freeze};
use memprobe_target::memory::{LiveMemory, ReadMemory};
use probe::Target;
use test_support::{Running, pythons};

use crate::support::{METHODS, assert_free, freeze_now, is_long, program};

const SLOTS: usize = 4096;

fn addresses(target: &Running) -> Vec<u64> {
    target.ready.split(' ').skip(1).map(|word| word.parse().unwrap()).collect()
}

fn slots(memory: &impl ReadMemory, addr: u64) -> Vec<u64> {
    let mut bytes = vec![0; SLOTS * 8];
    memory.read(addr, &mut bytes).unwrap();
    bytes.chunks_exact(8).map(|b| u64::from_ne_bytes(b.try_into().unwrap())).collect()
}

/// The program fills the slots in order, so at every instant there is at most one step, by one,
/// downwards.
fn is_one_instant(slots: &[u64]) -> bool {
    let steps: Vec<_> = slots.windows(2).filter(|pair| pair[0] != pair[1]).collect();
    steps.len() <= 1 && steps.iter().all(|pair| pair[0] == pair[1] + 1)
}

fn frozen_slots(frozen: &FrozenTarget, addr: u64) -> Vec<u64> {
    let slots = slots(&frozen.memory().unwrap(), addr);
    assert!(is_one_instant(&slots), "{} gave a torn picture", frozen.method());
    slots
}

/// The copy is of one instant and stays so while the target goes on; the stopped target does not
/// go on.
#[test]
fn the_picture_is_of_one_instant() {
    let times = if is_long() { 200 } else { 10 };
    for python in pythons() {
        let target = program(&python, "writing");
        let addr = addresses(&target)[0];
        let live = LiveMemory::open(&Target::from_pid(target.pid())).unwrap();
        for &method in METHODS {
            for _ in 0..times {
                let frozen = freeze_now(target.pid(), method);
                let first = frozen_slots(&frozen, addr);
                if frozen.method() == Method::Fork {
                    while slots(&live, addr)[0] <= first[0] + 1 {
                        std::thread::yield_now();
                    }
                }
                assert_eq!(frozen_slots(&frozen, addr), first);
                assert!(frozen.is_frozen());
                let threads = frozen.threads();
                assert_eq!(threads.len(), 2);
                assert!(threads.iter().all(|t| t.registers.len() >= 27), "{threads:?}");
                frozen.release().unwrap();
            }
        }
        assert_free(target.pid());
    }
}

/// Memory that children do not get is there all the same, and what is not frozen is told.
#[test]
fn hidden_memory_is_saved() {
    for python in pythons() {
        let target = program(&python, "hidden");
        for &method in METHODS {
            let frozen = freeze_now(target.pid(), method);
            for addr in addresses(&target) {
                let mut bytes = [0; 8192];
                frozen.memory().unwrap().read(addr, &mut bytes).unwrap();
                assert!(bytes.chunks_exact(8).all(|word| word == b"hidden!!"), "{method}");
            }
            if frozen.method() == Method::Fork {
                let told = frozen.issues().iter().any(|i| i.message.contains("shares with other"));
                assert!(told, "{:?}", frozen.issues());
            }
        }
        let mut options = Options::default();
        options.most_copied = 4096;
        let frozen = freeze(&Target::from_pid(target.pid()), Method::Auto, &options).unwrap();
        if frozen.method() == Method::Fork {
            let told = frozen.issues().iter().any(|i| i.message.starts_with("12 KiB of memory"));
            assert!(told, "{:?}", frozen.issues());
        }
    }
}

/// A stop has an end, and the reader can know.
#[test]
fn a_stop_does_not_last() {
    let python = test_support::python();
    let mut target = program(&python, "busy");
    let mut options = Options::default();
    options.most_stop = std::time::Duration::from_millis(1);
    let frozen = freeze(&Target::from_pid(target.pid()), Method::Stop, &options).unwrap();
    // It answers although it was not released.
    assert_eq!(target.ask("go"), "ok");
    assert!(!frozen.is_frozen());
    let released = frozen.release().unwrap();
    assert_eq!(released.issues.len(), 1, "{:?}", released.issues);
}

/// Without freezing nothing is touched, and it is said.
#[test]
fn nothing_is_frozen_on_request() {
    let python = test_support::python();
    let mut target = program(&python, "writing");
    let frozen = freeze_now(target.pid(), Method::None);
    assert_eq!(frozen.pid(), target.pid());
    assert_eq!(frozen.issues().len(), 1);
    assert!(!frozen.is_frozen());
    assert_free(target.pid());
    assert_eq!(target.ask("go"), "ok");
    assert_eq!(frozen.release().unwrap().pause.total_ns, 0);
}
