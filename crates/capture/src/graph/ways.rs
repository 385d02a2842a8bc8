//! The shapes of ways in a capture.

use std::sync::Arc;

use heap::{HeldSum, Step};
use probe::Result;

use super::read::invalid;
use super::rows::{Cells, Rows};
use crate::folder::Capture;

/// The shape of what no root reaches.
pub(super) const UNREACHED: u32 = 0;
/// Shapes that are not told apart.
pub(super) const OTHER: u32 = 1;
/// The type of a step that leads to no object.
pub(super) const NO_TYPE: u32 = u32::MAX;
/// Steps of a shape, at most: those that are written have 13.
const DEEPEST: usize = 64;

/// The table `shapes`, read where it is asked.
#[derive(Debug)]
pub(super) struct Shapes {
    rows: Rows,
    parent: Cells<u32>,
    kind: Cells<String>,
    name: Cells<String>,
    type_id: Cells<u32>,
}

/// The last step of a shape.
pub(super) struct Last {
    pub(super) kind: Arc<str>,
    pub(super) name: Arc<str>,
    pub(super) type_id: u32,
}

impl Shapes {
    pub(super) fn open(capture: &Capture) -> Result<Self> {
        Ok(Self {
            rows: Rows::open(capture, "shapes")?,
            parent: Cells::new("parent"),
            kind: Cells::new("kind"),
            name: Cells::new("name"),
            type_id: Cells::new("type"),
        })
    }

    /// The last step of a shape.
    pub(super) fn last(&mut self, shape: u32) -> Result<Last> {
        Ok(Last {
            kind: self.kind.get(&self.rows, shape)?.into(),
            name: self.name.get(&self.rows, shape)?.into(),
            type_id: self.type_id.get(&self.rows, shape)?,
        })
    }

    /// All steps of a shape. One before another has a lower number, so there is no circle.
    pub(super) fn path(&mut self, shape: u32, types: &[Arc<str>]) -> Result<Vec<Step>> {
        let mut steps = Vec::new();
        let mut at = shape;
        while at > OTHER {
            let last = self.last(at)?;
            steps.push(last.step(types)?);
            let before = self.parent.get(&self.rows, at)?;
            if before >= at || steps.len() > DEEPEST {
                return Err(invalid(format!("shape {at} stands after shape {before}")));
            }
            at = before;
        }
        steps.reverse();
        Ok(steps)
    }

    /// The sum of all objects whose ways are not told apart.
    pub(super) fn others(&self) -> Result<u64> {
        Cells::<u64>::new("objects").get(&self.rows, OTHER)
    }

    /// The shapes of objects of certain types, with their sums.
    pub(super) fn of_types(&self, wanted: impl Fn(u32) -> bool) -> Result<Vec<(u32, HeldSum)>> {
        let mut found = Vec::new();
        for part in 0..self.rows.table.parts() {
            let types: Vec<u32> = self.rows.table.part("type", part)?;
            let objects: Vec<u64> = self.rows.table.part("objects", part)?;
            let bytes: Vec<u64> = self.rows.table.part("bytes", part)?;
            let held: Vec<u64> = self.rows.table.part("held", part)?;
            let sums = objects.into_iter().zip(bytes).zip(held);
            let sums = sums.map(|((objects, bytes), held)| HeldSum { objects, bytes, held });
            for (row, (type_id, sum)) in (self.rows.start(part)..).zip(types.into_iter().zip(sums))
            {
                let row = u32::try_from(row).unwrap_or(u32::MAX);
                if row > OTHER && sum.objects > 0 && wanted(type_id) {
                    found.push((row, sum));
                }
            }
        }
        Ok(found)
    }
}

impl Last {
    pub(super) fn step(&self, types: &[Arc<str>]) -> Result<Step> {
        let type_name = match types.get(self.type_id as usize) {
            Some(name) => Arc::clone(name),
            None if self.type_id == NO_TYPE => "".into(),
            None => {
                return Err(invalid(format!("a step to type {} of {}", self.type_id, types.len())));
            }
        };
        Ok(Step { kind: Arc::clone(&self.kind), name: Arc::clone(&self.name), type_name })
    }
}
