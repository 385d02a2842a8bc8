//! In which parts of memory the growth is, in sentences.

use diagnose::account::PartGrowth;
use diff::human;

use crate::model::Report;

/// Parts with a smaller share of what grew are left out.
const LEAST_SHARE: f64 = 0.01;
/// Rows that are named of a part.
const NAMED: usize = 2;
/// The heading over them.
pub(crate) const HEADING: &str = "Where the growth is";

/// One sentence for each part that grew by what counts, most first; none where the verdict is
/// that nothing leaks: memory moves between parts all the time.
pub(crate) fn sentences(report: &Report) -> Vec<String> {
    if report.verdict.leak == Some(false) {
        return Vec::new();
    }
    let counts = |part: &&PartGrowth| part.whole.share.is_some_and(|share| share >= LEAST_SHARE);
    report.account.iter().filter(counts).map(sentence).collect()
}

fn sentence(part: &PartGrowth) -> String {
    let whole = &part.whole;
    let bytes = |bytes: i64| human::bytes(bytes as f64);
    let mut text = format!("{}: {} more", whole.part, bytes(whole.bytes));
    if let Some(share) = whole.share {
        let share = human::percent((share * 100.0).round() / 100.0);
        text += &format!(", {share} of what grew, {}/s", human::bytes(whole.bytes_per_s.round()));
    }
    let named = part.largest.iter().filter(|row| row.bytes * 10 >= whole.bytes).take(NAMED);
    let named: Vec<String> =
        named.map(|row| format!("{} {}", row.name, bytes(row.bytes))).collect();
    if !named.is_empty() {
        text += &format!(": {}", named.join(", "));
    }
    text
}
