//! The columns of objects.

use std::collections::HashMap;

/// The count of objects that are never freed: out of scope of the audit.
pub const IMMORTAL_COUNT: u32 = u32::MAX;

/// Bits of [`Objects::flags`].
pub mod flags {
    /// The collector of cycles tracks it.
    pub const TRACKED: u8 = 1;
    /// It has a header for the collector of cycles.
    pub const HAS_GC: u8 = 1 << 1;
    /// It is never freed.
    pub const IMMORTAL: u8 = 1 << 2;
    /// It was read without knowing its layout.
    pub const CONSERVATIVE: u8 = 1 << 3;
    /// It was caught in the middle of an update, or is damaged.
    pub const TORN: u8 = 1 << 4;
    /// It lives outside of the interpreter's own pools.
    pub const MALLOC: u8 = 1 << 5;
    /// It lies in the data of the program or of a library.
    pub const STATIC: u8 = 1 << 6;
    /// A mapping whose keys are names in code. [`crate::Builder::finish`] sets it on all targets of
    /// [`crate::How::Namespace`]; a reader may as well.
    pub const NAMESPACE: u8 = 1 << 7;
}

/// One object, as [`Objects::push`] takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Object {
    /// Where it is.
    pub address: u64,
    /// Its own bytes: the block and the buffers that it owns outside.
    pub size: u64,
    /// Place of its type in the table of types.
    pub type_id: u32,
    /// Its reference count, or [`IMMORTAL_COUNT`].
    pub refcount: u32,
    /// See [`flags`].
    pub flags: u8,
}

/// All objects, a column per property, ascending by address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Objects {
    /// Where each is; strictly ascending.
    pub address: Vec<u64>,
    /// Own bytes of each; `u32::MAX` where the true value is in `big`.
    pub size: Vec<u32>,
    /// Place of its type in the table of types.
    pub type_id: Vec<u32>,
    /// Reference count of each, or [`IMMORTAL_COUNT`].
    pub refcount: Vec<u32>,
    /// See [`flags`].
    pub flags: Vec<u8>,
    /// Bytes of the objects of 4 GiB and more.
    pub big: HashMap<u32, u64>,
}

impl Objects {
    /// Room for `count` objects.
    #[must_use]
    pub fn with_capacity(count: usize) -> Self {
        Self {
            address: Vec::with_capacity(count),
            size: Vec::with_capacity(count),
            type_id: Vec::with_capacity(count),
            refcount: Vec::with_capacity(count),
            flags: Vec::with_capacity(count),
            big: HashMap::new(),
        }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.address.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.address.is_empty()
    }

    /// Appends an object; its address must be above the last one's, which is checked at the end.
    pub fn push(&mut self, object: Object) {
        let size = u32::try_from(object.size).unwrap_or(u32::MAX);
        if size == u32::MAX {
            self.big.insert(self.len() as u32, object.size);
        }
        self.address.push(object.address);
        self.size.push(size);
        self.type_id.push(object.type_id);
        self.refcount.push(object.refcount);
        self.flags.push(object.flags);
    }

    /// Own bytes of the object at `index`; 0 if there is none.
    #[must_use]
    pub fn bytes(&self, index: usize) -> u64 {
        match self.size.get(index) {
            Some(&u32::MAX) => {
                self.big.get(&(index as u32)).copied().unwrap_or(u64::from(u32::MAX))
            }
            Some(&size) => u64::from(size),
            None => 0,
        }
    }
}
