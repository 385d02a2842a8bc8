//! The JSON form against its schema, whatever the report holds.

mod common;

use memprobe_report::{Format, Report, Style};
use proptest::prelude::*;
use serde_json::Value;

const SCHEMA: &str = include_str!("../../../docs/report.schema.json");
/// Fields of the document that came after the schema.
const ADDED: [&str; 5] = ["/next", "/unknown", "/series", "/tables", "/check"];

fn json(report: &Report) -> String {
    let mut out = Vec::new();
    Format::Json.renderer(Style::default()).render(report, &mut out).expect("memory");
    String::from_utf8(out).expect("JSON is text")
}

fn schema() -> Value {
    serde_json::from_str(SCHEMA).expect("the schema is JSON")
}

/// What the schema has against a document; nothing, if it is sound.
fn complaints(text: &str) -> Vec<String> {
    let document: Value = serde_json::from_str(text).expect("one document");
    let validator = jsonschema::validator_for(&schema()).expect("a schema");
    validator.iter_errors(&document).map(|e| format!("{}: {e}", e.instance_path())).collect()
}

fn all() -> [Report; 8] {
    [
        common::leak(),
        common::no_leak(),
        common::undecided(),
        common::sawtooth(),
        common::held(),
        common::hostile(),
        common::empty(),
        common::failed_check(),
    ]
}

/// Every report is one document on one line that keeps the contract and reads back the same.
#[test]
fn documents_keep_the_contract() {
    for report in all() {
        let text = json(&report);
        assert!(text.ends_with("}\n") && text.matches('\n').count() == 1, "one line: {text}");
        assert_eq!(complaints(&text), [""; 0]);
        let back: Report = serde_json::from_str(&text).expect("own document");
        assert_eq!(back, report);
    }
}

/// The schema is able to complain: a document with a hole in it is refused.
#[test]
fn the_schema_bites() {
    let text = json(&common::leak()).replace("\"leak\":true", "\"leak\":\"yes\"");
    assert_eq!(complaints(&text).len(), 1);
    let text = json(&common::leak()).replace("\"bytes_total\":", "\"total\":");
    assert_eq!(complaints(&text).len(), 1);
}

/// Model and schema name the same fields: what is required is written, and what is written is
/// described, apart from the additions.
#[test]
fn model_and_schema_agree() {
    fn compare(schema: &Value, value: &Value, path: &str, unknown: &mut Vec<String>) {
        if let (Some(properties), Some(object)) =
            (schema["properties"].as_object(), value.as_object())
        {
            for required in schema["required"].as_array().into_iter().flatten() {
                let name = required.as_str().expect("a name");
                assert!(object.contains_key(name), "{path}/{name} is required and missing");
            }
            for name in properties.keys() {
                assert!(object.contains_key(name), "{path}/{name} is described and never written");
            }
            for (name, value) in object {
                let path = format!("{path}/{name}");
                match properties.get(name) {
                    Some(schema) => compare(schema, value, &path, unknown),
                    None => unknown.push(path),
                }
            }
        }
        for value in value.as_array().into_iter().flatten() {
            compare(&schema["items"], value, path, unknown);
        }
    }
    let mut report = common::held();
    report.issues = common::undecided().issues;
    report.check = common::failed_check().check;
    let document = serde_json::from_str(&json(&report)).expect("one document");
    let mut unknown = Vec::new();
    compare(&schema(), &document, "", &mut unknown);
    unknown.sort();
    let mut added = ADDED;
    added.sort_unstable();
    assert_eq!(unknown, added);
}

/// What is no number never reaches the document, and that is said.
#[test]
fn no_number_is_no_number() {
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let mut report = common::held();
        report.duration_s = bad;
        report.verdict.confidence = bad;
        report.verdict.severity.low = bad;
        report.verdict.severity.time_to_limit_s = Some(bad);
        report.verdict.repeatability.spread = Some(bad);
        report.pauses.max_ms = bad;
        report.findings[0].share = Some(bad);
        report.findings[0].growth.bytes = Some(bad);
        report.findings[0].holders[0].bytes = Some(bad);
        report.series.push((1.0, bad));
        report.tables = common::third_party();
        report.tables[0].rows[0].cells[0].as_mut().expect("a cell").per_s = bad;
        let text = json(&report);
        assert_eq!(complaints(&text), [""; 0]);
        let back: Report = serde_json::from_str(&text).expect("own document");
        let said = &back.issues.last().expect("an issue").message;
        assert_eq!(said, "4 figures of this report were not numbers and are given as 0");
        assert_eq!((back.duration_s, back.verdict.severity.time_to_limit_s), (0.0, None));
        assert_eq!(back.tables[0].rows[0].cells[0], None);
        assert_eq!(back.series.len() + 1, report.series.len());
        // The forms for people get through it as well.
        for format in [Format::Text, Format::Markdown] {
            let mut out = Vec::new();
            format.renderer(Style::default()).render(&report, &mut out).expect("memory");
            assert!(!String::from_utf8(out).expect("text").contains("NaN"));
        }
    }
}

/// A comparison is one document with both verdicts.
#[test]
fn a_comparison_is_a_document() {
    let mut diff = common::difference();
    diff.before.verdict.as_mut().unwrap().severity.low = f64::NAN;
    let mut out = Vec::new();
    Format::Json.renderer(Style::default()).render_diff(&diff, &mut out).expect("memory");
    let document: Value = serde_json::from_slice(&out).expect("one document");
    assert_eq!(document["schema"], "memprobe.diff/1");
    assert_eq!(document["before"]["file"], "before.jsonl");
    assert_eq!(document["before"]["verdict"]["leak"], true);
    assert_eq!(document["before"]["verdict"]["severity"]["low"], 0.0);
    assert_eq!(document["tables"][0]["rows"][0]["state"], "added");
    assert_eq!(document["issues"].as_array().map(Vec::len), Some(2));
}

/// Text in which nothing but the renderer's own may act on a terminal or split a line.
fn text_of(report: &Report, style: Style) -> String {
    let mut out = Vec::new();
    Format::Text.renderer(style).render(report, &mut out).expect("memory");
    String::from_utf8(out).expect("text")
}

/// Colours come only when asked for, and are the only escapes there are.
#[test]
fn colours_only_when_asked() {
    let plain = text_of(&common::hostile(), Style::default());
    assert!(!plain.contains('\u{1b}'));
    let coloured = text_of(&common::hostile(), Style { colour: true, ..Style::default() });
    assert!(coloured.starts_with("\u{1b}[1m\u{1b}[31mLEAK:"), "{coloured:?}");
    let mut rest = coloured.as_str();
    let mut bare = String::new();
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        bare.push_str(before);
        let (code, after) = after.split_once('m').expect("a colour ends with m");
        assert!(["0", "1", "31", "32", "33"].contains(&code), "escape {code:?}");
        rest = after;
    }
    bare.push_str(rest);
    assert_eq!(bare, plain);
}

proptest! {
    /// Whatever a stranger names: text keeps its lines, its width and its alphabet; JSON stays
    /// sound and harmless; Markdown stays harmless.
    #[test]
    fn names_do_no_harm(
        name in "\\PC{0,40}|[\\x00-\\x7f\u{80}-\u{a0}\u{202e}\u{2028}|`<]{0,80}",
        width in 40usize..160,
    ) {
        let mut report = common::held();
        report.target.command.clone_from(&name);
        report.verdict.reason.clone_from(&name);
        report.findings[0].subject.clone_from(&name);
        report.findings[0].place = Some(name.clone());
        report.findings[0].evidence = vec![name.clone()];
        report.findings[0].holders[0].path[0].name = Some(name.clone());
        report.tables = common::third_party();
        report.tables[0].table.clone_from(&name);
        report.tables[0].rows[0].keys[0].clone_from(&name);
        report.next.clear();
        let hostile = |c: char| c != '\n' && memprobe_report::clean(&c.to_string()) != c.to_string();
        let text = text_of(&report, Style { width, ..Style::default() });
        prop_assert!(!text.contains(hostile));
        let too_wide = text.lines().find(|l| unicode_width::UnicodeWidthStr::width(*l) > width);
        prop_assert_eq!(too_wide, None);
        let ascii = text_of(&report, Style { width, ascii: true, colour: false });
        prop_assert!(ascii.is_ascii());
        let json = json(&report);
        prop_assert!(!json.contains(hostile));
        prop_assert_eq!(&serde_json::from_str::<Report>(&json).expect("own document"), &report);
        let mut out = Vec::new();
        Format::Markdown.renderer(Style::default()).render(&report, &mut out).expect("memory");
        prop_assert!(!String::from_utf8(out).expect("text").contains(hostile));
    }
}
