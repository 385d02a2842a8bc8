//! A capture: one moment of a process as a folder of Parquet tables.
//!
//! ```text
//! server.capture/
//!   manifest.json      what is there: target, time, probes, issues, tables with their columns
//!   census.parquet     one file per table, zstd
//!   mappings.parquet
//!   ...
//! ```
//!
//! A [`Writer`] fills a folder of another name beside the destination, hands every file to the
//! disk and renames the folder at the end: a capture that was not finished never looks whole. A
//! [`TableWriter`] takes tables of any length with bounded memory. [`Capture::open`] reads a
//! capture, [`Capture::table`] a small table as a [`probe::Table`], and [`TableReader`] the
//! columns of a big one. Everything that is read is checked first: the files may be cut,
//! foreign or made to hurt.
//!
//! **Privacy.** A capture holds what the probes saw: command lines, paths, names of types. It is
//! readable by its owner alone (folder 0700, files 0600).

mod manifest;
mod reader;
mod schema;
mod table_reader;
mod table_writer;
mod thrift;
mod writer;

use std::fs::File;
use std::hash::Hasher;
use std::io::Read;
use std::path::Path;

use probe::{Error, ErrorKind, Result};

pub use manifest::{MANIFEST, Made, Manifest, TableEntry};
pub use reader::Capture;
pub use table_reader::{TableReader, Value};
pub use table_writer::{Chunk, TableWriter};
pub use writer::{Summary, Writer};

pub use crate::recording::{Existing, Tool};

/// Bounds for captures.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Size of the manifest, bytes.
    pub manifest_bytes: u64,
    /// Tables.
    pub tables: usize,
    /// Columns of a table.
    pub columns: usize,
    /// Rows of a table that is read whole into a [`probe::Table`].
    pub rows: u64,
    /// Rows of a table that is read by columns.
    pub bulk_rows: u64,
    /// Size of a Parquet footer, bytes.
    pub footer_bytes: u64,
    /// Size of a page of a Parquet file once unpacked, bytes.
    pub page_bytes: u64,
    /// Text of a column, bytes.
    pub text_bytes: u64,
}

impl Default for Limits {
    /// Far above what an honest capture holds.
    fn default() -> Self {
        Self {
            manifest_bytes: 16 << 20,
            tables: 256,
            columns: 512,
            rows: 4_000_000,
            bulk_rows: 1 << 28,
            footer_bytes: 64 << 20,
            page_bytes: 64 << 20,
            text_bytes: 1 << 30,
        }
    }
}

/// Whether this can be the name of a table or probe, and so a part of the name of a file.
fn is_name(name: &str) -> bool {
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-';
    (1..=64).contains(&name.len()) && name.bytes().all(fits) && !name.starts_with('-')
}

/// The checksum of a file, as it stands in the manifest: XXH64 with seed 0, against accidents.
fn checksum(path: &Path) -> Result<String> {
    let cannot = |e| Error::io(e, format!("cannot read {}", path.display()));
    let mut file = File::open(path).map_err(cannot)?;
    let mut hasher = twox_hash::XxHash64::with_seed(0);
    let mut buffer = vec![0; 256 << 10];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(format!("xxh64:{:016x}", hasher.finish())),
            Ok(n) => hasher.write(&buffer[..n]),
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(e) => return Err(cannot(e)),
        }
    }
}

fn invalid(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidData, message.into())
}
