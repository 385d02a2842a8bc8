//! References in programs full of types of extension modules, beside what the collector says.
#![forbid(unsafe_code)]
#![allow(clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used, reason = "tests")]

use std::path::Path;
use std::process::Command;

use crate::referents::{compare_with, program, summary, title, total, write};
use test_support::{Python, Running, every_python};

/// The program with packages from a folder, and where it dumps to; `None` when it finds none.
fn start(python: &Python, packages: &str, dump: &Path) -> Option<Running> {
    let mut command = Command::new(&python.exe);
    command.arg("-u").arg(program("package_program.py")).arg(dump).env("PYTHONPATH", packages);
    let running = Running::start(&mut command);
    (running.ready != "nothing").then_some(running)
}

/// The folder of packages of a Python, among those that `MEMPROBE_TEST_PACKAGES` names.
pub(crate) fn of(python: &Python) -> Option<String> {
    let folders = std::env::var("MEMPROBE_TEST_PACKAGES").ok()?;
    let mut folders =
        std::env::split_paths(&folders).filter_map(|path| path.to_str().map(Into::into));
    folders.find(|folder: &String| fits(python, folder))
}

/// Whether a folder is of the version of a Python, as far as its name tells.
fn fits(python: &Python, folder: &str) -> bool {
    let (major, minor, _) = python.version;
    let parts = || folder.split('/').filter(|part| part.starts_with("python3."));
    parts().next().is_none() || parts().any(|part| part == format!("python{major}.{minor}"))
}

/// At least 99.5 % of what the collector says is found, with whatever packages there are in the
/// folders of `MEMPROBE_TEST_PACKAGES` (`lib/python3.N/site-packages` of virtual environments).
#[test]
fn references_of_programs_with_packages_are_those_of_the_collector() {
    let folders = std::env::var("MEMPROBE_TEST_PACKAGES").unwrap_or_default();
    let mut every = Vec::new();
    for folder in std::env::split_paths(&folders).filter(|path| path.is_absolute()) {
        let folder = folder.to_str().unwrap().to_owned();
        for python in every_python().iter().filter(|python| fits(python, &folder)) {
            let place = tempfile::tempdir().unwrap();
            let path = place.path().join("dump");
            let Some(running) = start(python, &folder, &path) else { continue };
            println!("{python}: {}", running.ready);
            let (graph, rows) = compare_with(&running, &path);
            let all = total(&rows);
            println!("{python}: {:.4} % of {all:?}; {} objects", all.share(), graph.len());
            for (name, row) in rows.iter().filter(|(_, row)| row.missed() > 0) {
                println!("   misses {:6} {name}: {row:?}", row.missed());
            }
            let used = running.ready.replace(' ', ", ");
            assert!(all.share() >= 99.5, "{python}, {used}: {:.4} %", all.share());
            every.push((format!("{} with {used}", title(python)), rows));
        }
    }
    if every.is_empty() {
        eprintln!("SKIPPED: no package in a folder that MEMPROBE_TEST_PACKAGES names");
        assert!(folders.is_empty(), "no Python can import what is in {folders}");
    }
    write("package_program", &summary(&every));
}
