//! What the probe says of itself.

use probe::tables::{
    block_samples, bounds, census, free_lists, garbage, gc, holders, interpreters, levers,
    mapping_holders, native_blocks, private_memory, pymalloc, python_threads, refcounts,
    size_classes, stacks, tracemalloc, tracemalloc_files, tracemalloc_lines,
    tracemalloc_tracebacks,
};
use probe::{Characteristics, Descriptor, Level, Question};

/// The question `capture`, where files can be written.
#[cfg(feature = "capture")]
fn kept() -> Option<Question> {
    use capture::graph::{TABLES, VALUES, WAYS};
    let tables: Vec<&str> = TABLES.into_iter().chain(WAYS).chain([VALUES]).collect();
    let cost = "follows all references: about 1 s of this program per million objects";
    Some(Question::new(crate::kept::QUESTION, &tables, cost).frozen())
}

#[cfg(not(feature = "capture"))]
fn kept() -> Option<Question> {
    None
}

pub(crate) fn descriptor() -> Descriptor {
    let mut descriptor = tables();
    descriptor.questions.extend(kept());
    descriptor
}

fn tables() -> Descriptor {
    Descriptor {
        name: "python".into(),
        version: env!("CARGO_PKG_VERSION").into(),
        summary: "CPython from outside: interpreters, threads, collector, objects, pools".into(),
        level: Level::Medium,
        questions: questions(),
        characteristics: characteristics(),
    }
}

fn questions() -> Vec<Question> {
    vec![
        Question::new(
            "runtime",
            &[interpreters::TABLE],
            "some 100 small reads, under 1 ms; 10 ms the first time",
        ),
        Question::new(
            "threads",
            &[python_threads::TABLE],
            "the same, and one file of /proc per thread",
        ),
        Question::new("stacks", &[stacks::TABLE], "the same, and some four small reads per frame")
            .frozen(),
        Question::new(
            "gc",
            &[gc::TABLE],
            "reads the headers of all tracked objects: about 0.2 s of this program per \
             million",
        )
        .frozen(),
        Question::new("levers", &[levers::TABLE], "some 50 small reads, under 1 ms"),
        Question::new(
            "tracemalloc",
            &[
                tracemalloc::TABLE,
                tracemalloc_files::TABLE,
                tracemalloc_lines::TABLE,
                tracemalloc_tracebacks::TABLE,
            ],
            "some ms where it is off in the target; else about 1 s of this program per \
             million blocks",
        )
        .frozen(),
        Question::new(
            "pymalloc",
            &[pymalloc::TABLE, size_classes::TABLE, free_lists::TABLE],
            "reads all anonymous memory once: about 0.3 s of this program per GB",
        )
        .frozen(),
        Question::new(
            "census",
            &[census::TABLE, size_classes::TABLE],
            "the same, and looks at every block: about 0.1 s of this program per million \
             objects",
        )
        .frozen(),
        Question::new(
            "holders",
            &[holders::TABLE, bounds::TABLE, garbage::TABLE],
            "follows every reference: some 0.5 s of this program per million objects, and 100 \
             bytes of its memory for each",
        )
        .frozen(),
        Question::new("audit", &[refcounts::TABLE], "the same; both together cost it once")
            .frozen(),
        Question::new(
            "blocks",
            &[
                native_blocks::TABLE,
                private_memory::TABLE,
                mapping_holders::TABLE,
                block_samples::TABLE,
            ],
            "reads all heaps twice: about 2 s of this program per GB, and 20 bytes of its \
             memory per block",
        )
        .frozen(),
    ]
}

fn characteristics() -> Characteristics {
    Characteristics {
        availability: "Linux, CPython 3.6 to 3.15; needs the right to trace the process".into(),
        memory_granularity: "objects by type, blocks by size class, objects per generation".into(),
        execution_granularity: "interpreter and thread".into(),
        memory_cost: "none; while a frozen copy is read: the pages that the process writes \
                      meanwhile, and 2 MB of page tables per GB"
            .into(),
        execution_cost: "runtime, threads: none. The others: a pause per look, some 2 ms and \
                         20 ms per GB of memory, and 3 to 5 us for each page that it writes \
                         while the copy is read (stopped instead: for as long as it is read; \
                         --freeze none: none)"
            .into(),
        developer_cost: "none: no change, no restart, no symbols".into(),
    }
}
