//! Finds the runtimes of CPython in a process: in its program and in every library it has
//! mapped, all copies.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;

use probe::{Issue, Result, Severity};
use target::elf::{Elf, Segment};
use target::images::{Image, Mapping, images};
use target::memory::ReadMemory;
use target::procfs::smaps::Dev;

use crate::layout::{COOKIE, COOKIE_FREE_THREADED, COOKIE_VERSION};
use crate::old_interpreters;
use crate::source::Source;
use crate::version::Version;

/// The most files that are opened.
const MAX_FILES: usize = 8192;
/// The most bytes of a library's data that are searched for a text or a cookie.
const MAX_DATA: u64 = 64 << 20;
/// Bytes that are searched at once.
const PIECE: u64 = 1 << 20;
/// Bytes by which pieces overlap: the longest text that is looked for.
const OVERLAP: u64 = 512;

/// How a runtime was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FoundBy {
    /// It begins with its own table of offsets (3.13 and up).
    DebugOffsets,
    /// The exported symbol `_PyRuntime`.
    Symbol,
    /// The section `.PyRuntime`.
    Section,
    /// A search through the library's data.
    Scan,
}

impl fmt::Display for FoundBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::DebugOffsets => "debug offsets",
            Self::Symbol => "symbol",
            Self::Section => "section",
            Self::Scan => "scan",
        })
    }
}

/// A copy of CPython in a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Runtime {
    /// Address of `_PyRuntime`.
    pub address: u64,
    /// Path of the file that holds it, as the target sees it.
    pub library: String,
    /// How it was found.
    pub found_by: FoundBy,
    /// Its version.
    pub version: Version,
    /// Whether it was built with `--with-pydebug`.
    pub debug: bool,
    /// Whether it was built without the global lock.
    pub free_threaded: bool,
    /// Address of `_Py_tracemalloc_config`, where it is exported (3.8 to 3.11).
    pub(crate) tracemalloc: Option<u64>,
    /// Address of the variable `_PyGC_generation0`, where it is exported (up to 3.6).
    pub(crate) youngest: Option<u64>,
}

/// How objects of a free-threaded build differ from those that the tables are of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Difference {
    /// Bytes by which their header is longer: what stands behind it is so much further on.
    pub(crate) header: u64,
    /// Bits by which what a text says of its form stands higher: there a byte says whether it is
    /// interned, which other threads may change.
    pub(crate) text_state: u32,
}

impl Runtime {
    /// How its objects differ from those of other builds of its version.
    pub(crate) fn difference(&self) -> Difference {
        match (self.free_threaded, self.version.minor) {
            (false, _) => Difference::default(),
            (true, ..14) => Difference { header: 16, text_state: 0 },
            (true, _) => Difference { header: 16, text_state: 6 },
        }
    }

    /// `release`, `debug`, `free-threaded`, joined by blanks.
    #[must_use]
    pub fn build(&self) -> String {
        let kind = if self.debug { "debug" } else { "release" };
        if self.free_threaded { format!("{kind} free-threaded") } else { kind.into() }
    }
}

/// What a search found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// The runtimes.
    pub(crate) runtimes: Vec<Runtime>,
    /// Interpreters that cannot be read, in words: too old, or of unknown version.
    pub(crate) refused: Vec<String>,
    /// Files that were looked at.
    pub(crate) files: usize,
    /// What went wrong with some of them.
    pub(crate) issues: Vec<Issue>,
}

/// What a file says of itself, whatever process maps it.
#[derive(Debug)]
struct Facts {
    elf: Elf,
    runtime: Option<(u64, FoundBy)>,
    version: Option<u64>,
    tracemalloc: Option<u64>,
    youngest: Option<u64>,
    debug: bool,
}

/// Finds runtimes again and again without reading a file twice.
#[derive(Debug, Default)]
pub(crate) struct Finder {
    /// By device and inode; `None`: nothing of Python in it.
    known: HashMap<(Dev, u64), Option<Facts>>,
}

impl Finder {
    /// Searches all files that a process has mapped.
    pub(crate) fn find(&mut self, memory: &Source, mappings: &[Mapping]) -> Result<Found> {
        let mut found = Found::default();
        for image in images(mappings).iter().take(MAX_FILES) {
            found.files += 1;
            match self.facts(memory, image) {
                Ok(None) => {}
                Ok(Some(facts)) => facts.locate(image, memory, &mut found)?,
                Err(error) => {
                    let named = image.file_name().contains("python");
                    let runtimes = if named { scan(image, memory)? } else { Vec::new() };
                    if named && runtimes.is_empty() {
                        found.issues.push(error.to_issue(Severity::Warning));
                    }
                    found.runtimes.extend(runtimes);
                }
            }
        }
        Ok(found)
    }

    fn facts(&mut self, source: &Source, image: &Image) -> Result<Option<&Facts>> {
        let Some(first) = image.mappings.first() else { return Ok(None) };
        let key = (first.dev, first.inode);
        if !self.known.contains_key(&key) {
            let facts = Facts::read(source.elf(image)?)?;
            if self.known.len() >= MAX_FILES {
                self.known.clear();
            }
            self.known.insert(key, facts);
        }
        Ok(self.known.get(&key).and_then(Option::as_ref))
    }
}

impl Facts {
    /// `None`: the file has nothing of an interpreter.
    fn read(elf: Elf) -> Result<Option<Self>> {
        let [runtime, version, tracemalloc, youngest, initialize, new_interpreter, debug] = elf
            .symbols([
                "_PyRuntime",
                "Py_Version",
                "_Py_tracemalloc_config",
                "_PyGC_generation0",
                "Py_Initialize",
                "Py_NewInterpreter",
                // Exported by builds that check reference counts.
                "_Py_NegativeRefcount",
            ])?;
        let section = || Some((elf.section(".PyRuntime").ok()??.start, FoundBy::Section));
        let runtime = runtime.map(|address| (address, FoundBy::Symbol)).or_else(section);
        let is_python = runtime.is_some() || (initialize.is_some() && new_interpreter.is_some());
        let debug = debug.is_some();
        Ok(is_python.then_some(Self { elf, runtime, version, tracemalloc, youngest, debug }))
    }

    /// Finds every copy of this file in the process.
    fn locate<M: ReadMemory>(&self, image: &Image, memory: &M, found: &mut Found) -> Result<()> {
        for bias in image.load_biases(&self.elf) {
            let cookie = match self.runtime {
                Some((address, _)) => read_cookie(memory, bias.wrapping_add(address))?,
                None => None,
            };
            let version = match &cookie {
                Some(cookie) => Some(cookie.version.clone()),
                None => self.version(image, bias, memory)?,
            };
            let library = image.path.clone();
            match (self.runtime, version) {
                (Some((address, found_by)), Some(version)) => found.runtimes.push(Runtime {
                    address: bias.wrapping_add(address),
                    library,
                    found_by: if cookie.is_some() { FoundBy::DebugOffsets } else { found_by },
                    version,
                    debug: self.debug,
                    free_threaded: cookie.is_some_and(|c| c.free_threaded),
                    tracemalloc: self.tracemalloc.map(|at| bias.wrapping_add(at)),
                    youngest: None,
                }),
                (None, Some(version)) if (version.major, version.minor) == (3, 6) => {
                    // A thread that begins or ends just then may hide it.
                    let look = || old_interpreters::find(&self.data(bias), memory).transpose();
                    let head = (0..3).find_map(|_| look()).transpose()?;
                    let address = head.unwrap_or(0);
                    let runtime = Runtime {
                        address,
                        library,
                        found_by: FoundBy::Scan,
                        version,
                        debug: self.debug,
                        free_threaded: false,
                        tracemalloc: None,
                        youngest: self.youngest.map(|at| bias.wrapping_add(at)),
                    };
                    match head {
                        Some(_) => found.runtimes.push(runtime),
                        None => found.refused.push(format!(
                            "Python {} in {} has no interpreter: it is not initialised",
                            runtime.version, runtime.library
                        )),
                    }
                }
                (None, Some(version)) => found.refused.push(format!(
                    "Python {version} in {library} has no runtime structure: it is too old, or \
                     was built without one"
                )),
                (_, None) => found.refused.push(format!(
                    "{library} holds a Python interpreter that does not tell its version"
                )),
            }
        }
        Ok(())
    }

    /// The version where no table of offsets tells it: the constant `Py_Version` (3.11 and up),
    /// the text behind `sys.version`, or the name of the file, which lacks the patch level.
    fn version<M: ReadMemory>(
        &self,
        image: &Image,
        bias: u64,
        memory: &M,
    ) -> Result<Option<Version>> {
        if let Some(address) = self.version
            && let Ok(hex) = memory.read_u32(bias.wrapping_add(address))
            && let Some(version) = Version::from_hex(hex)
        {
            return Ok(Some(version));
        }
        let data = self.data(bias).into_iter();
        let banner = search(data, memory, |_, bytes| Version::from_banner(bytes))?;
        Ok(banner.or_else(|| Version::from_file_name(image.file_name())))
    }

    /// The writable data of one copy.
    fn data(&self, bias: u64) -> Vec<Range<u64>> {
        let writable = self.elf.segments.iter().filter(|segment| segment.write);
        let place = |segment: &Segment| {
            let start = bias.wrapping_add(segment.vaddr);
            start..start.saturating_add(segment.mem_size)
        };
        writable.map(place).collect()
    }
}

/// What the runtime's own table of offsets begins with.
#[derive(Debug)]
struct Cookie {
    version: Version,
    free_threaded: bool,
}

fn read_cookie<M: ReadMemory>(memory: &M, address: u64) -> Result<Option<Cookie>> {
    let mut head = [0; 24];
    if memory.read_prefix(address, &mut head)? < head.len() || !head.starts_with(COOKIE) {
        return Ok(None);
    }
    let word = |at: u64| {
        let at = at as usize;
        u64::from_ne_bytes([0, 1, 2, 3, 4, 5, 6, 7].map(|i| head[at + i]))
    };
    let hex = u32::try_from(word(COOKIE_VERSION)).ok();
    let free_threaded = word(COOKIE_FREE_THREADED) != 0;
    Ok(hex.and_then(Version::from_hex).map(|version| Cookie { version, free_threaded }))
}

/// Runtimes with a table of offsets in the data of a file that cannot be opened.
fn scan<M: ReadMemory>(image: &Image, memory: &M) -> Result<Vec<Runtime>> {
    let data = image.mappings.iter().filter(|m| m.perms.write).map(|m| m.start..m.end);
    let address = search(data, memory, |start, bytes| {
        let at = bytes.windows(COOKIE.len()).position(|w| w == COOKIE)?;
        start.checked_add(at as u64)
    })?;
    let Some(address) = address else { return Ok(Vec::new()) };
    let runtime = read_cookie(memory, address)?.map(|cookie| Runtime {
        address,
        library: image.path.clone(),
        found_by: FoundBy::Scan,
        version: cookie.version,
        debug: false,
        free_threaded: cookie.free_threaded,
        tracemalloc: None,
        youngest: None,
    });
    Ok(runtime.into_iter().collect())
}

/// Shows the readable parts of some ranges to `look`, piece by piece, until it finds something.
pub(crate) fn search<M: ReadMemory, T>(
    ranges: impl Iterator<Item = Range<u64>>,
    memory: &M,
    mut look: impl FnMut(u64, &[u8]) -> Option<T>,
) -> Result<Option<T>> {
    let mut left = MAX_DATA;
    let mut buffer = vec![0; PIECE as usize];
    for range in ranges {
        let mut at = range.start;
        while at < range.end && left > 0 {
            let size = (range.end - at).min(PIECE).min(left);
            let piece = &mut buffer[..size as usize];
            memory.read_with_holes(at, piece)?;
            if let Some(found) = look(at, piece) {
                return Ok(Some(found));
            }
            left -= size;
            at += if size > OVERLAP && at + size < range.end { size - OVERLAP } else { size };
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use target::memory::FakeMemory;

    use super::*;

    /// A library that cannot be opened, with data at `start`.
    fn image(start: u64, length: u64) -> Image {
        let line = format!("{start:x}-{:x} rw-p 0 08:01 7 /x/libpython3.13.so", start + length);
        let mappings = target::procfs::smaps::parse(line.as_bytes()).map(|m| m.into_owned());
        Image { path: "/x/libpython3.13.so".into(), deleted: true, mappings: mappings.collect() }
    }

    /// The cookie is found wherever it stands, also where two pieces of a search meet.
    #[test]
    fn a_cookie_is_found_by_a_search() {
        let start = 0x10_0000;
        for place in [0, PIECE - 16, PIECE - OVERLAP, PIECE, 2 * PIECE] {
            let mut bytes = vec![1; 3 * PIECE as usize];
            let at = place as usize;
            bytes[at..at + 8].copy_from_slice(COOKIE);
            bytes[at + 8..at + 16].copy_from_slice(&0x030d_00f0_u64.to_ne_bytes());
            bytes[at + 16..at + 24].copy_from_slice(&1_u64.to_ne_bytes());
            let mut memory = FakeMemory::default();
            memory.add(start, bytes);
            let found = scan(&image(start, 3 * PIECE), &memory).unwrap();
            assert_eq!(found.len(), 1, "{place}");
            assert_eq!(found[0].address, start + place);
            assert_eq!(found[0].version.to_string(), "3.13.0");
            assert_eq!(found[0].build(), "release free-threaded");
        }
    }

    /// No cookie, no memory, or a cookie that lies: nothing is found, and nothing fails.
    #[test]
    fn a_search_without_a_cookie_ends() {
        let mut memory = FakeMemory::default();
        assert!(scan(&image(0x1000, 0x10_0000), &memory).unwrap().is_empty());
        memory.add(0x2000, [&COOKIE[..], &[0; 100]].concat());
        assert!(scan(&image(0x1000, 0x10_0000), &memory).unwrap().is_empty());
        assert!(scan(&image(0, u64::MAX), &memory).unwrap().is_empty());
    }
}
