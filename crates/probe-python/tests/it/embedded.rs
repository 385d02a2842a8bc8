//! A program in C that has an interpreter inside: its objects are those of any Python.
#![forbid(unsafe_code)]
#![allow(clippy::print_stderr, clippy::unwrap_used, reason = "tests")]

use std::path::{Path, PathBuf};
use std::process::Command;

use memprobe_probe_python::{Python as Attached, Wanted};
use probe::Target;
use test_support::{Python, Running, pythons};

const SOURCE: &str = r#"
#include <Python.h>
#include <unistd.h>
int main(void)
{
    Py_Initialize();
    PyRun_SimpleString("class Planted: pass\nkept = [Planted() for n in range(1234)]\n"
                       "print('ready', flush=True)");
    pause();
    return 0;
}
"#;

/// The headers, the folder of the library and its name without `lib` and `.so`.
fn parts(python: &Python) -> Option<(String, PathBuf, String)> {
    const QUESTION: &str = "import sysconfig as s; print(s.get_paths()['include']); \
                            print(s.get_config_var('LIBDIR')); print(s.get_config_var('LDVERSION'))";
    let output = Command::new(&python.exe).args(["-c", QUESTION]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let [include, folder, version] = text.lines().collect::<Vec<_>>()[..] else { return None };
    let (folder, name) = (PathBuf::from(folder), format!("python{version}"));
    let shared = folder.join(format!("lib{name}.so")).exists();
    let headers = Path::new(include).join("Python.h").exists();
    (shared && headers).then(|| (include.to_owned(), folder, name))
}

#[test]
fn an_interpreter_inside_of_a_program_is_read() {
    let scratch = tempfile::tempdir().unwrap();
    let source = scratch.path().join("embed.c");
    std::fs::write(&source, SOURCE).unwrap();
    for python in pythons() {
        let Some((include, folder, name)) = parts(&python) else {
            eprintln!("skipped: {python} has no shared library or no headers");
            continue;
        };
        let program = scratch.path().join(format!("embed-{}", python.version.1));
        let built = Command::new("cc")
            .arg(&source)
            .arg(format!("-I{include}"))
            .arg(format!("-L{}", folder.display()))
            .arg(format!("-Wl,-rpath,{}", folder.display()))
            .args([&format!("-l{name}"), "-o"])
            .arg(&program)
            .output();
        let Ok(built) = built else {
            eprintln!("skipped: no C compiler");
            return;
        };
        assert!(built.status.success(), "{python}: {}", String::from_utf8_lossy(&built.stderr));
        let running = Running::start(&mut Command::new(&program));
        let attached = Attached::attach(&Target::from_pid(running.pid())).unwrap();
        let (major, minor, _) = python.version;
        let found = &attached.runtimes()[0].version;
        assert_eq!((found.major, found.minor), (major, minor), "{python}");
        let (survey, _) = attached.survey(Wanted::Objects).unwrap();
        let planted = survey.types.iter().find(|t| &*t.name == "__main__.Planted").unwrap();
        assert_eq!(planted.counts.objects, 1234, "{python}");
    }
}
