//! Which blocks are objects.

use target::memory::ReadMemory;

use super::rules::{Counting, Life, Rules};
use super::types::{Kind, Shape, TypeCache};
use crate::walk::spans::Spans;
use crate::walk::window::Bytes;

/// Flags that the collector keeps in the low bits of its links.
const LINK_FLAGS: u64 = 3;
/// The flag of `_gc_prev` while a collection works on the object.
const COLLECTING: u64 = 2;
/// What 3.7 writes where an object is not tracked.
const UNTRACKED: u64 = -2_i64 as u64;
/// Where a heap's addresses begin at the earliest: a smaller number is a count.
const LOWEST_HEAP: u64 = 1 << 20;

/// An object that was recognised.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Object {
    /// Its address.
    pub(crate) address: u64,
    /// Bytes of its block in front of it.
    pub(crate) pre: u64,
    /// Its type.
    pub(crate) shape: Shape,
    /// Whether the collector tracks it.
    pub(crate) tracked: bool,
    /// Whether it is immortal.
    pub(crate) immortal: bool,
    /// The word in front of its type.
    pub(crate) count: u64,
}

/// What a debug allocator writes in front of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Label {
    /// Nothing: the block begins where it begins.
    None,
    /// It is an object's: (bytes in front, bytes asked for).
    Object(u64, u64),
    /// It is something else's.
    Other,
}

/// Reads the labels of debug allocators; large blocks have two.
pub(crate) fn label(bytes: Bytes<'_>, base: u64) -> Label {
    // 3.6 writes 0xfb, all others 0xfd.
    const GUARDS: [u64; 2] = [0x00fd_fdfd_fdfd_fdfd, 0x00fb_fbfb_fbfb_fbfb];
    let mut front = 0;
    loop {
        let guard = bytes.word(base + front + 8).filter(|word| GUARDS.contains(&(word >> 8)));
        match guard.map(|word| word as u8) {
            Some(b'r') if front == 0 => front = 16,
            Some(b'o') => {
                let asked = bytes.word(base + front).map_or(0, u64::from_be);
                return Label::Object(front + 16, asked);
            }
            None if front == 0 => return Label::None,
            _ => return Label::Other,
        }
    }
}

/// What tells objects from other blocks.
pub(crate) struct Recogniser<'t, 'a> {
    pub(crate) rules: &'a Rules,
    pub(crate) spans: &'a Spans,
    pub(crate) types: TypeCache<'t, 'a>,
}

impl Recogniser<'_, '_> {
    /// The object in the block at `base`, of which `room` bytes belong to it.
    pub(crate) fn find<M: ReadMemory>(
        &mut self,
        memory: &M,
        bytes: Bytes<'_>,
        base: u64,
        room: u64,
    ) -> Option<Object> {
        let most = self.rules.gc_head + if self.rules.managed != 0 { 16 } else { 0 };
        // Objects with a collector's header are the most frequent.
        let head = self.rules.gc_head;
        let tries = [Some(head), Some(0), Some(most).filter(|&most| most != head)];
        let tries = tries.into_iter().flatten().filter(|pre| room >= pre + 16);
        tries.into_iter().find_map(|pre| self.at(memory, bytes, base, pre))
    }

    fn at<M: ReadMemory>(
        &mut self,
        memory: &M,
        bytes: Bytes<'_>,
        base: u64,
        pre: u64,
    ) -> Option<Object> {
        let address = base + pre;
        let count = bytes.word(address)?;
        let life = self.life(count);
        if life == Life::None {
            return None;
        }
        let shape = self.types.get(memory, bytes.word(address + 8)?)?;
        let has_head = shape.gc && (shape.kind != Kind::Type || is_heap_type(bytes, address)?);
        let wanted = if has_head || !shape.gc { shape.pre } else { 0 };
        if wanted != pre {
            return None;
        }
        let tracked = has_head && self.tracked(bytes, address)?;
        let immortal = life == Life::Immortal;
        Some(Object { address, pre, shape, tracked, immortal, count })
    }

    /// What a reference count says; a small address is none.
    pub(crate) fn life(&self, count: u64) -> Life {
        let life = self.rules.life(count);
        let may_be_address = life == Life::Mortal && count >= LOWEST_HEAP;
        if may_be_address && self.spans.contains(count, 8) { Life::None } else { life }
    }

    /// Whether the collector tracks the object; `None` when its header makes no sense.
    fn tracked(&self, bytes: Bytes<'_>, address: u64) -> Option<bool> {
        let head = address - self.rules.gc_head;
        let (next, prev) = (bytes.word(head)?, bytes.word(head + 8)?);
        if self.rules.gc_head == 32 {
            let refs = (bytes.word(head + 16)? as i64 >> 1) as u64;
            let sound = refs == UNTRACKED || self.is_link(next);
            return sound.then_some(refs != UNTRACKED);
        }
        if next == 0 {
            return (prev <= LINK_FLAGS).then_some(false);
        }
        let next = next & if self.rules.counting == Counting::Flags { !LINK_FLAGS } else { !0 };
        if !self.is_link(next) {
            return None;
        }
        // The neighbour must point back, where it is at hand and no collection is running.
        let back = bytes.word(next + 8).filter(|back| back & COLLECTING == 0);
        let sound = prev & COLLECTING != 0 || back.is_none_or(|b| b & !LINK_FLAGS == head);
        sound.then_some(true)
    }

    fn is_link(&self, address: u64) -> bool {
        // Objects are aligned to 16; heads of lists need not be, in later releases of 3.13.
        address.is_multiple_of(4) && self.spans.contains(address, 16)
    }
}

/// Whether a type was made at run time, and so has a collector's header.
pub(crate) fn is_heap_type(bytes: Bytes<'_>, address: u64) -> Option<bool> {
    Some(bytes.word(address + 168)? >> 9 & 1 == 1)
}
