//! What a plugin can do wrong before it is asked anything: the table and the description.

use std::sync::OnceLock;

use plugin::abi::{self, Bytes, Plugin};

use crate::probe::Misbehaving;
use crate::raw;

type Describe = unsafe extern "C" fn(*mut Bytes) -> i32;

/// The table that the variable `MEMPROBE_MISBEHAVE` asks for.
pub(crate) fn choose() -> *const Plugin {
    static TABLE: OnceLock<Option<Plugin>> = OnceLock::new();
    // As the macro would do it for an honest plugin; only the table is another one.
    let _ = plugin::__private::exported::<Misbehaving>();
    let mode = std::env::var("MEMPROBE_MISBEHAVE").unwrap_or_default();
    TABLE.get_or_init(|| wrong(&mode)).as_ref().map_or(std::ptr::null(), std::ptr::from_ref)
}

fn wrong(mode: &str) -> Option<Plugin> {
    let good = *raw::table();
    let describing = |describe: Describe| Some(Plugin { describe: Some(describe), ..good });
    match mode {
        "null-table" => None,
        "zero-size" => Some(Plugin { struct_size: 0, ..good }),
        "small-size" => Some(Plugin { struct_size: Plugin::SMALLEST - 8, ..good }),
        "huge-size" => Some(Plugin { struct_size: usize::MAX, ..good }),
        "newer-minor" => Some(Plugin { abi_minor: 99, struct_size: 48 + 16, ..good }),
        "no-describe" => Some(Plugin { describe: None, ..good }),
        "no-open" => Some(Plugin { open: None, ..good }),
        "no-snapshot" => Some(Plugin { snapshot: None, ..good }),
        "no-close" => Some(Plugin { close: None, ..good }),
        "garbage-describe" => describing(garbage),
        "nameless-describe" => describing(nameless),
        "failing-describe" => describing(failing),
        "hanging-describe" => describing(hanging),
        _ => Some(good),
    }
}

/// # Safety
/// See [`Plugin::describe`].
unsafe extern "C" fn garbage(out: *mut Bytes) -> i32 {
    let text = b"\xff\0 not JSON";
    // SAFETY: the host vouches for `out`.
    unsafe { out.write(Bytes { data: text.as_ptr(), len: text.len(), ..Bytes::empty() }) };
    abi::MEMPROBE_OK
}

/// # Safety
/// See [`Plugin::describe`].
unsafe extern "C" fn nameless(out: *mut Bytes) -> i32 {
    let text = br#"{"name":"../../etc/passwd","version":"1","summary":"","level":"high",
        "questions":[],"characteristics":{"availability":"","memory_granularity":"",
        "execution_granularity":"","memory_cost":"","execution_cost":"","developer_cost":""}}"#;
    // SAFETY: the host vouches for `out`.
    unsafe { out.write(Bytes { data: text.as_ptr(), len: text.len(), ..Bytes::empty() }) };
    abi::MEMPROBE_OK
}

/// # Safety
/// See [`Plugin::describe`].
unsafe extern "C" fn failing(_: *mut Bytes) -> i32 {
    abi::MEMPROBE_UNSUPPORTED
}

/// # Safety
/// See [`Plugin::describe`].
unsafe extern "C" fn hanging(_: *mut Bytes) -> i32 {
    crate::probe::hang()
}
