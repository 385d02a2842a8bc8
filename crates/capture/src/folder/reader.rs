//! Reading a capture, whoever wrote it.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use probe::{Error, ErrorKind, Result, ResultExt, Table};
use serde::Deserialize;

use super::{Limits, MANIFEST, Manifest, TableEntry, TableReader, checksum, invalid};

/// A capture that was opened: its manifest makes sense and its files have the sizes that it says.
#[derive(Debug)]
pub struct Capture {
    folder: PathBuf,
    manifest: Manifest,
    limits: Limits,
}

impl Capture {
    /// Opens a folder.
    ///
    /// # Errors
    /// When it is no capture, or not of this version, or files are missing or cut.
    pub fn open(folder: &Path) -> Result<Self> {
        Self::open_within(folder, Limits::default())
    }

    /// The same with other bounds.
    ///
    /// # Errors
    /// As above.
    pub fn open_within(folder: &Path, limits: Limits) -> Result<Self> {
        let manifest = read_manifest(folder, &limits)
            .with_context(|| format!("cannot open the capture {}", folder.display()))?;
        let capture = Self { folder: folder.into(), manifest, limits };
        for entry in &capture.manifest.tables {
            capture.check_file(entry)?;
        }
        Ok(capture)
    }

    /// Where it is.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What the capture says about itself.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The entry of a table; the first, where several probes yielded one of this name.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] with the names that are there.
    pub fn entry(&self, table: &str) -> Result<&TableEntry> {
        let found = self.manifest.tables.iter().find(|t| t.name == table);
        found.ok_or_else(|| {
            let names: Vec<_> = self.manifest.tables.iter().map(|t| t.name.as_str()).collect();
            let shown = table.escape_debug();
            Error::new(ErrorKind::NotFound, format!("the capture has no table `{shown}`"))
                .with_hint(format!("it has: {}", names.join(", ")))
        })
    }

    /// A small table, whole.
    ///
    /// # Errors
    /// When the file is damaged or is not what the manifest says, or the table is too big.
    pub fn table(&self, entry: &TableEntry) -> Result<Table> {
        if entry.rows > self.limits.rows {
            let message = format!("table `{}` has {} rows: too many", entry.name, entry.rows);
            return Err(invalid(message).with_hint("it can be read column by column"));
        }
        self.columns(entry)?.table()
    }

    /// A table of any length, to be read column by column. Its file is checked as a whole first.
    ///
    /// # Errors
    /// When the file is damaged or is not what the manifest says.
    pub fn columns(&self, entry: &TableEntry) -> Result<TableReader> {
        let path = self.folder.join(&entry.file);
        let found = checksum(&path)?;
        if found != entry.checksum {
            let message = format!(
                "{} is damaged: its checksum is {found}, and was {} when it was written",
                path.display(),
                entry.checksum.chars().take(40).collect::<String>().escape_debug(),
            );
            return Err(invalid(message).with_hint("copy the capture again, or take a new one"));
        }
        self.rows(entry)
    }

    /// A table of which single rows are read. Its file is not checked as a whole, which takes
    /// longer than to read them: only the size of the file, its columns and the pages that are
    /// read. Who reads holds rows against each other.
    ///
    /// # Errors
    /// When the file is not what the manifest says.
    pub fn rows(&self, entry: &TableEntry) -> Result<TableReader> {
        let path = self.folder.join(&entry.file);
        let file = File::open(&path).with_context(|| format!("cannot read {}", path.display()))?;
        TableReader::open(file, entry.clone(), self.limits)
            .with_context(|| format!("cannot read {}", path.display()))
    }

    fn check_file(&self, entry: &TableEntry) -> Result<()> {
        let path = self.folder.join(&entry.file);
        let shown = path.display();
        let found = fs::symlink_metadata(&path).with_context(|| {
            format!("the capture is not whole: cannot read its table `{}`, {shown}", entry.name)
        })?;
        if !found.is_file() {
            return Err(invalid(format!("{shown} is no plain file")));
        }
        if found.len() != entry.bytes {
            let message = format!(
                "{shown} is damaged: it has {} bytes, and had {} when it was written",
                found.len(),
                entry.bytes
            );
            return Err(invalid(message).with_hint("copy the capture again, or take a new one"));
        }
        Ok(())
    }
}

fn read_manifest(folder: &Path, limits: &Limits) -> Result<Manifest> {
    let path = folder.join(MANIFEST);
    let not_one = "a capture is a folder with a `manifest.json`";
    // What is no plain file may never end, or never begin.
    let found = fs::metadata(&path)
        .with_context(|| format!("cannot read {MANIFEST}"))
        .map_err(|e| e.with_hint(not_one))?;
    if !found.is_file() || found.len() > limits.manifest_bytes {
        return Err(
            invalid(format!("{MANIFEST} is no plain file, or is too long")).with_hint(not_one)
        );
    }
    let mut bytes = Vec::new();
    File::open(&path)
        .and_then(|file| file.take(limits.manifest_bytes).read_to_end(&mut bytes))
        .with_context(|| format!("cannot read {MANIFEST}"))?;
    parse(&bytes, limits)
}

/// The checked manifest in these bytes.
fn parse(bytes: &[u8], limits: &Limits) -> Result<Manifest> {
    #[derive(Deserialize)]
    struct Head {
        schema: String,
    }
    let not_one = |e| invalid(format!("{MANIFEST} is not one of a capture")).with_source(e);
    let head: Head = serde_json::from_slice(bytes).map_err(not_one)?;
    if head.schema != Manifest::SCHEMA {
        let shown: String = head.schema.chars().take(80).collect();
        let message = format!(
            "the manifest has the schema `{}`, this program reads `{}`",
            shown.escape_debug(),
            Manifest::SCHEMA
        );
        return Err(Error::new(ErrorKind::Incompatible, message)
            .with_hint("read it with the version of memprobe that wrote it"));
    }
    let manifest: Manifest = serde_json::from_slice(bytes).map_err(not_one)?;
    manifest.check(limits).map_err(invalid)?;
    Ok(manifest)
}
