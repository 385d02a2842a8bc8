//! The C ABI: the structures that cross between host and plugin.
//!
//! `include/memprobe_plugin.h` is generated from this file, comments included, so they speak to
//! C authors. Versions: the major version is in the name of the exported symbol; within a major
//! version structures only grow at their end, and `struct_size` says how much of one is there.

use std::ffi::c_void;
use std::mem::offset_of;

/// The minor version of the ABI that this header describes. It rises when a field is appended.
pub const MEMPROBE_ABI_MINOR: u32 = 0;

/// Success.
pub const MEMPROBE_OK: i32 = 0;
/// There is no such process, file or name.
pub const MEMPROBE_NOT_FOUND: i32 = 1;
/// The target ended, or its PID now belongs to another process.
pub const MEMPROBE_TARGET_ENDED: i32 = 2;
/// The system refuses access.
pub const MEMPROBE_PERMISSION_DENIED: i32 = 3;
/// This platform, kernel, interpreter or allocator is not supported.
pub const MEMPROBE_UNSUPPORTED: i32 = 4;
/// What the caller asked for makes no sense.
pub const MEMPROBE_INVALID_INPUT: i32 = 5;
/// What was read makes no sense.
pub const MEMPROBE_INVALID_DATA: i32 = 6;
/// The system failed to read or write.
pub const MEMPROBE_IO: i32 = 7;
/// It took longer than allowed.
pub const MEMPROBE_TIMED_OUT: i32 = 8;
/// The probe panicked (in C: found itself in a state that must not be). Answer the same to all
/// later calls with this handle.
pub const MEMPROBE_PANICKED: i32 = 9;
/// Two versions do not fit together.
pub const MEMPROBE_INCOMPATIBLE: i32 = 10;
/// The host asked to stop.
pub const MEMPROBE_CANCELLED: i32 = 11;
/// None of the above. Codes that a host does not know are taken for this one.
pub const MEMPROBE_OTHER: i32 = 12;

/// Log level: something failed.
pub const MEMPROBE_LEVEL_ERROR: u32 = 1;
/// Log level: something is missing or odd.
pub const MEMPROBE_LEVEL_WARN: u32 = 2;
/// Log level: what a curious user wants to know.
pub const MEMPROBE_LEVEL_INFO: u32 = 3;
/// Log level: what the author wants to know.
pub const MEMPROBE_LEVEL_DEBUG: u32 = 4;
/// Log level: every step.
pub const MEMPROBE_LEVEL_TRACE: u32 = 5;

/// UTF-8 text that is lent for the duration of a call. It does NOT end with a NUL byte.
///
/// `data` may be NULL where `len` is 0.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Str {
    /// First byte.
    pub data: *const u8,
    /// Number of bytes.
    pub len: usize,
}

/// Bytes that change hands. Who makes them frees them: the receiver calls `release` once, when
/// it has done with them, and never touches `data` afterwards.
///
/// The receiver of bytes hands in a zeroed structure. The maker fills it:
///
/// - `data`, `len`: the bytes; `data` may be NULL where `len` is 0;
/// - `release`: called with a pointer to this structure. It frees what is to be freed and sets
///   `release` to NULL, so that a second call cannot happen. May be NULL where nothing is to be
///   freed, such as for a text constant;
/// - `private_data`: whatever `release` needs; nobody else looks at it.
#[repr(C)]
#[derive(Debug)]
pub struct Bytes {
    /// First byte.
    pub data: *const u8,
    /// Number of bytes.
    pub len: usize,
    /// Frees the bytes and sets itself to NULL.
    pub release: Option<unsafe extern "C" fn(bytes: *mut Bytes)>,
    /// For `release` alone.
    pub private_data: *mut c_void,
}

/// A probe that a plugin has opened. What is behind it is the plugin's business.
// Not `repr(C)`, so that the header declares it without showing what is in it.
#[derive(Debug)]
pub struct Handle {
    _opaque: [u8; 0],
}

/// What the host offers to a plugin. It stays valid until the process ends, so a plugin may
/// keep the pointer and use it from any thread.
///
/// Look at `struct_size` before you read a field that a later minor version appended.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Host {
    /// Size of this structure in bytes, as the host knows it.
    pub struct_size: usize,
    /// Minor version of the ABI that the host speaks.
    pub abi_minor: u32,
    /// The highest log level that anybody listens to; 0: nobody does. Messages above it may be
    /// sent and are dropped.
    pub max_level: u32,
    /// To be handed to the functions below.
    pub context: *mut c_void,
    /// Logs a message. `level` is one of the MEMPROBE_LEVEL_ numbers, `target` names the part of
    /// the plugin that speaks (may be empty). Both texts are only lent. May be called from any
    /// thread, at any time. May be NULL.
    pub log:
        Option<unsafe extern "C" fn(context: *mut c_void, level: u32, target: Str, message: Str)>,
    /// Whether the host has given up on the call that is running for this handle: 1, or 0. A
    /// long snapshot asks now and then, and returns MEMPROBE_CANCELLED. May be called from any
    /// thread. May be NULL.
    pub is_cancelled: Option<unsafe extern "C" fn(context: *mut c_void) -> i32>,
}

/// What a plugin offers to the host. It lives until the process ends; a plugin is never unloaded.
///
/// - Functions that return a number return MEMPROBE_OK, or what class of thing went wrong.
/// - `err`, where there is one, is a zeroed memprobe_bytes to be filled when a call fails: with
///   plain UTF-8 text, or with a JSON object `{"message": ..., "hint": ..., "kind": ...}`, of
///   which only `message` is needed. `hint` says what to try. It may be left as it is.
/// - Nothing may be thrown, panicked or longjmp'ed out of these functions.
/// - Calls with one handle never overlap, but may come from different threads. Calls with
///   different handles may overlap. `describe` may be called at any time.
/// - A call that does not come back in time is given up: the handle is not asked again. It is
///   closed if the call comes back after all.
/// - A plugin leaves the target as it was and neither prints nor exits.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Plugin {
    /// Size of this structure in bytes, as the plugin knows it: `sizeof(memprobe_plugin)`.
    pub struct_size: usize,
    /// Minor version of the ABI that the plugin was built for: MEMPROBE_ABI_MINOR.
    pub abi_minor: u32,
    /// 0.
    pub reserved: u32,
    /// Says what the plugin is, as a JSON object. The same answer at every call, without a
    /// target and without side effects. On failure `out` may hold the error instead. All fields
    /// are needed; readers ignore those that they do not know:
    ///
    /// ```text
    /// { "name": "faults", "version": "1.0.0", "summary": "one line: what it looks at",
    ///   "level": "high" | "medium" | "low",
    ///   "questions": [ { "name": "faults", "tables": ["faults"], "cost": "one read",
    ///                    "frozen": false, "beside_copy": false } ],
    ///   "characteristics": { "availability": "", "memory_granularity": "",
    ///     "execution_granularity": "", "memory_cost": "", "execution_cost": "",
    ///     "developer_cost": "" } }
    /// ```
    ///
    /// `frozen`, which may be left out, says that the answer follows links through memory that
    /// the target changes meanwhile: where the user allows it the host freezes the target while
    /// it is asked.
    pub describe: Option<unsafe extern "C" fn(out: *mut Bytes) -> i32>,
    /// Makes a probe from a configuration, which is a JSON object, `{}` if nobody configured
    /// anything, and stores it in `out`. Does not touch any target yet. A configuration that
    /// makes no sense is MEMPROBE_INVALID_INPUT. On failure `out` is left as it is.
    pub open: Option<
        unsafe extern "C" fn(
            host: *const Host,
            config_json: Str,
            out: *mut *mut Handle,
            err: *mut Bytes,
        ) -> i32,
    >,
    /// Looks at a process once. The request is a JSON object:
    ///
    /// ```text
    /// { "target": { "pid": 42, "start_id": 123, ... },
    ///   "questions": ["faults"],              empty: all; skip those that you do not know
    ///   "frozen": null | { "pid": 43, ... },  what stands still, to be read instead
    ///   "capture_dir": "/path"                may be missing: a folder for files, see below }
    /// ```
    ///
    /// `frozen` is only lent for questions that want it, and never surely there: null means that
    /// the process itself is read while it runs. Its `pid` is that of a copy of the target that
    /// never runs and has memory and mappings but no threads of its own; or that of the target,
    /// which then stands until the call returns. It is gone after the call.
    ///
    /// and the answer in `out` is one as well:
    ///
    /// ```text
    /// { "schema": 1,
    ///   "probe": { "name": "faults", "version": "1.0.0" },
    ///   "target": { "pid": 42 },
    ///   "taken": { "unix_ns": 1, "monotonic_ns": 1 },   CLOCK_REALTIME, CLOCK_MONOTONIC
    ///   "complete": true,                               everything that was asked for is there
    ///   "issues": [ { "severity": "info" | "warning" | "error", "message": "" } ],
    ///   "tables": [ { "name": "faults", "columns": [
    ///     { "name": "pid", "role": "key", "type": "u64", "values": [42] },
    ///     { "name": "minor", "role": "counter", "unit": "count", "type": "u64",
    ///       "values": [7] } ] } ] }
    /// ```
    ///
    /// `type` is bool, u64, i64, f64 or text. `unit` is bytes, count, ns, ratio, address or none.
    /// `role` is key (identifies the row from one look to the next), level (a measure that is
    /// subtracted), counter (a measure that only counts up), ref:TABLE (a row number in another
    /// table) or attribute. All columns of a table have the same number of values; null is "not
    /// known". An error is for when nothing was read; anything less is an issue.
    ///
    /// A table of millions of rows goes into a file: where the request names a folder, write the
    /// Parquet file `<table>.parquet` into it and nothing outside of it, and say in the answer
    ///
    /// ```text
    ///   "files": [ { "table": "objects", "file": "objects.parquet", "rows": 9000000,
    ///     "columns": [ { "name": "address", "role": "key", "unit": "address",
    ///       "type": "u64", "nullable": false } ] } ]
    /// ```
    ///
    /// with the columns in the order of the file. `type` may also be u8 or u32 there. The host
    /// leaves a file out that is not what was said of it.
    pub snapshot: Option<
        unsafe extern "C" fn(
            handle: *mut Handle,
            request_json: Str,
            out: *mut Bytes,
            err: *mut Bytes,
        ) -> i32,
    >,
    /// Frees a probe that `open` made. NULL is ignored.
    pub close: Option<unsafe extern "C" fn(handle: *mut Handle)>,
}

// SAFETY: the table is immutable, holds no data pointers, and the contract above allows its
// functions to be called from any thread.
unsafe impl Sync for Plugin {}

// SAFETY: by the contract above, its functions may be called from any thread, and the context
// is only handed to them.
unsafe impl Send for Host {}
// SAFETY: as above.
unsafe impl Sync for Host {}

impl Str {
    /// Lends a text.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self { data: text.as_ptr(), len: text.len() }
    }

    /// The bytes; at most `cap` of them, and none where the pointer is null.
    ///
    /// # Safety
    /// `data` is null or points to `len` bytes that stay as they are for `'a`.
    #[must_use]
    pub unsafe fn bytes<'a>(self, cap: usize) -> &'a [u8] {
        if self.data.is_null() {
            return &[];
        }
        // SAFETY: the caller vouches for the pointer; a smaller length is within it.
        unsafe { std::slice::from_raw_parts(self.data, self.len.min(cap)) }
    }
}

impl Bytes {
    /// Nothing: what the receiver hands in.
    #[must_use]
    pub const fn empty() -> Self {
        Self { data: std::ptr::null(), len: 0, release: None, private_data: std::ptr::null_mut() }
    }
}

impl Plugin {
    /// Size of the smallest table of this major version, bytes. It never changes.
    ///
    /// cbindgen:ignore
    pub const SMALLEST: usize = offset_of!(Self, close) + size_of::<usize>();
}

impl Host {
    /// Size of the smallest host structure of this major version, bytes. It never changes.
    ///
    /// cbindgen:ignore
    pub const SMALLEST: usize = offset_of!(Self, is_cancelled) + size_of::<usize>();
}

#[cfg(test)]
mod tests {
    use super::*;
    use probe::ErrorKind;

    /// The layout is a contract with libraries that were built long ago.
    #[test]
    #[cfg(target_pointer_width = "64")]
    fn sizes_and_offsets_are_pinned() {
        assert_eq!(size_of::<Str>(), 16);
        assert_eq!(size_of::<Bytes>(), 32);
        assert_eq!((size_of::<Host>(), Host::SMALLEST), (40, 40));
        assert_eq!((size_of::<Plugin>(), Plugin::SMALLEST), (48, 48));
        let bytes = [
            offset_of!(Bytes, data),
            offset_of!(Bytes, len),
            offset_of!(Bytes, release),
            offset_of!(Bytes, private_data),
        ];
        assert_eq!(bytes, [0, 8, 16, 24]);
        let host = [
            offset_of!(Host, struct_size),
            offset_of!(Host, abi_minor),
            offset_of!(Host, max_level),
            offset_of!(Host, context),
            offset_of!(Host, log),
            offset_of!(Host, is_cancelled),
        ];
        assert_eq!(host, [0, 8, 12, 16, 24, 32]);
        let plugin = [
            offset_of!(Plugin, struct_size),
            offset_of!(Plugin, abi_minor),
            offset_of!(Plugin, reserved),
            offset_of!(Plugin, describe),
            offset_of!(Plugin, open),
            offset_of!(Plugin, snapshot),
            offset_of!(Plugin, close),
        ];
        assert_eq!(plugin, [0, 8, 12, 16, 24, 32, 40]);
    }

    /// The numbers of the header are those of the error kinds.
    #[test]
    fn status_codes_are_the_kinds() {
        let codes = [
            MEMPROBE_NOT_FOUND,
            MEMPROBE_TARGET_ENDED,
            MEMPROBE_PERMISSION_DENIED,
            MEMPROBE_UNSUPPORTED,
            MEMPROBE_INVALID_INPUT,
            MEMPROBE_INVALID_DATA,
            MEMPROBE_IO,
            MEMPROBE_TIMED_OUT,
            MEMPROBE_PANICKED,
            MEMPROBE_INCOMPATIBLE,
            MEMPROBE_CANCELLED,
            MEMPROBE_OTHER,
        ];
        assert_eq!(codes, ErrorKind::ALL.map(ErrorKind::code));
    }
}
