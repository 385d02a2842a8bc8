//! The two pieces of code in the target that an injected system call needs.

use probe::Result;

use crate::images::{Mapping, mappings};
use crate::memory::{LiveMemory, ReadMemory};
use crate::procfs::ProcessDir;

/// `syscall; ret`.
const SYSCALL: &[u8] = &[0x0f, 0x05, 0xc3];
/// `mov rax, 15; syscall`: the `rt_sigreturn` to which the C library's signal handlers return.
const SIGRETURN_GNU: &[u8] = &[0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05];
/// The same with a shorter move.
const SIGRETURN_SHORT: &[u8] = &[0xb8, 0x0f, 0, 0, 0, 0x0f, 0x05];
/// The most code that is searched, bytes.
const MOST_CODE: u64 = 256 << 20;

/// Addresses in the target's code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Code {
    /// `syscall; ret`.
    pub(crate) syscall: u64,
    /// `rt_sigreturn`.
    pub(crate) sigreturn: u64,
    /// The address behind that.
    pub(crate) sigreturn_end: u64,
}

impl Code {
    /// Finds both, in the C library if it can be told, else in any code.
    ///
    /// # Errors
    /// When the memory of the process cannot be read at all.
    pub(crate) fn find(process: &ProcessDir, memory: &LiveMemory) -> Result<Option<Self>> {
        let mut code: Vec<Mapping> = mappings(process)?;
        code.retain(|m| m.perms.exec && m.perms.read && !m.perms.write && m.path != "[vsyscall]");
        code.sort_by_key(|mapping| !is_c_library(&mapping.path));
        let (mut syscall, mut sigreturn, mut searched) = (None, None, 0_u64);
        for mapping in code {
            searched = searched.saturating_add(mapping.len());
            if searched > MOST_CODE {
                break;
            }
            let mut bytes = vec![0; mapping.len() as usize];
            memory.read_with_holes(mapping.start, &mut bytes)?;
            let find = |what: &[u8]| {
                let at = bytes.windows(what.len()).position(|window| window == what)?;
                let start = mapping.start.checked_add(at as u64)?;
                Some((start, start.checked_add(what.len() as u64)?))
            };
            syscall = syscall.or_else(|| find(SYSCALL));
            sigreturn = sigreturn.or_else(|| find(SIGRETURN_GNU));
            sigreturn = sigreturn.or_else(|| find(SIGRETURN_SHORT));
            if let (Some((syscall, _)), Some((sigreturn, sigreturn_end))) = (syscall, sigreturn) {
                return Ok(Some(Self { syscall, sigreturn, sigreturn_end }));
            }
        }
        Ok(None)
    }

    /// Whether both are still there: the process may have replaced its program.
    pub(crate) fn is_there(self, memory: &LiveMemory) -> bool {
        let starts = |addr: u64, what: &[u8]| {
            let mut bytes = vec![0; what.len()];
            memory.read(addr, &mut bytes).is_ok() && bytes == what
        };
        starts(self.syscall, SYSCALL)
            && (starts(self.sigreturn, SIGRETURN_GNU) || starts(self.sigreturn, SIGRETURN_SHORT))
    }
}

fn is_c_library(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    name.starts_with("libc.") || name.starts_with("libc-") || name.starts_with("ld-")
}
