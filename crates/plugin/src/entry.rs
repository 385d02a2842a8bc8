//! The functions of the table: from C to the trait and back.

use std::marker::PhantomData;
use std::sync::atomic::{AtomicBool, Ordering};

use probe::{Error, ErrorKind, Open, Request, Result};
use tracing::Dispatch;

use crate::abi::{self, Bytes, Host, Plugin, Str};
use crate::bridge::HostRef;
use crate::bytes::{error_json, give};
use crate::guard::{guard, quiet_panics};

/// Longest text that is taken from the host, bytes. Above any configuration or request.
const INPUT_CAP: usize = 64 << 20;

/// Whether this code stands in a library of its own rather than in a program that links probes.
static EXPORTED: AtomicBool = AtomicBool::new(false);

/// The table of functions of a probe. It lives for ever and holds no state.
#[must_use]
pub fn table<T: Open>() -> &'static Plugin {
    &Table::<T>::TABLE
}

/// The same for the exported symbol of a library.
#[doc(hidden)]
#[must_use]
pub fn exported<T: Open>() -> *const Plugin {
    EXPORTED.store(true, Ordering::Relaxed);
    quiet_panics();
    table::<T>()
}

struct Table<T>(PhantomData<T>);

impl<T: Open> Table<T> {
    const TABLE: Plugin = Plugin {
        struct_size: size_of::<Plugin>(),
        abi_minor: abi::MEMPROBE_ABI_MINOR,
        reserved: 0,
        describe: Some(describe::<T>),
        open: Some(open::<T>),
        snapshot: Some(snapshot::<T>),
        close: Some(close::<T>),
    };
}

/// What a handle points to.
struct Opened<T> {
    probe: T,
    host: HostRef,
    dispatch: Dispatch,
    /// What it panicked of. The probe is not asked again.
    poison: Option<String>,
}

impl<T: Open> Opened<T> {
    fn open(host: HostRef, config: &[u8]) -> Result<Self> {
        let dispatch = host.dispatch();
        if EXPORTED.load(Ordering::Relaxed) {
            // For threads that the probe starts by itself. Fails from the second handle on, and
            // the first host serves as well: it stays valid until the process ends.
            let _ = tracing::dispatcher::set_global_default(dispatch.clone());
        }
        let config = serde_json::from_slice(config).map_err(|e| {
            Error::new(ErrorKind::InvalidInput, "the configuration is not understood")
                .with_source(e)
                .with_hint("see what the probe's documentation says about its configuration")
        })?;
        let probe = host.run(&dispatch, || T::open(config))?;
        Ok(Self { probe, host, dispatch, poison: None })
    }

    fn snapshot(&mut self, request: &[u8]) -> Result<String> {
        if let Some(panic) = &self.poison {
            return Err(Error::new(
                ErrorKind::Panicked,
                format!("is not asked again after it has {panic}"),
            ));
        }
        let request: Request = serde_json::from_slice(request).map_err(|e| {
            Error::new(ErrorKind::InvalidInput, "the request is not understood").with_source(e)
        })?;
        let (host, dispatch, probe) = (self.host, &self.dispatch, &mut self.probe);
        let outcome = guard(|| host.run(dispatch, || probe.snapshot(&request)));
        if let Err(error) = &outcome
            && error.kind() == ErrorKind::Panicked
        {
            self.poison = Some(error.to_string());
        }
        outcome.map(|snapshot| snapshot.to_json())
    }
}

/// Writes an error for the host and gives its code.
///
/// # Safety
/// `err` is null or points to a structure that may be overwritten.
unsafe fn fail(err: *mut Bytes, error: &Error) -> i32 {
    // SAFETY: passed on.
    unsafe { give(err, error_json(error)) };
    error.kind().code()
}

/// # Safety
/// See [`Plugin::describe`].
unsafe extern "C" fn describe<T: Open>(out: *mut Bytes) -> i32 {
    let described = guard(|| {
        serde_json::to_string(&T::describe()).map_err(|e| {
            Error::new(ErrorKind::Other, "the description cannot be written").with_source(e)
        })
    });
    match described {
        Ok(json) => {
            // SAFETY: the host vouches for `out`.
            unsafe { give(out, json) };
            abi::MEMPROBE_OK
        }
        // There is no `err` here: what went wrong is given in place of the description.
        // SAFETY: the host vouches for `out`.
        Err(error) => unsafe { fail(out, &error) },
    }
}

/// # Safety
/// See [`Plugin::open`].
unsafe extern "C" fn open<T: Open>(
    host: *const Host,
    config_json: Str,
    out: *mut *mut abi::Handle,
    err: *mut Bytes,
) -> i32 {
    if out.is_null() {
        return abi::MEMPROBE_INVALID_INPUT;
    }
    // SAFETY: the host vouches for its structure and for the text, both for the call.
    let (host, config) = unsafe { (HostRef::read(host), config_json.bytes(INPUT_CAP)) };
    match guard(|| Opened::<T>::open(host, config).map(Box::new)) {
        Ok(opened) => {
            // SAFETY: not null, and the host vouches for it.
            unsafe { out.write(Box::into_raw(opened).cast()) };
            abi::MEMPROBE_OK
        }
        // SAFETY: the host vouches for `err`.
        Err(error) => unsafe { fail(err, &error) },
    }
}

/// # Safety
/// See [`Plugin::snapshot`].
unsafe extern "C" fn snapshot<T: Open>(
    handle: *mut abi::Handle,
    request_json: Str,
    out: *mut Bytes,
    err: *mut Bytes,
) -> i32 {
    // SAFETY: a handle is what `open` of the same table made, and calls with it do not overlap.
    let Some(opened) = (unsafe { handle.cast::<Opened<T>>().as_mut() }) else {
        return abi::MEMPROBE_INVALID_INPUT;
    };
    // SAFETY: the host vouches for the text, for the call.
    let request = unsafe { request_json.bytes(INPUT_CAP) };
    // A second guard: a snapshot that does not serialise is the probe's fault as well.
    match guard(|| opened.snapshot(request)) {
        Ok(json) => {
            // SAFETY: the host vouches for `out`.
            unsafe { give(out, json) };
            abi::MEMPROBE_OK
        }
        // SAFETY: the host vouches for `err`.
        Err(error) => unsafe { fail(err, &error) },
    }
}

/// # Safety
/// See [`Plugin::close`].
unsafe extern "C" fn close<T: Open>(handle: *mut abi::Handle) {
    if handle.is_null() {
        return;
    }
    // SAFETY: a handle is what `open` of the same table made, and is closed once.
    let opened = unsafe { Box::from_raw(handle.cast::<Opened<T>>()) };
    let (host, dispatch) = (opened.host, opened.dispatch.clone());
    // There is nobody to tell of a destructor that panics.
    let _ = guard(|| {
        host.run(&dispatch, || drop(opened));
        Ok(())
    });
}
