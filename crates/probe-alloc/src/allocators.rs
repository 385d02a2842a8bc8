//! Which allocators' code is in a process.

use target::images::{Image, Mapping, images};
use target::memory::LiveMemory;
use target::procfs::ProcessDir;

pub use crate::mimalloc::Held;
use crate::{mimalloc, versions};

/// The most libraries that are opened.
const MAX_LIBRARIES: usize = 4096;

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
    /// What it has given and not taken back, where its structures are known.
    pub held: Option<Held>,
}

/// The allocators in a process, and what they hold where that is known.
#[must_use]
pub fn read(memory: &LiveMemory, mappings: &[Mapping]) -> Vec<Allocator> {
    let mut found = find(memory.process(), mappings);
    let mut of_mimalloc = found.iter_mut().filter(|allocator| allocator.name == "mimalloc");
    // Of several nobody could tell whose a segment is.
    if let (Some(one), None) = (of_mimalloc.next(), of_mimalloc.next()) {
        one.held = mimalloc::held(memory, mappings);
    }
    found
}

/// The allocators in a process: by the functions that a file exports, else by its name.
#[must_use]
pub fn find(process: &ProcessDir, mappings: &[Mapping]) -> Vec<Allocator> {
    let images = images(mappings);
    let found = images.iter().take(MAX_LIBRARIES).filter_map(|image| {
        let name = by_symbols(process, image)
            .or_else(|| by_name(image.file_name()))
            .or_else(|| versions::is_musl(process, image).then_some("musl"))?;
        let version = versions::version(name, process, image);
        Some(Allocator { name, version, library: image.path.clone(), held: None })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_have_names() {
        for (file, name) in [
            ("libjemalloc.so.2", Some("jemalloc")),
            ("libc-2.31.so", Some("glibc")),
            ("ld-musl-x86_64.so.1", Some("musl")),
            ("libcrypto.so.3", None),
        ] {
            assert_eq!(by_name(file), name, "{file}");
        }
    }
}
