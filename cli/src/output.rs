//! Where a report goes, and in which form.

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use probe::{Error, ErrorKind, Result};
use report::{Renderer, Report, Style};

use crate::args::Format;
use crate::progress;

/// Where a report goes. A file is opened before the run, so that a path that cannot be written
/// costs nobody a watch.
#[derive(Debug)]
pub enum Sink {
    /// Standard output.
    Stdout,
    /// Standard error: standard output is the command's.
    Stderr,
    /// A file.
    File(File, PathBuf),
}

impl Sink {
    /// Opens the file, if one was named.
    ///
    /// # Errors
    /// When it exists and is not to be overwritten, or cannot be made.
    pub fn open(path: Option<&Path>, overwrite: bool, fallback: Self) -> Result<Self> {
        let Some(path) = path else { return Ok(fallback) };
        let mut options = OpenOptions::new();
        options.write(true);
        if overwrite {
            options.create(true).truncate(true)
        } else {
            options.create_new(true)
        };
        let file = options.open(path).map_err(|e| {
            let exists = e.kind() == io::ErrorKind::AlreadyExists;
            let hint =
                if exists { "--force overwrites it" } else { "name a file that can be written" };
            Error::io(e, format!("cannot write the report to {}", path.display())).with_hint(hint)
        })?;
        Ok(Self::File(file, path.into()))
    }

    /// Writes the report. One that cannot be written where it should go is printed instead: what
    /// was measured is not lost.
    ///
    /// # Errors
    /// When it could not be written where it should go.
    pub fn write(&mut self, report: &Report, format: Format) -> Result<()> {
        let mut text = Vec::new();
        let renderer = self.renderer(format);
        renderer.render(report, &mut text).map_err(|e| Error::io(e, "cannot render the report"))?;
        self.write_bytes(&text)
    }

    /// Writes what has been rendered.
    ///
    /// # Errors
    /// When it could not be written where it should go.
    pub fn write_bytes(&mut self, text: &[u8]) -> Result<()> {
        match self {
            Self::Stdout => to_stdout(text),
            Self::Stderr => {
                let mut stderr = io::stderr().lock();
                let _ = stderr.write_all(text).and_then(|()| stderr.flush());
                Ok(())
            }
            Self::File(file, path) => {
                file.write_all(text).and_then(|()| file.sync_all()).or_else(|e| {
                    to_stdout(text)?;
                    Err(Error::io(e, format!("cannot write the report to {}", path.display()))
                        .with_hint("it was printed on standard output instead"))
                })
            }
        }
    }

    /// The renderer of a format that fits where it goes.
    #[must_use]
    pub fn renderer(&self, format: Format) -> Box<dyn Renderer> {
        let terminal = match self {
            Self::Stdout => io::stdout().is_terminal(),
            Self::Stderr => io::stderr().is_terminal(),
            Self::File(..) => false,
        };
        renderer(format, terminal)
    }
}

/// The renderer of a format, for a terminal or not.
#[must_use]
pub fn renderer(format: Format, terminal: bool) -> Box<dyn Renderer> {
    let no_colour = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
    let style = Style {
        colour: terminal && !no_colour,
        width: if terminal { progress::terminal_width().min(140) } else { 100 },
        ascii: !is_utf8(),
    };
    let format = match format {
        Format::Text => report::Format::Text,
        Format::Json => report::Format::Json,
        Format::Markdown => report::Format::Markdown,
    };
    format.renderer(style)
}

/// Whether the locale can show more than ASCII. No locale at all (a container) can.
fn is_utf8() -> bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|v| !v.is_empty()));
    locale.is_none_or(|l| {
        let l = l.to_ascii_lowercase();
        l.contains("utf-8") || l.contains("utf8") || l == "c" || l == "posix"
    })
}

/// Several lines, with whatever strangers put into them made harmless.
#[must_use]
pub fn harmless(text: &str) -> String {
    let clean: Vec<_> = text.lines().map(report::clean).collect();
    clean.join("\n")
}

/// Writes lines to standard output, made harmless.
///
/// # Errors
/// When standard output cannot be written.
pub fn lines_to_stdout(text: &str) -> Result<()> {
    to_stdout((harmless(text) + "\n").as_bytes())
}

/// Writes to standard output; a reader that has gone away (`| head`) is no error.
///
/// # Errors
/// When standard output cannot be written for any other reason.
pub fn to_stdout(text: &[u8]) -> Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text).and_then(|()| stdout.flush()) {
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => {
            Err(Error::new(ErrorKind::Io, "cannot write to standard output").with_source(e))
        }
        _ => Ok(()),
    }
}
