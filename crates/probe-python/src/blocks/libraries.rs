//! The files of a process by what part they can have in a leak.

use std::ops::Range;

use target::images::{self, Mapping};

use crate::refs::data::{PACKAGES, library_name};

/// Folders of what comes with the system.
const SYSTEM: [&str; 3] = ["/lib", "/usr/lib", "/usr/local/lib"];
/// The folder of modules that come with the interpreter.
const OWN_MODULES: &str = "/lib-dynload/";
/// The most files: the number of one is kept for each block.
const MOST: usize = u16::MAX as usize - 1;

/// A program or library.
#[derive(Debug)]
pub(super) struct Library {
    pub(super) name: String,
    /// Neither the interpreter nor what comes with it or with the system.
    pub(super) is_extension: bool,
    /// A module that comes with the interpreter, or a library of the system that it can do without.
    is_part: bool,
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
            let is_interpreter = runtimes.contains(&&*image.path) || is_launcher(image.file_name());
            let is_extension = !is_interpreter && is_extension(&image.path);
            let is_part = image.path.contains(OWN_MODULES) || is_optional(image.file_name());
            let is_part = is_part && !is_interpreter;
            if is_extension {
                libraries.extensions.push(number);
            }
            let name = library_name(&image.path).to_owned();
            libraries.list.push(Library { name, is_extension, is_part });
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

    /// The names of those that neither come with the interpreter nor with the system; without
    /// one, of the interpreter's own modules and of the system's libraries but the C library.
    pub(super) fn suspects(&self) -> Vec<String> {
        let of = |is: fn(&&Library) -> bool| {
            let names = self.list.iter().filter(is).map(|library| library.name.clone());
            names.collect::<Vec<String>>()
        };
        let mut names = of(|library| library.is_extension);
        if names.is_empty() {
            names = of(|library| library.is_part);
        }
        names.sort();
        names.dedup();
        names
    }
}

fn is_extension(path: &str) -> bool {
    let in_package = PACKAGES.iter().any(|folder| path.contains(folder));
    let of_system = SYSTEM.iter().any(|folder| path.starts_with(folder));
    in_package || !of_system && !path.contains(OWN_MODULES)
}

/// Whether it is a library, and none of the C library's that every program has.
fn is_optional(name: &str) -> bool {
    const PARTS: [&str; 10] =
        ["c", "m", "dl", "rt", "util", "pthread", "crypt", "gcc_s", "stdc++", "resolv"];
    let is_part = |part: &&str| {
        let rest = name.strip_prefix("lib").and_then(|name| name.strip_prefix(*part));
        rest.is_some_and(|rest| rest.starts_with(['.', '-']))
    };
    name.contains(".so") && !name.starts_with("ld-") && !PARTS.iter().any(is_part)
}

/// The program of an interpreter that is a library: `python3.11` beside `libpython3.11.so`.
fn is_launcher(name: &str) -> bool {
    let version = name.strip_prefix("python");
    version.is_some_and(|rest| {
        rest.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | 'd' | 't' | 'm'))
    })
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
    }

    /// The interpreter's program is nobody's library, and where there is no other its own modules
    /// and libraries of the system are left.
    #[test]
    fn own_modules_are_suspects_where_there_are_no_others() {
        let text = "1000-2000 r-xp 0 08:01 1 /opt/python/bin/python3.11\n\
                    2000-3000 r-xp 0 08:01 2 /opt/python/lib/libpython3.11.so.1.0\n\
                    4000-5000 r-xp 0 08:01 3 /opt/python/lib/python3.11/lib-dynload/_json.so\n\
                    5000-6000 r-xp 0 08:01 4 /usr/lib/ld-linux-x86-64.so.2\n\
                    6000-7000 r-xp 0 08:01 5 /usr/lib/libc.so.6\n\
                    7000-8000 r-xp 0 08:01 6 /usr/lib/libz.so.1.2\n";
        let mappings: Vec<Mapping> =
            target::procfs::smaps::parse(text.as_bytes()).map(|m| m.into_owned()).collect();
        let libraries = Libraries::new(&mappings, &["/opt/python/lib/libpython3.11.so.1.0"]);
        assert_eq!(libraries.suspects(), ["_json.so", "libz.so.1.2"]);
        assert!(libraries.extension_numbers().is_empty());
    }
}
