//! Writing a recording while the run goes on.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use probe::{Error, ErrorKind, Issue, Result, Snapshot};

use crate::private::{make_private, private};

use super::{End, Event, Header, ItemRef, Run};

/// How long a line may wait in the buffer.
const FLUSH_EVERY: Duration = Duration::from_secs(1);
/// The buffer is written out when it holds this much.
const BUFFER: usize = 64 * 1024;

/// What to do with a file that is already there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// Refuse.
    Keep,
    /// Empty it and write over it.
    Overwrite,
}

/// Writes a recording, line by line.
///
/// A run must not end because its recording cannot be written. So the first failure is returned
/// once, as an error that says what was kept; from then on the writer takes everything and does
/// nothing, and [`Writer::has_failed`] says so. What was written before remains readable.
#[derive(Debug)]
pub struct Writer {
    path: PathBuf,
    /// `None` once writing has failed.
    file: Option<File>,
    buffer: Vec<u8>,
    flushed: Instant,
    snapshots: u64,
}

impl Writer {
    /// Makes the file (mode 0600) and writes the header, which is on disk when this returns.
    ///
    /// What is no plain file (`/dev/stdout`, a pipe) is simply written to.
    ///
    /// # Errors
    /// When the file is there and was not to be overwritten, or cannot be made or written.
    pub fn create(path: &Path, header: &Header, existing: Existing) -> Result<Self> {
        let file = open(path, existing)?;
        let mut writer = Self {
            path: path.into(),
            file: Some(file),
            buffer: Vec::new(),
            flushed: Instant::now(),
            snapshots: 0,
        };
        writer.line(header)?;
        writer.flush()?;
        Ok(writer)
    }

    /// Adds a snapshot.
    ///
    /// # Errors
    /// The first failure to write; never again after it.
    pub fn snapshot(&mut self, snapshot: &Snapshot) -> Result<()> {
        if self.has_failed() {
            return Ok(());
        }
        self.snapshots += 1;
        self.line(&ItemRef::Snapshot(snapshot))
    }

    /// Adds a count of events.
    ///
    /// # Errors
    /// The first failure to write; never again after it.
    pub fn event(&mut self, event: Event) -> Result<()> {
        self.line(&ItemRef::Event(&event))
    }

    /// Adds an issue of the run itself; those of a snapshot are inside it.
    ///
    /// # Errors
    /// The first failure to write; never again after it.
    pub fn issue(&mut self, issue: &Issue) -> Result<()> {
        self.line(&ItemRef::Issue(issue))
    }

    /// Says that a further run begins.
    ///
    /// # Errors
    /// The first failure to write; never again after it.
    pub fn run(&mut self, run: &Run) -> Result<()> {
        self.line(&ItemRef::Run(run))
    }

    /// Writes the end line and hands everything to the disk. The number of snapshots in `end`
    /// is filled in.
    ///
    /// # Errors
    /// When that fails and nothing failed before.
    pub fn finish(mut self, mut end: End) -> Result<()> {
        end.snapshots = self.snapshots;
        self.line(&ItemRef::End(&end))?;
        self.flush()?;
        let Some(file) = self.file.take() else { return Ok(()) };
        // A full disk may only show here. Pipes and devices cannot be synced; nothing is lost.
        if file.metadata().is_ok_and(|m| m.is_file()) {
            file.sync_all().map_err(|e| failed(e, &self.path, self.snapshots))?;
        }
        Ok(())
    }

    /// Writes out what is buffered. Happens by itself about once a second while lines are added,
    /// and on drop.
    ///
    /// # Errors
    /// The first failure to write; never again after it.
    pub fn flush(&mut self) -> Result<()> {
        self.flushed = Instant::now();
        let Some(file) = &mut self.file else { return Ok(()) };
        let written = file.write_all(&self.buffer);
        self.buffer.clear();
        written.map_err(|e| {
            self.file = None;
            self.buffer = Vec::new();
            failed(e, &self.path, self.snapshots)
        })
    }

    /// Whether writing has failed, so that the recording ends before the run does.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.file.is_none()
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn line(&mut self, value: &impl serde::Serialize) -> Result<()> {
        if self.has_failed() {
            return Ok(());
        }
        let before = self.buffer.len();
        if let Err(e) = serde_json::to_writer(&mut self.buffer, value) {
            self.buffer.truncate(before);
            let message = "a line of the recording could not be encoded";
            return Err(Error::new(ErrorKind::InvalidData, message).with_source(e));
        }
        self.buffer.push(b'\n');
        if self.buffer.len() >= BUFFER || self.flushed.elapsed() >= FLUSH_EVERY {
            self.flush()?;
        }
        Ok(())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // Nobody is left to hear of a failure, and a reader will see that the end is missing.
        let _ = self.flush();
    }
}

fn failed(error: io::Error, path: &Path, snapshots: u64) -> Error {
    let message = format!(
        "cannot write the recording {}: it ends here, after {snapshots} snapshots or fewer; \
         the run goes on without it",
        path.display()
    );
    Error::io(error, message)
        .with_hint("free some space, or record to another disk with --record FILE")
}

fn open(path: &Path, existing: Existing) -> Result<File> {
    let mut new = OpenOptions::new();
    new.write(true).create_new(true);
    private(&mut new);
    let error = match new.open(path) {
        Ok(file) => return Ok(file),
        Err(e) => e,
    };
    let cannot = |e| {
        Error::io(e, format!("cannot make the recording {}", path.display()))
            .with_hint("name a file in a folder that exists and that you may write to")
    };
    if error.kind() != io::ErrorKind::AlreadyExists {
        return Err(cannot(error));
    }
    let plain = path.metadata().map_err(cannot)?.is_file();
    if plain && existing == Existing::Keep {
        let message = format!("the file {} is already there", path.display());
        return Err(Error::new(ErrorKind::InvalidInput, message)
            .with_hint("name another file, or ask for it to be overwritten (--force)"));
    }
    let file = OpenOptions::new().write(true).truncate(plain).open(path).map_err(cannot)?;
    if plain {
        make_private(&file).map_err(cannot)?;
    }
    Ok(file)
}
