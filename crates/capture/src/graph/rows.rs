//! Single rows of a table: what is read is a part of it, and kept.

use std::collections::HashMap;

use probe::Result;

use super::read::invalid;
use crate::folder::{Capture, TableReader, Value};

/// A table of which single rows are read.
#[derive(Debug)]
pub(super) struct Rows {
    pub(super) table: TableReader,
    /// The row after the last of each part.
    ends: Vec<u64>,
}

impl Rows {
    pub(super) fn open(capture: &Capture, table: &str) -> Result<Self> {
        let table = capture.rows(capture.entry(table)?)?;
        let mut end = 0_u64;
        let more = table.part_rows().into_iter().map(|rows| {
            end = end.saturating_add(rows);
            end
        });
        let ends = more.collect();
        Ok(Self { table, ends })
    }

    pub(super) fn len(&self) -> u64 {
        self.ends.last().copied().unwrap_or(0)
    }

    /// The first row of a part.
    pub(super) fn start(&self, part: usize) -> u64 {
        part.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0)
    }

    fn place(&self, row: u32) -> Result<(usize, usize)> {
        let part = self.ends.partition_point(|&end| end <= u64::from(row));
        if part >= self.ends.len() {
            let table = &self.table.entry().name;
            return Err(invalid(format!("row {row} of table `{table}`, which has {}", self.len())));
        }
        let within = u64::from(row) - self.start(part);
        Ok((part, usize::try_from(within).unwrap_or(usize::MAX)))
    }
}

/// A column of such a table: the parts that were read.
#[derive(Debug)]
pub(super) struct Cells<T> {
    name: &'static str,
    parts: HashMap<usize, Vec<T>>,
}

impl<T: Value> Cells<T> {
    pub(super) fn new(name: &'static str) -> Self {
        Self { name, parts: HashMap::new() }
    }

    pub(super) fn get(&mut self, rows: &Rows, row: u32) -> Result<T> {
        let (part, within) = rows.place(row)?;
        let value = self.part(rows, part)?.get(within).cloned();
        value.ok_or_else(|| invalid(format!("row {row} of `{}` is missing", self.name)))
    }

    pub(super) fn part(&mut self, rows: &Rows, part: usize) -> Result<&[T]> {
        if !self.parts.contains_key(&part) {
            let values = rows.table.part(self.name, part)?;
            self.parts.insert(part, values);
        }
        Ok(self.parts.get(&part).map_or(&[][..], Vec::as_slice))
    }
}
