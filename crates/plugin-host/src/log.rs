//! The host's side of the log bridge: what a plugin logs is emitted again, under
//! `plugin::NAME`, as if it had been logged here.

use std::collections::HashMap;
use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use plugin::abi::{self, Str};
use tracing::callsite::{self, Callsite, Identifier};
use tracing::field::FieldSet;
use tracing::level_filters::LevelFilter;
use tracing::metadata::Kind;
use tracing::subscriber::Interest;
use tracing::{Dispatch, Event, Level, Metadata};

use crate::call::clean;

/// Longest text of a log message or its target that is looked at, bytes.
const TEXT_CAP: usize = 16 << 10;
/// Most lines of one call that are passed on; a plugin in a loop must not bury the rest.
const LINES_PER_CALL: u32 = 10_000;

/// What the host knows behind the pointer that a plugin hands back. One per opened probe, and
/// never freed, since a plugin may keep using it from a thread of its own.
pub(crate) struct Context {
    /// Who listened when the probe was opened.
    dispatch: Dispatch,
    sites: &'static Sites,
    cancelled: AtomicBool,
    lines: AtomicU32,
}

impl Context {
    /// A host structure for a new handle, and what stands behind it.
    pub(crate) fn leak(plugin: &str) -> (&'static abi::Host, &'static Self) {
        let context: &'static Self = Box::leak(Box::new(Self {
            dispatch: tracing::dispatcher::get_default(Clone::clone),
            sites: sites(plugin),
            cancelled: AtomicBool::new(false),
            lines: AtomicU32::new(0),
        }));
        let host = abi::Host {
            struct_size: size_of::<abi::Host>(),
            abi_minor: abi::MEMPROBE_ABI_MINOR,
            max_level: level_number(LevelFilter::current()),
            context: std::ptr::from_ref(context).cast_mut().cast(),
            log: Some(log),
            is_cancelled: Some(is_cancelled),
        };
        (Box::leak(Box::new(host)), context)
    }

    /// Who listened when the probe was opened.
    pub(crate) fn dispatch(&self) -> &Dispatch {
        &self.dispatch
    }

    /// Begins a call.
    pub(crate) fn begin(&self) {
        self.cancelled.store(false, Ordering::Relaxed);
        self.lines.store(0, Ordering::Relaxed);
    }

    /// Asks the running call to stop.
    pub(crate) fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    fn emit(&self, level: u32, target: Str, message: Str) {
        let Some(site) = self.sites.of(level) else { return };
        let Some(metadata) = site.metadata.get() else { return };
        if !self.dispatch.enabled(metadata) {
            return;
        }
        let line = self.lines.fetch_add(1, Ordering::Relaxed);
        match line.cmp(&LINES_PER_CALL) {
            std::cmp::Ordering::Less => {
                // SAFETY: the plugin lends both texts for this call.
                let (target, message) =
                    unsafe { (target.bytes(TEXT_CAP), message.bytes(TEXT_CAP)) };
                let target = clean(&String::from_utf8_lossy(target));
                self.event(metadata, &clean(&String::from_utf8_lossy(message)), &target);
            }
            std::cmp::Ordering::Equal => {
                self.event(metadata, "logs too much: the rest of this call's lines is dropped", "");
            }
            std::cmp::Ordering::Greater => {}
        }
    }

    /// Goes straight to the subscriber: a macro would ask this thread's own dispatcher, which is
    /// the plugin's bridge where the plugin is linked into this program.
    fn event(&self, metadata: &'static Metadata<'static>, message: &str, origin: &str) {
        let fields = metadata.fields();
        let (Some(message_field), Some(origin_field)) =
            (fields.field("message"), fields.field("origin"))
        else {
            return;
        };
        let message = format_args!("{message}");
        let origin = (!origin.is_empty()).then_some(origin);
        let values = [
            (&message_field, Some(&message as &dyn tracing::Value)),
            (&origin_field, origin.as_ref().map(|o| o as &dyn tracing::Value)),
        ];
        let values = fields.value_set(&values);
        let event = Event::new(metadata, &values);
        self.dispatch.event(&event);
    }
}

fn level_number(filter: LevelFilter) -> u32 {
    match filter.into_level() {
        None => 0,
        Some(Level::ERROR) => abi::MEMPROBE_LEVEL_ERROR,
        Some(Level::WARN) => abi::MEMPROBE_LEVEL_WARN,
        Some(Level::INFO) => abi::MEMPROBE_LEVEL_INFO,
        Some(Level::DEBUG) => abi::MEMPROBE_LEVEL_DEBUG,
        Some(Level::TRACE) => abi::MEMPROBE_LEVEL_TRACE,
    }
}

/// # Safety
/// See [`abi::Host::log`]; `context` is what [`Context::leak`] put there.
unsafe extern "C" fn log(context: *mut c_void, level: u32, target: Str, message: Str) {
    // SAFETY: the pointer is null or leads to a context, which is never freed.
    let Some(context) = (unsafe { context.cast::<Context>().as_ref() }) else { return };
    // A subscriber that panics must not unwind into the plugin.
    let _ = catch_unwind(AssertUnwindSafe(|| context.emit(level, target, message)));
}

/// # Safety
/// See [`abi::Host::is_cancelled`]; `context` is what [`Context::leak`] put there.
unsafe extern "C" fn is_cancelled(context: *mut c_void) -> i32 {
    // SAFETY: the pointer is null or leads to a context, which is never freed.
    let context = unsafe { context.cast::<Context>().as_ref() };
    context.map_or(0, |c| i32::from(c.cancelled.load(Ordering::Relaxed)))
}

/// The callsites of one plugin, a level each: subscribers filter by target, and a target belongs
/// to a callsite, which is for ever.
struct Sites([Site; 5]);

struct Site {
    metadata: OnceLock<Metadata<'static>>,
}

impl Callsite for Site {
    /// Every event asks the subscriber, so nothing is to be remembered.
    fn set_interest(&self, _: Interest) {}

    fn metadata(&self) -> &Metadata<'_> {
        self.metadata.get_or_init(|| {
            let fields = FieldSet::new(&[], Identifier(&UNNAMED));
            Metadata::new("log", "plugin", Level::ERROR, None, None, None, fields, Kind::EVENT)
        })
    }
}

/// Stands in for a callsite that is asked before it was given its name, which does not happen.
static UNNAMED: Site = Site { metadata: OnceLock::new() };

impl Sites {
    fn of(&self, level: u32) -> Option<&Site> {
        // Unknown levels, from a newer side, are finer than all that is known.
        let index = level.clamp(1, 5) as usize - 1;
        self.0.get(index)
    }
}

/// The callsites of the plugin of this name; made once per name.
fn sites(plugin: &str) -> &'static Sites {
    static ALL: Mutex<Option<HashMap<String, &'static Sites>>> = Mutex::new(None);
    let mut all = ALL.lock().unwrap_or_else(PoisonError::into_inner);
    let all = all.get_or_insert_default();
    if let Some(&sites) = all.get(plugin) {
        return sites;
    }
    let target: &'static str = Box::leak(format!("plugin::{plugin}").into_boxed_str());
    let sites: &'static Sites =
        Box::leak(Box::new(Sites(std::array::from_fn(|_| Site { metadata: OnceLock::new() }))));
    let levels = [Level::ERROR, Level::WARN, Level::INFO, Level::DEBUG, Level::TRACE];
    for (site, level) in sites.0.iter().zip(levels) {
        let fields = FieldSet::new(&["message", "origin"], Identifier(site));
        let metadata = Metadata::new("log", target, level, None, None, None, fields, Kind::EVENT);
        let _ = site.metadata.set(metadata);
        callsite::register(site);
    }
    all.insert(plugin.to_owned(), sites);
    sites
}
