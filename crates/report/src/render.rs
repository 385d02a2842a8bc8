//! What all forms have in common.

use std::fmt;
use std::io::{self, Write};
use std::str::FromStr;

use diff::TableTrend;

use crate::json::Json;
use crate::markdown::Markdown;
use crate::model::{CompareReport, DiffReport, Report};
use crate::text::Text;

/// Turns reports and tables into one form.
pub trait Renderer {
    /// Writes a report.
    ///
    /// # Errors
    /// When `out` fails.
    fn render(&self, report: &Report, out: &mut dyn Write) -> io::Result<()>;

    /// Writes two recordings, compared.
    ///
    /// # Errors
    /// When `out` fails.
    fn render_diff(&self, diff: &DiffReport, out: &mut dyn Write) -> io::Result<()>;

    /// Writes two commands, run in turn and compared.
    ///
    /// # Errors
    /// When `out` fails.
    fn render_comparison(&self, report: &CompareReport, out: &mut dyn Write) -> io::Result<()>;

    /// Writes tables over a series.
    ///
    /// # Errors
    /// When `out` fails.
    fn render_trends(&self, trends: &[TableTrend], out: &mut dyn Write) -> io::Result<()>;
}

/// The forms of a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Format {
    /// For people at a terminal.
    #[default]
    Text,
    /// For programs: `docs/report.md`.
    Json,
    /// For issue trackers.
    Markdown,
}

impl Format {
    /// All forms.
    pub const ALL: [Self; 3] = [Self::Text, Self::Json, Self::Markdown];

    /// The name as it stands in options.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
            Self::Markdown => "markdown",
        }
    }

    /// The renderer of this form. `style` matters to text alone.
    #[must_use]
    pub fn renderer(self, style: Style) -> Box<dyn Renderer> {
        match self {
            Self::Text => Box::new(Text::new(style)),
            Self::Json => Box::new(Json),
            Self::Markdown => Box::new(Markdown),
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|f| f.name() == name).ok_or_else(|| {
            let all = Self::ALL.map(Self::name).join(", ");
            format!("unknown format `{}`, expected one of {all}", name.escape_debug())
        })
    }
}

/// How text looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Columns; less than [`Style::MIN_WIDTH`] counts as that.
    pub width: usize,
    /// Nothing beyond ASCII: for terminals and logs that cannot show it.
    pub ascii: bool,
    /// Colours and bold type, as terminal escapes.
    pub colour: bool,
}

impl Style {
    /// The narrowest page on which a report can be read.
    pub const MIN_WIDTH: usize = 40;
}

impl Default for Style {
    fn default() -> Self {
        Self { width: 100, ascii: false, colour: false }
    }
}
