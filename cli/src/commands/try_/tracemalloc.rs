//! `memprobe try tracemalloc`: `tracemalloc` is on for a while, and what was allocated meanwhile and
//! stays is told by line, file and traceback. Its tables are read from outside.
//!
//! It goes off again by a thread in the process, at its time or when memprobe is gone, whichever is
//! first. If it was on already, it is used as it is and stays on.

mod growth;

use std::time::Duration;

use diff::human;
use experiment::deliver::{Kept, Order};
use probe::tables::{pymalloc, tracemalloc as t};
use probe::{Error, ErrorKind, Issue, Result, Snapshot, Table};
use report::{Answer, NextStep};
use serde_json::Value;
use target::procfs::ProcessDir;
use target::remote::{Room, room};

use self::growth::Growth;
use super::delivery::Delivery;
use super::phases::{self, End, Phase};
use super::stage::{Found, Stage, beside};
use crate::args::{GlobalArgs, TracemallocArgs};
use crate::exit::{Exit, Failure};
use crate::freezing;

/// What tracing takes for each block: an entry of a table that is up to half empty, a trace, and
/// what the C library adds to both.
const EACH_BLOCK: u64 = 96;
/// What it takes besides, at most: places, by the frames of each.
const EACH_FRAME: u64 = 64 << 10;
/// Blocks of an allocator that is not read are not smaller on the whole, bytes.
const SMALLEST: u64 = 48;
/// Later than due by this the thread in the process ends it by itself: after the looks at the
/// beginning and at the end, which take long on a busy machine.
const SLACK: Duration = Duration::from_secs(2 * freezing::ANSWER.as_secs() + 15);

/// How often what was traced is read, until all of it can be.
const TRIES: u32 = 3;

/// What is traced, in the process.
const CODE: &str = "
import _tracemalloc
was = _tracemalloc.is_tracing()
if not was:
    _tracemalloc.start(FRAMES)
    def undo():
        if _tracemalloc.is_tracing():
            said = [_tracemalloc.get_tracemalloc_memory(), *_tracemalloc.get_traced_memory()]
            _tracemalloc.stop()
            return said
    keep(SECONDS, undo)
say([was, _tracemalloc.get_traceback_limit()])
";

/// Makes the experiment.
///
/// # Errors
/// When the process takes no code, does not come to it in time, or has no room for it.
pub(super) fn run(args: &TracemallocArgs, global: &GlobalArgs) -> Result<Exit, Failure> {
    let mut stage = Stage::open("tracemalloc", &args.trial, global)?;
    let delivery = Delivery::open(&mut stage, &args.delivery).map_err(Failure::of_target)?;
    let is_on = is_on(&mut stage).map_err(Failure::of_target)?;
    let estimate = estimate(&mut stage, args.frames);
    if !is_on {
        refuse_without_room(&stage, estimate).map_err(Failure::of_target)?;
    }
    stage.announce(plan(args, &delivery, is_on, estimate))?;
    let side = beside(args.duration);
    stage.progress(&format!("measuring for {} ...", human::duration(side.as_secs_f64())));
    let (before, end) = Phase::measure(&mut stage, "before", side, || true);
    if end != End::Due {
        return stage.needless("It ended before anything was changed");
    }
    let traced = trace(&mut stage, args, &delivery).map_err(Failure::of_target)?;
    let found = traced.found(&mut stage, before);
    stage.finish(found)
}

fn plan(
    args: &TracemallocArgs,
    delivery: &Delivery,
    is_on: bool,
    estimate: Option<u64>,
) -> Vec<String> {
    let time = human::duration(args.duration.as_secs_f64());
    let mut lines = vec![format!(
        "measures memory and processor time for {} and changes nothing",
        human::duration(beside(args.duration).as_secs_f64())
    )];
    if is_on {
        lines.push("tracemalloc is on already: it is used as it is, and stays on".into());
        lines.push(delivery.announced("tracemalloc.is_tracing()"));
    } else {
        let call = format!("tracemalloc.start({})", args.frames);
        lines.push(delivery.announced(&call));
        lines.push(format!(
            "a thread in the process ends it after {time}, or when memprobe is gone; a child that \
             the process forks meanwhile goes on tracing"
        ));
    }
    lines.push("reads what was traced from outside, at the beginning and at the end".into());
    if let Some(estimate) = estimate.filter(|_| !is_on) {
        lines.push(format!(
            "costs the process up to {} of memory, if all its blocks are replaced meanwhile, and \
             some processor time for each block that is allocated",
            human::bytes(estimate as f64)
        ));
    }
    lines
}

fn is_on(stage: &mut Stage) -> Result<bool> {
    let snapshot = stage.ask(&["tracemalloc"])?;
    let table = snapshot.table(t::TABLE);
    let on = |table: &Table| {
        (0..table.rows()).any(|row| table.value(t::ON, row) == probe::Value::Bool(true))
    };
    Ok(table.is_some_and(on))
}

/// What tracing may cost, bytes: all blocks that there are now are traced then.
fn estimate(stage: &mut Stage, frames: u32) -> Option<u64> {
    let blocks = match blocks(stage).unwrap_or(0) {
        0 => anonymous(stage)? / SMALLEST,
        blocks => blocks,
    };
    let places = EACH_FRAME.saturating_mul(frames.into());
    Some(blocks.saturating_mul(EACH_BLOCK).saturating_add(places))
}

/// How many blocks the interpreter's allocator has.
fn blocks(stage: &mut Stage) -> Option<u64> {
    let snapshot = stage.ask(&["pymalloc"]).ok()?;
    let table = snapshot.table(pymalloc::TABLE)?;
    let blocks = (0..table.rows()).filter_map(|row| {
        let number = |column| table.value(column, row).as_u64();
        number(pymalloc::BLOCKS_ALLOCATED).or_else(|| number(pymalloc::BLOCKS))
    });
    Some(blocks.sum())
}

/// Resident memory of the process's own, bytes: what there is to go by where another allocator serves
/// the interpreter (`PYTHONMALLOC`, a free-threaded build).
fn anonymous(stage: &Stage) -> Option<u64> {
    ProcessDir::open_target(&stage.target).ok()?.status().ok()?.rss_anon
}

fn refuse_without_room(stage: &Stage, estimate: Option<u64>) -> Result<()> {
    let Some(estimate) = estimate else { return Ok(()) };
    let process = ProcessDir::open_target(&stage.target)?;
    let Some(Room { left, limit }) = room(&process) else { return Ok(()) };
    if left >= estimate {
        return Ok(());
    }
    let message = format!(
        "process {} has room for {} more until {limit}, and tracing may take {}",
        stage.target.pid,
        human::bytes(left as f64),
        human::bytes(estimate as f64)
    );
    Err(Error::new(ErrorKind::Unsupported, message)
        .with_hint("raise the limit for this, or trace a process of the same kind that has room"))
}

/// What was seen while it was on.
struct Traced {
    during: Phase,
    seconds: f64,
    growth: Growth,
    /// Frames of a traceback that were kept.
    limit: u64,
    overhead: Option<u64>,
    restored: String,
}

fn trace(stage: &mut Stage, args: &TracemallocArgs, delivery: &Delivery) -> Result<Traced> {
    let seconds = (args.duration + SLACK).as_secs_f64();
    let code = CODE
        .replace("FRAMES", &args.frames.to_string())
        .replace("SECONDS", &format!("{seconds:.3}"));
    let note = |order: Option<&Order>| delivery.note(order);
    let kept = delivery.run_to_keep(&code, &note)?;
    let said: Vec<Value> = delivery.said(kept.delivery.results.last())?;
    let was_on = said.first().and_then(Value::as_bool).unwrap_or(false);
    let limit = said.get(1).and_then(Value::as_u64).unwrap_or(1);
    let first = tables(stage)?;
    stage.progress(&format!("tracing for {} ...", human::duration(args.duration.as_secs_f64())));
    let (during, _) = Phase::measure(stage, "tracing", args.duration, || true);
    let last = tables(stage);
    let restored = put_back(stage, kept, was_on);
    let last = last?;
    let overhead = last.table(t::TABLE).and_then(|table| {
        (0..table.rows()).filter_map(|row| table.value(t::OVERHEAD, row).as_u64()).max()
    });
    let growth = Growth::between(&first, &last);
    let seconds = during.seconds;
    Ok(Traced { during, seconds, growth, limit, overhead, restored })
}

fn put_back(stage: &mut Stage, kept: Kept<'_>, was_on: bool) -> String {
    if was_on {
        return "tracemalloc was on before, and is still".into();
    }
    match kept.undo() {
        Ok(Some(said)) if said != "null" => "tracemalloc is off again".into(),
        Ok(_) => {
            stage.issues.push(Issue::warning(
                "the program has switched tracemalloc off itself meanwhile: what was traced until \
                 then is gone",
            ));
            "tracemalloc is off".into()
        }
        Err(error) => format!("tracemalloc may still be on: {error:#}"),
    }
}

fn tables(stage: &mut Stage) -> Result<Snapshot> {
    let mut snapshot = stage.ask_frozen("tracemalloc")?;
    for _ in 1..TRIES {
        // It may have stood where it had just given back a table, and had not taken the new one yet.
        if snapshot.complete {
            break;
        }
        snapshot = stage.ask_frozen("tracemalloc")?;
    }
    stage.issues.append(&mut snapshot.issues);
    Ok(snapshot)
}

impl Traced {
    fn found(self, stage: &mut Stage, before: Phase) -> Found {
        let Self { during, seconds, growth, limit, overhead, restored } = self;
        let cpu = before.cpu().zip(during.cpu());
        let mut sentence = growth.sentence(seconds);
        let cost = overhead.map(|bytes| human::bytes(bytes as f64));
        let cost = cost.unwrap_or_else(|| "an unknown part".into());
        sentence.push_str(&format!(". Tracing took {cost} of memory"));
        if let Some((before, during)) = cpu {
            sentence.push_str(&format!(
                "; the process used {} of a processor while it was traced, {} before",
                human::percent(during),
                human::percent(before)
            ));
        }
        let mut found = Found {
            result: Answer { sentence, ..Answer::default() },
            tables: growth.tables(),
            restored: vec![restored],
            ..Found::default()
        };
        found.tables.push(phases::table(&[before, during]));
        let pid = stage.target.pid;
        if limit == 1 && growth.bytes() > 0 {
            found.next.push(NextStep {
                command: format!("memprobe try tracemalloc --pid {pid} --frames 10"),
                why: "says who called the lines that allocate".into(),
            });
        }
        found.next.push(NextStep {
            command: format!("memprobe leaks --pid {pid}"),
            why: "says which containers grew and what holds them".into(),
        });
        found
    }
}
