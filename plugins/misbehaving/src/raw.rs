//! What a plugin can do wrong below the trait: answers that no honest function gives.

use std::ffi::c_void;
use std::sync::OnceLock;

use plugin::abi::{self, Bytes, Handle, Host, Plugin, Str};

use crate::probe::{Config, Misbehaving, Mode};

/// The functions of the honest macro, wrapped.
pub(crate) fn table() -> &'static Plugin {
    static TABLE: OnceLock<Plugin> = OnceLock::new();
    TABLE.get_or_init(|| Plugin {
        open: Some(open),
        snapshot: Some(snapshot),
        close: Some(close),
        ..honest()
    })
}

/// The functions of the honest macro.
fn honest() -> Plugin {
    *plugin::table::<Misbehaving>()
}

/// What our handles point to: the honest handle and what to do with it.
struct Wrapped {
    inner: *mut Handle,
    mode: Mode,
}

/// # Safety
/// See [`Plugin::open`].
unsafe extern "C" fn open(
    host: *const Host,
    config_json: Str,
    out: *mut *mut Handle,
    err: *mut Bytes,
) -> i32 {
    // SAFETY: the host lends the text for the call.
    let config = unsafe { config_json.bytes(1 << 20) };
    let mode = serde_json::from_slice::<Config>(config).unwrap_or_default().mode;
    if mode == Mode::NoHandle {
        return abi::MEMPROBE_OK;
    }
    let Some(open) = honest().open else { return abi::MEMPROBE_OTHER };
    let mut inner = std::ptr::null_mut();
    // SAFETY: passed on, with a place of ours for the handle.
    let status = unsafe { open(host, config_json, &raw mut inner, err) };
    if status == abi::MEMPROBE_OK {
        // SAFETY: the host vouches for `out`.
        unsafe { out.write(Box::into_raw(Box::new(Wrapped { inner, mode })).cast()) };
    }
    status
}

/// # Safety
/// See [`Plugin::snapshot`].
unsafe extern "C" fn snapshot(
    handle: *mut Handle,
    request_json: Str,
    out: *mut Bytes,
    err: *mut Bytes,
) -> i32 {
    // SAFETY: made by `open` above and not yet closed.
    let Some(wrapped) = (unsafe { handle.cast::<Wrapped>().as_ref() }) else {
        return abi::MEMPROBE_INVALID_INPUT;
    };
    let text =
        |text: &'static [u8]| Bytes { data: text.as_ptr(), len: text.len(), ..Bytes::empty() };
    let answer = match wrapped.mode {
        Mode::Garbage => text(b"\0\x01garbage{{{"),
        Mode::NotUtf8 => text(b"{\"schema\":1,\"probe\":\"\xff\xfe\"}"),
        Mode::TruncatedJson => text(b"{\"schema\":1,\"probe\":{\"name\":\"misbehaving\""),
        Mode::NullWithLength => Bytes { len: 4096, ..Bytes::empty() },
        Mode::TooLong => Bytes { len: usize::MAX / 2, ..text(b"{}") },
        // Counts on a host that looks at `release` once only.
        Mode::ReleaseTwice => Bytes { release: Some(release_without_nulling), ..text(b"{}") },
        Mode::ErrorWithoutMessage => return abi::MEMPROBE_IO,
        Mode::UnknownStatus => return -77,
        Mode::PlainTextError => {
            // SAFETY: the host vouches for `err`.
            unsafe { err.write(text(b"plain \x1b[31mtext\xff")) };
            return abi::MEMPROBE_PERMISSION_DENIED;
        }
        _ => {
            let Some(snapshot) = honest().snapshot else { return abi::MEMPROBE_OTHER };
            // SAFETY: passed on, with the honest handle.
            return unsafe { snapshot(wrapped.inner, request_json, out, err) };
        }
    };
    // SAFETY: the host vouches for `out`.
    unsafe { out.write(answer) };
    abi::MEMPROBE_OK
}

/// Leaves itself in place, against the contract.
///
/// # Safety
/// None is needed: it does nothing.
unsafe extern "C" fn release_without_nulling(_: *mut Bytes) {}

/// # Safety
/// See [`Plugin::close`].
unsafe extern "C" fn close(handle: *mut Handle) {
    if handle.cast::<c_void>().is_null() {
        return;
    }
    // SAFETY: made by `open` above and closed once.
    let wrapped = unsafe { Box::from_raw(handle.cast::<Wrapped>()) };
    if let Some(close) = honest().close {
        // SAFETY: made by the honest `open` and closed once.
        unsafe { close(wrapped.inner) };
    }
}
