//! A look at a process against the bare reads it is made of, and the grouping of mappings.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark that cannot run should stop")]

use std::collections::HashSet;
use std::fmt::Write;
use std::fs::File;
use std::hint::black_box;
use std::os::unix::fs::FileExt;

use criterion::{Criterion, criterion_group, criterion_main};
use probe::{Open, Probe, Request};
use probe_process::{Config, Grouper, ProcessProbe, ProcessSampler};
use target::procfs::smaps;

fn bare(c: &mut criterion::BenchmarkGroup<'_, criterion::measurement::WallTime>, name: &str) {
    let file = File::open(format!("/proc/self/{name}")).unwrap();
    let mut buffer = [0; 4096];
    c.bench_function("bare pread", |b| {
        b.iter(|| file.read_at(black_box(&mut buffer), 0).unwrap());
    });
}

fn rss(c: &mut Criterion) {
    let mut group = c.benchmark_group("rss");
    bare(&mut group, "statm");
    let mut sampler = ProcessSampler::attach(std::process::id()).unwrap();
    group.bench_function("typed", |b| b.iter(|| sampler.rss().unwrap()));
    snapshot(&mut group, "rss", &sampler);
}

fn memory(c: &mut Criterion) {
    let mut group = c.benchmark_group("memory");
    bare(&mut group, "smaps_rollup");
    let mut sampler = ProcessSampler::attach(std::process::id()).unwrap();
    group.bench_function("typed", |b| b.iter(|| sampler.memory().unwrap()));
    snapshot(&mut group, "memory", &sampler);
}

fn snapshot(
    group: &mut criterion::BenchmarkGroup<'_, criterion::measurement::WallTime>,
    question: &str,
    sampler: &ProcessSampler,
) {
    let mut probe = ProcessProbe::open(Config { tree: false, ..Config::default() }).unwrap();
    let request = Request::new(sampler.target().clone(), &[question]);
    group.bench_function("snapshot", |b| b.iter(|| probe.snapshot(&request).unwrap()));
}

/// 10000 mappings of a big program, with all the fields of a present kernel.
fn synthetic() -> String {
    let fields = "Size:               1024 kB\nKernelPageSize:        4 kB\nMMUPageSize:           4 kB\n\
        Rss:                 512 kB\nPss:                 256 kB\nPss_Dirty:           256 kB\n\
        Shared_Clean:          0 kB\nShared_Dirty:          0 kB\nPrivate_Clean:         0 kB\n\
        Private_Dirty:       256 kB\nReferenced:          512 kB\nAnonymous:           256 kB\n\
        KSM:                   0 kB\nLazyFree:              0 kB\nAnonHugePages:         0 kB\n\
        ShmemPmdMapped:        0 kB\nFilePmdMapped:         0 kB\nShared_Hugetlb:        0 kB\n\
        Private_Hugetlb:       0 kB\nSwap:                  0 kB\nSwapPss:               0 kB\n\
        Locked:                0 kB\nTHPeligible:           0\nVmFlags: rd wr mr mw me ac sd\n";
    let mut text = String::new();
    for i in 0..10_000_u64 {
        let (start, end) = (0x7f00_0000_0000 + i * 0x20_0000, 0x7f00_0010_0000 + i * 0x20_0000);
        let file = match i % 10 {
            0..=4 => String::new(),
            n => format!("                  /usr/lib/python3/site-packages/p{}/m{n}.so", i % 700),
        };
        writeln!(text, "{start:x}-{end:x} r-xp 00000000 fe:01 {i}{file}").unwrap();
        text.push_str(fields);
    }
    text
}

fn mappings(c: &mut Criterion) {
    let text = synthetic();
    let mut group = c.benchmark_group("10000 mappings");
    group.bench_function("parse", |b| b.iter(|| smaps::parse(text.as_bytes()).count()));
    group.bench_function("stream and group", |b| {
        b.iter(|| {
            let mut grouper = Grouper::new(HashSet::new(), Vec::new());
            smaps::stream(text.as_bytes(), |mapping| grouper.add(&mapping)).unwrap();
            grouper.finish(2000)
        });
    });
}

criterion_group!(benches, rss, memory, mappings);
criterion_main!(benches);
