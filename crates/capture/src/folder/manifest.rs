//! What a capture says about itself.

use std::collections::HashSet;

use probe::{FileColumn, Issue, Level, Snapshot, Taken, Target};
use serde::{Deserialize, Serialize};

use super::{Limits, Tool, is_name};

/// Name of the manifest's file.
pub const MANIFEST: &str = "manifest.json";

/// The manifest of a capture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Always [`Manifest::SCHEMA`].
    pub schema: String,
    /// The program that wrote it.
    pub tool: Tool,
    /// The level at which was looked.
    pub level: Level,
    /// The process.
    pub target: Target,
    /// When the capture began.
    pub taken: Taken,
    /// How long it took until all tables were there.
    pub duration_ns: u64,
    /// For how long the target stood still.
    pub paused_ns: u64,
    /// How the target was held: `none` (it ran on), `fork` or `stop`.
    pub freeze: String,
    /// Who looked.
    pub probes: Vec<Made>,
    /// Whether everything that was asked for is there.
    pub complete: bool,
    /// What is missing or less exact, and why.
    #[serde(default)]
    pub issues: Vec<Issue>,
    /// The tables.
    pub tables: Vec<TableEntry>,
}

/// What one probe did for a capture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Made {
    /// Name of the probe.
    pub name: String,
    /// Its version.
    pub version: String,
    /// When it looked.
    pub taken: Taken,
    /// How long it took.
    pub duration_ns: u64,
    /// Whether everything that it was asked for is there.
    pub complete: bool,
}

impl Made {
    /// What a snapshot says of its probe.
    #[must_use]
    pub fn of(snapshot: &Snapshot) -> Self {
        let Snapshot { probe, taken, duration_ns, complete, .. } = snapshot;
        Self {
            name: probe.name.clone(),
            version: probe.version.clone(),
            taken: *taken,
            duration_ns: *duration_ns,
            complete: *complete,
        }
    }
}

/// A table of a capture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableEntry {
    /// Name of the table.
    pub name: String,
    /// The probe that yielded it.
    pub probe: String,
    /// Name of the file in the folder.
    pub file: String,
    /// Number of rows.
    pub rows: u64,
    /// Size of the file.
    pub bytes: u64,
    /// `xxh64:` and 16 hexadecimal digits.
    pub checksum: String,
    /// Whether it was written as it was read, because it may have millions of rows: such a table
    /// is no [`probe::Table`] and is never compared row by row.
    #[serde(default)]
    pub bulk: bool,
    /// The columns, in the order in which they stand in the file.
    pub columns: Vec<FileColumn>,
}

impl Manifest {
    /// Name and version of the format.
    pub const SCHEMA: &'static str = "memprobe.capture/1";

    /// A manifest without tables, complete.
    #[must_use]
    pub fn new(tool: Tool, level: Level, target: Target, taken: Taken) -> Self {
        Self {
            schema: Self::SCHEMA.into(),
            tool,
            level,
            target,
            taken,
            duration_ns: 0,
            paused_ns: 0,
            freeze: "none".into(),
            probes: Vec::new(),
            complete: true,
            issues: Vec::new(),
            tables: Vec::new(),
        }
    }

    /// What is wrong with it, if anything: too much of something, a name that is none, a file
    /// that would lie outside of the folder.
    pub(super) fn check(&self, limits: &Limits) -> Result<(), String> {
        if self.tables.len() > limits.tables {
            return Err(format!("{} tables, over the limit", self.tables.len()));
        }
        let (mut files, mut tables) = (HashSet::new(), HashSet::new());
        for table in &self.tables {
            let TableEntry { name, probe, file, columns, .. } = table;
            if !is_name(name) || !is_name(probe) {
                return Err(format!("`{}` of `{}` is no name", shown(name), shown(probe)));
            }
            let stem = file.strip_suffix(".parquet").unwrap_or_default();
            if !stem.split('.').all(is_name) {
                return Err(format!("table `{name}`: `{}` is no name of a file", shown(file)));
            }
            if !files.insert(file) || !tables.insert((probe, name)) {
                return Err(format!("table `{name}` of `{probe}` stands twice"));
            }
            check_columns(name, columns, limits)?;
        }
        Ok(())
    }
}

/// What is wrong with the columns of a table, if anything.
pub(super) fn check_columns(
    table: &str,
    columns: &[FileColumn],
    limits: &Limits,
) -> Result<(), String> {
    if columns.is_empty() || columns.len() > limits.columns {
        return Err(format!("table `{table}`: {} columns", columns.len()));
    }
    let mut names = HashSet::new();
    for column in columns {
        let name = &column.name;
        if name.is_empty() || name.len() > 200 || !names.insert(name) {
            let what = "is no name of a column, or stands twice";
            return Err(format!("table `{table}`: `{}` {what}", shown(name)));
        }
    }
    Ok(())
}

/// A foreign name, shortened.
fn shown(name: &str) -> String {
    name.chars().take(80).collect::<String>().escape_debug().to_string()
}
