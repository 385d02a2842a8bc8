//! Shared-memory files of the tree: mapped, open, or left behind.
//!
//! A file in `/dev/shm` takes memory until somebody unlinks it, and no process's RSS shows it
//! unless it is mapped. Neither the file nor the kernel remembers who made it. So:
//!
//! 1. A file that a process of the tree has mapped or open is the tree's; from then on for good.
//! 2. A file that appeared during the watch, belongs to the user of a process of the tree and
//!    is not held by anybody is the tree's by elimination, if the tree had enough page faults and
//!    writes since the last look to have filled it; unless a *rival* had too: another process of
//!    that user, outside of the tree, that runs the same program. With a rival the files are not
//!    counted, and an issue says so.
//! 3. A file that was there before the watch, or that somebody outside the tree holds, is not
//!    the tree's, unless rule 1 comes to apply.
//!
//! Rule 2 can blame a busy tree for a file that a process of the same user with another program
//! made, closed and left within the watch; an issue says that the attribution is by elimination.
//! Not seen: other tmpfs than `/dev/shm`, System V segments that nobody has mapped, and files
//! that were made, closed and unlinked between two looks.

mod listing;
mod outsiders;

use std::collections::{BTreeMap, HashSet};

use probe::{ErrorKind, Issue, Result, Severity};

use crate::sampler::ProcessSampler;
use listing::{FileId, Listed, held_by, list};
use outsiders::{Maker, Makers};

/// A file in memory that the tree made or uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedFile {
    /// Path as the process sees it, or the kernel's label: `/memfd:name (deleted)`.
    pub path: String,
    /// Inode.
    pub inode: u64,
    /// Who holds it.
    pub state: SharedState,
    /// What it takes up, bytes; `None` for a file without a name that is mapped and not open.
    pub bytes: Option<u64>,
    /// The part that no process of the tree has mapped, bytes.
    pub unmapped: Option<u64>,
}

/// Who holds a file in shared memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SharedState {
    /// Nobody of the tree.
    Left,
    /// A process of the tree has it open.
    Open,
    /// A process of the tree has mapped it.
    Mapped,
}

impl SharedState {
    /// The name in tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Open => "open",
            Self::Mapped => "mapped",
        }
    }
}

/// What a look at the shared memory yields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SharedMemory {
    /// The files of the tree.
    pub files: Vec<SharedFile>,
    /// What is missing: an issue and the name of its kind.
    pub lacks: Vec<(&'static str, Issue)>,
    /// What is worth knowing though nothing is missing.
    pub notes: Vec<(&'static str, Issue)>,
}

/// Remembers which files are the tree's.
#[derive(Debug, Default)]
pub struct SharedWatch {
    /// Files that are not the tree's: older than the watch, or held by others.
    strangers: HashSet<FileId>,
    ours: HashSet<FileId>,
    makers: Makers,
    started: bool,
}

impl SharedWatch {
    /// Looks at the shared memory of these processes, the root of the tree first.
    ///
    /// # Errors
    /// [`ErrorKind::TargetEnded`] when the root has ended.
    pub fn look(&mut self, tree: &[ProcessSampler]) -> Result<SharedMemory> {
        let mut seen = SharedMemory::default();
        let Some(root) = tree.first() else { return Ok(seen) };
        let listed = match list(root.dir()) {
            Ok((files, false)) => files,
            Ok((files, true)) => {
                let message = format!("/dev/shm has over {} files", files.len());
                seen.lacks.push(("shm-cut", Issue::warning(message + ": the others are left out")));
                files
            }
            Err(error) if error.kind() == ErrorKind::TargetEnded => return Err(error),
            Err(error) => {
                seen.lacks.push(("shm-list", error.to_issue(Severity::Warning)));
                BTreeMap::new()
            }
        };
        let mut held = BTreeMap::new();
        for process in tree {
            match held_by(process.dir(), &mut held) {
                // It held nothing when it had ended.
                Err(error) if error.kind() != ErrorKind::TargetEnded => {
                    seen.lacks.push(("shm-held", error.to_issue(Severity::Warning)));
                }
                _ => {}
            }
        }
        self.ours.extend(held.keys());
        self.attribute(tree, &listed, &mut seen);
        seen.files.extend(held.iter().map(|(id, held)| held.file(*id, listed.get(id))));
        let left = listed.iter().filter(|(id, _)| self.ours.contains(id) && !held.contains_key(id));
        seen.files.extend(left.map(|(id, file)| file.left(*id)));
        self.forget(&listed, &held);
        Ok(seen)
    }

    /// Decides about the files that are new and that nobody of the tree holds.
    fn attribute(
        &mut self,
        tree: &[ProcessSampler],
        listed: &BTreeMap<FileId, Listed>,
        seen: &mut SharedMemory,
    ) {
        let unknown = |id: &FileId| !self.ours.contains(id) && !self.strangers.contains(id);
        let new: Vec<FileId> = listed.keys().filter(|id| unknown(id)).copied().collect();
        let first = !std::mem::replace(&mut self.started, true);
        if first {
            self.makers.look(tree, 0);
            self.strangers.extend(new);
            return;
        }
        let users = outsiders::users(tree);
        let (mine, others): (Vec<_>, Vec<_>) =
            new.into_iter().partition(|id| users.contains(&listed[id].uid));
        self.strangers.extend(others);
        let bytes: u64 = mine.iter().map(|id| listed[id].bytes).sum();
        let maker = self.makers.look(tree, bytes);
        if mine.is_empty() {
            return;
        }
        let elsewhere = outsiders::held_outside(tree, &users);
        let (held, free): (Vec<_>, Vec<_>) = mine.into_iter().partition(|f| elsewhere.contains(f));
        self.strangers.extend(held);
        if free.is_empty() {
            return;
        }
        let (count, bytes) = (free.len(), free.iter().map(|id| listed[id].bytes).sum::<u64>());
        match maker {
            Maker::Tree => {
                self.ours.extend(free);
                seen.notes.push(("shm-elimination", elimination_issue()));
            }
            Maker::Rival(rival) => {
                self.strangers.extend(free);
                seen.lacks.push(("shm-rival", rival_issue(count, bytes, rival)));
            }
            Maker::Other => self.strangers.extend(free),
        }
    }

    /// Drops what is no more, so that memory stays bounded and an inode may be used again.
    fn forget(
        &mut self,
        listed: &BTreeMap<FileId, Listed>,
        held: &BTreeMap<FileId, listing::Held>,
    ) {
        self.strangers.retain(|id| listed.contains_key(id));
        self.ours.retain(|id| listed.contains_key(id) || held.contains_key(id));
    }
}

fn elimination_issue() -> Issue {
    Issue::info(
        "files appeared in /dev/shm during the watch that belong to the target's user and that no \
         process holds: they are counted as the target's, by elimination",
    )
}

fn rival_issue(count: usize, bytes: u64, rival: u32) -> Issue {
    Issue::warning(format!(
        "{count} new files in /dev/shm with {bytes} bytes are not counted: process {rival} runs \
         the same program as the same user and could have made them"
    ))
    .with_hint("watch that process too, or stop it for the time of the watch")
}
