//! Counts the live objects of a Python process and prints the types with most bytes:
//! `cargo run --release -p memprobe-probe-python --example census -- PID`.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "an example that shows something")]

use std::time::Instant;

use memprobe_probe_python::{Python, Wanted};
use probe::{Error, ErrorKind, Result, Target};

fn main() -> Result<()> {
    let pid = std::env::args().nth(1).and_then(|argument| argument.parse().ok());
    let usage = || Error::new(ErrorKind::InvalidInput, "give the PID of a Python process");
    let python = Python::attach(&Target::from_pid(pid.ok_or_else(usage)?))?;
    let began = Instant::now();
    let (survey, issues) = python.survey(Wanted::Objects)?;
    let took = began.elapsed();
    for issue in issues {
        println!("note: {}", issue.message);
    }
    println!("{:>12} {:>14} {:>14} {:>14}  type", "objects", "shallow", "allocated", "buffers");
    for found in survey.types.iter().take(20) {
        let c = &found.counts;
        println!(
            "{:>12} {:>14} {:>14} {:>14}  {}",
            c.objects, c.shallow, c.allocated, c.buffers, found.name
        );
    }
    let objects: u64 = survey.types.iter().map(|found| found.counts.objects).sum();
    let blocks = survey.pymalloc.blocks();
    println!("{objects} objects of {} types in {took:?}", survey.types.len());
    println!(
        "{blocks} blocks of pymalloc in {} arenas, {} torn pools; {} bytes unreadable, {} of the \
         native heap without structure, {} blocks refused",
        survey.pymalloc.arenas,
        survey.pymalloc.torn_pools,
        survey.unreadable,
        survey.torn,
        survey.refused
    );
    Ok(())
}
