//! The analyses of the object graph, on made graphs of a million objects; `heap-cost` has more
//! kinds and sizes.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark that cannot run should stop")]

use benches::{Kind, graph};
use criterion::{Criterion, criterion_group, criterion_main};
use heap::{
    Audit, Dominators, Garbage, Held, Keepers, Referrers, Retained, Shapes, Summary, Through,
};

const OBJECTS: u32 = 1_000_000;

fn heap(c: &mut Criterion) {
    for (name, kind) in [("mixed", Kind::Mixed), ("records", Kind::Records)] {
        let graph = graph(kind, OBJECTS).unwrap();
        let mut group = c.benchmark_group(format!("heap {name}"));
        group.sample_size(10);
        group.bench_function("referrers", |b| b.iter(|| Referrers::new(&graph)));
        group.bench_function("dominators and retained", |b| {
            b.iter(|| Retained::new(&graph, &Dominators::new(&graph, Through::Loose)));
        });
        group.bench_function("shapes", |b| b.iter(|| Shapes::new(&graph, Through::Loose)));
        group.bench_function("holders", |b| {
            b.iter(|| Held::new(&graph, Through::Loose).holders(&graph, |_| true, 1000));
        });
        group.bench_function("garbage", |b| b.iter(|| Garbage::new(&graph)));
        group.bench_function("keepers", |b| b.iter(|| Keepers::new(&graph)));
        group.bench_function("audit", |b| b.iter(|| Audit::new(&graph)));
        group.bench_function("summary", |b| b.iter(|| Summary::new(&graph)));
    }
}

criterion_group!(benches, heap);
criterion_main!(benches);
