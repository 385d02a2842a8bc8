//! The part of a depth-first tree whose semidominators are known.

use std::hint::black_box;

use crate::dominators::NONE;

/// How many ways are looked at in one go before they are walked.
pub(crate) const AHEAD: usize = 128;
/// How many steps of each: longer ways are new ones, whose numbers lie side by side.
const STEPS: usize = 64;

/// Numbers above the present one, linked to their parents. Each way is shortened as it is walked.
pub(crate) struct Forest {
    /// Of each number: an ancestor, and the least semidominator on the way up to it, which is
    /// left out.
    pub(crate) links: Vec<(u32, u32)>,
    path: Vec<u32>,
    ahead: Vec<u32>,
}

impl Forest {
    pub(crate) fn new(parents: &[u32]) -> Self {
        let links = parents.iter().map(|&parent| (parent, NONE)).collect();
        Self { links, path: Vec::new(), ahead: Vec::new() }
    }

    /// The least semidominator from `v` up to the last ancestor above `w`.
    pub(crate) fn least(&mut self, v: u32, w: u32) -> u32 {
        let mut at = v;
        while self.links[at as usize].0 > w {
            self.path.push(at);
            at = self.links[at as usize].0;
        }
        let (top, mut least) = self.links[at as usize];
        while let Some(below) = self.path.pop() {
            least = least.min(self.links[below as usize].1);
            self.links[below as usize] = (top, least);
        }
        least
    }

    /// Walks these ways side by side, only to have them in the cache: one after the other, each
    /// step waits for memory.
    pub(crate) fn look_ahead(&mut self, starts: &[u32], w: u32) {
        self.ahead.clear();
        self.ahead.extend(starts.iter().filter(|&&v| v > w));
        for _ in 0..STEPS {
            let mut left = 0;
            for place in 0..self.ahead.len() {
                let above = self.links[self.ahead[place] as usize].0;
                self.ahead[left] = above;
                left += usize::from(above > w);
            }
            self.ahead.truncate(left);
            if left == 0 {
                break;
            }
        }
        black_box(&self.ahead);
    }
}
