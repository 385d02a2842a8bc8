//! In place of visits on machines for which the safety frame is not written.

use std::convert::Infallible;
use std::time::Duration;

use probe::{Error, ErrorKind, Result};

use super::program::Standing;
use crate::freeze::held::Held;
use crate::memory::LiveMemory;
use crate::procfs::ProcessDir;

/// There is none.
#[derive(Debug)]
pub(super) struct Ground<'p> {
    never: Infallible,
    process: std::marker::PhantomData<&'p ()>,
}

impl<'p> Ground<'p> {
    pub(super) fn survey(_: &'p ProcessDir) -> Result<Self> {
        let message = format!(
            "running something in a process is not supported on {}",
            std::env::consts::ARCH
        );
        Err(Error::new(ErrorKind::Unsupported, message))
    }

    pub(super) fn standing(&self, _: u32) -> Option<Standing> {
        match self.never {}
    }
}

/// There is none.
#[derive(Debug)]
pub struct Visit<'v> {
    never: Infallible,
    ground: std::marker::PhantomData<&'v ()>,
}

impl<'v> Visit<'v> {
    pub(super) fn new(ground: &'v Ground<'v>, _: &Held<'_>, _: u32) -> Result<Self> {
        match ground.never {}
    }

    /// The memory of the process.
    #[must_use]
    pub fn memory(&self) -> &LiveMemory {
        match self.never {}
    }

    pub(super) fn standing(&self) -> Option<Standing> {
        match self.never {}
    }

    /// Has the thread make a system call.
    ///
    /// # Errors
    /// Never made.
    pub fn system_call(&mut self, _: i64, _: [u64; 6]) -> Result<i64> {
        match self.never {}
    }

    /// Has the thread call a function.
    ///
    /// # Errors
    /// Never made.
    pub fn call(&mut self, _: u64, _: [u64; 3]) -> Result<()> {
        match self.never {}
    }

    /// The same of a function that may take longer.
    ///
    /// # Errors
    /// Never made.
    pub fn call_within(&mut self, _: u64, _: [u64; 3], _: Duration) -> Result<()> {
        match self.never {}
    }

    /// Writes to the memory of the process.
    ///
    /// # Errors
    /// Never made.
    pub fn write(&mut self, _: u64, _: &[u8]) -> Result<()> {
        match self.never {}
    }
}

pub(super) fn shares_memory_with_parent(_: &ProcessDir) -> bool {
    false
}
