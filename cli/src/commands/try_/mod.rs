//! `memprobe try`: one thing is changed in a running process, for a while, and put back.
//!
//! Each experiment is a file of its own. It opens a [`stage`](stage::Stage) on the process, says what
//! it will do before it does it ([`Stage::announce`](stage::Stage::announce)), does it, and hands in
//! what it found ([`Stage::finish`](stage::Stage::finish)). What is changed by a word goes through
//! [`words`], what runs in the process through [`delivery`], and what is measured meanwhile through
//! [`phases`].

mod course;
mod delivery;
mod gc_collect;
mod gc_off;
mod gc_thresholds;
mod phases;
mod stage;
mod tracemalloc;
mod words;

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
        TryCmd::GcCollect(args) => gc_collect::run(args, global),
        TryCmd::Tracemalloc(args) => tracemalloc::run(args, global),
    }
}
