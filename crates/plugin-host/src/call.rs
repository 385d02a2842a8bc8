//! Calls through the table, made safe: what comes back is checked and freed.

use plugin::abi::{self, Bytes, Str};
use probe::{Descriptor, Error, ErrorKind, Limits, Request, Result, Snapshot};
use serde::Deserialize;

use crate::library::Table;

/// Longest description that is read, bytes.
pub(crate) const DESCRIPTION_CAP: usize = 1 << 20;
/// Longest error that is read, bytes.
const ERROR_CAP: usize = 64 << 10;
/// Longest message or hint that is shown, characters.
const MESSAGE_CAP: usize = 4000;

/// Bytes that a plugin filled, released when dropped.
pub(crate) struct Received(Bytes);

impl Received {
    pub(crate) fn new() -> Self {
        Self(Bytes::empty())
    }

    fn out(&mut self) -> *mut Bytes {
        &raw mut self.0
    }

    /// What is there.
    pub(crate) fn get(&self, cap: usize) -> Result<&[u8]> {
        let Bytes { data, len, .. } = self.0;
        if len == 0 {
            return Ok(&[]);
        }
        let invalid = |message: String| Err(Error::new(ErrorKind::InvalidData, message));
        if data.is_null() {
            return invalid(format!("gave a null pointer to {len} bytes"));
        }
        if len > cap {
            return invalid(format!("gave {len} bytes, over the limit of {cap}"));
        }
        // SAFETY: the plugin vouches for the pointer and the length until they are released;
        // the length is far below `isize::MAX`.
        Ok(unsafe { std::slice::from_raw_parts(data, len) })
    }

    /// Gives the bytes back; whether `release` then had nulled itself, or `None` where there was
    /// nothing to call.
    pub(crate) fn release(&mut self) -> Option<bool> {
        let release = self.0.release?;
        // SAFETY: the plugin's own function with the structure it filled, called once: below,
        // it is gone whether the plugin nulled it or not.
        unsafe { release(&raw mut self.0) };
        let nulled = self.0.release.is_none();
        self.0 = Bytes::empty();
        Some(nulled)
    }
}

impl Drop for Received {
    fn drop(&mut self) {
        self.release();
    }
}

impl Table {
    /// The raw description.
    pub(crate) fn describe_raw(&self) -> Result<Received> {
        let mut out = Received::new();
        // SAFETY: the table was checked, and `out` is an empty structure of ours.
        let status = unsafe { (self.describe)(out.out()) };
        if status != abi::MEMPROBE_OK {
            return Err(error_of(status, &out).context("does not describe itself"));
        }
        Ok(out)
    }

    /// What the plugin says of itself.
    pub(crate) fn describe(&self) -> Result<Descriptor> {
        let out = self.describe_raw()?;
        let invalid = |message: String| Error::new(ErrorKind::InvalidData, message);
        let bytes = out.get(DESCRIPTION_CAP).map_err(|e| e.context("cannot be described"))?;
        let descriptor: Descriptor = serde_json::from_slice(bytes)
            .map_err(|e| invalid("describes itself with nonsense".into()).with_source(e))?;
        if !crate::search::is_name(&descriptor.name) {
            return Err(invalid(format!(
                "describes itself with the name `{}`, which is none",
                clean(&descriptor.name)
            ))
            .with_hint("names have up to 64 lower-case letters, digits, `-` and `_`"));
        }
        Ok(descriptor)
    }

    /// Opens a probe.
    pub(crate) fn open(&self, host: &'static abi::Host, config: &str) -> Result<Handle> {
        let mut err = Received::new();
        let mut handle = std::ptr::null_mut();
        // SAFETY: the table was checked; host and texts live for the call and longer, and both
        // places to write to are ours.
        let status = unsafe { (self.open)(host, Str::new(config), &raw mut handle, err.out()) };
        if status != abi::MEMPROBE_OK {
            return Err(error_of(status, &err));
        }
        if handle.is_null() {
            let message = "says that it opened a probe, and gave none";
            return Err(Error::new(ErrorKind::InvalidData, message));
        }
        Ok(Handle { table: *self, handle })
    }
}

/// An opened probe, closed when dropped.
pub(crate) struct Handle {
    table: Table,
    handle: *mut abi::Handle,
}

// SAFETY: by the contract of the ABI, calls with one handle may come from any thread as long as
// they do not overlap, and `&mut self` sees to that.
unsafe impl Send for Handle {}

impl Handle {
    /// The raw answer to a request.
    pub(crate) fn snapshot_raw(&mut self, request: &str) -> Result<Received> {
        let (mut out, mut err) = (Received::new(), Received::new());
        // SAFETY: the handle is open, the text lives for the call, and both places to write to
        // are ours.
        let status =
            unsafe { (self.table.snapshot)(self.handle, Str::new(request), out.out(), err.out()) };
        if status == abi::MEMPROBE_OK { Ok(out) } else { Err(error_of(status, &err)) }
    }

    /// Looks once.
    pub(crate) fn snapshot(&mut self, request: &Request) -> Result<Snapshot> {
        let text = serde_json::to_string(request).map_err(|e| {
            Error::new(ErrorKind::InvalidInput, "the request cannot be written").with_source(e)
        })?;
        let out = self.snapshot_raw(&text)?;
        decode(&out, request)
    }
}

/// The checked snapshot of an answer.
pub(crate) fn decode(out: &Received, request: &Request) -> Result<Snapshot> {
    let limits = Limits::default();
    let snapshot = out.get(limits.document_bytes).and_then(|b| Snapshot::from_json(b, &limits));
    let snapshot = snapshot.map_err(|e| e.context("answered nonsense"))?;
    if snapshot.target.pid != request.target.pid {
        return Err(Error::new(
            ErrorKind::InvalidData,
            format!(
                "answered for process {}, and was asked for process {}",
                snapshot.target.pid, request.target.pid
            ),
        ));
    }
    Ok(snapshot)
}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: the handle is open, and this is its end.
        unsafe { (self.table.close)(self.handle) };
    }
}

/// An error as it crosses: an object, or whatever is no such object as plain text.
#[derive(Deserialize)]
struct Told {
    #[serde(default)]
    kind: Option<serde_json::Value>,
    message: String,
    #[serde(default)]
    hint: Option<String>,
}

fn error_of(status: i32, told: &Received) -> Error {
    let kind = ErrorKind::from_code(status);
    let bytes = match told.get(ERROR_CAP) {
        Ok(bytes) => bytes,
        Err(error) => {
            return Error::new(kind, format!("failed with status {status}, and {error}"));
        }
    };
    let Ok(told) = serde_json::from_slice::<Told>(bytes) else {
        let text = clean(&String::from_utf8_lossy(bytes));
        let message = match text.trim() {
            "" => format!("failed with status {status} and did not say why"),
            text => text.to_owned(),
        };
        return Error::new(kind, message);
    };
    // A kind that this host does not know is as good as none.
    let named = told.kind.and_then(|kind| serde_json::from_value(kind).ok());
    let error = Error::new(named.unwrap_or(kind), clean(&told.message));
    match told.hint {
        Some(hint) if !hint.is_empty() => error.with_hint(clean(&hint)),
        _ => error,
    }
}

/// Text from a plugin, fit for a terminal: no control characters, and not endless.
pub(crate) fn clean(text: &str) -> String {
    let mut chars = text.chars();
    let kept = chars.by_ref().take(MESSAGE_CAP);
    let mut kept: String =
        kept.map(|c| if c.is_control() && c != '\n' { ' ' } else { c }).collect();
    if chars.next().is_some() {
        kept.push('…');
    }
    kept
}
