//! `memprobe report`: a recording, judged and rendered again.

use std::path::Path;
use std::time::Duration;

use capture::recording::{Item, Recording};
use diagnose::Observation;
use probe::{Error, ErrorKind, Level, Result, Target};

use crate::args::ReportArgs;
use crate::exit::{Exit, Failure};
use crate::facts::Facts;
use crate::output::Sink;
use crate::session::{Outcome, Stopped};
use crate::summary;

/// Reads a recording and reports on it.
///
/// # Errors
/// When the file is no recording, holds nothing, or the report cannot be written.
pub fn run(args: &ReportArgs) -> Result<Exit, Failure> {
    let mut sink = Sink::open(args.output.as_deref(), args.force, Sink::Stdout)?;
    let (outcome, level) = replay(&args.file)?;
    let report = summary::report(&outcome, &outcome.judgement, level);
    sink.write(&report, args.format)?;
    Ok(Exit::Fine)
}

/// Judges a recording as if it happened now.
///
/// # Errors
/// When the file is no recording, or holds no snapshot.
pub fn replay(path: &Path) -> Result<(Outcome, Level)> {
    if path.is_dir() {
        let message = format!("{} is a folder, and a recording is a file", path.display());
        return Err(Error::new(ErrorKind::InvalidInput, message)
            .with_hint("a capture is of one moment: `memprobe show` prints it"));
    }
    let recording = Recording::open(path)?;
    let header = recording.header.clone();
    let settings = diagnose::Settings { level: Some(header.level) };
    let mut observation = Observation::new(settings);
    let mut facts = Facts::new(header.started_unix_ns, &header.targets);
    let mut span: Option<(u64, u64)> = None;
    for item in recording {
        match item {
            Item::Snapshot(snapshot) => {
                let now = snapshot.taken.monotonic_ns;
                span =
                    Some(span.map_or((now, now), |(first, last)| (first.min(now), last.max(now))));
                note_target(&mut facts, &snapshot.target);
                facts.note(&snapshot);
                observation.push(*snapshot);
            }
            Item::Event(event) => observation.event(event.monotonic_ns, event.total),
            Item::Issue(issue) => facts.issue(issue),
            Item::Run(_) | Item::End(_) => {}
        }
    }
    let Some((first, last)) = span else {
        return Err(Error::new(
            ErrorKind::InvalidData,
            format!("the recording {} holds no snapshot", path.display()),
        ));
    };
    facts.measured(Duration::from_nanos(last - first));
    let judgement = observation.judge();
    let outcome =
        Outcome { judgement, observation, facts, stopped: Stopped::Elapsed, status: None };
    Ok((outcome, header.level))
}

/// A command's process is not known yet when its recording begins.
fn note_target(facts: &mut Facts, target: &Target) {
    if !facts.targets.iter().any(|t| t.pid == target.pid) {
        facts.targets.push(target.clone());
    }
}
