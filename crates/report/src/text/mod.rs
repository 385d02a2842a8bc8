//! The report for a person at a terminal, perhaps at night, who does not know the tool: the
//! answer first, then how bad it is, what grows, what is not known, and what to do next.

mod grid;
mod page;

use std::io::{self, Write};

use diagnose::Verdict;
use diff::{TableTrend, human};
use probe::{Finding, Issue, Severity};

use self::page::{Page, Paint};
use crate::comparison;
use crate::model::{CompareReport, DiffReport, NextStep, Report};
use crate::render::{Renderer, Style};
use crate::spark::sparkline_over_time;
use crate::table::table_text;
use crate::view::{self, View};
use crate::whereabouts;
use crate::words::{self, Tone};

/// Rows of a table in a report.
const REPORT_ROWS: usize = 5;
/// Rows of a table where the tables are all there is.
const TABLE_ROWS: usize = 20;
/// Findings that are told in full; the others get one line.
const FULL_FINDINGS: usize = 5;
/// Ways of holding that are shown of each finding.
const HOLDERS: usize = 3;
/// Sentences of evidence that are shown of each finding.
const EVIDENCE: usize = 6;
/// Issues that are shown.
const ISSUES: usize = 10;
/// Columns of the labels on the left.
const LABEL: usize = 12;
/// The longest curve.
const CURVE: usize = 60;

/// Renders text.
#[derive(Clone, Copy, Debug, Default)]
pub struct Text {
    style: Style,
}

impl Text {
    /// Text in this style.
    #[must_use]
    pub fn new(style: Style) -> Self {
        let width = style.width.max(Style::MIN_WIDTH);
        Self { style: Style { width, ..style } }
    }
}

impl Renderer for Text {
    fn render(&self, report: &Report, out: &mut dyn Write) -> io::Result<()> {
        let mut page = Page::new(self.style, out);
        check(&mut page, report)?;
        headline(&mut page, "", &report.verdict)?;
        context(&mut page, report)?;
        figures(&mut page, report)?;
        whereabouts(&mut page, report)?;
        findings(&mut page, report)?;
        tables(&mut page, report)?;
        unknown(&mut page, report)?;
        issues(&mut page, &report.issues)?;
        next(&mut page, &report.next)
    }

    fn render_diff(&self, diff: &DiffReport, out: &mut dyn Write) -> io::Result<()> {
        let mut page = Page::new(self.style, out);
        for (label, side) in [("before", &diff.before), ("after", &diff.after)] {
            page.name(label, &side.file)?;
            if !side.about.is_empty() {
                page.wrapped("  ", "  ", &side.about)?;
            }
            let Some(verdict) = &side.verdict else { continue };
            headline(&mut page, "  ", verdict)?;
            let figure = words::figures(verdict).into_iter().next();
            figure.map_or(Ok(()), |(label, text)| page.labelled(&format!("  {label}"), &text))?;
        }
        let views: Vec<View> =
            diff.tables.iter().filter_map(|d| view::difference(d, TABLE_ROWS)).collect();
        page.heading("What differs")?;
        only_tables(&mut page, &views, "Nothing differs.")?;
        issues(&mut page, &diff.issues)
    }

    fn render_comparison(&self, report: &CompareReport, out: &mut dyn Write) -> io::Result<()> {
        let mut page = Page::new(self.style, out);
        let headline = comparison::headline(report);
        page.marked(paint(headline.tone), &format!("{}: ", headline.word), &headline.rest)?;
        page.wrapped("  ", "  ", &report.verdict.reason)?;
        page.blank()?;
        page.name("A", &report.a.command)?;
        page.name("B", &report.b.command)?;
        for (label, text) in comparison::context(report) {
            page.labelled(label, &text)?;
        }
        for table in [comparison::measures(report), comparison::runs(report)] {
            page.blank()?;
            let text = table_text(&table, usize::MAX);
            text.lines().try_for_each(|line| page.painted(Paint::Plain, "", line))?;
        }
        issues(&mut page, &report.issues)?;
        next(&mut page, &report.next)
    }

    fn render_trends(&self, trends: &[TableTrend], out: &mut dyn Write) -> io::Result<()> {
        let views: Vec<View> = trends.iter().filter_map(|t| view::trend(t, TABLE_ROWS)).collect();
        only_tables(&mut Page::new(self.style, out), &views, "Nothing grows.")
    }
}

fn check(page: &mut Page<'_>, report: &Report) -> io::Result<()> {
    let Some(check) = &report.check else { return Ok(()) };
    let paint = match check.passed {
        Some(true) => Paint::Good,
        Some(false) => Paint::Bad,
        None => Paint::Unsure,
    };
    page.marked(paint, "CHECK ", &check.message)
}

fn paint(tone: Tone) -> Paint {
    match tone {
        Tone::Bad => Paint::Bad,
        Tone::Good => Paint::Good,
        Tone::Unsure => Paint::Unsure,
    }
}

fn headline(page: &mut Page<'_>, indent: &str, verdict: &Verdict) -> io::Result<()> {
    let headline = words::headline(verdict);
    page.marked(paint(headline.tone), &format!("{indent}{}: ", headline.word), &headline.rest)?;
    if verdict.reason.is_empty() {
        return Ok(());
    }
    let indent = format!("{indent}  ");
    page.wrapped(&indent, &indent, &verdict.reason)
}

fn context(page: &mut Page<'_>, report: &Report) -> io::Result<()> {
    page.blank()?;
    if !report.target.command.is_empty() {
        page.name("command", &report.target.command)?;
    }
    for (label, text) in words::context(report) {
        page.labelled(label, &text)?;
    }
    Ok(())
}

fn figures(page: &mut Page<'_>, report: &Report) -> io::Result<()> {
    page.blank()?;
    for (label, text) in words::figures(&report.verdict) {
        page.labelled(label, &text)?;
    }
    let (Some(first), Some(last)) = (report.series.first(), report.series.last()) else {
        return Ok(());
    };
    let (from, to) = (human::bytes(first.1), human::bytes(last.1));
    let style = page.style();
    let room = style.width.saturating_sub(LABEL + from.len() + to.len() + 2).min(CURVE);
    let curve = sparkline_over_time(&report.series, room, style.ascii);
    page.labelled("memory", &format!("{from} {curve} {to}"))
}

fn whereabouts(page: &mut Page<'_>, report: &Report) -> io::Result<()> {
    let sentences = whereabouts::sentences(report);
    if sentences.is_empty() {
        return Ok(());
    }
    page.heading(whereabouts::HEADING)?;
    sentences.iter().try_for_each(|sentence| page.wrapped("  - ", "    ", sentence))
}

fn findings(page: &mut Page<'_>, report: &Report) -> io::Result<()> {
    if report.findings.is_empty() {
        if report.verdict.leak == Some(true) {
            page.heading("What grows")?;
            page.wrapped("  ", "  ", "Nothing that was looked at explains the growth.")?;
        }
        return Ok(());
    }
    page.heading("What grows")?;
    for (n, finding) in report.findings.iter().enumerate() {
        if n < FULL_FINDINGS {
            full_finding(page, n + 1, finding)?;
        } else {
            short_finding(page, n + 1, finding)?;
        }
    }
    Ok(())
}

fn short_finding(page: &mut Page<'_>, number: usize, finding: &Finding) -> io::Result<()> {
    let growth = words::growth(&finding.growth).map_or_else(String::new, |g| format!("{g}, "));
    page.title(
        &format!("{number:>2}. "),
        &finding.subject,
        &format!("{growth}{}", words::weight(finding)),
    )
}

fn full_finding(page: &mut Page<'_>, number: usize, finding: &Finding) -> io::Result<()> {
    page.title(&format!("{number:>2}. "), &finding.subject, &words::weight(finding))?;
    let kind = format!("{} ({})", words::kind(finding.kind), finding.kind.name());
    page.labelled("  what", &kind)?;
    if let Some(place) = &finding.place {
        page.name("  where", place)?;
    }
    if let Some(growth) = words::growth(&finding.growth) {
        page.labelled("  growth", &growth)?;
    }
    let hidden = finding.evidence.len().saturating_sub(EVIDENCE);
    let mut label = "  because";
    for sentence in finding.evidence.iter().take(EVIDENCE) {
        page.bullet(label, sentence)?;
        label = "";
    }
    if hidden > 0 {
        page.labelled("", &format!("and {hidden} more, see --format json"))?;
    }
    holders(page, finding)?;
    if !finding.advice.is_empty() {
        page.labelled("  do", &finding.advice)?;
    }
    Ok(())
}

fn holders(page: &mut Page<'_>, finding: &Finding) -> io::Result<()> {
    let mut label = "  held by";
    for holder in finding.holders.iter().take(HOLDERS) {
        let (path, held) = words::holder(holder, page.style().ascii);
        let held = if held.is_empty() { held } else { format!(": {held}") };
        page.bullet(label, &format!("{path}{held}"))?;
        label = "";
    }
    let hidden = finding.holders.len().saturating_sub(HOLDERS);
    if hidden > 0 {
        page.labelled("", &format!("and in {hidden} more ways, see --format json"))?;
    }
    Ok(())
}

fn tables(page: &mut Page<'_>, report: &Report) -> io::Result<()> {
    let views: Vec<View> =
        report.tables.iter().filter_map(|t| view::trend(t, REPORT_ROWS)).collect();
    if report.tables.is_empty() {
        return Ok(());
    }
    page.heading("Growing rows of all tables")?;
    for view in &views {
        grid::table(page, view)?;
    }
    let still = report.tables.len() - views.len();
    match still {
        0 => Ok(()),
        1 => page.wrapped("  ", "  ", "Nothing grows in 1 table."),
        _ => page.wrapped("  ", "  ", &format!("Nothing grows in {still} tables.")),
    }
}

fn unknown(page: &mut Page<'_>, report: &Report) -> io::Result<()> {
    if report.unknown.is_empty() {
        return Ok(());
    }
    page.heading(&format!("Not known at level {}", report.level.name()))?;
    report.unknown.iter().try_for_each(|sentence| page.wrapped("  - ", "    ", sentence))
}

fn issues(page: &mut Page<'_>, issues: &[Issue]) -> io::Result<()> {
    let different = words::issues(issues);
    if different.is_empty() {
        return Ok(());
    }
    page.heading("Issues")?;
    for (issue, times) in different.iter().take(ISSUES) {
        let paint = match issue.severity {
            Severity::Error => Paint::Bad,
            Severity::Warning => Paint::Unsure,
            Severity::Info => Paint::Plain,
        };
        let label = format!("  {}: ", words::gravity(issue.severity));
        page.marked(paint, &label, &words::issue(issue, *times))?;
    }
    let hidden = different.len().saturating_sub(ISSUES);
    if hidden > 0 {
        page.wrapped("  ", "  ", &format!("and {hidden} more, see --format json"))?;
    }
    Ok(())
}

fn next(page: &mut Page<'_>, steps: &[NextStep]) -> io::Result<()> {
    if steps.is_empty() {
        return Ok(());
    }
    page.heading("Run next")?;
    for step in steps {
        page.command(&step.command)?;
        page.wrapped("      ", "      ", &step.why)?;
    }
    Ok(())
}

fn only_tables(page: &mut Page<'_>, views: &[View], none: &str) -> io::Result<()> {
    if views.is_empty() {
        return page.wrapped("", "", none);
    }
    views.iter().try_for_each(|view| grid::table(page, view))
}
