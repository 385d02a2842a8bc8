//! Plugins in the hands of the program.

use std::path::Path;

use crate::support::{self, NO_LEAK, at_once, bin_dir, memprobe, run, watch};

fn misbehaving() -> String {
    bin_dir().join("libmemprobe_misbehaving.so").display().to_string()
}

/// A preset in a folder, beside nothing else.
fn preset(dir: &Path, config: &str) -> String {
    let file = dir.join("mine.toml");
    let plugin = misbehaving();
    let text = format!(
        "level = \"high\"\nsummary = \"s\"\ninclude = [\"high\"]\n\
         [[probe]]\nplugin = \"{plugin}\"\nconfig = {config}\nask = [{{ every = \"1s\" }}]\n"
    );
    std::fs::write(&file, text).unwrap();
    file.display().to_string()
}

/// The standard probes are found beside the program, without any setting.
#[test]
fn standard_plugins_are_found() {
    let said = run(["plugins"]);
    assert_eq!(said.status, 0, "{}", said.err);
    for name in ["process", "python", "alloc"] {
        assert!(said.out.contains(name), "{}", said.out);
    }
    let said = run(["probes"]);
    for word in ["availability", "memory granularity", "developer cost", "smaps"] {
        assert!(said.out.contains(word), "{word}: {}", said.out);
    }
}

/// Whatever a plugin does, the run goes on, names it, and ends with what the others found.
#[test]
fn a_misbehaving_plugin_is_named_and_survived() {
    let target = support::start(NO_LEAK);
    at_once(["panic-snapshot", "garbage", "uneven", "hang"], |mode| {
        let dir = tempfile::tempdir().unwrap();
        let file = preset(dir.path(), &format!("{{ mode = \"{mode}\" }}"));
        let said = watch(&target, &["--preset", &file, "--for", "12s"]);
        assert_eq!(said.status, 0, "{mode}: {}", said.err);
        let report = said.json();
        assert!(report["tables"].to_string().contains("processes"), "{mode}");
        let issues = report["issues"].to_string();
        assert!(issues.contains("misbehaving"), "{mode}: {issues}");
    });
}

/// The conformance kit passes the standard plugins and fails the misbehaving one, whose crash
/// takes down nothing.
#[test]
fn plugins_are_checked() {
    for name in ["process", "python", "alloc"] {
        let file = bin_dir().join(format!("libmemprobe_{name}.so"));
        let said = run(["plugin".as_ref(), "check".as_ref(), file.as_os_str()]);
        assert_eq!(said.status, 0, "{}{}", said.out, said.err);
    }
    let output = memprobe()
        .args(["plugin", "check", &misbehaving()])
        .env("MEMPROBE_MISBEHAVE", "garbage-describe")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stdout));
}

/// A plugin that is nowhere is a mistake that is explained before the watch begins.
#[test]
fn names_that_nobody_knows_are_explained() {
    let target = support::start(NO_LEAK);
    let said = watch(&target, &["--plugin", "no-such-plugin", "--for", "1s"]);
    assert_eq!(said.status, 2);
    assert!(said.err.contains("no-such-plugin"), "{}", said.err);
    assert!(said.err.contains("libmemprobe_no_such_plugin"), "the trail is shown: {}", said.err);
}

/// A plugin that nobody has met, in C or in Rust: its tables are judged by what their columns
/// say, rendered, recorded and compared like ours.
#[test]
fn tables_of_strangers_are_treated_like_ours() {
    let dir = tempfile::tempdir().unwrap();
    let target =
        support::start("import time; print('ready', flush=True)\nwhile True: time.sleep(0.001)");
    let recording = dir.path().join("run.jsonl").display().to_string();
    let in_c = plugin_c(dir.path()).map(|file| ("switches", file));
    for (name, file) in in_c.into_iter().chain([("io", plugin_rust())]) {
        let said =
            watch(&target, &["--plugin", &file, "--for", "5s", "--record", &recording, "--force"]);
        assert_eq!(said.status, 0, "{}", said.err);
        let report = said.json();
        let tables = report["tables"].as_array().unwrap();
        let table = tables.iter().find(|t| t["probe"] == name);
        let table =
            table.unwrap_or_else(|| panic!("{name}: {} {}", report["tables"], report["issues"]));
        if name == "switches" {
            let rows = table["rows"].as_array().unwrap();
            let rate = rows[0]["cells"].to_string();
            assert!(rate.contains("per_s"), "{table}");
            let pid = target.pid().to_string();
            let text = run(["--pid", &pid, "--plugin", &file, "--for", "4s"]).out;
            assert!(text.contains("switches"), "{text}");
        }
        let again = run(["report", &recording, "--format", "json"]).json();
        assert!(again["tables"].to_string().contains(name), "{}", again["tables"]);
        let diff = run(["diff", &recording, &recording]);
        assert_eq!(diff.status, 0, "{}", diff.err);
    }
}

/// `None` without make.
fn plugin_c(folder: &Path) -> Option<String> {
    let status = std::process::Command::new("make")
        .arg("-C")
        .arg(support::root().join("examples/plugin-c"))
        .arg(format!("OUT={}", folder.display()))
        .stdout(std::process::Stdio::null())
        .status();
    match status {
        Err(e) => {
            eprintln!("SKIPPED: the plugin in C is not built: cannot run `make`: {e}");
            None
        }
        Ok(status) => {
            assert!(status.success(), "the C plugin does not build");
            Some(folder.join("libmemprobe_switches.so").display().to_string())
        }
    }
}

fn plugin_rust() -> String {
    // Where the tests of the plugin host build it as well.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("plugin-rust");
    let status = std::process::Command::new(env!("CARGO"))
        .args(["build", "--locked", "--quiet", "--target-dir"])
        .arg(&target)
        .current_dir(support::root().join("examples/plugin-rust"))
        .status()
        .expect("cargo runs");
    assert!(status.success(), "the Rust plugin does not build");
    target.join("debug/libmemprobe_io.so").display().to_string()
}

/// A preset of one's own is found by its name in the configuration folder; one that names a
/// plugin that is nowhere is refused before the watch begins.
#[test]
fn presets_of_ones_own() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("memprobe/presets");
    std::fs::create_dir_all(&folder).unwrap();
    let write = |plugin: &str| {
        let text = format!(
            "level = \"medium\"\nsummary = \"mine\"\n[[probe]]\nplugin = \"{plugin}\"\n\
             ask = [{{ questions = [\"memory\"], every = \"200ms\" }}]\n"
        );
        std::fs::write(folder.join("mine.toml"), text).unwrap();
    };
    let target = support::start(NO_LEAK);
    let pid = target.pid().to_string();
    let try_it = |args: &[&str]| -> support::Said {
        let mut command = memprobe();
        command.env("XDG_CONFIG_HOME", dir.path()).args(args);
        command.output().unwrap().into()
    };
    write("process");
    let watch = ["--pid", &pid, "--preset", "mine", "--for", "3s", "--format", "json", "--quiet"];
    let said = try_it(&watch);
    assert_eq!(said.status, 0, "{}", said.err);
    let report = said.json();
    assert_eq!(report["level"], "medium");
    let tables = report["tables"].as_array().unwrap();
    assert!(tables.iter().all(|t| t["table"] == "processes"), "{}", report["tables"]);
    assert!(try_it(&["presets"]).out.contains("mine"));
    assert!(try_it(&["presets", "show", "mine"]).out.contains("200ms"));
    write("nowhere");
    let said = try_it(&watch);
    assert_eq!(said.status, 2);
    assert!(said.err.contains("`mine`") && said.err.contains("nowhere"), "{}", said.err);
}
