//! Core files that were cut, changed, or are of other machines.
#![allow(clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used, reason = "tests")]

use std::path::Path;
use std::process::Command;

use memprobe_target::corefile::CoreFile;
use memprobe_target::memory::{LiveMemory, ReadMemory};
use memprobe_target::procfs::ProcessDir;
use probe::{ErrorKind, Result, Target};
use test_support::{Running, write_core};

/// A program that waits, and its core.
fn program(core: &Path) -> Running {
    let program = Running::start(Command::new("sh").args(["-c", "echo ready; read line"]));
    let call = format!("/proc/{}/syscall", program.pid());
    while !std::fs::read_to_string(&call).unwrap().starts_with("0 0x0 ") {
        std::thread::yield_now();
    }
    write_core(program.pid(), core);
    program
}

/// Every mapping has the name, the rights and the bytes that the process has there.
#[test]
fn a_core_is_what_the_process_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("core");
    let program = program(&path);
    let core = CoreFile::open(&path).unwrap();
    let target = Target::from_pid(program.pid());
    let memory = LiveMemory::open(&target).unwrap();
    let process = ProcessDir::open_target(&target).unwrap();
    let live = memprobe_target::images::mappings(&process).unwrap();
    let mut compared = 0;
    for mapping in core.mappings() {
        let same = live.iter().find(|other| other.start == mapping.start).unwrap();
        let perms = [mapping.perms.read, mapping.perms.write, mapping.perms.exec];
        assert_eq!(perms, [same.perms.read, same.perms.write, same.perms.exec], "{same:?}");
        if same.path != "[vdso]" {
            assert_eq!(mapping.path, same.path);
        }
        let length = (mapping.end - mapping.start) as usize;
        let (mut one, mut other) = (vec![0; length], vec![0; length]);
        assert_eq!(
            core.read_with_holes(mapping.start, &mut one).unwrap(),
            memory.read_with_holes(mapping.start, &mut other).unwrap(),
            "{same:?}"
        );
        assert!(one == other, "{same:?}");
        compared += length;
    }
    assert!(compared > 1 << 20, "{compared} bytes");
    assert!(core.mappings().iter().any(|mapping| mapping.path == "[heap]"));
    assert!(core.mappings().iter().any(|mapping| mapping.path == "[stack]"));
    assert_eq!(core.target().pid, program.pid());
    assert_eq!(core.target().exe, process.target().exe);
    assert_eq!(core.target().command, "sh -c echo ready; read line");
    assert_eq!(core.threads().len(), 1);
    assert_eq!(core.threads()[0].tid, program.pid());
    assert!(core.issues().is_empty(), "{:?}", core.issues());
    // Nothing else is there.
    assert_eq!(core.read_prefix(8, &mut [0; 8]).unwrap(), 0);
    assert_eq!(core.read_prefix(u64::MAX - 3, &mut [0; 8]).unwrap(), 0);
}

#[track_caller]
fn refused(bytes: &[u8], kind: ErrorKind, words: &str) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("core");
    std::fs::write(&path, bytes).unwrap();
    let error = CoreFile::open(&path).unwrap_err();
    assert_eq!(error.kind(), kind, "{error:#}");
    assert!(format!("{error:#} {:?}", error.hint()).contains(words), "{error:?}");
}

/// What cannot be used says what it is.
#[test]
fn foreign_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("core");
    drop(program(&path));
    let whole = std::fs::read(&path).unwrap();
    let with = |at: usize, value: u8| {
        let mut bytes = whole[..1 << 16].to_vec();
        bytes[at] = value;
        bytes
    };
    use ErrorKind::{InvalidData, Unsupported};
    refused(&with(4, 1), Unsupported, "32 bits");
    refused(&with(5, 2), Unsupported, "byte order");
    refused(&with(16, 3), InvalidData, "no core file but a program or a library");
    let other = if cfg!(target_arch = "x86_64") { (183, "aarch64") } else { (62, "x86_64") };
    refused(&with(18, other.0), Unsupported, other.1);
    refused(&with(18, 250), Unsupported, "machine number 250");
    refused(b"", InvalidData, "does not begin as an ELF file");
    refused(b"#!/bin/sh\n", InvalidData, "gcore PID");
    refused(b"\x28\xb5\x2f\xfd0123456789", InvalidData, "zstd -d");
    refused(&whole[..40], InvalidData, "core file");
    refused(&whole[..100], InvalidData, "the file ends");
    assert_eq!(CoreFile::open(folder.path()).unwrap_err().kind(), InvalidData);
    let missing = CoreFile::open(&folder.path().join("none")).unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::NotFound);
    // Two stretches at one address, and memory that the file does not have.
    let load = 64 + 56;
    let mut twice = whole.clone();
    twice.copy_within(load..load + 56, load + 56);
    refused(&twice, InvalidData, "overlap");
    let mut huge = whole.clone();
    for header in 1..5 {
        let at = 64 + 56 * header;
        huge[at + 8..at + 16].copy_from_slice(&0_u64.to_le_bytes());
        let address = (header as u64) << 40;
        huge[at + 16..at + 24].copy_from_slice(&address.to_le_bytes());
        for size in [32, 40] {
            huge[at + size..at + size + 8].copy_from_slice(&(1_u64 << 39).to_le_bytes());
        }
    }
    refused(&huge, InvalidData, "claims to hold");
}

/// With more headers than 16 bits can count, their number stands in a section header.
#[test]
fn the_number_of_headers_may_stand_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("core");
    drop(program(&path));
    let mappings = CoreFile::open(&path).unwrap().mappings().to_vec();
    let mut bytes = std::fs::read(&path).unwrap();
    let (count, end) = (bytes[56..58].to_vec(), bytes.len() as u64);
    bytes[56..58].fill(0xff);
    bytes[40..48].copy_from_slice(&end.to_le_bytes());
    let mut section = [0; 64];
    section[44..46].copy_from_slice(&count);
    bytes.extend(section);
    std::fs::write(&path, bytes).unwrap();
    assert_eq!(CoreFile::open(&path).unwrap().mappings(), mappings);
}

/// A pipe holds nobody up.
#[test]
fn a_pipe_is_no_core() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    assert_eq!(CoreFile::open(&pipe).unwrap_err().kind(), ErrorKind::InvalidData);
}

/// Whatever bytes are changed, and wherever the file ends: an answer, and no more memory than
/// there are bytes.
#[test]
fn broken_cores_are_survived() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("core");
    drop(program(&path));
    let whole = std::fs::read(&path).unwrap();
    let tried = folder.path().join("tried");
    let mut opened = 0;
    let mut try_bytes = |bytes: &[u8]| {
        std::fs::write(&tried, bytes).unwrap();
        if let Ok(core) = CoreFile::open(&tried) {
            opened += 1;
            survey(&core, bytes.len() as u64).unwrap();
        }
    };
    for cut in [0, 10, 63, 64, 200, 1000, 5000, 20_000, whole.len() / 2, whole.len() - 1] {
        try_bytes(&whole[..cut]);
    }
    let headers = usize::from(u16::from_le_bytes([whole[56], whole[57]]));
    let notes = 64 + 56 * headers;
    let mut state = 7_u64;
    let mut next = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 33) as usize % below
    };
    for round in 0..400 {
        let mut bytes = whole[..whole.len().min(1 << 17)].to_vec();
        for _ in 0..=round % 4 {
            let at = next((notes + 4096).min(bytes.len() - 8));
            let value: u64 = match next(4) {
                0 => 0,
                1 => u64::MAX,
                2 => 1 << next(64),
                _ => next(1 << 30) as u64,
            };
            let size = [1, 2, 4, 8][next(4)];
            bytes[at..at + size].copy_from_slice(&value.to_le_bytes()[..size]);
        }
        try_bytes(&bytes);
    }
    println!("{opened} of 410 could be opened");
    assert!(opened > 100, "{opened}");
}

fn survey(core: &CoreFile, length: u64) -> Result<()> {
    let mut held = 0;
    for mapping in core.mappings() {
        assert!(mapping.start < mapping.end, "{mapping:?}");
        if mapping.inode == 0 {
            held += mapping.end - mapping.start;
        }
        for at in [mapping.start, mapping.end - 1, mapping.end] {
            core.read_prefix(at, &mut [0; 8192])?;
        }
    }
    assert!(held <= length, "{held} bytes of memory in {length}");
    let _ = (core.target(), core.issues(), core.missing());
    Ok(())
}
