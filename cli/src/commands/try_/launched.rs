//! One change to a command that is started: it is run in turn with and without it.

use std::time::{Duration, Instant};

use diagnose::comparison::Which;
use plugin_host::{OpenOptions, Plugin};
use probe::tables::levers as t;
use probe::{Error, ErrorKind, Probe, Request, Result, Target};
use serde_json::json;

use super::words::{Changed, Levers};
use crate::args::{EnvArgs, GcOffArgs, GlobalArgs, PythonArgs, RunsArgs};
use crate::commands::answer::who_answers;
use crate::commands::compare::{Side, Trial, joined};
use crate::exit::{Exit, Failure, usage};
use crate::{freezing, plan, targets};

/// How long a Python may take until it has a collector.
const COMES_UP: Duration = Duration::from_secs(20);
/// How often it is looked for.
const STEP: Duration = Duration::from_millis(20);

/// The collector off.
pub(super) fn gc_off(args: &GcOffArgs, global: &GlobalArgs) -> Result<Exit, Failure> {
    let a = Side::of(Which::A, &args.command_line, &[]);
    let mut b = Side::of(Which::B, &args.command_line, &[]);
    b.collector_off = true;
    b.text.push_str(" # with the collector off");
    trial("turning the collector off", "gc-off", &args.runs(), [&a, &b], global)
}

/// With variables.
pub(super) fn env(args: &EnvArgs, global: &GlobalArgs) -> Result<Exit, Failure> {
    let a = Side::of(Which::A, &args.command_line, &[]);
    let b = Side::of(Which::B, &args.command_line, &args.variables);
    let words: Vec<String> = args.variables.iter().map(|(n, v)| format!("{n}={v}")).collect();
    let words = joined(words.iter().map(String::as_str));
    trial(&words, &format!("env {words}"), &args.runs, [&a, &b], global)
}

/// With another Python.
pub(super) fn python(args: &PythonArgs, global: &GlobalArgs) -> Result<Exit, Failure> {
    let a = Side::of(Which::A, &args.command_line, &[]);
    let mut line = args.command_line.clone();
    let first = line.first_mut().ok_or_else(|| usage("no command was given after `--`"))?;
    let name = first.rsplit('/').next().unwrap_or_default();
    if !name.starts_with("python") && !name.starts_with("pypy") {
        let message = format!("`{first}` is no Python that another one could stand in for");
        return Err(Error::new(ErrorKind::InvalidInput, message)
            .with_hint("begin the command with a Python; `memprobe compare` takes any two commands")
            .into());
    }
    first.clone_from(&args.python);
    let b = Side::of(Which::B, &line, &[]);
    let words = joined(std::iter::once(args.python.as_str()));
    trial(&args.python, &format!("python {words}"), &args.runs, [&a, &b], global)
}

fn trial(
    change: &str,
    words: &str,
    args: &RunsArgs,
    [a, b]: [&Side; 2],
    global: &GlobalArgs,
) -> Result<Exit, Failure> {
    let again = |runs: u64| format!("memprobe try {words} --runs {runs} -- {}", a.text);
    Trial { change: Some(change.into()), a, b, again: &again, args, global }.run()
}

/// Turns the collector of a Python off that has just been started, as soon as it has one. It stays
/// off as long as what comes back is there.
///
/// # Errors
/// When no Python comes up whose collector is known and on.
pub(in crate::commands) fn collector_off(
    target: &Target,
    at_most: Duration,
    global: &GlobalArgs,
) -> Result<Changed> {
    let search = plan::search(global);
    let plugin = search.find(&who_answers(&search, "levers")?)?;
    let until = Instant::now() + COMES_UP;
    loop {
        match try_once(target.pid, at_most, &plugin) {
            Err(_) if Instant::now() < until && is_there(target) => std::thread::sleep(STEP),
            Err(error) => return Err(not_turned_off(&error)),
            done => return done,
        }
    }
}

fn is_there(target: &Target) -> bool {
    targets::identify(target.pid).is_ok_and(|now| now.is_same_process(target))
}

fn not_turned_off(why: &Error) -> Error {
    let message = format!("its garbage collector could not be turned off: {why:#}");
    let error = Error::new(ErrorKind::Incompatible, message);
    error.with_hint("the command must become a CPython whose collector is on, and stay it")
}

/// A program that was just started is not yet what it will be, so everything is asked anew.
fn try_once(pid: u32, at_most: Duration, plugin: &Plugin) -> Result<Changed> {
    let target = targets::identify(pid)?;
    let mut probe = plugin.open(&json!({}), OpenOptions { deadline: freezing::ANSWER })?;
    let snapshot = probe.snapshot(&Request::new(target.clone(), &["levers"]))?;
    let levers = Levers::of(&snapshot)?;
    let threshold = levers.word(t::GC_THRESHOLDS[0], 0)?;
    let word = match levers.value(t::GC_ENABLED) {
        Some(_) => levers.word(t::GC_ENABLED, 0)?,
        // Where the switch is not known (3.6), a threshold of 0 does the same.
        None => threshold.clone(),
    };
    if word.before == 0 || threshold.before == 0 {
        let message = "the collector is not on, or not yet: the program turns it off by itself";
        return Err(Error::new(ErrorKind::Unsupported, message));
    }
    let mut changed = Changed::hold(&target, at_most)?;
    changed.set(vec![word])?;
    Ok(changed)
}
