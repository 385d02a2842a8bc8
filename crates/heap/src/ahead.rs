//! Looking ahead. The columns of a big graph do not fit into the processor's caches, and a search
//! that reads them one after the other waits for memory at each step. What it is about to need is
//! therefore read in one go a little before, so that it waits once for many; nothing else is done
//! with it.

use std::hint::black_box;
use std::ops::Range;

use crate::Graph;

/// How many edges of an object are looked at: most have no more.
const EDGES: usize = 8;
/// How many objects are looked at in one go.
pub(crate) const OBJECTS: usize = 32;

/// An object or its number, its next edge and the end of its edges.
pub(crate) type Frame = (u32, u32, u32);

impl Graph {
    /// Looks at what a search will read when it follows these edges: an entry of `column` for each
    /// target, and the beginning of that one's edges.
    pub(crate) fn look_ahead(&self, edges: Range<usize>, column: &[u32]) {
        let mut seen = self.label.get(edges.start).copied().map_or(0, u32::from);
        let end = edges.end.min(edges.start + EDGES);
        for &target in self.target.get(edges.start..end).unwrap_or_default() {
            let place = self.first_edge[target as usize] as usize;
            seen ^= column.get(target as usize).copied().unwrap_or(0);
            seen ^= self.target.get(place).copied().unwrap_or(0);
            seen ^= self.label.get(place).copied().map_or(0, u32::from);
        }
        black_box(seen);
    }

    /// Looks at the beginning of the edges of these objects.
    pub(crate) fn look_at(&self, objects: &[u32]) {
        let mut seen = 0;
        for &object in objects {
            let place = self.first_edge[object as usize] as usize;
            seen ^= self.target.get(place).copied().unwrap_or(0);
            seen ^= self.label.get(place).copied().map_or(0, u32::from);
        }
        black_box(seen);
    }
}

/// The stack of a depth-first search. Frames that were left long ago are looked at before their
/// turn comes again.
#[derive(Default)]
pub(crate) struct Calls {
    frames: Vec<Frame>,
    /// Frames from here on were pushed or looked at not long ago.
    near: usize,
}

impl Calls {
    pub(crate) fn push(&mut self, frame: Frame) {
        self.frames.push(frame);
        self.near = self.near.max(self.frames.len().saturating_sub(2 * OBJECTS));
    }

    pub(crate) fn pop(&mut self, graph: &Graph, column: &[u32]) -> Option<Frame> {
        let frame = self.frames.pop();
        if self.frames.len() < self.near {
            self.near = self.frames.len().saturating_sub(OBJECTS);
            for &(_, place, end) in &self.frames[self.near..] {
                graph.look_ahead(place as usize..end as usize, column);
            }
        }
        frame
    }
}
