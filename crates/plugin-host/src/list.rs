//! What `memprobe plugins` shows.

use std::collections::HashMap;
use std::path::PathBuf;

use probe::{Descriptor, Error, ErrorKind, Result};

use crate::folder::trusted;
use crate::plugin::Plugin;
use crate::search::{Place, Search, load_named, name_of};

/// Most files of one folder that are looked at.
const FILES_CAP: usize = 10_000;

/// A plugin that there is, or a folder that is not looked at.
#[derive(Debug)]
pub struct Listed {
    /// Name, with `_` for `-` where only the file's name is known; empty for a folder.
    pub name: String,
    /// The file or the folder, or `bundled`.
    pub origin: String,
    /// Why it is looked at: an option, a variable, the installation, `bundled`.
    pub found_by: &'static str,
    /// The version of the ABI that it speaks (`1.0`), where it could be asked.
    pub abi: Option<String>,
    /// What it says of itself, where it could be asked.
    pub descriptor: Option<Descriptor>,
    /// Whether it is used.
    pub status: Status,
}

/// Whether a plugin is used.
#[derive(Debug)]
pub enum Status {
    /// This is the one that is used under its name.
    Used,
    /// Another one of its name comes first; this one was not loaded.
    Shadowed {
        /// The origin of the other one.
        by: String,
    },
    /// It cannot be used.
    Refused(Error),
}

impl Listed {
    /// The names of the questions that it answers.
    #[must_use]
    pub fn questions(&self) -> Vec<&str> {
        let questions = self.descriptor.iter().flat_map(|d| &d.questions);
        questions.map(|q| q.name.as_str()).collect()
    }

    /// Its version, where it could be asked.
    #[must_use]
    pub fn version(&self) -> Option<&str> {
        self.descriptor.as_ref().map(|d| d.version.as_str())
    }

    fn new(name: &str, origin: String, found_by: &'static str, status: Status) -> Self {
        Self { name: name.into(), origin, found_by, abi: None, descriptor: None, status }
    }

    fn loaded(mut self, outcome: Result<Plugin>) -> Self {
        match outcome {
            Ok(plugin) => {
                self.name.clone_from(&plugin.descriptor().name);
                self.abi = Some(plugin.abi());
                self.descriptor = Some(plugin.descriptor().clone());
            }
            Err(error) => self.status = Status::Refused(error),
        }
        self
    }
}

impl Search {
    /// All plugins that there are, in the order of the search; and the folders that are not
    /// looked at although they exist. Loads those that are used.
    #[must_use]
    pub fn list(&self) -> Vec<Listed> {
        let mut all = Vec::new();
        let mut first: HashMap<String, String> = HashMap::new();
        let mut add = |name: &str, entry: Listed, load: &dyn Fn() -> Result<Plugin>| {
            let key = name.replace('-', "_");
            if let Some(by) = first.get(&key) {
                all.push(Listed { status: Status::Shadowed { by: by.clone() }, ..entry });
            } else {
                first.insert(key, entry.origin.clone());
                all.push(entry.loaded(load()));
            }
        };
        let mut refused = Vec::new();
        for place in self.places() {
            let (files, problem) = files(place);
            refused.extend(problem);
            for (name, file) in files {
                let entry = Listed::new(&name, file.display().to_string(), place.why, Status::Used);
                match trusted(&file) {
                    Ok(real) => add(&name, entry, &|| load_named(&real, &name)),
                    Err(e) => refused.push(Listed { status: Status::Refused(e), ..entry }),
                }
            }
        }
        for &(name, table) in self.bundled() {
            let entry = Listed::new(name, "bundled".into(), "bundled", Status::Used);
            add(name, entry, &|| Plugin::bundled(name, table));
        }
        all.extend(refused);
        all
    }
}

/// The files of a folder that are named like plugins, by name; or what is wrong with the folder.
fn files(place: &Place) -> (Vec<(String, PathBuf)>, Option<Listed>) {
    let refuse = |error: Error| {
        let origin = place.folder.display().to_string();
        Some(Listed::new("", origin, place.why, Status::Refused(error)))
    };
    let folder = match &place.real {
        Ok(folder) => folder,
        Err(e) if e.kind() == ErrorKind::NotFound => return (Vec::new(), None),
        Err(e) => return (Vec::new(), refuse(crate::search::copy(e))),
    };
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(e) => return (Vec::new(), refuse(Error::io(e, "cannot be read"))),
    };
    let mut files: Vec<(String, PathBuf)> = entries
        .take(FILES_CAP)
        .flatten()
        .filter_map(|entry| {
            let file = entry.file_name();
            Some((name_of(file.to_str()?)?.to_owned(), entry.path()))
        })
        .collect();
    files.sort();
    (files, None)
}
