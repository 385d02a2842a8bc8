//! Native blocks behind variables without names, by library.

use diff::human;
use probe::{Finding, Snapshot};

use super::Scene;
use super::native::{Columns, holding};

/// How a holder ends that stands for many variables of a library.
const OTHERS: &str = " (others)";

/// The library of a variable without a name.
pub(super) fn library_of(holder: &str) -> Option<&str> {
    let place = holder.split_once("+0x").map(|(library, _)| library);
    place.or_else(|| holder.strip_suffix(OTHERS))
}

/// Variables without names of one library, each of which holds little: a table in a library
/// without symbols has one for each of its members.
#[derive(Default)]
pub(super) struct Places {
    pub(super) columns: Columns,
    /// The first and the last of them, and how many there are.
    first: String,
    last: String,
    count: usize,
}

impl Places {
    pub(super) fn add(&mut self, holder: &str, columns: &Columns) {
        self.columns.add(columns);
        if holder.ends_with(OTHERS) {
            return;
        }
        let offset = |holder: &str| {
            let digits = holder.split_once("+0x").map_or("", |(_, digits)| digits);
            u64::from_str_radix(digits, 16).unwrap_or(0)
        };
        if self.count == 0 || offset(holder) < offset(&self.first) {
            self.first = holder.to_owned();
        }
        if self.count == 0 || offset(holder) > offset(&self.last) {
            self.last = holder.to_owned();
        }
        self.count += 1;
    }

    pub(super) fn finding(&self, scene: &Scene<'_>, library: &str, looks: &[Snapshot]) -> Finding {
        let is_one = |name: &str| library_of(name) == Some(library);
        let mut finding = holding(scene, library, &self.columns, (looks, &is_one));
        if self.count > 0 {
            let Self { first, last, count, .. } = self;
            finding.evidence.push(format!(
                "{} variables without names lead to them, from {first} to {last}: a table in the \
                 library's data, or several",
                human::count(*count as f64)
            ));
        }
        finding
    }
}
