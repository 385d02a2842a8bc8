//! Reading a recording, whatever happened to it.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use probe::{Error, ErrorKind, Issue, Limits, Result, Snapshot};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::lines::{Line, Lines};
use super::{End, Event, FORMAT, Header, Item, Run};

/// Bounds for recordings.
#[derive(Clone, Copy, Debug)]
pub struct ReadLimits {
    /// Length of a line, bytes. Longer ones are skipped, and an issue says so.
    pub line_bytes: usize,
    /// Bounds of each snapshot.
    pub snapshot: Limits,
    /// Damaged lines that get an issue each; the rest are only counted.
    pub damage_shown: u64,
}

impl Default for ReadLimits {
    fn default() -> Self {
        let snapshot = Limits::default();
        Self { line_bytes: snapshot.document_bytes, snapshot, damage_shown: 5 }
    }
}

/// A recording that is being read: its header, and an iterator over its items.
///
/// Items come as they stand in the file, which is the order of time. Nothing of the file is kept,
/// so a recording of any length is read with the memory of its longest line. What is wrong with
/// the file comes as [`Item::Issue`] where it is wrong, and the rest goes on.
#[derive(Debug)]
pub struct Recording<R> {
    /// The first line.
    pub header: Header,
    lines: Lines<R>,
    limits: ReadLimits,
    snapshots: u64,
    damaged: u64,
    unknown: u64,
    state: State,
    /// Issues about the whole, to be handed out after the last line; first one last.
    closing: Vec<Issue>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Reading,
    /// The stream is through; only `closing` is left.
    Closing,
}

/// A line after the header. Kinds that are not known leave all fields empty.
#[derive(Deserialize)]
struct RawItem<'a> {
    /// Kept as text, because [`Snapshot::from_json`] checks it.
    #[serde(borrow)]
    snapshot: Option<&'a RawValue>,
    event: Option<Event>,
    issue: Option<Issue>,
    run: Option<Run>,
    end: Option<End>,
}

impl Recording<BufReader<File>> {
    /// Opens a recording.
    ///
    /// # Errors
    /// When the file cannot be read, is no recording, or is one of a newer version.
    pub fn open(path: &Path) -> Result<Self> {
        let name = path.display();
        let file = File::open(path).map_err(|e| {
            Error::io(e, format!("cannot open the recording {name}"))
                .with_hint("name a file that was made with --record FILE")
        })?;
        if file.metadata().is_ok_and(|m| m.is_dir()) {
            let message = format!("{name} is a folder, not a recording");
            return Err(Error::new(ErrorKind::InvalidInput, message));
        }
        let reader = BufReader::with_capacity(64 * 1024, file);
        Self::read(reader, ReadLimits::default())
            .map_err(|e| e.context(format!("cannot read the recording {name}")))
    }
}

impl<R: BufRead> Recording<R> {
    /// Reads the header of a recording from any stream.
    ///
    /// # Errors
    /// When it cannot be read, is no recording, or is one of a newer version.
    pub fn read(stream: R, limits: ReadLimits) -> Result<Self> {
        let mut lines = Lines::new(stream, limits.line_bytes);
        let header = read_header(&mut lines)?;
        Ok(Self {
            header,
            lines,
            limits,
            snapshots: 0,
            damaged: 0,
            unknown: 0,
            state: State::Reading,
            closing: Vec::new(),
        })
    }

    /// How many snapshots were handed out so far.
    #[must_use]
    pub fn snapshots(&self) -> u64 {
        self.snapshots
    }

    /// The next line as an item; `None` when it yields nothing to show.
    fn step(&mut self) -> Option<Item> {
        let start = self.lines.offset();
        match self.lines.next() {
            Ok(Some(Line::Whole(line))) => self.parse(&line, start),
            Ok(Some(Line::TooLong { ended: true })) => {
                let cap = self.limits.line_bytes;
                self.damage(format!("the line at byte {start} has over {cap} bytes: skipped"))
            }
            Ok(Some(Line::Cut(line))) => self.last_words(&line, start),
            Ok(Some(Line::TooLong { ended: false })) => self.cut(start),
            Ok(None) => {
                self.close(Some(Issue::info(format!(
                    "the recording has no end mark: its run was killed or still goes on; \
                     {} were read",
                    count(self.snapshots)
                ))));
                None
            }
            Err(e) => {
                self.close(Some(Issue::error(format!(
                    "the recording cannot be read beyond byte {start}: {e}; {} were read",
                    count(self.snapshots)
                ))));
                None
            }
        }
    }

    /// A last line without a line end: whole by luck, or cut.
    fn last_words(&mut self, line: &[u8], start: u64) -> Option<Item> {
        if serde_json::from_slice::<&RawValue>(line).is_ok() {
            self.parse(line, start)
        } else {
            self.cut(start)
        }
    }

    fn cut(&mut self, start: u64) -> Option<Item> {
        let read = count(self.snapshots);
        self.close(Some(Issue::warning(format!(
            "the recording was cut in the line at byte {start}; {read} were read"
        ))));
        None
    }

    fn parse(&mut self, line: &[u8], start: u64) -> Option<Item> {
        if line.iter().all(u8::is_ascii_whitespace) {
            return None;
        }
        let raw: RawItem<'_> = match serde_json::from_slice(line) {
            Ok(raw) => raw,
            Err(e) => return self.damage(format!("the line at byte {start} is damaged: {e}")),
        };
        if let Some(json) = raw.snapshot {
            return match Snapshot::from_json(json.get().as_bytes(), &self.limits.snapshot) {
                Ok(snapshot) => {
                    self.snapshots += 1;
                    Some(Item::Snapshot(Box::new(snapshot)))
                }
                Err(e) => self.damage(format!("the snapshot at byte {start} is damaged: {e:#}")),
            };
        }
        let item = raw.event.map(Item::Event);
        let item = item.or_else(|| raw.issue.map(Item::Issue));
        let item = item.or_else(|| raw.run.map(Item::Run));
        let item = item.or_else(|| raw.end.map(Item::End));
        match &item {
            Some(Item::End(end)) => self.ended(end.snapshots),
            Some(_) => {}
            None => self.unknown += 1,
        }
        item
    }

    /// An end line was read: checks it against what came before and after.
    fn ended(&mut self, written: u64) {
        let end = self.lines.offset();
        let trailing = matches!(self.lines.peek(), Ok(Some(_))).then(|| {
            Issue::warning(format!("what follows the end mark, from byte {end} on, was left out"))
        });
        if written > self.snapshots {
            self.closing.push(Issue::warning(format!(
                "{written} snapshots were recorded, {} could be read",
                self.snapshots
            )));
        }
        self.close(trailing);
    }

    /// One more damaged line; the first few are shown.
    fn damage(&mut self, message: String) -> Option<Item> {
        self.damaged += 1;
        (self.damaged <= self.limits.damage_shown).then(|| Item::Issue(Issue::warning(message)))
    }

    fn close(&mut self, issue: Option<Issue>) {
        self.state = State::Closing;
        self.closing.extend(issue);
        let hidden = self.damaged.saturating_sub(self.limits.damage_shown);
        if hidden > 0 {
            self.closing.push(Issue::warning(format!("{hidden} more damaged lines were skipped")));
        }
        if self.unknown > 0 {
            let n = self.unknown;
            self.closing.push(
                Issue::info(format!("{n} lines of a kind unknown to this version were skipped"))
                    .with_hint("read the recording with the version that wrote it"),
            );
        }
        self.closing.reverse();
    }
}

impl<R: BufRead> Iterator for Recording<R> {
    type Item = Item;

    fn next(&mut self) -> Option<Item> {
        while self.state == State::Reading {
            if let Some(item) = self.step() {
                return Some(item);
            }
        }
        self.closing.pop().map(Item::Issue)
    }
}

fn count(snapshots: u64) -> String {
    if snapshots == 1 { "1 snapshot".into() } else { format!("{snapshots} snapshots") }
}

fn read_header<R: BufRead>(lines: &mut Lines<R>) -> Result<Header> {
    // Looked at before a whole line is read: a file of another kind may be one huge line.
    let first = lines.peek().map_err(|e| Error::io(e, "the first line cannot be read"))?;
    match first {
        Some(b'{') => {}
        Some(0x1f) => return Err(not_one("compressed").with_hint("decompress it first")),
        Some(_) => return Err(not_one("something else")),
        None => return Err(not_one("empty")),
    }
    let line = match lines.next().map_err(|e| Error::io(e, "the first line cannot be read"))? {
        Some(Line::Whole(line) | Line::Cut(line)) => line,
        Some(Line::TooLong { .. }) | None => return Err(not_one("something else")),
    };
    check_schema(&line)?;
    serde_json::from_slice(&line).map_err(|e| {
        Error::new(ErrorKind::InvalidData, "the first line of the recording is damaged")
            .with_source(e)
    })
}

fn check_schema(line: &[u8]) -> Result<()> {
    #[derive(Deserialize)]
    struct Head {
        schema: String,
    }
    let Ok(head) = serde_json::from_slice::<Head>(line) else {
        return Err(not_one("something else"));
    };
    let Some((format, version)) = head.schema.rsplit_once('/') else {
        return Err(not_one("something else"));
    };
    if format != FORMAT {
        return Err(match format {
            "memprobe.report" => not_one("a JSON report")
                .with_hint("a report cannot be turned back; record the run with --record FILE"),
            _ => not_one("something else"),
        });
    }
    if version.parse() != Ok(Header::VERSION) {
        let message = format!(
            "the recording has format version {}, this program reads version {}",
            version.escape_debug(),
            Header::VERSION
        );
        return Err(Error::new(ErrorKind::Incompatible, message)
            .with_hint("read it with the version of memprobe that wrote it"));
    }
    Ok(())
}

fn not_one(what: &str) -> Error {
    Error::new(ErrorKind::InvalidData, format!("not a recording of memprobe: it is {what}"))
        .with_hint("name a file that was made with --record FILE")
}
