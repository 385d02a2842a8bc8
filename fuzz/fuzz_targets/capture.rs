//! Captures: any manifest, and any file that the manifest vouches for.
//!
//! First byte: 0 feeds a manifest beside a sound table, 1 a table beside a manifest that is made
//! to fit it, anything else such a table by changes to a sound one: two bytes say where, one what.
#![no_main]

use std::hash::Hasher as _;
use std::path::Path;
use std::sync::OnceLock;

use capture::folder::{Capture, Existing, Limits, MANIFEST, Manifest, Tool, Writer};
use libfuzzer_sys::fuzz_target;
use probe::{Column, Level, Table, Taken, Target, Unit};

fuzz_target!(|bytes: &[u8]| {
    let Some((&which, rest)) = bytes.split_first() else { return };
    let folder = folder();
    let (manifest, table) = (folder.join(MANIFEST), folder.join("census.parquet"));
    let (sound_manifest, sound_table) = sound();
    if which == 0 {
        write(&manifest, rest);
        write(&table, sound_table);
    } else {
        let changed = if which == 1 { rest.to_vec() } else { changed(sound_table, rest) };
        write(&manifest, &fitting(sound_manifest, &changed));
        write(&table, &changed);
    }
    let limits =
        Limits { rows: 1 << 16, bulk_rows: 1 << 20, page_bytes: 1 << 20, ..Limits::default() };
    let Ok(capture) = Capture::open_within(folder, limits) else { return };
    for entry in &capture.manifest().tables {
        if let Ok(table) = capture.table(entry) {
            assert_eq!(table.rows() as u64, entry.rows);
            assert_eq!(table.check(), Ok(()));
        }
    }
});

fn write(path: &Path, bytes: &[u8]) {
    std::fs::write(path, bytes).expect("own file");
}

fn changed(sound: &[u8], changes: &[u8]) -> Vec<u8> {
    let mut bytes = sound.to_vec();
    for change in changes.chunks_exact(3) {
        let at = usize::from(u16::from_le_bytes([change[0], change[1]])) % bytes.len();
        bytes[at] ^= change[2];
    }
    bytes
}

/// The folder that is read; one for the whole run.
fn folder() -> &'static Path {
    static FOLDER: OnceLock<tempfile::TempDir> = OnceLock::new();
    FOLDER
        .get_or_init(|| {
            // The Parquet library may panic over what it is fed; the reader catches that, which is
            // what is tried here, so a panic does not end the run unless it comes out.
            std::panic::set_hook(Box::new(|_| {}));
            tempfile::tempdir().expect("a temporary folder")
        })
        .path()
}

/// A manifest and its table.
fn sound() -> &'static (Vec<u8>, Vec<u8>) {
    static SOUND: OnceLock<(Vec<u8>, Vec<u8>)> = OnceLock::new();
    SOUND.get_or_init(|| {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let to = dir.path().join("capture");
        let mut writer = Writer::create(&to, Existing::Keep).expect("a new folder");
        let numbers = (0..50).map(|n| (n % 7 != 0).then_some(n));
        let columns = vec![
            Column::text_key("type", (0..50).map(|n| format!("t{n}"))),
            Column::level("objects", Unit::Count, numbers),
        ];
        writer.table("test", &Table::new("census", columns)).expect("a sound table");
        let tool = Tool { name: "memprobe".into(), version: "1".into() };
        let target = Target::from_pid(1);
        let manifest = Manifest::new(tool, Level::Medium, target, Taken::default());
        writer.finish(manifest).expect("a new folder");
        let read = |name: &str| std::fs::read(to.join(name)).expect("just written");
        (read(MANIFEST), read("census.parquet"))
    })
}

/// The manifest with the size and checksum of these bytes.
fn fitting(manifest: &[u8], table: &[u8]) -> Vec<u8> {
    let mut manifest: serde_json::Value = serde_json::from_slice(manifest).expect("our own");
    let mut hasher = twox_hash::XxHash64::with_seed(0);
    hasher.write(table);
    manifest["tables"][0]["bytes"] = table.len().into();
    manifest["tables"][0]["checksum"] = format!("xxh64:{:016x}", hasher.finish()).into();
    manifest.to_string().into_bytes()
}
