//! Lines of text on a page of some width. Everything that reaches the page is made harmless
//! here, and colours are added after that, so no name can forge them.

use std::borrow::Cow;
use std::io::{self, Write};

use anstyle::{AnsiColor, Style as Ansi};

use super::LABEL;
use crate::clean::{clean, clean_ascii, columns, shorten};
use crate::render::Style;

/// How many times the width of the page a sentence may take: room for any honest one.
const LONGEST: usize = 12;

/// How a piece of text stands out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Paint {
    Plain,
    Heading,
    Bad,
    Good,
    Unsure,
}

impl Paint {
    fn ansi(self) -> Ansi {
        let bold = Ansi::new().bold();
        match self {
            Self::Plain => Ansi::new(),
            Self::Heading => bold,
            Self::Bad => bold.fg_color(Some(AnsiColor::Red.into())),
            Self::Good => bold.fg_color(Some(AnsiColor::Green.into())),
            Self::Unsure => bold.fg_color(Some(AnsiColor::Yellow.into())),
        }
    }
}

/// A page that is being written from top to bottom.
pub(super) struct Page<'a> {
    style: Style,
    out: &'a mut dyn Write,
    empty: bool,
}

impl<'a> Page<'a> {
    pub(super) fn new(style: Style, out: &'a mut dyn Write) -> Self {
        Self { style, out, empty: true }
    }

    pub(super) fn style(&self) -> Style {
        self.style
    }

    /// Text without anything that could harm the terminal.
    pub(super) fn scrub<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if self.style.ascii { clean_ascii(text) } else { clean(text) }
    }

    /// A name, harmless and at most `width` columns long.
    pub(super) fn short(&self, name: &str, width: usize) -> String {
        shorten(&self.scrub(name), width, self.style.ascii).into_owned()
    }

    /// An empty line; none at the top of the page.
    pub(super) fn blank(&mut self) -> io::Result<()> {
        if self.empty { Ok(()) } else { writeln!(self.out) }
    }

    /// The heading of a section.
    pub(super) fn heading(&mut self, text: &str) -> io::Result<()> {
        self.blank()?;
        self.painted(Paint::Heading, text, "")
    }

    /// A sentence, wrapped; `first` and `rest` stand before its lines.
    pub(super) fn wrapped(&mut self, first: &str, rest: &str, text: &str) -> io::Result<()> {
        self.fill(Paint::Plain, first, rest, text)
    }

    /// A sentence that begins with a word that stands out.
    pub(super) fn marked(&mut self, paint: Paint, mark: &str, text: &str) -> io::Result<()> {
        let indent = mark.len() - mark.trim_start().len() + 2;
        self.fill(paint, mark, &" ".repeat(indent), text)
    }

    /// A text with a label on its left.
    pub(super) fn labelled(&mut self, label: &str, text: &str) -> io::Result<()> {
        self.fill(Paint::Plain, &format!("{label:<LABEL$}"), &" ".repeat(LABEL), text)
    }

    /// The same as an item of a list; the label stands before the first only.
    pub(super) fn bullet(&mut self, label: &str, text: &str) -> io::Result<()> {
        let rest = " ".repeat(LABEL + 2);
        self.fill(Paint::Plain, &format!("{label:<LABEL$}- "), &rest, text)
    }

    /// A name with a label on its left, on one line, shortened in the middle.
    pub(super) fn name(&mut self, label: &str, name: &str) -> io::Result<()> {
        let name = self.short(name, self.style.width - LABEL);
        self.painted(Paint::Plain, &format!("{label:<LABEL$}"), &name)
    }

    /// A name that stands out, with a remark at the right edge, or below where there is no room.
    pub(super) fn title(&mut self, first: &str, name: &str, remark: &str) -> io::Result<()> {
        let room = self.style.width - first.len();
        let remark = self.scrub(remark).into_owned();
        let name = self.short(name, room);
        let gap = room.saturating_sub(columns(&name) + columns(&remark));
        if gap >= 2 {
            return self.painted(
                Paint::Heading,
                &format!("{first}{name}"),
                &format!("{}{remark}", " ".repeat(gap)),
            );
        }
        self.painted(Paint::Heading, &format!("{first}{name}"), "")?;
        let indent = " ".repeat(first.len());
        self.wrapped(&indent, &indent, &remark)
    }

    /// A command to paste: never wrapped and never shortened.
    pub(super) fn command(&mut self, command: &str) -> io::Result<()> {
        self.painted(Paint::Heading, &format!("  {command}"), "")
    }

    /// A line, the first part of which stands out. Both parts are made harmless.
    pub(super) fn painted(&mut self, paint: Paint, mark: &str, text: &str) -> io::Result<()> {
        self.empty = false;
        let (mark, text) = (self.scrub(mark), self.scrub(text));
        let text = text.trim_end();
        let mark = if text.is_empty() { mark.trim_end() } else { &mark };
        let ansi = if self.style.colour { paint.ansi() } else { Ansi::new() };
        writeln!(self.out, "{ansi}{mark}{ansi:#}{text}")
    }

    fn fill(&mut self, paint: Paint, first: &str, rest: &str, text: &str) -> io::Result<()> {
        let longest = self.style.width * LONGEST;
        let text = self.short(text, longest);
        let options = textwrap::Options::new(self.style.width)
            .initial_indent(first)
            .subsequent_indent(rest)
            .wrap_algorithm(textwrap::WrapAlgorithm::FirstFit);
        let lines: Vec<String> =
            textwrap::wrap(&text, options).into_iter().map(Cow::into_owned).collect();
        for (n, line) in lines.iter().enumerate() {
            // An indent of blanks alone is dropped from an empty line; nothing stands out then.
            let (mark, text) = match line.strip_prefix(first) {
                Some(text) if n == 0 => (first, text),
                _ => ("", line.as_str()),
            };
            self.painted(paint, mark, text)?;
        }
        Ok(())
    }
}
