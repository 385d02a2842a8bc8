//! What most questions about holders need, made by two threads.

use std::panic::resume_unwind;
use std::thread;

use crate::{Dominators, Graph, Holder, ObjectId, Retained, Shapes, Through};

/// Who holds each object, in which way, and what would be freed with it.
#[derive(Debug)]
pub struct Held {
    /// What holds each object alone.
    pub dominators: Dominators,
    /// What would be freed with it.
    pub retained: Retained,
    /// The way in which it is held.
    pub shapes: Shapes,
}

impl Held {
    /// Looks for all; takes two threads if there are.
    #[must_use]
    pub fn new(graph: &Graph, through: Through) -> Self {
        let (shapes, (dominators, retained)) = both(
            || Shapes::new(graph, through),
            || {
                let dominators = Dominators::new(graph, through);
                let retained = Retained::new(graph, &dominators);
                (dominators, retained)
            },
        );
        Self { dominators, retained, shapes }
    }

    /// The ways in which these objects are held: [`Shapes::holders`].
    pub fn holders(
        &self,
        graph: &Graph,
        member: impl Fn(ObjectId) -> bool,
        limit: usize,
    ) -> Vec<Holder> {
        self.shapes.holders(graph, (&self.dominators, &self.retained), member, limit)
    }
}

/// Does two things at once, or one after the other where no thread can be made.
pub(crate) fn both<A: Send, B>(one: impl Fn() -> A + Sync, other: impl FnOnce() -> B) -> (A, B) {
    thread::scope(|scope| {
        let Ok(thread) = thread::Builder::new().spawn_scoped(scope, &one) else {
            return (one(), other());
        };
        let second = other();
        let first = thread.join().unwrap_or_else(|panic| resume_unwind(panic));
        (first, second)
    })
}
