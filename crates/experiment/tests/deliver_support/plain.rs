//! What is delivered runs, its results come back, and nothing is left.

use probe::ErrorKind;

use std::path::PathBuf;

use test_support::Running;

use crate::support::{deliver, program, recipient, with_all};

const RESULTS: &str = r#"
import gc
say(gc.collect(0) >= 0)
say({"a": [1, -2, 2.5, None, True, float("nan")], "b": "\u00e9\"\\\n" + chr(0x1f600)})
say(__name__)
"#;

#[test]
fn results_come_back_and_nothing_is_left() {
    with_all(|python| {
        let mut target = program(python);
        let before = target.ask("state()");
        for _ in 0..3 {
            let delivery =
                deliver(target.pid(), RESULTS).unwrap_or_else(|e| panic!("{python}: {e:?}"));
            let expected = [
                "true",
                "{\"a\":[1,-2,2.5,null,true,null],\"b\":\"\\u00e9\\u0022\\u005c\\u000a\\ud83d\\ude00\"}",
                "\"memprobe\"",
            ];
            assert_eq!(delivery.results, expected, "{python}");
            assert_eq!(target.ask("state()"), before, "{python}");
        }
    });
}

/// Whatever the code does, the program does not notice.
#[test]
fn errors_are_told_and_go_no_further() {
    with_all(|python| {
        let mut target = program(python);
        let before = target.ask("state()");
        for (code, expected) in [
            ("1 / 0", "ZeroDivisionError"),
            ("this is no Python", "SyntaxError"),
            ("raise BaseException('of all\\nkinds')", "BaseException: of all kinds"),
            ("def f(): f()\nf()", "RecursionError"),
            ("import colorsys, no_such_module", "No module named"),
        ] {
            let error = deliver(target.pid(), code).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Other, "{python}: {error:?}");
            assert!(error.to_string().contains(expected), "{python}: {error}");
            assert_eq!(target.ask("state()"), before, "{python}: {code}");
        }
    });
}

/// What it makes is not kept by a cycle, which the collector would have to find: it is off.
#[test]
fn no_garbage_is_left() {
    with_all(|python| {
        let mut target = program(python);
        deliver(target.pid(), "say(1)").unwrap();
        target.ask("gc.collect()");
        deliver(target.pid(), "def f(): pass\nsay([1, {}])").unwrap();
        assert_eq!(target.ask("gc.collect()"), "0", "{python}");
    });
}

/// Two at once would measure each other.
#[test]
fn one_at_a_time() {
    let target = program(&test_support::python());
    let first = recipient(target.pid()).unwrap();
    let error = recipient(target.pid()).unwrap_err();
    assert!(error.to_string().contains("another experiment"), "{error}");
    drop(first);
    recipient(target.pid()).unwrap();
}

/// A program that has closed its standard error and prints there all the time: the numbers that are
/// free so are not used.
#[test]
fn nothing_is_printed_over_the_text() {
    const SHOUTS: &str = r#"
import os, threading, time
os.close(2)
def shout():
    while True:
        try: os.write(2, b"not what is to be run\n" * 100)
        except OSError: pass
        time.sleep(0.0002)
threading.Thread(target=shout, daemon=True).start()
exec(open("PROGRAM").read())
"#;
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/deliver_support/program.py");
    let code = SHOUTS.replace("PROGRAM", &path.display().to_string());
    with_all(|python| {
        let mut target = Running::python(python, &code);
        let before = target.ask("state()");
        for _ in 0..3 {
            let delivery = deliver(target.pid(), "say(42)");
            let delivery = delivery.unwrap_or_else(|e| panic!("{python}: {e:?}"));
            assert_eq!(delivery.results, ["42"], "{python}");
            assert_eq!(target.ask("state()"), before, "{python}");
            assert!(!PathBuf::from(format!("/proc/{}/fd/2", target.pid())).exists(), "{python}");
        }
    });
}
