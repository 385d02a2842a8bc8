//! The standard probes: their plugins keep the contract, and linked or loaded they answer the
//! same.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test stops where it cannot go on")]

mod common;

use std::path::Path;

use common::{library, search};
use memprobe_plugin_host::{LoadedProbe, OpenOptions, Search, check};
use plugin::abi;
use probe::{Column, Probe, Request, Snapshot, Table, Target};
use serde_json::json;
use test_support::{Running, pythons};

fn standard() -> [(&'static str, &'static abi::Plugin); 3] {
    [
        ("process", plugin::table::<probe_process::ProcessProbe>()),
        ("python", plugin::table::<probe_python::PythonProbe>()),
        ("alloc", plugin::table::<probe_alloc::AllocProbe>()),
    ]
}

#[test]
fn the_standard_plugins_keep_the_contract() {
    let mut failed = Vec::new();
    for (name, _) in standard() {
        check::run(&library(name), &mut |o| failed.extend((!o.passed).then(|| (name, o.clone()))));
    }
    assert_eq!(failed, []);
}

fn open(search: &Search, name: &str) -> LoadedProbe {
    search.find(name).unwrap().open(&json!({}), OpenOptions::default()).unwrap()
}

/// What a table is, without its values.
fn shape(snapshot: &Snapshot) -> Vec<(String, Vec<String>)> {
    let column =
        |c: &Column| format!("{} {:?} {} {}", c.name, c.unit, c.role, c.values.type_name());
    let table = |t: &Table| (t.name.clone(), t.columns.iter().map(column).collect());
    snapshot.tables.iter().map(table).collect()
}

/// Compares a linked look with the loaded looks before and after it: whatever stood still between
/// those two has to be the same in the middle. How many columns did.
fn compare(before: &Snapshot, linked: &Snapshot, after: &Snapshot) -> usize {
    assert_eq!(shape(before), shape(linked));
    let mut still = 0;
    for table in &before.tables {
        let (middle, last) = (linked.table(&table.name), after.table(&table.name));
        let (middle, last) = (middle.unwrap(), last.unwrap());
        for column in &table.columns {
            if Some(column) == last.column(&column.name) {
                assert_eq!(Some(column), middle.column(&column.name), "table {}", table.name);
                still += 1;
            }
        }
    }
    still
}

/// A snapshot, or why there is none: kind and message, without the words that name the file.
fn look(probe: &mut LoadedProbe, request: &Request) -> Result<Snapshot, String> {
    let blame = format!("{}: ", probe.plugin());
    probe.snapshot(request).map_err(|error| {
        let message = format!("{error:#}");
        let message = message.strip_prefix(&blame).expect("errors name the plugin");
        format!("{:?} {message}", error.kind())
    })
}

#[test]
fn linked_and_loaded_probes_give_equal_tables() {
    let folder = library("process").parent().map(Path::to_path_buf).unwrap();
    let loaded = search(&[&folder]);
    let mut linked = search(&[]);
    for (name, table) in standard() {
        linked.bundle(name, table);
    }
    for python in pythons() {
        // It waits for its standard input, so that its memory stands still.
        let target = Running::python(&python, "x = list(range(10**5)); print('ready'); input()");
        let request = Request::new(Target::from_pid(target.pid()), &[]);
        for (name, _) in standard() {
            let (mut loaded, mut linked) = (open(&loaded, name), open(&linked, name));
            let before = look(&mut loaded, &request);
            let middle = look(&mut linked, &request);
            let after = look(&mut loaded, &request);
            match (before, middle, after) {
                (Ok(before), Ok(middle), Ok(after)) => {
                    let still = compare(&before, &middle, &after);
                    let all: usize = before.tables.iter().map(|t| t.columns.len()).sum();
                    let found = format!("{still} of {all} columns stood still");
                    assert!(still * 2 > all, "{name} on {python}: {found}");
                    assert_eq!((&before.probe, before.complete), (&middle.probe, middle.complete));
                }
                (before, middle, after) => {
                    println!("{name} declines {python}: {before:?}");
                    assert_eq!(before.as_ref().err(), middle.as_ref().err());
                    assert_eq!(middle.err(), after.err());
                }
            }
        }
    }
}
