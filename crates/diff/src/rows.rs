//! A table as rows that can be joined: text keys, and the sums of the measures.

use std::collections::HashMap;

use probe::{Column, Table, Unit, Value};

use crate::Measure;

/// The key of a row, one text per key column. A missing key is the empty text.
pub(crate) type Key = Vec<String>;

/// A number that is summed and subtracted without loss and without overflow.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Number {
    /// A whole number; 2^63 values of 64 bits fit.
    Whole(i128),
    /// A fraction.
    Float(f64),
}

impl Number {
    pub(crate) fn of(value: Value<'_>) -> Option<Self> {
        match value {
            Value::U64(v) => Some(Self::Whole(v.into())),
            Value::I64(v) => Some(Self::Whole(v.into())),
            Value::F64(v) if v.is_finite() => Some(Self::Float(v)),
            _ => None,
        }
    }

    pub(crate) fn as_f64(self) -> f64 {
        match self {
            Self::Whole(v) => v as f64,
            Self::Float(v) => v,
        }
    }

    fn plus(self, other: Self) -> Self {
        match (self, other) {
            (Self::Whole(a), Self::Whole(b)) => Self::Whole(a.saturating_add(b)),
            (a, b) => Self::Float(a.as_f64() + b.as_f64()),
        }
    }

    /// `self - before`, exact between whole numbers.
    pub(crate) fn minus(self, before: Self) -> f64 {
        match (self, before) {
            (Self::Whole(a), Self::Whole(b)) => a.saturating_sub(b) as f64,
            (a, b) => a.as_f64() - b.as_f64(),
        }
    }
}

/// Whether the column is subtracted: a level or a counter that is a quantity.
pub(crate) fn is_quantity(column: &Column) -> bool {
    column.role.is_measure() && !matches!(column.unit, Unit::Ratio | Unit::Address)
}

/// The measures of a table that are subtracted.
pub(crate) fn measures(table: &Table) -> Vec<Measure> {
    let measure = |c: &Column| Measure { name: c.name.clone(), unit: c.unit, role: c.role.clone() };
    table.columns.iter().filter(|c| is_quantity(c)).map(measure).collect()
}

/// Names of the key columns in order.
pub(crate) fn key_names(table: &Table) -> Vec<String> {
    table.keys().map(|c| c.name.clone()).collect()
}

/// The rows of a table by their key, with the sums of the named measures. Rows of the same key
/// are summed: such a table says less than its keys promise, but nothing is lost.
pub(crate) fn rows(
    table: &Table,
    keys: &[String],
    measures: &[Measure],
) -> HashMap<Key, Vec<Option<Number>>> {
    let keys: Vec<&Column> = keys.iter().filter_map(|name| table.column(name)).collect();
    let measures: Vec<Option<&Column>> = measures.iter().map(|m| table.column(&m.name)).collect();
    let mut rows: HashMap<Key, Vec<Option<Number>>> = HashMap::with_capacity(table.rows());
    for row in 0..table.rows() {
        let key = keys.iter().map(|column| text(column, row)).collect();
        let sums = rows.entry(key).or_insert_with(|| vec![None; measures.len()]);
        for (sum, column) in sums.iter_mut().zip(&measures) {
            let value = column.and_then(|c| Number::of(c.values.get(row)));
            *sum = match (*sum, value) {
                (Some(a), Some(b)) => Some(a.plus(b)),
                (a, b) => a.or(b),
            };
        }
    }
    rows
}

fn text(column: &Column, row: usize) -> String {
    match column.values.get(row) {
        Value::Missing => String::new(),
        Value::Bool(v) => v.to_string(),
        Value::U64(v) if column.unit == Unit::Address => format!("{v:#x}"),
        Value::U64(v) => v.to_string(),
        Value::I64(v) => v.to_string(),
        Value::F64(v) => v.to_string(),
        Value::Text(v) => v.to_owned(),
    }
}

/// The measure by which rows are ranked: resident bytes where the table has them, else the
/// first bytes, else the first measure. Address space comes before resident bytes in some
/// tables and is the weaker sign.
pub(crate) fn main_measure(measures: &[Measure]) -> usize {
    let bytes = |m: &Measure| m.unit == Unit::Bytes;
    let resident = measures.iter().position(|m| bytes(m) && m.name == probe::tables::mappings::RSS);
    resident.or_else(|| measures.iter().position(bytes)).unwrap_or(0)
}
