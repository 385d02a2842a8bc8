//! Plugins as others write them, in C and in a Rust workspace of their own: built as their
//! READMEs say, checked, found by name, and asked about a real Python process.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test stops where it cannot go on")]

mod common;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Mutex, PoisonError};

use common::search;
use memprobe_plugin_host::{OpenOptions, check};
use probe::{ErrorKind, Probe, Request, Role, Snapshot, Target, Value};
use serde_json::{Value as Json, json};
use test_support::{Running, python};

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples")
}

/// The folder with the plugin in C; `None` without make and a compiler.
fn c_folder() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("plugin-c");
    std::fs::create_dir_all(&folder).unwrap();
    let mut out = OsString::from("OUT=");
    out.push(&folder);
    // Two tests must not write the same file at once.
    static BUILD: Mutex<()> = Mutex::new(());
    let _one = BUILD.lock().unwrap_or_else(PoisonError::into_inner);
    match Command::new("make").arg("-C").arg(examples().join("plugin-c")).arg(out).output() {
        Err(e) => {
            println!("SKIPPED: the plugin in C is not built: cannot run `make`: {e}");
            None
        }
        Ok(output) => {
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            Some(folder)
        }
    }
}

/// The folder with the plugin in Rust.
fn rust_folder() -> PathBuf {
    let output = cargo("build", &[]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    rust_target().join("debug")
}

fn rust_target() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("plugin-rust")
}

/// Runs cargo on the plugin in Rust.
fn cargo(command: &str, args: &[&str]) -> Output {
    Command::new(env!("CARGO"))
        .args([command, "--locked", "--manifest-path"])
        .arg(examples().join("plugin-rust/Cargo.toml"))
        .arg("--target-dir")
        .arg(rust_target())
        .args(args)
        .output()
        .unwrap()
}

fn checks_out(folder: &Path, file: &str) {
    let mut failed = Vec::new();
    let path = folder.join(file);
    check::run(&path, &mut |o| failed.extend((!o.passed).then(|| o.clone())));
    assert_eq!(failed, []);
}

/// The first look and the next one, at a Python that works in between.
fn two_looks(folder: &Path, name: &str, config: &Json) -> (Snapshot, Snapshot) {
    let plugin = search(&[folder]).find(name).unwrap();
    assert!(plugin.origin().starts_with(folder.canonicalize().unwrap().to_str().unwrap()));
    let mut probe = plugin.open(config, OpenOptions::default()).unwrap();
    let work = "import sys, time\nprint('ready')\n\
                while True: sys.stdin.readline(); open('/dev/null', 'w').write('x' * 10**5); \
                time.sleep(0.001); print('done')";
    let mut target = Running::python(&python(), work);
    let request = Request::new(Target::from_pid(target.pid()), &[]);
    let before = probe.snapshot(&request).unwrap();
    target.ask("work");
    let after = probe.snapshot(&request).unwrap();
    target.kill();
    let error = probe.snapshot(&request).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error:?}");
    (before, after)
}

fn number(snapshot: &Snapshot, table: &str, column: &str) -> u64 {
    match snapshot.table(table).unwrap().value(column, 0) {
        Value::U64(number) => number,
        other => panic!("{table}.{column} is {other:?}"),
    }
}

#[test]
fn a_plugin_in_c_is_built_checked_and_asked() {
    let Some(folder) = c_folder() else { return };
    checks_out(&folder, "libmemprobe_switches.so");
    let (before, after) = two_looks(&folder, "switches", &json!({}));
    assert!(number(&after, "switches", "voluntary") > number(&before, "switches", "voluntary"));
    let table = after.table("switches").unwrap();
    assert_eq!(table.column("voluntary").unwrap().role, Role::Counter);
    assert_eq!(table.column("threads").unwrap().role, Role::Level);
    assert_eq!(table.value("threads", 0), Value::U64(1));
    assert!(after.taken.monotonic_ns > before.taken.monotonic_ns);
}

#[test]
fn a_plugin_in_a_rust_workspace_of_its_own_is_built_checked_and_asked() {
    let folder = rust_folder();
    checks_out(&folder, "libmemprobe_io.so");
    let (before, after) = two_looks(&folder, "io", &json!({}));
    assert!(number(&after, "io", "written") >= number(&before, "io", "written") + 100_000);
    assert_eq!(after.table("oom").unwrap().rows(), 1);

    let plugin = search(&[&folder]).find("io").unwrap();
    let error = plugin.open(&json!({"disk": 1}), OpenOptions::default()).unwrap_err();
    let message = format!("{error:#}");
    assert!(message.contains("unknown field `disk`, expected `disk_only`"), "{message}");
}

#[test]
fn the_folder_is_listed() {
    let Some(folder) = c_folder() else { return };
    let listed = search(&[&folder]).list();
    let entry = listed.iter().find(|l| l.name == "switches").unwrap();
    assert_eq!(entry.questions(), ["switches"]);
    assert_eq!((entry.version(), entry.abi.as_deref()), (Some("1.0.0"), Some("1.0")));
    assert_eq!(entry.found_by, "--plugin-dir");
}

/// With it, a panic of the probe would end the program that loaded it.
#[test]
fn a_plugin_that_aborts_on_panic_does_not_compile() {
    let output = cargo("check", &["--config", "profile.dev.panic='abort'"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(said.contains("must be built with panic = \"unwind\""), "{said}");
}
