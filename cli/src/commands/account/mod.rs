//! `memprobe account`: every resident byte of a process on one page, adding up; with `--for` also
//! which rows grew.

mod look;
mod told;

use std::time::{Duration, Instant};

use self::look::Looker;
use self::told::{Answer, Grown};
use crate::args::{AccountArgs, Format, GlobalArgs};
use crate::exit::{Exit, Failure};
use crate::output::to_stdout;
use crate::targets;

/// Looks once, or twice, and prints the account.
///
/// # Errors
/// When the process cannot be looked at, or nothing says what it has mapped.
pub fn run(args: &AccountArgs, global: &GlobalArgs) -> Result<Exit, Failure> {
    let target = targets::identify(args.pid).map_err(Failure::of_target)?;
    let mut looker = Looker::new(target, args.freeze.into(), global)?;
    let first = looker.look()?;
    let answer = match args.duration {
        None => Answer { seconds: 0.0, growth: None, last: first },
        Some(time) => {
            wait(time, first.began);
            let last = looker.look()?;
            let seconds = last.seconds_since(&first);
            Answer { seconds, growth: Some(Grown::between(&first, &last, seconds)), last }
        }
    };
    let text = match args.format {
        Format::Json => answer.document()?,
        _ => answer.text(args),
    };
    to_stdout(text.as_bytes())?;
    Ok(Exit::Fine)
}

/// Until so long after the first look began.
fn wait(time: Duration, since: Instant) {
    std::thread::sleep(time.saturating_sub(since.elapsed()));
}
