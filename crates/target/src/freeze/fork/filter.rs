//! Whether the filters of a thread (seccomp) let our system calls pass.
//!
//! The kernel can suspend filters for a traced thread, but no longer than its tracer lives: a
//! kill at the wrong instant would leave the thread with a call that its filter answers with
//! death. So the filters are read, and asked beforehand.

use crate::freeze::sys::{self, Tid};

/// The most filters and the most instructions of one; the kernel's own limits.
const MOST_FILTERS: usize = 4096;
const MOST_INSTRUCTIONS: usize = 4096;
/// `AUDIT_ARCH_X86_64`.
const ARCH: u32 = 0xc000_003e;
/// `SECCOMP_RET_ALLOW` and `SECCOMP_RET_LOG`, without their data.
const PASSES: [u32; 2] = [0x7fff_0000, 0x7ffc_0000];
const ACTION: u32 = 0xffff_0000;

/// An instruction of classic BPF.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::freeze) struct Instruction {
    code: u16,
    if_true: u8,
    if_false: u8,
    value: u32,
}

impl Instruction {
    /// The kernel's `struct sock_filter`, read as a word.
    pub(in crate::freeze) fn from_word(word: u64) -> Self {
        let [c0, c1, if_true, if_false, v0, v1, v2, v3] = word.to_ne_bytes();
        Self {
            code: u16::from_ne_bytes([c0, c1]),
            if_true,
            if_false,
            value: u32::from_ne_bytes([v0, v1, v2, v3]),
        }
    }
}

/// A system call as a filter sees it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call {
    pub(super) number: libc::c_long,
    /// The address behind the instruction.
    pub(super) rip: u64,
    pub(super) args: [u64; 6],
}

impl Call {
    /// A word of `struct seccomp_data`.
    fn word(&self, at: u32) -> Option<u32> {
        if !at.is_multiple_of(4) {
            return None;
        }
        let wide = match at {
            0 => return Some(self.number as u32),
            4 => return Some(ARCH),
            8 | 12 => self.rip,
            _ => *self.args.get((at as usize - 16) / 8)?,
        };
        Some(if at.is_multiple_of(8) { wide as u32 } else { (wide >> 32) as u32 })
    }
}

/// Whether all filters of a stopped thread let all calls pass.
///
/// # Errors
/// Why that can't be known.
pub(super) fn lets_pass(tid: Tid, calls: &[Call]) -> Result<bool, String> {
    let unknown = |error| {
        format!(
            "its system calls are filtered (seccomp), and the filters cannot be read, which needs \
             CAP_SYS_ADMIN: {error}"
        )
    };
    for index in 0..MOST_FILTERS {
        match sys::filter(tid, index, MOST_INSTRUCTIONS).map_err(unknown)? {
            None => return Ok(index > 0),
            Some(filter) => {
                let passes =
                    |call| answer(&filter, call).is_some_and(|a| PASSES.contains(&(a & ACTION)));
                if !calls.iter().all(passes) {
                    return Ok(false);
                }
            }
        }
    }
    Ok(false)
}

/// What a filter says to a call; `None` if it makes no sense.
fn answer(filter: &[Instruction], call: &Call) -> Option<u32> {
    let (mut a, mut x) = (0_u32, 0_u32);
    let mut memory = [0_u32; 16];
    let mut at = 0_usize;
    // Jumps lead forward only, so this ends.
    loop {
        let i = *filter.get(at)?;
        at += 1;
        let (k, place) = (i.value, i.value as usize);
        match i.code {
            0x00 => a = k,
            0x01 => x = k,
            0x20 => a = call.word(k)?,
            0x60 => a = *memory.get(place)?,
            0x61 => x = *memory.get(place)?,
            0x80 => a = 64,
            0x81 => x = 64,
            0x02 => *memory.get_mut(place)? = a,
            0x03 => *memory.get_mut(place)? = x,
            0x07 => x = a,
            0x87 => a = x,
            0x06 => return Some(k),
            0x16 => return Some(a),
            0x05 => at = at.checked_add(place)?,
            code if code & 7 == 4 => a = arithmetic(code, a, if code & 8 == 0 { k } else { x })?,
            code if code & 7 == 5 => {
                let jump = compare(code, a, if code & 8 == 0 { k } else { x })?;
                at += usize::from(if jump { i.if_true } else { i.if_false });
            }
            _ => return None,
        }
    }
}

fn arithmetic(code: u16, a: u32, b: u32) -> Option<u32> {
    Some(match code & 0xf0 {
        0x00 => a.wrapping_add(b),
        0x10 => a.wrapping_sub(b),
        0x20 => a.wrapping_mul(b),
        0x30 => a.checked_div(b)?,
        0x40 => a | b,
        0x50 => a & b,
        0x60 => a.checked_shl(b)?,
        0x70 => a.checked_shr(b)?,
        0x80 => a.wrapping_neg(),
        0xa0 => a ^ b,
        _ => return None,
    })
}

fn compare(code: u16, a: u32, b: u32) -> Option<bool> {
    Some(match code & 0xf0 {
        0x10 => a == b,
        0x20 => a > b,
        0x30 => a >= b,
        0x40 => a & b != 0,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(lines: &[(u16, u8, u8, u32)]) -> Vec<Instruction> {
        let make =
            |&(code, if_true, if_false, value)| Instruction { code, if_true, if_false, value };
        lines.iter().map(make).collect()
    }

    /// A filter as libraries write them: the machine, a range of numbers, bits of an argument.
    #[test]
    fn filters_are_followed() {
        let filter = filter(&[
            (0x20, 0, 0, 4),
            (0x15, 1, 0, ARCH),
            (0x06, 0, 0, 0),
            (0x20, 0, 0, 0),
            (0x35, 0, 1, 100),
            (0x06, 0, 0, 0x8000_0000),
            (0x15, 0, 3, 56),
            (0x20, 0, 0, 16),
            (0x54, 0, 0, 0x1000_0000),
            (0x15, 0, 1, 0),
            (0x06, 0, 0, 0x7fff_0000),
            (0x06, 0, 0, 0x0005_0001),
        ]);
        let says =
            |number, flags| answer(&filter, &Call { number, rip: 0, args: [flags, 0, 0, 0, 0, 0] });
        assert_eq!(says(231, 0), Some(0x8000_0000));
        assert_eq!(says(56, 0x600), Some(0x7fff_0000));
        assert_eq!(says(56, 0x1000_0600), Some(0x0005_0001));
        assert_eq!(says(3, 0), Some(0x7fff_0000));
    }

    /// Nonsense has an answer too, and an end.
    #[test]
    fn nonsense_is_no_permission() {
        let call = Call { number: 1, rip: 1 << 32, args: [2; 6] };
        assert_eq!(call.word(12), Some(1));
        assert_eq!(call.word(64), None);
        assert_eq!(call.word(17), None);
        assert_eq!(answer(&[], &call), None);
        for code in 0..=u16::MAX {
            let one = Instruction { code, if_true: 255, if_false: 255, value: u32::MAX };
            let _ = answer(&[one, one], &call);
        }
    }
}
