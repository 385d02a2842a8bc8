//! Events that growth is measured against: log lines, matches, a counter file.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::Sender;
use std::time::Duration;

use probe::{Error, ErrorKind, Result};
use regex::bytes::Regex;

use crate::clock;
use crate::session::Message;

/// The part of a line that is looked at.
const MAX_LINE: usize = 64 * 1024;
/// A file that small may hold a counter.
const MAX_COUNTER: u64 = 64;
/// How often the file is looked at.
const POLL: Duration = Duration::from_millis(100);

/// Counts lines, or the lines that match.
#[derive(Debug)]
pub struct LineCounter {
    pattern: Option<Regex>,
    line: Vec<u8>,
    total: u64,
}

impl LineCounter {
    /// Counts all lines, or those that match; where the first group of the pattern matches a
    /// number, that number is the total.
    ///
    /// # Errors
    /// When the pattern is no regular expression: says where.
    pub fn new(pattern: Option<&str>) -> Result<Self> {
        let compile = |text: &str| {
            Regex::new(text)
                .map_err(|e| Error::new(ErrorKind::InvalidInput, format!("--event-regex: {e}")))
        };
        Ok(Self { pattern: pattern.map(compile).transpose()?, line: Vec::new(), total: 0 })
    }

    /// Takes bytes as they come; an event message when the total has changed.
    pub fn feed(&mut self, bytes: &[u8]) -> Option<Message> {
        let before = self.total;
        for piece in bytes.split_inclusive(|&b| b == b'\n') {
            let room = MAX_LINE.saturating_sub(self.line.len());
            self.line.extend_from_slice(piece.get(..room).unwrap_or(piece));
            if piece.ends_with(b"\n") {
                self.count_line();
                self.line.clear();
            }
        }
        (self.total != before).then(|| event(self.total))
    }

    fn count_line(&mut self) {
        let Some(pattern) = &self.pattern else {
            self.total += 1;
            return;
        };
        let Some(groups) = pattern.captures(&self.line) else { return };
        let number = groups
            .get(1)
            .and_then(|m| std::str::from_utf8(m.as_bytes()).ok())
            .and_then(|text| text.parse::<u64>().ok());
        // A total that falls is another program's, or a new start: count on from where we are.
        self.total = number.map_or(self.total + 1, |n| n.max(self.total));
    }
}

fn event(total: u64) -> Message {
    Message::Event { monotonic_ns: clock::monotonic_ns(), total }
}

/// Counts the events of one run, where they are asked for: a file is watched from now on, or what
/// comes back counts the output of the command.
///
/// # Errors
/// When the pattern is no regular expression, or the file cannot be read.
pub fn of_run(
    file: Option<&Path>,
    pattern: Option<&str>,
    has_command: bool,
    to: &Sender<Message>,
) -> Result<Option<LineCounter>> {
    match file {
        Some(path) => {
            watch_file(path, LineCounter::new(pattern)?, has_command, to.clone())?;
            Ok(None)
        }
        None if has_command && pattern.is_some() => LineCounter::new(pattern).map(Some),
        None => Ok(None),
    }
}

/// Starts to watch a file for events: a number that it holds, or lines that are added to it.
///
/// # Errors
/// When the file cannot be read and is not `awaited` (a command may yet make it).
pub fn watch_file(
    path: &Path,
    counter: LineCounter,
    awaited: bool,
    to: Sender<Message>,
) -> Result<()> {
    match File::open(path) {
        Ok(_) => {}
        Err(e) if awaited && e.kind() == std::io::ErrorKind::NotFound => {}
        Err(e) => {
            return Err(Error::io(e, format!("cannot read the events in {}", path.display()))
                .with_hint("--events names a log file, or a file that holds a number"));
        }
    }
    // What is in a log already happened before the watch.
    let place = std::fs::metadata(path).ok().map(|m| (m.ino(), m.len()));
    let mut watcher = Watcher { path: path.into(), counter, place };
    std::thread::spawn(move || {
        loop {
            if let Some(message) = watcher.look()
                && to.send(message).is_err()
            {
                return;
            }
            std::thread::sleep(POLL);
        }
    });
    Ok(())
}

struct Watcher {
    path: PathBuf,
    counter: LineCounter,
    /// The file's identity and how far it has been read.
    place: Option<(u64, u64)>,
}

impl Watcher {
    fn look(&mut self) -> Option<Message> {
        let mut file = File::open(&self.path).ok()?;
        let meta = file.metadata().ok()?;
        if self.counter.pattern.is_none()
            && let Some(total) = counter_value(&mut file, meta.len())
        {
            return (total != self.counter.total).then(|| {
                self.counter.total = total;
                event(total)
            });
        }
        let from = match self.place {
            // The same file, and it has grown.
            Some((inode, read)) if inode == meta.ino() && read <= meta.len() => read,
            // Another file (rotated), or cut: from its front.
            _ => 0,
        };
        file.seek(SeekFrom::Start(from)).ok()?;
        let mut bytes = Vec::new();
        let limit = 16 << 20;
        let read = file.take(limit).read_to_end(&mut bytes).ok()?;
        self.place = Some((meta.ino(), from + read as u64));
        self.counter.feed(&bytes)
    }
}

/// The number that a small file holds, if it holds just that.
fn counter_value(file: &mut File, size: u64) -> Option<u64> {
    if size == 0 || size > MAX_COUNTER {
        return None;
    }
    let mut text = String::new();
    file.take(MAX_COUNTER).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn totals(pattern: Option<&str>, pieces: &[&str]) -> u64 {
        let mut counter = LineCounter::new(pattern).unwrap();
        for piece in pieces {
            let _ = counter.feed(piece.as_bytes());
        }
        counter.total
    }

    /// Lines are counted across the pieces in which they come.
    #[test]
    fn lines_are_counted() {
        assert_eq!(totals(None, &["a\nb", "c\n", "d"]), 2);
        assert_eq!(totals(Some("GET"), &["GE", "T /\nPOST /\nGET /x\n"]), 2);
        assert_eq!(totals(Some(r"handled (\d+)"), &["handled 100\n", "x\nhandled 250\n"]), 250);
        assert_eq!(totals(Some("x"), &[&"x".repeat(1 << 20), "\n"]), 1);
    }

    /// Counter files and logs are told apart; rotation starts anew.
    #[test]
    fn files_are_followed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("events");
        let mut watcher =
            Watcher { path: path.clone(), counter: LineCounter::new(None).unwrap(), place: None };
        assert!(watcher.look().is_none());
        std::fs::write(&path, "12\n").unwrap();
        assert!(matches!(watcher.look(), Some(Message::Event { total: 12, .. })));
        std::fs::write(&path, "line 1\nline 2\n").unwrap();
        assert!(matches!(watcher.look(), Some(Message::Event { total: 14, .. })));
        assert!(watcher.look().is_none());
        std::fs::write(&path, "new\n").unwrap();
        assert!(matches!(watcher.look(), Some(Message::Event { total: 15, .. })));
    }

    #[test]
    fn a_bad_pattern_is_explained() {
        let error = LineCounter::new(Some("(")).unwrap_err();
        assert!(error.to_string().contains("unclosed group"), "{error}");
    }
}
