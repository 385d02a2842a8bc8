//! The conformance kit: tries a plugin out against the contract of the ABI.
//!
//! A plugin that writes where it should not can end the process, so run this in a child, and let
//! the callback pass each outcome on as it comes: what is missing at the end is what crashed.

mod host;
mod steps;

use std::path::Path;
use std::time::Duration;

use probe::{Error, ErrorKind, Result};

use crate::worker::bounded;

/// How long one check may take.
const DEADLINE: Duration = Duration::from_secs(10);

/// All checks, in the order in which they run.
pub const NAMES: [&str; 16] = [
    "library",
    "table",
    "describe",
    "describe twice",
    "release",
    "open",
    "open with nonsense",
    "host without services",
    "snapshot",
    "each question alone",
    "unknown question",
    "no such process",
    "request of nonsense",
    "two at once",
    "log",
    "close",
];

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// One of [`NAMES`].
    pub name: &'static str,
    /// Whether the plugin keeps to the contract here.
    pub passed: bool,
    /// What was seen, or what is wrong.
    pub detail: String,
}

/// Tries out the plugin in a file; tells each outcome as it comes. Whether all is well.
///
/// Without a usable table or description the checks end early, as the rest could only repeat it.
pub fn run(path: &Path, on_outcome: &mut dyn FnMut(&Outcome)) -> bool {
    let mut kit = Kit { on_outcome, passed: true };
    // Whatever ended it early has been told as an outcome.
    let _ = steps::all(&mut kit, path);
    kit.passed
}

/// Runs checks and tells what came of them.
struct Kit<'a> {
    on_outcome: &'a mut dyn FnMut(&Outcome),
    passed: bool,
}

impl Kit<'_> {
    /// Runs one check on a thread of its own. Gives what later checks need, if it passed.
    fn check<T: Send + 'static>(
        &mut self,
        name: &'static str,
        code: impl FnOnce() -> Result<(T, String)> + Send + 'static,
    ) -> Option<T> {
        let (result, detail) = match bounded(DEADLINE, code) {
            Ok((value, detail)) => (Some(value), detail),
            Err(error) => {
                let hint = error.hint().map(|hint| format!(" ({hint})")).unwrap_or_default();
                (None, format!("{error:#}{hint}"))
            }
        };
        self.passed &= result.is_some();
        (self.on_outcome)(&Outcome { name, passed: result.is_some(), detail });
        result
    }
}

/// What is wrong, as an error.
fn wrong<T>(message: impl Into<String>) -> Result<T> {
    Err(Error::new(ErrorKind::InvalidData, message.into()))
}
