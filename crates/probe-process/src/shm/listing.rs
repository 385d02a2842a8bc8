//! Which files are in `/dev/shm`, and which of them a process holds.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, OwnedFd};

use probe::{ErrorKind, Result};
use rustix::fs::{
    AtFlags, Dir, FileType, Mode, OFlags, ResolveFlags, Stat, openat, openat2, statat,
};
use rustix::io::Errno;
use target::procfs::ProcessDir;
use target::procfs::smaps::{self, Dev};

use super::{SharedFile, SharedState};

/// More entries than this are not looked at.
const MOST_ENTRIES: usize = 100_000;
/// More handles of a process than this are not looked at.
const MOST_HANDLES: usize = 100_000;
/// Folders in `/dev/shm` are followed to this depth.
const DEEPEST: usize = 4;

/// A file's identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct FileId {
    pub(crate) dev: Dev,
    pub(crate) inode: u64,
}

impl FileId {
    fn of(stat: &Stat) -> Self {
        let dev =
            Dev { major: rustix::fs::major(stat.st_dev), minor: rustix::fs::minor(stat.st_dev) };
        Self { dev, inode: stat.st_ino }
    }
}

/// A file found in `/dev/shm`.
#[derive(Clone, Debug)]
pub(crate) struct Listed {
    pub(crate) path: String,
    pub(crate) uid: u32,
    pub(crate) bytes: u64,
}

impl Listed {
    /// The row of a file that nobody of the tree holds.
    pub(crate) fn left(&self, id: FileId) -> SharedFile {
        SharedFile {
            path: self.path.clone(),
            inode: id.inode,
            state: SharedState::Left,
            bytes: Some(self.bytes),
            unmapped: Some(self.bytes),
        }
    }
}

/// A file that processes of the tree hold.
#[derive(Clone, Debug, Default)]
pub(crate) struct Held {
    path: String,
    mapped: bool,
    /// Most that one process has mapped of it.
    mapped_bytes: u64,
    bytes: Option<u64>,
}

impl Held {
    /// The row of the file.
    pub(crate) fn file(&self, id: FileId, listed: Option<&Listed>) -> SharedFile {
        let bytes = listed.map(|file| file.bytes).or(self.bytes);
        let state = if self.mapped { SharedState::Mapped } else { SharedState::Open };
        SharedFile {
            path: listed.map_or(&self.path, |file| &file.path).clone(),
            inode: id.inode,
            state,
            bytes,
            // A file that is only mapped is visible in RSS as far as it is touched.
            unmapped: bytes
                .map(|bytes| bytes.saturating_sub(self.mapped_bytes))
                .or(self.mapped.then_some(0)),
        }
    }
}

fn bytes_of(stat: &Stat) -> u64 {
    u64::try_from(stat.st_blocks).unwrap_or(0).saturating_mul(512)
}

/// The files in the process's `/dev/shm`; whether there were more than are looked at. No
/// `/dev/shm`, no files.
pub(crate) fn list(process: &ProcessDir) -> Result<(BTreeMap<FileId, Listed>, bool)> {
    let mut files = BTreeMap::new();
    let top = match shm_folder(process) {
        Ok(top) => top,
        Err(Errno::NOENT | Errno::NOTDIR) if process.is_alive() => return Ok((files, false)),
        Err(error) => return Err(process.explain("root/dev/shm", error.into())),
    };
    let mut folders = vec![(top, String::from("/dev/shm"), 0)];
    let mut seen = 0;
    while let Some((folder, path, depth)) = folders.pop() {
        let Ok(entries) = Dir::read_from(&folder) else { continue };
        for entry in entries.flatten() {
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            seen += 1;
            if seen > MOST_ENTRIES {
                return Ok((files, true));
            }
            let Ok(stat) = statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW) else { continue };
            let path = format!("{path}/{}", name.to_string_lossy());
            match FileType::from_raw_mode(stat.st_mode) {
                FileType::RegularFile => {
                    let file = Listed { path, uid: stat.st_uid, bytes: bytes_of(&stat) };
                    files.insert(FileId::of(&stat), file);
                }
                FileType::Directory if depth < DEEPEST => {
                    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                    if let Ok(below) = openat(&folder, name, flags, Mode::empty()) {
                        folders.push((below, path, depth + 1));
                    }
                }
                _ => {}
            }
        }
    }
    Ok((files, false))
}

/// The process's `/dev/shm`. A symbolic link on the way is followed inside the process's root,
/// never out of it.
fn shm_folder(process: &ProcessDir) -> Result<OwnedFd, Errno> {
    let root = process.folder("root").map_err(|error| match error.kind() {
        ErrorKind::PermissionDenied => Errno::ACCESS,
        ErrorKind::TargetEnded => Errno::SRCH,
        _ => Errno::IO,
    })?;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    match openat2(root.as_fd(), "dev/shm", flags, Mode::empty(), ResolveFlags::IN_ROOT) {
        // Before Linux 5.6, or forbidden by a container's seccomp filter.
        Err(Errno::NOSYS | Errno::PERM) => {
            openat(&root, "dev/shm", flags | OFlags::NOFOLLOW, Mode::empty())
        }
        other => other,
    }
}

/// Adds the files in shared memory that a process has open or mapped.
pub(crate) fn held_by(process: &ProcessDir, held: &mut BTreeMap<FileId, Held>) -> Result<()> {
    let folder = process.folder("fd")?;
    target::procfs::fd::each(process, MOST_HANDLES, |number, link| {
        if !is_shared_memory(link) {
            return;
        }
        let Ok(stat) = statat(&folder, number.to_string(), AtFlags::empty()) else { return };
        if FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile {
            let file = held.entry(FileId::of(&stat)).or_default();
            file.path = link.to_owned();
            file.bytes = Some(bytes_of(&stat));
        }
    })?;
    let mut mapped: BTreeMap<FileId, (u64, String)> = BTreeMap::new();
    smaps::stream(process.file("maps")?, |mapping| {
        if mapping.inode != 0 && is_shared_memory(&mapping.path) {
            let id = FileId { dev: mapping.dev, inode: mapping.inode };
            let file = mapped.entry(id).or_insert_with(|| (0, mapping.path.clone().into_owned()));
            file.0 = file.0.saturating_add(mapping.len());
        }
    })
    .map_err(|e| process.explain("maps", e))?;
    for (id, (bytes, path)) in mapped {
        let file = held.entry(id).or_default();
        file.mapped = true;
        file.mapped_bytes = file.mapped_bytes.max(bytes);
        if file.path.is_empty() {
            file.path = path;
        }
    }
    Ok(())
}

fn is_shared_memory(path: &str) -> bool {
    path.starts_with("/dev/shm/") || path.starts_with("/memfd:")
}
