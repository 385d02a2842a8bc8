//! The files of a process by what part they can have in a leak.

use std::ops::Range;

use target::images::{self, Mapping};

/// Folders of what comes with the system.
const SYSTEM: [&str; 3] = ["/lib", "/usr/lib", "/usr/local/lib"];
/// Folders of what was installed for Python.
const PACKAGES: [&str; 2] = ["/site-packages/", "/dist-packages/"];
/// The most files: the number of one is kept for each block.
const MOST: usize = u16::MAX as usize - 1;

/// A program or library.
#[derive(Debug)]
pub(super) struct Library {
    pub(super) name: String,
    /// The same with the package it is in, where it was installed for Python.
    in_package: String,
    /// Neither the interpreter nor what comes with it or with the system.
    pub(super) is_extension: bool,
    /// The interpreter, or what every program has.
    is_base: bool,
}

/// All of them, and where they are.
#[derive(Debug, Default)]
pub(super) struct Libraries {
    pub(super) list: Vec<Library>,
    places: Vec<(Range<u64>, u16, bool)>,
    /// The numbers of extensions.
    extensions: Vec<u16>,
}

impl Libraries {
    /// `runtimes`: paths of the files that have an interpreter in them.
    pub(super) fn new(mappings: &[Mapping], runtimes: &[&str]) -> Self {
        let mut libraries = Self::default();
        for image in images::images(mappings).into_iter().take(MOST) {
            let number = libraries.list.len() as u16;
            let is_extension = !runtimes.contains(&&*image.path) && is_extension(&image.path);
            if is_extension {
                libraries.extensions.push(number);
            }
            let (name, in_package) = (image.file_name().to_owned(), in_package(&image.path));
            let is_base = runtimes.contains(&&*image.path) || is_base(&image.path, &name);
            libraries.list.push(Library { name, in_package, is_extension, is_base });
            let places = image.mappings.iter().map(|m| (m.start..m.end, number, m.perms.exec));
            libraries.places.extend(places);
        }
        libraries.places.sort_by_key(|place| place.0.start);
        libraries
    }

    /// The library that an address lies in, and whether it is code there.
    pub(super) fn of(&self, address: u64) -> Option<(u16, bool)> {
        let after = self.places.partition_point(|place| place.0.start <= address);
        let (range, number, code) = self.places.get(after.checked_sub(1)?)?;
        range.contains(&address).then_some((*number, *code))
    }

    /// Where they are.
    pub(super) fn ranges(&self) -> impl Iterator<Item = Range<u64>> + '_ {
        self.places.iter().map(|place| place.0.clone())
    }

    /// The numbers of those that are extensions.
    pub(super) fn extension_numbers(&self) -> &[u16] {
        &self.extensions
    }

    pub(super) fn name(&self, number: u16) -> Option<&str> {
        self.list.get(usize::from(number)).map(|library| &*library.name)
    }

    pub(super) fn is_extension(&self, number: u16) -> bool {
        self.list.get(usize::from(number)).is_some_and(|library| library.is_extension)
    }

    /// The names of those that neither come with the interpreter nor with the system, with their
    /// packages; where there is none, of all but the interpreter and the C library.
    pub(super) fn suspects(&self) -> Vec<String> {
        let any = !self.extensions.is_empty();
        let suspects = self.list.iter().filter(|library| match any {
            true => library.is_extension,
            false => !library.is_base,
        });
        let mut names: Vec<String> = suspects.map(|library| library.in_package.clone()).collect();
        names.sort();
        names.dedup();
        names
    }
}

/// What every program has: the program itself, the C library and its parts.
fn is_base(path: &str, name: &str) -> bool {
    const PARTS: [&str; 10] =
        ["c", "m", "dl", "rt", "util", "pthread", "crypt", "gcc_s", "stdc++", "resolv"];
    let part = |part: &&str| {
        let rest = name.strip_prefix("lib").and_then(|name| name.strip_prefix(*part));
        rest.is_some_and(|rest| rest.starts_with(['.', '-']))
    };
    let is_library = name.contains(".so");
    !is_library || name.starts_with("ld-") || starts_python(path) || PARTS.iter().any(part)
}

/// Where the interpreter is in a library, the program is a stub that starts it.
fn starts_python(path: &str) -> bool {
    path.contains("/bin/python")
}

/// The part of a path that names what a user knows: the package.
fn in_package(path: &str) -> String {
    let inside = PACKAGES.iter().find_map(|folder| path.rsplit_once(folder));
    let name = || path.rsplit('/').next().unwrap_or_default();
    inside.map_or_else(name, |(_, inside)| inside).to_owned()
}

fn is_extension(path: &str) -> bool {
    let in_package = PACKAGES.iter().any(|folder| path.contains(folder));
    let of_system = SYSTEM.iter().any(|folder| path.starts_with(folder));
    in_package || !of_system && !starts_python(path) && !path.contains("/lib-dynload/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_told_apart() {
        let text = "1000-2000 r-xp 0 08:01 1 /opt/python/bin/python3\n\
                    2000-3000 rw-p 0 08:01 1 /opt/python/bin/python3\n\
                    3000-4000 r-xp 0 08:01 2 /usr/lib/libc.so.6\n\
                    4000-5000 r-xp 0 08:01 3 /opt/python/lib/python3.9/lib-dynload/_json.so\n\
                    5000-6000 r-xp 0 08:01 4 /usr/lib/python3/dist-packages/own.so\n\
                    7000-8000 r-xp 0 08:01 5 /srv/app/fast.so\n\
                    8000-9000 r-xp 0 08:01 7 /srv/lib/python3.9/site-packages/fast/core/_a.so\n\
                    9000-a000 r-xp 0 08:01 6 /srv/shared/bin/python3.11\n";
        let mappings: Vec<Mapping> =
            target::procfs::smaps::parse(text.as_bytes()).map(|m| m.into_owned()).collect();
        let libraries = Libraries::new(&mappings, &["/opt/python/bin/python3"]);
        assert_eq!(libraries.suspects(), ["fast.so", "fast/core/_a.so", "own.so"]);
        let name = |at| libraries.of(at).map(|(n, code)| (libraries.name(n).unwrap(), code));
        assert_eq!(name(0x2008), Some(("python3", false)));
        assert_eq!(name(0x7fff), Some(("fast.so", true)));
        assert_eq!(name(0x6000), None);
        assert_eq!(name(0), None);
        let other = |line: &str| line.contains("site-packages") || line.contains("/srv");
        let own: String = text.lines().filter(|line| !other(line)).collect::<Vec<_>>().join("\n");
        let own = own.replace("/usr/lib/python3/dist-packages/own.so", "/usr/lib/libz.so.1");
        let mappings: Vec<Mapping> =
            target::procfs::smaps::parse(own.as_bytes()).map(|m| m.into_owned()).collect();
        let libraries = Libraries::new(&mappings, &["/opt/python/bin/python3"]);
        assert_eq!(libraries.suspects(), ["_json.so", "libz.so.1"]);
    }
}
