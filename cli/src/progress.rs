//! The line that shows how it goes, on standard error: redrawn on a terminal, a plain line now
//! and then elsewhere.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use diagnose::Judgement;
use report::{Live, live_line};

/// How often a plain line is written where nothing can be redrawn.
const PLAIN_EVERY: Duration = Duration::from_secs(10);
/// Return to the front of the line and clear it.
const REDRAW: &str = "\r\x1b[2K";

/// The line.
#[derive(Debug)]
pub struct Progress {
    mode: Mode,
    /// Put in front, such as "run 2 of 3".
    label: String,
    next_plain: Instant,
    drawn: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Silent,
    Plain,
    Terminal,
}

impl Progress {
    /// A line that fits where standard error goes.
    #[must_use]
    pub fn new(quiet: bool, label: String) -> Self {
        let mode = if quiet {
            Mode::Silent
        } else if std::io::stderr().is_terminal() {
            Mode::Terminal
        } else {
            Mode::Plain
        };
        Self { mode, label, next_plain: Instant::now() + PLAIN_EVERY, drawn: false }
    }

    /// Shows how far it is.
    pub fn show(&mut self, judgement: &Judgement, elapsed: Duration, limit: Option<Duration>) {
        if self.mode == Mode::Silent
            || (self.mode == Mode::Plain && Instant::now() < self.next_plain)
        {
            return;
        }
        self.next_plain = Instant::now() + PLAIN_EVERY;
        let live = Live { label: &self.label, judgement, elapsed, limit };
        let width = terminal_width();
        let line = live_line(&live, width, self.mode == Mode::Plain);
        let mut stderr = std::io::stderr().lock();
        // Nobody to show it to is no reason to stop.
        let _ = match self.mode {
            Mode::Terminal => write!(stderr, "{REDRAW}{line}"),
            _ => writeln!(stderr, "{line}"),
        };
        let _ = stderr.flush();
        self.drawn = true;
    }

    /// Takes the line away.
    pub fn finish(&mut self) {
        if self.mode == Mode::Terminal && self.drawn {
            let _ = write!(std::io::stderr().lock(), "{REDRAW}");
        }
    }
}

/// Columns of the terminal on standard error or output; 100 where there is none.
#[must_use]
pub fn terminal_width() -> usize {
    let of = |size: rustix::io::Result<rustix::termios::Winsize>| {
        size.ok().map(|s| usize::from(s.ws_col)).filter(|&columns| columns >= 40)
    };
    of(rustix::termios::tcgetwinsize(std::io::stderr()))
        .or_else(|| of(rustix::termios::tcgetwinsize(std::io::stdout())))
        .unwrap_or(100)
}
