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
        if all_own { Owner::Direct } else { Owner::Native }
    };
    shapes.iter().map(owner).collect()
}

/// Objects of the interpreter that stand for memory of others.
fn is_handle<M: ReadMemory>(memory: &M, address: u64) -> bool {
    const NAMES: [&[u8]; 2] = [b"PyCapsule", b"module"];
    let name = address.checked_add(NAME).and_then(|at| memory.read_u64(at).ok());
    let name = name.and_then(|at| memory.read_cstr(at, 64).ok().flatten());
    name.is_some_and(|name| NAMES.contains(&&*name))
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

/// Bytes at the beginning of objects of each type that may hold pointers: texts and numbers need
/// not be read, and look like pointers at times.
pub(super) fn heads(shapes: &[Shape]) -> Vec<u64> {
    let head = |shape: &Shape| match shape.kind {
        Kind::Str if shape.basic <= 80 => TEXT_HEAD,
        Kind::Bytes | Kind::Int if shape.basic <= 40 => 0,
        _ => u64::MAX,
    };
    shapes.iter().map(head).collect()
}
