//! The graph of a planted program: asked in a capture and in the process itself.

use std::path::Path;

use serde_json::Value;

use crate::support::{self, IDLE, Said, run};

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
        let found = ask(&[&["holders", "--type", "__main__.Node"][..], &source].concat());
        assert_eq!(found["schema"], "memprobe.holders/1");
        assert_eq!(found["objects"], 500, "{found}");
        let first = &found["holders"][0];
        assert_eq!(first["objects"], 500, "{found}");
        assert_eq!(first["text"], "__main__.CACHE[*] (__main__.Node)");
        assert!(first["retained"].as_u64().unwrap() > 500 * 1000, "{found}");
        assert_eq!(first["path"][0]["kind"], "module global", "{found}");
    }
    let picture = dir.path().join("out.dot").display().to_string();
    let said = fine(run(["holders", &a, "--type", "Node", "--graph", &picture]));
    assert!(said.out.contains("__main__.CACHE[*]"), "{}", said.out);
    assert!(said.out.contains("500 objects"), "{}", said.out);
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
    let one = ask(&["holders", &a, "--object", address]);
    assert_eq!(one["retained"], cache["retained"]);
    assert_eq!(one["chain"][0]["name"], "__main__.CACHE", "{one}");
    let tree = ask(&["dominators", &a, "--depth", "6"]);
    assert!(tree["nodes"].as_array().unwrap().len() > 10, "{tree}");
    let text = fine(run(["dominators", &a])).out;
    assert!(text.contains(" more\n"), "{text}");
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
    assert!(fine(run(["garbage", &path("a")])).out.contains("back to"), "an example is shown");
    let audit = ask(&["audit", &path("a")]);
    assert!(audit["audited"].as_u64().unwrap() > 5000, "{audit}");
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
    let strange = ask(&["leaks", &path("a"), &path("c")]);
    assert!(strange["issues"].to_string().contains("different processes"), "{strange}");
    assert!(strange["containers"].as_array().unwrap().is_empty(), "{strange}");
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
