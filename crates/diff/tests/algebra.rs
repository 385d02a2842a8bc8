//! The laws of the table algebra, on tables made at random and by hand.

use memprobe_diff::{RowState, compare, diff, trend};
use probe::{Column, ProbeId, Role, Snapshot, Table, Taken, Target, Unit, Values};
use proptest::prelude::*;

type Row = (u64, Option<u64>, Option<u64>);

fn snapshot(second: u64, rows: &[Row]) -> Snapshot {
    let ns = second * 1_000_000_000;
    let taken = Taken { unix_ns: 1_000_000_000_000 + ns, monotonic_ns: ns };
    let id = ProbeId { name: "test".into(), version: "1".into() };
    let mut snapshot = Snapshot::new(id, Target::from_pid(7), taken);
    snapshot.tables.push(table(rows));
    snapshot
}

fn table(rows: &[Row]) -> Table {
    Table::new(
        "things",
        vec![
            Column::id_key("id", rows.iter().map(|r| r.0)),
            Column::level("size", Unit::Bytes, rows.iter().map(|r| r.1)),
            Column::counter("faults", Unit::Count, rows.iter().map(|r| r.2)),
            Column::level("share", Unit::Ratio, rows.iter().map(|r| r.1)),
        ],
    )
}

/// Rows with keys that occur once.
fn rows() -> impl Strategy<Value = Vec<Row>> {
    let row = (any::<Option<u64>>(), any::<Option<u64>>());
    prop::collection::btree_map(0..30_u64, row, 0..20)
        .prop_map(|m| m.into_iter().map(|(k, (a, b))| (k, a, b)).collect())
}

proptest! {
    #[test]
    fn nothing_differs_from_itself(a in rows()) {
        prop_assert!(diff(&snapshot(1, &a), &snapshot(1, &a)).is_empty());
    }

    #[test]
    fn swapping_turns_the_sign(a in rows(), b in rows()) {
        let there = diff(&snapshot(1, &a), &snapshot(3, &b));
        let back = diff(&snapshot(3, &b), &snapshot(1, &a));
        prop_assert_eq!(there.len(), back.len());
        for (x, y) in there.iter().zip(&back) {
            prop_assert_eq!(x.rows.len(), y.rows.len());
            for row in &x.rows {
                let twin = y.rows.iter().find(|r| r.keys == row.keys).expect("the same row");
                let turned = match row.state {
                    RowState::Added => RowState::Gone,
                    RowState::Gone => RowState::Added,
                    RowState::Changed => RowState::Changed,
                };
                prop_assert_eq!(twin.state, turned);
                for (p, q) in row.cells.iter().zip(&twin.cells) {
                    prop_assert_eq!(p.map(|d| d.change), q.map(|d| -d.change));
                    prop_assert_eq!(p.map(|d| d.before), q.map(|d| d.after));
                }
            }
        }
    }

    /// What was there plus the change is what is there.
    #[test]
    fn before_plus_change_is_after(a in rows(), b in rows()) {
        for row in diff(&snapshot(1, &a), &snapshot(3, &b)).iter().flat_map(|t| &t.rows) {
            let id: u64 = row.keys[0].parse().expect("an id");
            let value = |rows: &[Row], i: usize| {
                let row = rows.iter().find(|r| r.0 == id)?;
                if i == 0 { row.1 } else { row.2 }
            };
            for (i, delta) in row.cells.iter().enumerate() {
                let Some(delta) = delta else { continue };
                let before = value(&a, i).unwrap_or(0);
                let after = value(&b, i).unwrap_or(0);
                prop_assert_eq!(delta.change, (i128::from(after) - i128::from(before)) as f64);
            }
        }
    }

    #[test]
    fn the_order_of_rows_is_irrelevant(a in rows(), b in rows(), by in 0..20_usize) {
        let turned = |rows: &[Row]| {
            let mut rows = rows.to_vec();
            let n = rows.len();
            if n > 0 { rows.rotate_left(by % n); }
            rows.reverse();
            rows
        };
        let (a2, b2) = (turned(&a), turned(&b));
        prop_assert_eq!(diff(&snapshot(1, &a), &snapshot(3, &b)), diff(&snapshot(1, &a2), &snapshot(3, &b2)));
        let straight = trend(&[&snapshot(1, &a), &snapshot(3, &b), &snapshot(4, &a)]);
        let mixed = trend(&[&snapshot(1, &a2), &snapshot(3, &b2), &snapshot(4, &a2)]);
        prop_assert_eq!(straight, mixed);
    }
}

#[test]
fn rows_are_joined_subtracted_and_ranked() {
    let before =
        snapshot(10, &[(1, Some(100), Some(5)), (2, Some(50), None), (3, Some(7), Some(9))]);
    let after =
        snapshot(12, &[(2, Some(90), Some(1)), (4, Some(500), Some(8)), (3, Some(7), Some(9))]);
    let tables = diff(&before, &after);
    let rows = &tables[0].rows;
    let names: Vec<_> = tables[0].measures.iter().map(|m| m.name.as_str()).collect();
    assert_eq!(names, ["size", "faults"], "a share is never subtracted");
    let seen: Vec<_> = rows.iter().map(|r| (r.keys[0].as_str(), r.state)).collect();
    assert_eq!(
        seen,
        [("4", RowState::Added), ("2", RowState::Changed), ("1", RowState::Gone)],
        "most growth first, row 3 did not change"
    );
    let size = rows[1].cells[0].expect("known on both sides");
    assert_eq!((size.change, size.per_s), (40.0, Some(20.0)));
    assert_eq!(rows[1].cells[1], None, "missing is not zero");
    let faults = rows[2].cells[1].expect("the row is gone");
    assert_eq!((faults.change, faults.per_s), (-5.0, None), "a counter that ended has no rate");
}

#[test]
fn the_largest_numbers_do_not_overflow() {
    let all = [(1, Some(u64::MAX), None), (1, Some(u64::MAX), None)];
    let tables = diff(&snapshot(1, &all), &snapshot(2, &[(1, Some(0), None)]));
    let delta = tables[0].rows[0].cells[0].expect("known");
    assert_eq!(delta.change, -2.0 * u64::MAX as f64, "rows of the same key are summed");
}

#[test]
fn tables_that_do_not_fit_are_named() {
    let before = snapshot(1, &[(1, Some(1), None)]);
    let mut after = snapshot(2, &[(1, Some(2), None)]);
    after.tables[0].columns[0].name = "other".into();
    after.tables.push(Table::new("new", vec![]));
    let out = compare(&before, &after);
    assert!(out.tables.is_empty());
    let said: Vec<_> = out.issues.iter().map(|i| i.message.as_str()).collect();
    assert_eq!(
        said,
        [
            "table `things` cannot be compared: its keys are [id] in the earlier snapshot and \
             [other] in the later one",
            "table `new` is only in the later snapshot, so it is not compared",
        ]
    );
    let mut other = snapshot(2, &[(1, Some(2), None)]);
    other.tables[0].columns[1].unit = Unit::Count;
    let out = compare(&before, &other);
    assert!(out.issues[0].message.contains("column `size` cannot be compared"), "{:?}", out.issues);
}

/// After a reboot the steady clock starts again; the calendar then tells the time.
#[test]
fn a_reboot_between_is_noticed() {
    let before = snapshot(5_000_000, &[(1, Some(1), None)]);
    let mut after = snapshot(5_000_100, &[(1, Some(101), None)]);
    after.taken.monotonic_ns = 3;
    assert_eq!(compare(&before, &after).elapsed_s, Some(100.0));
}

#[test]
fn keys_without_a_value_and_fractions_are_tolerated() {
    let make = |second, value: f64| {
        let mut s = snapshot(second, &[]);
        let key =
            Column::new("k", Unit::None, Role::Key, Values::Text(vec![None, Some(String::new())]));
        let values = Values::F64(vec![Some(value), Some(f64::NAN)]);
        s.tables =
            vec![Table::new("f", vec![key, Column::new("v", Unit::Bytes, Role::Level, values)])];
        s
    };
    let tables = diff(&make(1, 1.5), &make(2, 4.0));
    assert_eq!(tables[0].rows[0].cells[0].expect("known").change, 2.5);
}

#[test]
fn a_trend_follows_rows_that_come_and_go() {
    let series: Vec<Snapshot> = (0..10)
        .map(|i| {
            let mut rows = vec![(1, Some(1000 + 100 * i), Some(3 * i)), (2, Some(5), None)];
            if i >= 8 {
                rows.push((3, Some(64), Some(2)));
            }
            snapshot(i, &rows)
        })
        .collect();
    let tables = trend(&series.iter().collect::<Vec<_>>());
    let table = &tables[0];
    assert_eq!((table.probe.as_str(), table.unchanged), ("test", 1));
    let ids: Vec<_> = table.rows.iter().map(|r| r.keys[0].as_str()).collect();
    assert_eq!(ids, ["1", "3"]);
    let grows = table.rows[0].cells[0].expect("known");
    assert_eq!((grows.first, grows.last, grows.per_s), (1000.0, 1900.0, 100.0));
    assert_eq!((grows.rising, grows.samples), (1.0, 10));
    let late = table.rows[1].cells[0].expect("known");
    assert_eq!((late.first, late.last, late.samples), (0.0, 64.0, 10));
    assert_eq!(table.rows[1].cells[1].expect("known").samples, 2, "a counter has no value before");
}
