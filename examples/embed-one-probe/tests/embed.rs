//! Embedding one probe costs that probe and nothing else.
#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that cannot set itself up should stop; one that skips says so"
)]

use std::process::Command;

use test_support::{Running, python};

/// Neither the plugin mechanism nor the command line nor the reports come along.
#[test]
fn the_dependency_tree_is_small() {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "-p", "embed-one-probe", "-e", "normal", "--offline", "--prefix", "none"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let names: Vec<&str> = text.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(names.contains(&"memprobe-probe-process"), "{text}");
    let unwanted = [
        "libloading",
        "clap",
        "parquet",
        "arrow",
        "tracing",
        "object",
        "sysinfo",
        "memprobe-plugin",
        "memprobe-plugin-host",
        "memprobe-report",
        "memprobe-diff",
        "memprobe-diagnose",
        "memprobe-capture",
        "memprobe-probe-python",
        "memprobe-probe-alloc",
    ];
    for name in unwanted {
        assert!(!names.contains(&name), "{name} is in the tree:\n{text}");
    }
}

#[test]
fn it_measures() {
    let process = Running::python(&python(), "a = bytearray(b'x') * (64 << 20)\nprint(1)\ninput()");
    let output = Command::new(env!("CARGO_BIN_EXE_embed-one-probe"))
        .arg(process.pid().to_string())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let numbers: Vec<u64> = text.split(' ').filter_map(|word| word.parse().ok()).collect();
    assert_eq!(numbers.len(), 2, "{text}");
    assert!(numbers.iter().all(|&bytes| bytes > 64 << 20 && bytes < 256 << 20), "{text}");
}

/// The example stays about 20 lines: that is its point.
#[test]
fn it_is_short() {
    let code = include_str!("../src/main.rs").lines().filter(|line| {
        let line = line.trim();
        !line.is_empty() && !line.starts_with("//")
    });
    assert!(code.count() <= 22);
}
