//! A plugin that was found, and a probe that it opened.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use plugin::abi;
use probe::{Descriptor, Error, Issue, Probe, ProbeId, Request, Result, Snapshot};
use serde_json::Value;

use crate::library::{self, MAJOR, Table};
use crate::worker::{Worker, bounded};

/// How long loading and describing may take.
const LOADING: Duration = Duration::from_secs(10);

/// Where a plugin comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// Linked into this program.
    Bundled,
    /// Loaded from this file.
    File(PathBuf),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bundled => f.write_str("bundled"),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

/// A plugin that was found and has described itself.
#[derive(Clone)]
pub struct Plugin {
    table: Table,
    source: Source,
    descriptor: Arc<Descriptor>,
}

impl fmt::Debug for Plugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl fmt::Display for Plugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "plugin `{}` ({})", self.descriptor.name, self.source)
    }
}

/// How a probe is opened.
#[derive(Clone, Copy, Debug)]
pub struct OpenOptions {
    /// How long opening, and each snapshot, may take.
    pub deadline: Duration,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self { deadline: Duration::from_secs(10) }
    }
}

impl Plugin {
    /// Loads a file that is trusted.
    pub(crate) fn load(path: &Path) -> Result<Self> {
        let file = path.to_owned();
        bounded(LOADING, move || library::load(&file))
            .and_then(|table| Self::described(table, Source::File(path.to_owned())))
            .map_err(|e| e.context(format!("plugin file `{}`", path.display())))
    }

    /// Takes a table that is linked into this program.
    pub(crate) fn bundled(name: &str, table: &'static abi::Plugin) -> Result<Self> {
        // SAFETY: a reference that lives for ever is what is asked for.
        unsafe { library::read(table) }
            .and_then(|table| Self::described(table, Source::Bundled))
            .map_err(|e| e.context(format!("plugin `{name}` (bundled)")))
    }

    fn described(table: Table, source: Source) -> Result<Self> {
        let descriptor = bounded(LOADING, move || table.describe())?;
        Ok(Self { table, source, descriptor: Arc::new(descriptor) })
    }

    /// What the plugin says of itself.
    #[must_use]
    pub fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    /// The file, or `bundled`.
    #[must_use]
    pub fn origin(&self) -> String {
        self.source.to_string()
    }

    /// The version of the ABI that it speaks: `1.0`.
    #[must_use]
    pub fn abi(&self) -> String {
        format!("{MAJOR}.{}", self.table.minor)
    }

    /// Opens a probe on a thread of its own. Whoever listens to `tracing` on this thread now
    /// hears what the plugin logs, under the target `plugin::NAME`.
    ///
    /// # Errors
    /// What the plugin says; [`probe::ErrorKind::TimedOut`] when it says nothing in time. All
    /// errors name the plugin and where it comes from.
    pub fn open(&self, config: &Value, options: OpenOptions) -> Result<LoadedProbe> {
        let name = &self.descriptor.name;
        let worker = Worker::open(self.table, name, config.to_string(), options.deadline)
            .map_err(|e| self.blame(e))?;
        Ok(LoadedProbe { worker, plugin: self.clone() })
    }

    /// Names this plugin in an error.
    fn blame(&self, error: Error) -> Error {
        error.context(self.to_string())
    }
}

/// A probe of a plugin. Dropping it closes the probe, and waits for that only a little.
pub struct LoadedProbe {
    worker: Worker,
    plugin: Plugin,
}

impl fmt::Debug for LoadedProbe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "probe of {}", self.plugin)
    }
}

impl LoadedProbe {
    /// The plugin that it comes from.
    #[must_use]
    pub fn plugin(&self) -> &Plugin {
        &self.plugin
    }

    /// Whether it did not answer in time and is not asked any more.
    #[must_use]
    pub fn is_left_behind(&self) -> bool {
        self.worker.is_left_behind()
    }
}

impl Probe for LoadedProbe {
    fn descriptor(&self) -> &Descriptor {
        &self.plugin.descriptor
    }

    /// Looks once, through the plugin. Issues are given the plugin's name where they have none.
    fn snapshot(&mut self, request: &Request) -> Result<Snapshot> {
        let mut snapshot = self.worker.snapshot(request).map_err(|e| self.plugin.blame(e))?;
        let Descriptor { name, version, .. } = &*self.plugin.descriptor;
        snapshot.probe = ProbeId { name: name.clone(), version: version.clone() };
        if request.capture_dir.is_none() && !snapshot.files.is_empty() {
            snapshot.files.clear();
            snapshot.lack(Issue::warning("names files, and was given no folder for them"));
        }
        for issue in &mut snapshot.issues {
            issue.probe.get_or_insert_with(|| name.clone());
        }
        Ok(snapshot)
    }
}
