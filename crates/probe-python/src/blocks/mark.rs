//! Which blocks a root leads to, and by whom each one is held.
//!
//! Roots come one kind after the other, the more telling first: what a variable of a library
//! leads to is that variable's, even if a stack has a pointer to it as well. Objects that no root
//! leads to come last: whoever has lost a reference to one has not lost the blocks it owns.

use super::roots::{Root, RootKind};
use super::scan::Pointers;
use super::units::{NO_OBJECT, Units};

/// How objects of a type own blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// All that hangs on them are buffers of theirs.
    Deep,
    /// Blocks that they point to are buffers of theirs; what hangs on those is native.
    Direct,
    /// What they point to is native.
    Native,
}

/// By whom a block is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holder {
    /// By nothing.
    None,
    /// It is an object that something leads to.
    Object,
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
            Holder::Object => 1 << TAG,
            Holder::Buffer(shape) => 2 << TAG | shape & PAYLOAD,
            Holder::Type(shape) => 3 << TAG | shape & PAYLOAD,
            Holder::Root(edge) => 4 << TAG | edge.min(PAYLOAD),
            Holder::Register => 5 << TAG,
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
            1 => Holder::Object,
            2 => Holder::Buffer(payload),
            3 => Holder::Type(payload),
            4 => Holder::Root(payload),
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

/// Follows pointers.
pub(super) struct Marker<'a> {
    units: &'a Units,
    pointers: &'a Pointers,
    owners: &'a [Owner],
    held: Held,
    open: Vec<u32>,
}

impl<'a> Marker<'a> {
    pub(super) fn new(units: &'a Units, pointers: &'a Pointers, owners: &'a [Owner]) -> Self {
        let held = Held(vec![0; units.len()]);
        Self { units, pointers, owners, held, open: Vec::new() }
    }

    /// From all roots. `registers`: the blocks that registers point to.
    pub(super) fn run(mut self, roots: &[Root], registers: &[u32]) -> Marks {
        let kind = |root: u32| roots.get(root as usize).map(|root| root.kind);
        let is_global = |root| matches!(kind(root), Some(RootKind::Global(_)));
        self.reach_from(is_global);
        self.reach_from(|root| kind(root) == Some(RootKind::Stack));
        for &unit in registers {
            self.reach(unit, Holder::Register);
        }
        self.flood();
        self.reach_from(|root| kind(root) == Some(RootKind::Mapping));
        for unit in 0..self.units.len() as u32 {
            if self.units.shape[unit as usize] != NO_OBJECT {
                self.reach(unit, Holder::Object);
            }
        }
        self.flood();
        Marks { held: self.held }
    }

    fn reach_from(&mut self, wanted: impl Fn(u32) -> bool) {
        let pointers = self.pointers;
        for (edge, &(unit, root, _)) in (0_u32..).zip(&pointers.from_roots) {
            if wanted(root) {
                self.reach(unit, Holder::Root(edge));
            }
        }
        self.flood();
    }

    fn reach(&mut self, unit: u32, holder: Holder) {
        if self.held.get(unit) == Holder::None {
            let shape = self.units.shape.get(unit as usize);
            let is_object = shape.is_some_and(|&shape| shape != NO_OBJECT);
            self.held.set(unit, if is_object { Holder::Object } else { holder });
            self.open.push(unit);
        }
    }

    /// Level by level, so that a block is held by who is nearest to a root.
    fn flood(&mut self) {
        let (units, pointers) = (self.units, self.pointers);
        let mut level = std::mem::take(&mut self.open);
        while !level.is_empty() {
            for &unit in &level {
                let shape = units.shape.get(unit as usize).copied().unwrap_or(NO_OBJECT);
                let holder = match self.held.get(unit) {
                    Holder::Object => self.by_object(shape),
                    Holder::Buffer(shape) => self.by_buffer(shape),
                    other => other,
                };
                for &next in pointers.of(unit) {
                    self.reach(next, holder);
                }
            }
            level.clear();
            std::mem::swap(&mut level, &mut self.open);
        }
    }

    fn owner(&self, shape: u32) -> Owner {
        self.owners.get(shape as usize).copied().unwrap_or(Owner::Native)
    }

    fn by_object(&self, shape: u32) -> Holder {
        match self.owner(shape) {
            Owner::Deep | Owner::Direct => Holder::Buffer(shape),
            Owner::Native => Holder::Type(shape),
        }
    }

    fn by_buffer(&self, shape: u32) -> Holder {
        match self.owner(shape) {
            Owner::Deep => Holder::Buffer(shape),
            Owner::Direct | Owner::Native => Holder::Type(shape),
        }
    }
}
