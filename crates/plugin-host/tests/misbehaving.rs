//! Whatever a plugin does, the host goes on and says which one it was.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test stops where it cannot go on")]

mod common;

use common::{SOON, library, load, misbehave, own};
use memprobe_plugin_host::{LoadedProbe, OpenOptions};
use probe::{Error, ErrorKind, Probe};
use serde_json::json;

/// The error of a snapshot; every one names the plugin and its file.
fn failure(probe: &mut LoadedProbe) -> (ErrorKind, String) {
    let error = probe.snapshot(&own()).expect_err("this mode fails");
    (error.kind(), blamed(&error))
}

/// The message without the words that name the plugin, which have to be there.
fn blamed(error: &Error) -> String {
    let message = format!("{error:#}");
    let blame = format!("plugin `misbehaving` ({}): ", library("misbehaving").display());
    message.strip_prefix(&blame).unwrap_or_else(|| panic!("names no culprit: {message}")).into()
}

fn fails(mode: &str) -> (ErrorKind, String) {
    let mut probe = misbehave(mode).expect("opens");
    let outcome = failure(&mut probe);
    // Whatever happened, another probe of the same plugin is fine.
    let mut honest = misbehave("behave").expect("opens");
    honest.snapshot(&own()).expect("goes on");
    outcome
}

#[test]
fn an_honest_snapshot_arrives_with_names_filled_in() {
    let mut probe = misbehave("behave").unwrap();
    let snapshot = probe.snapshot(&own()).unwrap();
    assert_eq!(snapshot.issues[0].probe.as_deref(), Some("misbehaving"));
    assert_eq!(snapshot.table("trouble").unwrap().rows(), 1);
    assert_eq!(probe.descriptor().name, "misbehaving");
}

/// Files that nobody made room for are not passed on, and that is said.
#[test]
fn files_without_a_folder_are_left_out() {
    let snapshot = misbehave("file-unasked").unwrap().snapshot(&own()).unwrap();
    assert_eq!(snapshot.files, []);
    assert!(!snapshot.complete);
    let issue = &snapshot.issues[1];
    assert_eq!(issue.probe.as_deref(), Some("misbehaving"));
    assert!(issue.message.contains("no folder"), "{issue:?}");
    assert!(snapshot.table("trouble").is_some(), "the rest is there");
}

#[test]
fn a_panic_is_an_error_with_its_place_and_the_probe_is_not_asked_again() {
    let mut probe = misbehave("panic-at-snapshot").unwrap();
    let (kind, message) = failure(&mut probe);
    assert_eq!(kind, ErrorKind::Panicked);
    assert!(message.starts_with("panicked at "), "{message}");
    assert!(message.contains("probe.rs:"), "{message}");
    assert!(message.ends_with(": told to panic at snapshot 1"), "{message}");
    let (kind, message) = failure(&mut probe);
    assert_eq!(kind, ErrorKind::Panicked);
    assert!(message.starts_with("is not asked again after it has panicked"), "{message}");
}

#[test]
fn a_panic_while_opening_is_an_error() {
    let error = misbehave("panic-at-open").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Panicked);
    assert!(blamed(&error).ends_with("told to panic at open"));
}

#[test]
fn a_panic_while_closing_is_survived() {
    drop(misbehave("panic-at-drop").unwrap());
    misbehave("behave").unwrap().snapshot(&own()).unwrap();
}

#[test]
fn a_hang_is_left_behind() {
    let plugin = load(&library("misbehaving")).unwrap();
    let mut probe = plugin.open(&json!({"mode": "hang"}), OpenOptions { deadline: SOON }).unwrap();
    let (kind, message) = failure(&mut probe);
    assert_eq!((kind, message.as_str()), (ErrorKind::TimedOut, "did not answer within 2s"));
    assert!(probe.is_left_behind());
    let (kind, message) = failure(&mut probe);
    assert_eq!(kind, ErrorKind::TimedOut);
    assert!(message.starts_with("was left behind"), "{message}");
    misbehave("behave").unwrap().snapshot(&own()).unwrap();
}

#[test]
fn a_hang_while_opening_is_left_behind() {
    let plugin = load(&library("misbehaving")).unwrap();
    let error =
        plugin.open(&json!({"mode": "hang-at-open"}), OpenOptions { deadline: SOON }).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert_eq!(blamed(&error), "opening it: did not answer within 2s");
}

/// This test ends: that is what it shows.
#[test]
fn a_hang_while_closing_does_not_hold_the_host() {
    drop(misbehave("hang-at-close").unwrap());
}

#[test]
fn a_late_plugin_is_told_that_nobody_waits() {
    let (recorder, seen) = common::Recorder::new();
    tracing::subscriber::with_default(recorder, || {
        let plugin = load(&library("misbehaving")).unwrap();
        let config = json!({"mode": "hang-until-cancelled"});
        let mut probe = plugin.open(&config, OpenOptions { deadline: SOON }).unwrap();
        assert_eq!(failure(&mut probe).0, ErrorKind::TimedOut);
    });
    let event = seen.iter().find(|e| e.fields.iter().any(|f| f == "message=given up"));
    assert_eq!(event.expect("the plugin noticed").target, "plugin::misbehaving");
}

#[test]
fn nonsense_is_invalid_data() {
    for (mode, reason) in [
        ("garbage", "answered nonsense: not a snapshot document: "),
        ("not-utf8", "answered nonsense: not a snapshot document: "),
        ("truncated-json", "answered nonsense: not a snapshot document: EOF"),
        ("null-with-length", "answered nonsense: gave a null pointer to 4096 bytes"),
        ("too-long", "answered nonsense: gave 9223372036854775807 bytes, over the limit of"),
        ("release-twice", "answered nonsense: not a snapshot document: missing field `schema`"),
        (
            "uneven-columns",
            "answered nonsense: table `trouble`, column `uneven`: 3 values, but the first column has 1",
        ),
        ("other-target", "answered for process "),
    ] {
        let (kind, message) = fails(mode);
        assert_eq!(kind, ErrorKind::InvalidData, "{mode}: {message}");
        assert!(message.starts_with(reason), "{mode}: {message}");
    }
    let (kind, message) = fails("wrong-schema");
    assert_eq!(kind, ErrorKind::Incompatible);
    assert!(message.contains("has schema 2, this program reads schema 1"), "{message}");
}

#[test]
fn errors_cross_whatever_their_form() {
    let (kind, message) = fails("error-without-message");
    assert_eq!(kind, ErrorKind::Io);
    assert_eq!(message, "failed with status 7 and did not say why");
    let (kind, message) = fails("unknown-status");
    assert_eq!(kind, ErrorKind::Other);
    assert_eq!(message, "failed with status -77 and did not say why");
    let (kind, message) = fails("plain-text-error");
    assert_eq!(kind, ErrorKind::PermissionDenied);
    assert_eq!(message, "plain  [31mtext\u{fffd}", "no escape reaches the terminal");

    let mut probe = misbehave("no-such-target").unwrap();
    let error = probe.snapshot(&own()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(blamed(&error), "looking for trouble: there is no such process");
    assert_eq!(error.hint(), Some("look elsewhere"));
}

#[test]
fn a_wrong_configuration_is_refused() {
    let error = misbehave("no-such-mode").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    let message = blamed(&error);
    assert!(
        message.starts_with("the configuration is not understood: unknown variant"),
        "{message}"
    );
    let error = misbehave("no-handle").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidData);
    assert_eq!(blamed(&error), "says that it opened a probe, and gave none");
}

#[test]
fn a_flood_of_lines_is_cut_and_the_snapshot_arrives() {
    let (recorder, seen) = common::Recorder::new();
    tracing::subscriber::with_default(recorder, || {
        misbehave("log-a-lot").unwrap().snapshot(&own()).unwrap();
    });
    let lines: Vec<_> = seen.try_iter().filter(|e| e.target == "plugin::misbehaving").collect();
    assert_eq!(lines.len(), 10_001);
    assert!(lines[10_000].fields[0].contains("logs too much"), "{:?}", lines[10_000]);
}
