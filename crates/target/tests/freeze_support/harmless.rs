//! No program notices.

use memprobe_target::freeze::Method;
use test_support::pythons;

use crate::support::{METHODS, assert_free, families, figures, is_long, program, torment};

/// The ways in which a program is frozen on one of so many interpreters. The short form takes turns
/// where there are enough: each program meets each way and each interpreter.
fn ways(number: usize, interpreters: usize) -> &'static [Method] {
    let number = number % METHODS.len();
    if is_long() || interpreters < METHODS.len() { METHODS } else { &METHODS[number..=number] }
}

/// Freezes a program in all ways, and on every interpreter.
fn harmless(name: &str) {
    let times = if is_long() { 300 } else { 8 };
    let all = pythons();
    for (number, python) in all.iter().enumerate() {
        let mut target = program(python, name);
        let own = families(target.pid()).len();
        for &method in ways(number, all.len()) {
            let (forks, stops) = torment(&mut target, method, times);
            figures(python, &format!("{name} copies={forks} stops={stops}"));
            match method {
                Method::Stop => assert_eq!(forks, 0),
                Method::Fork => assert_eq!(stops, 0),
                _ => {}
            }
        }
        assert_free(target.pid());
        // A child of its own may just have started or ended.
        if name != "vforking" {
            let now = families(target.pid()).len();
            assert_eq!(now, own, "{python}: {name} has stray children");
        }
        // It ends well, too.
        target.close_stdin();
        assert_eq!(target.line(), None);
    }
}

macro_rules! programs {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            harmless(stringify!($name));
        })*
    };
}

programs! {
    busy sleeping epoll futex waiting children spawning vforking signals thread_storm many_threads
    asynchronous pool processes
}
