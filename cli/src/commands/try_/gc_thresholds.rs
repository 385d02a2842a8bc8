//! `memprobe try gc-thresholds`: the thresholds of the garbage collector are set for a while. If
//! memory grows less then, it is because garbage waited for too long.

use experiment::Word;
use probe::Issue;
use probe::tables::levers as t;

use super::course::{self, Wording};
use super::stage::Stage;
use super::words::Levers;
use crate::args::{GcThresholdsArgs, GlobalArgs};
use crate::exit::{Exit, Failure};

/// Growth over fewer collections than that may be one tooth of a saw.
const FEW: u64 = 5;

/// Makes the experiment.
///
/// # Errors
/// When there is no Python whose collector is known, or it may not be written to.
pub(super) fn run(args: &GcThresholdsArgs, global: &GlobalArgs) -> Result<Exit, Failure> {
    let mut stage = Stage::open("gc-thresholds", &args.trial, global)?;
    let mut changed = course::hold(&stage, args.duration)?;
    let snapshot = stage.ask(&["levers"]).map_err(Failure::of_target)?;
    let levers = Levers::of(&snapshot).map_err(Failure::of_target)?;
    let pid = stage.target.pid;
    let wanted = t::GC_THRESHOLDS.into_iter().zip(&args.set.0);
    let words: Result<Vec<Word>, _> =
        wanted.map(|(lever, &value)| levers.word(lever, value.into())).collect();
    let mut words = words.map_err(Failure::of_target)?;
    words.retain(|word| word.before != word.during);
    if words.is_empty() {
        return stage.needless(format!(
            "The thresholds of process {pid} are these already: nothing was changed"
        ));
    }
    if levers.value(t::GC_ENABLED) == Some(0) {
        return stage.needless(format!(
            "The collector of process {pid} is off (gc.disable()), whatever its thresholds are: \
             nothing was changed"
        ));
    }
    stage.announce(course::announced(&words, args.duration, levers.others))?;
    let course = course::run(&mut stage, &mut changed, words, args.duration)?;
    let set: Vec<String> = args.set.0.iter().map(ToString::to_string).collect();
    let wording = Wording {
        with: format!("With thresholds of {}", set.join(", ")),
        more: "garbage in reference cycles waits for longer",
        less: "garbage in reference cycles is taken away sooner",
    };
    if let Some(few) = course.collections().filter(|&n| n < FEW) {
        let message = format!(
            "only {few} collections ended while it was changed: what looks like growth may be the \
             longer wait for the next one"
        );
        stage.issues.push(Issue::warning(message).with_hint("give it more time with --for"));
    }
    let failed = course.failed();
    let exit = stage.finish(course.found(&wording))?;
    Ok(if failed { Exit::Error } else { exit })
}
