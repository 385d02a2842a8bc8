//! `memprobe try`: what a change adds is measured, and everything is as before afterwards, whoever
//! was killed when.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use test_support::{
    Malloc, Python, Running, debug_pythons, every_python, free_threaded_pythons, mallocs, until,
};

use crate::support::{IDLE, Said, at_once, decided, memprobe, memprobe_as_nobody, run, start};

/// Makes some 4 MB of garbage in cycles a second, does what it is told, and says how its collector
/// is set.
const CYCLES: &str = "
import gc, json, os, sys, threading, time
class Node: pass
def work():
    while True:
        for _ in range(40):
            a = Node(); a.me = a; a.load = bytearray(1000)
        time.sleep(0.01)
def fork():
    global told, answer
    told, answer = os.pipe(), os.pipe()
    if os.fork() == 0:
        os.read(told[0], 1)
        os.write(answer[1], json.dumps([gc.isenabled(), gc.get_threshold()]).encode())
        os._exit(0)
def child():
    os.write(told[1], b'x')
    return os.read(answer[0], 1000).decode()
threading.Thread(target=work, daemon=True).start()
print('ready', flush=True)
for line in sys.stdin:
    if line.strip() == 'child':
        print(child(), flush=True)
        continue
    exec(line)
    print(json.dumps([gc.isenabled(), gc.get_threshold()]), flush=True)
";

fn all() -> Vec<Python> {
    every_python().into_iter().chain(debug_pythons()).chain(free_threaded_pythons()).collect()
}

/// What the program says of its collector.
fn state(program: &mut Running) -> Value {
    serde_json::from_str(&program.ask("pass")).expect("the program says it as JSON")
}

/// An experiment that runs.
struct Trying {
    child: Child,
    said: BufReader<ChildStderr>,
}

impl Trying {
    fn start(program: &Running, experiment: &str, args: &[&str]) -> Self {
        let mut command = memprobe();
        command.args(["try", experiment, "--format", "json", "--pid", &program.pid().to_string()]);
        let pipes = command.args(args).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = pipes.spawn().expect("memprobe starts");
        let said = BufReader::new(child.stderr.take().expect("piped"));
        Self { child, said }
    }

    /// Waits until it has said a line that begins so, on standard error.
    fn until(&mut self, begin: &str) {
        let mut line = String::new();
        while self.said.read_line(&mut line).expect("text") > 0 {
            if line.starts_with(begin) {
                return;
            }
            line.clear();
        }
        panic!("it ended without saying `{begin}`");
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([name, &self.child.id().to_string()]).status();
        assert!(sent.expect("kill").success());
    }

    /// Its number and those of its children, as `pkill -f memprobe` would find them.
    fn called_memprobe(&self) -> Vec<String> {
        let id = self.child.id();
        let list = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children"));
        let children = list.unwrap_or_default();
        let is_one = |child: &&str| {
            let line = std::fs::read(format!("/proc/{child}/cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&line).contains("memprobe")
        };
        let children = children.split_whitespace().filter(is_one).map(str::to_owned);
        std::iter::once(id.to_string()).chain(children).collect()
    }

    /// Its answer.
    fn end(self) -> Value {
        let said: Said = self.child.wait_with_output().expect("its output").into();
        assert_eq!(said.status, 0, "{}", said.out);
        said.json()
    }
}

/// Until nobody keeps experiments away from a process: then nobody will write to it any more.
fn wait_until_left(pid: u32) {
    let file = File::open(format!("/proc/{pid}/stat")).expect("the process runs");
    until("nobody holds the process any more", || file.try_lock().is_ok());
    // A program that another test just starts has the file as well.
    file.unlock().expect("it is locked");
}

/// On every Python: with the collector off, memory grows by what the cycles weigh, and afterwards
/// the collector is as before.
#[test]
fn gc_off_shows_what_cycles_add_and_is_undone() {
    at_once(all(), |python| {
        let mut program = Running::python(&python, CYCLES);
        let before = state(&mut program);
        let answer = decided(4, |seconds| {
            let args = ["--for", &format!("{seconds}s")];
            let mut trying = Trying::start(&program, "gc-off", &args);
            trying.until("changed");
            // 3.6 is turned off by its threshold.
            assert_ne!(state(&mut program), before, "{python}");
            let answer = trying.end();
            assert_eq!(state(&mut program), before, "{python}");
            (answer["result"]["effect"] != "undecided").then_some(answer)
        });
        assert_eq!(answer["result"]["effect"], json!("difference"), "{python}: {answer}");
        let added = &answer["result"]["added"];
        let rate = added["bytes_per_s"].as_f64().expect("a rate");
        assert!(added["low"].as_f64().expect("an interval") > 0.0, "{python}: {answer}");
        // 4 MB/s at most, and much less where the machine is busy.
        assert!((1e5..2e7).contains(&rate), "{python}: {answer}");
        let phases = &answer["tables"][0]["columns"][0]["values"];
        assert_eq!(*phases, json!(["before", "during", "after"]), "{python}: {answer}");
        assert_eq!(answer["schema"], json!("memprobe.try/1"));
        assert_eq!(answer["restored"].as_array().map(Vec::len), Some(1), "{answer}");
    });
}

/// `kill -9` of memprobe at any instant: the program is as before. In the long form, with
/// `MEMPROBE_TEST_KILLS=100`, a hundred times on every Python.
#[test]
fn whoever_is_killed_the_words_are_put_back() {
    let kills = std::env::var("MEMPROBE_TEST_KILLS").ok().and_then(|n| n.parse().ok());
    let kills: u32 = kills.unwrap_or(20);
    let hits = std::sync::atomic::AtomicU32::new(0);
    at_once(all(), |python| {
        let mut program = Running::python(&python, &CYCLES.replace("range(40)", "range(1)"));
        let before = state(&mut program);
        for kill in 0..kills {
            let mut trying = under_way(&program, kill);
            if state(&mut program) != before {
                hits.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            }
            trying.signal("-9");
            let _ = trying.child.wait();
            wait_until_left(program.pid());
            assert_eq!(state(&mut program), before, "{python}: kill {kill}");
        }
    });
    let hits = hits.into_inner();
    assert!(hits > 0, "no kill came while something was changed");
    eprintln!("{hits} kills while something was changed");
}

/// An experiment at some instant, each time another one: every third time of its start.
fn under_way(program: &Running, kill: u32) -> Trying {
    let (experiment, set): (_, &[&str]) = match kill % 2 {
        0 => ("gc-off", &[]),
        _ => ("gc-thresholds", &["--set", "901,12,13"]),
    };
    let mut trying = Trying::start(program, experiment, &[set, &["--for", "300ms"]].concat());
    if !kill.is_multiple_of(3) {
        trying.until(["changed", "measuring"][kill as usize % 3 - 1]);
    }
    std::thread::sleep(Duration::from_millis(u64::from(kill * 53 % 300)));
    trying
}

/// If the process that keeps the words is killed instead, memprobe puts them back.
#[test]
fn memprobe_puts_back_what_its_keeper_cannot() {
    let mut program = start(CYCLES);
    let before = state(&mut program);
    let mut trying = Trying::start(&program, "gc-off", &["--for", "12s"]);
    trying.until("changed");
    let children = trying.called_memprobe();
    let [_, keeper] = &children[..] else { panic!("no keeper, or more than one: {children:?}") };
    let killed = Command::new("kill").args(["-9", keeper]).status();
    assert!(killed.expect("kill").success());
    trying.signal("-INT");
    assert_eq!(trying.end()["restored"][0], told(&program, "gc.enabled"));
    assert_eq!(state(&mut program), before);
}

/// `kill -9` of all that is called memprobe, at any instant: the program is as before.
#[test]
fn all_that_is_called_memprobe_may_be_killed_at_once() {
    let hits = std::sync::atomic::AtomicU32::new(0);
    let of = [6, 7, 11, 14].into_iter();
    let pythons = all();
    let some = of.filter_map(|minor| pythons.iter().find(|python| python.version.1 == minor));
    at_once(some, |python| {
        let mut program = Running::python(python, &CYCLES.replace("range(40)", "range(1)"));
        let before = state(&mut program);
        for kill in 0..10 {
            let mut trying = under_way(&program, kill);
            let all = trying.called_memprobe();
            let is_changed = state(&mut program) != before;
            // Some may have ended by themselves.
            let _ = Command::new("kill").arg("-9").args(&all).stderr(Stdio::null()).status();
            let _ = trying.child.wait();
            if is_changed && all.len() > 1 {
                hits.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            }
            until(&format!("{python} is as before kill {kill}"), || state(&mut program) == before);
        }
    });
    let hits = hits.into_inner();
    assert!(hits > 0, "no kill came while something was changed");
    eprintln!("{hits} kills of all at once while something was changed");
}

fn told(program: &Running, word: &str) -> Value {
    json!(format!("{word} of process {} is as before", program.pid()))
}

/// Ctrl-C ends it early, and what was measured is told.
#[test]
fn an_interrupt_puts_back_and_tells() {
    let mut program = start(CYCLES);
    let before = state(&mut program);
    let mut trying = Trying::start(&program, "gc-off", &["--for", "12s"]);
    trying.until("changed");
    trying.signal("-INT");
    let answer = trying.end();
    assert_eq!(answer["restored"], json!([told(&program, "gc.enabled")]), "{answer}");
    assert_eq!(state(&mut program), before);
}

/// A child that was forked meanwhile has the change too, and is put back as well.
#[test]
fn forked_children_are_put_back_too() {
    at_once(all(), |python| {
        let mut program = Running::python(&python, CYCLES);
        let before = state(&mut program);
        let args = ["--set", "901,12", "--for", "12s"];
        let mut trying = Trying::start(&program, "gc-thresholds", &args);
        trying.until("changed");
        let meanwhile: Value = serde_json::from_str(&program.ask("fork()")).expect("JSON");
        assert_eq!(meanwhile[1][0], json!(901), "{python}");
        trying.signal("-INT");
        let answer = trying.end();
        // Two words of each.
        assert_eq!(answer["restored"].as_array().map(Vec::len), Some(4), "{python}: {answer}");
        assert_eq!(state(&mut program), before, "{python}");
        let child: Value = serde_json::from_str(&program.ask("child")).expect("JSON");
        assert_eq!(child, before, "{python}");
    });
}

/// What the program sets itself meanwhile stays, and the change ends there.
#[test]
fn what_the_program_sets_meanwhile_stays() {
    let mut program = start(CYCLES);
    let args = ["--set", "901", "--for", "8s"];
    let mut trying = Trying::start(&program, "gc-thresholds", &args);
    trying.until("changed");
    let own: Value = serde_json::from_str(&program.ask("gc.set_threshold(555, 5, 5)")).unwrap();
    let answer = trying.end();
    let kept = answer["restored"][0].as_str().expect("a sentence");
    assert!(kept.starts_with("the program has set gc.threshold0 "), "{answer}");
    let told = answer["issues"][0]["message"].as_str().expect("an issue");
    assert!(told.contains("to 555 meanwhile"), "{answer}");
    assert_eq!(state(&mut program), own);
}

/// A process takes one experiment at a time, and says so to the second.
#[test]
fn two_at_once_are_refused() {
    let mut program = start(CYCLES);
    let before = state(&mut program);
    let mut first = Trying::start(&program, "gc-off", &["--for", "12s"]);
    first.until("changed");
    let pid = program.pid().to_string();
    let second = run(["try", "gc-thresholds", "--set", "7", "--pid", &pid]);
    assert_eq!(second.status, 3, "{}", second.err);
    assert!(second.err.contains("another experiment runs on process"), "{}", second.err);
    first.signal("-INT");
    let _ = first.end();
    assert_eq!(state(&mut program), before);
}

/// Experiments that make no sense change nothing and say so.
#[test]
fn what_makes_no_sense_is_said() {
    let mut program = start(CYCLES);
    let pid = program.pid().to_string();
    let sentence = |args: &[&str]| {
        let said = run(["try"].iter().chain(args).chain(&["--pid", &pid, "--format", "json"]));
        assert_eq!(said.status, 0, "{}", said.err);
        said.json()["result"]["sentence"].as_str().expect("a sentence").to_owned()
    };
    program.ask("gc.set_threshold(700, 10, 10)");
    assert!(sentence(&["gc-thresholds", "--set", "700,10"]).contains("are these already"));
    program.ask("gc.disable()");
    assert!(sentence(&["gc-off"]).contains("is off already"));
    assert!(sentence(&["gc-thresholds", "--set", "5"]).contains("whatever its thresholds"));
    program.ask("gc.enable(); gc.set_threshold(0)");
    assert!(sentence(&["gc-off"]).contains("never runs by itself"));
    assert_eq!(state(&mut program)[0], json!(true));
}

/// Processes that have no collector that is known, that may not be written, or that end.
#[test]
fn targets_that_cannot_be_changed() {
    let mut cat = Command::new("sh");
    let cat = Running::start(cat.args(["-c", "echo ready; exec cat"]));
    let no_python = run(["try", "gc-off", "--pid", &cat.pid().to_string()]);
    assert_eq!(no_python.status, 3, "{}", no_python.err);
    assert!(no_python.err.contains("no Python interpreter"), "{}", no_python.err);
    let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    let old = home.join(".pyenv/versions/2.7.18/bin/python2.7");
    if old.exists() {
        let code = "import sys; print('ready'); sys.stdout.flush(); sys.stdin.read()";
        let old = Running::start(Command::new(old).args(["-c", code]));
        let said = run(["try", "gc-off", "--pid", &old.pid().to_string()]);
        assert_eq!(said.status, 3, "{}", said.err);
        assert!(said.err.contains("Python 2.7"), "{}", said.err);
    }
    let idle = start(IDLE);
    if let Some(mut nobody) = memprobe_as_nobody() {
        let args = ["try", "gc-off", "--pid", &idle.pid().to_string()];
        let said: Said = nobody.command.args(args).output().expect("it starts").into();
        assert_eq!(said.status, 3, "{}", said.err);
        assert!(said.err.contains("CAP_SYS_PTRACE"), "{}", said.err);
    }
    let mut program = start(CYCLES);
    let mut trying = Trying::start(&program, "gc-off", &["--for", "12s"]);
    trying.until("changed");
    program.kill();
    let answer = trying.end();
    let ended = answer["restored"][0].as_str().expect("a sentence");
    assert!(ended.ends_with("has ended, and gc.enabled with it"), "{answer}");
}

/// A program whose threads have freed most of what they had, and wait.
const ARENAS: &str = "
import sys, threading
keep, gate = [], threading.Barrier(9)
def work():
    mine = [bytearray(3000 + 16 * (n % 200)) for n in range(1000)]
    gate.wait()
    keep.append(mine[::40])
    del mine
    gate.wait()
    threading.Event().wait()
for _ in range(8): threading.Thread(target=work, daemon=True).start()
gate.wait()
gate.wait()
print('ready', flush=True)
for line in sys.stdin: print(len(keep), flush=True)
";

/// On every Python: trimming gives back what was predicted, within a tenth, and proves that it was
/// free; the program goes on.
#[test]
fn trimming_gives_back_what_was_expected() {
    at_once(every_python(), |python| {
        let mut program = Running::python(&python, ARENAS);
        let pid = program.pid().to_string();
        let said = run(["try", "trim", "--pid", &pid, "--for", "1s", "--format", "json"]);
        assert_eq!(said.status, 0, "{python}: {}", said.err);
        let answer = said.json();
        let column = |name: &str| {
            let columns = answer["tables"][0]["columns"].as_array().expect("columns");
            let found = columns.iter().find(|column| column["name"] == name).expect("a column");
            found["values"][1].as_f64().expect("a number")
        };
        let (expected, back) = (column("expected"), column("pss_anon_back"));
        assert!(expected > 20e6, "{python}: {answer}");
        assert!((back - expected).abs() < 0.1 * expected, "{python}: {back} of {expected}");
        let finding = &answer["findings"][0];
        assert_eq!(finding["kind"], json!("allocator-held"), "{answer}");
        assert_eq!(finding["certainty"], json!("proved"), "{answer}");
        assert_eq!(program.ask(""), "8", "{python}");
        let again = run(["try", "trim", "--pid", &pid, "--for", "100ms", "--format", "json"]);
        assert_eq!(again.json()["findings"], json!([]), "{python}: {}", again.out);
    });
}

/// Other allocators have nothing to trim, and are named.
#[test]
fn other_allocators_are_refused_by_name() {
    let refused = |mut command: Command, name: &str| {
        let program = Running::start(&mut command);
        let said = run(["try", "trim", "--pid", &program.pid().to_string()]);
        assert_eq!(said.status, 3, "{name}: {}", said.err);
        assert!(said.err.contains(&format!("its allocator is {name}")), "{}", said.err);
        assert_eq!(said.out, "", "nothing is announced that is not done");
    };
    let python = crate::support::python().exe;
    let preloaded = |library: &Path, code: &str| {
        let mut command = Command::new(&python);
        command.args(["-c", code]).env("LD_PRELOAD", library);
        command
    };
    for name in ["jemalloc", "mimalloc", "tcmalloc"] {
        // Packages for a newer C library do not start here.
        let starts = |library: &PathBuf| {
            preloaded(library, "pass").output().is_ok_and(|output| output.stderr.is_empty())
        };
        let libraries = mallocs(name).into_iter();
        let library = libraries.filter_map(|m| m.library(&format!("lib{name}"))).find(starts);
        library.into_iter().for_each(|library| refused(preloaded(&library, IDLE), name));
    }
    let folder = tempfile::tempdir().expect("a folder");
    if let Some(musl) = mallocs("musl").pop() {
        refused(Command::new(musl_program(&musl, folder.path())), "musl");
    }
}

/// A program of musl's that waits.
fn musl_program(musl: &Malloc, folder: &Path) -> PathBuf {
    const SOURCE: &str = "void *malloc(unsigned long); long write(int, const void *, long);\n\
        int pause(void);\n__attribute__((force_align_arg_pointer)) void _start(void) {\n\
        malloc(3000); write(1, \"ready\\n\", 6); for (;;) pause(); }\n";
    let (source, program) = (folder.join("wait.c"), folder.join("wait"));
    std::fs::write(&source, SOURCE).expect("a file");
    let loader = musl.library("ld-musl").expect("its loader");
    let mut compile = Command::new("cc");
    compile.args(["-fno-builtin", "-fno-stack-protector", "-nostdlib", "-o"]);
    compile.args([&program, &source, &musl.library("libc.so").expect("its library")]);
    compile.arg(format!("-Wl,--dynamic-linker={}", loader.display()));
    assert!(compile.status().expect("a compiler").success());
    program
}

/// On every Python: the words of the allocator are what is read from outside, and standard error is
/// where it was.
#[test]
fn the_allocators_own_words_are_what_is_read() {
    at_once(every_python(), |python| {
        let mut program = Running::python(&python, WORKS);
        let error = std::fs::read_link(format!("/proc/{}/fd/2", program.pid())).unwrap();
        let files = |pid: u32| std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count();
        let open = files(program.pid());
        let pid = program.pid().to_string();
        let said = run(["try", "debugmallocstats", "--pid", &pid, "--format", "json"]);
        assert_eq!(said.status, 0, "{python}: {}", said.err);
        let answer = said.json();
        let columns = answer["tables"][0]["columns"].as_array().expect("columns");
        let cell = |figure: &str, column: &str| {
            let of = |name: &str| columns.iter().find(|c| c["name"] == name).expect("a column");
            let names = of("figure")["values"].as_array().expect("names");
            let row = names.iter().position(|name| name == figure).expect("a row");
            of(column)["values"][row].as_f64()
        };
        let used = cell("bytes in allocated blocks", "interpreter").expect("its own words");
        let difference = cell("bytes in allocated blocks", "difference").expect("both");
        // What the interpreter has to make for saying it is gone again when it is read.
        assert!(used > 300e3 && difference.abs() < 100e3, "{python}: {difference} of {used}");
        let arenas = cell("arenas allocated current", "difference").expect("both");
        assert!(arenas.abs() <= 1.0, "{python}: {arenas}");
        assert_eq!(std::fs::read_link(format!("/proc/{pid}/fd/2")).unwrap(), error, "{python}");
        assert_eq!(files(program.pid()), open, "{python}");
        assert_eq!(program.ask(""), "here", "{python}");
    });
}

/// A program that works, and looks for lines again and again.
const WORKS: &str = "
import select, sys
print('ready', flush=True)
while True:
    sum(n * n for n in range(2000))
    if select.select([0], [], [], 0.001)[0]:
        sys.stdin.readline()
        print('here', flush=True)
";

/// Its standard error is a pipe that nobody reads and that is full, and others write there while the
/// interpreter speaks.
const FULL: &str = "
import os, sys
r, w = os.pipe()
os.set_blocking(w, False)
try:
    while True: os.write(w, b'x' * 65536)
except BlockingIOError:
    pass
os.set_blocking(w, True)
os.dup2(w, 2)
own = sys._debugmallocstats
def both():
    own()
    os.write(2, b'line of others\\n')
sys._debugmallocstats = both
print('ready', flush=True)
import select
while True:
    sum(range(1000))
    if select.select([0], [], [], 0.005)[0]:
        sys.stdin.readline()
        print(os.get_blocking(w), flush=True)
";

/// The program never waits for who reads its standard error, whose flags stay; what was lost is said.
#[test]
fn a_full_standard_error_blocks_nobody() {
    at_once(every_python(), |python| {
        let mut program = Running::python(&python, FULL);
        let pid = program.pid().to_string();
        let said = run(["try", "debugmallocstats", "--pid", &pid, "--format", "json"]);
        assert_eq!(said.status, 0, "{python}: {}", said.err);
        let answer = said.json();
        assert!(answer["result"]["sentence"].as_str().unwrap().contains("in allocated blocks"));
        let issue = answer["issues"][0]["message"].as_str().unwrap_or_default();
        assert!(issue.starts_with("15 bytes that others wrote"), "{python}: {answer}");
        assert_eq!(program.ask(""), "True", "{python}");
    });
}
