//! Where the bytes come from: a process, or the core file of one that is gone.

use std::fs::File;
use std::path::Path;

use probe::{ErrorKind, Frozen, Issue, Result, ResultExt, Target};
use target::corefile::CoreFile;
use target::elf::Elf;
use target::images::{self, Image, Mapping};
use target::memory::{LiveMemory, ReadMemory, explain_access};
use target::procfs::ProcessDir;

/// What is looked at.
#[derive(Debug)]
pub(crate) enum Source {
    /// A process, or a frozen copy of one.
    Live(LiveMemory),
    /// What is left of one.
    Core(Box<CoreFile>),
}

impl Source {
    /// A process, or its frozen copy if there is one.
    pub(crate) fn live(target: &Target, frozen: Option<&Frozen>) -> Result<Self> {
        let copy = frozen.map(|frozen| Target::from_pid(frozen.pid));
        Ok(Self::Live(LiveMemory::open(copy.as_ref().unwrap_or(target))?))
    }

    /// A core file.
    pub(crate) fn core(path: &Path) -> Result<Self> {
        Ok(Self::Core(Box::new(CoreFile::open(path)?)))
    }

    /// The process, where it is one.
    pub(crate) fn process(&self) -> Option<&ProcessDir> {
        match self {
            Self::Live(memory) => Some(memory.process()),
            Self::Core(_) => None,
        }
    }

    /// All mappings, in order of address.
    pub(crate) fn mappings(&self) -> Result<Vec<Mapping>> {
        let process = match self {
            Self::Live(memory) => memory.process(),
            Self::Core(core) => return Ok(core.mappings().to_vec()),
        };
        images::mappings(process).map_err(|error| match error.kind() {
            ErrorKind::PermissionDenied => {
                explain_access(process, std::io::ErrorKind::PermissionDenied.into())
            }
            _ => error,
        })
    }

    /// The headers of a file that is mapped.
    pub(crate) fn elf(&self, image: &Image) -> Result<Elf> {
        match self {
            Self::Live(memory) => image.elf(memory.process()),
            Self::Core(core) => Elf::parse(core.open_image(image)?)
                .with_context(|| format!("reading {}", image.path)),
        }
    }

    /// What says which pages were ever touched, where something does.
    pub(crate) fn pagemap(&self) -> Option<File> {
        self.process()?.file("pagemap").ok()
    }

    /// What is missing from the start.
    pub(crate) fn issues(&self) -> Vec<Issue> {
        match self {
            Self::Live(_) => Vec::new(),
            Self::Core(core) => core.issues(),
        }
    }
}

impl ReadMemory for Source {
    fn read_prefix(&self, addr: u64, buf: &mut [u8]) -> Result<usize> {
        match self {
            Self::Live(memory) => memory.read_prefix(addr, buf),
            Self::Core(core) => core.read_prefix(addr, buf),
        }
    }
}
