//! Plugins that are wrong before they are asked anything: each is refused with one clear error.
//!
//! The misbehaving plugin takes its orders for this from the environment, so each case is a
//! process of its own.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test stops where it cannot go on")]

mod common;

use std::process::Command;

use common::{library, load, own};
use memprobe_plugin_host::OpenOptions;
use probe::Probe;
use serde_json::json;

const ORDER: &str = "MEMPROBE_MISBEHAVE";

/// What loading the plugin under this order yields. The marker keeps it apart from the words of
/// the test runner.
fn outcome(order: &str) -> String {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "in_a_child", "--nocapture"])
        .env(ORDER, order)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let said = text.lines().find_map(|line| line.split_once("outcome: "));
    said.unwrap_or_else(|| panic!("{order}: no outcome: {text}")).1.to_owned()
}

/// Does nothing unless it is told to by [`outcome`].
#[test]
fn in_a_child() {
    if std::env::var_os(ORDER).is_none() {
        return;
    }
    let loaded = load(&library("misbehaving")).and_then(|plugin| {
        let mut probe = plugin.open(&json!({}), OpenOptions::default())?;
        probe.snapshot(&own())?;
        Ok(plugin.abi())
    });
    match loaded {
        Ok(abi) => println!("outcome: fine, {abi}"),
        Err(error) => println!("outcome: {:?} {error:#}", error.kind()),
    }
}

#[test]
fn wrong_tables_and_descriptions_are_refused() {
    let file = library("misbehaving");
    for (order, kind, reason) in [
        ("null-table", "Incompatible", "gives no table of functions (a null pointer)"),
        (
            "zero-size",
            "Incompatible",
            "says that its table has 0 bytes; version 1 of the ABI has 48",
        ),
        ("small-size", "Incompatible", "says that its table has 40 bytes"),
        ("huge-size", "Incompatible", "says that its table has 18446744073709551615 bytes"),
        ("no-describe", "Incompatible", "has no `describe` in its table of functions"),
        ("no-open", "Incompatible", "has no `open` in its table"),
        ("no-snapshot", "Incompatible", "has no `snapshot` in its table"),
        ("no-close", "Incompatible", "has no `close` in its table"),
        ("garbage-describe", "InvalidData", "describes itself with nonsense: "),
        ("nameless-describe", "InvalidData", "describes itself with the name `../../etc/passwd`"),
        ("failing-describe", "Unsupported", "does not describe itself: failed with status 4"),
        ("hanging-describe", "TimedOut", "did not answer within 10s"),
    ] {
        let outcome = outcome(order);
        let expected = format!("{kind} plugin file `{}`: {reason}", file.display());
        assert!(outcome.starts_with(&expected), "{order}: {outcome}");
    }
}

#[test]
fn a_plugin_of_a_newer_minor_version_is_used() {
    assert_eq!(outcome("newer-minor"), "fine, 1.99");
    assert_eq!(outcome("nothing"), "fine, 1.0");
}
