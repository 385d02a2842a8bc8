//! In place of the freezing fork on machines for which it is not written.

use std::convert::Infallible;

use probe::target::FrozenThread;
use probe::{Error, ErrorKind, Issue};

use super::copies::Copies;
use super::held::Held;
use crate::procfs::ProcessDir;

/// There is none.
#[derive(Debug)]
pub(super) struct Plan(Infallible);

/// There is none.
#[derive(Debug)]
pub(super) struct Copy {
    pub(super) pid: u32,
    never: Infallible,
}

/// Why there is no copy.
#[derive(Debug)]
#[expect(dead_code, reason = "the same shape as where copies can be made")]
pub(super) enum NoCopy {
    Refused(String),
    Lost(Error),
}

impl Plan {
    pub(super) fn make(_: &ProcessDir) -> Result<Self, Error> {
        let message = format!("copies are not supported on {}", std::env::consts::ARCH);
        Err(Error::new(ErrorKind::Unsupported, message))
    }

    pub(super) fn issues(&self) -> Vec<Issue> {
        match self.0 {}
    }

    pub(super) fn save_lost(&self, _: u64) -> Copies {
        match self.0 {}
    }

    pub(super) fn fork(&self, _: &mut Held<'_>, _: &[FrozenThread]) -> Result<Copy, NoCopy> {
        match self.0 {}
    }
}

impl Copy {
    pub(super) fn end(&self, _: &Plan, _: &mut Held<'_>) -> Result<u64, String> {
        match self.never {}
    }
}

pub(super) fn copies(_: &ProcessDir) -> Vec<(u64, bool)> {
    Vec::new()
}
