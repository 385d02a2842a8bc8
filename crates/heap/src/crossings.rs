//! The edges of a depth-first search that are not of its tree, sorted by target a run at a time.

use std::ops::Range;

/// Bits of a number within a run: the edges to one run fit into the processor's cache. Sorting all
/// of them in one go would miss it with each edge.
const BITS: u32 = 16;
/// Edges of a block.
const BLOCK: usize = 1024;

/// An edge in 6 bytes: the source in two halves, and the target within its run.
type Packed = [u16; 3];

/// Edges as pairs of numbers.
pub(crate) struct Crossings {
    runs: Vec<Vec<Vec<Packed>>>,
}

/// The edges to one run of numbers, sorted by target.
#[derive(Default)]
pub(crate) struct Run {
    start: u32,
    first: Vec<u32>,
    pub(crate) source: Vec<u32>,
}

impl Crossings {
    /// None yet, among so many numbers.
    pub(crate) fn new(numbers: usize) -> Self {
        Self { runs: vec![Vec::new(); (numbers >> BITS) + 1] }
    }

    /// Adds an edge. One of a number to itself says nothing about dominators and is left out.
    pub(crate) fn add(&mut self, source: u32, target: u32) {
        if source == target {
            return;
        }
        let run = &mut self.runs[(target >> BITS) as usize];
        let packed = [source as u16, (source >> 16) as u16, target as u16];
        match run.last_mut() {
            Some(block) if block.len() < BLOCK => block.push(packed),
            _ => {
                // Small graphs have one run, big ones many full blocks.
                let mut block = Vec::with_capacity(BLOCK);
                block.push(packed);
                run.push(block);
            }
        }
    }

    /// Takes the edges to the highest run that is left; `false` if none is.
    pub(crate) fn pop(&mut self, run: &mut Run) -> bool {
        let Some(blocks) = self.runs.pop() else { return false };
        run.fill((self.runs.len() as u32) << BITS, blocks);
        true
    }
}

impl Run {
    /// Its numbers below `end`.
    pub(crate) fn numbers(&self, end: u32) -> Range<u32> {
        self.start..end.min(self.start.saturating_add(1 << BITS))
    }

    /// Places in `source` of the edges to a number.
    pub(crate) fn of(&self, number: u32) -> Range<usize> {
        let at = (number - self.start) as usize;
        self.first[at] as usize..self.first[at + 1] as usize
    }

    fn fill(&mut self, start: u32, blocks: Vec<Vec<Packed>>) {
        self.start = start;
        self.first.clear();
        self.first.resize((1 << BITS) + 1, 0);
        for &[_, _, target] in blocks.iter().flatten() {
            self.first[usize::from(target)] += 1;
        }
        let mut end = 0;
        for place in &mut self.first {
            end += *place;
            *place = end;
        }
        // Filled from the end of each target's part to its start.
        self.source.clear();
        self.source.resize(end as usize, 0);
        for block in blocks {
            for [low, high, target] in block {
                let place = &mut self.first[usize::from(target)];
                *place -= 1;
                self.source[*place as usize] = u32::from(low) | u32::from(high) << 16;
            }
        }
    }
}
