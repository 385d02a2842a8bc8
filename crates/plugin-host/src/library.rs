//! Opens libraries and finds out whether they speak our ABI.

use std::path::Path;

use libloading::Library;
use plugin::abi;
use probe::{Error, ErrorKind, Result};

use crate::binary;

/// The major version that this host speaks.
pub(crate) const MAJOR: u32 = 1;

/// The only symbol of a plugin.
type Entry = unsafe extern "C" fn() -> *const abi::Plugin;

/// Above any table that a later minor version could need, bytes; more is a lie.
const LARGEST_TABLE: usize = 4096;

/// A table whose size was checked and whose functions are all there.
#[derive(Clone, Copy)]
pub(crate) struct Table {
    pub(crate) describe: unsafe extern "C" fn(*mut abi::Bytes) -> i32,
    pub(crate) open: unsafe extern "C" fn(
        *const abi::Host,
        abi::Str,
        *mut *mut abi::Handle,
        *mut abi::Bytes,
    ) -> i32,
    pub(crate) snapshot:
        unsafe extern "C" fn(*mut abi::Handle, abi::Str, *mut abi::Bytes, *mut abi::Bytes) -> i32,
    pub(crate) close: unsafe extern "C" fn(*mut abi::Handle),
    /// Its size as the plugin says, bytes.
    pub(crate) struct_size: usize,
    /// Its minor version.
    pub(crate) minor: u32,
    /// The reserved field; 0 in an honest table.
    pub(crate) reserved: u32,
}

/// Opens a library and takes its table. The library is never closed: its threads, its thread
/// locals and the tables it handed out would be left without code.
///
/// # Errors
/// [`ErrorKind::Incompatible`] or [`ErrorKind::InvalidData`] with what is wrong with it.
pub(crate) fn load(path: &Path) -> Result<Table> {
    binary::check(path)?;
    let library = open(path).map_err(|e| {
        Error::new(ErrorKind::Incompatible, "cannot be loaded")
            .with_source(e)
            .with_hint("`ldd FILE` shows which libraries it needs and which are missing")
    })?;
    let entry = entry(&library);
    std::mem::forget(library);
    // SAFETY: the symbol of this name is such a function, by the contract of the ABI.
    let table = unsafe { entry?() };
    // SAFETY: what a plugin hands out lives as long as its library, which is never unloaded.
    unsafe { read(table) }
}

/// Opens a library with all its symbols resolved, so that nothing fails later, and none of them
/// offered to other libraries.
#[cfg(unix)]
fn open(path: &Path) -> std::result::Result<Library, libloading::Error> {
    use libloading::os::unix;
    let flags = unix::RTLD_NOW | unix::RTLD_LOCAL | libc::RTLD_NODELETE;
    // SAFETY: loading runs the library's initialisers. That is what the caller asked for, from a
    // place that strangers cannot write to.
    unsafe { unix::Library::open(Some(path), flags) }.map(Library::from)
}

#[cfg(not(unix))]
fn open(path: &Path) -> std::result::Result<Library, libloading::Error> {
    // SAFETY: loading runs the library's initialisers. That is what the caller asked for.
    unsafe { Library::new(path) }
}

fn entry(library: &Library) -> Result<Entry> {
    let symbol = |major: u32| {
        // SAFETY: only looked up here; whoever calls it relies on the contract of the ABI.
        unsafe { library.get::<Entry>(format!("memprobe_plugin_v{major}\0").as_bytes()) }
            .ok()
            .map(|symbol| *symbol)
    };
    if let Some(entry) = symbol(MAJOR) {
        return Ok(entry);
    }
    let others: Vec<u32> = (0..=32).filter(|&major| symbol(major).is_some()).collect();
    if others.is_empty() {
        let message = format!("is no memprobe plugin: it exports no `memprobe_plugin_v{MAJOR}`");
        return Err(Error::new(ErrorKind::InvalidData, message)
            .with_hint("export it with `plugin::export_probe!`, or in C with MEMPROBE_EXPORT"));
    }
    let versions: Vec<String> = others.iter().map(ToString::to_string).collect();
    let message = format!(
        "speaks version {} of the plugin ABI, and this program version {MAJOR}",
        versions.join(", ")
    );
    let hint = if others.iter().any(|&v| v > MAJOR) {
        "use a newer memprobe, or an older build of the plugin"
    } else {
        "build the plugin again with the header of this memprobe"
    };
    Err(Error::new(ErrorKind::Incompatible, message).with_hint(hint))
}

/// Checks a table and copies what this host knows of it.
///
/// # Safety
/// `table` is null or points to a table that lives for ever.
///
/// # Errors
/// [`ErrorKind::Incompatible`] when the table is not what it should be.
pub(crate) unsafe fn read(table: *const abi::Plugin) -> Result<Table> {
    let refuse = |message: String| {
        Err(Error::new(ErrorKind::Incompatible, message)
            .with_hint("build the plugin again with the header of this memprobe"))
    };
    if table.is_null() {
        return refuse("gives no table of functions (a null pointer)".into());
    }
    if !table.is_aligned() {
        return refuse("gives a table of functions at an odd address".into());
    }
    // SAFETY: not null, aligned, and every table has at least this field.
    let size = unsafe { (&raw const (*table).struct_size).read() };
    if !(abi::Plugin::SMALLEST..=LARGEST_TABLE).contains(&size) {
        return refuse(format!(
            "says that its table has {size} bytes; version {MAJOR} of the ABI has {} or somewhat more",
            abi::Plugin::SMALLEST
        ));
    }
    // SAFETY: it is as large as the first minor version, which is all that is read here.
    let abi::Plugin { struct_size, abi_minor, reserved, describe, open, snapshot, close } =
        unsafe { table.read() };
    let missing = |name: &str| -> Result<Table> {
        refuse(format!("has no `{name}` in its table of functions"))
    };
    let Some(describe) = describe else { return missing("describe") };
    let Some(open) = open else { return missing("open") };
    let Some(snapshot) = snapshot else { return missing("snapshot") };
    let Some(close) = close else { return missing("close") };
    Ok(Table { describe, open, snapshot, close, struct_size, minor: abi_minor, reserved })
}
