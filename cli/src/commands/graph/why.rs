//! Why the collector has not taken garbage, from how it stood when the capture was taken.

use capture::folder::Capture;
use diff::human;
use probe::tables::gc;
use probe::{Table, Value};

/// A line for each reason that holds; none if the capture does not say how the collector stood.
pub(super) fn reasons(capture: &Capture) -> Vec<String> {
    let table = capture.entry(gc::TABLE).and_then(|entry| capture.table(entry));
    table.map_or_else(|_| Vec::new(), |table| of(&table))
}

fn of(table: &Table) -> Vec<String> {
    let rows = || 0..table.rows();
    let mut lines = Vec::new();
    if rows().any(|row| table.value(gc::ENABLED, row) == Value::Bool(false)) {
        lines.push("The collector is off (`gc.disable()`): it frees none of them.".into());
    } else if rows().any(|row| generation(table, row) == Some("0") && never(table, row)) {
        lines.push("Threshold 0 is 0 (`gc.set_threshold(0)`): the collector never runs.".into());
    } else if let Some(standing) = standing(table) {
        lines.push(format!(
            "The collector is on and takes garbage of a generation when its count passes its \
             threshold; it stands at {standing}."
        ));
    }
    let sum = |column| rows().filter_map(|row| number(table, row, column)).sum::<u64>();
    let frozen: u64 = rows()
        .filter(|&row| generation(table, row) == Some("permanent"))
        .filter_map(|row| number(table, row, gc::OBJECTS))
        .sum();
    if frozen > 0 {
        let frozen = human::count(frozen as f64);
        lines.push(format!("{frozen} objects are frozen (`gc.freeze()`): it never looks at them."));
    }
    let listed = sum(gc::GARBAGE);
    if listed > 0 {
        let listed = human::count(listed as f64);
        lines.push(format!("{listed} objects that it could not free are listed in `gc.garbage`."));
    }
    lines
}

/// Where the generations stand: count and threshold of each.
fn standing(table: &Table) -> Option<String> {
    let mut each: Vec<(&str, String)> = (0..table.rows())
        .filter_map(|row| {
            let count = human::count(number(table, row, gc::COUNT)? as f64);
            let threshold = human::count(number(table, row, gc::THRESHOLD)? as f64);
            let generation = generation(table, row)?;
            Some((generation, format!("{count} of {threshold} in generation {generation}")))
        })
        .collect();
    each.sort_unstable();
    let words: Vec<String> = each.into_iter().map(|(_, words)| words).collect();
    (!words.is_empty()).then(|| words.join(", "))
}

fn never(table: &Table, row: usize) -> bool {
    number(table, row, gc::THRESHOLD) == Some(0)
}

fn generation(table: &Table, row: usize) -> Option<&str> {
    match table.value(gc::GENERATION, row) {
        Value::Text(text) => Some(text),
        _ => None,
    }
}

fn number(table: &Table, row: usize, column: &str) -> Option<u64> {
    match table.value(column, row) {
        Value::U64(number) => Some(number),
        Value::I64(number) => u64::try_from(number).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use probe::{Column, Role, Unit, Values};

    fn flag(on: bool) -> Column {
        let values = Values::Bool(vec![Some(on); 2]);
        Column::new(gc::ENABLED, Unit::None, Role::Attribute, values)
    }

    fn collector(enabled: bool, threshold: u64, frozen: u64) -> Table {
        let text = |words: [&str; 2]| words.map(String::from);
        Table::new(
            gc::TABLE,
            vec![
                Column::text_key(gc::GENERATION, text(["0", "permanent"])),
                flag(enabled),
                Column::level(gc::THRESHOLD, Unit::Count, [Some(threshold), None]),
                Column::level(gc::COUNT, Unit::Count, [Some(3), None]),
                Column::level(gc::OBJECTS, Unit::Count, [Some(3), Some(frozen)]),
            ],
        )
    }

    #[test]
    fn each_reason_is_told() {
        let told = |table: &Table| of(table).join(" ");
        assert!(told(&collector(false, 700, 0)).starts_with("The collector is off"));
        assert!(told(&collector(true, 0, 0)).contains("never runs"));
        let on = told(&collector(true, 700, 0));
        assert!(on.contains("3 of 700 in generation 0") && !on.contains("frozen"), "{on}");
        assert!(told(&collector(true, 700, 9)).contains("9 objects are frozen"));
    }
}
