//! Tables that are too big for a document: files that a probe writes and a snapshot names.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::table::{Role, Unit};

/// A table as a Parquet file in the folder that a request names
/// ([`Request::capture_dir`](crate::Request::capture_dir)). Whoever asked checks that it is there
/// and holds what is said of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableFile {
    /// Name of the table, in lower case with underscores.
    pub table: String,
    /// Name of the file in that folder: `<table>.parquet`.
    pub file: String,
    /// Number of rows.
    pub rows: u64,
    /// The columns, in the order in which they stand in the file.
    pub columns: Vec<FileColumn>,
}

/// A column of a [`TableFile`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileColumn {
    /// Name, in lower case with underscores.
    pub name: String,
    /// Type of the values.
    #[serde(rename = "type")]
    pub kind: FileType,
    /// What the numbers count.
    #[serde(default)]
    pub unit: Unit,
    /// What the column is for.
    pub role: Role,
    /// Whether a value may be missing.
    #[serde(default)]
    pub nullable: bool,
}

impl FileColumn {
    /// A column without missing values.
    #[must_use]
    pub fn new(name: &str, kind: FileType, unit: Unit, role: Role) -> Self {
        Self { name: name.into(), kind, unit, role, nullable: false }
    }
}

/// Type of the values of a [`FileColumn`]. Narrow ones matter where there are 30 million.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FileType {
    /// True or false.
    Bool,
    /// Whole numbers of 8 bits from 0.
    U8,
    /// Whole numbers of 32 bits from 0.
    U32,
    /// Whole numbers of 64 bits from 0.
    U64,
    /// Whole numbers of 64 bits.
    I64,
    /// Floating-point numbers of 64 bits.
    F64,
    /// UTF-8 text.
    Text,
}

impl FileType {
    /// The name, as it stands in documents.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::U8 => "u8",
            Self::U32 => "u32",
            Self::U64 => "u64",
            Self::I64 => "i64",
            Self::F64 => "f64",
            Self::Text => "text",
        }
    }
}

impl fmt::Display for FileType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
