//! Recordings are written, cut, damaged and read back.

use std::io::{BufReader, Write};
use std::path::Path;

use capture::recording::{
    End, Event, Existing, Header, Item, ReadLimits, Recording, Run, Tool, Writer,
};
use memprobe_capture as capture;
use probe::{Column, ErrorKind, Issue, Level, ProbeId, Snapshot, Table, Taken, Target, Unit};
use proptest::prelude::*;

fn header() -> Header {
    let tool = Tool { name: "memprobe".into(), version: "0.1.0".into() };
    let mut header = Header::new(tool, 7, Level::High, vec![Target::from_pid(42)]);
    header.preset = Some("high".into());
    header
}

fn snapshot(second: u64) -> Snapshot {
    let taken = Taken { unix_ns: second, monotonic_ns: second * 1_000_000_000 };
    let id = ProbeId { name: "process".into(), version: "1".into() };
    let mut snapshot = Snapshot::new(id, Target::from_pid(42), taken);
    let mut columns =
        vec![Column::id_key("pid", [42]), Column::level("rss", Unit::Bytes, [Some(second * 4096)])];
    // A full look at even seconds, a cheap one at odd ones.
    if second.is_multiple_of(2) {
        columns.push(Column::level("pss", Unit::Bytes, [Some(second * 2048)]));
    }
    snapshot.tables.push(Table::new("processes", columns));
    snapshot
}

fn end() -> End {
    End { unix_ns: 9, snapshots: 0, reason: "time is up".into() }
}

/// Writes a small recording with one item of each kind and returns its bytes.
fn small(path: &Path, finished: bool) -> Vec<u8> {
    let mut writer = Writer::create(path, &header(), Existing::Keep).expect("a new file");
    writer.run(&Run { number: 1, monotonic_ns: 0, target: None }).expect("a line");
    for second in 1..=3 {
        writer.snapshot(&snapshot(second)).expect("a line");
        writer.event(Event { monotonic_ns: second, total: second * 10 }).expect("a line");
    }
    writer.issue(&Issue::warning("a \u{1b}[31mwarning\n")).expect("a line");
    if finished {
        writer.finish(end()).expect("the end");
    } else {
        drop(writer);
    }
    std::fs::read(path).expect("the recording")
}

fn items(bytes: &[u8]) -> Vec<Item> {
    Recording::read(bytes, ReadLimits::default()).expect("a recording").collect()
}

fn messages(items: &[Item]) -> Vec<&str> {
    fn message(item: &Item) -> Option<&str> {
        if let Item::Issue(issue) = item { Some(&issue.message) } else { None }
    }
    items.iter().filter_map(message).collect()
}

fn snapshots(items: &[Item]) -> Vec<Snapshot> {
    let one = |item: &Item| if let Item::Snapshot(s) = item { Some((**s).clone()) } else { None };
    items.iter().filter_map(one).collect()
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

/// What is written is what is read, and a finished recording raises no issue of its own.
#[test]
fn round_trip() {
    let dir = folder();
    let bytes = small(&dir.path().join("r"), true);
    let recording = Recording::open(&dir.path().join("r")).expect("own recording");
    assert_eq!(recording.header, header());
    let read: Vec<Item> = recording.collect();
    assert_eq!(read, items(&bytes));
    assert_eq!(read[0], Item::Run(Run { number: 1, monotonic_ns: 0, target: None }));
    assert_eq!(snapshots(&read), [snapshot(1), snapshot(2), snapshot(3)]);
    assert_eq!(read[2], Item::Event(Event { monotonic_ns: 1, total: 10 }));
    assert_eq!(messages(&read), ["a \u{1b}[31mwarning\n"]);
    assert_eq!(read.last(), Some(&Item::End(End { snapshots: 3, ..end() })));
}

/// A recording without its end line looks unfinished, and nothing else is wrong with it.
#[test]
fn unfinished_looks_unfinished() {
    let dir = folder();
    let read = items(&small(&dir.path().join("r"), false));
    assert_eq!(snapshots(&read).len(), 3);
    assert_eq!(
        messages(&read)[1..],
        ["the recording has no end mark: its run was killed or still goes on; \
          3 snapshots were read"]
    );
}

/// Cut at any byte, everything in the whole lines before is read, and the cut is said.
#[test]
fn cut_at_every_byte() {
    let dir = folder();
    let bytes = small(&dir.path().join("r"), true);
    let whole = items(&bytes);
    let first_line = bytes.iter().position(|&b| b == b'\n').expect("lines");
    for at in 0..bytes.len() {
        let part = &bytes[..at];
        let recording = match Recording::read(part, ReadLimits::default()) {
            Ok(recording) => recording,
            Err(e) => {
                assert!(at < first_line, "cut at {at}: {e:#}");
                continue;
            }
        };
        let read: Vec<Item> = recording.collect();
        let lines = part.iter().filter(|&&b| b == b'\n').count() - usize::from(at > first_line);
        let common = whole.iter().zip(&read).take_while(|(a, b)| a == b).count();
        assert!(common >= lines, "cut at {at}: {common} of {lines} items");
        let tail = &read[common..];
        // Only the very last line end can be missing without a trace.
        if at < bytes.len() - 1 {
            let said = messages(tail).concat();
            let cut = said.starts_with("the recording was cut in the line at byte ");
            let open = said.starts_with("the recording has no end mark");
            let at_line_end = part.ends_with(b"\n") || bytes[at] == b'\n';
            assert_eq!((cut, open), (!at_line_end, at_line_end), "cut at {at}: {tail:?}");
            let n = snapshots(&read).len();
            let n = if n == 1 { "1 snapshot were".into() } else { format!("{n} snapshots were") };
            assert!(said.contains(&n), "cut at {at}: {said}");
        } else {
            assert_eq!(read, whole);
        }
    }
}

/// A full disk is reported once, says what it hit, and the run goes on.
#[test]
#[cfg(target_os = "linux")]
fn full_disk() {
    let error = Writer::create(Path::new("/dev/full"), &header(), Existing::Keep)
        .expect_err("the header does not fit");
    let text = format!("{error:#}");
    assert!(text.starts_with("cannot write the recording /dev/full"), "{text}");
    assert!(text.contains("No space left"), "{text}");
    assert!(error.hint().is_some_and(|h| h.contains("space")), "{error:?}");
}

/// After the first failure the writer takes everything and does nothing.
#[test]
#[cfg(target_os = "linux")]
fn failure_is_reported_once() {
    let dir = folder();
    let pipe = dir.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.is_ok_and(|s| s.success()), "mkfifo is part of every Linux");
    // The reader takes the header and goes: from then on writing fails with a broken pipe.
    let reader = std::thread::spawn({
        let pipe = pipe.clone();
        move || {
            let file = std::fs::File::open(pipe).expect("the reading end");
            let mut line = String::new();
            std::io::BufRead::read_line(&mut BufReader::new(file), &mut line).expect("a line");
            line
        }
    });
    let mut writer = Writer::create(&pipe, &header(), Existing::Keep).expect("a reader is there");
    assert!(reader.join().expect("the reader").contains(Header::SCHEMA));
    writer.snapshot(&snapshot(1)).expect("buffered");
    let error = writer.flush().expect_err("nobody reads");
    assert_eq!(error.kind(), ErrorKind::Io);
    assert!(format!("{error:#}").contains("after 1 snapshots or fewer"), "{error:#}");
    assert!(writer.has_failed());
    for second in 0..100 {
        writer.snapshot(&snapshot(second)).expect("inert");
    }
    writer.flush().expect("inert");
    writer.finish(end()).expect("inert");
}

/// What is there stays there unless asked; what is made is for its owner's eyes only.
#[test]
fn existing_files() {
    let dir = folder();
    let path = dir.path().join("r");
    std::fs::write(&path, "precious").expect("a file");
    let error = Writer::create(&path, &header(), Existing::Keep).expect_err("it is there");
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert_eq!(std::fs::read(&path).expect("kept"), b"precious");
    let writer = Writer::create(&path, &header(), Existing::Overwrite).expect("asked for");
    writer.finish(end()).expect("the end");
    let recording = Recording::open(&path).expect("a recording");
    assert_eq!(recording.collect::<Vec<_>>(), [Item::End(end())]);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        for path in [path, dir.path().join("new")] {
            drop(Writer::create(&path, &header(), Existing::Overwrite).expect("a recording"));
            let mode = path.metadata().expect("a file").permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{}", path.display());
        }
    }
}

/// Paths at which nothing can be written or read give an error with the path and what to try.
#[test]
fn bad_paths() {
    let dir = folder();
    let missing = dir.path().join("no/such/folder/r");
    let error = Writer::create(&missing, &header(), Existing::Keep).expect_err("no folder");
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("no/such/folder/r") && error.hint().is_some());
    let error = Writer::create(dir.path(), &header(), Existing::Overwrite).expect_err("a folder");
    assert!(error.to_string().starts_with("cannot make the recording"), "{error:#}");
    let error = Recording::open(&missing).expect_err("no file");
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let error = Recording::open(dir.path()).expect_err("a folder");
    assert!(error.to_string().ends_with("is a folder, not a recording"), "{error:#}");
}

/// Files of another kind are told from recordings of another version.
#[test]
fn not_a_recording() {
    let refuse = |bytes: &[u8]| {
        Recording::read(bytes, ReadLimits::default()).map(|r| r.header).expect_err("refused")
    };
    for (bytes, what) in [
        (&b""[..], "not a recording of memprobe: it is empty"),
        (b"\x7fELF", "not a recording of memprobe: it is something else"),
        (b"{}\n", "not a recording of memprobe: it is something else"),
        (b"{\"schema\":\"other/1\"}\n", "not a recording of memprobe: it is something else"),
        (b"\x1f\x8b\x08", "not a recording of memprobe: it is compressed"),
        (b"{\"schema\":\"memprobe.report/1\"}", "not a recording of memprobe: it is a JSON report"),
        (b"{\"schema\":\"memprobe.recording/1\"}", "the first line of the recording is damaged"),
    ] {
        let error = refuse(bytes);
        assert_eq!(error.to_string(), what);
        assert_eq!(error.kind(), ErrorKind::InvalidData);
    }
    let newer = refuse(b"{\"schema\":\"memprobe.recording/2\",\"all\":\"else\"}\n");
    assert_eq!(newer.kind(), ErrorKind::Incompatible);
    assert_eq!(
        newer.to_string(),
        "the recording has format version 2, this program reads version 1"
    );
}

/// Damage in the middle costs the damaged lines and nothing else.
#[test]
fn damage_in_the_middle() {
    let dir = folder();
    let bytes = small(&dir.path().join("r"), true);
    let text = String::from_utf8(bytes).expect("JSON");
    let mut lines: Vec<&str> = text.lines().collect();
    let long = "x".repeat(5000);
    lines.insert(2, "\0\0\0\0");
    lines.insert(4, r#"{"snapshot":{"schema":1}}"#);
    lines.insert(5, r#"{"future":{"what":"ever"}}"#);
    lines.insert(6, "");
    lines.insert(7, &long);
    for _ in 0..9 {
        lines.insert(8, "[");
    }
    lines.push(r#"{"event":{"monotonic_ns":1,"total":1}}"#);
    let damaged = lines.join("\n");
    let limits = ReadLimits { line_bytes: 4096, ..ReadLimits::default() };
    let recording = Recording::read(damaged.as_bytes(), limits).expect("a recording");
    let read: Vec<Item> = recording.collect();
    assert_eq!(snapshots(&read), [snapshot(1), snapshot(2), snapshot(3)]);
    let said = messages(&read);
    let damage = |n: usize| said[n].contains("damaged") && said[n].contains("at byte");
    assert!(damage(0) && damage(1) && damage(3) && damage(4), "{said:#?}");
    assert!(said[2].ends_with("has over 4096 bytes: skipped"), "{said:#?}");
    assert!(said[6].starts_with("what follows the end mark"), "{said:#?}");
    assert_eq!(said[7], "7 more damaged lines were skipped");
    assert_eq!(said[8], "1 lines of a kind unknown to this version were skipped");
    assert_eq!(said.len(), 9, "{said:#?}");
}

/// A snapshot that the end mark counts and nobody could read is missed.
#[test]
fn missing_snapshots_are_missed() {
    let dir = folder();
    let text = String::from_utf8(small(&dir.path().join("r"), true)).expect("JSON");
    let without: Vec<&str> =
        text.lines().enumerate().filter(|(n, _)| *n != 2).map(|(_, l)| l).collect();
    let read = items(without.join("\n").as_bytes());
    assert!(messages(&read).contains(&"3 snapshots were recorded, 2 could be read"));
}

/// The widest look at each table counts at both ends, so a cheap last look hides nothing.
#[test]
fn ends_take_the_widest_look() {
    let dir = folder();
    let path = dir.path().join("r");
    let mut writer = Writer::create(&path, &header(), Existing::Keep).expect("a new file");
    for second in 1..=9 {
        let mut one = snapshot(second);
        one.lack(Issue::warning("something is missing"));
        writer.snapshot(&one).expect("a line");
    }
    writer.finish(end()).expect("the end");
    let ends = Recording::open(&path).expect("a recording").into_ends();
    assert_eq!(ends.snapshots, 9);
    assert_eq!(ends.tables.len(), 1);
    let table = &ends.tables[0];
    assert_eq!((table.first.taken.unix_ns, table.last.taken.unix_ns), (2, 8));
    assert_eq!(table.last.tables[0].value("pss", 0).as_u64(), Some(8 * 2048));
    let issue = Issue { probe: Some("process".into()), ..Issue::warning("something is missing") };
    assert_eq!(ends.issues, [issue]);
}

/// A line is on disk about a second after it was written, without more being asked.
#[test]
fn what_was_flushed_survives_a_kill() {
    let dir = folder();
    let path = dir.path().join("r");
    let mut writer = Writer::create(&path, &header(), Existing::Keep).expect("a new file");
    assert_eq!(Recording::open(&path).expect("the header is there").header, header());
    writer.snapshot(&snapshot(1)).expect("a line");
    writer.flush().expect("flushed");
    writer.snapshot(&snapshot(2)).expect("a line");
    // A kill -9 runs no destructor: what the buffer holds is lost, what was flushed is not.
    std::mem::forget(writer);
    let read: Vec<Item> = Recording::open(&path).expect("a recording").collect();
    assert_eq!(snapshots(&read), [snapshot(1)]);
}

proptest! {
    /// Random bytes never panic and never come to no end.
    #[test]
    fn garbage(bytes in prop::collection::vec(any::<u8>(), 0..500)) {
        if let Ok(recording) = Recording::read(&bytes[..], ReadLimits::default()) {
            prop_assert!(recording.count() <= bytes.len() + 2);
        }
    }

    /// Random damage after the header costs at most the lines that it touches.
    #[test]
    fn damage(at in 0usize..4000, junk in prop::collection::vec(any::<u8>(), 1..20)) {
        let mut bytes = Vec::new();
        serde_json::to_writer(&mut bytes, &header()).expect("a header");
        bytes.push(b'\n');
        let body = bytes.len();
        for second in 1..=8 {
            writeln!(bytes, r#"{{"snapshot":{}}}"#, snapshot(second).to_json()).expect("memory");
        }
        let at = body + at % (bytes.len() - body - junk.len());
        let touched = bytes[at..at + junk.len()].iter().filter(|&&b| b == b'\n').count() + 1;
        bytes[at..at + junk.len()].copy_from_slice(&junk);
        let read = snapshots(&items(&bytes));
        let kept = (1..=8).filter(|&s| read.contains(&snapshot(s))).count();
        prop_assert!(kept + touched >= 8, "{kept} kept, {touched} touched");
    }
}
