//! What one look yields, and its JSON form.
//!
//! The JSON form is what crosses the plugin ABI and what recordings are made of. It may come
//! from a plugin that lies or a file that was cut, so [`Snapshot::from_json`] checks it.

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Issue, Result};
use crate::file::TableFile;
use crate::table::Table;
use crate::target::{FrozenBy, Target};

/// What one look at one target yielded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Version of this form; see [`Snapshot::SCHEMA`].
    pub schema: u32,
    /// Who looked.
    pub probe: ProbeId,
    /// At what.
    pub target: Target,
    /// When.
    pub taken: Taken,
    /// How long the look took.
    #[serde(default)]
    pub duration_ns: u64,
    /// For how long the target stood still because of it. Snapshots that were taken of one
    /// frozen picture have the same [`Snapshot::taken`], and share one pause: it counts once.
    #[serde(default)]
    pub paused_ns: u64,
    /// How the picture was frozen; `None`: the target ran while it was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frozen: Option<FrozenBy>,
    /// Whether a copy of the target stood meanwhile: it has shared the target's pages, and seemed
    /// to be a child of it. What each page weighs as a whole holds all the same.
    #[serde(default, skip_serializing_if = "is_false")]
    pub beside_copy: bool,
    /// Whether everything that was asked for is there.
    pub complete: bool,
    /// What is missing or less exact, and why.
    #[serde(default)]
    pub issues: Vec<Issue>,
    /// What was seen.
    pub tables: Vec<Table>,
    /// Tables that went into files, where the request named a folder for them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<TableFile>,
}

/// Name and version of a probe.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ProbeId {
    /// Name.
    pub name: String,
    /// Version.
    #[serde(default)]
    pub version: String,
}

/// A moment, on two clocks: one for people, one for subtraction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Taken {
    /// Nanoseconds since the Unix epoch.
    pub unix_ns: u64,
    /// Nanoseconds of a clock that never jumps; on Linux `CLOCK_MONOTONIC`. Only differences
    /// within one boot of one machine mean anything.
    pub monotonic_ns: u64,
}

/// Bounds for documents from outside.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Size of the document, bytes.
    pub document_bytes: usize,
    /// Tables in a snapshot.
    pub tables: usize,
    /// Columns in a table.
    pub columns: usize,
    /// Rows in a table.
    pub rows: usize,
    /// Issues in a snapshot; more are cut, and an issue says so.
    pub issues: usize,
}

impl Default for Limits {
    /// Far above what an honest probe sends; bulk data go to capture files.
    fn default() -> Self {
        Self { document_bytes: 256 << 20, tables: 256, columns: 512, rows: 4_000_000, issues: 1000 }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_false(value: &bool) -> bool {
    !value
}

impl Snapshot {
    /// The version of the JSON form that this crate writes and reads.
    pub const SCHEMA: u32 = 1;

    /// An empty, complete snapshot, to be filled.
    #[must_use]
    pub fn new(probe: ProbeId, target: Target, taken: Taken) -> Self {
        Self {
            schema: Self::SCHEMA,
            probe,
            target,
            taken,
            duration_ns: 0,
            paused_ns: 0,
            frozen: None,
            beside_copy: false,
            complete: true,
            issues: Vec::new(),
            tables: Vec::new(),
            files: Vec::new(),
        }
    }

    /// The table of this name.
    #[must_use]
    pub fn table(&self, name: &str) -> Option<&Table> {
        self.tables.iter().find(|t| t.name == name)
    }

    /// Notes that something is missing.
    pub fn lack(&mut self, issue: Issue) {
        self.complete = false;
        self.issues.push(issue);
    }

    /// The JSON form, on one line.
    #[must_use]
    pub fn to_json(&self) -> String {
        // The types above have string keys only and no fallible serializer: this cannot fail.
        serde_json::to_string(self).expect("a snapshot is always valid JSON")
    }

    /// Reads and checks the JSON form.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidData`] with the place when it is no snapshot, is not sound, or is
    /// over a limit; [`ErrorKind::Incompatible`] when it is of another version.
    pub fn from_json(bytes: &[u8], limits: &Limits) -> Result<Self> {
        let invalid = |message: String| Error::new(ErrorKind::InvalidData, message);
        if bytes.len() > limits.document_bytes {
            return Err(invalid(format!(
                "the snapshot document has {} bytes, over the limit of {}",
                bytes.len(),
                limits.document_bytes
            )));
        }
        #[derive(Deserialize)]
        struct Head {
            schema: u32,
        }
        let not_json = |e: serde_json::Error| {
            Error::new(ErrorKind::InvalidData, "not a snapshot document").with_source(e)
        };
        let head: Head = serde_json::from_slice(bytes).map_err(not_json)?;
        if head.schema != Self::SCHEMA {
            return Err(Error::new(
                ErrorKind::Incompatible,
                format!(
                    "the snapshot document has schema {}, this program reads schema {}",
                    head.schema,
                    Self::SCHEMA
                ),
            ));
        }
        let mut snapshot: Self = serde_json::from_slice(bytes).map_err(not_json)?;
        snapshot.check(limits).map_err(invalid)?;
        if snapshot.issues.len() > limits.issues {
            let cut = snapshot.issues.len() - limits.issues;
            snapshot.issues.truncate(limits.issues);
            snapshot.issues.push(Issue::warning(format!("{cut} more issues were left out")));
        }
        Ok(snapshot)
    }

    fn check(&self, limits: &Limits) -> Result<(), String> {
        if self.tables.len() > limits.tables {
            return Err(format!(
                "{} tables, over the limit of {}",
                self.tables.len(),
                limits.tables
            ));
        }
        for (index, table) in self.tables.iter().enumerate() {
            if table.columns.len() > limits.columns {
                let n = table.columns.len();
                return Err(format!("table `{}`: {n} columns, over the limit", table.name));
            }
            if table.rows() > limits.rows {
                return Err(format!(
                    "table `{}`: {} rows, over the limit",
                    table.name,
                    table.rows()
                ));
            }
            table.check()?;
            if self.tables[..index].iter().any(|t| t.name == table.name) {
                return Err(format!("table `{}` stands twice", table.name));
            }
        }
        self.check_files(limits)
    }

    fn check_files(&self, limits: &Limits) -> Result<(), String> {
        if self.files.len() > limits.tables {
            return Err(format!("{} files, over the limit of {}", self.files.len(), limits.tables));
        }
        for (index, file) in self.files.iter().enumerate() {
            let name = &file.table;
            if file.columns.len() > limits.columns {
                let n = file.columns.len();
                return Err(format!("table `{name}`: {n} columns, over the limit"));
            }
            let before = self.files[..index].iter().map(|f| &f.table);
            if self.tables.iter().map(|t| &t.name).chain(before).any(|n| n == name) {
                return Err(format!("table `{name}` stands twice"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{Column, Unit};

    fn sample() -> Snapshot {
        let taken = Taken { unix_ns: 1, monotonic_ns: 2 };
        let id = ProbeId { name: "test".into(), version: "1".into() };
        let mut snapshot = Snapshot::new(id, Target::from_pid(7), taken);
        snapshot.tables.push(Table::new(
            "memory",
            vec![
                Column::id_key("pid", [7]),
                Column::level("rss", Unit::Bytes, [Some(u64::MAX)]),
                Column::text("note", [None]),
            ],
        ));
        snapshot
    }

    fn file(table: &str) -> TableFile {
        TableFile { table: table.into(), file: String::new(), rows: 0, columns: Vec::new() }
    }

    /// What is written is what is read, the largest number included.
    #[test]
    fn json_round_trip() {
        let snapshot = sample();
        let back = Snapshot::from_json(snapshot.to_json().as_bytes(), &Limits::default());
        assert_eq!(back.expect("own document"), snapshot);
    }

    /// A document that lies is refused with its place.
    #[test]
    fn lies_are_refused() {
        let refuse = |change: fn(&mut Snapshot)| {
            let mut snapshot = sample();
            change(&mut snapshot);
            let json = snapshot.to_json();
            format!("{:#}", Snapshot::from_json(json.as_bytes(), &Limits::default()).unwrap_err())
        };
        let uneven = refuse(|s| {
            s.tables[0].columns.push(Column::level("uss", Unit::Bytes, [None, None]));
        });
        assert_eq!(uneven, "table `memory`, column `uss`: 2 values, but the first column has 1");
        let twice = refuse(|s| s.tables.push(s.tables[0].clone()));
        assert_eq!(twice, "table `memory` stands twice");
        let twice = refuse(|s| s.files.push(file("memory")));
        assert_eq!(twice, "table `memory` stands twice");
        let twice = refuse(|s| s.files.extend([file("objects"), file("objects")]));
        assert_eq!(twice, "table `objects` stands twice");
        let version = refuse(|s| s.schema = 2);
        assert!(version.contains("schema 2"), "{version}");
    }

    /// Whatever the bytes, there is an answer and no panic.
    #[test]
    fn garbage_is_an_error() {
        for bytes in [&b""[..], b"{", b"null", b"[1]", b"\xff\xfe", b"{\"schema\":1}"] {
            assert!(Snapshot::from_json(bytes, &Limits::default()).is_err());
        }
        let deep = "[".repeat(100_000);
        assert!(Snapshot::from_json(deep.as_bytes(), &Limits::default()).is_err());
        let tiny = Limits { document_bytes: 10, ..Limits::default() };
        assert!(Snapshot::from_json(sample().to_json().as_bytes(), &tiny).is_err());
    }
}
