//! Table algebra: join two tables on their keys, subtract their measures, rank what grew;
//! and trends over a whole series. Pure: no I/O, no probe, no report.
//!
//! It works for any table, that of a plugin nobody has met included, because a column says
//! itself what it is: keys identify rows, levels and counters are subtracted, shares and
//! addresses are not. [`human`] is the one formatter of quantities in the workspace and
//! [`stats`] the robust statistics that the rules of the verdict use as well.
#![forbid(unsafe_code)]

pub mod human;
mod rows;
mod shift;
pub mod stats;
mod subtract;
mod trend;

use probe::{Role, Unit};
use serde::{Deserialize, Serialize};

pub use shift::{Measured, Shift, shift, student_95};
pub use subtract::{Comparison, compare, diff};
pub use trend::{trend, trend_of};

/// A table of two snapshots, subtracted row by row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TableDiff {
    /// Name of the table.
    pub table: String,
    /// Names of the key columns.
    pub keys: Vec<String>,
    /// The measures that were subtracted.
    pub measures: Vec<Measure>,
    /// Rows that differ, most growth first. Rows in which nothing changed are left out.
    pub rows: Vec<RowDiff>,
}

/// What a measure is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measure {
    /// Name of the column.
    pub name: String,
    /// Its unit.
    pub unit: Unit,
    /// Level or counter.
    pub role: Role,
}

/// A row of a [`TableDiff`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RowDiff {
    /// Whether it is in one snapshot or in both.
    pub state: RowState,
    /// Values of the key columns, as text.
    pub keys: Vec<String>,
    /// One entry per measure of the table.
    pub cells: Vec<Option<Delta>>,
}

/// Where a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RowState {
    /// Only in the later snapshot.
    Added,
    /// Only in the earlier snapshot.
    Gone,
    /// In both.
    Changed,
}

/// A measure before and after.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Delta {
    /// Earlier value; missing if the row or the value was not there.
    pub before: Option<f64>,
    /// Later value.
    pub after: Option<f64>,
    /// Change in the unit of the column; a row that is not there counts as 0.
    pub change: f64,
    /// Change per second.
    pub per_s: Option<f64>,
}

/// A table over a whole series of snapshots.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TableTrend {
    /// The probe that yields it.
    pub probe: String,
    /// Name of the table.
    pub table: String,
    /// Names of the key columns.
    pub keys: Vec<String>,
    /// The measures.
    pub measures: Vec<Measure>,
    /// Rows, most growth first; rows in which nothing ever changed are left out.
    pub rows: Vec<RowTrend>,
    /// How many rows were left out because nothing changed in them.
    pub unchanged: usize,
}

/// A row of a [`TableTrend`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RowTrend {
    /// Values of the key columns, as text.
    pub keys: Vec<String>,
    /// One entry per measure.
    pub cells: Vec<Option<Trend>>,
}

/// How a measure moved over a series.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trend {
    /// First known value.
    pub first: f64,
    /// Last known value.
    pub last: f64,
    /// Robust slope (Theil-Sen), per second.
    pub per_s: f64,
    /// Share of the steps that do not go down: 1 never falls.
    pub rising: f64,
    /// Number of values.
    pub samples: usize,
}
