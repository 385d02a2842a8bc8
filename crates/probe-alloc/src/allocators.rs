//! Which allocators' code is in a process.

use std::io::Read;

use target::images::{Image, Mapping, images};
use target::procfs::ProcessDir;

/// The most libraries that are opened.
const MAX_LIBRARIES: usize = 4096;
/// The most bytes of a C library that are searched for its version.
const MAX_LIBC: u64 = 16 << 20;

/// An allocator whose code is mapped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allocator {
    /// `glibc`, `musl`, `jemalloc`, `mimalloc`, `tcmalloc`; `asan`, `tsan`, `msan`, `lsan`: the
    /// allocators of sanitizers.
    pub name: &'static str,
    /// Its version, where it can be told.
    pub version: Option<String>,
    /// Path of the file, as the target sees it.
    pub library: String,
}

/// The allocators in a process: by the functions that a file exports, else by its name.
#[must_use]
pub fn find(process: &ProcessDir, mappings: &[Mapping]) -> Vec<Allocator> {
    let images = images(mappings);
    let found = images.iter().take(MAX_LIBRARIES).filter_map(|image| {
        let name = by_symbols(process, image).or_else(|| by_name(image.file_name()))?;
        let version = (name == "glibc").then(|| glibc_version(process, image)).flatten();
        Some(Allocator { name, version, library: image.path.clone() })
    });
    found.collect()
}

fn by_symbols(process: &ProcessDir, image: &Image) -> Option<&'static str> {
    let exported = image
        .elf(process)
        .ok()?
        .symbols([
            "gnu_get_libc_version",
            "mallctl",
            "mi_malloc",
            "tc_malloc",
            "__asan_init",
            "__tsan_init",
            "__msan_init",
            "__lsan_do_leak_check",
        ])
        .ok()?;
    let names = ["glibc", "jemalloc", "mimalloc", "tcmalloc", "asan", "tsan", "msan", "lsan"];
    exported.iter().zip(names).find_map(|(symbol, name)| symbol.map(|_| name))
}

fn by_name(file: &str) -> Option<&'static str> {
    let starts = [
        ("libc.so.6", "glibc"),
        ("libc-2.", "glibc"),
        ("ld-musl-", "musl"),
        ("libc.musl-", "musl"),
        ("libjemalloc", "jemalloc"),
        ("libmimalloc", "mimalloc"),
        ("libtcmalloc", "tcmalloc"),
        ("libasan", "asan"),
        ("libtsan", "tsan"),
        ("libmsan", "msan"),
        ("liblsan", "lsan"),
    ];
    starts.iter().find(|(start, _)| file.starts_with(start)).map(|(_, name)| *name)
}

/// The version in the library's own banner, else in its file name (`libc-2.31.so`).
fn glibc_version(process: &ProcessDir, image: &Image) -> Option<String> {
    let in_name = || {
        let tail = image.file_name().strip_prefix("libc-")?.strip_suffix(".so")?;
        tail.starts_with(|c: char| c.is_ascii_digit()).then(|| tail.to_owned())
    };
    let mut bytes = Vec::new();
    let read = image.open(process).ok().map(|file| file.take(MAX_LIBC).read_to_end(&mut bytes));
    read.and_then(|_| banner_version(&bytes)).or_else(in_name)
}

/// The number in `GNU C Library (...) stable release version 2.36.`
fn banner_version(bytes: &[u8]) -> Option<String> {
    const BEFORE: &[u8] = b"release version ";
    let banner = bytes.windows(14).position(|w| w == b"GNU C Library ")?;
    let banner = &bytes[banner..bytes.len().min(banner + 200)];
    let at = banner.windows(BEFORE.len()).position(|w| w == BEFORE)? + BEFORE.len();
    let number = banner[at..].iter().take_while(|b| b.is_ascii_digit() || **b == b'.');
    let text: String = number.map(|&b| char::from(b)).collect();
    let text = text.trim_end_matches('.');
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_banners_are_read() {
        let banner =
            b"\0\0GNU C Library (Debian GLIBC 2.36-9+deb12u10) stable release version 2.36.\n";
        assert_eq!(banner_version(banner).as_deref(), Some("2.36"));
        for none in [&b""[..], b"GNU C Library ", b"GNU C Library (x) release version x"] {
            assert_eq!(banner_version(none), None);
        }
        assert_eq!(by_name("libjemalloc.so.2"), Some("jemalloc"));
        assert_eq!(by_name("libcrypto.so.3"), None);
    }
}
