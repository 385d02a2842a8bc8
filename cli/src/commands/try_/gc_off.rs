//! `memprobe try gc-off`: the garbage collector is turned off for a while. If memory grows faster
//! then, reference cycles make garbage, and that fast.

use std::time::Duration;

use probe::tables::levers as t;
use report::NextStep;

use super::course::{self, Wording};
use super::launched;
use super::stage::Stage;
use super::words::Levers;
use crate::args::{GcOffArgs, GlobalArgs};
use crate::exit::{Exit, Failure};

/// For how long the collector is off when nobody says for how long.
const OFF_FOR: Duration = Duration::from_secs(60);

/// Makes the experiment.
///
/// # Errors
/// When there is no Python whose collector is known, or it may not be written to.
pub(super) fn run(args: &GcOffArgs, global: &GlobalArgs) -> Result<Exit, Failure> {
    let Some(pid) = args.pid else { return launched::gc_off(args, global) };
    let duration = args.duration.unwrap_or(OFF_FOR);
    let mut stage = Stage::open("gc-off", &args.trial(pid), global)?;
    let mut changed = course::hold(&stage, duration)?;
    let snapshot = stage.ask(&["levers"]).map_err(Failure::of_target)?;
    let levers = Levers::of(&snapshot).map_err(Failure::of_target)?;
    if levers.value(t::GC_ENABLED) == Some(0) {
        return stage.needless(format!(
            "The collector of process {pid} is off already (gc.disable()): nothing was changed"
        ));
    }
    if levers.value(t::GC_THRESHOLDS[0]) == Some(0) {
        return stage.needless(format!(
            "The collector of process {pid} never runs by itself (its first threshold is 0): \
             nothing was changed"
        ));
    }
    // Where the switch is not known (3.6), a threshold of 0 does the same.
    let has_switch = levers.value(t::GC_ENABLED).is_some();
    let lever = if has_switch { t::GC_ENABLED } else { t::GC_THRESHOLDS[0] };
    let words = vec![levers.word(lever, 0).map_err(Failure::of_target)?];
    stage.announce(course::announced(&words, duration, levers.others))?;
    let course = course::run(&mut stage, &mut changed, words, duration)?;
    let wording = Wording {
        with: "With the collector off".into(),
        more: "reference cycles make garbage that fast, and the collector takes it away",
        less: "collections themselves made memory grow",
    };
    let failed = course.failed();
    let mut found = course.found(&wording);
    if found.result.added.is_some_and(|added| added.low > 0.0) {
        found.next.push(NextStep {
            command: format!("memprobe garbage --pid {pid}"),
            why: "says which types the cycles are made of".into(),
        });
    }
    let exit = stage.finish(found)?;
    Ok(if failed { Exit::Error } else { exit })
}
