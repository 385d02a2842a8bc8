//! The recording of a run: written as it goes, and no reason for the run to fail.

use std::path::Path;

use capture::recording::{End, Event, Existing, Header, Writer};
use probe::{Error, Issue, Result, Severity, Snapshot};

use crate::clock;
use crate::facts::Facts;

/// Writes a recording; after the first failure it says so once and writes no more.
#[derive(Debug)]
pub struct Recorder {
    writer: Option<Writer>,
}

impl Recorder {
    /// Starts a recording.
    ///
    /// # Errors
    /// When the file exists and is not to be overwritten, or cannot be made.
    pub fn create(path: &Path, overwrite: bool, header: &Header) -> Result<Self> {
        let existing = if overwrite { Existing::Overwrite } else { Existing::Keep };
        Ok(Self { writer: Some(Writer::create(path, header, existing)?) })
    }

    /// Keeps a snapshot.
    pub fn snapshot(&mut self, snapshot: &Snapshot, facts: &mut Facts) {
        self.with(facts, |writer| writer.snapshot(snapshot));
    }

    /// Keeps an event.
    pub fn event(&mut self, monotonic_ns: u64, total: u64, facts: &mut Facts) {
        self.with(facts, |writer| writer.event(Event { monotonic_ns, total }));
    }

    /// Ends the recording: what the run itself wants known, and why it ended.
    pub fn end(&mut self, reason: &str, facts: &mut Facts) {
        let issues: Vec<Issue> =
            facts.issues.iter().filter(|i| i.probe.is_none()).cloned().collect();
        for issue in &issues {
            self.with(facts, |writer| writer.issue(issue));
        }
        let end = End { unix_ns: clock::unix_ns(), reason: reason.into(), ..End::default() };
        if let Some(Err(error)) = self.writer.take().map(|writer| writer.finish(end)) {
            facts.issue(lost(error));
        }
    }

    fn with(&mut self, facts: &mut Facts, write: impl FnOnce(&mut Writer) -> Result<(), Error>) {
        let Some(writer) = &mut self.writer else { return };
        if let Err(error) = write(writer) {
            facts.issue(lost(error));
            self.writer = None;
        }
    }
}

fn lost(error: Error) -> Issue {
    error.context("the recording ends here; the run goes on").to_issue(Severity::Error)
}
