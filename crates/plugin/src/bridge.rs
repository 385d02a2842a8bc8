//! The log bridge: a library has a `tracing` dispatcher of its own, to which nobody listens, so
//! its events are forwarded to the host.

use std::cell::Cell;
use std::ffi::c_void;
use std::fmt::{self, Write as _};

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Dispatch, Event, Level, Metadata, Subscriber};

use crate::abi::{Host, Str};

/// The host as one handle knows it: a copy, in which fields beyond the host's own size are null.
#[derive(Clone, Copy)]
pub(crate) struct HostRef(Host);

thread_local! {
    /// The host on whose behalf this thread runs a probe at the moment.
    static CURRENT: Cell<Option<HostRef>> = const { Cell::new(None) };
}

/// Whether the host has given up on the call that runs on this thread. For probes that take
/// long and are written as plugins; `false` outside of a call.
#[must_use]
pub fn is_cancelled() -> bool {
    CURRENT.get().is_some_and(HostRef::is_cancelled)
}

impl HostRef {
    /// A host that offers nothing.
    const NONE: Self = Self(Host {
        struct_size: size_of::<Host>(),
        abi_minor: 0,
        max_level: 0,
        context: std::ptr::null_mut(),
        log: None,
        is_cancelled: None,
    });

    /// Copies what both sides know of the host. A null or too small host offers nothing.
    ///
    /// # Safety
    /// `host` is null or points to as many bytes as its `struct_size` says.
    pub(crate) unsafe fn read(host: *const Host) -> Self {
        if host.is_null() || !host.is_aligned() {
            return Self::NONE;
        }
        // SAFETY: not null, and every host has at least this field.
        let theirs = unsafe { (&raw const (*host).struct_size).read() };
        if theirs < Host::SMALLEST {
            return Self::NONE;
        }
        let mut copy = Self::NONE;
        let known = theirs.min(size_of::<Host>());
        // SAFETY: `known` bytes are within both structures, which are plain data; a pointer to a
        // function that is not there stays null, which is `None`.
        unsafe { (&raw mut copy.0).cast::<u8>().copy_from_nonoverlapping(host.cast(), known) };
        copy
    }

    /// Runs a call with this host as the receiver of the thread's events.
    pub(crate) fn run<R>(self, dispatch: &Dispatch, call: impl FnOnce() -> R) -> R {
        struct Reset(Option<HostRef>);
        impl Drop for Reset {
            fn drop(&mut self) {
                CURRENT.set(self.0);
            }
        }
        let _reset = Reset(CURRENT.replace(Some(self)));
        tracing::dispatcher::with_default(dispatch, call)
    }

    /// The receiver of events for this host.
    pub(crate) fn dispatch(self) -> Dispatch {
        Dispatch::new(Bridge { host: self, max_level: level_filter(self.0.max_level) })
    }

    fn log(self, level: u32, target: &str, message: &str) {
        if let Some(log) = self.0.log {
            // SAFETY: the host's own function with the host's own context; the texts live for
            // the call.
            unsafe { log(self.0.context, level, Str::new(target), Str::new(message)) }
        }
    }

    fn is_cancelled(self) -> bool {
        let context: *mut c_void = self.0.context;
        // SAFETY: the host's own function with the host's own context.
        self.0.is_cancelled.is_some_and(|ask| unsafe { ask(context) } != 0)
    }
}

fn level_filter(level: u32) -> LevelFilter {
    match level {
        0 => LevelFilter::OFF,
        1 => LevelFilter::ERROR,
        2 => LevelFilter::WARN,
        3 => LevelFilter::INFO,
        4 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    }
}

fn level_number(level: Level) -> u32 {
    match level {
        Level::ERROR => 1,
        Level::WARN => 2,
        Level::INFO => 3,
        Level::DEBUG => 4,
        Level::TRACE => 5,
    }
}

/// Forwards events; spans are not told apart.
struct Bridge {
    host: HostRef,
    max_level: LevelFilter,
}

impl Subscriber for Bridge {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && *metadata.level() <= self.max_level
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.max_level)
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut text = Text::default();
        event.record(&mut text);
        let metadata = event.metadata();
        self.host.log(level_number(*metadata.level()), metadata.target(), &text.finish());
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// An event as one line: its message, then its fields.
#[derive(Default)]
struct Text {
    message: String,
    fields: String,
}

impl Text {
    fn finish(self) -> String {
        match (self.message.is_empty(), self.fields.is_empty()) {
            (_, true) => self.message,
            (true, false) => self.fields,
            (false, false) => format!("{} {}", self.message, self.fields),
        }
    }

    fn field(&mut self, name: &str, value: fmt::Arguments<'_>) {
        let space = if self.fields.is_empty() { "" } else { " " };
        // Writing to a string cannot fail.
        let _ = match name {
            "message" => self.message.write_fmt(value),
            _ => write!(self.fields, "{space}{name}={value}"),
        };
    }
}

impl Visit for Text {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.field(field.name(), format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.field(field.name(), format_args!("{value:?}"));
    }
}
