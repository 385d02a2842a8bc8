//! The report as one JSON document on one line: the contract of `docs/report.md`.
//!
//! JSON knows no NaN and no infinity; `serde_json` writes `null` for them, which the schema
//! forbids where a number must stand. So such figures are taken out before, and an issue says so.

use std::io::{self, Write};

use diagnose::Verdict;
use diff::TableTrend;
use probe::{Finding, Issue};
use serde::Serialize;
use serde_json::ser::Formatter;

use crate::clean::is_hostile;
use crate::model::{CompareReport, DiffReport, Report, Side};
use crate::render::Renderer;

/// Renders JSON: exactly one document, on one line.
#[derive(Clone, Copy, Debug, Default)]
pub struct Json;

/// The document of [`Json::render_diff`].
#[derive(Serialize)]
struct DiffDocument<'a> {
    schema: &'static str,
    before: &'a Side,
    after: &'a Side,
    tables: &'a [diff::TableDiff],
    issues: &'a [Issue],
}

/// The document of [`Json::render_trends`].
#[derive(Serialize)]
struct Trends<'a> {
    schema: &'static str,
    tables: &'a [TableTrend],
}

impl Renderer for Json {
    fn render(&self, report: &Report, out: &mut dyn Write) -> io::Result<()> {
        write(&finite_report(report.clone()), out)
    }

    fn render_diff(&self, diff: &DiffReport, out: &mut dyn Write) -> io::Result<()> {
        let DiffReport { mut before, mut after, mut tables, mut issues } = diff.clone();
        let mut lost = 0;
        for side in [&mut before, &mut after] {
            side.verdict.iter_mut().for_each(|verdict| finite_verdict(verdict, &mut lost));
        }
        finite_diffs(&mut tables);
        issues.extend(not_numbers(lost));
        let document = DiffDocument {
            schema: "memprobe.diff/1",
            before: &before,
            after: &after,
            tables: &tables,
            issues: &issues,
        };
        write(&document, out)
    }

    fn render_comparison(&self, report: &CompareReport, out: &mut dyn Write) -> io::Result<()> {
        write(&finite_comparison(report.clone()), out)
    }

    fn render_trends(&self, trends: &[TableTrend], out: &mut dyn Write) -> io::Result<()> {
        let mut tables = trends.to_vec();
        finite_trends(&mut tables);
        write(&Trends { schema: "memprobe.trends/1", tables: &tables }, out)
    }
}

fn write(document: &impl Serialize, out: &mut dyn Write) -> io::Result<()> {
    let mut serializer = serde_json::Serializer::with_formatter(&mut *out, Harmless);
    document.serialize(&mut serializer)?;
    out.write_all(b"\n")
}

/// Compact JSON in which characters that could harm a terminal are written as `\u` escapes.
/// The document means the same.
struct Harmless;

impl Formatter for Harmless {
    fn write_string_fragment<W>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()>
    where
        W: ?Sized + Write,
    {
        let mut rest = fragment;
        while let Some((at, c)) = rest.char_indices().find(|&(_, c)| is_hostile(c)) {
            writer.write_all(&rest.as_bytes()[..at])?;
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(writer, "\\u{unit:04x}")?;
            }
            rest = &rest[at + c.len_utf8()..];
        }
        writer.write_all(rest.as_bytes())
    }
}

/// Takes out what is no number, and says so.
fn finite_report(mut report: Report) -> Report {
    let mut lost = 0;
    number(&mut report.duration_s, &mut lost);
    number(&mut report.pauses.max_ms, &mut lost);
    number(&mut report.pauses.total_ms, &mut lost);
    finite_verdict(&mut report.verdict, &mut lost);
    report.findings.iter_mut().for_each(finite_finding);
    report.series.retain(|(t, v)| t.is_finite() && v.is_finite());
    finite_trends(&mut report.tables);
    report.issues.extend(not_numbers(lost));
    report
}

fn not_numbers(lost: usize) -> Option<Issue> {
    let message = format!("{lost} figures of this report were not numbers and are given as 0");
    (lost > 0).then(|| Issue::warning(message))
}

fn finite_verdict(verdict: &mut Verdict, lost: &mut usize) {
    number(&mut verdict.confidence, lost);
    verdict.confidence = verdict.confidence.clamp(0.0, 1.0);
    let severity = &mut verdict.severity;
    number(&mut severity.bytes_per_s, lost);
    number(&mut severity.low, lost);
    number(&mut severity.high, lost);
    number(&mut severity.bytes_total, lost);
    maybe(&mut severity.bytes_per_event);
    maybe(&mut severity.limit_bytes);
    maybe(&mut severity.time_to_limit_s);
    maybe(&mut verdict.frequency.period_s);
    maybe(&mut verdict.repeatability.spread);
}

fn finite_finding(finding: &mut Finding) {
    let growth = &mut finding.growth;
    maybe(&mut growth.objects);
    maybe(&mut growth.bytes);
    maybe(&mut growth.objects_per_s);
    maybe(&mut growth.bytes_per_s);
    maybe(&mut finding.share);
    finding.share = finding.share.map(|s| s.clamp(0.0, 1.0));
    for holder in &mut finding.holders {
        maybe(&mut holder.objects);
        maybe(&mut holder.bytes);
    }
}

fn finite_trends(trends: &mut [TableTrend]) {
    for cell in trends.iter_mut().flat_map(|t| &mut t.rows).flat_map(|r| &mut r.cells) {
        *cell = cell.filter(|t| [t.first, t.last, t.per_s, t.rising].iter().all(|v| v.is_finite()));
    }
}

fn finite_diffs(diffs: &mut [diff::TableDiff]) {
    for cell in diffs.iter_mut().flat_map(|t| &mut t.rows).flat_map(|r| &mut r.cells) {
        *cell = cell.filter(|d| d.change.is_finite()).map(|d| diff::Delta {
            before: d.before.filter(|v| v.is_finite()),
            after: d.after.filter(|v| v.is_finite()),
            per_s: d.per_s.filter(|v| v.is_finite()),
            ..d
        });
    }
}

fn finite_comparison(mut report: CompareReport) -> CompareReport {
    let mut lost = 0;
    number(&mut report.duration_s, &mut lost);
    number(&mut report.seconds_per_run, &mut lost);
    for run in report.a.runs.iter_mut().chain(&mut report.b.runs) {
        for value in [&mut run.seconds, &mut run.warmup_s, &mut run.bytes_at_end] {
            number(value, &mut lost);
        }
        number(&mut run.bytes_peak, &mut lost);
        for value in [&mut run.bytes_per_s, &mut run.low, &mut run.high] {
            maybe(value);
        }
        maybe(&mut run.bytes_per_event);
        maybe(&mut run.events_per_s);
    }
    for contrast in &mut report.verdict.measures {
        for value in [&mut contrast.a, &mut contrast.b, &mut contrast.difference] {
            number(value, &mut lost);
        }
        for value in [&mut contrast.low, &mut contrast.high, &mut contrast.tolerance] {
            number(value, &mut lost);
        }
        maybe(&mut contrast.relative);
    }
    report.issues.extend(not_numbers(lost));
    report
}

/// A number that must be there.
fn number(value: &mut f64, lost: &mut usize) {
    if !value.is_finite() {
        *value = 0.0;
        *lost += 1;
    }
}

/// A number that may be missing.
fn maybe(value: &mut Option<f64>) {
    *value = value.filter(|v| v.is_finite());
}
