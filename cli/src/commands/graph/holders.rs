//! `memprobe holders`: who holds the objects of a type, or one object.

use capture::graph::Lookup;
use heap::Step;
use probe::{Column, Issue, Table};
use serde_json::{Value, json};

use super::drawing;
use super::held::{Held, Sum};
use super::source::Opened;
use super::told::{Answer, bytes, counts, objects, short, size, steps};
use crate::args::{GlobalArgs, HoldersArgs};
use crate::exit::{Exit, Failure};

/// Tells the ways.
///
/// # Errors
/// When there is no graph, no such type or object, or the drawing cannot be made.
pub fn run(args: &HoldersArgs, global: &GlobalArgs) -> Result<Exit, Failure> {
    let drawing = args.drawing.as_deref().map(drawing::Kind::of).transpose()?;
    let opened = Opened::get(&args.graph, global)?;
    let held = find(&opened, args)?;
    let issue = match (drawing, &args.drawing) {
        (Some(kind), Some(file)) => kind.write(file, &held.subject, &held.ways)?,
        _ => None,
    };
    answer(&held, &opened, issue).tell(&args.graph.told)
}

/// From the ways that a capture keeps, unless it has none, or they do not tell what is asked.
fn find(opened: &Opened, args: &HoldersArgs) -> Result<Held, Failure> {
    if !args.retained
        && let Some(mut lookup) = Lookup::open(&opened.capture)?
        && let Some(held) = Held::look_up(&mut lookup, args)?
    {
        return Ok(held);
    }
    Ok(Held::find(&opened.graph()?, args)?)
}

fn answer<'a>(held: &Held, opened: &'a Opened, issue: Option<Issue>) -> Answer<'a> {
    let mut before = vec![head(held)];
    before.extend(chain_text(held));
    Answer {
        name: "holders",
        manifest: opened.capture.manifest(),
        issues: issue.into_iter().collect(),
        before,
        tables: vec![table(held)],
        after: after(held),
        json: document(held),
    }
}

fn head(held: &Held) -> String {
    let whole = held.whole;
    let freed = match (whole.retained, whole.held) {
        (Some(retained), _) => format!("{} would be freed with them", size(retained)),
        (None, held) => format!("at most {} would be freed with them", size(held.unwrap_or(0))),
    };
    let own = size(whole.bytes);
    format!("{}: {}, {own} of their own; {freed}", held.subject, objects(whole.objects))
}

/// A chain, a step a line.
fn chain_text(held: &Held) -> Vec<String> {
    let Some(first) = held.ways.first().filter(|_| !held.chain.is_empty()) else {
        return Vec::new();
    };
    let start = match (first.sum.objects, held.whole.objects) {
        (1, 1) => "Held so, from a root down:".to_owned(),
        (some, all) if some == all => "All are held so, from a root down:".to_owned(),
        (some, all) => format!("{} of {all} are held so, from a root down:", objects(some)),
    };
    let mut lines = vec![String::new(), start];
    lines.extend(held.chain.iter().map(|step| format!("  {}", step_text(step))));
    lines
}

fn step_text(step: &Step) -> String {
    // An item says in its name what it is.
    let kind = if step.name.starts_with('[') { "" } else { &*step.kind };
    let words = [kind, &*step.name].into_iter().filter(|word| !word.is_empty());
    let words = words.collect::<Vec<_>>().join(" ");
    match &*step.type_name {
        "" => words,
        name => format!("{words}  ({name})"),
    }
}

fn table(held: &Held) -> Table {
    let ways = &held.ways;
    let sums = || ways.iter().map(|way| way.sum);
    let freed = match held.whole {
        Sum { retained: Some(_), .. } => {
            bytes("retained", sums().map(|sum| sum.retained.unwrap_or(0)))
        }
        _ => bytes("held", sums().map(|sum| sum.held.unwrap_or(0))),
    };
    Table::new(
        "held_by",
        vec![
            Column::text_key("way", ways.iter().map(|way| short(&way.path))),
            counts("objects", sums().map(|sum| sum.objects)),
            freed,
            bytes("bytes", sums().map(|sum| sum.bytes)),
        ],
    )
}

/// What the figures mean, and what to ask next.
fn after(held: &Held) -> Vec<String> {
    match held.whole.retained {
        Some(_) => vec!["retained: what would be freed if they went; bytes: their own.".into()],
        None => vec![
            "held: they and all that is reached through them; more would not be freed. bytes: their \
             own. --retained counts what would be freed, and takes longer."
                .into(),
        ],
    }
}

fn document(held: &Held) -> Value {
    let ways = held.ways.iter().map(|way| {
        json!({
            "path": steps(&way.path),
            "text": short(&way.path),
            "objects": way.sum.objects,
            "bytes": way.sum.bytes,
            "held": way.sum.held,
            "retained": way.sum.retained,
        })
    });
    json!({
        "subject": held.subject,
        "objects": held.whole.objects,
        "bytes": held.whole.bytes,
        "held": held.whole.held,
        "retained": held.whole.retained,
        "holders": ways.collect::<Vec<_>>(),
        "chain": steps(&held.chain),
    })
}
