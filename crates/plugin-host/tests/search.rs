//! Plugins are found by name in trusted folders, in order, and a failed search says where it was.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test stops where it cannot go on")]

mod common;

use std::fs::{Permissions, copy, create_dir, set_permissions, write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use common::{library, load, search};
use memprobe_plugin_host::{Search, SearchOptions, Status};
use probe::ErrorKind;
use tempfile::TempDir;

const FILE: &str = "libmemprobe_misbehaving.so";

/// A folder under a real path, so that paths in messages can be compared.
fn folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().canonicalize().unwrap();
    (folder, path)
}

fn refusal(search: &Search, name: &str) -> (ErrorKind, String) {
    let error = search.find(name).unwrap_err();
    (error.kind(), format!("{error:#}"))
}

#[test]
#[cfg(target_os = "linux")]
fn the_first_folder_that_has_it_counts() {
    let (_a, empty) = folder();
    let (_b, first) = folder();
    let (_c, second) = folder();
    for folder in [&first, &second] {
        copy(library("misbehaving"), folder.join(FILE)).unwrap();
    }
    let search = search(&[&empty, &first, &second]);
    let plugin = search.find("misbehaving").unwrap();
    assert_eq!(Path::new(&plugin.origin()), first.join(FILE));
    assert_eq!(plugin.descriptor().name, "misbehaving");

    let listed = search.list();
    assert_eq!(listed.len(), 2, "{listed:?}");
    assert!(matches!(listed[0].status, Status::Used));
    assert_eq!(listed[0].questions(), ["trouble"]);
    match &listed[1].status {
        Status::Shadowed { by } => assert_eq!(Path::new(by), first.join(FILE)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_failed_search_shows_all_that_was_looked_at() {
    let (_a, one) = folder();
    let missing = one.join("missing");
    let open = one.join("open");
    create_dir(&open).unwrap();
    set_permissions(&open, Permissions::from_mode(0o777)).unwrap();
    let (kind, message) = refusal(&search(&[&one, &missing, &open]), "no-such");
    assert_eq!(kind, ErrorKind::NotFound);
    let one = one.display();
    let expected = format!(
        "there is no plugin `no-such`; looked at\n  \
         {one}/libmemprobe_no_such.so (--plugin-dir): does not exist\n  \
         {one}/missing/libmemprobe_no_such.so (--plugin-dir): does not exist\n  \
         {one}/open/libmemprobe_no_such.so (--plugin-dir): `{one}/open`: can be written by everybody"
    );
    assert_eq!(message, expected);
    assert_eq!(refusal(&search(&[]), "x").1, "there is no plugin `x`; no folder was looked at");
}

#[test]
fn a_broken_plugin_is_an_error_and_no_reason_to_take_another() {
    let (_a, first) = folder();
    let (_b, second) = folder();
    write(first.join(FILE), "#!/bin/sh\n").unwrap();
    copy(library("misbehaving"), second.join(FILE)).unwrap();
    let search = search(&[&first, &second]);
    let (kind, message) = refusal(&search, "misbehaving");
    assert_eq!(kind, ErrorKind::InvalidData);
    let file = first.join(FILE);
    let file = file.display();
    assert_eq!(
        message,
        format!(
            "plugin file `{file}`: is no shared library (not an ELF file); looked at\n  \
             {file} (--plugin-dir): refused, see above"
        )
    );
    let listed = search.list();
    assert!(matches!(listed[0].status, Status::Refused(_)), "{listed:?}");
}

#[test]
#[cfg(target_os = "linux")]
fn a_library_of_another_machine_is_named_as_such() {
    let (_a, folder) = folder();
    let mut library = std::fs::read(library("misbehaving")).unwrap();
    let other: u16 = if cfg!(target_arch = "aarch64") { 62 } else { 183 };
    library[18..20].copy_from_slice(&other.to_ne_bytes());
    write(folder.join(FILE), library).unwrap();
    let (kind, message) = refusal(&search(&[&folder]), "misbehaving");
    assert_eq!(kind, ErrorKind::Incompatible);
    assert!(message.contains("is built for "), "{message}");
    assert!(message.contains(std::env::consts::ARCH), "{message}");
}

#[test]
fn what_everybody_can_write_is_never_loaded() {
    let (_a, folder) = folder();
    let file = folder.join(FILE);
    copy(library("misbehaving"), &file).unwrap();
    set_permissions(&file, Permissions::from_mode(0o777)).unwrap();
    assert_eq!(load(&file).unwrap_err().kind(), ErrorKind::PermissionDenied);
    assert_eq!(refusal(&search(&[&folder]), "misbehaving").0, ErrorKind::NotFound);

    set_permissions(&file, Permissions::from_mode(0o755)).unwrap();
    set_permissions(&folder, Permissions::from_mode(0o777)).unwrap();
    let error = load(&file).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    assert_eq!(error.hint(), Some(format!("chmod o-w '{}'", folder.display()).as_str()));

    // A link from a good folder into a bad one does not help.
    let (_b, good) = self::folder();
    symlink(&file, good.join(FILE)).unwrap();
    assert_eq!(refusal(&search(&[&good]), "misbehaving").0, ErrorKind::NotFound);
}

#[test]
fn a_file_under_another_name_is_refused_by_name_and_taken_by_path() {
    let (_a, folder) = folder();
    let file = folder.join("libmemprobe_good_name.so");
    copy(library("misbehaving"), &file).unwrap();
    let (kind, message) = refusal(&search(&[&folder]), "good-name");
    assert_eq!(kind, ErrorKind::Incompatible);
    assert!(message.contains("the plugin in it calls itself `misbehaving`"), "{message}");
    assert_eq!(load(&file).unwrap().descriptor().name, "misbehaving");
}

#[test]
fn names_are_names() {
    for name in ["", "..", "a b", "Process", "x\u{1b}", "é"] {
        assert_eq!(refusal(&search(&[]), name).0, ErrorKind::InvalidInput, "{name:?}");
    }
    let (kind, message) = refusal(&search(&[]), "./no/such/file.so");
    assert_eq!(kind, ErrorKind::NotFound);
    assert_eq!(message, "plugin file `./no/such/file.so`: does not exist");
}

/// The program's own folder is looked at, which is how a build finds its plugins.
#[test]
fn plugins_beside_the_program_are_found() {
    let search = Search::new(SearchOptions { env: false, ..SearchOptions::default() });
    let plugin = search.find("misbehaving").unwrap();
    assert_eq!(Path::new(&plugin.origin()), library("misbehaving").canonicalize().unwrap());
    let listed = search.list();
    let entry = listed.iter().find(|l| l.name == "misbehaving").unwrap();
    assert_eq!(entry.found_by, "beside the program");
}
