//! The exit status, as documented in `memprobe --help`.

use std::process::ExitCode;

use probe::{Error, ErrorKind};

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// 0: it ran.
    Fine,
    /// 1: `--fail-on`, or `check`, is met.
    Met,
    /// 2: an error.
    Error,
    /// 3: the target could not be reached, or ended before anything was measured.
    NoTarget,
    /// The status of the command that was watched.
    Passed(u8),
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Fine => 0,
            Exit::Met => 1,
            Exit::Error => 2,
            Exit::NoTarget => 3,
            Exit::Passed(status) => status,
        })
    }
}

/// An error and the status with which the program ends because of it.
#[derive(Debug)]
pub struct Failure {
    /// What went wrong.
    pub error: Error,
    /// Status 2 or 3.
    pub exit: Exit,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { error, exit: Exit::Error }
    }
}

impl Failure {
    /// A failure to find, start, reach or measure the target. What is wrong with the request or
    /// with a plugin stays an error.
    #[must_use]
    pub fn of_target(error: Error) -> Self {
        use ErrorKind::{NotFound, PermissionDenied, TargetEnded, Unsupported};
        let unreachable = [NotFound, PermissionDenied, TargetEnded, Unsupported];
        let exit = if unreachable.contains(&error.kind()) { Exit::NoTarget } else { Exit::Error };
        Self { error, exit }
    }
}

/// An error in what was asked for.
#[must_use]
pub fn usage(message: &'static str) -> Error {
    Error::new(ErrorKind::InvalidInput, message)
}
