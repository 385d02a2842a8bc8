//! Two commands compared, in all forms.
#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up should stop")]

use memprobe_report::{CompareReport, CompareSide, Format, NextStep, Style, Tool};

use diagnose::compare_runs;
use diagnose::comparison::RunFigures;

const MIB: f64 = 1048576.0;

fn side(command: &str, rates: [f64; 3]) -> CompareSide {
    let run = |&rate: &f64| RunFigures {
        seconds: 30.0,
        leak: Some(rate > 0.0),
        bytes_per_s: Some(rate),
        low: Some(rate - 1000.0),
        high: Some(rate + 1000.0),
        bytes_at_end: 20.0 * MIB + 30.0 * rate,
        bytes_peak: 20.0 * MIB + 30.0 * rate,
        ..RunFigures::default()
    };
    CompareSide { command: command.into(), runs: rates.iter().map(run).collect() }
}

fn report(command: &str) -> CompareReport {
    let a = side(command, [MIB, 1.02 * MIB, 0.98 * MIB]);
    let b = side("python3 fixed.py", [0.0, 0.0, 0.0]);
    CompareReport {
        schema: CompareReport::SCHEMA.into(),
        tool: Tool { name: "memprobe".into(), version: "1".into() },
        started_at: "2026-01-01T00:00:00Z".into(),
        duration_s: 181.0,
        seconds_per_run: 30.0,
        change: None,
        verdict: compare_runs(&a.runs, &b.runs),
        a,
        b,
        issues: Vec::new(),
        next: vec![NextStep { command: "memprobe check".into(), why: "holds it".into() }],
    }
}

fn rendered(report: &CompareReport, format: Format) -> String {
    let style = Style { width: 100, ascii: false, colour: false };
    let mut out = Vec::new();
    format.renderer(style).render_comparison(report, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn for_people() {
    insta::assert_snapshot!(rendered(&report("python3 leaks.py"), Format::Text));
}

#[test]
fn for_an_issue_tracker() {
    insta::assert_snapshot!(rendered(&report("python3 leaks.py"), Format::Markdown));
}

/// Names from strangers do nothing, and what is no number is none in JSON.
#[test]
fn nothing_hostile_gets_through() {
    let mut hostile = report("python3 \u{1b}[2J | `x` <b>");
    hostile.verdict.measures[0].low = f64::NAN;
    hostile.a.runs[0].bytes_per_s = Some(f64::INFINITY);
    for format in Format::ALL {
        assert!(!rendered(&hostile, format).contains('\u{1b}'), "{format}");
    }
    assert!(rendered(&hostile, Format::Markdown).contains("\\|"));
    let json: serde_json::Value = serde_json::from_str(&rendered(&hostile, Format::Json)).unwrap();
    assert_eq!(json["verdict"]["measures"][0]["low"], 0.0);
    assert_eq!(json["a"]["runs"][0]["bytes_per_s"], serde_json::Value::Null);
    assert_eq!(json["issues"][0]["severity"], "warning");
    let back: CompareReport = serde_json::from_value(json).unwrap();
    assert_eq!(back.b, hostile.b);
}
