//! Which blocks a root leads to, and by whom each one is held.
//!
//! First everything is marked that a root leads to, and, as whoever has lost a reference to an
//! object has not lost the blocks it owns, everything that an object leads to. Then each block
//! that is no object gets its holder: one kind after the other, the more telling first, and from
//! there through native blocks alone.

use super::roots::{Root, RootKind};
use super::scan::{NEAR, Pointers};
use super::units::{NO_OBJECT, Units};

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

/// By whom a block is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holder {
    /// By nothing.
    None,
    /// It is a buffer of an object of a type.
    Buffer(u32),
    /// It hangs on an object of a type.
    Type(u32),
    /// It hangs on a pointer of a root: an index of [`Pointers::from_roots`].
    Root(u32),
    Register,
}

/// Holders in few bytes.
struct Held(Vec<u32>);

const TAG: u32 = 29;
const PAYLOAD: u32 = (1 << TAG) - 1;

impl Held {
    fn set(&mut self, unit: u32, holder: Holder) {
        let word = match holder {
            Holder::None => 0,
            Holder::Buffer(shape) => 1 << TAG | shape & PAYLOAD,
            Holder::Type(shape) => 2 << TAG | shape & PAYLOAD,
            Holder::Root(edge) => 3 << TAG | edge.min(PAYLOAD),
            Holder::Register => 4 << TAG,
        };
        if let Some(place) = self.0.get_mut(unit as usize) {
            *place = word;
        }
    }

    fn get(&self, unit: u32) -> Holder {
        let word = self.0.get(unit as usize).copied().unwrap_or(0);
        let payload = word & PAYLOAD;
        match word >> TAG {
            0 => Holder::None,
            1 => Holder::Buffer(payload),
            2 => Holder::Type(payload),
            3 => Holder::Root(payload),
            _ => Holder::Register,
        }
    }
}

/// Who holds what.
pub(super) struct Marks {
    held: Held,
}

impl Marks {
    pub(super) fn of(&self, unit: usize) -> Holder {
        self.held.get(unit as u32)
    }
}

/// Follows pointers. What no step reaches, nothing leads to.
pub(super) struct Marker<'a> {
    pub(super) units: &'a Units,
    pub(super) pointers: &'a Pointers,
    pub(super) owners: &'a [Owner],
    pub(super) roots: &'a [Root],
    /// Whether the variables of a root are those of an extension.
    pub(super) is_extension: &'a dyn Fn(&Root) -> bool,
}

impl Marker<'_> {
    /// `registers`: the blocks that registers point to.
    pub(super) fn run(&self, registers: &[u32]) -> Marks {
        let mut state = Flood { marker: self, held: Held(vec![0; self.units.len()]), open: vec![] };
        state.object_words(true, |owner| owner != Owner::Native);
        state.buffers();
        state.object_words(false, |owner| owner == Owner::Native);
        state.root_words(|root| self.is_global(root) && (self.is_extension)(root));
        state.native();
        state.root_words(|root| self.is_global(root));
        state.native();
        state.root_words(|root| root.kind == RootKind::Stack);
        for &unit in registers {
            state.reach(unit, Holder::Register);
        }
        state.native();
        state.root_words(|root| root.kind == RootKind::Mapping);
        state.native();
        state.object_words(false, |owner| owner != Owner::Native);
        state.reopen_buffers();
        state.native();
        Marks { held: state.held }
    }

    fn is_global(&self, root: &Root) -> bool {
        matches!(root.kind, RootKind::Global(_))
    }

    fn shape(&self, unit: u32) -> u32 {
        self.units.shape.get(unit as usize).copied().unwrap_or(NO_OBJECT)
    }

    fn owner(&self, shape: u32) -> Owner {
        self.owners.get(shape as usize).copied().unwrap_or(Owner::Native)
    }
}

/// The work in progress.
struct Flood<'a> {
    marker: &'a Marker<'a>,
    held: Held,
    open: Vec<u32>,
}

impl Flood<'_> {
    /// Takes a block for a holder if it has none yet, and is no object.
    fn reach(&mut self, unit: u32, holder: Holder) {
        if self.held.get(unit) == Holder::None && self.marker.shape(unit) == NO_OBJECT {
            self.held.set(unit, holder);
            self.open.push(unit);
        }
    }

    /// What objects of some owners point to; with `near` only what they point to the beginning of.
    fn object_words(&mut self, near: bool, wanted: impl Fn(Owner) -> bool) {
        for unit in 0..self.marker.units.len() as u32 {
            let shape = self.marker.shape(unit);
            if shape == NO_OBJECT || !wanted(self.marker.owner(shape)) {
                continue;
            }
            let holder = if near { Holder::Buffer(shape) } else { Holder::Type(shape) };
            for &target in self.marker.pointers.of(unit) {
                if !near || target & NEAR != 0 {
                    self.reach(target & !NEAR, holder);
                }
            }
        }
    }

    fn root_words(&mut self, wanted: impl Fn(&Root) -> bool) {
        let marker = self.marker;
        for (edge, &(unit, root, _)) in (0_u32..).zip(&marker.pointers.from_roots) {
            if marker.roots.get(root as usize).is_some_and(&wanted) {
                self.reach(unit, Holder::Root(edge));
            }
        }
    }

    /// Buffers of containers lead to more of the same container; those of others are kept to be
    /// followed as native memory.
    fn buffers(&mut self) {
        let mut later = Vec::new();
        while let Some(unit) = self.open.pop() {
            let Holder::Buffer(shape) = self.held.get(unit) else { continue };
            match self.marker.owner(shape) {
                Owner::Deep => {}
                Owner::Bytes => continue,
                Owner::Direct | Owner::Native => {
                    later.push(unit);
                    continue;
                }
            }
            for &target in self.marker.pointers.of(unit) {
                if target & NEAR != 0 {
                    self.reach(target & !NEAR, Holder::Buffer(shape));
                }
            }
        }
        self.open = later;
    }

    /// Contents of objects may be pointers to anything: an array of addresses.
    fn reopen_buffers(&mut self) {
        for unit in 0..self.marker.units.len() as u32 {
            if let Holder::Buffer(shape) = self.held.get(unit)
                && self.marker.owner(shape) != Owner::Bytes
            {
                self.open.push(unit);
            }
        }
    }

    /// Level by level, so that a block is held by who is nearest.
    fn native(&mut self) {
        let pointers = self.marker.pointers;
        let mut level = std::mem::take(&mut self.open);
        while !level.is_empty() {
            for &unit in &level {
                let holder = match self.held.get(unit) {
                    Holder::Buffer(shape) => Holder::Type(shape),
                    other => other,
                };
                for &target in pointers.of(unit) {
                    self.reach(target & !NEAR, holder);
                }
            }
            level.clear();
            std::mem::swap(&mut level, &mut self.open);
        }
    }
}
