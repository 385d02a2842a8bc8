//! What is known of types by name: those of the interpreter and of the libraries that come with it.

use std::sync::Arc;

use super::plan::Special;
use crate::census::rules::Rules;

/// Types whose fields are no references, or borrowed ones.
pub(super) fn nothing_in(name: &str) -> bool {
    const NAMES: &[&str] = &[
        "managedbuffer.",
        "float",
        "complex",
        "array.array",
        "decimal.Decimal",
        "_thread.lock",
        "_thread.RLock",
    ];
    NAMES.contains(&name)
}

pub(super) fn special(name: &str) -> Special {
    match name {
        "module" => Special::Module,
        "function" => Special::Function,
        "code" => Special::Code,
        "cell" => Special::Cell,
        "functools._lru_cache_wrapper" => Special::LruCache,
        "collections.OrderedDict" => Special::OrderedDict,
        "xml.etree.ElementTree.Element" => Special::Element,
        "datetime.datetime" => Special::Zoned(40),
        "datetime.time" => Special::Zoned(32),
        "itertools._tee_dataobject" => Special::Teed,
        "_queue.SimpleQueue" => Special::Queue,
        "_sre.SRE_Template" => Special::Template,
        // A capsule may own what it leads to, and only its maker knows.
        "pyexpat.xmlparser" | "zoneinfo.ZoneInfo" | "PyCapsule" => Special::Buffered,
        "_pickle.Pickler" => Special::Pickler,
        "_pickle.Unpickler" => Special::Unpickler,
        "_pickle.Pdata" => Special::Pickled,
        "weakref" | "weakproxy" | "weakcallableproxy" => Special::WeakReference,
        name if name.starts_with("weakref.") => Special::WeakReference,
        _ => Special::None,
    }
}

/// Types whose instances begin with `CDataObject` (`Modules/_ctypes/ctypes.h`).
const CTYPES: &[&str] = &[
    "_ctypes._CData",
    "_ctypes.Structure",
    "_ctypes.Union",
    "_ctypes.Array",
    "_ctypes._Pointer",
    "_ctypes._SimpleCData",
    "_ctypes.CFuncPtr",
    "_ctypes.PyCFuncPtr",
];

/// Whether a member that is an object is borrowed: a connection names the errors of its module, and
/// owns its factories.
pub(super) fn is_borrowed_member(type_name: &str, member: &str) -> bool {
    type_name == "sqlite3.Connection" && !member.ends_with("_factory")
}

/// The bytes of a fixed part behind which nothing is read as a field.
pub(super) fn fields_end(name: &str) -> u64 {
    match name {
        // The time zone is read when it is there.
        "datetime.datetime" | "datetime.time" => 16,
        _ => u64::MAX,
    }
}

/// Fields that refer without owning.
pub(super) fn borrowed(rules: &Rules, name: &str) -> &'static [u64] {
    match name {
        // The object, and the neighbours in its list; the object is said otherwise.
        "weakref" | "weakproxy" | "weakcallableproxy" => &[16, 24, 40, 48],
        name if name.starts_with("weakref.") => &[16, 24, 40, 48],
        "module" => &[24],
        "functools._lru_list_elem" | "functools._lru_cache_wrapper" => &[16, 24],
        "ContextVar" | "_contextvars.ContextVar" => &[32],
        // `view.obj`: the managed buffer owns it.
        "memoryview" => &[64],
        "itertools.groupby" => &[56],
        "moduledef" => &[24],
        // `gi_running` is one byte, and what was there before follows it.
        "generator" | "coroutine" | "async_generator" if rules.minor < 10 => &[24],
        // `localdict` of `localdummyobject`.
        "_thread._localdummy" => &[16],
        // `b_value` of `CDataObject`: what is in it is kept by `b_objects`.
        name if CTYPES.contains(&name) => &[72, 80, 88],
        // A name and functions.
        "PyCapsule" => &[24, 40, 48, 56],
        // Links, and the word in which there is something else besides.
        "collections.OrderedDict" => &[48, 56, 64, 72, 80, 88],
        "xml.etree.ElementTree.Element" => &[24, 32, 40],
        // `en->one`, the constant, from 3.10 on.
        "enumerate" if rules.minor >= 10 => &[48],
        // `factory` is the connection, which owns the cache.
        "sqlite3.Cache" => &[32],
        // `placeholder` is the module's.
        "functools.partial" if rules.minor >= 14 => &[56],
        // `_co_unique_id` is only set in free-threaded builds.
        "code" if rules.minor >= 14 => &[184],
        _ => &[],
    }
}

/// The fields that refer, in types that have words of other sense beside them: a view's lengths
/// and addresses, values that were not read yet.
pub(super) fn only(name: &str) -> Option<&'static [u64]> {
    match name {
        "memoryview" => Some(&[24]),
        "itertools._tee_dataobject" => Some(&[16, 32]),
        // The list up to 3.12; then a ring.
        "_queue.SimpleQueue" => Some(&[32]),
        "_sre.SRE_Template" => Some(&[32]),
        _ => None,
    }
}

/// Names of fields that are no members.
pub(super) fn known_names(
    rules: &Rules,
    name: &str,
    is_known: bool,
    is_error: bool,
) -> Vec<(u64, Arc<str>)> {
    const OLD_FUNCTION: &[(u64, &str)] = &[
        (16, "__code__"),
        (32, "__defaults__"),
        (40, "__kwdefaults__"),
        (64, "__name__"),
        (96, "__annotations__"),
        (104, "__qualname__"),
    ];
    const FUNCTION: &[(u64, &str)] = &[
        (32, "__name__"),
        (40, "__qualname__"),
        (48, "__code__"),
        (56, "__defaults__"),
        (64, "__kwdefaults__"),
        (112, "__annotations__"),
    ];
    const OLD_ERROR: &[(u64, &str)] =
        &[(24, "args"), (32, "__traceback__"), (40, "__context__"), (48, "__cause__")];
    const ERROR: &[(u64, &str)] = &[
        (24, "args"),
        (32, "__notes__"),
        (40, "__traceback__"),
        (48, "__context__"),
        (56, "__cause__"),
    ];
    let list: &[(u64, &str)] = match name {
        _ if !is_known => &[],
        "builtin_function_or_method" | "builtin_method" => &[(24, "__self__"), (32, "__module__")],
        "method-wrapper" => &[(24, "__self__")],
        "mappingproxy" => &[(16, "mapping")],
        "memoryview" => &[(24, "obj")],
        "function" if rules.minor < 10 => OLD_FUNCTION,
        "function" => FUNCTION,
        "traceback" => &[(16, "tb_next"), (24, "tb_frame")],
        "collections.defaultdict" => &[(48, "default_factory")],
        "module" if rules.minor >= 15 => &[(16, "__dict__"), (40, "__name__")],
        "module" => &[(16, "__dict__"), (48, "__name__")],
        "classmethod" | "staticmethod" => &[(16, "__func__")],
        _ if is_error => {
            if rules.minor < 11 {
                OLD_ERROR
            } else {
                ERROR
            }
        }
        _ => &[],
    };
    list.iter().map(|&(offset, name)| (offset, name.into())).collect()
}
