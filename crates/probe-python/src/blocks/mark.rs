//! Which blocks a root leads to, and by whom each one is held.
//!
//! First everything is marked that a root leads to, and, as whoever has lost a reference to an
//! object has not lost the blocks it owns, everything that an object leads to. Then each block
//! that is no object gets its holder: one kind after the other, the more telling first, and from
//! there through native blocks alone.
//!
//! Blocks have their numbers among those that are no objects here.

use std::collections::HashMap;

use super::roots::{Root, RootKind};
use super::scan::Pointers;
use crate::numbers::Numbers;

/// How objects of a type own blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// Blocks to whose beginning they point are buffers of theirs, and so are those that hang on
    /// these in the same way.
    Deep,
    /// Blocks to whose beginning they point are buffers of theirs; what hangs on those is native.
    Direct,
    /// The same, and those buffers hold bytes: what looks like a pointer there is left over from
    /// what had the memory before.
    Bytes,
    /// What they point to is native.
    Native,
}

/// Where a pointer leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Target {
    /// The number of the block among those that are no objects.
    pub(super) native: u32,
    /// Whether it is the beginning of the block.
    pub(super) near: bool,
}

/// By whom a block is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holder {
    /// By nothing.
    None,
    Register,
    Stack,
    /// Memory of no allocator that is known.
    Mapping,
    /// It is a buffer of an object of a type.
    Buffer(u32),
    /// It hangs on an object of a type.
    Type(u32),
    /// It hangs on a variable: an index of [`Pointers::from_variables`].
    Variable(u32),
}

/// Numbers of those holders that need no list.
const NONE: u32 = 0;
const REGISTER: u32 = 1;
const STACK: u32 = 2;
const MAPPING: u32 = 3;
const FIXED: [Holder; 4] = [Holder::None, Holder::Register, Holder::Stack, Holder::Mapping];

/// Who holds what.
#[derive(Debug)]
pub(super) struct Marks {
    /// The number of the holder of each block: there are few holders.
    held: Numbers,
    /// Holders by number.
    pub(super) holders: Vec<Holder>,
}

impl Marks {
    /// The number of the holder of a block.
    pub(super) fn number(&self, native: u32) -> u32 {
        self.held.get(native as usize).unwrap_or(NONE)
    }

    fn holder(&self, number: u32) -> Holder {
        self.holders.get(number as usize).copied().unwrap_or(Holder::None)
    }

    fn add(&mut self, holder: Holder) -> u32 {
        self.holders.push(holder);
        self.holders.len() as u32 - 1
    }
}

/// Follows pointers. What no step reaches, nothing leads to.
pub(super) struct Marker<'a> {
    /// How many blocks are no objects.
    pub(super) natives: usize,
    pub(super) pointers: &'a Pointers,
    pub(super) owners: &'a [Owner],
    pub(super) roots: &'a [Root],
    /// Whether the variables of a root are those of an extension.
    pub(super) is_extension: &'a dyn Fn(&Root) -> bool,
    /// Where the variable begins in which an address lies, or the address.
    pub(super) variable: &'a dyn Fn(u64) -> u64,
}

impl Marker<'_> {
    /// `registers`: the blocks that registers point to.
    pub(super) fn run(&self, registers: &[u32]) -> Marks {
        let marks = Marks { held: Numbers::zeros(self.natives), holders: FIXED.to_vec() };
        let (buffers, types) = (Vec::new(), Vec::new());
        let mut state = Flood { marker: self, marks, buffers, types, open: Vec::new() };
        state.object_words(true, |owner| owner != Owner::Native);
        state.follow_buffers();
        state.object_words(false, |owner| owner == Owner::Native);
        state.variables(|root| (self.is_extension)(root));
        state.native();
        state.variables(|_| true);
        state.native();
        self.pointers.from_stacks.iter().for_each(|native| state.reach(native, STACK));
        registers.iter().for_each(|&native| state.reach(native, REGISTER));
        state.native();
        self.pointers.from_mappings.iter().for_each(|native| state.reach(native, MAPPING));
        state.native();
        state.object_words(false, |owner| owner != Owner::Native);
        state.reopen_buffers();
        state.native();
        state.marks
    }

    fn owner(&self, shape: u32) -> Owner {
        self.owners.get(shape as usize).copied().unwrap_or(Owner::Native)
    }
}

/// The work in progress.
struct Flood<'a> {
    marker: &'a Marker<'a>,
    marks: Marks,
    /// Numbers of holders by type, where there are some.
    buffers: Vec<Option<u32>>,
    types: Vec<Option<u32>>,
    open: Vec<u32>,
}

impl Flood<'_> {
    /// Takes a block for a holder if it has none yet.
    fn reach(&mut self, native: u32, holder: u32) {
        if self.marks.held.is_zero(native as usize) {
            self.marks.held.set(native as usize, holder);
            self.open.push(native);
        }
    }

    fn buffer_of(&mut self, shape: u32) -> u32 {
        let number = slot(&mut self.buffers, shape);
        *number.get_or_insert_with(|| self.marks.add(Holder::Buffer(shape)))
    }

    fn hangs_on(&mut self, shape: u32) -> u32 {
        let number = slot(&mut self.types, shape);
        *number.get_or_insert_with(|| self.marks.add(Holder::Type(shape)))
    }

    /// What objects of some owners point to; with `near` only what they point to the beginning of.
    fn object_words(&mut self, near: bool, wanted: impl Fn(Owner) -> bool) {
        let marker = self.marker;
        for (shape, target) in marker.pointers.of_objects() {
            if wanted(marker.owner(shape)) && (target.near || !near) {
                let holder = if near { self.buffer_of(shape) } else { self.hangs_on(shape) };
                self.reach(target.native, holder);
            }
        }
    }

    /// What variables point to. Of an array it is the whole that holds.
    fn variables(&mut self, wanted: impl Fn(&Root) -> bool) {
        let marker = self.marker;
        let mut numbers: HashMap<(u32, u64), u32> = HashMap::new();
        for (edge, &(native, root, at)) in (0_u32..).zip(&marker.pointers.from_variables) {
            let of = marker.roots.get(root as usize);
            let is_one = of.is_some_and(|root| matches!(root.kind, RootKind::Global(_)));
            if is_one && self.marks.held.is_zero(native as usize) && of.is_some_and(&wanted) {
                let key = (root, (marker.variable)(at));
                let add = || self.marks.add(Holder::Variable(edge));
                let holder = *numbers.entry(key).or_insert_with(add);
                self.reach(native, holder);
            }
        }
    }

    /// Buffers of containers lead to more of the same container; those of others are kept to be
    /// followed as native memory.
    fn follow_buffers(&mut self) {
        let marker = self.marker;
        let mut later = Vec::new();
        while let Some(native) = self.open.pop() {
            let number = self.marks.number(native);
            let Holder::Buffer(shape) = self.marks.holder(number) else { continue };
            match marker.owner(shape) {
                Owner::Deep => {}
                Owner::Bytes => continue,
                Owner::Direct | Owner::Native => {
                    later.push(native);
                    continue;
                }
            }
            marker.pointers.each(native, |target| {
                if target.near {
                    self.reach(target.native, number);
                }
            });
        }
        self.open = later;
    }

    /// Contents of objects may be pointers to anything: an array of addresses.
    fn reopen_buffers(&mut self) {
        for native in 0..self.marker.natives as u32 {
            if let Holder::Buffer(shape) = self.marks.holder(self.marks.number(native))
                && self.marker.owner(shape) != Owner::Bytes
            {
                self.open.push(native);
            }
        }
    }

    /// Level by level, so that a block is held by who is nearest.
    fn native(&mut self) {
        let pointers = self.marker.pointers;
        let mut level = std::mem::take(&mut self.open);
        while !level.is_empty() {
            for &native in &level {
                let number = self.marks.number(native);
                let holder = match self.marks.holder(number) {
                    Holder::Buffer(shape) => self.hangs_on(shape),
                    _ => number,
                };
                pointers.each(native, |target| self.reach(target.native, holder));
            }
            level.clear();
            std::mem::swap(&mut level, &mut self.open);
        }
    }
}

fn slot(numbers: &mut Vec<Option<u32>>, shape: u32) -> &mut Option<u32> {
    let shape = shape as usize;
    if numbers.len() <= shape {
        numbers.resize(shape + 1, None);
    }
    &mut numbers[shape]
}
