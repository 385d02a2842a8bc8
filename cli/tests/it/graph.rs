//! The graph of a planted program: asked in a capture and in the process itself.

use std::path::Path;

use serde_json::Value;

use crate::support::{self, IDLE, Said, memprobe, run};

/// A cache of 500 nodes with 1000 bytes each, 300 rings that nobody holds, and growth on demand.
const PLANTED: &str = "
import gc
class Node:
    def __init__(self, n):
        self.payload = bytes(1000 + n)
class Ring:
    pass
CACHE = {str(n): Node(n) for n in range(500)}
gc.collect()
gc.disable()
for _ in range(300):
    ring = Ring()
    ring.me = ring
del ring
print('ready', flush=True)
while True:
    input()
    CACHE.update({'more%d' % n: Node(n) for n in range(200)})
    print('grown', flush=True)
";

#[track_caller]
fn fine(said: Said) -> Said {
    assert_eq!(said.status, 0, "{}{}", said.out, said.err);
    said
}

fn capture(pid: u32, to: &Path) {
    let (pid, to) = (pid.to_string(), to.display().to_string());
    fine(run(["capture", "--pid", &pid, "-o", &to]));
}

#[track_caller]
fn ask(words: &[&str]) -> Value {
    fine(run(words.iter().chain(&["--format", "json"]))).json()
}

#[track_caller]
fn row<'a>(rows: &'a Value, key: &str, name: &str) -> &'a Value {
    let found = rows.as_array().unwrap().iter().find(|row| row[key] == name);
    found.unwrap_or_else(|| panic!("no `{name}` in {rows}"))
}

#[test]
fn holders_of_planted_objects_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let target = support::start(PLANTED);
    let (pid, folder) = (target.pid().to_string(), dir.path().join("a"));
    capture(target.pid(), &folder);
    let a = folder.display().to_string();
    for source in [vec![a.as_str()], vec!["--pid", &pid]] {
        let asked = [&["holders", "--type", "__main__.Node"][..], &source].concat();
        let (quick, whole) = (ask(&asked), ask(&[&asked[..], &["--retained"]].concat()));
        for found in [&quick, &whole] {
            assert_eq!(found["schema"], "memprobe.holders/1");
            assert_eq!(found["objects"], 500, "{found}");
            let first = &found["holders"][0];
            assert_eq!(first["objects"], 500, "{found}");
            assert_eq!(first["text"], "__main__.CACHE[*] (__main__.Node)");
            assert_eq!(first["path"][0]["kind"], "module global", "{found}");
            assert_eq!(found["chain"][0]["name"], "__main__.CACHE", "{found}");
        }
        assert_eq!(quick["bytes"], whole["bytes"], "{quick}{whole}");
        let retained = whole["retained"].as_u64().unwrap();
        assert!(retained > 500 * 1000, "{whole}");
        assert!(quick["held"].as_u64().unwrap() >= retained, "{quick}");
        assert!(quick["retained"].is_null() && whole["held"].is_null(), "{quick}{whole}");
    }
    let picture = dir.path().join("out.dot").display().to_string();
    let said = fine(run(["holders", &a, "--type", "Node", "--graph", &picture]));
    assert!(said.out.contains("__main__.CACHE[*]"), "{}", said.out);
    assert!(said.out.contains("500 objects"), "{}", said.out);
    assert!(said.out.contains("All are held so, from a root down:\n"), "{}", said.out);
    assert!(said.out.lines().skip(1).all(|line| line.chars().count() <= 80), "{}", said.out);
    let dot = std::fs::read_to_string(&picture).unwrap();
    assert!(dot.contains("module global __main__.CACHE"), "{dot}");
    let markdown = fine(run(["holders", &a, "--type", "Node", "--format", "markdown"]));
    assert!(markdown.out.contains("| "), "{}", markdown.out);

    let biggest = ask(&["biggest", &a]);
    let types = &biggest["types"];
    assert_eq!(row(types, "type", "__main__.Node")["objects"], 500, "{types}");
    let cache = biggest["objects"].as_array().unwrap().iter().find(|one| {
        one["path"][0]["name"] == "__main__.CACHE" && one["path"].as_array().unwrap().len() == 1
    });
    let cache = cache.unwrap_or_else(|| panic!("{biggest}"));
    let address = cache["object"]["address"].as_str().unwrap();
    let one = ask(&["holders", &a, "--object", address, "--retained"]);
    assert_eq!(one["retained"], cache["retained"]);
    let quick = ask(&["holders", &a, "--object", address]);
    assert!(quick["held"].as_u64() >= one["retained"].as_u64(), "{quick}");
    assert_eq!((&quick["chain"], &quick["subject"]), (&one["chain"], &one["subject"]));
    assert_eq!(one["chain"][0]["name"], "__main__.CACHE", "{one}");
    let said = run(["holders", &a, "--type", "__main__.Nod"]);
    assert!(said.status == 2 && said.err.contains("did you mean: __main__.Node"), "{}", said.err);
    without_graphviz(&a, dir.path());
    an_older_capture_is_asked(&a);
    let tree = ask(&["dominators", &a, "--depth", "6"]);
    assert!(tree["nodes"].as_array().unwrap().len() > 10, "{tree}");
    let text = fine(run(["dominators", &a])).out;
    assert!(text.contains(" more: __main__.Node\n"), "{text}");
}

/// Where nothing draws, what would be drawn is written.
fn without_graphviz(capture: &str, to: &Path) {
    let picture = to.join("drawn.svg");
    let words = ["holders", capture, "--type", "Node", "--graph", &picture.display().to_string()];
    let said = fine(memprobe().args(words).env("PATH", to).output().unwrap().into());
    assert!(said.out.contains("drawn.dot"), "{}", said.out);
    assert!(to.join("drawn.dot").exists() && !picture.exists());
}

/// One without the tables of ways tells the same from its graph.
fn an_older_capture_is_asked(capture: &str) {
    let file = Path::new(capture).join("manifest.json");
    let mut manifest: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    let tables = manifest["tables"].as_array_mut().unwrap();
    tables.retain(|table| {
        !["held", "shapes", "type_sums"].contains(&table["name"].as_str().unwrap())
    });
    std::fs::write(&file, manifest.to_string()).unwrap();
    let found = ask(&["holders", capture, "--type", "__main__.Node"]);
    assert_eq!(found["holders"][0]["objects"], 500, "{found}");
    assert!(found["retained"].as_u64().unwrap() > 500 * 1000, "{found}");
}

#[test]
fn garbage_and_growth_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).display().to_string();
    let mut target = support::start(PLANTED);
    capture(target.pid(), &dir.path().join("a"));
    let garbage = ask(&["garbage", &path("a")]);
    // Words that were left on the stack may still refer to the last ones.
    let rings = row(&garbage["types"], "type", "__main__.Ring")["objects"].as_u64().unwrap();
    assert!((290..=300).contains(&rings), "{garbage}");
    assert!(garbage["cycles"].as_u64().unwrap() >= rings, "{garbage}");
    let text = fine(run(["garbage", &path("a")])).out;
    assert!(text.contains("back to") && text.contains("The collector is off"), "{text}");
    let audit = ask(&["audit", &path("a")]);
    assert!(audit["audited"].as_u64().unwrap() > 5000, "{audit}");
    let edges = |strength: &str| audit["edges"][strength].as_u64().unwrap();
    assert!(edges("strong") > 10_000 && edges("borrowed") > 100, "{audit}");
    assert!(edges("loose") < edges("strong") / 10, "{audit}");
    assert!(audit["conservative_objects"].is_u64(), "{audit}");
    assert!(fine(run(["audit", &path("a")])).out.contains("audited"));

    assert_eq!(target.ask("go"), "grown");
    capture(target.pid(), &dir.path().join("b"));
    let leaks = ask(&["leaks", &path("a"), &path("b")]);
    assert_eq!(row(&leaks["types"], "type", "__main__.Node")["objects"], 200, "{leaks}");
    let first = &leaks["containers"][0];
    assert_eq!(first["path"][0]["name"], "__main__.CACHE", "{leaks}");
    assert!(first["retained"].as_i64().unwrap() > 200 * 1000, "{leaks}");
    assert_eq!(leaks["issues"].to_string().matches("different processes").count(), 0);
    let text = fine(run(["leaks", &path("a"), &path("b")])).out;
    assert!(text.contains("What grew most: __main__.CACHE"), "{text}");
    let pid = target.pid().to_string();
    let still = ask(&["leaks", "--pid", &pid, "--for", "10ms"]);
    assert!(still["containers"].as_array().unwrap().is_empty(), "{still}");

    let other = support::start(IDLE);
    capture(other.pid(), &dir.path().join("c"));
    // Of the same process, and yet of another Python: a core file may be so.
    let file = dir.path().join("b/manifest.json");
    let mut manifest: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    manifest["target"]["python"] = "3.99.0".into();
    std::fs::write(&file, manifest.to_string()).unwrap();
    for (name, why) in [("c", "different processes"), ("b", "3.99.0")] {
        let strange = ask(&["leaks", &path("a"), &path(name)]);
        assert!(strange["issues"].to_string().contains(why), "{strange}");
        assert!(strange["containers"].as_array().unwrap().is_empty(), "{strange}");
        assert!(strange["holders"].as_array().unwrap().is_empty(), "{strange}");
        assert!(!strange["types"].as_array().unwrap().is_empty(), "{strange}");
    }
}

#[test]
fn what_cannot_be_told_is_an_error_that_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let target = support::start(IDLE);
    let pid = target.pid().to_string();
    let high = dir.path().join("high").display().to_string();
    fine(run(["capture", "--level", "high", "--pid", &pid, "-o", &high]));
    for (words, status, why) in [
        (vec!["biggest", &high], 2, "holds no graph"),
        (vec!["biggest", "/no/such"], 2, "/no/such"),
        (vec!["holders", "--pid", &pid, "--type", "no.such"], 2, "no object is of a type"),
        (vec!["holders", "--pid", &pid, "--object", "0x10"], 2, "no object at 0x10"),
        (vec!["holders", "--pid", &pid, "--object", "x"], 2, "hexadecimal"),
        (vec!["holders", "--pid", &pid, "--type", "dict", "--graph", "a.png"], 2, "ends in .dot"),
        (vec!["garbage", "--pid", "4194305"], 3, "no process"),
        (vec!["leaks", &high], 2, "required"),
    ] {
        let said = run(&words);
        assert_eq!(said.status, status, "{words:?}: {}{}", said.out, said.err);
        assert!(said.err.contains(why), "{words:?}: {}", said.err);
    }
}
