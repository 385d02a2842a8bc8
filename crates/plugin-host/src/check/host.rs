//! A host that notes what a plugin logs.

use std::ffi::c_void;
use std::sync::{Mutex, PoisonError};

use plugin::abi::{Host, MEMPROBE_ABI_MINOR, MEMPROBE_LEVEL_TRACE, Str};

/// Longest text that is looked at, bytes. Far above any line.
const TEXT_CAP: usize = 1 << 20;

/// What was logged: how much, and the first thing that was wrong with it.
#[derive(Clone, Debug, Default)]
pub(super) struct Logged {
    pub(super) lines: u64,
    pub(super) wrong: Option<String>,
}

type Notes = Mutex<Logged>;

/// A host with all services, and where its notes are.
pub(super) fn noting() -> (&'static Host, &'static Notes) {
    let notes: &'static Notes = Box::leak(Box::default());
    let host = Host {
        context: std::ptr::from_ref(notes).cast_mut().cast(),
        log: Some(log),
        is_cancelled: Some(is_cancelled),
        ..silent()
    };
    (Box::leak(Box::new(host)), notes)
}

/// A host with no services at all.
pub(super) fn none() -> &'static Host {
    Box::leak(Box::new(Host { max_level: 0, ..silent() }))
}

fn silent() -> Host {
    Host {
        struct_size: size_of::<Host>(),
        abi_minor: MEMPROBE_ABI_MINOR,
        max_level: MEMPROBE_LEVEL_TRACE,
        context: std::ptr::null_mut(),
        log: None,
        is_cancelled: None,
    }
}

/// # Safety
/// See [`Host::log`]; `context` is what [`noting`] put there.
unsafe extern "C" fn log(context: *mut c_void, level: u32, target: Str, message: Str) {
    // SAFETY: the pointer leads to notes that are never freed.
    let Some(notes) = (unsafe { context.cast::<Notes>().as_ref() }) else { return };
    let mut logged = notes.lock().unwrap_or_else(PoisonError::into_inner);
    logged.lines += 1;
    if !(1..=MEMPROBE_LEVEL_TRACE).contains(&level) {
        logged.wrong.get_or_insert_with(|| format!("logged at level {level}; there are 1 to 5"));
    }
    for text in [target, message] {
        if text.data.is_null() && text.len > 0 {
            logged.wrong.get_or_insert_with(|| "logged a null pointer".into());
        }
        // SAFETY: the plugin lends the text for this call.
        let bytes = unsafe { text.bytes(TEXT_CAP) };
        if text.len > TEXT_CAP {
            logged.wrong.get_or_insert_with(|| format!("logged a text of {} bytes", text.len));
        } else if std::str::from_utf8(bytes).is_err() {
            logged.wrong.get_or_insert_with(|| "logged what is not UTF-8".into());
        }
    }
}

/// # Safety
/// See [`Host::is_cancelled`].
unsafe extern "C" fn is_cancelled(_: *mut c_void) -> i32 {
    0
}
