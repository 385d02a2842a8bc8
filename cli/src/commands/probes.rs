//! `memprobe probes`: the six characteristics, side by side.

use std::fmt::Write as _;

use probe::Descriptor;

use crate::args::GlobalArgs;
use crate::exit::{Exit, Failure};
use crate::output::lines_to_stdout;
use crate::plan;

/// Prints what each probe that is found says about itself.
///
/// # Errors
/// When standard output cannot be written.
pub fn run(global: &GlobalArgs) -> Result<Exit, Failure> {
    let mut descriptors: Vec<Descriptor> =
        plan::search(global).list().into_iter().filter_map(|entry| entry.descriptor).collect();
    descriptors.sort_by(|a, b| (a.level, &a.name).cmp(&(b.level, &b.name)));
    let mut text = String::new();
    for descriptor in &descriptors {
        describe(descriptor, &mut text);
    }
    if descriptors.is_empty() {
        text.push_str("no probe was found; `memprobe plugins` shows where they were looked for\n");
    }
    lines_to_stdout(&text)?;
    Ok(Exit::Fine)
}

fn describe(descriptor: &Descriptor, text: &mut String) {
    let c = &descriptor.characteristics;
    let _ = writeln!(
        text,
        "{} {} ({} level): {}",
        descriptor.name,
        descriptor.version,
        descriptor.level.name(),
        descriptor.summary
    );
    for (name, value) in [
        ("availability", &c.availability),
        ("memory granularity", &c.memory_granularity),
        ("execution granularity", &c.execution_granularity),
        ("memory cost", &c.memory_cost),
        ("execution cost", &c.execution_cost),
        ("developer cost", &c.developer_cost),
    ] {
        let _ = writeln!(text, "    {name:<22} {value}");
    }
    for question in &descriptor.questions {
        let _ = writeln!(
            text,
            "    question {:<13} {} ({}){}",
            question.name,
            question.tables.join(", "),
            question.cost,
            if question.frozen { ", frozen" } else { "" }
        );
    }
    text.push('\n');
}
