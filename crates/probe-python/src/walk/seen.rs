//! An object as it is kept for the graph: 24 bytes of it.

use crate::census::object::Object;
use crate::census::sizes::Size;

/// Where an object lives.
pub(crate) mod place {
    /// In a pool of the interpreter's allocator.
    pub(crate) const POOL: u8 = 0;
    /// In a block of the C library's allocator.
    pub(crate) const MALLOC: u8 = 1;
    /// In the data of a program or library.
    pub(crate) const STATIC: u8 = 2;
}

/// An object that was met.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    pub(crate) address: u64,
    /// Bytes in its block and in buffers whose size its own fields tell.
    pub(crate) size: u32,
    /// The number of its type.
    pub(crate) shape: u32,
    /// How many references it says that there are; `u32::MAX`: immortal.
    pub(crate) count: u32,
    pub(crate) place: u8,
    pub(crate) tracked: bool,
    /// Whether a collector's header stands in front of it.
    pub(crate) gc: bool,
}

impl Seen {
    pub(crate) fn new(object: &Object, size: &Size, place: u8) -> Self {
        let bytes = object.pre.saturating_add(size.own).saturating_add(size.buffers);
        let count = if object.immortal { u32::MAX } else { object.count as u32 };
        Self {
            address: object.address,
            size: u32::try_from(bytes).unwrap_or(u32::MAX),
            shape: object.shape.index,
            count,
            place,
            tracked: object.tracked,
            gc: object.shape.gc && object.pre > 0,
        }
    }
}
