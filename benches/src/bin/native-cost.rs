//! `native-cost BLOCKS BYTES [PYTHON]`: what it costs to read the heap of a Python that has so many
//! native blocks, of so many bytes each on average, half of them reachable: as lines of text.
#![forbid(unsafe_code)]

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use glibc_heap::Regions;
use probe::{Error, ErrorKind, Result, ResultExt, Target};
use probe_python::{Python, State};
use target::images::mappings;
use target::memory::LiveMemory;

/// Blocks of three sizes, filled with numbers. Every second one hangs on a variable by a list; all
/// point to one that does.
const SOURCE: &str = "
#include <stdlib.h>
#include <string.h>
struct block { struct block *next, *other; long words[]; };
struct block *kept;
void grow(long count, long bytes) {
    struct block *some = 0;
    unsigned long random = 88172645463325252u;
    for (long n = 0; n < count; n++) {
        long size = bytes / 2 + bytes * (n % 3) / 2;
        struct block *made = malloc(size);
        if (!made) abort();
        random ^= random << 13; random ^= random >> 7; random ^= random << 17;
        for (long k = 0; k < (size - 16) / 8; k++) made->words[k] = random * k;
        made->other = some;
        made->next = kept;
        if (n % 2) kept = made;
        if (n % 128 == 1) some = made;
    }
}
";
const PROGRAM: &str = "import ctypes, sys
ctypes.CDLL(sys.argv[1]).grow(ctypes.c_long(int(sys.argv[2])), ctypes.c_long(int(sys.argv[3])))
print('ready', flush=True)
sys.stdin.readline()
";

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let usage = || Error::new(ErrorKind::InvalidInput, "usage: native-cost BLOCKS BYTES [PYTHON]");
    let number = |at: usize| words.get(at).filter(|word| word.parse::<u64>().is_ok());
    let (count, bytes) = number(0).zip(number(1)).ok_or_else(usage)?;
    let python = words.get(2).map_or("python3", |word| &**word);
    let folder = std::env::temp_dir().join(format!("native-cost-{}", std::process::id()));
    std::fs::create_dir(&folder).context("cannot make a folder")?;
    let started = start(&folder, python, count, bytes);
    let _ = std::fs::remove_dir_all(&folder);
    let mut child = started?;
    let measured = measure(child.id());
    let _ = child.kill();
    let _ = child.wait();
    measured
}

/// The program, which has made its blocks and stands still.
fn start(folder: &Path, python: &str, count: &str, bytes: &str) -> Result<Child> {
    let (source, library) = (folder.join("grow.c"), folder.join("grow.so"));
    std::fs::write(&source, SOURCE).context("cannot write a source")?;
    let mut compile = Command::new("cc");
    let compile = compile.args(["-O1", "-shared", "-fPIC", "-o"]).args([&library, &source]);
    if !compile.status().context("cannot start cc")?.success() {
        return Err(Error::new(ErrorKind::InvalidInput, "the C compiler failed"));
    }
    let mut command = Command::new(python);
    command.args(["-c", PROGRAM]).arg(library).args([count, bytes]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().context("cannot start Python")?;
    let mut line = String::new();
    if let Some(output) = child.stdout.take() {
        BufReader::new(output).read_line(&mut line).context("cannot read")?;
    }
    Ok(child)
}

fn measure(pid: u32) -> Result<()> {
    let target = Target::from_pid(pid);
    let resident = status(&format!("/proc/{pid}/status"), "VmRSS:")?;
    let before = status("/proc/self/status", "VmRSS:")?;
    say(&format!("the process has {} MiB resident", resident >> 10))?;
    let memory = LiveMemory::open(&target)?;
    let regions = Regions::new(&mappings(memory.process())?);
    let native = timed("walk every chunk", || glibc_heap::read(&memory, &regions))??;
    let native = native.ok_or_else(|| Error::new(ErrorKind::NotFound, "no heap was found"))?;
    say(&format!("{} blocks, {:?}", native.blocks().count(), native.issues))?;
    drop(native);
    let python = timed("attach", || Python::attach(&target))??;
    let (found, _) = timed("blocks and who holds them", || python.blocks(&[]))??;
    for state in [State::Object, State::Buffer, State::Reachable, State::Unreachable] {
        let rows = found.rows.iter().filter(|row| row.state == state);
        let (blocks, bytes) = rows.fold((0, 0), |sum, row| (sum.0 + row.blocks, sum.1 + row.bytes));
        say(&format!("{state:?}: {blocks} blocks, {} MiB", bytes >> 20))?;
    }
    let own = status("/proc/self/status", "VmHWM:")?.saturating_sub(before);
    let percent = own as f64 * 100.0 / resident as f64;
    say(&format!("own memory {} MiB at the most, {percent:.1} % of the process's", own >> 10))
}

fn timed<T>(name: &str, work: impl FnOnce() -> T) -> Result<T> {
    let (start, before) = (Instant::now(), cpu()?);
    let made = work();
    let (wall, cpu) = (start.elapsed().as_secs_f64(), cpu()? - before);
    say(&format!("{name:28} {wall:8.3} s, {cpu:8.3} s of processor"))?;
    Ok(made)
}

/// Seconds of processor of all threads of this process.
fn cpu() -> Result<f64> {
    let text = std::fs::read_to_string("/proc/self/stat").context("cannot read stat")?;
    let words: Vec<i64> = text.split(' ').filter_map(|word| word.parse().ok()).collect();
    // The PID, then what comes behind the name and the state: user and system time are 12th and 13th.
    let ticks = words.get(11).zip(words.get(12)).map(|(user, system)| user + system);
    let strange = || Error::new(ErrorKind::InvalidData, "stat has no times");
    Ok(ticks.ok_or_else(strange)? as f64 / 100.0)
}

/// A figure in KiB of a status file.
fn status(file: &str, name: &str) -> Result<u64> {
    let text = std::fs::read_to_string(file).context("cannot read status")?;
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
    number.ok_or_else(|| Error::new(ErrorKind::InvalidData, format!("{file} has no {name}")))
}

fn say(line: &str) -> Result<()> {
    writeln!(std::io::stdout(), "{line}").context("cannot print")
}
