//! Counts per type.

use super::object::Object;
use super::sizes::Size;

/// The objects of a type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// How many.
    pub objects: u64,
    /// Bytes as `sys.getsizeof` gives them.
    pub shallow: u64,
    /// Bytes of their blocks as the allocator rounds them.
    pub allocated: u64,
    /// Bytes of buffers elsewhere that belong to them alone.
    pub buffers: u64,
    /// How many the collector tracks.
    pub tracked: u64,
    /// How many are immortal.
    pub immortal: u64,
}

impl Counts {
    /// Adds others.
    pub fn add(&mut self, other: &Self) {
        self.objects += other.objects;
        self.shallow = self.shallow.saturating_add(other.shallow);
        self.allocated = self.allocated.saturating_add(other.allocated);
        self.buffers = self.buffers.saturating_add(other.buffers);
        self.tracked += other.tracked;
        self.immortal += other.immortal;
    }
}

/// Counts by the number of the type.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) by_type: Vec<Counts>,
}

impl Tally {
    pub(crate) fn of(&mut self, index: u32) -> &mut Counts {
        let index = index as usize;
        if self.by_type.len() <= index {
            self.by_type.resize(index + 1, Counts::default());
        }
        &mut self.by_type[index]
    }

    /// Adds an object whose block has so many bytes. `pre`: what stands in front of an object
    /// and is counted with it.
    pub(crate) fn add(&mut self, object: &Object, size: &Size, allocated: u64) {
        let one = Counts {
            objects: 1,
            shallow: size.shallow.saturating_add(object.pre),
            allocated,
            buffers: size.buffers,
            tracked: u64::from(object.tracked),
            immortal: u64::from(object.immortal),
        };
        self.of(object.shape.index).add(&one);
    }

    /// Adds what another thread counted.
    pub(crate) fn merge(&mut self, other: &Self) {
        for (index, counts) in (0_u32..).zip(&other.by_type) {
            self.of(index).add(counts);
        }
    }
}
