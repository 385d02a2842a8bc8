//! The workspace is tidy, and every check finds what it is there for.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up should stop")]

use std::fs;
use std::path::Path;

use xtask::tidy::{self, Problem};

/// The checks on this workspace.
#[test]
fn the_workspace_is_tidy() {
    let problems = tidy::check(&xtask::root()).unwrap();
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert!(lines.is_empty(), "{} problems:\n{}", lines.len(), lines.join("\n"));
}

const MANIFEST: &str = "\
[package]
name = \"NAME\"
description = \"For a test\"
license = \"MIT\"
version = \"0.1.0\"
edition = \"2024\"
rust-version = \"1.95\"
[dependencies]
";

/// A workspace in which nothing is wrong: a table crate, a probe, what the probe reads with.
fn good() -> Vec<(String, String)> {
    let lib = "//! A crate.\n#![forbid(unsafe_code)]\n";
    let mut files = vec![
        ("Cargo.toml".into(), "[workspace]\nresolver = \"3\"\nmembers = [\"crates/*\"]\n".into()),
        ("docs/a.md".into(), "# A title\n\nSee [b](b.md#the-end) and [here](#a-title).\n".into()),
        ("docs/b.md".into(), "# B\n\n## The end\n".into()),
    ];
    for (folder, dependency) in [
        ("target", ""),
        ("report", ""),
        ("probe-process", "memprobe-target = { path = \"../target\" }\n"),
        ("probe-python", ""),
    ] {
        let manifest = MANIFEST.replace("NAME", &format!("memprobe-{folder}")) + dependency;
        files.push((format!("crates/{folder}/Cargo.toml"), manifest));
        files.push((format!("crates/{folder}/src/lib.rs"), lib.into()));
    }
    files
}

/// What the checks say of the good workspace with one file replaced or added.
fn with(path: &str, text: &str) -> Vec<Problem> {
    let folder = tempfile::tempdir().unwrap();
    let mut files = good();
    files.push((path.into(), text.into()));
    lay_out(folder.path(), files);
    tidy::check(folder.path()).unwrap()
}

fn lay_out(root: &Path, files: Vec<(String, String)>) {
    for (path, text) in files {
        let full = root.join(path);
        fs::create_dir_all(full.parent().unwrap_or(root)).unwrap();
        fs::write(full, text).unwrap();
    }
}

/// The one problem that a change makes: its check, and where.
fn one(path: &str, text: &str) -> (&'static str, String) {
    let problems = with(path, text);
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(problems.len(), 1, "{}", lines.join("\n"));
    (problems[0].check, problems[0].place.clone())
}

/// The manifest of a crate with further lines.
fn manifest(name: &str, more: &str) -> String {
    MANIFEST.replace("NAME", &format!("memprobe-{name}")) + more
}

/// Nothing is found where nothing is wrong.
#[test]
fn a_good_workspace_has_no_problems() {
    assert_eq!(with("README.md", "# Good\n"), []);
}

/// Direct, through another crate, and between probes; a development dependency is no matter.
#[test]
fn wrong_dependencies_are_found() {
    let place = "crates/report/Cargo.toml";
    let direct = manifest("report", "memprobe-target = { path = \"../target\" }\n");
    assert_eq!(one(place, &direct), ("dependencies", place.into()));

    let through = manifest("report", "memprobe-probe-process = { path = \"../probe-process\" }\n");
    let chains: Vec<String> = with(place, &through).into_iter().map(|p| p.message).collect();
    assert_eq!(chains.len(), 2, "{chains:?}");
    assert!(chains.iter().any(|c| c.starts_with("report -> probe-process -> target: ")));

    let place = "crates/probe-python/Cargo.toml";
    let other = manifest("probe-python", "memprobe-probe-process.path = \"../probe-process\"\n");
    assert_eq!(one(place, &other), ("dependencies", place.into()));

    let dev = "[dev-dependencies]\nmemprobe-target = { path = \"../target\" }\n";
    assert_eq!(with("crates/report/Cargo.toml", &manifest("report", dev)), []);
}

/// The one probe with millions of rows may write files, behind a feature.
#[test]
fn a_probe_writes_files_behind_a_feature_only() {
    let place = "crates/probe-python/Cargo.toml";
    let check = |dependency: &str| {
        let folder = tempfile::tempdir().unwrap();
        let mut files = good();
        files.push((place.into(), manifest("probe-python", dependency)));
        files.push(("crates/capture/Cargo.toml".into(), manifest("capture", "")));
        let lib = "//! A crate.\n#![forbid(unsafe_code)]\n";
        files.push(("crates/capture/src/lib.rs".into(), lib.into()));
        lay_out(folder.path(), files);
        let problems = tidy::check(folder.path()).unwrap();
        problems.into_iter().map(|p| (p.check, p.place)).collect::<Vec<_>>()
    };
    let path = "memprobe-capture = { path = \"../capture\"";
    assert_eq!(check(&format!("{path} }}\n")), [("dependencies", place.to_owned())]);
    let behind =
        format!("{path}, optional = true }}\n[features]\nfiles = [\"memprobe-capture\"]\n");
    assert_eq!(check(&behind), []);
}

/// A crate root without the attribute; unsafe code in a test, where the attribute does not reach.
#[test]
fn unsafe_code_is_found_outside_its_crates() {
    let lib = "//! A crate.\n";
    let place = "crates/report/src/lib.rs";
    assert_eq!(one(place, lib), ("unsafe", place.into()));
    assert_eq!(with("crates/target/src/lib.rs", lib), []);

    let block = concat!("fn f() {\n    un", "safe { g() }\n}\n");
    let place = "crates/report/tests/t.rs";
    assert_eq!(one(place, block), ("unsafe", format!("{place}:2")));
    assert_eq!(with("crates/target/tests/t.rs", block), []);
}

/// In any profile and any spelling, but not in a comment.
#[test]
fn aborting_panics_are_found() {
    let profile = |line: &str| format!("[workspace]\nmembers = [\"crates/*\"]\n{line}\n");
    let bad = profile(concat!("[profile.dist]\npanic  =  'ab", "ort'"));
    assert_eq!(one("Cargo.toml", &bad), ("panic", "Cargo.toml:4".into()));
    let flag = concat!("[build]\nrustflags = [\"-Cpanic=ab", "ort\"]\n");
    assert_eq!(one(".cargo/config.toml", flag), ("panic", ".cargo/config.toml:2".into()));
    let comment = profile(concat!("# never panic = \"ab", "ort\""));
    assert_eq!(with("Cargo.toml", &comment), []);
}

/// Marks of unfinished work, as whole words, wherever people write.
#[test]
fn unfinished_work_is_found() {
    for (path, mark) in [
        ("docs/c.md", concat!("TO", "DO: more")),
        ("tools/x.py", concat!("# FIX", "ME")),
        ("tools/run", concat!("# XX", "X")),
        ("crates/report/src/a.rs", concat!("//! FI", "LL")),
        ("crates/report/src/a.rs", concat!("fn f() { to", "do!() }")),
        ("crates/report/src/a.rs", concat!("fn f() { unimpl", "emented!() }")),
    ] {
        assert_eq!(one(path, mark), ("unfinished", format!("{path}:1")));
    }
    assert_eq!(with("docs/c.md", concat!("mktemp XX", "XXXX, a FI", "LLED form\n")), []);
}

/// A path of someone's machine; the root of a container is none.
#[test]
fn home_paths_are_found() {
    for line in [
        concat!("open /ho", "me/jane/x"),
        concat!("\"/ro", "ot/.cargo\""),
        concat!("(/Us", "ers/j/x)"),
    ] {
        assert_eq!(one("docs/c.md", line), ("home", "docs/c.md:1".into()));
    }
    let fine = concat!("`/proc/PID/ro", "ot/lib` and /ho", "me/user/app.py\n");
    assert_eq!(with("docs/c.md", fine), []);
}

/// Too long a file, too long a function; tests at the end of a file do not count.
#[test]
fn long_files_and_functions_are_found() {
    let place = "crates/report/src/a.rs";
    let lines = |n: usize| "    let x = 1;\n".repeat(n);
    let functions = |n: usize| "fn f() {\n    g();\n}\n\n".repeat(n);
    assert_eq!(one(place, &functions(101)), ("length", place.into()));
    assert_eq!(with(place, &functions(100)), []);

    let long = format!("//! A.\npub(crate) fn f(\n    a: u8,\n) {{\n{}}}\n", lines(77));
    assert_eq!(one(place, &long), ("length", format!("{place}:2")));
    let method = format!("impl A {{\n    fn a(&self);\n    fn b() {{\n{}    }}\n}}\n", lines(79));
    assert_eq!(one(place, &method), ("length", format!("{place}:3")));

    let tests = format!("fn f() {{}}\n#[cfg(test)]\nmod tests {{\n{}}}\n", functions(200));
    assert_eq!(with(place, &tests), []);
}

/// A crate says what it is, under which terms, for which compiler.
#[test]
fn incomplete_manifests_are_found() {
    let place = "crates/report/Cargo.toml";
    for field in ["description", "license", "rust-version"] {
        let whole = manifest("report", "");
        let lines: Vec<&str> = whole.lines().filter(|line| !line.starts_with(field)).collect();
        assert_eq!(one(place, &lines.join("\n")), ("manifest", place.into()));
    }
}

/// A crate that git ignores is not in a clone.
#[test]
fn crates_that_git_ignores_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let git = |args: &[&str]| {
        let run = std::process::Command::new("git").current_dir(folder.path()).args(args).output();
        run.is_ok_and(|output| output.status.success())
    };
    if !git(&["init", "--quiet"]) {
        eprintln!("skipped: there is no git");
        return;
    }
    lay_out(folder.path(), good());
    fs::write(folder.path().join(".gitignore"), "target/\n").unwrap();
    let problems = tidy::check(folder.path()).unwrap();
    let places: Vec<&str> = problems.iter().map(|p| p.place.as_str()).collect();
    assert_eq!(places, ["crates/target/Cargo.toml"]);
    assert_eq!(problems[0].check, "manifest");
}

/// A link to no file, to no heading, out of the project; what stands in code is no link.
#[test]
fn dead_links_are_found() {
    for link in ["[x](gone.md)", "[x](b.md#gone)", "[x](#gone)", "[x](../../x.md)"] {
        assert_eq!(one("docs/c.md", link), ("link", "docs/c.md:1".into()));
    }
    let fine = "`[x](gone.md)` [x](https://example.org/gone) [x](../crates)\n```\n[x](y)\n```\n";
    assert_eq!(with("docs/c.md", fine), []);
}

/// An excerpt that has drifted from its file, and code in the tutorial that nothing compiles.
#[test]
fn drifted_excerpts_are_found() {
    let from = "<!-- from: crates/report/src/lib.rs -->\n";
    let same = format!("{from}```rust\n//! A crate.\n#![forbid(unsafe_code)]\n```\n");
    assert_eq!(with("docs/c.md", &same), []);
    let drifted = format!("{from}```rust\n//! A crate.\n#![deny(unsafe_code)]\n```\n");
    assert_eq!(one("docs/c.md", &drifted), ("excerpt", "docs/c.md:2".into()));
    let loose = format!("{from}No code.\n");
    assert_eq!(one("docs/c.md", &loose), ("excerpt", "docs/c.md:2".into()));
    let no_file = "<!-- from: gone.rs -->\n```rust\n```\n";
    assert_eq!(one("docs/c.md", no_file), ("excerpt", "docs/c.md:2".into()));

    let unchecked = "```rust\nfn f() {}\n```\n";
    let tutorial = "docs/write-a-probe.md";
    assert_eq!(one(tutorial, unchecked), ("excerpt", format!("{tutorial}:1")));
    assert_eq!(with("docs/c.md", unchecked), []);
}

/// Tables and columns that no document describes.
#[test]
fn undescribed_tables_are_found() {
    let code = "pub mod a {\n    pub const TABLE: &str = \"things\";\n    \
                pub const RSS: &str = \"rss\";\n}\n";
    let names = "crates/probe/src/tables.rs";
    let problem = |document: &str| {
        let folder = tempfile::tempdir().unwrap();
        let mut files = good();
        // The names stand outside of any member here, so that the fixture needs no crate.
        files.push(("Cargo.toml".into(), WITHOUT_PROBE.into()));
        files.push((names.into(), code.into()));
        files.push(("docs/tables.md".into(), document.into()));
        lay_out(folder.path(), files);
        let problems = tidy::check(folder.path()).unwrap();
        problems.into_iter().map(|p| p.message).collect::<Vec<_>>()
    };
    assert_eq!(problem("# Tables\n## `things`\n| `rss` |\n"), [""; 0]);
    assert_eq!(
        problem("# Tables\n## `things`\n## `others`\n| `rss` |\n"),
        ["`rss` of table `things` is not described"]
    );
    assert_eq!(problem("# Tables\n").len(), 2);
}

const WITHOUT_PROBE: &str = "[workspace]\nresolver = \"3\"\n\
    members = [\"crates/target\", \"crates/report\", \"crates/probe-*\"]\n";
