//! `rss-cost PID`: what one look at a process costs, as JSON `{name: nanoseconds}`.
//!
//! Each figure is the mean over about 50 ms; `benches/peers/run.py` repeats and takes medians.
#![forbid(unsafe_code)]

use std::fs::File;
use std::hint::black_box;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

use probe::{Error, ErrorKind, Open, Probe, Request, Result, ResultExt};
use probe_process::{Config, ProcessProbe, ProcessSampler};

const LONG_ENOUGH: Duration = Duration::from_millis(50);

fn main() -> Result<()> {
    let pid = std::env::args().nth(1).and_then(|word| word.parse::<u32>().ok());
    let pid = pid.ok_or_else(|| {
        Error::new(ErrorKind::InvalidInput, "no PID given").with_hint("usage: rss-cost PID")
    })?;
    let figures = serde_json::Value::Object(measure(pid)?.into_iter().collect());
    writeln!(std::io::stdout(), "{figures}").context("cannot print")
}

fn measure(pid: u32) -> Result<Vec<(String, serde_json::Value)>> {
    let mut figures = Vec::new();
    let mut put = |name: &str, ns: Result<f64>| -> Result<()> {
        figures.push((name.to_owned(), ns?.into()));
        Ok(())
    };
    put("floor: pread statm, fd kept", bare(pid, "statm"))?;
    put("floor: open+read+close statm", reopened(pid, "statm"))?;
    put("floor: pread smaps_rollup, fd kept", bare(pid, "smaps_rollup"))?;
    let mut sampler = ProcessSampler::attach(pid)?;
    put("memprobe rss, typed", mean(|| sampler.rss().map(drop)))?;
    put("memprobe memory, typed", mean(|| sampler.memory().map(drop)))?;
    let mut probe = ProcessProbe::open(Config { tree: false, ..Config::default() })?;
    for question in ["rss", "memory", "mappings", "handles", "shared_memory", "limits"] {
        let request = Request::new(sampler.target().clone(), &[question]);
        let name = format!("memprobe {question}, snapshot");
        put(&name, mean(|| probe.snapshot(&request).map(drop)))?;
    }
    Ok(figures)
}

fn open(pid: u32, name: &str) -> Result<File> {
    let path = format!("/proc/{pid}/{name}");
    File::open(&path).with_context(|| format!("cannot open {path}"))
}

fn bare(pid: u32, name: &str) -> Result<f64> {
    let file = open(pid, name)?;
    let mut buffer = [0; 4096];
    mean(|| file.read_at(black_box(&mut buffer), 0).map(drop).context("cannot read"))
}

fn reopened(pid: u32, name: &str) -> Result<f64> {
    let mut buffer = [0; 4096];
    mean(|| open(pid, name)?.read_at(black_box(&mut buffer), 0).map(drop).context("cannot read"))
}

fn mean(mut once: impl FnMut() -> Result<()>) -> Result<f64> {
    once()?;
    let start = Instant::now();
    let mut times = 0_u32;
    loop {
        for _ in 0..8 {
            once()?;
        }
        times += 8;
        let taken = start.elapsed();
        if taken >= LONG_ENOUGH {
            return Ok(taken.as_nanos() as f64 / f64::from(times));
        }
    }
}
