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
/// Where the digits of an `int` stand, behind the word that says how many there are.
const DIGITS: u64 = 24;
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
        if shape.kind == Kind::Int {
            return Owner::Native;
        }
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

/// What is to be known of the words of objects of a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Words {
    /// Bytes at the beginning of their blocks that may hold pointers.
    pub(super) head: u64,
    /// Whether they are views of memory that others have.
    pub(super) is_view: bool,
    /// Where the digits of an `int` begin.
    pub(super) digits: Option<u64>,
}

/// In the order of the shapes. `front`: what a debug allocator has in front of each object.
pub(super) fn words<M: ReadMemory>(memory: &M, shapes: &[Shape], front: u64) -> Vec<Words> {
    let of = |shape: &Shape| {
        let head = head(shape, front);
        let is_number = shape.kind == Kind::Int && head == 0;
        let digits = is_number.then_some(front + shape.pre + DIGITS);
        Words { head, is_view: is_view(memory, shape), digits }
    };
    shapes.iter().map(of).collect()
}

/// Whether objects of a type are views: who has the memory is another object.
fn is_view<M: ReadMemory>(memory: &M, shape: &Shape) -> bool {
    const NAMES: [&[u8]; 2] = [b"memoryview", b"managedbuffer"];
    match shape.kind {
        Kind::NdArray => true,
        Kind::Plain => name(memory, shape.address).is_some_and(|name| NAMES.contains(&&*name)),
        _ => false,
    }
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

/// Bytes at the beginning of the blocks of objects of a type that may hold pointers: texts,
/// numbers and byte code need not be read, and look like pointers at times.
fn head(shape: &Shape, front: u64) -> u64 {
    match shape.kind {
        Kind::Str if shape.basic <= 80 => front + TEXT_HEAD,
        Kind::Bytes | Kind::Int if shape.basic <= 40 => 0,
        // Items that are smaller than a pointer, or none of its multiples, hold none: byte code
        // of `code` objects (3.11 and up) is of two bytes each.
        Kind::Plain if !shape.item.is_multiple_of(POINTER) => front + shape.pre + shape.basic,
        _ => u64::MAX,
    }
}

/// The address that an `int` may be: a handle of a C library that Python code keeps as a number, as
/// `ctypes` gives it. `size`: the word in front of its digits, which says how many there are.
pub(super) fn as_address(size: u64, digits: u64) -> Option<u64> {
    // Two digits of 30 bits are all that an address takes. From 3.12 on the lowest three bits are
    // marks (`Include/cpython/longintrepr.h`).
    const TWO: [u64; 2] = [2, 2 << 3];
    let (low, high) = (digits & u64::from(u32::MAX), digits >> 32);
    (TWO.contains(&size) && low >> 30 == 0 && high >> 30 == 0).then_some(low | high << 30)
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
        let heads = |front| shapes.map(|shape| head(&shape, front));
        assert_eq!(heads(0), [200, 80, all, all, 0, all]);
        assert_eq!(heads(16), [216, 96, all, all, 0, all]);
    }

    #[test]
    fn a_number_of_two_digits_may_be_an_address() {
        let digits = |number: u64| (number & 0x3fff_ffff) | (number >> 30) << 32;
        let address = 0x7f12_f456_7890;
        assert_eq!(as_address(2, digits(address)), Some(address));
        assert_eq!(as_address(16, digits(address)), Some(address));
        assert_eq!(as_address(1, digits(7)), None);
        assert_eq!(as_address(2, address), None, "no digits");
    }
}
