//! The report for an issue tracker. Names go into code spans, where nothing is markup, a link or
//! a mention; sentences are escaped.

use std::io::{self, Write};

use diff::{TableTrend, human};
use probe::{Finding, Issue};

use crate::clean::{clean, shorten};
use crate::comparison;
use crate::model::{CompareReport, DiffReport, NextStep, Report};
use crate::render::Renderer;
use crate::spark::sparkline_over_time;
use crate::table::table_markdown;
use crate::view::{self, View};
use crate::whereabouts;
use crate::words;

/// Rows of a table in a report.
const REPORT_ROWS: usize = 10;
/// Rows of a table where the tables are all there is.
const TABLE_ROWS: usize = 50;
/// The longest name and the longest sentence, characters.
const NAME: usize = 200;
const SENTENCE: usize = 1500;
/// Holders, and issues, that are listed.
const LISTED: usize = 20;
/// Characters of the curve.
const CURVE: usize = 60;

/// Renders GitHub-flavoured Markdown.
#[derive(Clone, Copy, Debug, Default)]
pub struct Markdown;

impl Renderer for Markdown {
    fn render(&self, report: &Report, out: &mut dyn Write) -> io::Result<()> {
        verdict(report, out)?;
        figures(report, out)?;
        whereabouts(report, out)?;
        findings(report, out)?;
        let views: Vec<View> =
            report.tables.iter().filter_map(|t| view::trend(t, REPORT_ROWS)).collect();
        if !views.is_empty() {
            writeln!(out, "\n## Growing rows of all tables\n")?;
            only_tables(&views, "", out)?;
        }
        lists(report, out)?;
        next(&report.next, out)
    }

    fn render_diff(&self, diff: &DiffReport, out: &mut dyn Write) -> io::Result<()> {
        for (label, side) in [("before", &diff.before), ("after", &diff.after)] {
            write!(out, "- {label} {}", code(&side.file))?;
            if let Some(headline) = side.verdict.as_ref().map(words::headline) {
                write!(out, ": **{}**: {}", headline.word, prose(&headline.rest))?;
            }
            if !side.about.is_empty() {
                write!(out, ": {}", prose(&side.about))?;
            }
            writeln!(out)?;
        }
        writeln!(out, "\n## What differs\n")?;
        let views: Vec<View> =
            diff.tables.iter().filter_map(|d| view::difference(d, TABLE_ROWS)).collect();
        only_tables(&views, "Nothing differs.", out)?;
        issues(&diff.issues, out)
    }

    fn render_comparison(&self, report: &CompareReport, out: &mut dyn Write) -> io::Result<()> {
        let headline = comparison::headline(report);
        writeln!(out, "# {}: {}\n", headline.word, prose(&headline.rest))?;
        writeln!(out, "{}\n\n| | |\n|---|---|", prose(&report.verdict.reason))?;
        for (label, side) in [("A", &report.a), ("B", &report.b)] {
            writeln!(out, "| {label} | {} |", in_table(&code(&side.command)))?;
        }
        for (label, text) in comparison::context(report) {
            writeln!(out, "| {label} | {} |", in_table(&prose(&text)))?;
        }
        for table in [comparison::measures(report), comparison::runs(report)] {
            write!(out, "\n{}", table_markdown(&table, usize::MAX))?;
        }
        issues(&report.issues, out)?;
        next(&report.next, out)
    }

    fn render_trends(&self, trends: &[TableTrend], out: &mut dyn Write) -> io::Result<()> {
        let views: Vec<View> = trends.iter().filter_map(|t| view::trend(t, TABLE_ROWS)).collect();
        only_tables(&views, "Nothing grows.", out)
    }
}

fn verdict(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    if let Some(check) = &report.check {
        writeln!(out, "**Check {}**\n", prose(&check.message))?;
    }
    let headline = words::headline(&report.verdict);
    writeln!(out, "# {}: {}", headline.word, prose(&headline.rest))?;
    match report.verdict.reason.as_str() {
        "" => Ok(()),
        reason => writeln!(out, "\n{}", prose(reason)),
    }
}

fn figures(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "\n| | |\n|---|---|")?;
    if !report.target.command.is_empty() {
        writeln!(out, "| command | {} |", in_table(&code(&report.target.command)))?;
    }
    for (label, text) in words::context(report).into_iter().chain(words::figures(&report.verdict)) {
        writeln!(out, "| {label} | {} |", in_table(&prose(&text)))?;
    }
    if let (Some(first), Some(last)) = (report.series.first(), report.series.last()) {
        let curve = sparkline_over_time(&report.series, CURVE, false);
        let (from, to) = (human::bytes(first.1), human::bytes(last.1));
        writeln!(out, "| memory | {from} {} {to} |", code(&curve))?;
    }
    let tool = &report.tool;
    writeln!(
        out,
        "| reported by | {} |",
        in_table(&prose(&format!("{} {}", tool.name, tool.version)))
    )
}

fn whereabouts(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let sentences = whereabouts::sentences(report);
    if sentences.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n## {}\n", whereabouts::HEADING)?;
    sentences.iter().try_for_each(|sentence| writeln!(out, "- {}", prose(sentence)))
}

fn findings(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    if report.findings.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n## What grows")?;
    report.findings.iter().enumerate().try_for_each(|(n, f)| finding(n + 1, f, out))
}

fn finding(number: usize, finding: &Finding, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "\n### {number}. {}\n", code(&finding.subject))?;
    let kind = finding.kind;
    writeln!(out, "{} ({}); {}\n", words::kind(kind), code(kind.name()), words::weight(finding))?;
    if let Some(place) = &finding.place {
        writeln!(out, "- where: {}", code(place))?;
    }
    if let Some(growth) = words::growth(&finding.growth) {
        writeln!(out, "- growth: {}", prose(&growth))?;
    }
    for sentence in &finding.evidence {
        writeln!(out, "- {}", prose(sentence))?;
    }
    for holder in finding.holders.iter().take(LISTED) {
        let (path, held) = words::holder(holder, false);
        let held = if held.is_empty() { held } else { format!(": {}", prose(&held)) };
        writeln!(out, "- held by {}{held}", code(&path))?;
    }
    let hidden = finding.holders.len().saturating_sub(LISTED);
    if hidden > 0 {
        writeln!(out, "- held in {hidden} more ways")?;
    }
    if finding.advice.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n**Do:** {}", prose(&finding.advice))
}

fn lists(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    if !report.unknown.is_empty() {
        writeln!(out, "\n## Not known at level {}\n", report.level.name())?;
        report.unknown.iter().try_for_each(|s| writeln!(out, "- {}", prose(s)))?;
    }
    issues(&report.issues, out)
}

fn issues(issues: &[Issue], out: &mut dyn Write) -> io::Result<()> {
    let issues = words::issues(issues);
    if issues.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n## Issues\n")?;
    for (issue, times) in issues.iter().take(LISTED) {
        let gravity = words::gravity(issue.severity);
        writeln!(out, "- {gravity}: {}", prose(&words::issue(issue, *times)))?;
    }
    let hidden = issues.len().saturating_sub(LISTED);
    if hidden > 0 { writeln!(out, "- and {hidden} more") } else { Ok(()) }
}

fn next(steps: &[NextStep], out: &mut dyn Write) -> io::Result<()> {
    if steps.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n## Run next")?;
    for step in steps {
        let command = clean(&step.command);
        let fence = "`".repeat(longest_run(&command).max(2) + 1);
        writeln!(out, "\n{fence}sh\n{command}\n{fence}\n\n{}", prose(&step.why))?;
    }
    Ok(())
}

fn only_tables(views: &[View], none: &str, out: &mut dyn Write) -> io::Result<()> {
    if views.is_empty() {
        return writeln!(out, "{none}");
    }
    for (n, view) in views.iter().enumerate() {
        if n > 0 {
            writeln!(out)?;
        }
        table(view, out)?;
    }
    Ok(())
}

fn table(view: &View, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "### {}\n", code(&view.title))?;
    let keys = in_table(&code(&view.keys));
    writeln!(out, "| {keys} | {} |", view.head.get(1..).unwrap_or_default().join(" | "))?;
    let align = |column: usize| if column < 2 { "---" } else { "---:" };
    let line: Vec<&str> = (0..view.head.len()).map(align).collect();
    writeln!(out, "|{}|", line.join("|"))?;
    for cells in &view.lines {
        let cell = |(n, text): (usize, &String)| match n {
            _ if text.is_empty() => String::new(),
            0 | 1 => in_table(&code(text)),
            _ => in_table(&prose(text)),
        };
        let cells: Vec<String> = cells.iter().enumerate().map(cell).collect();
        writeln!(out, "| {} |", cells.join(" | "))?;
    }
    match &view.rest {
        Some(rest) => writeln!(out, "\n{}", prose(rest)),
        None => Ok(()),
    }
}

/// A name as a code span, whatever it holds: the fence is longer than any run of backticks in it.
fn code(name: &str) -> String {
    let name = clean(name);
    let name = shorten(&name, NAME, false);
    let fence = "`".repeat(longest_run(&name) + 1);
    // A blank next to a backtick, or at both ends, is taken off by the reader: put one more.
    let edge = |c: char| c == '`' || c == ' ';
    let pad = if name.starts_with(edge) || name.ends_with(edge) { " " } else { "" };
    if name.trim().is_empty() {
        return "(no name)".into();
    }
    format!("{fence}{pad}{name}{pad}{fence}")
}

fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

/// A sentence in which nothing is markup, HTML or the mention of somebody.
fn prose(text: &str) -> String {
    let text = clean(text);
    let text = shorten(&text, SENTENCE, false);
    let mut out = String::with_capacity(text.len() + 16);
    for (at, c) in text.char_indices() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            // The empty comment keeps the name from being taken for a mention.
            '@' => out.push_str("@<!-- -->"),
            // No address becomes a link by itself.
            ':' if text[at..].starts_with("://") => out.push_str("&#58;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '#' | '!' => {
                out.push('\\');
                out.push(c);
            }
            _ => out.push(c),
        }
    }
    out
}

/// The same within a table, where a bar ends the cell even in a code span, unless an odd number
/// of backslashes stands before it.
fn in_table(markdown: &str) -> String {
    let mut out = String::with_capacity(markdown.len());
    let mut escaped = false;
    for c in markdown.chars() {
        if c == '|' && !escaped {
            out.push('\\');
        }
        escaped = c == '\\' && !escaped;
        out.push(c);
    }
    out
}
