//! Blocks that something points to, a bit each.

use std::sync::atomic::{AtomicU64, Ordering};

/// Blocks, marked by several threads.
#[derive(Debug, Default)]
pub(super) struct Hits(Vec<AtomicU64>);

impl Hits {
    pub(super) fn new(blocks: usize) -> Self {
        Self((0..blocks.div_ceil(64)).map(|_| AtomicU64::new(0)).collect())
    }

    pub(super) fn add(&self, block: u32) {
        if let Some(word) = self.0.get(block as usize / 64) {
            word.fetch_or(1 << (block % 64), Ordering::Relaxed);
        }
    }

    /// In order.
    pub(super) fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        (0_u32..).step_by(64).zip(&self.0).flat_map(|(first, word)| {
            let word = word.load(Ordering::Relaxed);
            (0..64).filter(move |bit| word >> bit & 1 == 1).map(move |bit| first + bit)
        })
    }
}
