//! The panic guard. It is compiled into the plugin, because a panic that crosses into a host
//! which was built by another compiler ends the process.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

use probe::{Error, ErrorKind};

thread_local! {
    /// How many guarded calls stand on this thread's stack.
    static DEPTH: Cell<u32> = const { Cell::new(0) };
    /// Where the last panic within a guarded call was.
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Runs a call; a panic becomes an error that says what and, where known, where.
pub(crate) fn guard<R>(call: impl FnOnce() -> Result<R, Error>) -> Result<R, Error> {
    DEPTH.set(DEPTH.get() + 1);
    // The state behind an unwound call is not used again: the handle is poisoned by its owner.
    let outcome = catch_unwind(AssertUnwindSafe(call));
    DEPTH.set(DEPTH.get() - 1);
    outcome.unwrap_or_else(|payload| Err(error_of(payload)))
}

fn error_of(payload: Box<dyn Any + Send>) -> Error {
    let what = payload
        .downcast_ref::<&str>()
        .map(|&text| text.to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".into());
    // The payload may be of any type, with a destructor that panics in turn.
    std::mem::forget(payload);
    let place = PLACE.take().map(|place| format!(" at {place}")).unwrap_or_default();
    Error::new(ErrorKind::Panicked, format!("panicked{place}: {what}"))
        .with_hint("this is a bug of the plugin: report it to its author with the message")
}

/// In a library of its own, keeps panics within guarded calls off the terminal and notes where
/// they were. Panics elsewhere go the way they went before.
///
/// Not to be called in a program that links probes: the panic hook there is the program's.
pub(crate) fn quiet_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if DEPTH.get() == 0 {
                return before(info);
            }
            let place = info.location().map(ToString::to_string);
            let note = |cell: &RefCell<_>| cell.try_borrow_mut().map(|mut slot| *slot = place).ok();
            let _ = PLACE.try_with(note);
        }));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A destructor that panics when the payload is dropped.
    struct Nasty;
    impl Drop for Nasty {
        fn drop(&mut self) {
            panic!("dropping");
        }
    }

    /// Every kind of panic becomes an error with its message.
    #[test]
    fn panics_become_errors() {
        let message = |call: fn()| {
            let error = guard(|| {
                call();
                Ok(())
            })
            .unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Panicked);
            error.to_string()
        };
        assert_eq!(message(|| panic!("plain")), "panicked: plain");
        let number = 7;
        assert_eq!(message(|| panic!("with {}", 7)), format!("panicked: with {number}"));
        assert_eq!(message(|| std::panic::panic_any(Nasty)), "panicked: no message");
        assert_eq!(guard(|| Ok(1)).expect("no panic"), 1);
    }
}
