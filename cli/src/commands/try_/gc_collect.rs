//! `memprobe try gc-collect`: garbage is collected now, to see what comes back. What the collector
//! finds is garbage by its own word; of which types it was and why it was still there, a look at
//! the graph of objects says that is taken just before.

use diagnose::settled::{self, Collected};
use diagnose::trial::Effect;
use diff::human;
use probe::{Column, Finding, Role, Severity, Table, Unit, Values};
use report::{Answer, NextStep};

use super::delivery::Delivery;
use super::stage::{Found, Stage};
use crate::args::{GcCollectArgs, GlobalArgs};
use crate::commands::graph::garbage::Cyclic;
use crate::exit::{Exit, Failure};

/// What comes back matters from this part of the resident memory on.
const MATTERS: f64 = 0.01;

/// What runs in the process. The collector's own callbacks and finalizers run too.
const CODE: &str = r#"
import gc, posix, time

def pages():
    try:
        file = posix.open("/proc/self/statm", posix.O_RDONLY | posix.O_CLOEXEC)
    except OSError:
        return [None, None]
    try:
        words = posix.read(file, 200).split()
        return [int(words[1]), int(words[1]) - int(words[2])]
    finally:
        posix.close(file)

rows = []
before = pages()
for generation in range(3):
    start = time.perf_counter()
    found = gc.collect(generation)
    rows.append([generation, found, int((time.perf_counter() - start) * 1e9), len(gc.garbage)])
say([rows, before, pages()])
"#;

/// One collection, as the collector says: generation, unreachable objects, nanoseconds, length of
/// `gc.garbage` after it.
#[derive(Debug, serde::Deserialize)]
struct Collection(u64, u64, u64, u64);

/// Resident pages, and those of them that are no part of a file.
type Pages = [Option<u64>; 2];

/// What the process has said.
#[derive(Debug, serde::Deserialize)]
struct Said(Vec<Collection>, Pages, Pages);

/// Makes the experiment.
///
/// # Errors
/// When the process takes no code, or does not come to it in time.
pub(super) fn run(args: &GcCollectArgs, global: &GlobalArgs) -> Result<Exit, Failure> {
    let mut stage = Stage::open("gc-collect", &args.trial, global)?;
    let delivery = Delivery::open(&mut stage, &args.delivery).map_err(Failure::of_target)?;
    stage.announce(vec![
        "looks which objects only cycles keep, before and after".into(),
        delivery.announced("gc.collect(0), gc.collect(1), gc.collect(2)"),
        "what the program itself does when objects are freed, it does (finalizers, weak \
         references, gc.callbacks)"
            .into(),
    ])?;
    let before = look(&mut stage, global);
    let said: Said = delivery.run(CODE).map_err(Failure::of_target)?;
    let after = look(&mut stage, global);
    let result = answer(&before, &said);
    let mut found = Found {
        tables: vec![by_generation(&said.0), memory(&said), by_type(&before, &after)],
        findings: proved(before.as_ref(), after.as_ref()).into_iter().collect(),
        restored: vec!["Nothing was changed that would have to be put back".into()],
        ..Found::default()
    };
    if result.effect == Some(Effect::Difference) {
        let pid = stage.target.pid;
        found.next.push(NextStep {
            command: format!("memprobe try gc-off --pid {pid}"),
            why: "says how fast such garbage is made".into(),
        });
    }
    found.result = result;
    stage.finish(found)
}

/// What cannot be read is missing, and that is said.
fn look(stage: &mut Stage, global: &GlobalArgs) -> Option<Cyclic> {
    match Cyclic::of(stage.target.pid, global) {
        Ok(cyclic) => Some(cyclic),
        Err(failure) => {
            let error = failure.error.context("which objects cycles keep is not known");
            stage.issues.push(error.to_issue(Severity::Warning));
            None
        }
    }
}

/// What is garbage by the collector's own word: what was kept by cycles just before, and is gone.
fn proved(before: Option<&Cyclic>, after: Option<&Cyclic>) -> Option<Finding> {
    let (before, after) = (before?, after?);
    let gone = |(name, objects, bytes): &(String, u64, u64)| {
        let left = after.types.iter().find(|(other, ..)| other == name);
        let (objects_left, bytes_left) = left.map_or((0, 0), |left| (left.1, left.2));
        Collected {
            type_name: name.clone(),
            objects: objects.saturating_sub(objects_left) as f64,
            bytes: Some(bytes.saturating_sub(bytes_left) as f64),
        }
    };
    let gone: Vec<Collected> = before.types.iter().map(gone).collect();
    settled::cyclic_garbage(&gone, before.why.first().map(String::as_str))
}

fn attribute(name: &str, unit: Unit, values: Values) -> Column {
    Column::new(name, unit, Role::Attribute, values)
}

fn by_generation(collections: &[Collection]) -> Table {
    let numbers = |cell: fn(&Collection) -> u64| {
        Values::U64(collections.iter().map(|one| Some(cell(one))).collect())
    };
    Table::new(
        "collections",
        vec![
            Column::text_key("generation", collections.iter().map(|one| one.0.to_string())),
            attribute("unreachable", Unit::Count, numbers(|one| one.1)),
            attribute("time", Unit::Ns, numbers(|one| one.2)),
            attribute("garbage", Unit::Count, numbers(|one| one.3)),
        ],
    )
}

/// A figure before and after, bytes.
type Pair = (Option<u64>, Option<u64>);

/// Bytes of a figure, before and after.
fn resident(said: &Said, figure: usize) -> Pair {
    let page = target::procfs::clock::page_size();
    let bytes = |pages: &Pages| pages[figure].and_then(|pages| pages.checked_mul(page));
    (bytes(&said.1), bytes(&said.2))
}

fn memory(said: &Said) -> Table {
    let rows = [("rss", resident(said, 0)), ("anonymous", resident(said, 1))];
    let values = |cell: fn(&Pair) -> Option<u64>| {
        Values::U64(rows.iter().map(|(_, row)| cell(row)).collect())
    };
    let change = rows.iter().map(|(_, (before, after))| change(*before, *after));
    Table::new(
        "resident",
        vec![
            Column::text_key("figure", rows.iter().map(|row| row.0)),
            attribute("before", Unit::Bytes, values(|row| row.0)),
            attribute("after", Unit::Bytes, values(|row| row.1)),
            attribute("change", Unit::Bytes, Values::I64(change.collect())),
        ],
    )
}

fn change(before: Option<u64>, after: Option<u64>) -> Option<i64> {
    i64::try_from(i128::from(after?) - i128::from(before?)).ok()
}

/// The garbage by type, and what there is of it afterwards.
fn by_type(before: &Option<Cyclic>, after: &Option<Cyclic>) -> Table {
    let types = before.as_ref().map(|before| before.types.as_slice()).unwrap_or_default();
    let left = |name: &String| {
        let after = after.as_ref()?;
        let found = after.types.iter().find(|(other, ..)| other == name);
        Some(found.map_or(0, |(_, objects, _)| *objects))
    };
    let numbers = |cell: fn(&(String, u64, u64)) -> u64| {
        Values::U64(types.iter().map(|one| Some(cell(one))).collect())
    };
    Table::new(
        "garbage",
        vec![
            Column::text_key("type", types.iter().map(|one| one.0.clone())),
            attribute("objects", Unit::Count, numbers(|one| one.1)),
            attribute("bytes", Unit::Bytes, numbers(|one| one.2)),
            attribute(
                "objects_after",
                Unit::Count,
                Values::U64(types.iter().map(|(name, ..)| left(name)).collect()),
            ),
        ],
    )
}

fn answer(before: &Option<Cyclic>, said: &Said) -> Answer {
    let found: u64 = said.0.iter().map(|one| one.1).sum();
    let took: u64 = said.0.iter().map(|one| one.2).sum();
    let time = human::duration(took as f64 / 1e9);
    if found == 0 {
        let sentence = format!("The collector found no garbage ({time} for three collections)");
        return Answer { effect: Some(Effect::None), sentence, added: None };
    }
    let (rss, rss_after) = resident(said, 0);
    let back = change(rss_after, rss).unwrap_or(0).max(0);
    let garbage = before.as_ref().map_or(0, |before| before.bytes);
    let known = before.as_ref().map(|before| {
        format!(
            "; {} objects of {} were in cycles just before",
            human::count(before.objects as f64),
            human::bytes(before.bytes as f64)
        )
    });
    let mut sentence = format!(
        "The collector found {} unreachable objects in {time}, and {} went back to the system{}",
        human::count(found as f64),
        human::bytes(back as f64),
        known.unwrap_or_default()
    );
    let matters = rss.is_some_and(|rss| (garbage.max(back as u64)) as f64 >= MATTERS * rss as f64);
    let why = before.as_ref().map(|before| before.why.join(" ")).unwrap_or_default();
    if matters && !why.is_empty() {
        sentence = format!("{sentence}. Why they were still there: {why}");
    }
    let effect = if matters { Effect::Difference } else { Effect::None };
    Answer { effect: Some(effect), sentence, added: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_back_is_told() {
        let before = Some(Cyclic {
            objects: 9,
            bytes: 50 << 20,
            types: vec![("a".into(), 9, 50 << 20)],
            why: vec!["It is off.".into()],
        });
        let collections = vec![Collection(0, 3, 1000, 0), Collection(2, 8, 1000, 0)];
        let said = Said(collections, [Some(30_000), Some(20_000)], [Some(20_000), Some(10_000)]);
        let told = answer(&before, &said);
        assert_eq!(told.effect, Some(Effect::Difference));
        assert!(told.sentence.contains("11 unreachable"), "{}", told.sentence);
        assert!(told.sentence.ends_with("It is off."), "{}", told.sentence);
        let table = by_type(&before, &Some(Cyclic::default()));
        assert_eq!(table.value("objects_after", 0).as_u64(), Some(0));
        let finding = proved(before.as_ref(), Some(&Cyclic::default())).expect("a finding");
        assert_eq!((&*finding.subject, finding.growth.objects), ("a", Some(9.0)));
        assert_eq!(proved(before.as_ref(), before.as_ref()), None, "nothing is gone");
        let said = Said(vec![Collection(0, 0, 5, 0)], [None; 2], [None; 2]);
        assert_eq!(answer(&None, &said).effect, Some(Effect::None));
    }
}
