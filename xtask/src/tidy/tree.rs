//! The files of the workspace.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Larger files are data; only their names are kept.
const TEXT_BYTES: u64 = 2 << 20;

/// A text file.
#[derive(Clone, Debug)]
pub(crate) struct File {
    /// Path from the root, with `/` between its parts.
    pub(crate) path: String,
    /// What is in it.
    pub(crate) text: String,
}

impl File {
    /// What follows the last point of the name, or the whole name where there is none.
    pub(crate) fn kind(&self) -> &str {
        let name = self.path.rsplit('/').next().unwrap_or_default();
        name.rsplit('.').next().unwrap_or_default()
    }

    /// The lines, numbered from 1.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(index, line)| (index + 1, line))
    }

    /// `path:line`.
    pub(crate) fn at(&self, line: usize) -> String {
        format!("{}:{line}", self.path)
    }
}

/// The files that belong to the workspace: what git keeps or would keep; where there is no git,
/// everything but build folders.
#[derive(Clone, Debug)]
pub(crate) struct Tree {
    pub(crate) root: PathBuf,
    pub(crate) files: Vec<File>,
    /// Files and folders, text or not.
    pub(crate) paths: BTreeSet<String>,
}

impl Tree {
    /// Reads the files.
    ///
    /// # Errors
    /// When the root cannot be listed.
    pub(crate) fn read(root: &Path) -> Result<Self, String> {
        let names = match list_by_git(root) {
            Some(names) => names,
            None => list_by_walking(root)?,
        };
        let mut tree = Self { root: root.into(), files: Vec::new(), paths: BTreeSet::new() };
        for path in names {
            tree.add(path);
        }
        Ok(tree)
    }

    /// The text file of this path.
    pub(crate) fn file(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }

    fn add(&mut self, path: String) {
        let full = self.root.join(&path);
        let Ok(about) = fs::symlink_metadata(&full) else { return };
        for (end, _) in path.match_indices('/') {
            self.paths.insert(path[..end].to_owned());
        }
        self.paths.insert(path.clone());
        if about.is_file()
            && about.len() <= TEXT_BYTES
            && let Ok(text) = fs::read_to_string(&full)
        {
            self.files.push(File { path, text });
        }
    }
}

/// What git tracks, and what it would track if it were added.
fn list_by_git(root: &Path) -> Option<Vec<String>> {
    if !root.join(".git").exists() {
        return None;
    }
    let output = Command::new("git")
        .current_dir(root)
        .args(["ls-files", "--cached", "--others", "--exclude-standard", "-z"])
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    let text = String::from_utf8(output.stdout).ok()?;
    let names: BTreeSet<String> =
        text.split('\0').filter(|name| !name.is_empty()).map(Into::into).collect();
    Some(names.into_iter().collect())
}

fn list_by_walking(root: &Path) -> Result<Vec<String>, String> {
    let mut names = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        let full = root.join(&folder);
        let entries =
            fs::read_dir(&full).map_err(|e| format!("cannot list {}: {e}", full.display()))?;
        for entry in entries.flatten() {
            let path = folder.join(entry.file_name());
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if is_folder && !is_build_folder(&entry.path()) {
                folders.push(path);
            } else if !is_folder {
                names.extend(path.to_str().map(Into::into));
            }
        }
    }
    names.sort();
    Ok(names)
}

/// A folder called `target` may well be a crate; cargo marks its own.
fn is_build_folder(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default();
    name == ".git" || name == "__pycache__" || path.join("CACHEDIR.TAG").exists()
}
