//! `memprobe compare`: two commands are run in turn, and it is said whether what differs between
//! them makes a difference to their memory.

mod line;
mod run;
mod trial;

use diagnose::comparison::Which;

pub(super) use self::line::{Side, joined};
pub(super) use self::trial::Trial;
use crate::args::{CompareArgs, GlobalArgs};
use crate::exit::{Exit, Failure};

/// Runs both, and compares.
///
/// # Errors
/// When a command makes no sense, does not start, fails or is too short to be seen.
pub fn run(args: &CompareArgs, global: &GlobalArgs) -> Result<Exit, Failure> {
    let a = Side::parse(Which::A, &args.a, args.shell)?;
    let b = Side::parse(Which::B, &args.b, args.shell)?;
    let again = |runs: u64| {
        let shell = if args.shell { "--shell " } else { "" };
        format!("memprobe compare {shell}--runs {runs} {} {}", a.quoted(), b.quoted())
    };
    Trial { change: None, a: &a, b: &b, again: &again, args: &args.trial, global }.run()
}
