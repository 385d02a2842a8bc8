//! `memprobe leaks`: what grew between two captures, and what holds it.

use capture::folder::Manifest;
use diff::human;
use heap::{ContainerGrowth, Growth, Summary};
use probe::{Column, Error, ErrorKind, Issue, Table, Unit};
use serde_json::{Value, json};

use super::source::Source;
use super::told::{Answer, short, size, steps};
use crate::args::{GlobalArgs, LeaksArgs, asked_of};
use crate::exit::{Exit, Failure};

/// Compares two looks.
///
/// # Errors
/// When one of the two has no graph.
pub fn run(args: &LeaksArgs, global: &GlobalArgs) -> Result<Exit, Failure> {
    let freeze = args.told.freeze;
    let (before, after) = match (args.pid, &args.before, &args.after) {
        (Some(pid), _, _) => {
            let before = sum_up(Source::of_process(pid, freeze, global)?);
            std::thread::sleep(args.duration);
            (before, sum_up(Source::of_process(pid, freeze, global)?))
        }
        (None, Some(before), Some(after)) => {
            (sum_up(Source::of_capture(before)?), sum_up(Source::of_capture(after)?))
        }
        _ => {
            let message = "two captures are compared, or a process with itself";
            return Err(Error::new(ErrorKind::InvalidInput, message).into());
        }
    };
    compared(&before, &after, args.pid).tell(&args.told)
}

/// The graph is not needed any more.
fn sum_up(source: Source) -> (Manifest, Summary) {
    (source.manifest, Summary::new(&source.graph))
}

fn compared<'a>(
    before: &(Manifest, Summary),
    after: &'a (Manifest, Summary),
    running: Option<u32>,
) -> Answer<'a> {
    let mut growth = Summary::diff(&before.1, &after.1);
    own_growth_first(&mut growth);
    let mut issues = before.0.issues.clone();
    if let Some(issue) = strangers(&before.0, &after.0) {
        issues.push(issue);
        // Addresses and ways of one process mean nothing in another.
        growth.containers.clear();
        growth.shapes.clear();
    }
    let ns = after.0.taken.unix_ns.saturating_sub(before.0.taken.unix_ns);
    let seconds = ns as f64 / 1e9;
    Answer {
        name: "leaks",
        manifest: &after.0,
        issues,
        before: head(&growth, seconds),
        tables: vec![
            containers(&growth),
            shapes(&growth),
            sums("growing_types", &growth.types),
            sums("growing_garbage", &growth.garbage),
            excess(&growth),
        ],
        after: next(&growth, running),
        json: document(&growth, &before.0, seconds),
    }
}

/// What a container holds alone says more than its part of what others hold as well, such as all
/// that a module has: unless nothing grew that is held alone.
fn own_growth_first(growth: &mut Growth) {
    let most = |of: fn(&ContainerGrowth) -> i64| growth.containers.iter().map(of).max();
    let (own, shared) = (most(|one| one.retained), most(|one| one.shared));
    if own.unwrap_or(0) >= shared.unwrap_or(0) / 10 {
        growth.containers.sort_by_key(|one| std::cmp::Reverse((one.retained, one.shared)));
    }
}

/// What is said where the two are not of one process.
fn strangers(before: &Manifest, after: &Manifest) -> Option<Issue> {
    let (a, b) = (&before.target, &after.target);
    if a.is_same_process(b) && a.python == b.python {
        return None;
    }
    let python = |python: &Option<String>| python.clone().unwrap_or_else(|| "unknown".into());
    let of = if a.is_same_process(b) { "versions" } else { "processes" };
    Some(Issue::warning(format!(
        "the two are of different {of} (PID {}, Python {}; PID {}, Python {}): they are \
         compared by type alone",
        a.pid,
        python(&a.python),
        b.pid,
        python(&b.python),
    )))
}

fn head(growth: &Growth, seconds: f64) -> Vec<String> {
    let change: i64 = growth.types.iter().map(|(_, change)| change.bytes).sum();
    let sign = if change < 0 { "-" } else { "+" };
    let mut text =
        format!("objects: {sign}{} in {}", size(change.unsigned_abs()), human::duration(seconds));
    if change > 0 && seconds > 0.0 {
        text.push_str(&format!(" ({})", human::rate(change as f64 / seconds)));
    }
    let mut lines = vec![text];
    if let Some(first) = growth.containers.first() {
        let more = first.retained.saturating_add(first.shared).max(0).unsigned_abs();
        let share = more as f64 / change.max(1) as f64;
        let share = match (0.0..=1.0).contains(&share) {
            true => format!(", {} of it", human::percent(share)),
            false => String::new(),
        };
        lines.push(format!(
            "What grew most: {} went from {} to {} references and holds {} more{share}",
            short(&first.path),
            first.references.0,
            first.references.1,
            size(more),
        ));
        lines.push(
            "retained: what would be freed with it; shared: its part of what others hold too."
                .into(),
        );
    }
    lines
}

/// What to ask next: of the process, if it was asked, or else of the later capture.
fn next(growth: &Growth, running: Option<u32>) -> Vec<String> {
    let of = asked_of(running, "AFTER");
    let mut lines = Vec::new();
    if let Some(first) = growth.containers.first() {
        let address = first.address;
        lines.push(format!(
            "`memprobe holders {of} --object {address:#x}` tells how the first is held."
        ));
    }
    if !growth.garbage.is_empty() {
        lines.push(format!("`memprobe garbage {of}` tells why the garbage is still there."));
    }
    lines
}

fn signed(name: &str, unit: Unit, values: impl Iterator<Item = i64>) -> Column {
    let values = probe::Values::I64(values.map(Some).collect());
    Column::new(name, unit, probe::Role::Level, values)
}

fn containers(growth: &Growth) -> Table {
    let all = &growth.containers;
    Table::new(
        "growing_containers",
        vec![
            Column::text_key("container", all.iter().map(|one| short(&one.path))),
            Column::text_key("address", all.iter().map(|one| format!("{:#x}", one.address))),
            Column::level("before", Unit::Count, all.iter().map(|one| Some(one.references.0))),
            Column::level("after", Unit::Count, all.iter().map(|one| Some(one.references.1))),
            signed("retained", Unit::Bytes, all.iter().map(|one| one.retained)),
            signed("shared", Unit::Bytes, all.iter().map(|one| one.shared)),
        ],
    )
}

fn shapes(growth: &Growth) -> Table {
    let all = &growth.shapes;
    Table::new(
        "growing_ways",
        vec![
            Column::text_key("way", all.iter().map(|one| short(&one.path))),
            signed("objects", Unit::Count, all.iter().map(|one| one.change.objects)),
            signed("retained", Unit::Bytes, all.iter().map(|one| one.change.retained)),
            signed("bytes", Unit::Bytes, all.iter().map(|one| one.change.bytes)),
        ],
    )
}

/// Changes by name.
type Changes = [(std::sync::Arc<str>, heap::Change)];

fn sums(name: &str, all: &Changes) -> Table {
    let grew: Vec<_> = all.iter().filter(|(_, change)| change.bytes > 0).collect();
    Table::new(
        name,
        vec![
            Column::text_key("type", grew.iter().map(|(name, _)| name.to_string())),
            signed("objects", Unit::Count, grew.iter().map(|(_, change)| change.objects)),
            signed("bytes", Unit::Bytes, grew.iter().map(|(_, change)| change.bytes)),
        ],
    )
}

fn excess(growth: &Growth) -> Table {
    let grew: Vec<_> = growth.excess.iter().filter(|(_, change)| change.objects > 0).collect();
    Table::new(
        "growing_reference_counts",
        vec![
            Column::text_key("type", grew.iter().map(|((name, _), _)| name.to_string())),
            Column::id_key("size", grew.iter().map(|((_, size), _)| *size)),
            signed("objects", Unit::Count, grew.iter().map(|(_, change)| change.objects)),
            signed("bytes", Unit::Bytes, grew.iter().map(|(_, change)| change.bytes)),
        ],
    )
}

fn by_type(all: &Changes) -> Vec<Value> {
    let one = |(name, change): &(std::sync::Arc<str>, heap::Change)| json!({ "type": name.as_ref(), "objects": change.objects, "bytes": change.bytes });
    all.iter().map(one).collect()
}

fn document(growth: &Growth, before: &Manifest, seconds: f64) -> Value {
    json!({
        "before": { "target": before.target, "taken": before.taken },
        "seconds": seconds,
        "containers": growth.containers.iter().map(|one| json!({
            "path": steps(&one.path),
            "text": short(&one.path),
            "address": format!("{:#x}", one.address),
            "references": [one.references.0, one.references.1],
            "retained": one.retained,
            "shared": one.shared,
        })).collect::<Vec<_>>(),
        "holders": growth.shapes.iter().map(|one| json!({
            "path": steps(&one.path),
            "text": short(&one.path),
            "objects": one.change.objects,
            "bytes": one.change.bytes,
            "retained": one.change.retained,
        })).collect::<Vec<_>>(),
        "types": by_type(&growth.types),
        "garbage": by_type(&growth.garbage),
        "refcounts": growth.excess.iter().map(|((name, size), change)| json!({
            "type": name.as_ref(), "size": size, "objects": change.objects, "bytes": change.bytes,
        })).collect::<Vec<_>>(),
    })
}
