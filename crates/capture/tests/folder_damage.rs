//! Captures that were damaged, or made to hurt: an error, or what was written; never a panic,
//! never much memory.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test stops where it cannot go on")]

use std::fs;
use std::hash::Hasher as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use memprobe_capture::folder::{
    Capture, Chunk, Existing, MANIFEST, Manifest, TableWriter, Tool, Writer,
};
use probe::{Column, FileColumn, FileType, Issue, Level, Role, Table, Taken, Target, Unit};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

/// A capture with a small table and one that a probe wrote.
fn capture(dir: &Path) -> PathBuf {
    let to = dir.join("capture");
    let mut writer = Writer::create(&to, Existing::Keep).unwrap();
    let names = (0..200).map(|n| format!("module.Type{n}"));
    let table = Table::new(
        "census",
        vec![
            Column::text_key("type", names),
            Column::level("objects", Unit::Count, (0..200).map(|n| (n % 7 != 0).then_some(n))),
        ],
    );
    writer.table("test", &table).unwrap();
    let folder = writer.folder_for("test").unwrap();
    let column = |name, kind| FileColumn::new(name, kind, Unit::None, Role::Attribute);
    let columns = vec![column("address", FileType::U64), column("label", FileType::U8)];
    let mut objects = TableWriter::create(&folder, "objects", columns).unwrap();
    let (address, label): (Vec<u64>, Vec<u8>) = (0..3000_u64).map(|n| (n * 48, n as u8)).unzip();
    objects.write(&[Chunk::U64(&address), Chunk::U8(&label)]).unwrap();
    writer.adopt("test", &objects.finish().unwrap()).unwrap();
    let tool = Tool { name: "memprobe".into(), version: "1".into() };
    let mut manifest = Manifest::new(tool, Level::Low, Target::from_pid(7), Taken::default());
    manifest.issues.push(Issue::info("a word"));
    writer.finish(manifest).unwrap();
    to
}

/// Everything that is in a capture, as text.
fn all(folder: &Path) -> probe::Result<String> {
    let capture = Capture::open(folder)?;
    let mut text = format!("{:?}", capture.manifest());
    for entry in &capture.manifest().tables {
        if entry.bulk {
            let reader = capture.columns(entry)?;
            text += &format!("{:?}", reader.column::<u64>("address")?);
            text += &format!("{:?}", reader.column::<u8>("label")?);
        } else {
            text += &format!("{:?}", capture.table(entry)?);
        }
    }
    Ok(text)
}

/// Makes the manifest believe in a file as it is now.
fn bless(folder: &Path, file: &str) {
    let path = folder.join(MANIFEST);
    let mut manifest: serde_json::Value =
        serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let bytes = fs::read(folder.join(file)).unwrap();
    let mut hasher = twox_hash::XxHash64::with_seed(0);
    hasher.write(&bytes);
    for table in manifest["tables"].as_array_mut().unwrap() {
        if table["file"] == file {
            table["bytes"] = bytes.len().into();
            table["checksum"] = format!("xxh64:{:016x}", hasher.finish()).into();
        }
    }
    fs::write(path, manifest.to_string()).unwrap();
}

/// What to do to some bytes.
#[derive(Clone, Debug)]
enum Damage {
    Flip(usize, u8),
    Cut(usize),
    Fill(usize, usize, u8),
    Insert(usize, u8),
}

impl Damage {
    fn done_to(&self, bytes: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        let length = bytes.len();
        match *self {
            Self::Flip(at, bits) => bytes[at % length] ^= bits.max(1),
            Self::Cut(at) => bytes.truncate(at % length),
            Self::Fill(at, n, byte) => {
                let from = at % length;
                let to = length.min(from + n % 64 + 1);
                bytes[from..to].fill(byte);
            }
            Self::Insert(at, byte) => bytes.insert(at % length, byte),
        }
        bytes
    }
}

fn damage() -> impl Strategy<Value = Damage> {
    let at = any::<usize>();
    prop_oneof![
        (at, any::<u8>()).prop_map(|(at, bits)| Damage::Flip(at, bits)),
        any::<usize>().prop_map(Damage::Cut),
        (any::<usize>(), any::<usize>(), any::<u8>()).prop_map(|(a, n, b)| Damage::Fill(a, n, b)),
        (any::<usize>(), any::<u8>()).prop_map(|(at, byte)| Damage::Insert(at, byte)),
    ]
}

fn run(cases: u32, test: impl Fn(&str, &Damage) -> Result<(), TestCaseError>) {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let files = prop_oneof![Just("census.parquet"), Just("objects.parquet"), Just(MANIFEST)];
    TestRunner::new(config).run(&(files, damage()), |(file, damage)| test(file, &damage)).unwrap();
}

/// By accident: an error, or the same as before (a space more in the manifest changes nothing).
#[test]
fn accidents_are_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let folder = capture(dir.path());
    let whole = all(&folder).unwrap();
    run(600, |file, damage| {
        let path = folder.join(file);
        let before = fs::read(&path).unwrap();
        let after = damage.done_to(&before);
        fs::write(&path, &after).unwrap();
        let read = all(&folder);
        fs::write(&path, &before).unwrap();
        if file != MANIFEST {
            prop_assert!(read.is_err() || after == before, "{file}: the damage is not noticed");
        }
        Ok(())
    });
    assert_eq!(all(&folder).unwrap(), whole);
}

/// With intent, checksum and size made to fit: no panic comes out, whatever is read.
#[test]
fn malice_does_no_harm() {
    let dir = tempfile::tempdir().unwrap();
    let folder = capture(dir.path());
    let manifest = fs::read(folder.join(MANIFEST)).unwrap();
    let _alone = MEMORY.lock().unwrap_or_else(PoisonError::into_inner);
    forget_peak();
    let before = peak();
    // The library's own panics are caught; they need not be shown.
    std::panic::set_hook(Box::new(|_| {}));
    run(3000, |file, damage| {
        let path = folder.join(file);
        let whole = fs::read(&path).unwrap();
        fs::write(&path, damage.done_to(&whole)).unwrap();
        if file != MANIFEST {
            bless(&folder, file);
        }
        let read = std::panic::catch_unwind(|| all(&folder).is_ok());
        fs::write(&path, whole).unwrap();
        fs::write(folder.join(MANIFEST), &manifest).unwrap();
        prop_assert!(read.is_ok(), "a panic came out");
        Ok(())
    });
    let _ = std::panic::take_hook();
    let grown = peak() - before;
    assert!(grown < 512 << 20, "{grown} bytes more at the peak");
}

/// Held by tests that measure this process or take much of its memory: they run in threads of it.
static MEMORY: Mutex<()> = Mutex::new(());

/// From now on only what comes counts (`proc_pid_clear_refs(5)`: 5 resets the peak).
fn forget_peak() {
    fs::write("/proc/self/clear_refs", "5").unwrap();
}

/// The highest resident set of this process so far, bytes.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

/// Small files that become big ones are refused before they do.
#[test]
fn bombs_are_refused() {
    let _alone = MEMORY.lock().unwrap_or_else(PoisonError::into_inner);
    let dir = tempfile::tempdir().unwrap();
    let columns = vec![FileColumn::new("text", FileType::Text, Unit::None, Role::Attribute)];
    let to = dir.path().join("capture");
    let mut writer = Writer::create(&to, Existing::Keep).unwrap();
    let folder = writer.folder_for("test").unwrap();
    let mut bomb = TableWriter::create(&folder, "bomb", columns).unwrap();
    let long = "x".repeat(200 << 20);
    bomb.write(&[Chunk::Text(&[&long])]).unwrap();
    let said = bomb.finish().unwrap();
    let size = fs::metadata(folder.join(&said.file)).unwrap().len();
    assert!(size < 1 << 20, "a bomb: {size} bytes");
    let error = format!("{:#}", writer.adopt("test", &said).unwrap_err());
    assert!(error.contains("a page of") && error.contains("over the limit"), "{error}");
}

#[test]
fn manifests_that_lie_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let folder = capture(dir.path());
    let path = folder.join(MANIFEST);
    let honest: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let refused = |why: &str, lie: &dyn Fn(&mut serde_json::Value)| {
        let mut manifest = honest.clone();
        lie(&mut manifest);
        fs::write(&path, manifest.to_string()).unwrap();
        let error = format!("{:#}", all(&folder).unwrap_err());
        assert!(error.contains(why), "`{why}` is missing: {error}");
    };
    let at = "/tables/0";
    let set = |field: &'static str, value: serde_json::Value| {
        move |m: &mut serde_json::Value| m.pointer_mut(at).unwrap()[field] = value.clone()
    };
    refused("memprobe.capture/1", &|m| m["schema"] = "memprobe.capture/2".into());
    refused("not one of a capture", &|m| m["tables"] = 7.into());
    refused("no name of a file", &set("file", "../../etc/passwd".into()));
    refused("no name of a file", &set("file", "/etc/passwd".into()));
    refused("no name of a file", &set("file", MANIFEST.into()));
    refused("is no name", &set("name", "\u{1b}[2J".into()));
    refused("not whole", &set("file", "gone.parquet".into()));
    refused("is damaged", &set("bytes", 5.into()));
    refused("is damaged", &set("checksum", "xxh64:00".into()));
    refused("rows", &set("rows", 201.into()));
    refused("too many", &set("rows", u64::MAX.into()));
    refused("columns", &set("columns", serde_json::json!([])));
    refused("stands twice", &|m| {
        let first = m["tables"][0].clone();
        m["tables"][1] = first;
    });
    refused("not of type bool", &|m| m["tables"][0]["columns"][1]["type"] = "bool".into());
    fs::remove_file(&path).unwrap();
    let error = all(&folder).unwrap_err();
    assert!(error.hint().unwrap().contains("folder with a"), "{error:?}");
    // What is no file does not hold the reader up.
    fs::create_dir(&path).unwrap();
    assert!(all(&folder).is_err());
    assert!(Capture::open(Path::new("/dev/null")).is_err());
}
