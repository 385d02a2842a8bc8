//! What is left of a process: its memory in a core file, read by address like that of one that
//! runs.
//!
//! A core leaves out what stands in files that were mapped. That is read from these files, where
//! they are still there and begin as they did in the process; else it is missing, and counted.
//! Nothing is kept in memory but the list of mappings. The file is hostile: numbers are capped,
//! ranges may not overlap, and the bytes that can be read are never more than the file has.

mod files;
mod headers;
mod mappings;
mod notes;

use std::fmt;
use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use probe::target::FrozenThread;
use probe::{Error, ErrorKind, Issue, Result, ResultExt, Target};

use crate::images::{Image, Mapping};
use crate::memory::ReadMemory;
use files::Backing;
use headers::{Header, Kind, invalid};
use notes::Notes;

/// The most parts with notes.
const MAX_NOTE_PARTS: usize = 64;
/// Above all addresses of programs.
const HIGHEST: u64 = 1 << 57;
/// The most files that are named in an issue.
const MAX_NAMED: usize = 3;

/// A stretch of memory of the process.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Load {
    range: Range<u64>,
    /// Where its bytes stand in the core file.
    offset: u64,
    /// How many of them are there.
    held: u64,
    /// How many should be there.
    promised: u64,
    /// `PF_X` 1, `PF_W` 2, `PF_R` 4.
    flags: u32,
}

/// A core file of a process of this kind of machine.
pub struct CoreFile {
    path: PathBuf,
    file: File,
    /// In order of address, without overlaps.
    loads: Vec<Load>,
    notes: Notes,
    backing: Vec<Backing>,
    mappings: Vec<Mapping>,
}

impl CoreFile {
    /// Opens a core file and the files that its process had mapped.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] and the like when it cannot be opened, [`ErrorKind::InvalidData`]
    /// when it is no core file or contradicts itself, [`ErrorKind::Unsupported`] when it is of
    /// another kind of machine or of a process of 32 bits.
    pub fn open(path: &Path) -> Result<Self> {
        Self::try_open(path).with_context(|| format!("cannot use the core {}", path.display()))
    }

    fn try_open(path: &Path) -> Result<Self> {
        // Not to be held up by a pipe.
        let flags = (rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY).bits() as i32;
        let mut options = File::options();
        let opened = options.read(true).custom_flags(flags).open(path);
        let file = opened.map_err(|e| Error::io(e, "it cannot be opened"))?;
        let about = file.metadata().map_err(|e| Error::io(e, "its size cannot be read"))?;
        if !about.is_file() {
            return Err(invalid("it is no file"));
        }
        let length = about.len();
        let headers = headers::read(&file, length)?;
        let mut notes = Notes::default();
        let parts = headers.iter().filter(|header| header.kind == Kind::Note);
        for part in parts.take(MAX_NOTE_PARTS) {
            let end = part.offset.saturating_add(part.file_size).min(length);
            notes.add(&file, part.offset.min(end)..end)?;
        }
        let loads = loads(&headers, length)?;
        let mut core = Self {
            path: path.into(),
            file,
            loads,
            notes,
            backing: Vec::new(),
            mappings: Vec::new(),
        };
        core.backing = files::find(&core.notes, |address, head| core.read_held(address, head));
        core.mappings = mappings::of(&core);
        Ok(core)
    }

    /// The mappings of the process, in order of address, without figures. A core does not tell
    /// which file it was exactly: device and inode are numbers of our own, the same for the same
    /// path. It does not tell either what was shared: a writable mapping of a file that the core
    /// leaves out counts as such. Memory that is missing stands in no mapping.
    #[must_use]
    pub fn mappings(&self) -> &[Mapping] {
        &self.mappings
    }

    /// The threads and their registers, in the order of the file: the one for which the core was
    /// made stands first.
    #[must_use]
    pub fn threads(&self) -> &[FrozenThread] {
        &self.notes.threads
    }

    /// Who it was. The command line is cut behind 79 bytes, as the kernel writes it.
    #[must_use]
    pub fn target(&self) -> Target {
        let exe = self.notes.entry.and_then(|entry| self.notes.file_at(entry));
        Target {
            pid: self.notes.pid,
            command: self.notes.command.clone(),
            exe: exe.map(|file| self.notes.paths[file.path].clone()),
            ..Target::default()
        }
    }

    /// Where the core file lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes of readable memory of the process that neither the core nor a file that fits holds.
    #[must_use]
    pub fn missing(&self) -> u64 {
        let of_load = |load: &Load| {
            let rest = load.range.end - load.range.start - load.held;
            let backed = self.file_behind(load.range.end - 1).is_some();
            if backed && load.promised == load.held { 0 } else { rest }
        };
        let readable = self.loads.iter().filter(|load| load.flags & 4 != 0);
        readable.map(of_load).fold(0, u64::saturating_add)
    }

    /// What a reader should know: files that are missing or others, a core that was cut.
    #[must_use]
    pub fn issues(&self) -> Vec<Issue> {
        let mut issues = Vec::new();
        let cut = self.loads.iter().map(|l| l.promised - l.held).fold(0, u64::saturating_add);
        if cut > 0 {
            let message = format!("the core file was cut: {} KiB of memory are missing", cut >> 10);
            issues.push(Issue::warning(message).with_hint(
                "look for a limit on its size (`ulimit -c`, a full disk), or make it with `gcore`",
            ));
        }
        let unfit = |kind: fn(&Backing) -> bool| {
            let all = self.notes.paths.iter().zip(&self.backing);
            all.filter(|(_, backing)| kind(backing)).map(|(path, _)| path.as_str()).collect()
        };
        let absent: Vec<&str> = unfit(|backing| matches!(backing, Backing::Absent));
        let other: Vec<&str> = unfit(|backing| matches!(backing, Backing::Other));
        for (paths, what) in [(absent, "are not on this machine"), (other, "are others now")] {
            if let Some(issue) = unfit_files(&paths, what, self.missing()) {
                issues.push(issue);
            }
        }
        issues
    }

    /// Opens a file that the process had mapped.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] when it is not there, or is not the same.
    pub fn open_image(&self, image: &Image) -> Result<File> {
        let index = image.mappings.first().and_then(|first| self.notes.file_at(first.start));
        let backing = index.and_then(|file| self.backing.get(file.path));
        let why = match backing {
            Some(Backing::Same(file)) => {
                let again = file.try_clone();
                return again.map_err(|e| Error::io(e, format!("cannot open {}", image.path)));
            }
            Some(Backing::Other) => "another file has this name now",
            Some(Backing::Unknown) => "the core does not hold its beginning to compare with",
            Some(Backing::Absent) | None => "it is not on this machine",
        };
        Err(Error::new(ErrorKind::NotFound, format!("cannot open {}: {why}", image.path))
            .with_hint("read the core on the machine, or in the container, where the process ran"))
    }

    /// Reads what the core itself holds.
    fn read_held(&self, address: u64, buffer: &mut [u8]) -> usize {
        let Some(load) = self.load_at(address) else { return 0 };
        let inside = address - load.range.start;
        let size = load.held.saturating_sub(inside).min(buffer.len() as u64) as usize;
        read_some(&self.file, &mut buffer[..size], load.offset.saturating_add(inside))
    }

    /// Reads what a file that was mapped there holds.
    fn read_backed(&self, address: u64, buffer: &mut [u8]) -> usize {
        let Some((file, at, rest)) = self.file_behind(address) else { return 0 };
        // The core goes before: it may hold what follows.
        let after = self.loads.partition_point(|load| load.range.start <= address);
        let next = self.loads.get(after).map_or(u64::MAX, |load| load.range.start);
        let size = rest.min(next - address).min(buffer.len() as u64) as usize;
        read_some(file, &mut buffer[..size], at)
    }

    /// The file behind an address, where in it, and the bytes to the end of the mapping.
    fn file_behind(&self, address: u64) -> Option<(&File, u64, u64)> {
        let mapping = self.notes.file_at(address)?;
        let Backing::Same(file) = self.backing.get(mapping.path)? else { return None };
        let at = mapping.offset.checked_add(address - mapping.range.start)?;
        Some((file, at, mapping.range.end - address))
    }

    fn load_at(&self, address: u64) -> Option<&Load> {
        let after = self.loads.partition_point(|load| load.range.start <= address);
        let load = self.loads.get(after.checked_sub(1)?)?;
        load.range.contains(&address).then_some(load)
    }

    /// Whether bytes at an address should be in the core: then a file is not asked, because the
    /// process may have changed them.
    fn is_promised(&self, address: u64) -> bool {
        self.load_at(address).is_some_and(|load| address - load.range.start < load.promised)
    }
}

impl fmt::Debug for CoreFile {
    /// Its lists are too long to be shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CoreFile").field("path", &self.path).finish_non_exhaustive()
    }
}

impl ReadMemory for CoreFile {
    fn read_prefix(&self, addr: u64, buf: &mut [u8]) -> Result<usize> {
        let mut done = 0;
        while done < buf.len() {
            let Some(at) = addr.checked_add(done as u64) else { break };
            let rest = &mut buf[done..];
            let read = match self.is_promised(at) {
                true => self.read_held(at, rest),
                false => self.read_backed(at, rest),
            };
            if read == 0 {
                break;
            }
            done += read;
        }
        Ok(done)
    }
}

/// Reads as much as there is.
fn read_some(file: &File, buffer: &mut [u8], at: u64) -> usize {
    let mut done = 0;
    while done < buffer.len() {
        let Some(place) = at.checked_add(done as u64) else { break };
        match file.read_at(&mut buffer[done..], place) {
            Ok(read @ 1..) => done += read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            // A disk that fails: what is behind is missing.
            Ok(_) | Err(_) => break,
        }
    }
    done
}

/// The memory that headers name.
fn loads(headers: &[Header], length: u64) -> Result<Vec<Load>> {
    let mut loads: Vec<Load> = Vec::new();
    for header in headers.iter().filter(|h| h.kind == Kind::Load && h.memory_size > 0) {
        let end = header.address.checked_add(header.memory_size);
        // The page of vsyscall stands above all that programs have.
        let Some(end) = end.filter(|&end| end <= HIGHEST) else { continue };
        let promised = header.file_size.min(header.memory_size);
        let held = promised.min(length.saturating_sub(header.offset));
        let range = header.address..end;
        loads.push(Load { range, offset: header.offset, held, promised, flags: header.flags });
    }
    loads.sort_by_key(|load| load.range.start);
    if loads.windows(2).any(|pair| pair[1].range.start < pair[0].range.end) {
        return Err(invalid("its stretches of memory overlap"));
    }
    // Else a small file could stand for endless memory.
    let held = loads.iter().map(|load| load.held).fold(0, u64::saturating_add);
    if held > length {
        return Err(invalid(format!("it claims to hold {held} bytes of memory and has {length}")));
    }
    if loads.is_empty() {
        return Err(invalid("it holds no memory"));
    }
    Ok(loads)
}

fn unfit_files(paths: &[&str], what: &str, missing: u64) -> Option<Issue> {
    let first = paths.iter().take(MAX_NAMED).copied().collect::<Vec<_>>().join(", ");
    let more = paths.len().saturating_sub(MAX_NAMED);
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    let message = format!(
        "{} files that the process had mapped {what} ({first}{more}): what the core leaves to files \
         is missing, {} KiB in all",
        paths.len(),
        missing >> 10
    );
    let hint = "read the core on the machine, or in the container, where the process ran";
    (!paths.is_empty()).then(|| Issue::warning(message).with_hint(hint))
}
