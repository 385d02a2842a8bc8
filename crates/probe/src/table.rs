//! Tables whose columns say what they are.
//!
//! Type, unit and role of a column are all that diff, trend and report need. So a table of a
//! plugin that nobody has met is joined, subtracted, ranked and rendered like ours.

use std::collections::HashSet;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What a number counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// Bytes.
    Bytes,
    /// Things.
    Count,
    /// Nanoseconds.
    Ns,
    /// A share; never subtracted.
    Ratio,
    /// A memory address.
    Address,
    /// No unit: names, ids.
    #[default]
    None,
}

/// What a column is for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Part of what identifies a row across snapshots.
    Key,
    /// A measure that stands at a level: subtract two snapshots to get the growth.
    Level,
    /// A measure that only counts up: subtract, divide by the time, get a rate.
    Counter,
    /// The row number in another table, which is named.
    Ref(String),
    /// Says something about the row, and is neither compared nor subtracted.
    Attribute,
}

impl Role {
    /// Whether rows are subtracted in this column.
    #[must_use]
    pub fn is_measure(&self) -> bool {
        matches!(self, Self::Level | Self::Counter)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key => f.write_str("key"),
            Self::Level => f.write_str("level"),
            Self::Counter => f.write_str("counter"),
            Self::Attribute => f.write_str("attribute"),
            Self::Ref(table) => write!(f, "ref:{table}"),
        }
    }
}

impl Serialize for Role {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Role {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Ok(match text.as_str() {
            "key" => Self::Key,
            "level" => Self::Level,
            "counter" => Self::Counter,
            "attribute" => Self::Attribute,
            other => match other.strip_prefix("ref:") {
                Some(table) if !table.is_empty() => Self::Ref(table.into()),
                _ => {
                    return Err(serde::de::Error::custom(format!(
                        "unknown role `{other}`, expected key, level, counter, attribute or ref:TABLE"
                    )));
                }
            },
        })
    }
}

/// The values of a column. `None` is "not known", which is not zero.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "values", rename_all = "lowercase")]
pub enum Values {
    /// True or false.
    Bool(Vec<Option<bool>>),
    /// Whole numbers from 0.
    U64(Vec<Option<u64>>),
    /// Whole numbers.
    I64(Vec<Option<i64>>),
    /// Floating-point numbers.
    F64(Vec<Option<f64>>),
    /// UTF-8 text.
    Text(Vec<Option<String>>),
}

/// One value, borrowed from a column.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// Not known.
    Missing,
    /// True or false.
    Bool(bool),
    /// A whole number from 0.
    U64(u64),
    /// A whole number.
    I64(i64),
    /// A floating-point number.
    F64(f64),
    /// Text.
    Text(&'a str),
}

impl<'a> Value<'a> {
    /// The value as a number, if it is one. Above 2^53 the last digits may be lost.
    #[must_use]
    pub fn as_f64(self) -> Option<f64> {
        match self {
            Self::U64(v) => Some(v as f64),
            Self::I64(v) => Some(v as f64),
            Self::F64(v) => Some(v),
            Self::Missing | Self::Bool(_) | Self::Text(_) => None,
        }
    }

    /// The value as a whole number from 0, if it is one.
    #[must_use]
    pub fn as_u64(self) -> Option<u64> {
        match self {
            Self::U64(v) => Some(v),
            Self::I64(v) => u64::try_from(v).ok(),
            _ => None,
        }
    }

    /// The value as text, if it is text.
    #[must_use]
    pub fn as_str(self) -> Option<&'a str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }
}

impl Values {
    /// Number of values.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Bool(v) => v.len(),
            Self::U64(v) => v.len(),
            Self::I64(v) => v.len(),
            Self::F64(v) => v.len(),
            Self::Text(v) => v.len(),
        }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value of a row; beyond the end it is [`Value::Missing`].
    #[must_use]
    pub fn get(&self, row: usize) -> Value<'_> {
        fn at<T>(values: &[Option<T>], row: usize) -> Option<&T> {
            values.get(row).and_then(Option::as_ref)
        }
        match self {
            Self::Bool(v) => at(v, row).map_or(Value::Missing, |&b| Value::Bool(b)),
            Self::U64(v) => at(v, row).map_or(Value::Missing, |&n| Value::U64(n)),
            Self::I64(v) => at(v, row).map_or(Value::Missing, |&n| Value::I64(n)),
            Self::F64(v) => at(v, row).map_or(Value::Missing, |&n| Value::F64(n)),
            Self::Text(v) => at(v, row).map_or(Value::Missing, |t| Value::Text(t)),
        }
    }

    /// Adds values of the same type; values of another type become missing ones.
    fn append(&mut self, more: &Self) {
        match (&mut *self, more) {
            (Self::Bool(v), Self::Bool(more)) => v.extend_from_slice(more),
            (Self::U64(v), Self::U64(more)) => v.extend_from_slice(more),
            (Self::I64(v), Self::I64(more)) => v.extend_from_slice(more),
            (Self::F64(v), Self::F64(more)) => v.extend_from_slice(more),
            (Self::Text(v), Self::Text(more)) => v.extend_from_slice(more),
            (Self::Bool(v), more) => v.resize(v.len() + more.len(), None),
            (Self::U64(v), more) => v.resize(v.len() + more.len(), None),
            (Self::I64(v), more) => v.resize(v.len() + more.len(), None),
            (Self::F64(v), more) => v.resize(v.len() + more.len(), None),
            (Self::Text(v), more) => v.resize(v.len() + more.len(), None),
        }
    }

    /// The name of the type, as it stands in documents.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Bool(_) => "bool",
            Self::U64(_) => "u64",
            Self::I64(_) => "i64",
            Self::F64(_) => "f64",
            Self::Text(_) => "text",
        }
    }
}

/// A column: name, what it counts, what it is for, and its values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Column {
    /// Name, in lower case with underscores.
    pub name: String,
    /// What the numbers count.
    #[serde(default)]
    pub unit: Unit,
    /// What the column is for.
    pub role: Role,
    /// Type and values.
    #[serde(flatten)]
    pub values: Values,
}

impl Column {
    /// A column.
    pub fn new(name: impl Into<String>, unit: Unit, role: Role, values: Values) -> Self {
        Self { name: name.into(), unit, role, values }
    }

    /// A text key.
    pub fn text_key(name: &str, values: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let values = values.into_iter().map(|v| Some(v.into())).collect();
        Self::new(name, Unit::None, Role::Key, Values::Text(values))
    }

    /// A numeric key without a unit, such as a PID.
    pub fn id_key(name: &str, values: impl IntoIterator<Item = u64>) -> Self {
        let values = values.into_iter().map(Some).collect();
        Self::new(name, Unit::None, Role::Key, Values::U64(values))
    }

    /// A measure that stands at a level.
    pub fn level(name: &str, unit: Unit, values: impl IntoIterator<Item = Option<u64>>) -> Self {
        Self::new(name, unit, Role::Level, Values::U64(values.into_iter().collect()))
    }

    /// A measure that counts up.
    pub fn counter(name: &str, unit: Unit, values: impl IntoIterator<Item = Option<u64>>) -> Self {
        Self::new(name, unit, Role::Counter, Values::U64(values.into_iter().collect()))
    }

    /// A text that describes the row.
    pub fn text(name: &str, values: impl IntoIterator<Item = Option<String>>) -> Self {
        let values = values.into_iter().collect();
        Self::new(name, Unit::None, Role::Attribute, Values::Text(values))
    }
}

/// Rows of columns.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Table {
    /// Name, in lower case with underscores.
    pub name: String,
    /// The columns, all of the same length.
    pub columns: Vec<Column>,
}

impl Table {
    /// A table. [`Table::check`] says whether it is sound.
    pub fn new(name: impl Into<String>, columns: Vec<Column>) -> Self {
        Self { name: name.into(), columns }
    }

    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.columns.first().map_or(0, |c| c.values.len())
    }

    /// The column of this name.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|c| c.name == name)
    }

    /// The value in a row of the column of this name.
    #[must_use]
    pub fn value(&self, name: &str, row: usize) -> Value<'_> {
        self.column(name).map_or(Value::Missing, |c| c.values.get(row))
    }

    /// The key columns, in order.
    pub fn keys(&self) -> impl Iterator<Item = &Column> {
        self.columns.iter().filter(|c| c.role == Role::Key)
    }

    /// The columns that are subtracted, in order.
    pub fn measures(&self) -> impl Iterator<Item = &Column> {
        self.columns.iter().filter(|c| c.role.is_measure())
    }

    /// Adds the rows of another table to this one, if both have the same columns; else nothing
    /// happens and the answer is false.
    pub fn append(&mut self, other: &Self) -> bool {
        let same = self.columns.len() == other.columns.len()
            && self.columns.iter().zip(&other.columns).all(|(a, b)| {
                (&a.name, a.unit, &a.role, a.values.type_name())
                    == (&b.name, b.unit, &b.role, b.values.type_name())
            });
        if same {
            for (column, more) in self.columns.iter_mut().zip(&other.columns) {
                column.values.append(&more.values);
            }
        }
        same
    }

    /// What is wrong with this table, if anything: columns of different length, a name twice,
    /// a measure that is not a number.
    ///
    /// # Errors
    /// One sentence that names table and column.
    pub fn check(&self) -> Result<(), String> {
        if self.name.is_empty() {
            return Err("a table has no name".into());
        }
        let mut names = HashSet::new();
        for column in &self.columns {
            let place = format!("table `{}`, column `{}`", self.name, column.name);
            if column.name.is_empty() {
                return Err(format!("table `{}` has a column without a name", self.name));
            }
            if !names.insert(&column.name) {
                return Err(format!("{place}: the name stands twice"));
            }
            if column.values.len() != self.rows() {
                return Err(format!(
                    "{place}: {} values, but the first column has {}",
                    column.values.len(),
                    self.rows()
                ));
            }
            let numeric = !matches!(column.values, Values::Bool(_) | Values::Text(_));
            if column.role.is_measure() && !numeric {
                return Err(format!("{place}: a measure of type {}", column.values.type_name()));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows are added only where the columns are the same.
    #[test]
    fn append_wants_the_same_columns() {
        let table = |unit, n| Table::new("t", vec![Column::level("x", unit, [Some(n), None])]);
        let mut bytes = table(Unit::Bytes, 1);
        assert!(bytes.append(&table(Unit::Bytes, 2)));
        assert_eq!(bytes.rows(), 4);
        assert_eq!(bytes.value("x", 2), Value::U64(2));
        assert!(!bytes.append(&table(Unit::Count, 2)));
        assert_eq!(bytes.rows(), 4);
    }
}
