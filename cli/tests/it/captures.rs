//! Captures: taken, shown, compared, refused, interrupted.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use capture::folder::{Capture, TableEntry};
use probe::FileType;
use serde_json::Value;

use crate::support::{self, IDLE, LEAK, NO_LEAK, Said, bin_dir, memprobe, run};

fn capture(pid: u32, to: &Path, more: &[&str]) -> Said {
    let (pid, to) = (pid.to_string(), to.display().to_string());
    run(["capture", "--pid", &pid, "--output", &to].iter().chain(more))
}

fn names_in(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// A preset that asks the misbehaving plugin alone, or beside the high level.
fn preset(dir: &Path, mode: &str, include: &str) -> String {
    let file = dir.join(format!("{mode}.toml"));
    let plugin = bin_dir().join("libmemprobe_misbehaving.so").display().to_string();
    let text = format!(
        "level = \"high\"\nsummary = \"s\"\ninclude = [{include}]\n[[probe]]\n\
         plugin = \"{plugin}\"\nconfig = {{ mode = \"{mode}\" }}\nask = [{{ every = \"1s\" }}]\n"
    );
    std::fs::write(&file, text).unwrap();
    file.display().to_string()
}

/// Two captures of a program that grows: each says what was there, the difference what grew.
#[test]
fn captures_are_taken_shown_and_compared() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let shown = |name: &str| path(name).display().to_string();
    let target = support::start(LEAK);
    let first = capture(target.pid(), &path("a"), &["--level", "low"]);
    assert_eq!(first.status, 0, "{}", first.err);
    for word in ["census", "mappings", "native_heap", "objects", "was paused for"] {
        assert!(first.out.contains(word), "`{word}` is missing: {}", first.out);
    }
    let second = capture(target.pid(), &path("b"), &["--level", "low", "--format", "json"]);
    let manifest = second.json();
    assert_eq!(manifest["schema"], "memprobe.capture/1");
    assert_eq!(manifest["target"]["pid"], target.pid());
    assert!(manifest["target"]["python"].as_str().is_some_and(|v| v.starts_with("3.")));

    let census = |name: &str| -> u64 {
        let all = run(["show", &shown(name), "--table", "census", "--format", "json"]).json();
        let columns = all["tables"][0]["columns"].as_array().unwrap().clone();
        let of = |name: &str| -> Vec<Value> {
            let column = columns.iter().find(|c| c["name"] == name).unwrap();
            column["values"].as_array().unwrap().clone()
        };
        let at = of("type").iter().position(|t| t == "builtins.bytes").unwrap();
        of("objects")[at].as_u64().unwrap()
    };
    assert!(census("b") > census("a"), "the program makes bytes objects");
    let said = run(["show", &shown("a"), "--rows", "3"]);
    assert!(said.out.contains("rows not shown"), "{}", said.out);
    assert_eq!(run(["show", &shown("a"), "--table", "nothing"]).status, 2);

    let said = run(["diff", &shown("a"), &shown("b")]);
    assert_eq!(said.status, 0, "{}", said.err);
    assert!(said.out.contains("builtins.bytes"), "{}", said.out);
    assert!(!said.out.contains("different processes"), "{}", said.out);
    let diff = run(["diff", &shown("a"), &shown("b"), "--format", "json"]).json();
    assert_eq!(diff["schema"], "memprobe.diff/1");
    assert!(diff["before"].get("verdict").is_none());

    let other = support::start(NO_LEAK);
    assert_eq!(capture(other.pid(), &path("c"), &[]).status, 0);
    let markdown = run(["diff", &shown("a"), &shown("c"), "--format", "markdown"]);
    assert!(markdown.out.contains("different processes"), "{}", markdown.out);
    assert!(markdown.out.contains("builtins.bytes"), "{}", markdown.out);
    assert_eq!(names_in(dir.path()), ["a", "b", "c"]);

    // A file that was cut is an error that names it.
    let file = path("a").join("census.parquet");
    let bytes = std::fs::read(&file).unwrap();
    std::fs::write(&file, &bytes[..bytes.len() - 9]).unwrap();
    let said = run(["show", &shown("a")]);
    assert_eq!(said.status, 2);
    assert!(said.err.contains("census.parquet") && said.err.contains("damaged"), "{}", said.err);
}

#[track_caller]
fn refused(said: &Said, status: i32, words: &[&str]) {
    assert_eq!(said.status, status, "{}{}", said.out, said.err);
    for word in words {
        assert!(said.err.contains(word), "`{word}` is missing: {}", said.err);
    }
}

#[test]
fn places_where_no_capture_can_be() {
    let dir = tempfile::tempdir().unwrap();
    let target = support::start(IDLE);
    let to = dir.path().join("capture");
    let high = ["--level", "high"];
    assert_eq!(capture(target.pid(), &to, &high).status, 0);
    refused(&capture(target.pid(), &to, &high), 2, &["already there", "--force"]);
    assert_eq!(capture(target.pid(), &to, &["--level", "high", "--force"]).status, 0);
    let file = dir.path().join("file");
    std::fs::write(&file, "precious").unwrap();
    refused(&capture(target.pid(), &file, &["--force"]), 2, &["no folder"]);
    let foreign = dir.path().join("foreign");
    std::fs::create_dir(&foreign).unwrap();
    std::fs::write(foreign.join("thesis"), "precious").unwrap();
    refused(&capture(target.pid(), &foreign, &["--force"]), 2, &["not replaced"]);
    assert_eq!(names_in(&foreign), ["thesis"]);
    refused(&capture(target.pid(), &dir.path().join("no/such"), &[]), 2, &["no/such"]);
    refused(&capture(target.pid(), Path::new("/proc/capture"), &[]), 2, &["/proc/capture"]);
    refused(&capture(4_194_305, &dir.path().join("x"), &[]), 3, &["no process"]);
    refused(&run(["show", &foreign.display().to_string()]), 2, &["manifest.json"]);
    refused(&run(["show", "/etc/hostname"]), 2, &["/etc/hostname"]);
    refused(&run(["report", &to.display().to_string()]), 2, &["memprobe show"]);

    // A disk that fills up: nothing is left. A limit on file sizes stands in for it.
    let full = dir.path().join("full");
    let output = Command::new("sh")
        .args(["-c", "ulimit -f 1 && exec \"$@\"", "sh"])
        .arg(support::program())
        .args(["capture", "--level", "high", "--pid", &target.pid().to_string(), "-o"])
        .arg(&full)
        .output()
        .unwrap();
    refused(&output.into(), 2, &["cannot write"]);
    assert_eq!(names_in(dir.path()), ["capture", "file", "foreign"]);
}

/// Killed in the middle, a capture is not there: only a folder whose name says what it is.
#[test]
fn a_capture_that_is_interrupted_never_looks_whole() {
    let dir = tempfile::tempdir().unwrap();
    let target = support::start(IDLE);
    let file = preset(dir.path(), "hang", "\"high\"");
    for (signal, left) in [("-KILL", 1), ("-TERM", 0)] {
        let to = dir.path().join(format!("capture{signal}"));
        let mut child = memprobe()
            .args(["capture", "--preset", &file, "--pid", &target.pid().to_string(), "-o"])
            .arg(&to)
            .spawn()
            .unwrap();
        let partial = dir.path().join(format!(".capture{signal}.{}.partial", child.id()));
        // The folder of the plugin that hangs is made just before it is asked.
        while !partial.join("from.misbehaving").is_dir() {
            assert!(child.try_wait().unwrap().is_none(), "it ended early");
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        let status = Command::new("kill").args([signal, &child.id().to_string()]).status();
        assert!(status.unwrap().success());
        child.wait().unwrap();
        assert!(!to.exists());
        assert_eq!(usize::from(partial.exists()), left, "{signal}");
        let shown = partial.display().to_string();
        refused(&run(["show", &shown]), 2, &["manifest.json"]);
    }
}

/// Files that a plugin writes itself are kept if they are what it says, and left out if not.
#[test]
fn files_of_plugins_are_checked() {
    let dir = tempfile::tempdir().unwrap();
    let target = support::start(IDLE);
    memprobe();
    for (mode, why) in [
        ("file-honest", None),
        ("file-missing", Some("wrote no file")),
        ("file-lies", Some("3 rows, and 4 were said")),
        ("file-outside", Some("is not the table's name")),
    ] {
        let file = preset(dir.path(), mode, "");
        let to = dir.path().join(mode);
        let said = capture(target.pid(), &to, &["--preset", &file, "--format", "json"]);
        assert_eq!(said.status, 0, "{mode}: {}", said.err);
        let manifest = said.json();
        let kept = manifest["tables"].to_string().contains("bulk.parquet");
        assert_eq!(kept, why.is_none(), "{mode}: {}", said.out);
        assert_eq!(manifest["complete"], why.is_none(), "{mode}");
        assert!(manifest["issues"].to_string().contains(why.unwrap_or("")), "{mode}: {}", said.out);
        let tables = if kept { vec!["bulk.parquet"] } else { vec![] };
        assert_eq!(names_in(&to), [tables, vec!["manifest.json", "trouble.parquet"]].concat());
    }
}

/// Keeps what it is told in every way that a program keeps a text or a number.
const SECRETS: &str = "
import sys
class User: pass
def keep(word):
    user = User()
    user.password = word
    kept = [user, {word + 'key': 1}, sys.intern(word + '_interned'), (word + 'bytes').encode()]
    return kept + [{sys.intern(word + '_internedkey'): word}, int(word[-9:]), float(word[-9:])]
print('ready', flush=True)
KEPT = keep(input())
print('kept', flush=True)
input()
";

/// Every text of every table, as far as they hold the word; by table.
fn tables_with(folder: &Path, word: &str) -> Vec<String> {
    let capture = Capture::open(folder).unwrap();
    let has = |entry: &TableEntry| {
        let table = capture.columns(entry).unwrap();
        let texts = entry.columns.iter().filter(|column| column.kind == FileType::Text);
        texts.filter(|column| !column.nullable).any(|column| {
            let texts: Vec<String> = table.column(&column.name).unwrap();
            texts.iter().any(|text| text.contains(word))
        }) || entry.rows < 100_000 && !entry.bulk && {
            format!("{:?}", capture.table(entry).unwrap()).contains(word)
        }
    };
    let with = capture.manifest().tables.iter().filter(|entry| has(entry));
    with.map(|entry| entry.name.clone()).collect()
}

/// No contents leave the process unless it is said; nobody else reads what does.
#[test]
fn contents_are_kept_only_when_asked() {
    let dir = tempfile::tempdir().unwrap();
    let mut target = support::start(SECRETS);
    // Neither the command line nor the program has it.
    let word = "hunter_519876234";
    assert_eq!(target.ask(word), "kept");
    let (plain, full) = (dir.path().join("plain"), dir.path().join("full"));
    assert_eq!(capture(target.pid(), &plain, &["--level", "low"]).status, 0);
    let said = capture(target.pid(), &full, &["--values"]);
    assert!(said.status == 0 && said.out.contains("holds contents"), "{}{}", said.out, said.err);
    assert_eq!(tables_with(&plain, "hunter"), Vec::<String>::new());
    assert_eq!(tables_with(&plain, "519876234"), Vec::<String>::new());
    // What is a key has its place among the names then.
    assert_eq!(tables_with(&full, "hunter"), ["names", "values"]);
    let names = tables_with(&plain, "password");
    assert!(names.iter().any(|table| table == "slot_names" || table == "names"), "{names:?}");
    let kept = Capture::open(&full).unwrap();
    let values = kept.columns(kept.entry("values").unwrap()).unwrap();
    let values: Vec<String> = values.column("value").unwrap();
    for text in [word, "b'hunter_519876234bytes'", "519876234", "519876234.0"] {
        assert!(values.iter().any(|value| value == text), "`{text}` is missing");
    }
    assert!(values.iter().all(|value| value.len() < 64 * 4 + 4), "contents are short");
    for folder in [plain, full] {
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&folder), 0o700);
        for name in names_in(&folder) {
            assert_eq!(mode(&folder.join(&name)), 0o600, "{name}");
        }
    }
    a_core_is_captured(target.pid(), dir.path());
}

/// A core file of the same process: asked like a capture of it.
fn a_core_is_captured(pid: u32, dir: &Path) {
    let shown = |name: &str| dir.join(name).display().to_string();
    test_support::write_core(pid, &dir.join("core"));
    let core = |file: &str, to: &str, more: &[&str]| {
        run(["capture", "--core", file, "-o", to].iter().chain(more))
    };
    let said = core(&shown("core"), &shown("of_core"), &[]);
    assert_eq!(said.status, 0, "{}{}", said.out, said.err);
    assert!(said.out.contains("read from a core file"), "{}", said.out);
    assert!(said.out.contains("`process` reads no core files"), "{}", said.out);
    let answer = |folder: &str| {
        run(["holders", &shown(folder), "--type", "__main__.User", "--format", "json"]).json()
    };
    let (of_core, of_process) = (answer("of_core"), answer("plain"));
    assert_eq!(of_core["holders"], of_process["holders"]);
    assert_eq!(of_core["target"]["pid"], pid);
    assert_eq!(run(["audit", &shown("of_core")]).status, 0);

    let whole = std::fs::read(dir.join("core")).unwrap();
    std::fs::write(dir.join("cut"), &whole[..3000]).unwrap();
    std::fs::write(dir.join("text"), "no core").unwrap();
    for file in [shown("cut"), shown("text"), "/bin/true".into(), shown("missing")] {
        let said = core(&file, &shown("x"), &[]);
        assert_ne!(said.status, 0, "{file}");
        assert!(
            said.err.contains("cannot use the core") && said.err.contains(&file),
            "{}",
            said.err
        );
    }
    refused(&core(&shown("core"), &shown("x"), &["--level", "high"]), 3, &["reads a core file"]);
    assert!(!dir.join("x").exists());
}
