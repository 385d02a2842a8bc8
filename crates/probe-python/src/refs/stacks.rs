//! What stands on the stacks and in the registers of threads. It may own what it refers to, or not.

use std::collections::HashSet;
use std::ops::Range;

use heap::{RootKind, Strength};
use probe::FrozenThread;
use target::images::Mapping;
use target::memory::ReadMemory;

use super::roots::{Root, Roots, info};
use super::states::State;
use crate::blocks::roots::{RED_ZONE, stack_pointer};

/// The most of a stack that is read where it is not known how far it reaches, bytes below its end.
const MOST_UNKNOWN: u64 = 256 << 10;
/// The most of a stack that is read otherwise.
const MOST_LIVE: u64 = 16 << 20;

/// The stack of a thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stack {
    /// The part that is in use, where the stack pointer is known.
    pub(super) live: Range<u64>,
    thread: Option<u32>,
}

/// The stacks of all threads, in order of address.
pub(super) fn stacks(
    mappings: &[Mapping],
    threads: &[FrozenThread],
    states: &[State],
) -> Vec<Stack> {
    // A thread's own structure lies at the end of its stack, with other memory behind it.
    let handles = states.iter().flat_map(|state| &state.interpreter.threads);
    let mut ends: Vec<Range<u64>> = Vec::new();
    for end in handles.map(|thread| thread.handle & !7) {
        let holds = |m: &&Mapping| (m.start..m.end).contains(&end) && m.perms.write;
        let mapping = mappings.iter().find(holds).filter(|m| m.path.is_empty());
        ends.extend(mapping.map(|mapping| mapping.start..end));
    }
    let first = mappings.iter().filter(|m| m.path == "[stack]");
    ends.extend(first.map(|m| m.start..m.end));
    let mut pointers: Vec<(u64, u32)> = Vec::new();
    for thread in threads {
        let pointer = stack_pointer(&thread.registers);
        pointers.extend(pointer.map(|pointer| (pointer, thread.tid)));
    }
    // Threads that the interpreter does not know.
    for &(pointer, _) in &pointers {
        let mapping = mappings.iter().find(|m| (m.start..m.end).contains(&pointer));
        if !ends.iter().any(|end| end.contains(&pointer)) {
            ends.extend(mapping.filter(|m| m.perms.write).map(|m| m.start..m.end));
        }
    }
    ends.sort_by_key(|range| (range.start, range.end));
    ends.dedup();
    ends.into_iter().map(|stack| used(stack, &pointers)).collect()
}

/// The part of a stack that is in use.
fn used(stack: Range<u64>, pointers: &[(u64, u32)]) -> Stack {
    let inside = pointers.iter().find(|(pointer, _)| stack.contains(pointer));
    let (start, most) = match inside {
        Some((pointer, _)) => (pointer.saturating_sub(RED_ZONE) & !7, MOST_LIVE),
        None => (0, MOST_UNKNOWN),
    };
    let start = start.max(stack.start).max(stack.end.saturating_sub(most));
    Stack { live: start..stack.end, thread: inside.map(|&(_, tid)| tid) }
}

impl<M: ReadMemory> Roots<'_, '_, M> {
    /// Words of stacks, by thread.
    pub(super) fn stacks(&mut self, stacks: Vec<Stack>) {
        for Stack { live, thread } in stacks {
            let words = live.step_by(8).map(|at| self.walker.pages.word(at)).collect();
            let detail = thread.map(|tid| format!("thread {tid}")).unwrap_or_default();
            self.of_a_thread("stack of a thread", detail, words);
        }
    }

    /// Registers, by thread.
    pub(super) fn registers(&mut self) {
        for thread in self.threads {
            let detail = format!("thread {}", thread.tid);
            self.of_a_thread("registers of a thread", detail, thread.registers.clone());
        }
    }

    fn of_a_thread(&mut self, name: &str, detail: String, words: Vec<u64>) {
        let mut root = Root { info: info(RootKind::Stack, name, detail), edges: Vec::new() };
        let mut seen = HashSet::new();
        for word in words {
            // Some are there many times: two of a thread are as good as all.
            let Some(id) = self.walker.index.get(word) else { continue };
            if seen.insert((id, false)) || seen.insert((id, true)) {
                root.edges.push((id, Strength::Loose, None));
            }
        }
        self.keep(root);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::{Interpreter, ThreadState};

    #[test]
    fn stacks_are_read_as_far_as_they_are_used() {
        let text = "100000-200000 rw-p 0 00:00 0 \n\
                    300000-900000 rw-p 0 00:00 0 \n\
                    a00000-b00000 rw-p 0 00:00 0 \n\
                    c00000-d00000 rw-p 0 00:00 0 [stack]\n";
        let mappings: Vec<Mapping> =
            target::procfs::smaps::parse(text.as_bytes()).map(|m| m.into_owned()).collect();
        let thread = |tid, pointer| {
            let mut registers = vec![0; 27];
            registers[19] = pointer;
            FrozenThread { tid, registers }
        };
        let threads = [thread(1, 0xcff000), thread(2, 0x1ff000), thread(3, 0xafff00)];
        let state = |handle| ThreadState { address: 0, handle, native: None };
        let interpreter =
            Interpreter { id: 0, address: 0, threads: vec![state(0x1ff800), state(0x8ff800)] };
        let frames = super::super::states::FrameWay::At(0);
        let found = stacks(&mappings, &threads, &[State { interpreter, frames }]);
        let found: Vec<_> = found.into_iter().map(|s| (s.live, s.thread)).collect();
        let wanted = [
            (0x1ff000 - RED_ZONE..0x1ff800, Some(2)),
            (0x8ff800 - MOST_UNKNOWN..0x8ff800, None),
            (0xafff00 - RED_ZONE..0xb00000, Some(3)),
            (0xcff000 - RED_ZONE..0xd00000, Some(1)),
        ];
        assert_eq!(found, wanted);
    }
}
