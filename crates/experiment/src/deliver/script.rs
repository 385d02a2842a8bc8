//! The text that runs in the target, and what it reports.

use std::fmt::Write;

/// What surrounds the code of an experiment: it catches everything, reports, and leaves nothing.
const WRAPPER: &str = include_str!("wrapper.py");
/// A report longer than this is cut, bytes.
pub(super) const MOST_REPORT: u64 = 16 << 20;
/// What begins on a page begins at a multiple of this.
const PAGE: u64 = 4096;

/// Where the text is to run, and where it reports to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Where {
    /// The number of the process as itself knows it.
    pub(super) pid: u64,
    /// Its file for the reports.
    pub(super) fd: u64,
    /// The inode of that.
    pub(super) inode: u64,
}

/// A text, and the place of the reports behind it.
#[derive(Clone, Debug)]
pub(super) struct Script {
    pub(super) text: Vec<u8>,
    /// Where the reports begin in the file that has the text at its start.
    pub(super) reports: u64,
}

/// Wraps the code of an experiment. It leaves no name in the module in which it is run, and
/// nothing but ASCII is in it.
pub(super) fn wrap(code: &str, place: Where) -> Script {
    let source = literal(code);
    // The place of the reports depends on the length, which has the place in it: leave room.
    let reports = ((WRAPPER.len() + source.len()) as u64 * 2 + 2 * PAGE).next_multiple_of(PAGE);
    let wrapper = WRAPPER
        .replace("PID", &place.pid.to_string())
        .replace("FD", &place.fd.to_string())
        .replace("INODE", &place.inode.to_string())
        .replace("PLACE", &reports.to_string())
        .replace("SOURCE", &source);
    let text = format!(
        "__import__('builtins').exec(compile({}, '<memprobe>', 'exec'), \
         {{'__builtins__': __import__('builtins')}})\n\0",
        literal(&wrapper)
    );
    debug_assert!(text.len() as u64 <= reports);
    Script { text: text.into_bytes(), reports }
}

/// A string literal of Python.
fn literal(text: &str) -> String {
    let mut literal = String::with_capacity(text.len() + 2);
    literal.push('\'');
    for c in text.chars() {
        let _ = match c {
            '\n' => literal.write_str("\\n"),
            '\'' | '\\' => write!(literal, "\\{c}"),
            ' '..='~' => literal.write_char(c),
            _ => write!(literal, "\\U{:08x}", u32::from(c)),
        };
    }
    literal.push('\'');
    literal
}

/// What the text has reported so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Report {
    pub(super) started: bool,
    pub(super) done: bool,
    /// Something is to be undone later, by a thread.
    pub(super) kept: bool,
    /// It was.
    pub(super) undone: bool,
    pub(super) error: Option<String>,
    pub(super) results: Vec<String>,
}

impl Report {
    /// Reads it. A line that is not whole yet is left out.
    pub(super) fn parse(bytes: &[u8]) -> Self {
        let mut report = Self::default();
        let Some(end) = bytes.iter().rposition(|&b| b == b'\n') else { return report };
        for line in bytes[..end].split(|&b| b == b'\n') {
            let Some((kind, rest)) = line.split_first() else { continue };
            let text = || String::from_utf8_lossy(rest).into_owned();
            match kind {
                b'S' => report.started = true,
                b'D' => report.done = true,
                b'K' => report.kept = true,
                b'Q' => report.undone = true,
                b'E' => report.error = Some(text()),
                b'R' => report.results.push(text()),
                _ => {}
            }
        }
        report
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_are_ascii() {
        assert_eq!(literal("a'\\\n\u{e9}\0"), "'a\\'\\\\\\n\\U000000e9\\U00000000'");
    }

    /// The reports begin behind the text, however long that is, and no name is left to fill in.
    #[test]
    fn reports_begin_behind_the_text() {
        let place = Where { pid: u64::MAX, fd: u64::MAX, inode: u64::MAX };
        for code in [String::new(), "\u{1f600}".repeat(10_000), "'".repeat(100_000)] {
            let script = wrap(&code, place);
            assert!((script.text.len() as u64) < script.reports);
            assert!(script.text.is_ascii() && script.text.ends_with(b"\n\0"));
        }
    }

    #[test]
    fn reports_are_read_as_far_as_they_are_whole() {
        let report = Report::parse(b"S\nR{\"a\":1}\nE\xff\nD");
        assert!(report.started && !report.done);
        assert_eq!(report.results, ["{\"a\":1}"]);
        assert_eq!(report.error.as_deref(), Some("\u{fffd}"));
        assert_eq!(Report::parse(b"garbage"), Report::default());
    }
}
