//! `memprobe try trim`: glibc's `malloc` gives back what it keeps for later. What comes back was
//! free, and never a leak.

use std::time::Instant;

use diagnose::settled;
use diff::human;
use probe::tables::{allocators, malloc_arenas, processes};
use probe::{Column, Role, Unit, Values};
use probe::{Error, ErrorKind, Issue, Snapshot, Table};
use report::Answer;

use super::stage::{Found, Stage};
use crate::args::{GlobalArgs, TrimArgs};
use crate::exit::{Exit, Failure};

/// What the process has, at one moment; bytes.
#[derive(Clone, Copy, Debug, Default)]
struct Memory {
    rss: Option<u64>,
    /// Anonymous, its share: what of libraries is its own changes when other processes with them
    /// start or end, and is nothing that `malloc` could give back.
    anon: Option<u64>,
    peak: Option<u64>,
}

/// Makes the experiment.
///
/// # Errors
/// When the process does not use glibc's `malloc`, or nothing may be called in it.
pub(super) fn run(args: &TrimArgs, global: &GlobalArgs) -> Result<Exit, Failure> {
    let mut stage = Stage::open("trim", &args.trial, global)?;
    let malloc = stage.ask_frozen("malloc").map_err(Failure::of_target)?;
    refuse(&malloc).map_err(Failure::of_target)?;
    let expected = expected(&malloc);
    stage.announce(vec![
        match expected {
            Some(bytes) => format!(
                "expects {} back: whole pages inside of free chunks, and the top of the main heap",
                human::bytes(bytes as f64)
            ),
            None => "cannot say how much will come back: its arenas could not be read".into(),
        },
        "has the main thread call malloc_trim(0) of its C library, once, where it holds no lock; it \
         waits meanwhile"
            .into(),
        format!(
            "then looks for {} whether the program takes it again",
            human::duration(args.duration.as_secs_f64())
        ),
    ])?;
    let before = Memory::read(&mut stage)?;
    let began = Instant::now();
    experiment::trim(&stage.target, args.patience).map_err(Failure::of_target)?;
    let took = began.elapsed();
    let after = Memory::read(&mut stage)?;
    stage.wait_until(Instant::now() + args.duration);
    // It may have ended meanwhile.
    let later = Memory::read(&mut stage).unwrap_or_default();
    let back = Memory::given_back(before.anon, after.anon);
    let found = Found {
        result: Answer {
            sentence: sentence(&before, &after, &later, expected),
            ..Answer::default()
        },
        tables: vec![table(before, after, later, expected)],
        findings: back
            .and_then(|bytes| settled::allocator_held(bytes as f64, expected.map(|e| e as f64)))
            .into_iter()
            .collect(),
        ..Found::default()
    };
    stage.issues.push(Issue::info(format!(
        "the call took {}, the time until the main thread was at a place for it included",
        human::duration(took.as_secs_f64())
    )));
    stage.finish(found)
}

/// Only glibc has something to trim.
fn refuse(malloc: &Snapshot) -> probe::Result<()> {
    let Some(table) = malloc.table(allocators::TABLE) else { return Ok(()) };
    let pid = malloc.target.pid;
    let names =
        (0..table.rows()).filter_map(|row| table.value(allocators::ALLOCATOR, row).as_str());
    let mut names: Vec<&str> = names.collect();
    names.sort_unstable();
    names.dedup();
    let others: Vec<&str> = names.iter().copied().filter(|&name| name != "glibc").collect();
    let why = match (others.as_slice(), names.contains(&"glibc")) {
        ([], true) => return Ok(()),
        ([], false) => "its allocator is not known".into(),
        (others, _) => format!("its allocator is {}", others.join(" and ")),
    };
    let message = format!("nothing can be trimmed in process {pid}: {why}");
    Err(Error::new(ErrorKind::Unsupported, message)
        .with_hint("malloc_trim is a function of glibc's malloc, and gives back what that keeps"))
}

/// What the low level says that comes back, bytes.
fn expected(malloc: &Snapshot) -> Option<u64> {
    use malloc_arenas as t;
    let table = malloc.table(t::TABLE).filter(|table| table.rows() > 0)?;
    let of = |row: usize, column: &str| table.value(column, row).as_u64();
    let all = 0..table.rows();
    all.map(|row| Some(of(row, t::TRIM_TOP)? + of(row, t::TRIM_INSIDE)?)).sum()
}

impl Memory {
    fn read(stage: &mut Stage) -> Result<Self, Failure> {
        let snapshot = stage.ask(&["memory"]).map_err(Failure::of_target)?;
        let pid = u64::from(stage.target.pid);
        let figure = |column: &str| {
            let table = snapshot.table(processes::TABLE)?;
            let is_it = |row: &usize| table.value(processes::PID, *row).as_u64() == Some(pid);
            table.value(column, (0..table.rows()).find(is_it)?).as_u64()
        };
        Ok(Self {
            rss: figure(processes::RSS),
            // Kernels before 5.0 do not tell.
            anon: figure(processes::PSS_ANON).or_else(|| figure(processes::USS)),
            peak: figure(processes::PEAK_RSS),
        })
    }

    fn given_back(before: Option<u64>, after: Option<u64>) -> Option<u64> {
        Some(before?.saturating_sub(after?))
    }
}

fn sentence(before: &Memory, after: &Memory, later: &Memory, expected: Option<u64>) -> String {
    let bytes = |n: u64| human::bytes(n as f64);
    let Some(back) = Memory::given_back(before.anon, after.anon) else {
        return "malloc_trim(0) was called; what came back is not known".into();
    };
    let mut text = format!("malloc_trim(0) gave back {}", bytes(back));
    if let Some(expected) = expected {
        text += &format!(", of {} that were expected", bytes(expected));
    }
    let again = after.anon.zip(later.anon).map(|(now, later)| later.saturating_sub(now));
    text += &match again {
        Some(again) if again * 10 > back && back > 0 => {
            format!("; the program has taken {} again since", bytes(again.min(back)))
        }
        Some(_) => "; it has stayed away so far".into(),
        None => String::new(),
    };
    if let (Some(peak), Some(rss)) = (before.peak, before.rss)
        && back > 0
    {
        text += &match peak > rss + back / 2 {
            true => format!(
                ", and comes back if memory is as much in use again as at the peak of {}",
                bytes(peak)
            ),
            false => {
                ", and comes back as soon as the program uses as much again as just before".into()
            }
        };
    }
    text
}

fn table(before: Memory, after: Memory, later: Memory, expected: Option<u64>) -> Table {
    let moments = [("before", before), ("after", after), ("later", later)];
    let column = |name: &str, figure: fn(&Memory) -> Option<u64>| {
        let values = moments.iter().map(|(_, memory)| figure(memory)).collect();
        Column::new(name, Unit::Bytes, Role::Attribute, Values::U64(values))
    };
    let back = |figure: fn(&Memory) -> Option<u64>| {
        let back = |(_, memory): &(_, Memory)| Memory::given_back(figure(&before), figure(memory));
        moments.iter().enumerate().map(|(n, moment)| back(moment).filter(|_| n > 0)).collect()
    };
    let expected = [None, expected, None].into();
    let bytes =
        |name: &str, values| Column::new(name, Unit::Bytes, Role::Attribute, Values::U64(values));
    Table::new(
        "trim",
        vec![
            Column::text_key("moment", moments.iter().map(|(name, _)| *name)),
            column("rss", |memory| memory.rss),
            column("pss_anon", |memory| memory.anon),
            bytes("rss_back", back(|memory| memory.rss)),
            bytes("pss_anon_back", back(|memory| memory.anon)),
            bytes("expected", expected),
        ],
    )
}
