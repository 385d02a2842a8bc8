//! What works on a process, what does not, why, and what to change.
//!
//! Nothing is stopped, traced or written: every answer is read from the kernel's files, or is the
//! outcome of a read that was tried.

mod kernel;
mod rights;

use probe::{Error, Result};

use crate::procfs::{ProcessDir, identify};

/// How it stands with one thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// It works.
    Ok,
    /// It works in part, or another way is taken.
    Limited,
    /// It does not work.
    No,
}

impl State {
    /// `ok`, `limited`, `no`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Limited => "limited",
            Self::No => "no",
        }
    }
}

/// One line of the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// Short name of what was looked at.
    pub what: &'static str,
    /// How it stands.
    pub state: State,
    /// Why, or what was found.
    pub why: String,
    /// What to do about it, where something can be done.
    pub change: Option<String>,
}

impl Check {
    /// Something that works.
    #[must_use]
    pub fn ok(what: &'static str, why: impl Into<String>) -> Self {
        Self { what, state: State::Ok, why: why.into(), change: None }
    }

    /// Something that works in part.
    #[must_use]
    pub fn limited(what: &'static str, why: impl Into<String>) -> Self {
        Self { what, state: State::Limited, why: why.into(), change: None }
    }

    /// Something that does not work.
    #[must_use]
    pub fn no(what: &'static str, why: impl Into<String>) -> Self {
        Self { what, state: State::No, why: why.into(), change: None }
    }

    /// Something that failed.
    #[must_use]
    pub fn failed(what: &'static str, state: State, error: &Error) -> Self {
        Self { what, state, why: format!("{error:#}"), change: error.hint().map(Into::into) }
    }

    /// The same with what to do.
    #[must_use]
    pub fn with_change(mut self, change: impl Into<String>) -> Self {
        self.change = Some(change.into());
        self
    }
}

/// Looks at a process: whether it can be reached at all, who may read it, what the kernel shows,
/// and how it would be frozen.
///
/// # Errors
/// Those of [`identify`]: no such process, a thread, a zombie, a kernel thread.
pub fn examine(pid: u32) -> Result<Vec<Check>> {
    let target = identify(pid)?;
    let process = ProcessDir::open_target(&target)?;
    let memory = kernel::memory(&process);
    let readable = memory.state == State::Ok;
    let mut checks = vec![kernel::process(&process), kernel::machine(&process)];
    checks.extend(rights::checks(&process, readable));
    checks.push(memory);
    checks.extend([kernel::smaps(&process), kernel::pagemap(&process)]);
    checks.extend(kernel::freezing(&process, readable));
    Ok(checks)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(checks: &[Check], what: &str) -> State {
        checks.iter().find(|check| check.what == what).unwrap_or_else(|| panic!("{what}")).state
    }

    /// Nothing is in the way of reading this very process, and each thing is asked once.
    #[test]
    fn an_own_process_is_well() {
        let checks = examine(std::process::id()).unwrap();
        for what in ["process", "machine", "user", "yama", "memory", "smaps", "tracer"] {
            assert_eq!(state(&checks, what), State::Ok, "{checks:#?}");
        }
        let mut names: Vec<_> = checks.iter().map(|check| check.what).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), checks.len());
        // Whatever does not work has a reason, and what can be changed is said.
        for check in &checks {
            assert!(!check.why.is_empty(), "{check:?}");
        }
    }

    #[test]
    fn what_has_no_memory_is_refused() {
        assert_eq!(examine(u32::MAX).unwrap_err().kind(), probe::ErrorKind::NotFound);
    }
}
