//! A process whose system calls are filtered.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use test_support::{Python, Running};

use crate::support::{all, deliver, with_all};

/// Forbids `memfd_create` (319), by an error or by the end of the process, then is the program.
const CODE: &str = r#"
import ctypes, struct, sys
def only(action):
    code = ((0x20, 0, 0, 0), (0x15, 0, 1, 319), (0x06, 0, 0, action), (0x06, 0, 0, 0x7FFF0000))
    text = b"".join(struct.pack("HBBI", *one) for one in code)
    held = ctypes.create_string_buffer(text)
    libc = ctypes.CDLL(None)
    assert libc.prctl(38, 1, 0, 0, 0) == 0
    program = struct.pack("HP", len(code), ctypes.addressof(held))
    assert libc.prctl(22, 2, program) == 0
only(ACTION)
exec(open("PROGRAM").read())
"#;

/// Where files in memory are forbidden, a file in a folder does, and has gone afterwards: in the
/// process and in the folder.
#[test]
fn a_file_does_where_files_in_memory_are_forbidden() {
    let program =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/deliver_support/program.py");
    for action in ["0x50001", "0x80000000"] {
        let code =
            CODE.replace("ACTION", action).replace("PROGRAM", &program.display().to_string());
        with_all(|python| {
            let mut target = Running::python(python, &code);
            let before = target.ask("state()");
            let delivery =
                deliver(target.pid(), "say(42)").unwrap_or_else(|e| panic!("{python}: {e:?}"));
            assert_eq!(delivery.results, ["42"], "{python}");
            assert_eq!(target.ask("state()"), before, "{python}");
        });
    }
    let own = format!("memprobe-{}-", std::process::id());
    for folder in ["/dev/shm", "/tmp", "/var/tmp"] {
        let left = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let names = left.map(|entry| entry.file_name().to_string_lossy().into_owned());
        let left: Vec<String> = names.filter(|name| name.starts_with(&own)).collect();
        assert!(left.is_empty(), "{folder}: {left:?}");
    }
}

/// A process that sees no `/proc`, as in a bare chroot: where the interpreter would open the script
/// there, that is said beforehand, and nothing is printed by the process.
#[test]
fn without_proc_it_works_or_is_refused() {
    const PROGRAM: &str = "
import select, sys
sys.stderr = sys.stdout
print('ready', flush=True)
while True:
    sum(range(1000))
    if select.select([0], [], [], 0.005)[0]:
        sys.stdin.readline()
        print('here', flush=True)
";
    let covered = |python: &Python, code: &str| {
        let mut command = Command::new("unshare");
        command.args(["-m", "sh", "-c", "mount -t tmpfs none /proc && exec \"$@\"", "sh"]);
        command.arg(&python.exe).args(["-c", code]);
        command
    };
    let first = &all()[0];
    let tried = covered(first, "print('ready')").stderr(Stdio::null()).output();
    if !tried.is_ok_and(|output| output.stdout.starts_with(b"ready")) {
        eprintln!("SKIPPED: /proc cannot be covered here (no right to mount)");
        return;
    }
    with_all(|python| {
        let mut target = Running::start(&mut covered(python, PROGRAM));
        match deliver(target.pid(), "say(42)") {
            Ok(delivery) => assert_eq!(delivery.results, ["42"], "{python}"),
            Err(error) => {
                assert!(python.version >= (3, 14, 0), "{python}: {error:?}");
                assert!(error.to_string().contains("it has no /proc"), "{python}: {error}");
            }
        }
        assert_eq!(target.ask(""), "here", "{python}");
    });
}
