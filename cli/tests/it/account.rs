//! Every resident byte of planted programs is in a row, and the rows are what was planted.

use std::process::Command;

use serde_json::Value;
use test_support::{Python, Running};

use crate::support::{self, IDLE, LEAK, run};

const MIB: u64 = 1 << 20;

/// 20 threads that wait, 100 000 objects of a class, 10 MiB in a buffer, 5 MiB shared, 8 MiB that
/// were asked for and never touched, and lists that were freed between others that were not.
const PLANTED: &str = "
import mmap, sys, threading
class Planted:
    __slots__ = ('a', 'b')
    def __init__(self, n):
        self.a, self.b = n, str(n)
event, started = threading.Event(), threading.Semaphore(0)
def wait():
    started.release()
    event.wait()
threads = [threading.Thread(target=wait, daemon=True) for _ in range(20)]
for thread in threads: thread.start()
for thread in threads: started.acquire()
kept = {n: Planted(n) for n in range(100000)}
buffer = bytearray(b'x' * (10 << 20))
shared = mmap.mmap(-1, 5 << 20)
shared.write(b'y' * (5 << 20))
untouched = bytes(8 << 20)
lists = [list(range(100)) for _ in range(20000)]
del lists[::2]
print('ready', flush=True)
input()
";

/// The same with what C libraries hold: arrays, frames, a tree of XML, a pool of threads.
const PACKAGES: &str = "
import concurrent.futures, numpy, pandas
from lxml import etree
tree = etree.fromstring('<r>' + '<a b=\"c\">text</a>' * 50000 + '</r>')
pool = concurrent.futures.ThreadPoolExecutor(8)
def work(n):
    return [str(i) * 3 for i in range(5000)], numpy.random.rand(200, 200) @ numpy.random.rand(200, 200)
results = list(pool.map(work, range(16)))
frame = pandas.DataFrame({'a': range(200000), 'c': ['x%d' % i for i in range(200000)]})
sums = frame.groupby(frame.a % 10).a.sum()
zeros = numpy.zeros(4000000)
total = zeros.sum()
print('ready', flush=True)
input()
";

/// Native blocks that hold a text, and nobody points to.
const LOST: &str = "
import ctypes
text = ctypes.create_string_buffer(b'hunter' + b'2' * 700)
strdup = ctypes.CDLL(None).strdup
strdup.restype = ctypes.c_long
for n in range(5000): strdup(text)
print('ready', flush=True)
input()
";

/// What is in native blocks is shown to who asks for it, and to nobody else.
#[test]
fn contents_of_blocks_are_shown_on_request_alone() {
    let target = Running::python(&test_support::python(), LOST);
    let pid = target.pid().to_string();
    let quiet = run(["blocks", "--pid", &pid]);
    assert_eq!(quiet.status, 0, "{}", quiet.err);
    assert!(quiet.out.contains("unreachable"), "{}", quiet.out);
    assert!(!quiet.out.contains("hunter") && !quiet.out.contains("block_samples"));
    let told = run(["blocks", "--pid", &pid, "--samples"]);
    assert!(told.out.contains("block_samples"), "{}", told.out);
    assert!(told.out.contains("hunter222"), "{}", told.out);
}

fn account(pid: u32, more: &[&str]) -> Value {
    let pid = pid.to_string();
    let said = run(["account", "--pid", &pid, "--format", "json"].iter().chain(more));
    assert_eq!(said.status, 0, "{}{}", said.out, said.err);
    said.json()
}

fn of_part(account: &Value, part: &str) -> (u64, u64) {
    let rows = account["parts"].as_array().unwrap();
    let row = rows.iter().find(|row| row["part"] == part);
    row.map_or((0, 0), |row| {
        (row["resident"].as_u64().unwrap(), row["count"].as_u64().unwrap_or(0))
    })
}

/// An account, made again if its two sides differ: a page of a library changes from private to
/// shared, or back, when another process with that library starts or ends between two files of the
/// kernel's. Other tests do that.
fn whole_account(pid: u32, more: &[&str], what: &str) -> Value {
    let mut made = account(pid, more);
    for _ in 0..4 {
        if differs(&made, "difference").max(differs(&made, "uss_difference")) < SLACK {
            break;
        }
        made = account(pid, more);
    }
    assert_whole(&made, what);
    made
}

/// By how much of the RSS two sides may differ.
const SLACK: f64 = 0.005;

/// A difference as a share of the RSS.
fn differs(account: &Value, name: &str) -> f64 {
    let number = |name: &str| account[name].as_f64().unwrap_or(f64::INFINITY);
    number(name).abs() / number("rss")
}

/// Both sides are equal but for what the process took and gave back between two files of the
/// kernel's, and next to nothing is unknown.
fn assert_whole(account: &Value, what: &str) {
    let number = |name: &str| account[name].as_i64().unwrap_or_else(|| panic!("{what}: {name}"));
    let rss = number("rss");
    for name in ["difference", "uss_difference"] {
        assert!(differs(account, name) < SLACK, "{what}: {name} {} of {rss}", number(name));
    }
    let unknown = number("unknown");
    assert!(unknown * 100 < 3 * rss, "{what}: {unknown} of {rss} unknown: {}", account["rows"]);
    let rows = account["rows"].as_array().unwrap();
    let sum: i64 = rows.iter().map(|row| row["resident"].as_i64().unwrap()).sum();
    assert_eq!(sum, number("sum"), "{what}");
    assert_eq!(sum + number("difference"), rss, "{what}");
}

fn assert_planted(account: &Value, what: &str) {
    let rows = account["rows"].as_array().unwrap();
    let row = |part: &str, name: &str| {
        let found = rows.iter().find(|row| row["part"] == part && row["name"] == name);
        let found = found.unwrap_or_else(|| panic!("{what}: no {part} {name}"));
        (found["resident"].as_u64().unwrap(), found["count"].as_u64().unwrap())
    };
    assert_eq!(row("Python objects", "__main__.Planted").1, 100_000, "{what}");
    assert!(row("buffers of Python objects", "builtins.bytearray").0 >= 10 * MIB, "{what}");
    // Never touched: no byte of it is resident but the first page.
    assert!(row("Python objects", "builtins.bytes").0 < 6 * MIB, "{what}");
    assert_eq!(of_part(account, "shared memory").0, 5 * MIB, "{what}");
    assert_eq!(row("stacks", "other threads").1, 20, "{what}");
    assert!(of_part(account, "pymalloc, headers and ends").0 > 0, "{what}");
    let free = of_part(account, "pymalloc, free blocks").0 + of_part(account, "malloc, free").0;
    assert!(free > 2 * MIB, "{what}: {free}");
}

#[test]
fn every_byte_of_a_plain_program_is_in_a_row() {
    support::on_every_python(|python: &Python| {
        let target = Running::python(python, PLANTED);
        let account = whole_account(target.pid(), &[], &python.to_string());
        assert_planted(&account, &python.to_string());
        assert!(account["paused_ns"].as_u64().unwrap() > 0, "{python}");
        assert!(account["beside"].to_string().contains("page tables"), "{python}");
    });
}

/// However the process is held still, or not at all.
#[test]
fn every_way_to_freeze_gives_the_same() {
    let target = support::start(PLANTED);
    for freeze in ["stop", "none"] {
        let account = whole_account(target.pid(), &["--freeze", freeze], freeze);
        assert_planted(&account, freeze);
    }
}

#[test]
fn every_byte_of_a_program_with_packages_is_in_a_row() {
    let folders = std::env::var_os("MEMPROBE_TEST_PACKAGES").unwrap_or_default();
    let mut ran = 0;
    for folder in std::env::split_paths(&folders) {
        for python in test_support::pythons() {
            let with = |code: &str| {
                let mut command = Command::new(&python.exe);
                command.env("PYTHONPATH", &folder).args(["-c", code]);
                command
            };
            let tried = with("import numpy, pandas, lxml.etree").output().unwrap();
            if !tried.status.success() {
                continue;
            }
            let target = Running::start(&mut with(PACKAGES));
            whole_account(target.pid(), &[], &python.to_string());
            ran += 1;
        }
    }
    if ran == 0 {
        eprintln!(
            "SKIPPED: no numpy, pandas and lxml in a folder that MEMPROBE_TEST_PACKAGES names"
        );
        assert!(folders.is_empty(), "no Python can import them from {folders:?}");
    }
}

/// What is no Python is told by its mappings, and that it is so is said.
#[test]
fn other_programs_are_told_by_their_mappings() {
    let mut command = Command::new("sh");
    let target = Running::start(command.args(["-c", "echo ready; read line"]));
    let account = account(target.pid(), &[]);
    let rss = account["rss"].as_i64().unwrap();
    assert!(account["difference"].as_i64().unwrap().abs() * 50 < rss, "{account}");
    assert_eq!(of_part(&account, "Python objects"), (0, 0));
    assert!(of_part(&account, "native heap, not told apart").0 > 0, "{account}");
    assert!(account["issues"].to_string().contains("no Python interpreter"), "{account}");
}

#[test]
fn growth_is_told_by_row() {
    let target = support::start(LEAK);
    let account = account(target.pid(), &["--for", "3s"]);
    let first = &account["growth"][0];
    assert_eq!(
        (&first["part"], &first["name"]),
        (&"Python objects".into(), &"builtins.bytes".into())
    );
    assert!(first["bytes"].as_u64().unwrap() > MIB, "{first}");
    assert!(first["share"].as_f64().unwrap() > 0.5, "{first}");
    assert!(first["count"].as_u64().unwrap() > 1000, "{first}");
    let rss = account["rss_growth"].as_i64().unwrap();
    let rows: i64 = account["growth"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["bytes"].as_i64().unwrap())
        .sum();
    assert!((rss - rows).abs() * 10 < rss, "{rss} and {rows}");
}

#[test]
fn people_get_tables() {
    let target = support::start(IDLE);
    let pid = target.pid().to_string();
    let text = run(["account", "--pid", &pid, "--rows", "3"]);
    assert_eq!(text.status, 0, "{}", text.err);
    for part in
        ["resident memory\n", "Python objects", "\nRSS ", "\nUSS ", "\nunknown: ", "rows not shown"]
    {
        assert!(text.out.contains(part), "{part}: {}", text.out);
    }
    let markdown = run(["account", "--pid", &pid, "--for", "1s", "--format", "markdown"]);
    assert!(markdown.out.contains("### resident memory\n\n| part |"), "{}", markdown.out);
    let gone = run(["account", "--pid", "4194304"]);
    assert_eq!(gone.status, 3, "{}{}", gone.out, gone.err);
}
