//! Two commands compared: what text and Markdown both say.

use diagnose::comparison::{Contrast, Effect, Measure, RunFigures};
use diff::human;
use probe::{Column, Role, Table, Unit, Values};

use crate::model::{CompareReport, CompareSide};
use crate::words::{Headline, Tone};

/// The first line.
pub(crate) fn headline(report: &CompareReport) -> Headline {
    let what = report.change.as_deref().map_or("what differs between A and B", |change| change);
    let (tone, word, rest) = match report.verdict.effect {
        Effect::Difference => (Tone::Good, "DIFFERENCE", format!("{what} makes a difference")),
        Effect::None => (Tone::Good, "NO DIFFERENCE", format!("{what} makes none that matters")),
        Effect::Undecided => {
            (Tone::Unsure, "UNDECIDED", format!("whether {what} makes a difference is open"))
        }
    };
    Headline { tone, word, rest }
}

/// What was run, each with a label.
pub(crate) fn context(report: &CompareReport) -> Vec<(&'static str, String)> {
    let runs = match (report.a.runs.len(), report.b.runs.len()) {
        (a, b) if a == b => format!("{a} of each, in turn"),
        (a, b) => format!("{a} of A and {b} of B, in turn"),
    };
    let most = human::duration(report.seconds_per_run);
    let all = human::duration(report.duration_s);
    let count = |side: &CompareSide, leak| side.runs.iter().filter(|r| r.leak == leak).count();
    let leaks = |name: &str, side: &CompareSide| {
        let (yes, no) = (count(side, Some(true)), count(side, Some(false)));
        let open = side.runs.len() - yes - no;
        format!("{name}: a leak in {yes} runs, none in {no}, undecided in {open}")
    };
    vec![
        ("runs", format!("{runs}, at most {most} each; {all} in all")),
        ("each alone", format!("{}; {}", leaks("A", &report.a), leaks("B", &report.b))),
    ]
}

/// The measures, the one that decides first.
pub(crate) fn measures(report: &CompareReport) -> Table {
    let rows = &report.verdict.measures;
    let bytes = |of: fn(&Contrast) -> f64| figures(Unit::Bytes, rows.iter().map(|r| Some(of(r))));
    let name = |row: &Contrast| match row.measure {
        Measure::PerEvent => "per event",
        Measure::AtEnd => "at the end",
        Measure::PerSecond => "per second",
        Measure::Peak => "at the peak",
    };
    let effect = |row: &Contrast| match row.effect {
        Effect::Difference => "a difference",
        Effect::None => "none",
        Effect::Undecided => "undecided",
    };
    let share = rows.iter().map(|r| r.relative.map(|share| (share * 1e3).round() / 1e3));
    Table::new(
        "what is compared; the first line decides",
        vec![
            Column::text_key("", rows.iter().map(name)),
            named("A", bytes(|r| r.a)),
            named("B", bytes(|r| r.b)),
            named("B less A", bytes(|r| r.difference)),
            named("from", bytes(|r| r.low)),
            named("to (95 %)", bytes(|r| r.high)),
            named("of A", figures(Unit::Ratio, share)),
            named("does not matter", bytes(|r| r.tolerance)),
            named("it makes", words(rows.iter().map(effect))),
        ],
    )
}

/// All runs, those of A first.
pub(crate) fn runs(report: &CompareReport) -> Table {
    let rows: Vec<(&str, &RunFigures)> = [("A", &report.a), ("B", &report.b)]
        .into_iter()
        .flat_map(|(name, side)| side.runs.iter().map(move |run| (name, run)))
        .collect();
    let bytes = |of: fn(&RunFigures) -> Option<f64>| {
        figures(Unit::Bytes, rows.iter().map(|(_, run)| of(run)))
    };
    let seconds = rows.iter().map(|(_, run)| Some((run.seconds * 1e9).round()));
    let end = |run: &RunFigures| if run.ended { "by itself" } else { "stopped" };
    let mut columns = vec![
        Column::text_key("run", rows.iter().map(|(name, _)| *name)),
        named("seen for", figures(Unit::Ns, seconds)),
        named("per second", bytes(|run| run.bytes_per_s)),
        named("from", bytes(|run| run.low)),
        named("to (95 %)", bytes(|run| run.high)),
    ];
    if rows.iter().any(|(_, run)| run.bytes_per_event.is_some()) {
        columns.push(named("per event", bytes(|run| run.bytes_per_event)));
    }
    columns.push(named("at the end", bytes(|run| Some(run.bytes_at_end))));
    columns.push(named("peak", bytes(|run| Some(run.bytes_peak))));
    columns.push(named("ended", words(rows.iter().map(|(_, run)| end(run)))));
    Table::new("the runs", columns)
}

/// A figure that is no measure: the order of the rows stays.
fn figures(unit: Unit, values: impl Iterator<Item = Option<f64>>) -> Column {
    Column::new("", unit, Role::Attribute, Values::F64(values.collect()))
}

fn words<'a>(words: impl Iterator<Item = &'a str>) -> Column {
    let words = words.map(|word| Some(word.to_owned()));
    Column::new("", Unit::None, Role::Attribute, Values::Text(words.collect()))
}

fn named(name: &str, column: Column) -> Column {
    Column { name: name.into(), ..column }
}
