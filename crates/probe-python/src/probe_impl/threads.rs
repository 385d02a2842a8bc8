//! Threads of interpreters and where they stand.

use std::collections::HashSet;

use probe::{Issue, Severity};

use super::Look;
use crate::find::Runtime;
use crate::rows::{Key, ThreadRow};
use crate::stacks::table;
use crate::state::{Interpreter, ThreadState};

impl Look<'_> {
    pub(super) fn threads(&mut self, key: Key, interpreter: &Interpreter) {
        let mut seen = HashSet::new();
        for state in &interpreter.threads {
            let (thread, name) = self.identify(state, &mut seen);
            self.threads.rows.push((key, ThreadRow { thread, name }));
        }
    }

    /// The number and the name of a thread. One may have several states: a key stands once.
    fn identify(&self, state: &ThreadState, seen: &mut HashSet<u64>) -> (u64, Option<String>) {
        let os = self.os_threads.of(self.python.memory(), state);
        let known = os.map(|os| os.tid).or(Some(state.handle).filter(|&handle| handle != 0));
        let thread = known.filter(|&thread| seen.insert(thread)).unwrap_or(state.address);
        (thread, os.and_then(|os| os.name.clone()))
    }

    pub(super) fn stacks(&mut self, runtime: &Runtime, interpreters: &[Interpreter]) {
        let holders = self.python.gil_holders(runtime, interpreters).unwrap_or_default();
        for interpreter in interpreters {
            let key = self.key(runtime, interpreter);
            let mut seen = HashSet::new();
            for stack in self.python.stacks(runtime, interpreter, &holders) {
                let stack = match stack {
                    Ok(stack) => stack,
                    Err(error) => {
                        self.lack(error.to_issue(Severity::Warning));
                        continue;
                    }
                };
                let (thread, name) = self.identify(&stack.thread, &mut seen);
                if let Some(doubt) = stack.doubt {
                    self.lack(Issue::warning(format!("thread {thread}: {doubt}")));
                }
                let rows = table::rows(stack, thread, name.as_deref());
                self.frames.rows.extend(rows.map(|row| (key, row)));
            }
        }
    }
}
