//! Errors (nothing was read) and issues (something was lost, the rest is there).
//!
//! A probe returns an [`Error`] only when it has nothing at all to show. Everything less is an
//! [`Issue`] inside the snapshot, so that partial data always reach the reader.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;

use serde::{Deserialize, Serialize};

/// The result type of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What class of thing went wrong. Programs decide by it; people read the message.
///
/// Each kind has a fixed code, which is what crosses the plugin ABI.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorKind {
    /// There is no such process, file or name.
    NotFound,
    /// The target ended, or its PID now belongs to another process.
    TargetEnded,
    /// The system refuses access.
    PermissionDenied,
    /// This platform, kernel, interpreter or allocator is not supported.
    Unsupported,
    /// What the caller asked for makes no sense.
    InvalidInput,
    /// What was read makes no sense.
    InvalidData,
    /// The system failed to read or write.
    Io,
    /// It took longer than allowed.
    TimedOut,
    /// A probe panicked.
    Panicked,
    /// Two versions do not fit together.
    Incompatible,
    /// The caller asked to stop.
    Cancelled,
    /// None of the above.
    Other,
}

impl ErrorKind {
    /// Every kind, in the order of its code.
    pub const ALL: [Self; 12] = [
        Self::NotFound,
        Self::TargetEnded,
        Self::PermissionDenied,
        Self::Unsupported,
        Self::InvalidInput,
        Self::InvalidData,
        Self::Io,
        Self::TimedOut,
        Self::Panicked,
        Self::Incompatible,
        Self::Cancelled,
        Self::Other,
    ];

    /// The code of this kind at the plugin ABI: 1 and up; 0 is success.
    #[must_use]
    pub fn code(self) -> i32 {
        Self::ALL.iter().position(|&k| k == self).map_or(i32::MAX, |i| i as i32 + 1)
    }

    /// The kind of a code; codes that are not known (from a newer side) are [`ErrorKind::Other`].
    #[must_use]
    pub fn from_code(code: i32) -> Self {
        usize::try_from(code)
            .ok()
            .and_then(|c| c.checked_sub(1))
            .and_then(|i| Self::ALL.get(i).copied())
            .unwrap_or(Self::Other)
    }
}

/// An error: what failed, in which context, why, and what to try.
///
/// `Display` prints the outermost context; `{:#}` prints the whole chain on one line.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    /// Innermost first.
    messages: Vec<Cow<'static, str>>,
    source: Option<Box<dyn StdError + Send + Sync>>,
    hint: Option<Cow<'static, str>>,
}

impl Error {
    /// A new error. Messages are sentences without a full stop.
    pub fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Inner { kind, messages: vec![message.into()], source: None, hint: None }))
    }

    /// An error of the system, with the kind that its code implies.
    pub fn io(error: std::io::Error, message: impl Into<Cow<'static, str>>) -> Self {
        let kind = match error.kind() {
            std::io::ErrorKind::NotFound => ErrorKind::NotFound,
            std::io::ErrorKind::PermissionDenied => ErrorKind::PermissionDenied,
            std::io::ErrorKind::TimedOut => ErrorKind::TimedOut,
            std::io::ErrorKind::Unsupported => ErrorKind::Unsupported,
            std::io::ErrorKind::InvalidData => ErrorKind::InvalidData,
            _ => ErrorKind::Io,
        };
        Self::new(kind, message).with_source(error)
    }

    /// Adds what was being done, outside of what is there.
    #[must_use]
    pub fn context(mut self, message: impl Into<Cow<'static, str>>) -> Self {
        self.0.messages.push(message.into());
        self
    }

    /// Sets the cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Sets what to try. An earlier hint stays: it was nearer to the cause.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<Cow<'static, str>>) -> Self {
        self.0.hint.get_or_insert_with(|| hint.into());
        self
    }

    /// The kind.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// What to try, if anything is known.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// This error as an issue of a snapshot: the whole chain and the hint.
    #[must_use]
    pub fn to_issue(&self, severity: Severity) -> Issue {
        Issue {
            severity,
            probe: None,
            message: format!("{self:#}"),
            hint: self.hint().map(Into::into),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut outermost_first = self.0.messages.iter().rev();
        if let Some(first) = outermost_first.next() {
            f.write_str(first)?;
        }
        if f.alternate() {
            for message in outermost_first {
                write!(f, ": {message}")?;
            }
            let mut cause = self.source();
            while let Some(error) = cause {
                write!(f, ": {error}")?;
                cause = error.source();
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {self:#}", self.0.kind)?;
        self.hint().map_or(Ok(()), |hint| write!(f, " (hint: {hint})"))
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|s| s as _)
    }
}

/// Adds context to the error of a result.
pub trait ResultExt<T> {
    /// Says what was being done when it failed.
    fn context(self, message: impl Into<Cow<'static, str>>) -> Result<T>;
    /// The same, made only when it failed.
    fn with_context<M: Into<Cow<'static, str>>>(self, message: impl FnOnce() -> M) -> Result<T>;
}

impl<T> ResultExt<T> for Result<T> {
    fn context(self, message: impl Into<Cow<'static, str>>) -> Result<T> {
        self.map_err(|e| e.context(message))
    }

    fn with_context<M: Into<Cow<'static, str>>>(self, message: impl FnOnce() -> M) -> Result<T> {
        self.map_err(|e| e.context(message()))
    }
}

impl<T> ResultExt<T> for std::io::Result<T> {
    fn context(self, message: impl Into<Cow<'static, str>>) -> Result<T> {
        self.map_err(|e| Error::io(e, message))
    }

    fn with_context<M: Into<Cow<'static, str>>>(self, message: impl FnOnce() -> M) -> Result<T> {
        self.map_err(|e| Error::io(e, message()))
    }
}

/// How much an issue matters to the reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Good to know; nothing is missing.
    Info,
    /// Something is missing or less exact; the rest stands.
    Warning,
    /// A probe or a part of the run failed.
    Error,
}

/// Something that was lost, skipped or is less exact than it looks.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Issue {
    /// How much it matters.
    pub severity: Severity,
    /// The probe that says so; the host fills it in where it is missing.
    #[serde(default)]
    pub probe: Option<String>,
    /// What happened, on what, why.
    pub message: String,
    /// What to try.
    #[serde(default)]
    pub hint: Option<String>,
}

impl Issue {
    /// An issue without probe or hint.
    pub fn new(severity: Severity, message: impl Into<String>) -> Self {
        Self { severity, probe: None, message: message.into(), hint: None }
    }

    /// A piece of information.
    pub fn info(message: impl Into<String>) -> Self {
        Self::new(Severity::Info, message)
    }

    /// A warning.
    pub fn warning(message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, message)
    }

    /// A failure.
    pub fn error(message: impl Into<String>) -> Self {
        Self::new(Severity::Error, message)
    }

    /// Sets what to try.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Codes cross the ABI: they are there and back again the same, and 0 is never an error.
    #[test]
    fn codes_round_trip() {
        for kind in ErrorKind::ALL {
            assert_ne!(kind.code(), 0);
            assert_eq!(ErrorKind::from_code(kind.code()), kind);
        }
        for unknown in [0, -1, 13, i32::MIN, i32::MAX] {
            assert_eq!(ErrorKind::from_code(unknown), ErrorKind::Other);
        }
    }

    /// The chain reads from what was wanted to why it failed.
    #[test]
    fn chain_reads_outside_in() {
        let cause = std::io::Error::from(std::io::ErrorKind::PermissionDenied);
        let error = Error::io(cause, "cannot open /proc/1/smaps")
            .context("reading the mappings of process 1")
            .with_hint("run as the same user")
            .with_hint("this one comes too late");
        assert_eq!(error.kind(), ErrorKind::PermissionDenied);
        assert_eq!(error.to_string(), "reading the mappings of process 1");
        assert_eq!(
            format!("{error:#}"),
            "reading the mappings of process 1: cannot open /proc/1/smaps: permission denied"
        );
        assert_eq!(error.hint(), Some("run as the same user"));
        let issue = error.to_issue(Severity::Warning);
        assert_eq!(issue.message, format!("{error:#}"));
        assert_eq!(issue.hint.as_deref(), Some("run as the same user"));
    }
}
