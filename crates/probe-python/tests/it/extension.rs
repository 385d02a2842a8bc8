//! Builds the leaking extension (`tests/leaky.c`) for an interpreter.

use std::path::Path;
use std::process::Command;

use test_support::{Python, Running};

/// Builds it into a folder; `false` with a line on why where it cannot be.
pub(crate) fn build(python: &Python, folder: &Path) -> bool {
    const WHERE: &str = "import sysconfig; print(sysconfig.get_path('include')); \
                         print(sysconfig.get_config_var('EXT_SUFFIX'))";
    let output = Command::new(&python.exe).args(["-c", WHERE]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let (include, suffix) = text.trim().split_once('\n').unwrap();
    if !Path::new(include).join("Python.h").exists() {
        eprintln!("skipped: {python} has no headers");
        return false;
    }
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/leaky.c");
    let compiled = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-fno-builtin", &format!("-I{include}")])
        // Where Debian's headers have what depends on the machine.
        .args([&format!("-I{include}/.."), "-o"])
        .arg(folder.join(format!("leaky{suffix}")))
        .arg(source)
        .output();
    let Ok(output) = compiled else {
        eprintln!("skipped: no C compiler");
        return false;
    };
    assert!(output.status.success(), "{python}: {}", String::from_utf8_lossy(&output.stderr));
    true
}

/// Starts a program that evaluates each line of its input.
pub(crate) fn start(python: &Python, folder: &Path) -> Running {
    const CODE: &str = "import leaky, sys\nitem = leaky.Item()\nclass Leaked: pass\n\
                        print('ready')\nfor line in sys.stdin:\n    eval(line)\n    print('done')\n";
    let mut command = Command::new(&python.exe);
    Running::start(command.env("PYTHONPATH", folder).args(["-u", "-c", CODE]))
}
