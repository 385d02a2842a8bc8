//! The files that a process has mapped: opened as the process sees them.
//!
//! A target may live in another mount namespace, its files may have been deleted or replaced
//! since, and its absolute links lead to places under its own root. So a path is resolved under
//! `/proc/PID/root`, and what was opened is taken only if its inode is the one that is mapped.

use std::collections::{BTreeMap, VecDeque};
use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::ops::Range;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Component, Path, PathBuf};

use probe::{Error, ErrorKind, Result, ResultExt};

use crate::elf::Elf;
use crate::procfs::{ProcessDir, clock, smaps};

/// Symbolic links followed in one path, as many as the kernel follows.
const MAX_LINKS: usize = 40;
/// What the kernel puts behind the path of a file that has no name any more.
pub(crate) const DELETED: &str = " (deleted)";

/// A mapping of `/proc/PID/maps`.
pub type Mapping = smaps::Mapping<'static>;

/// A file that is mapped, with all its mappings in order of address.
#[derive(Clone, Debug)]
pub struct Image {
    /// Path as the target sees it, without the kernel's mark of a deleted file.
    pub path: String,
    /// Whether the file has no name any more.
    pub deleted: bool,
    /// Its mappings.
    pub mappings: Vec<Mapping>,
}

/// All mappings of a process, in order of address, without figures.
///
/// # Errors
/// Those of [`ProcessDir::file`].
pub fn mappings(process: &ProcessDir) -> Result<Vec<Mapping>> {
    let bytes = process.read("maps")?;
    Ok(smaps::parse(&bytes).map(smaps::Mapping::into_owned).collect())
}

/// The files that have a mapping with code: programs and libraries.
#[must_use]
pub fn images(mappings: &[Mapping]) -> Vec<Image> {
    let mut files: BTreeMap<_, Image> = BTreeMap::new();
    for mapping in mappings.iter().filter(|m| m.inode != 0 && m.path.starts_with('/')) {
        let image = files.entry((mapping.dev, mapping.inode)).or_insert_with(|| Image {
            path: mapping.path.trim_end_matches(DELETED).to_owned(),
            deleted: mapping.path.ends_with(DELETED),
            mappings: Vec::new(),
        });
        image.mappings.push(mapping.clone());
    }
    files.into_values().filter(|i| i.mappings.iter().any(|m| m.perms.exec)).collect()
}

impl Image {
    /// The name of the file without its folders.
    #[must_use]
    pub fn file_name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    /// Opens the file: by its path under the target's root, else by the kernel's link to what
    /// is mapped, else as the program of the process.
    ///
    /// # Errors
    /// Why the path did not lead to the file, when no way did.
    pub fn open(&self, process: &ProcessDir) -> Result<File> {
        let pid = process.pid();
        let by_path = if self.deleted {
            Err(Error::new(ErrorKind::NotFound, "the file was deleted"))
        } else {
            let root = PathBuf::from(format!("/proc/{pid}/root"));
            resolve(&root, Path::new(&self.path)).and_then(|path| self.open_same(&path))
        };
        by_path.or_else(|error| {
            let links = self
                .mappings
                .first()
                .map(|m| PathBuf::from(format!("/proc/{pid}/map_files/{:x}-{:x}", m.start, m.end)));
            let exe = PathBuf::from(format!("/proc/{pid}/exe"));
            let mut others = links.into_iter().chain([exe]);
            others.find_map(|path| self.open_same(&path).ok()).ok_or_else(|| {
                error.context(format!("cannot open {} of process {pid}", self.path)).with_hint(
                    "run as root: the system lets only root open files that were deleted",
                )
            })
        })
    }

    /// Opens the file and reads its ELF headers.
    ///
    /// # Errors
    /// Those of [`Image::open`] and [`Elf::parse`].
    pub fn elf(&self, process: &ProcessDir) -> Result<Elf> {
        Elf::parse(self.open(process)?).with_context(|| format!("reading {}", self.path))
    }

    /// How far each copy of the file was moved when it was loaded.
    #[must_use]
    pub fn load_biases(&self, elf: &Elf) -> Vec<u64> {
        let ranges: Vec<(Range<u64>, u64)> =
            self.mappings.iter().map(|m| (m.start..m.end, m.offset)).collect();
        let mut biases = elf.load_biases(&ranges, clock::page_size());
        // A debugger or a backtrace maps a whole file to read it: its code is no code then.
        biases.retain(|&bias| {
            let code = elf.segments.iter().filter(|s| s.exec && s.file_size > 0);
            code.map(|s| bias.wrapping_add(s.vaddr)).all(|addr| {
                let found = self.mappings.iter().find(|m| (m.start..m.end).contains(&addr));
                found.is_some_and(|m| m.perms.exec)
            })
        });
        biases
    }

    /// Opens a path if it is the file that is mapped.
    fn open_same(&self, path: &Path) -> Result<File> {
        // Not to be held up by a pipe or a terminal that stands at the path now.
        let flags = (rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY).bits() as i32;
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(flags)
            .open(path)
            .with_context(|| format!("cannot open {}", path.display()))?;
        let found = file.metadata().with_context(|| format!("cannot open {}", path.display()))?;
        // The device number is not compared: overlay and btrfs show another one in `maps`.
        let mapped = self.mappings.first().map(|m| m.inode);
        if found.is_file() && mapped == Some(found.ino()) {
            return Ok(file);
        }
        Err(Error::new(ErrorKind::NotFound, format!("{} is another file now", path.display())))
    }
}

/// The place of an absolute path of the target, with every link followed under `root`.
fn resolve(root: &Path, path: &Path) -> Result<PathBuf> {
    let mut rest: VecDeque<OsString> = names(path);
    let mut inside = PathBuf::new();
    let mut links = 0;
    while let Some(name) = rest.pop_front() {
        if name == ".." {
            inside.pop();
            continue;
        }
        let next = inside.join(&name);
        let Ok(link) = std::fs::read_link(root.join(&next)) else {
            inside = next;
            continue;
        };
        links += 1;
        if links > MAX_LINKS {
            let message = format!("{} leads through too many symbolic links", path.display());
            return Err(Error::new(ErrorKind::InvalidData, message));
        }
        if link.is_absolute() {
            inside.clear();
        }
        for name in names(&link).into_iter().rev() {
            rest.push_front(name);
        }
    }
    Ok(root.join(inside))
}

/// The steps of a path; `..` stays, the rest of what is no name goes.
fn names(path: &Path) -> VecDeque<OsString> {
    path.components()
        .filter(|c| matches!(c, Component::Normal(_) | Component::ParentDir))
        .map(|c| c.as_os_str().to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use probe::Target;

    /// Absolute links stay under the root, and a loop of links is an error.
    #[test]
    fn links_stay_under_the_root() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        std::fs::create_dir_all(root.join("usr/lib")).unwrap();
        symlink("/usr/lib", root.join("lib")).unwrap();
        symlink("../../../usr/lib/real.so", root.join("usr/lib/name.so")).unwrap();
        symlink("loop", root.join("loop")).unwrap();
        assert_eq!(resolve(root, Path::new("/lib/name.so")).unwrap(), root.join("usr/lib/real.so"));
        assert_eq!(resolve(root, Path::new("/../../etc")).unwrap(), root.join("etc"));
        assert!(resolve(root, Path::new("/loop")).unwrap_err().to_string().contains("too many"));
    }

    /// The own program is found, opened and placed where a symbol of it really is.
    #[test]
    fn the_c_library_of_this_process_is_placed() {
        let process = ProcessDir::open_target(&Target::from_pid(std::process::id())).unwrap();
        let images = images(&mappings(&process).unwrap());
        let getpid = libc::getpid as *const () as u64;
        let image = images
            .iter()
            .find(|i| i.mappings.iter().any(|m| (m.start..m.end).contains(&getpid)))
            .unwrap();
        let elf = image.elf(&process).unwrap();
        let [symbol, none] = elf.symbols(["getpid", "no such symbol"]).unwrap();
        assert_eq!(none, None);
        let biases = image.load_biases(&elf);
        assert_eq!(biases.len(), 1, "{:x?}", image.mappings);
        assert_eq!(biases[0] + symbol.unwrap(), getpid);
        assert!(elf.section(".text").unwrap().unwrap().contains(&symbol.unwrap()));
        assert_eq!(elf.section(".PyRuntime").unwrap(), None);
    }

    /// A program that was deleted or replaced is still opened.
    #[test]
    fn a_deleted_program_is_opened() {
        let folder = tempfile::tempdir().unwrap();
        let exe = folder.path().join("cat");
        std::fs::copy("/bin/cat", &exe).unwrap();
        let mut program =
            test_support::Running::start(std::process::Command::new("/bin/sh").args([
                "-c",
                "echo ready; exec \"$0\"",
                exe.to_str().unwrap(),
            ]));
        assert_eq!(program.ask("over"), "over");
        std::fs::remove_file(&exe).unwrap();
        std::fs::copy("/bin/echo", &exe).unwrap();
        let process = ProcessDir::open_target(&Target::from_pid(program.pid())).unwrap();
        let images = images(&mappings(&process).unwrap());
        let image = images.iter().find(|i| i.file_name() == "cat").unwrap();
        assert!(image.deleted);
        let elf = image.elf(&process).unwrap();
        assert_eq!(image.load_biases(&elf).len(), 1);
        program.kill();
        assert!(image.open(&process).is_err());
    }

    /// Whatever the bytes of a file, there is an answer and no panic.
    #[test]
    fn broken_files_are_survived() {
        let own = std::fs::read("/bin/cat").unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("broken");
        let try_bytes = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            if let Ok(elf) = Elf::parse(File::open(&path).unwrap()) {
                let _ = elf.symbols(["environ", "nothing"]);
                let _ = elf.section(".text");
                let _ = elf.load_biases(&[(0..4096, 0), (u64::MAX - 4096..u64::MAX, 4096)], 4096);
            }
        };
        for cut in [0, 3, 63, 64, 200, 1000, own.len() / 2] {
            try_bytes(&own[..cut]);
        }
        for at in (0..1024).step_by(4) {
            for value in [0x00, 0x7f, 0xff] {
                let mut bytes = own.clone();
                bytes[at..at + 4].fill(value);
                try_bytes(&bytes);
            }
        }
    }
}
