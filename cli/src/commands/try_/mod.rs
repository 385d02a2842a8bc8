//! `memprobe try`: one thing is changed in a running process, for a while, and put back.
//!
//! Each experiment on a running process is a file of its own. It opens a `stage` on
//! the process, says what it will do before it does it (`Stage::announce`),
//! does it, and hands in what it found (`Stage::finish`). What is changed by a
//! word goes through `words`, what runs in the process through `delivery`, what is measured
//! meanwhile through `phases`. A command that is started instead is run in turn with and without the
//! change, and compared as [`compare`](super::compare) does: `launched`.

mod course;
mod debugmallocstats;
mod delivery;
mod gc_collect;
mod gc_off;
mod gc_thresholds;
mod launched;
mod phases;
mod stage;
mod tracemalloc;
mod trim;
mod words;

pub(super) use launched::collector_off;

use crate::args::{GlobalArgs, TryCmd};
use crate::exit::{Exit, Failure};

/// Makes an experiment.
///
/// # Errors
/// When it makes no sense on this process, or the process cannot be reached.
pub fn run(experiment: &TryCmd, global: &GlobalArgs) -> Result<Exit, Failure> {
    match experiment {
        TryCmd::GcOff(args) => gc_off::run(args, global),
        TryCmd::GcThresholds(args) => gc_thresholds::run(args, global),
        TryCmd::Trim(args) => trim::run(args, global),
        TryCmd::Debugmallocstats(args) => debugmallocstats::run(args, global),
        TryCmd::Env(args) => launched::env(args, global),
        TryCmd::Python(args) => launched::python(args, global),
        TryCmd::GcCollect(args) => gc_collect::run(args, global),
        TryCmd::Tracemalloc(args) => tracemalloc::run(args, global),
    }
}
