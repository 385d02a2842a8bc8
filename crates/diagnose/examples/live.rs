//! The A/A set: real Python programs that do not leak (and some that do), watched as the high
//! level watches and judged. Prints the answer for each.
//!
//! ```text
//! cargo run --release -p memprobe-diagnose --example live [SECONDS] [ROUNDS]
//! ```
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "a table is what it is for")]

use std::time::{Duration, Instant};

use memprobe_diagnose::{Observation, Settings};
use probe::{Open, Probe, Request, Target};
use probe_process::ProcessProbe;
use test_support::Running;

/// Programs that do not leak, each in a loop with the usual imports at hand.
const SOUND: &[(&str, &str)] = &[
    ("idle", "time.sleep(0.1)"),
    ("lists made and dropped", "x = [bytes(random.randrange(9000)) for _ in range(500)]"),
    ("gc saw-tooth", "n = [bytearray(2000)]; n.append(n); time.sleep(0.0005)"),
    ("bounded lru_cache", "cached(random.randrange(20_000)); time.sleep(0.0002)"),
    ("bounded deque", "queue.append(bytes(random.randrange(20_000))); time.sleep(0.001)"),
    ("json back and forth", "json.loads(json.dumps({str(i): [i] * 50 for i in range(2000)}))"),
    (
        "dict that breathes",
        "d[random.randrange(200_000)] = bytes(100)\nif len(d) > 100_000: d.clear()",
    ),
    (
        "threads that end",
        "t = threading.Thread(target=bytes, args=(100_000,)); t.start(); t.join()",
    ),
    (
        "bursts",
        "x = bytearray(random.randrange(1, 30) << 20); time.sleep(0.3); x = None; time.sleep(1)",
    ),
    (
        "sqlite in memory",
        "sql.execute('insert or replace into t values (?, ?)', (random.randrange(20_000), bytes(200)))",
    ),
    ("regex and strings", "re.sub('[aeiou]', str(random.random()), 'lorem ipsum ' * 2000)"),
    ("children that end", "subprocess.run(['true']); time.sleep(0.02)"),
];

/// Programs that leak, with the bytes per second that they leak at least.
const LEAKING: &[(&str, &str)] = &[
    ("100 kB/s in a list", "keep.append(bytes(1000)); time.sleep(0.01)"),
    (
        "1 MB/s in a dict, upon garbage",
        "keep.append(bytes(10_000)); x = [bytes(500)] * 1000; time.sleep(0.01)",
    ),
    ("20 kB/s", "keep.append(bytes(1000)); time.sleep(0.05)"),
];

const START: &str = "
import collections, functools, gc, json, random, re, sqlite3, subprocess, threading, time
keep, d, queue = [], {}, collections.deque(maxlen=3000)
cached = functools.lru_cache(maxsize=5000)(lambda n: bytes(2000))
sql = sqlite3.connect(':memory:'); sql.execute('create table t (n integer primary key, b blob)')
print('ready')
while True:
    ";

fn watch(code: &str, seconds: u64) -> Option<Observation> {
    let python = test_support::python();
    let program = Running::python(&python, &format!("{START}{}", code.replace('\n', "\n    ")));
    let target = Target::from_pid(program.pid());
    let mut probe = ProcessProbe::open(Default::default()).ok()?;
    let mut observation = Observation::new(Settings::default());
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut look = 0_u32;
    while Instant::now() < end {
        let heavy = ["mappings", "handles", "shared_memory"];
        let questions: &[&str] = if look.is_multiple_of(8) { &heavy } else { &["memory"] };
        if let Ok(snapshot) = probe.snapshot(&Request::new(target.clone(), questions)) {
            observation.push(snapshot);
        }
        look += 1;
        std::thread::sleep(Duration::from_millis(250));
    }
    Some(observation)
}

fn main() {
    let number = |i: usize| std::env::args().nth(i).and_then(|n| n.parse().ok());
    let (seconds, rounds) = (number(1).unwrap_or(30), number(2).unwrap_or(1));
    for (title, programs) in [("NO LEAK", SOUND), ("LEAK", LEAKING)] {
        println!("{title}, watched for {seconds} s");
        let mut counts = [0_u32; 3];
        for (name, code) in programs.iter().cycle().take(programs.len() * rounds as usize) {
            let Some(observation) = watch(code, seconds) else { continue };
            let judgement = observation.judge();
            let (index, answer) = match judgement.verdict.leak {
                Some(true) => (0, "leak"),
                Some(false) => (1, "no leak"),
                None => (2, "undecided"),
            };
            counts[index] += 1;
            println!("{name:32} {answer:10} {}", judgement.verdict.reason);
            for finding in observation.findings(&judgement) {
                println!("{:32}   {}: {}", "", finding.id, finding.subject);
            }
        }
        let [leak, sound, open] = counts;
        println!("leak {leak}, no leak {sound}, undecided {open}\n");
    }
}
