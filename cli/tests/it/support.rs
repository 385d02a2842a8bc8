//! How tests start the program.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;

use serde_json::Value;
use tempfile::TempDir;
use test_support::{Python, Running, until};

/// A program that leaks about 4 MiB/s, in small objects held by a module global.
pub(crate) const LEAK: &str = "
import time
kept = []
print('ready', flush=True)
while True:
    kept.append([bytes(1000) for _ in range(80)])
    time.sleep(0.02)
";

/// The same work without the leak.
pub(crate) const NO_LEAK: &str = "
import time
print('ready', flush=True)
while True:
    kept = [bytes(1000) for _ in range(80)]
    time.sleep(0.02)
";

/// A program that waits.
pub(crate) const IDLE: &str = "print('ready', flush=True); input()";

/// Lasts for a second; longer where the machine is busy, and who looks at it takes longer as well.
pub(crate) const SHORT: &str = "import time; [time.sleep(0.02) for _ in range(50)]";

/// The program, with its plugins beside it.
pub(crate) fn memprobe() -> Command {
    let mut command = Command::new(program());
    command.env_remove("MEMPROBE_PLUGIN_PATH").env("NO_COLOR", "1");
    command.env("XDG_CONFIG_HOME", "/nonexistent").stdin(Stdio::null());
    command
}

/// Its file.
pub(crate) fn program() -> PathBuf {
    bin_dir().join("memprobe")
}

/// The program as an ordinary user starts it, from a folder that this user may read.
pub(crate) struct AsNobody {
    pub(crate) command: Command,
    _folder: TempDir,
}

/// The program as `nobody`; `None`, said aloud, where this test cannot become another user.
pub(crate) fn memprobe_as_nobody() -> Option<AsNobody> {
    const NOBODY: [&str; 3] = ["--reuid=65534", "--regid=65534", "--clear-groups"];
    let folder = tempfile::tempdir_in("/tmp").expect("a folder that all can reach");
    let (to, from) = (folder.path().display(), bin_dir().display());
    let copied = Command::new("sh")
        .arg("-c")
        .arg(format!(
            "chmod 755 {to} && cp {from}/memprobe {from}/libmemprobe_*.so {to}/ && chmod 755 {to}/*"
        ))
        .status();
    let mut command = Command::new("setpriv");
    command.args(NOBODY).arg(folder.path().join("memprobe")).stdin(Stdio::null());
    let tried = Command::new("setpriv").args(NOBODY).arg("true").output();
    if copied.is_ok_and(|s| s.success()) && tried.is_ok_and(|o| o.status.success()) {
        return Some(AsNobody { command, _folder: folder });
    }
    eprintln!("skipped: this test cannot become another user");
    None
}

/// The folder of the program and its plugins, as users have them.
pub(crate) fn bin_dir() -> &'static Path {
    static INSTALLED: OnceLock<PathBuf> = OnceLock::new();
    INSTALLED.get_or_init(|| install().expect("the program and its plugins are linked"))
}

/// Cargo leaves the program in one folder and the plugins, dependencies of this test, in another.
fn install() -> std::io::Result<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("installed");
    std::fs::create_dir_all(&folder)?;
    let mut files = vec![PathBuf::from(env!("CARGO_BIN_EXE_memprobe"))];
    let own = std::env::current_exe()?;
    for plugin in ["process", "python", "alloc", "misbehaving"] {
        files.push(own.with_file_name(format!("libmemprobe_{plugin}.so")));
    }
    for file in files {
        let link = folder.join(file.file_name().unwrap_or_default());
        // What an earlier build left there.
        if link.exists() {
            std::fs::remove_file(&link)?;
        }
        std::fs::hard_link(&file, &link)?;
    }
    Ok(folder)
}

/// The root of the workspace.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a workspace").into()
}

/// What a finished run said.
pub(crate) struct Said {
    pub(crate) status: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out)
            .unwrap_or_else(|e| panic!("{e}: {}\n{}", self.out, self.err))
    }
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        Self {
            status: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// Runs the program to its end.
pub(crate) fn run<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Said {
    memprobe().args(args).output().expect("memprobe starts").into()
}

/// Runs the program on a process, with JSON.
pub(crate) fn watch(target: &Running, args: &[&str]) -> Said {
    let pid = target.pid().to_string();
    run(["--pid", &pid, "--format", "json", "--quiet"].iter().chain(args))
}

/// Runs a test on all Pythons at once.
pub(crate) fn on_every_python(test: impl Fn(&Python) + Sync) {
    at_once(test_support::pythons(), |python| test(&python));
}

/// Tests several things at once: each waits for its own watch.
pub(crate) fn at_once<T: Send>(things: impl IntoIterator<Item = T>, test: impl Fn(T) + Sync) {
    let test = &test;
    std::thread::scope(|scope| {
        for thing in things {
            scope.spawn(move || test(thing));
        }
    });
}

/// An answer that is sure. On a busy machine it may take a longer watch, or more runs, until it is:
/// so many seconds or runs, twice as many, and so on.
///
/// # Panics
/// When it never is: `look` watches so long or often, and gives nothing where it is undecided.
pub(crate) fn decided<T>(most: u32, look: impl Fn(u32) -> Option<T>) -> T {
    let longer = (0..4).find_map(|doubled| look(most << doubled));
    longer.unwrap_or_else(|| panic!("undecided after {} seconds or runs", most << 3))
}

/// A report whose verdict is sure, of a watch with these arguments beside its duration.
pub(crate) fn sure(target: &Running, seconds: u32, args: &[&str]) -> Value {
    decided(seconds, |seconds| {
        let said = watch(target, &[&["--for", &format!("{seconds}s")], args].concat());
        assert_eq!(said.status, 0, "{}", said.err);
        let report = said.json();
        (!report["verdict"]["leak"].is_null()).then_some(report)
    })
}

/// A watch that goes on until the test has it end, with what it has recorded until now.
pub(crate) struct Watching {
    child: Child,
    folder: TempDir,
}

impl Watching {
    /// Starts the program, with JSON: these words come before those that name what is watched.
    pub(crate) fn start<S: AsRef<OsStr>>(words: &[&str], watched: &[S]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut command = memprobe();
        command.args(["--quiet", "--format", "json", "--record"]).arg(folder.path().join("run"));
        command.args(words).args(watched).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self { child: command.spawn().expect("memprobe starts"), folder }
    }

    /// Waits until what is recorded is as it should be: one line for each snapshot.
    pub(crate) fn until(&mut self, what: &str, holds: impl Fn(&str) -> bool) {
        let file = self.folder.path().join("run");
        until(what, || {
            assert!(self.child.try_wait().expect("its state").is_none(), "it ended before {what}");
            holds(&std::fs::read_to_string(&file).unwrap_or_default())
        });
    }

    /// Waits until there were so many looks.
    pub(crate) fn until_looks(&mut self, looks: usize) {
        self.until("it has looked often enough", |text| text.lines().count() > looks);
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its answer.
    pub(crate) fn end(self) -> Said {
        self.child.wait_with_output().expect("its output").into()
    }
}

/// The Python that programs of a command are run by. The `python3` on `PATH` may be a script that
/// looks for it, which takes long on a busy machine.
pub(crate) fn python3() -> &'static str {
    static PYTHON: OnceLock<String> = OnceLock::new();
    PYTHON.get_or_init(|| python().exe.display().to_string())
}

/// A Python of the machine that runs a program.
pub(crate) fn start(code: &str) -> Running {
    Running::python(&python(), code)
}

pub(crate) fn python() -> Python {
    test_support::python()
}

/// Fails unless the document is what the contract says.
pub(crate) fn assert_contract(report: &Value) {
    let schema = std::fs::read(root().join("docs/report.schema.json")).expect("the schema");
    let schema: Value = serde_json::from_slice(&schema).expect("the schema is JSON");
    let validator = jsonschema::validator_for(&schema).expect("the schema is a schema");
    let errors: Vec<String> =
        validator.iter_errors(report).map(|e| format!("{}: {e}", e.instance_path())).collect();
    assert!(errors.is_empty(), "{errors:?}");
}
