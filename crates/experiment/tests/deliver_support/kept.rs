//! What is to be undone later is undone: when asked, at its time, and by who comes next.

use test_support::{Running, until};

use crate::support::{deliver, is_long, options, program, recipient, with_all};

/// Tracing for so many seconds.
fn tracing(seconds: f64) -> String {
    format!(
        "import _tracemalloc\n_tracemalloc.start(1)\ndef undo():\n    _tracemalloc.stop()\n    \
         return _tracemalloc.is_tracing()\nkeep({seconds}, undo)\nsay(_tracemalloc.is_tracing())"
    )
}

fn await_state(target: &mut Running, expected: &str, what: &str) {
    until(&format!("{what} is in this state: {expected}"), || target.ask("state()") == expected);
}

#[test]
fn what_is_kept_is_undone_when_asked() {
    with_all(|python| {
        let mut target = program(python);
        let before = target.ask("state()");
        let to = recipient(target.pid()).unwrap();
        let kept = to.deliver_to_keep(&tracing(600.0), options(60)).unwrap();
        assert_eq!(kept.delivery.results, ["true"], "{python}");
        let during = target.ask("state()");
        assert_ne!(during, before, "{python}");
        assert_eq!(kept.undo().unwrap().as_deref(), Some("false"), "{python}");
        await_state(&mut target, &before, &python.to_string());
    });
}

/// Nobody is there any more to ask for it.
#[test]
fn what_is_kept_is_undone_at_its_time() {
    with_all(|python| {
        let mut target = program(python);
        let before = target.ask("state()");
        let to = recipient(target.pid()).unwrap();
        drop(to.deliver_to_keep(&tracing(0.5), options(60)).unwrap());
        await_state(&mut target, &before, &python.to_string());
    });
}

#[test]
fn who_comes_next_has_it_undone() {
    with_all(|python| {
        let mut target = program(python);
        let before = target.ask("state()");
        let rounds = if is_long() { 30 } else { 1 };
        for _ in 0..rounds {
            let to = recipient(target.pid()).unwrap();
            drop(to.deliver_to_keep(&tracing(600.0), options(60)).unwrap());
            drop(to);
            deliver(target.pid(), "say(1)").unwrap();
            await_state(&mut target, &before, &python.to_string());
        }
    });
}
