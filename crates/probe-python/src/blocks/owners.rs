//! How the objects of each type own native blocks.

use target::memory::ReadMemory;

use super::mark::Owner;
use crate::census::types::{Kind, Shape};

/// The longest chain of bases.
const MOST_BASES: usize = 64;
/// Offsets of `tp_name`, `tp_dealloc` and `tp_base` (`Include/cpython/object.h`).
const NAME: u64 = 24;
const DEALLOC: u64 = 48;
const BASE: u64 = 256;
/// What an object as large as this at the most has in front of its text: no pointer but these.
const TEXT_HEAD: u64 = 128;
/// Bytes of a pointer.
const POINTER: u64 = 8;

/// In the order of the shapes. `is_own`: whether code at an address is the interpreter's, or of a
/// library that comes with it.
pub(super) fn owners<M: ReadMemory>(
    memory: &M,
    shapes: &[Shape],
    is_own: impl Fn(u64) -> bool,
) -> Vec<Owner> {
    let owner = |shape: &Shape| {
        if shape.kind != Kind::Plain {
            return Owner::Deep;
        }
        if is_handle(memory, shape.address) {
            return Owner::Native;
        }
        let all_own = frees(memory, shape.address).into_iter().all(&is_own);
        match all_own {
            true if is_stream(memory, shape.address) => Owner::Bytes,
            true => Owner::Direct,
            false => Owner::Native,
        }
    };
    shapes.iter().map(owner).collect()
}

/// Objects of the interpreter that stand for memory of others.
fn is_handle<M: ReadMemory>(memory: &M, address: u64) -> bool {
    const NAMES: [&[u8]; 2] = [b"PyCapsule", b"module"];
    name(memory, address).is_some_and(|name| NAMES.contains(&&*name))
}

/// Files of the interpreter: their buffers are made without being cleared.
fn is_stream<M: ReadMemory>(memory: &M, address: u64) -> bool {
    name(memory, address).is_some_and(|name| name.starts_with(b"_io."))
}

/// What is to be known of the words of objects of each type: how many may hold pointers, and whether
/// they are views.
pub(super) fn words<M: ReadMemory>(
    memory: &M,
    shapes: &[Shape],
    front: u64,
) -> (Vec<u64>, Vec<bool>) {
    (heads(shapes, front), views(memory, shapes))
}

/// Whether objects of each type are views: who has the memory is another object.
fn views<M: ReadMemory>(memory: &M, shapes: &[Shape]) -> Vec<bool> {
    const NAMES: [&[u8]; 2] = [b"memoryview", b"managedbuffer"];
    let is_view = |shape: &Shape| match shape.kind {
        Kind::NdArray => true,
        Kind::Plain => name(memory, shape.address).is_some_and(|name| NAMES.contains(&&*name)),
        _ => false,
    };
    shapes.iter().map(is_view).collect()
}

/// The name of a type, as its code has it.
fn name<M: ReadMemory>(memory: &M, address: u64) -> Option<Vec<u8>> {
    let name = address.checked_add(NAME).and_then(|at| memory.read_u64(at).ok())?;
    memory.read_cstr(name, 64).ok().flatten()
}

/// The functions that free an object: that of its type and those of the bases.
fn frees<M: ReadMemory>(memory: &M, address: u64) -> Vec<u64> {
    let mut found = Vec::new();
    let mut at = address;
    while at != 0 && found.len() < MOST_BASES {
        let word = |offset| at.checked_add(offset).and_then(|at| memory.read_u64(at).ok());
        let Some(free) = word(DEALLOC) else { break };
        found.push(free);
        at = word(BASE).unwrap_or(0);
    }
    found
}

/// Bytes at the beginning of the blocks of objects of each type that may hold pointers: texts,
/// numbers and byte code need not be read, and look like pointers at times. `front`: what a
/// debug allocator has in front of each object.
fn heads(shapes: &[Shape], front: u64) -> Vec<u64> {
    let head = |shape: &Shape| match shape.kind {
        Kind::Str if shape.basic <= 80 => front + TEXT_HEAD,
        Kind::Bytes | Kind::Int if shape.basic <= 40 => 0,
        // Items that are smaller than a pointer, or none of its multiples, hold none: byte code
        // of `code` objects (3.11 and up) is of two bytes each.
        Kind::Plain if !shape.item.is_multiple_of(POINTER) => front + shape.pre + shape.basic,
        _ => u64::MAX,
    };
    shapes.iter().map(head).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What stands behind the fixed part of an object counts unless it can hold no pointers.
    #[test]
    fn small_items_hold_no_pointers() {
        let shape = |kind, pre, basic, item| Shape {
            index: 0,
            address: 0x1000,
            kind,
            pre,
            gc: pre > 0,
            heap: false,
            managed_dict: false,
            basic,
            item,
            values: 0,
        };
        let shapes = [
            shape(Kind::Plain, 0, 200, 2),
            shape(Kind::Plain, 16, 64, 4),
            shape(Kind::Plain, 16, 64, 8),
            shape(Kind::Plain, 0, 64, 0),
            shape(Kind::Bytes, 0, 33, 1),
            shape(Kind::Tuple, 16, 24, 8),
        ];
        let all = u64::MAX;
        assert_eq!(heads(&shapes, 0), [200, 80, all, all, 0, all]);
        assert_eq!(heads(&shapes, 16), [216, 96, all, all, 0, all]);
    }
}
