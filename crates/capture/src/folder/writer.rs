//! A capture on its way to the disk: a folder of another name until it is whole.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use probe::{Error, ErrorKind, Result, ResultExt, Table, TableFile};

use crate::private::{make_private, private};

use super::{
    Capture, Existing, Limits, MANIFEST, Manifest, TableEntry, TableReader, TableWriter, checksum,
    invalid, is_name, schema,
};

/// Writes a capture. Dropped before it is finished, it leaves nothing behind; killed, it leaves a
/// folder `.NAME.PID.partial` beside the destination, which is no capture for any reader.
#[derive(Debug)]
pub struct Writer {
    destination: PathBuf,
    partial: PathBuf,
    tables: Vec<TableEntry>,
    existing: Existing,
    finished: bool,
}

/// What was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Tables.
    pub tables: usize,
    /// Rows of all tables.
    pub rows: u64,
    /// Size of all files, the manifest included.
    pub bytes: u64,
}

impl Writer {
    /// Makes the folder beside the destination, so that what cannot be written is known before
    /// anything is looked at.
    ///
    /// # Errors
    /// When the destination is there and is not to be replaced, or is no capture, or the folder
    /// cannot be made.
    pub fn create(destination: &Path, existing: Existing) -> Result<Self> {
        refuse(destination, existing)?;
        let cannot = |e| {
            Error::io(e, format!("cannot make the capture {}", destination.display()))
                .with_hint("name a folder that is not there yet, in one that you may write to")
        };
        let partial = partial_of(destination).map_err(cannot)?;
        private_folder(&partial).map_err(cannot)?;
        let destination = destination.into();
        Ok(Self { destination, partial, tables: Vec::new(), existing, finished: false })
    }

    /// The folder while it is written: what is to be removed when the program is ended.
    #[must_use]
    pub fn partial(&self) -> &Path {
        &self.partial
    }

    /// A folder for the files that a probe writes itself: what a request names. No other probe
    /// writes there.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn folder_for(&self, probe: &str) -> Result<PathBuf> {
        name_of(probe)?;
        let folder = self.partial.join(format!("from.{probe}"));
        match private_folder(&folder) {
            Err(e) if e.kind() != io::ErrorKind::AlreadyExists => {
                Err(Error::io(e, format!("cannot make the folder {}", folder.display())))
            }
            _ => Ok(folder),
        }
    }

    /// Adds a table.
    ///
    /// # Errors
    /// When the table is not sound, is there already, or cannot be written.
    pub fn table(&mut self, probe: &str, table: &Table) -> Result<()> {
        table.check().map_err(invalid)?;
        let file = self.file_name(probe, &table.name)?;
        let columns = schema::columns_of(table);
        let mut writer = TableWriter::create_as(&self.partial, &table.name, &file, columns)?;
        let values: Vec<_> = table.columns.iter().map(|c| &c.values).collect();
        writer.write_values(&values)?;
        let written = writer.finish()?;
        self.note(probe, written, false)
    }

    /// Adds a file that a probe wrote into [`Writer::folder_for`], once it is what was said of
    /// it: a plain file of that folder, with these columns and this number of rows.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidData`] with what is wrong with it. The capture can go on without.
    pub fn adopt(&mut self, probe: &str, said: &TableFile) -> Result<()> {
        let name = self.file_name(probe, &said.table)?;
        if said.file != format!("{}.parquet", said.table) {
            let message = "is not the table's name and `.parquet`";
            return Err(invalid(format!("the file `{}` {message}", said.file.escape_debug())));
        }
        let from = self.folder_for(probe)?.join(&said.file);
        let plain = fs::symlink_metadata(&from)
            .with_context(|| format!("the probe wrote no file `{}`", said.file))?;
        if !plain.is_file() {
            return Err(invalid(format!("`{}` is no plain file", said.file)));
        }
        let to = self.partial.join(&name);
        let cannot = || format!("cannot keep the file `{}`", said.file);
        fs::rename(&from, &to).with_context(cannot)?;
        let kept = settle(&to).with_context(cannot).and_then(|()| {
            TableReader::check(&to, said, &Limits::default())?;
            self.note(probe, TableFile { file: name, ..said.clone() }, true)
        });
        if kept.is_err() {
            let _ = fs::remove_file(&to);
        }
        kept
    }

    /// The tables so far.
    #[must_use]
    pub fn tables(&self) -> &[TableEntry] {
        &self.tables
    }

    /// Writes the manifest, hands everything to the disk and gives the folder its name. The
    /// tables of the manifest are filled in.
    ///
    /// # Errors
    /// When something cannot be written, or the destination has appeared meanwhile.
    pub fn finish(mut self, mut manifest: Manifest) -> Result<Summary> {
        manifest.tables = std::mem::take(&mut self.tables);
        manifest.check(&Limits::default()).map_err(invalid)?;
        self.remove_foreign()?;
        let cannot = || format!("cannot write the capture {}", self.destination.display());
        let text = serde_json::to_vec_pretty(&manifest)
            .map_err(|e| Error::new(ErrorKind::InvalidData, cannot()).with_source(e))?;
        let bytes = text.len() as u64 + manifest.tables.iter().map(|t| t.bytes).sum::<u64>();
        self.write_manifest(&text).with_context(cannot)?;
        self.give_name().with_context(cannot)?;
        self.finished = true;
        let rows = manifest.tables.iter().fold(0, |sum: u64, t| sum.saturating_add(t.rows));
        Ok(Summary { tables: manifest.tables.len(), rows, bytes })
    }

    /// The name of a table's file: that of the table, if no other probe has one of this name.
    fn file_name(&self, probe: &str, table: &str) -> Result<String> {
        name_of(probe)?;
        name_of(table)?;
        let mut same = self.tables.iter().filter(|t| t.name == table).peekable();
        if same.peek().is_none() {
            return Ok(format!("{table}.parquet"));
        }
        if same.any(|t| t.probe == probe) {
            return Err(invalid(format!("table `{table}` of `{probe}` is there already")));
        }
        Ok(format!("{probe}.{table}.parquet"))
    }

    fn note(&mut self, probe: &str, written: TableFile, bulk: bool) -> Result<()> {
        let TableFile { table: name, file, rows, columns } = written;
        let path = self.partial.join(&file);
        let cannot = || format!("cannot read {}", path.display());
        let bytes = fs::metadata(&path).with_context(cannot)?.len();
        let checksum = checksum(&path)?;
        let probe = probe.into();
        self.tables.push(TableEntry { name, probe, file, rows, bytes, checksum, bulk, columns });
        Ok(())
    }

    /// Removes the folders of the probes, with whatever they left there.
    fn remove_foreign(&self) -> Result<()> {
        let cannot = || format!("cannot tidy {}", self.partial.display());
        for entry in fs::read_dir(&self.partial).with_context(cannot)? {
            let entry = entry.with_context(cannot)?;
            if entry.file_type().with_context(cannot)?.is_dir() {
                fs::remove_dir_all(entry.path()).with_context(cannot)?;
            }
        }
        Ok(())
    }

    fn write_manifest(&self, text: &[u8]) -> io::Result<()> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        private(&mut options);
        let mut file = options.open(self.partial.join(MANIFEST))?;
        file.write_all(text)?;
        file.write_all(b"\n")?;
        file.sync_all()?;
        sync_folder(&self.partial)
    }

    /// The moment at which the capture is there. An old one makes way just before, and comes back
    /// if the new one cannot take its place.
    fn give_name(&self) -> io::Result<()> {
        let old = self.partial.with_extension("replaced");
        let replaces = self.existing == Existing::Overwrite && self.destination.exists();
        if replaces {
            fs::rename(&self.destination, &old)?;
        }
        // A folder is never renamed over one that holds anything.
        if let Err(error) = fs::rename(&self.partial, &self.destination) {
            if replaces {
                fs::rename(&old, &self.destination)?;
            }
            return Err(error);
        }
        sync_folder(parent(&self.destination))?;
        if replaces {
            fs::remove_dir_all(&old)?;
        }
        Ok(())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if !self.finished {
            // Nobody is left to hear of a failure, and what stays is no capture.
            let _ = fs::remove_dir_all(&self.partial);
        }
    }
}

/// Refuses a destination that is there, unless it is a capture that may be replaced: `--force` on
/// a folder of something else must not cost it.
fn refuse(destination: &Path, existing: Existing) -> Result<()> {
    let shown = destination.display();
    let nonsense = |message: String| Error::new(ErrorKind::InvalidInput, message);
    match fs::symlink_metadata(destination) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(Error::io(e, format!("cannot look at {shown}"))),
        Ok(found) if !found.is_dir() => Err(nonsense(format!("{shown} is there and is no folder"))
            .with_hint("a capture is a folder: name one that is not there yet")),
        Ok(_) if existing == Existing::Keep => Err(nonsense(format!("{shown} is already there"))
            .with_hint("name another folder, or ask for it to be replaced (--force)")),
        Ok(_) => holds_a_capture_alone(destination).map_err(|e| {
            e.context(format!("{shown} is not replaced"))
                .with_hint("--force replaces captures alone: name another folder")
        }),
    }
}

fn holds_a_capture_alone(folder: &Path) -> Result<()> {
    let capture = Capture::open(folder)?;
    let files = capture.manifest().tables.iter().map(|t| OsString::from(&t.file));
    let own: Vec<OsString> = files.chain([MANIFEST.into()]).collect();
    let cannot = || format!("cannot look into {}", folder.display());
    for entry in fs::read_dir(folder).with_context(cannot)? {
        let name = entry.with_context(cannot)?.file_name();
        if !own.contains(&name) {
            return Err(invalid(format!("it also holds `{}`", name.display())));
        }
    }
    Ok(())
}

fn name_of(name: &str) -> Result<()> {
    if is_name(name) {
        return Ok(());
    }
    Err(invalid(format!("`{}` is no name of a probe or table", name.escape_debug())))
}

/// A name beside the destination that sorts away and says what it is.
fn partial_of(destination: &Path) -> io::Result<PathBuf> {
    let name = destination.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let mut hidden = OsString::from(".");
    hidden.push(name);
    hidden.push(format!(".{}.partial", std::process::id()));
    Ok(parent(destination).join(hidden))
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

fn private_folder(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// A foreign file becomes one of the capture: for its owner alone, and on disk.
fn settle(path: &Path) -> io::Result<()> {
    let file = File::open(path)?;
    make_private(&file)?;
    file.sync_all()
}

#[cfg(unix)]
fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}
