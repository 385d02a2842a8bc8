//! Experiments that run code in the process: `memprobe try gc-collect` and `tracemalloc`.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use test_support::{Python, Running, every_python, until};

use super::support::{at_once, memprobe, run};

/// Each of these makes an object stay that nobody meant to keep, on the line that is marked.
const METHOD_CACHE: &str = "
import functools, time
class Report:
    def __init__(self, number):
        self.rows = [number] * 200  # here
    @functools.lru_cache(maxsize=None)
    def total(self):
        return sum(self.rows)
print('ready', flush=True)
number = 0
while True:
    for _ in range(20):
        number += 1
        Report(number).total()
    time.sleep(0.005)
";
const LOGGERS: &str = "
import logging, time
print('ready', flush=True)
number = 0
while True:
    for _ in range(10):
        number += 1
        log = logging.getLogger('request.%d' % number)
        log.addHandler(logging.StreamHandler(None))
        log.context = 'x' * (3000 + number)  # here
    time.sleep(0.005)
";
/// Garbage that nobody collects, and then an answer to whatever is asked.
const GARBAGE: &str = "
import gc, select, sys
gc.disable()
class Node:
    pass
def make(count):
    for _ in range(count):
        node = Node()
        node.self = node
make(3000)
print('ready', flush=True)
while True:
    sum(range(1000))
    if select.select([0], [], [], 0.005)[0]:
        line = sys.stdin.readline()
        print(eval(line), flush=True)
";
/// Says what tracemalloc knows of one line of it, when it is asked.
const TRACED: &str = "
import select, sys, tracemalloc
kept = []
def allocate(count):
    for number in range(count):
        kept.append(bytes(1000 + number))  # here
    return count
def known(line):
    statistics = tracemalloc.take_snapshot().statistics('lineno')
    mine = [s for s in statistics if s.traceback[0].lineno == line]
    mine = [s for s in mine if s.traceback[0].filename == __file__]
    return [sum(s.size for s in mine), sum(s.count for s in mine)]
print('ready', flush=True)
while True:
    sum(range(1000))
    if select.select([0], [], [], 0.005)[0]:
        print(eval(sys.stdin.readline()), flush=True)
";

/// A program as a file: tracebacks name it.
struct Program {
    running: Running,
    /// `FILE:LINE` of the line that is marked.
    here: String,
    line: usize,
    _folder: tempfile::TempDir,
}

fn start(python: &Python, code: &str) -> Program {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("program.py");
    std::fs::write(&file, code).unwrap();
    let line = code.lines().position(|line| line.contains("# here")).map_or(0, |at| at + 1);
    let running = Running::script::<&str>(python, &file, &[]);
    Program { running, here: format!("{}:{line}", file.display()), line, _folder: folder }
}

fn cells<'a>(document: &'a Value, table: &str, column: &str) -> Vec<&'a Value> {
    let tables = document["tables"].as_array().unwrap();
    let table = tables.iter().find(|found| found["name"] == table).unwrap();
    let columns = table["columns"].as_array().unwrap();
    let found = columns.iter().find(|found| found["name"] == column).unwrap();
    found["values"].as_array().unwrap().iter().collect()
}

fn experiment(program: &Program, args: &[&str]) -> Value {
    let pid = program.running.pid().to_string();
    let said = run(["try"].iter().chain(args).chain(&["--pid", &pid, "--format", "json"]));
    assert_eq!(said.status, 0, "{}", said.err);
    said.json()
}

/// One of each way by which code is delivered, and the oldest.
fn some() -> Vec<Python> {
    let all = every_python();
    let one = |minor| all.iter().find(|python| python.version.1 == minor).cloned();
    let mut some: Vec<Python> = [6, 11, 14].into_iter().filter_map(one).collect();
    if some.is_empty() {
        some.extend(all.last().cloned());
    }
    some
}

#[test]
fn tracing_names_the_line_that_leaks() {
    let both = some().into_iter().flat_map(|p| [(p.clone(), METHOD_CACHE), (p, LOGGERS)]);
    at_once(both, |(python, code)| {
        let program = start(&python, code);
        let document = experiment(&program, &["tracemalloc", "--for", "3s", "--frames", "2"]);
        let lines = cells(&document, "lines", "line");
        assert_eq!(lines[0], &program.here, "{python}: {document}");
        assert_eq!(document["restored"][0], "tracemalloc is off again", "{python}");
        let own = |line: &&Value| line.as_str().unwrap().contains("<memprobe>");
        assert_eq!(lines.iter().filter(|&line| own(line)).count(), 0, "{python}");
    });
}

/// Starts tracing, and waits until it is on and was looked at.
fn begin(pid: u32, duration: &str) -> Child {
    let mut command = memprobe();
    command.args(["try", "tracemalloc", "--for", duration, "--format", "json", "--pid"]);
    command.arg(pid.to_string()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.as_mut().unwrap()).lines();
    let is_on = lines.any(|line| line.unwrap().starts_with("tracing for"));
    assert!(is_on, "{:?}", child.wait());
    child
}

#[test]
fn totals_are_those_of_a_snapshot_in_the_process() {
    at_once(some(), |python| {
        let mut program = start(&python, TRACED);
        let child = begin(program.running.pid(), "16s");
        assert_eq!(program.running.ask("allocate(2000)"), "2000");
        let known = program.running.ask(&format!("known({})", program.line));
        // That is enough.
        let enough = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
        assert!(enough.unwrap().success());
        let said = child.wait_with_output().unwrap();
        let document: Value = serde_json::from_slice(&said.stdout).unwrap();
        let lines = cells(&document, "lines", "line");
        let row = lines.iter().position(|line| **line == program.here).unwrap();
        let cell = |column| cells(&document, "lines", column)[row].as_i64().unwrap();
        assert_eq!(format!("[{}, {}]", cell("bytes"), cell("blocks")), known, "{python}");
        assert_eq!(program.running.ask("tracemalloc.is_tracing()"), "False");
    });
}

/// What was on before with other frames is used, and stays on.
#[test]
fn tracing_that_was_on_stays_on() {
    at_once(some(), |python| {
        let mut program = start(&python, TRACED);
        assert_eq!(program.running.ask("tracemalloc.start(7)"), "None");
        let document = experiment(&program, &["tracemalloc", "--for", "1s", "--frames", "2"]);
        assert_eq!(document["restored"][0], "tracemalloc was on before, and is still");
        assert_eq!(program.running.ask("tracemalloc.get_traceback_limit()"), "7");
        assert_eq!(program.running.ask("tracemalloc.is_tracing()"), "True");
    });
}

/// `kill -9`: tracing ends long before its time.
#[test]
fn tracing_ends_with_memprobe() {
    at_once(every_python(), |python| {
        let mut program = start(&python, TRACED);
        let threads = |program: &Program| {
            std::fs::read_dir(format!("/proc/{}/task", program.running.pid())).unwrap().count()
        };
        let before = threads(&program);
        let mut child = begin(program.running.pid(), "600s");
        assert_eq!(program.running.ask("tracemalloc.is_tracing()"), "True", "{python}");
        child.kill().unwrap();
        child.wait().unwrap();
        until(&format!("{python} is not traced any more"), || {
            program.running.ask("tracemalloc.is_tracing()") == "False"
                && threads(&program) == before
        });
    });
}

/// A limit that leaves no room is told with the estimate.
#[test]
fn a_process_at_its_limit_is_not_traced() {
    let python = super::support::python();
    let mut program = start(
        &python,
        "
import resource, select, sys
kept = [[number] for number in range(300000)]
size = int([line for line in open('/proc/self/status') if line.startswith('VmSize')][0].split()[1])
resource.setrlimit(resource.RLIMIT_AS, ((size + 4096) * 1024, resource.RLIM_INFINITY))
print('ready', flush=True)
sys.stdin.readline()
print('fine', flush=True)
",
    );
    let pid = program.running.pid().to_string();
    let said = run(["try", "tracemalloc", "--for", "1s", "--pid", &pid]);
    assert_eq!(said.status, 3, "{}{}", said.out, said.err);
    assert!(
        said.err.contains("RLIMIT_AS") && said.err.contains("tracing may take"),
        "{}",
        said.err
    );
    assert_eq!(program.running.ask(""), "fine");
}

#[test]
fn a_collection_gives_garbage_back_by_type() {
    at_once(some(), |python| {
        let mut program = start(&python, GARBAGE);
        let document = experiment(&program, &["gc-collect"]);
        let types = cells(&document, "garbage", "type");
        let row = types.iter().position(|found| **found == "__main__.Node");
        let row = row.unwrap_or_else(|| panic!("{python}: {document}"));
        let count = |column| cells(&document, "garbage", column)[row].as_u64().unwrap();
        // From outside, words that look like pointers to some of them are taken for such.
        assert!(count("objects") >= 2000, "{python}: {document}");
        assert!(count("objects_after") <= 10, "{python}: {document}");
        let found = cells(&document, "collections", "unreachable");
        let found: u64 = found.into_iter().map(|cell| cell.as_u64().unwrap()).sum();
        assert!(found >= 2999, "{python}: {document}");
        assert_eq!(program.running.ask("gc.isenabled()"), "False");
        assert_eq!(program.running.ask("gc.collect()"), "0", "{python}");
    });
}
