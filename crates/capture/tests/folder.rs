//! Captures: what is written is read, and a half-written one never looks whole.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test stops where it cannot go on")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use memprobe_capture::folder::{
    Capture, Chunk, Existing, MANIFEST, Manifest, TableWriter, Tool, Writer,
};
use probe::{
    Column, ErrorKind, FileColumn, FileType, Level, Role, Table, TableFile, Taken, Target, Unit,
    Values,
};

fn manifest() -> Manifest {
    let tool = Tool { name: "memprobe".into(), version: "1".into() };
    Manifest::new(tool, Level::Medium, Target::from_pid(7), Taken::default())
}

/// Every type, every role, and what is missing.
fn table() -> Table {
    let ratio = Values::F64(vec![Some(0.1), Some(f64::MAX), None]);
    let signed = Values::I64(vec![Some(i64::MIN), None, Some(i64::MAX)]);
    let flags = Values::Bool(vec![None, Some(true), Some(false)]);
    let address = Values::U64(vec![Some(0x7f00_0000_0000), None, Some(u64::MAX)]);
    Table::new(
        "everything",
        vec![
            Column::text_key("type", ["", "dict", "naïve\u{1f40d}\0"]),
            Column::id_key("pid", [0, 7, u64::MAX]),
            Column::level("bytes", Unit::Bytes, [Some(u64::MAX), None, Some(0)]),
            Column::counter("faults", Unit::Count, [None, None, None]),
            Column::new("share", Unit::Ratio, Role::Attribute, ratio),
            Column::new("signed", Unit::Ns, Role::Attribute, signed),
            Column::new("flag", Unit::None, Role::Attribute, flags),
            Column::new("at", Unit::Address, Role::Ref("other".into()), address),
        ],
    )
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn write(to: &Path, existing: Existing, rows: u64) -> probe::Result<()> {
    let mut writer = Writer::create(to, existing)?;
    writer.table("test", &Table::new("rows", vec![Column::id_key("n", 0..rows)]))?;
    writer.finish(manifest()).map(drop)
}

#[test]
fn a_table_comes_back_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let to = dir.path().join("capture");
    let mut writer = Writer::create(&to, Existing::Keep).unwrap();
    let empty = Table::new("empty", vec![Column::id_key("pid", [])]);
    for table in [&table(), &empty] {
        writer.table("test", table).unwrap();
    }
    // A table of the same name is another probe's, and stands once for each.
    writer.table("other", &empty).unwrap();
    assert!(writer.table("test", &empty).unwrap_err().to_string().contains("already"));
    let summary = writer.finish(manifest()).unwrap();
    assert_eq!((summary.tables, summary.rows), (3, 3));

    assert_eq!(names(dir.path()), ["capture"]);
    let files = ["empty.parquet", "everything.parquet", MANIFEST, "other.empty.parquet"];
    assert_eq!(names(&to), files);
    assert_eq!(mode(&to), 0o700);
    assert!(files.iter().all(|file| mode(&to.join(file)) == 0o600));
    let on_disk: u64 = files.iter().map(|f| fs::metadata(to.join(f)).unwrap().len()).sum();
    assert_eq!(summary.bytes + 1, on_disk, "the line end of the manifest");

    let capture = Capture::open(&to).unwrap();
    assert_eq!(capture.manifest().target.pid, 7);
    assert_eq!(capture.table(capture.entry("everything").unwrap()).unwrap(), table());
    assert_eq!(capture.table(capture.entry("empty").unwrap()).unwrap(), empty);
    let error = capture.entry("objects").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.hint().unwrap().contains("everything"));
}

fn wide_columns() -> Vec<FileColumn> {
    let column = |name, kind| FileColumn::new(name, kind, Unit::None, Role::Attribute);
    vec![
        FileColumn::new("address", FileType::U64, Unit::Address, Role::Key),
        column("size", FileType::U32),
        column("flags", FileType::U8),
        column("signed", FileType::I64),
        column("share", FileType::F64),
        column("tracked", FileType::Bool),
        column("name", FileType::Text),
    ]
}

/// More rows than are held in memory at once, in chunks that fit no boundary.
#[test]
fn a_long_table_is_written_and_read_in_parts() {
    const ROWS: u64 = 2_500_000;
    const CHUNK: u64 = 700_001;
    let dir = tempfile::tempdir().unwrap();
    let to = dir.path().join("capture");
    let mut writer = Writer::create(&to, Existing::Keep).unwrap();
    let folder = writer.folder_for("test").unwrap();
    let mut long = TableWriter::create(&folder, "objects", wide_columns()).unwrap();
    let texts: Vec<String> = (0..CHUNK).map(|n| format!("name {}", n % 1000)).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let mut from = 0;
    while from < ROWS {
        let rows = from..ROWS.min(from + CHUNK);
        let n = (rows.end - rows.start) as usize;
        let address: Vec<u64> = rows.clone().map(|n| u64::MAX - n * 16).collect();
        let size: Vec<u32> = rows.clone().map(|n| u32::MAX - n as u32).collect();
        let flags: Vec<u8> = rows.clone().map(|n| n as u8).collect();
        let signed: Vec<i64> = rows.clone().map(|n| -(n as i64)).collect();
        let share: Vec<f64> = rows.clone().map(|n| n as f64 / 3.0).collect();
        let tracked: Vec<bool> = rows.clone().map(|n| n % 3 == 0).collect();
        long.write(&[
            Chunk::U64(&address),
            Chunk::U32(&size),
            Chunk::U8(&flags),
            Chunk::I64(&signed),
            Chunk::F64(&share),
            Chunk::Bool(&tracked),
            Chunk::Text(&texts[..n]),
        ])
        .unwrap();
        from = rows.end;
    }
    let said = long.finish().unwrap();
    assert_eq!((said.rows, said.file.as_str()), (ROWS, "objects.parquet"));
    writer.adopt("test", &said).unwrap();
    writer.finish(manifest()).unwrap();
    assert_eq!(names(&to), [MANIFEST, "objects.parquet"], "the probe's folder is gone");

    let capture = Capture::open(&to).unwrap();
    let entry = capture.entry("objects").unwrap();
    assert!(entry.bulk);
    let reader = capture.columns(entry).unwrap();
    let address = reader.column::<u64>("address").unwrap();
    assert_eq!(address.len() as u64, ROWS);
    assert!((0..ROWS).zip(&address).all(|(n, &a)| a == u64::MAX - n * 16));
    let size = reader.column::<u32>("size").unwrap();
    assert!((0..ROWS).zip(&size).all(|(n, &s)| s == u32::MAX - n as u32));
    let flags = reader.column::<u8>("flags").unwrap();
    assert!((0..ROWS).zip(&flags).all(|(n, &f)| f == n as u8));
    let signed = reader.column::<i64>("signed").unwrap();
    assert!((0..ROWS).zip(&signed).all(|(n, &s)| s == -(n as i64)));
    let share = reader.column::<f64>("share").unwrap();
    assert!((0..ROWS).zip(&share).all(|(n, &s)| s == n as f64 / 3.0));
    let tracked = reader.column::<bool>("tracked").unwrap();
    assert!((0..ROWS).zip(&tracked).all(|(n, &t)| t == (n % 3 == 0)));
    let text = reader.column::<String>("name").unwrap();
    assert!((0..ROWS).zip(&text).all(|(n, t)| *t == format!("name {}", n % CHUNK % 1000)));

    assert_eq!(reader.parts(), 3);
    let parts: Vec<u64> = (0..3).flat_map(|p| reader.part::<u64>("address", p).unwrap()).collect();
    assert_eq!(parts, address);
    for (name, error) in [
        ("address", reader.column::<u32>("address").unwrap_err()),
        ("none", reader.column::<u64>("none").unwrap_err()),
    ] {
        assert!(error.to_string().contains(name), "{error}");
    }
    assert!(reader.part::<u64>("address", 3).is_err());
}

#[test]
fn chunks_that_do_not_fit_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let columns = || wide_columns()[..2].to_vec();
    let mut writer = TableWriter::create(dir.path(), "objects", columns()).unwrap();
    for chunks in [
        &[Chunk::U64(&[1])][..],
        &[Chunk::U64(&[1]), Chunk::U64(&[1])],
        &[Chunk::U64(&[1]), Chunk::U32(&[1, 2])],
    ] {
        assert_eq!(writer.write(chunks).unwrap_err().kind(), ErrorKind::InvalidInput);
    }
    writer.write(&[Chunk::U64(&[1]), Chunk::U32(&[2])]).unwrap();
    assert_eq!(writer.finish().unwrap().rows, 1);
    let again = TableWriter::create(dir.path(), "objects", columns()).unwrap_err();
    assert!(again.to_string().contains("objects.parquet"), "{again}");
    for name in ["", "../objects", "Objects", "a/b", "a.b"] {
        assert!(TableWriter::create(dir.path(), name, columns()).is_err(), "{name}");
    }
}

#[test]
fn nothing_is_left_of_a_capture_that_was_given_up() {
    let dir = tempfile::tempdir().unwrap();
    let to = dir.path().join("capture");
    let mut writer = Writer::create(&to, Existing::Keep).unwrap();
    writer.table("test", &table()).unwrap();
    let partial = writer.partial().to_owned();
    assert!(!to.exists() && partial.join("everything.parquet").exists());
    assert!(Capture::open(&partial).is_err(), "it does not look whole");
    drop(writer);
    assert_eq!(names(dir.path()), <[String; 0]>::default());
}

#[test]
fn only_a_capture_is_replaced_and_only_when_asked() {
    let dir = tempfile::tempdir().unwrap();
    let to = dir.path().join("capture");
    write(&to, Existing::Keep, 1).unwrap();
    let error = write(&to, Existing::Keep, 2).unwrap_err();
    assert!(error.hint().unwrap().contains("--force"), "{error:?}");
    write(&to, Existing::Overwrite, 3).unwrap();
    let capture = Capture::open(&to).unwrap();
    assert_eq!(capture.entry("rows").unwrap().rows, 3);
    assert_eq!(names(dir.path()), ["capture"]);

    // What somebody else keeps there is not lost.
    fs::write(to.join("notes.txt"), "precious").unwrap();
    let error = write(&to, Existing::Overwrite, 4).unwrap_err();
    assert!(format!("{error:#}").contains("notes.txt"), "{error:#}");
    let foreign = dir.path().join("foreign");
    fs::create_dir(&foreign).unwrap();
    fs::write(foreign.join("thesis.tex"), "precious").unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "precious").unwrap();
    for place in [&foreign, &file] {
        let error = write(place, Existing::Overwrite, 4).unwrap_err();
        assert!(error.hint().is_some_and(|h| h.contains("capture")), "{error:?}");
    }
    assert_eq!(names(&foreign), ["thesis.tex"]);
    assert_eq!(fs::read(&file).unwrap(), b"precious");
    let nowhere = write(&dir.path().join("no/such/capture"), Existing::Keep, 1).unwrap_err();
    assert_eq!(nowhere.kind(), ErrorKind::NotFound);

    // One that appears while another is written is not written over.
    let writer = Writer::create(&dir.path().join("late"), Existing::Keep).unwrap();
    write(&dir.path().join("late"), Existing::Keep, 1).unwrap_err();
    fs::create_dir(dir.path().join("late")).unwrap();
    fs::write(dir.path().join("late/file"), "").unwrap();
    writer.finish(manifest()).unwrap_err();
    assert_eq!(names(&dir.path().join("late")), ["file"]);
    assert_eq!(names(dir.path()), ["capture", "file", "foreign", "late"]);
}

/// What a probe says of its files is not believed.
#[test]
fn files_that_are_not_what_was_said_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = Writer::create(&dir.path().join("capture"), Existing::Keep).unwrap();
    let folder = writer.folder_for("test").unwrap();
    let make = |name: &str| {
        let mut table = TableWriter::create(&folder, name, wide_columns()[..2].to_vec()).unwrap();
        table.write(&[Chunk::U64(&[1, 2]), Chunk::U32(&[3, 4])]).unwrap();
        table.finish().unwrap()
    };
    let mut refused = |said: &TableFile, why: &str| {
        let error = format!("{:#}", writer.adopt("test", said).unwrap_err());
        assert!(error.contains(why), "`{why}` is missing: {error}");
    };
    let honest = make("honest");
    let lie = |name: &str, lie: fn(&mut TableFile)| {
        let mut said = make(name);
        lie(&mut said);
        said
    };
    refused(&lie("more", |s| s.rows = 3), "it has 2 rows, and 3 were said");
    refused(&lie("other", |s| s.columns[0].name = "x".into()), "`address` stands there");
    refused(&lie("typed", |s| s.columns[1].kind = FileType::U8), "not of type u8");
    refused(&lie("nulls", |s| s.columns[1].nullable = true), "may be missing");
    refused(&lie("fewer", |s| drop(s.columns.pop())), "2 columns instead of 1");
    refused(&lie("none", |s| s.columns.clear()), "0 columns");
    refused(&lie("up", |s| s.file = "../up.parquet".into()), "is not the table's name");
    refused(&lie("up2", |s| s.table = "../up2".into()), "is no name");
    refused(
        &TableFile { table: "gone".into(), file: "gone.parquet".into(), ..honest.clone() },
        "wrote no file",
    );
    let outside = dir.path().join("outside.parquet");
    fs::copy(folder.join("honest.parquet"), &outside).unwrap();
    std::os::unix::fs::symlink(&outside, folder.join("link.parquet")).unwrap();
    refused(
        &TableFile { table: "link".into(), file: "link.parquet".into(), ..honest.clone() },
        "no plain file",
    );
    fs::write(folder.join("text.parquet"), "this is no table").unwrap();
    refused(
        &TableFile { table: "text".into(), file: "text.parquet".into(), ..honest.clone() },
        "no Parquet file",
    );
    // After all that an honest one is taken, and nothing else is there.
    writer.adopt("test", &honest).unwrap();
    writer.finish(manifest()).unwrap();
    assert_eq!(names(&dir.path().join("capture")), ["honest.parquet", MANIFEST]);
    assert!(outside.exists());
}
