//! What mappings are to the reader of references: variables of programs and libraries, and which
//! of them belong to the interpreter.

use std::ops::Range;

use target::images::{self, Image, Mapping};

use crate::source::Source;

/// Folders of what was installed for Python.
pub(crate) const PACKAGES: [&str; 2] = ["/site-packages/", "/dist-packages/"];

/// What a file is called: what was installed for Python with the folder of its package, since many
/// packages have a `_binding` or a `_core`.
pub(crate) fn library_name(path: &str) -> &str {
    let in_package = PACKAGES.iter().find_map(|folder| path.rsplit_once(folder));
    let (_, name) = in_package.or_else(|| path.rsplit_once('/')).unwrap_or(("", path));
    name
}

/// The variables of a program or library.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Data {
    /// Name of the file.
    pub(crate) name: String,
    /// Where its first mapping begins.
    pub(crate) base: u64,
    /// Its variables.
    pub(crate) range: Range<u64>,
}

/// Where programs and libraries have their variables: what their files say, else the mappings.
pub(crate) fn data(source: &Source, mappings: &[Mapping]) -> Vec<Data> {
    let mut list = Vec::new();
    for image in images::images(mappings) {
        let Ok(elf) = source.elf(&image) else {
            list.extend(writable(&image));
            continue;
        };
        let Some(base) = image.mappings.first().map(|mapping| mapping.start) else { continue };
        for bias in image.load_biases(&elf) {
            list.extend(elf.segments.iter().filter(|segment| segment.write).map(|segment| {
                let start = bias.saturating_add(segment.vaddr);
                let range = start..start.saturating_add(segment.mem_size);
                Data { name: library_name(&image.path).to_owned(), base, range }
            }));
        }
    }
    list
}

/// The writable mappings of a file.
pub(super) fn writable(image: &Image) -> Vec<Data> {
    let base = image.mappings.first().map_or(0, |mapping| mapping.start);
    let entry = |range| Data { name: library_name(&image.path).to_owned(), base, range };
    let mappings = image.mappings.iter().filter(|mapping| mapping.perms.write);
    mappings.map(|mapping| entry(mapping.start..mapping.end)).collect()
}

/// The memory of the interpreter and of the libraries that come with it.
pub(crate) fn known(mappings: &[Mapping], libraries: &[&str]) -> Vec<Range<u64>> {
    let is_known = |path: &str| libraries.contains(&path) || path.contains("/lib-dynload/");
    mappings.iter().filter(|m| is_known(&m.path)).map(|m| m.start..m.end).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_of_a_package_is_called_with_it() {
        let venv =
            "/srv/app/lib/python3.12/site-packages/codec/_core.cpython-312-x86_64-linux-gnu.so";
        assert_eq!(library_name(venv), "codec/_core.cpython-312-x86_64-linux-gnu.so");
        assert_eq!(library_name("/usr/lib/python3/dist-packages/fast.so"), "fast.so");
        assert_eq!(library_name("/usr/lib/libc.so.6"), "libc.so.6");
        assert_eq!(library_name("python3"), "python3");
    }
}
