//! Where the stacks of the threads are.
//!
//! The kernel no longer marks them. But it tells the stack pointer of a thread that waits, and
//! a mapping that holds one, with a guard below it, is a stack.

use std::collections::HashMap;

use target::procfs::ProcessDir;

/// More threads than this are not asked: it would cost more than the answer is worth.
const MOST_THREADS: usize = 1024;

/// The last known stack pointer of each thread. A thread that runs just now cannot be asked; its
/// stack is where it was.
#[derive(Debug, Default)]
pub(crate) struct Stacks {
    last: HashMap<u32, u64>,
}

impl Stacks {
    /// The stack pointers of the threads that are known, sorted.
    pub(crate) fn look(&mut self, process: &ProcessDir) -> Vec<u64> {
        let threads = threads(process);
        self.last.retain(|thread, _| threads.contains(thread));
        for thread in threads {
            let text = process.read(&format!("task/{thread}/syscall")).unwrap_or_default();
            if let Some(pointer) = stack_pointer(&text) {
                self.last.insert(thread, pointer);
            }
        }
        let mut pointers: Vec<u64> = self.last.values().copied().collect();
        pointers.sort_unstable();
        pointers
    }
}

/// The threads in order; none when there are too many.
fn threads(process: &ProcessDir) -> std::collections::BTreeSet<u32> {
    let Some(entries) = process.folder("task").ok().and_then(|f| rustix::fs::Dir::new(f).ok())
    else {
        return Default::default();
    };
    let numbers = entries.flatten().filter_map(|e| e.file_name().to_str().ok()?.parse().ok());
    let threads: std::collections::BTreeSet<u32> = numbers.take(MOST_THREADS + 1).collect();
    if threads.len() > MOST_THREADS { Default::default() } else { threads }
}

/// `202 0x7f.. 0x189 0x0 0x0 0x0 0xffffffff 0x7ffe.. 0x7f..`: the last but one; or `running`.
fn stack_pointer(text: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(text).ok()?;
    let word = text.split_ascii_whitespace().rev().nth(1)?;
    u64::from_str_radix(word.strip_prefix("0x")?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stack_pointer_is_the_last_but_one() {
        assert_eq!(
            stack_pointer(b"202 0x1 0x2 0x3 0x4 0x5 0x6 0x7ffe10 0x7f20\n"),
            Some(0x7f_fe10)
        );
        assert_eq!(stack_pointer(b"-1 0x10 0x20"), Some(0x10));
        for nothing in [&b"running\n"[..], b"", b"x y z", b"0xfffffffffffffffff 0x1"] {
            assert_eq!(stack_pointer(nothing), None);
        }
    }
}
