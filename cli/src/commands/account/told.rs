//! The account of a process for people and for programs.

use std::fmt::Write as _;

use ::diff::human;
use diagnose::account::{Account, AccountGrowth, AccountRow, growth, part};
use probe::{Column, Role, Table, Unit, Values};
use serde_json::json;

use super::look::Look;
use crate::args::{AccountArgs, Format};
use crate::clock;
use crate::commands::answer::{in_form, remarks};
use crate::exit::Failure;
use crate::output::harmless;

/// What grew, by part and by row.
pub(super) struct Grown {
    parts: Vec<AccountGrowth>,
    rows: Vec<AccountGrowth>,
    rss: Option<i64>,
}

impl Grown {
    pub(super) fn between(first: &Look, last: &Look, seconds: f64) -> Self {
        let (a, b) = (&first.account, &last.account);
        let rss = a.rss.zip(b.rss).map(|(a, b)| b as i64 - a as i64);
        Self {
            parts: growth(&a.parts(), &b.parts(), seconds),
            rows: growth(&a.rows, &b.rows, seconds),
            rss,
        }
    }
}

/// What is told.
pub(super) struct Answer {
    pub(super) last: Look,
    pub(super) seconds: f64,
    pub(super) growth: Option<Grown>,
}

impl Answer {
    pub(super) fn document(&self) -> Result<String, Failure> {
        let Look { target, taken, pause, issues, account, .. } = &self.last;
        let mut document = json!({
            "schema": "memprobe.account/1",
            "target": target,
            "taken": taken,
            "paused_ns": pause.map_or(0, |pause| pause.1),
            "rss": account.rss,
            "uss": account.uss,
            "shared": account.shared,
            "sum": account.sum(),
            "difference": account.difference(),
            "uss_difference": account.uss_difference(),
            "unknown": account.of_part(part::UNKNOWN),
            "parts": account.parts(),
            "rows": account.rows,
            "beside": account.beside,
            "issues": issues,
        });
        if let (Some(grown), Some(map)) = (&self.growth, document.as_object_mut()) {
            map.insert("seconds".into(), json!(self.seconds));
            map.insert("rss_growth".into(), json!(grown.rss));
            map.insert("parts_growth".into(), json!(grown.parts));
            map.insert("growth".into(), json!(grown.rows));
        }
        Ok(document.to_string() + "\n")
    }

    pub(super) fn text(&self, args: &AccountArgs) -> String {
        let gap = if args.format == Format::Markdown { "  \n" } else { "\n" };
        let lines = |lines: Vec<String>| -> String {
            lines.iter().map(|line| harmless(line) + gap).collect()
        };
        let show =
            |table: Table, rows| in_form(&table, args.format, rows).trim_end().to_owned() + "\n";
        let account = &self.last.account;
        let mut parts = vec![lines(self.head())];
        if let Some(grown) = &self.growth {
            parts.push(lines(vec![self.grown(grown)]));
            parts.push(show(growth_table("where the growth is", &grown.parts), args.rows));
            parts.push(show(growth_table("what grew", &grown.rows), args.rows));
        }
        parts.push(show(table("resident memory", &account.parts(), account.rss), usize::MAX));
        parts.push(show(table("largest of them", &account.rows, account.rss), args.rows));
        parts.push(lines(balance(account)));
        parts.push(remarks(&self.last.issues));
        parts.retain(|part| !part.trim().is_empty());
        parts.join("\n")
    }

    /// Of which process it is, and what it cost that.
    fn head(&self) -> Vec<String> {
        let Look { target, taken, pause, .. } = &self.last;
        let mut text = format!("process {}", target.pid);
        if let Some(python) = &target.python {
            let _ = write!(text, ", Python {python}");
        }
        let _ = write!(text, ", {}", clock::rfc3339(taken.unix_ns));
        let pause = pause.map(|(by, ns)| {
            format!("paused for {} ({})", human::duration(ns as f64 / 1e9), by.name())
        });
        vec![text, pause.unwrap_or_else(|| "not paused: it ran on while it was read".into())]
    }

    fn grown(&self, grown: &Grown) -> String {
        let time = human::duration(self.seconds);
        match grown.rss {
            Some(rss) => format!("in {time} the RSS went {}", signed(rss)),
            None => format!("growth in {time}"),
        }
    }
}

/// Both sides and what is between them.
fn balance(account: &Account) -> Vec<String> {
    let mut lines = Vec::new();
    let bytes = |bytes: u64| human::bytes(bytes as f64);
    if let (Some(rss), Some(difference)) = (account.rss, account.difference()) {
        lines.push(format!(
            "RSS {}, the rows add up to {}: {}",
            bytes(rss),
            bytes(account.sum()),
            apart(difference, rss)
        ));
    }
    if let (Some(uss), Some(shared), Some(difference)) =
        (account.uss, account.shared, account.uss_difference())
    {
        lines.push(format!(
            "USS {}, the rows without the {} that other processes have mapped too: {}",
            bytes(uss),
            bytes(shared),
            apart(difference, uss)
        ));
    }
    if let Some(rss) = account.rss.filter(|&rss| rss > 0) {
        let unknown = account.of_part(part::UNKNOWN);
        let share = percent(unknown as f64 / rss as f64);
        lines.push(format!("unknown: {}, {share} of the RSS", bytes(unknown)));
    }
    let beside: Vec<String> =
        account.beside.iter().map(|b| format!("{} {}", b.name, bytes(b.bytes))).collect();
    if !beside.is_empty() {
        lines.push(format!("not in the RSS: {}", beside.join(", ")));
    }
    lines
}

/// A difference in words.
fn apart(difference: i64, whole: u64) -> String {
    if difference == 0 {
        return "no difference".into();
    }
    let size = difference.unsigned_abs();
    let side = if difference > 0 { "in no row" } else { "too many in rows" };
    format!("{} {side} ({})", human::bytes(size as f64), percent(size as f64 / whole.max(1) as f64))
}

/// A share with at most two decimals.
fn percent(share: f64) -> String {
    human::percent(rounded(share))
}

fn rounded(share: f64) -> f64 {
    (share * 1e4).round() / 1e4
}

fn signed(bytes: i64) -> String {
    let way = if bytes < 0 { "down" } else { "up" };
    format!("{way} by {}", human::bytes(bytes.unsigned_abs() as f64))
}

fn attribute(name: &str, unit: Unit, values: Values) -> Column {
    Column::new(name, unit, Role::Attribute, values)
}

/// The rows for people.
fn table(name: &str, rows: &[AccountRow], rss: Option<u64>) -> Table {
    let whole = rss.filter(|&rss| rss > 0);
    let share = |row: &AccountRow| whole.map(|rss| rounded(row.resident as f64 / rss as f64));
    let mut columns = vec![Column::text_key("part", rows.iter().map(|row| row.part))];
    if rows.iter().any(|row| !row.name.is_empty()) {
        columns.push(Column::text_key("what", rows.iter().map(|row| row.name.clone())));
    }
    columns.extend([
        Column::level("resident", Unit::Bytes, rows.iter().map(|row| Some(row.resident))),
        attribute("of RSS", Unit::Ratio, Values::F64(rows.iter().map(share).collect())),
        Column::level("count", Unit::Count, rows.iter().map(|row| row.count)),
    ]);
    Table::new(name, columns)
}

/// What grew, for people: rows that shrank are in the JSON.
fn growth_table(name: &str, rows: &[AccountGrowth]) -> Table {
    let rows: Vec<&AccountGrowth> = rows.iter().filter(|row| row.bytes > 0).collect();
    let mut columns = vec![Column::text_key("part", rows.iter().map(|row| row.part.clone()))];
    if rows.iter().any(|row| !row.name.is_empty()) {
        columns.push(Column::text_key("what", rows.iter().map(|row| row.name.clone())));
    }
    let number = |of: fn(&AccountGrowth) -> Option<f64>| {
        Values::F64(rows.iter().map(|row| of(row)).collect())
    };
    let counts = Values::I64(rows.iter().map(|row| row.count).collect());
    columns.extend([
        Column::level("growth", Unit::Bytes, rows.iter().map(|r| u64::try_from(r.bytes).ok())),
        attribute("per second", Unit::Bytes, number(|row| Some(row.bytes_per_s))),
        attribute("share", Unit::Ratio, number(|row| row.share.map(rounded))),
        Column::level("resident", Unit::Bytes, rows.iter().map(|row| Some(row.resident))),
        attribute("more of them", Unit::Count, counts),
    ]);
    Table::new(name, columns)
}
