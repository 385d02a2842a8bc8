//! Where things stand in the collector's state.

/// The inside of the collector's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CollectorTable {
    /// `int`: whether automatic collection is on.
    pub enabled: u64,
    /// The first of three generations.
    pub generations: u64,
    /// Bytes of a generation; its list head comes first.
    pub generation_size: u64,
    /// Generation: `int` threshold; its `int` count follows.
    pub threshold: u64,
    /// The permanent generation.
    pub permanent: u64,
    /// Three statistics of three words each: collections, collected, uncollectable.
    pub statistics: StatisticsPlace,
    /// `int`: whether a collection is running. `None`: not known.
    pub collecting: Option<u64>,
    /// The list `gc.garbage`. `None`: not known.
    pub garbage: Option<u64>,
}

/// Where the statistics of the generations stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatisticsPlace {
    /// One behind the other in the collector's state.
    Inside(u64),
    /// From 3.15 on: in a block behind a pointer.
    Behind(Rings),
}

/// The last statistics of each generation, oldest and newest in no order: behind the items of a
/// generation stands a byte with the number of the newest, padded to a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rings {
    /// Collector's state: the pointer to the block.
    pub pointer: u64,
    /// Items of each generation.
    pub items: [u64; 3],
    /// Bytes of an item.
    pub item: u64,
    /// Item: collections; collected and uncollectable follow.
    pub collections: u64,
}

impl CollectorTable {
    /// Bytes from the beginning that hold all of it.
    #[must_use]
    pub fn size(&self) -> u64 {
        let lists = self.permanent + self.generation_size;
        lists
            .max(match self.statistics {
                StatisticsPlace::Inside(at) => at + 3 * 24,
                StatisticsPlace::Behind(rings) => rings.pointer + 8,
            })
            .max(self.collecting.map_or(0, |c| c + 4))
            .max(self.garbage.map_or(0, |g| g + 8))
    }
}

/// 3.8 to 3.13.
pub(super) const GENERATIONAL: CollectorTable = CollectorTable {
    enabled: 12,
    generations: 24,
    generation_size: 24,
    threshold: 16,
    permanent: 104,
    statistics: StatisticsPlace::Inside(128),
    collecting: Some(200),
    garbage: Some(208),
};

/// List heads of this version are of 32 bytes, aligned to 16.
pub(super) const V3_7_COLLECTOR: CollectorTable = CollectorTable {
    enabled: 12,
    generations: 32,
    generation_size: 48,
    threshold: 32,
    permanent: 192,
    statistics: StatisticsPlace::Inside(240),
    collecting: Some(312),
    garbage: Some(320),
};
