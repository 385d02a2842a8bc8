//! The safety frame: what brings a thread back to where it was without our help.
//!
//! Before a thread is sent to a system call of ours, frames as the kernel makes them for signal
//! handlers are laid below its stack. The call goes through `syscall; ret`, and the return
//! address is the C library's `rt_sigreturn`, which restores everything from the frame. Whenever
//! this program is killed, the thread simply returns to what it was doing.
//!
//! For a fork there are three, from high to low addresses: the thread's own state, the child's
//! `exit_group`, and the parent's `wait4` for a child that nobody traces any more. The parent
//! runs with its stack at the lowest, so that nothing it may still take (a signal) overwrites
//! the others.

use super::code::Code;

/// Indices into the general registers, in the order of `user_regs_struct`.
pub(crate) mod reg {
    pub(crate) const R10: usize = 7;
    pub(crate) const R9: usize = 8;
    pub(crate) const R8: usize = 9;
    pub(crate) const RAX: usize = 10;
    pub(crate) const RDX: usize = 12;
    pub(crate) const RSI: usize = 13;
    pub(crate) const RDI: usize = 14;
    pub(crate) const ORIG_RAX: usize = 15;
    pub(crate) const RIP: usize = 16;
    pub(crate) const CS: usize = 17;
    pub(crate) const EFLAGS: usize = 18;
    pub(crate) const RSP: usize = 19;
    pub(crate) const SS: usize = 20;
    /// How many there are.
    pub(crate) const COUNT: usize = 27;
}
use reg::{COUNT, CS, EFLAGS, ORIG_RAX, R8, R10, RAX, RDI, RDX, RIP, RSI, RSP, SS};

/// General registers.
pub(crate) type Registers = [u64; COUNT];

/// What the kernel leaves alone below the stack pointer.
const RED_ZONE: u64 = 128;
/// Size of `struct rt_sigframe`, rounded up to keep the next one aligned.
const FRAME: usize = 448;
/// Between the thread's own frame and its vector registers.
const GAP: usize = 8;
/// `struct rt_sigframe`: where the parts are.
mod at {
    pub(crate) const UC_FLAGS: usize = 8;
    pub(crate) const ALT_STACK_FLAGS: usize = 32;
    pub(crate) const REGISTERS: usize = 48;
    pub(crate) const RDI: usize = 112;
    pub(crate) const SEGMENTS: usize = 192;
    pub(crate) const FPSTATE: usize = 232;
    pub(crate) const MASK: usize = 304;
}
/// The registers of a frame in its order, from [`at::REGISTERS`].
const ORDER: [usize; 18] =
    [R8, 8, R10, 6, 3, 2, 1, 0, RDI, RSI, 4, 5, RDX, RAX, 11, RSP, RIP, EFLAGS];
/// An alternate signal stack in a mode there is none of: the kernel leaves the thread's alone.
const NO_ALT_STACK: u32 = 4;
/// `UC_FP_XSTATE | UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS`.
const UC_FLAGS: u64 = 7;

/// Errors of system calls that are to be made again, which only the kernel sees.
const ERESTARTSYS: i64 = -512;
const ERESTARTNOINTR: i64 = -513;
const ERESTARTNOHAND: i64 = -514;
const ERESTART_RESTARTBLOCK: i64 = -516;
const EINTR: i64 = -4;

/// Whether a result of a system call means that the kernel is about to make it again.
pub(crate) fn restarts(result: i64) -> bool {
    matches!(result, ERESTARTSYS | ERESTARTNOINTR | ERESTARTNOHAND | ERESTART_RESTARTBLOCK)
}

/// The status with which a copy ends that has lost its tracer: the mark by which a later run
/// knows it.
pub(crate) const LOST_COPY: u64 = 0x6d;

/// What is written below the stack of a thread.
#[derive(Debug)]
pub(crate) struct Frames {
    /// The bytes.
    pub(crate) bytes: Vec<u8>,
    /// Where they go.
    pub(crate) base: u64,
    /// The stack pointer for the thread.
    pub(crate) stack: u64,
    /// The stack pointer for the child.
    pub(crate) child_stack: u64,
    /// Where the kernel is to write the child's number.
    pub(crate) child_slot: u64,
}

/// How the thread comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Return {
    /// By itself.
    Plain,
    /// After it has waited for the child whose number stands in [`Frames::child_slot`].
    AfterChild,
}

impl Frames {
    /// Makes the frames of a stopped thread; `None` when its stack pointer makes no sense.
    pub(crate) fn new(
        registers: &Registers,
        mask: u64,
        fpstate: &[u8],
        code: Code,
        back: Return,
    ) -> Option<Self> {
        let top = registers[RSP].checked_sub(RED_ZONE)? & !63;
        let fp_addr = top.checked_sub(fpstate.len() as u64)? & !63;
        // A function that returns into it must find the stack as after a call: 8 off a multiple of 16.
        let own = fp_addr.checked_sub((FRAME + GAP) as u64)?;
        let child = own.checked_sub(FRAME as u64)?;
        let wait = child.checked_sub(FRAME as u64)?;
        let mut bytes =
            frame(&call(code, libc::SYS_wait4, [NOBODY, 0, WALL], own), u64::MAX, 0, code);
        let exit = call(code, libc::SYS_exit_group, [LOST_COPY, 0, 0], child);
        bytes.extend(frame(&exit, u64::MAX, 0, code));
        bytes.extend(frame(&resumed(registers), mask, fp_addr, code));
        bytes.extend([0; GAP]);
        bytes.extend(fpstate);
        for (address, at) in [(wait, 0), (child, FRAME), (own, 2 * FRAME)] {
            debug_assert_eq!(address - wait, at as u64);
        }
        let stack = if back == Return::AfterChild { wait } else { own };
        let child_slot = wait + at::RDI as u64;
        Some(Self { bytes, base: wait, stack, child_stack: child, child_slot })
    }

    /// The address behind the last byte.
    pub(crate) fn end(&self) -> u64 {
        self.base.saturating_add(self.bytes.len() as u64)
    }
}

/// A number no process has.
pub(crate) const NOBODY: u64 = 0x7fff_ffff;
/// `__WALL`.
pub(crate) const WALL: u64 = 0x4000_0000;

/// The registers that make a system call whose return address lies at `stack`.
fn call(code: Code, number: libc::c_long, args: [u64; 3], stack: u64) -> Registers {
    let mut registers = [0; COUNT];
    registers[RAX] = number as u64;
    [registers[RDI], registers[RSI], registers[RDX]] = args;
    registers[RIP] = code.syscall;
    registers[RSP] = stack;
    registers[CS] = USER_CS;
    registers[SS] = USER_SS;
    // The bit that is always set, and interrupts.
    registers[EFLAGS] = 0x202;
    registers
}

/// The selectors of 64-bit programs.
pub(crate) const USER_CS: u64 = 0x33;
const USER_SS: u64 = 0x2b;

/// The registers with which the thread goes on if nobody restores it: a system call that the
/// stop interrupted is made again, or ends as if by a signal where only the kernel could resume it.
fn resumed(registers: &Registers) -> Registers {
    let mut registers = *registers;
    if registers[ORIG_RAX] as i64 >= 0 {
        match registers[RAX] as i64 {
            ERESTARTSYS | ERESTARTNOINTR | ERESTARTNOHAND => {
                registers[RAX] = registers[ORIG_RAX];
                registers[RIP] = registers[RIP].wrapping_sub(2);
            }
            ERESTART_RESTARTBLOCK => registers[RAX] = EINTR as u64,
            _ => {}
        }
    }
    registers
}

/// One `struct rt_sigframe`.
fn frame(registers: &Registers, mask: u64, fpstate: u64, code: Code) -> Vec<u8> {
    let mut bytes = vec![0; FRAME];
    let mut put = |at: usize, value: u64| bytes[at..at + 8].copy_from_slice(&value.to_ne_bytes());
    put(0, code.sigreturn);
    put(at::UC_FLAGS, UC_FLAGS);
    put(at::ALT_STACK_FLAGS, NO_ALT_STACK.into());
    for (place, register) in ORDER.into_iter().enumerate() {
        put(at::REGISTERS + place * 8, registers[register]);
    }
    // cs, gs, fs, ss: 16 bits each.
    put(at::SEGMENTS, (registers[CS] & 0xffff) | (registers[SS] & 0xffff) << 48);
    put(at::FPSTATE, fpstate);
    put(at::MASK, mask);
    bytes
}

/// The `xsave` image of a thread as a signal frame has it; `None` when it makes no sense.
///
/// A frame marks its size and the features in it; the kernel takes only as much as the process
/// may have, which leaves out the tile registers where they were never used.
pub(crate) fn fpstate(mut image: Vec<u8>) -> Option<Vec<u8>> {
    const SOFTWARE: usize = 464;
    const HEADER: usize = 512;
    const LEAST: usize = 576;
    const MAGIC1: u32 = 0x4650_5853;
    const MAGIC2: u32 = 0x4650_5845;
    const TILES: u64 = 1 << 17 | 1 << 18;
    let word = |at: usize| Some(u64::from_ne_bytes(image.get(at..at + 8)?.try_into().ok()?));
    let (enabled, in_use) = (word(SOFTWARE)?, word(HEADER)?);
    let features = if in_use & TILES == 0 { enabled & !TILES } else { enabled };
    let ends = (2..63).filter(|bit| features >> bit & 1 == 1).map(component_end);
    let size = ends.fold(LEAST, usize::max);
    if size > image.len() {
        return None;
    }
    image.truncate(size);
    let mut mark = [0; 48];
    mark[..4].copy_from_slice(&MAGIC1.to_ne_bytes());
    mark[4..8].copy_from_slice(&(u32::try_from(size).ok()? + 4).to_ne_bytes());
    mark[8..16].copy_from_slice(&features.to_ne_bytes());
    mark[16..20].copy_from_slice(&u32::try_from(size).ok()?.to_ne_bytes());
    image[SOFTWARE..HEADER].copy_from_slice(&mark);
    image.extend(MAGIC2.to_ne_bytes());
    Some(image)
}

/// Where a feature's part of the image ends.
fn component_end(bit: u32) -> usize {
    let leaf = std::arch::x86_64::__cpuid_count(0xd, bit);
    leaf.ebx.saturating_add(leaf.eax) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODE: Code = Code { syscall: 0x1111, sigreturn: 0x2222, sigreturn_end: 0x222b };

    fn word(bytes: &[u8], at: usize) -> u64 {
        u64::from_ne_bytes(bytes[at..at + 8].try_into().unwrap())
    }

    fn example() -> Registers {
        let mut registers: Registers = std::array::from_fn(|n| 100 + n as u64);
        registers[RSP] = 0x7fff_0000_1238;
        registers[ORIG_RAX] = u64::MAX;
        registers
    }

    /// The frames lie one above the other, below what the thread may use, and each returns
    /// through `rt_sigreturn`.
    #[test]
    fn frames_chain() {
        let registers = example();
        let frames = Frames::new(&registers, 5, &[7; 1000], CODE, Return::AfterChild).unwrap();
        assert!(frames.end() <= registers[RSP] - RED_ZONE);
        assert_eq!(frames.stack, frames.base);
        let (child, own) = (FRAME, 2 * FRAME);
        for frame in [0, child, own] {
            assert_eq!(word(&frames.bytes, frame), CODE.sigreturn);
        }
        // The wait returns into the thread's own frame; the kernel fills in the child's number.
        assert_eq!(word(&frames.bytes, 160 + 8), frames.base + own as u64);
        assert_eq!(frames.child_slot, frames.base + 112);
        assert_eq!(frames.child_stack, frames.base + child as u64);
        assert_eq!(word(&frames.bytes, child + 144 + 8), libc::SYS_exit_group as u64);
        assert_eq!(word(&frames.bytes, own + 168 - 8), 111);
        assert_eq!(word(&frames.bytes, own + 160 + 8), registers[RSP]);
        assert_eq!(word(&frames.bytes, own + 304), 5);
        assert_eq!(word(&frames.bytes, own + 232), frames.base + (3 * FRAME + GAP) as u64);
        assert_eq!((frames.base + own as u64) % 16, 8);
        assert_eq!(frames.bytes.len(), 3 * FRAME + GAP + 1000);
        let plain = Frames::new(&registers, 5, &[], CODE, Return::Plain).unwrap();
        assert_eq!(plain.stack, plain.base + own as u64);
    }

    /// A thread that was in a system call makes it again, or sees it interrupted.
    #[test]
    fn interrupted_calls_are_resumed() {
        let mut registers = example();
        registers[ORIG_RAX] = 23;
        registers[RAX] = ERESTARTNOHAND as u64;
        assert_eq!(resumed(&registers)[RAX], 23);
        assert_eq!(resumed(&registers)[RIP], registers[RIP] - 2);
        registers[RAX] = ERESTART_RESTARTBLOCK as u64;
        assert_eq!(resumed(&registers)[RAX] as i64, EINTR);
        assert_eq!(resumed(&registers)[RIP], registers[RIP]);
        registers[ORIG_RAX] = u64::MAX;
        assert_eq!(resumed(&registers), registers);
    }

    #[test]
    fn senseless_state_is_refused() {
        let mut registers = example();
        registers[RSP] = 64;
        assert!(Frames::new(&registers, 0, &[], CODE, Return::Plain).is_none());
        assert!(fpstate(vec![0; 520]).is_none());
        assert!(fpstate(Vec::new()).is_none());
        assert_eq!(fpstate(vec![0; 600]).unwrap().len(), 580);
        let mut lies = vec![0; 600];
        lies[464..472].fill(0xff);
        assert!(fpstate(lies).is_none());
    }
}
