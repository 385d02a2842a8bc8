//! What roots reach.

use crate::ahead::OBJECTS;
use crate::{Graph, Label, ObjectId, Strength};

/// Which edges a question follows. Borrowed ones never: they keep nothing alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Through {
    /// Only edges that certainly own a reference.
    Strong,
    /// Also those that may: what is then unreachable certainly is.
    Loose,
}

impl Through {
    pub(crate) fn follows(self, strength: Strength) -> bool {
        match self {
            Self::Strong => strength == Strength::Strong,
            Self::Loose => strength != Strength::Borrowed,
        }
    }
}

/// A set of objects, a bit each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectSet {
    words: Vec<u64>,
}

impl ObjectSet {
    /// The empty set of a graph of `count` objects.
    #[must_use]
    pub fn new(count: usize) -> Self {
        Self { words: vec![0; count.div_ceil(64)] }
    }

    /// Adds an object; whether it is new.
    pub fn insert(&mut self, object: ObjectId) -> bool {
        let bit = 1 << (object.0 % 64);
        match self.words.get_mut(object.index() / 64) {
            Some(word) if *word & bit == 0 => {
                *word |= bit;
                true
            }
            _ => false,
        }
    }

    /// Whether it holds an object.
    #[must_use]
    pub fn contains(&self, object: ObjectId) -> bool {
        self.words.get(object.index() / 64).is_some_and(|word| word >> (object.0 % 64) & 1 == 1)
    }

    /// How many objects it holds.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.words.iter().map(|word| u64::from(word.count_ones())).sum()
    }
}

impl Graph {
    /// What an object refers to through edges of a strength.
    pub(crate) fn next(&self, object: usize, through: Through) -> impl Iterator<Item = u32> + '_ {
        let range = self.edge_range(object);
        let edges = self.target[range.clone()].iter().zip(&self.label[range]);
        edges
            .filter(move |&(_, &label)| through.follows(self.strength(Label(label))))
            .map(|(&target, _)| target)
    }

    /// What roots reach.
    #[must_use]
    pub fn reachable(&self, through: Through) -> ObjectSet {
        let edges = self.root_edges.iter().filter(|edge| through.follows(edge.strength));
        self.reachable_from(edges.map(|edge| edge.target), through)
    }

    /// What these objects reach, themselves included.
    pub fn reachable_from(
        &self,
        start: impl IntoIterator<Item = ObjectId>,
        through: Through,
    ) -> ObjectSet {
        let mut reached = ObjectSet::new(self.len());
        let mut waiting = Vec::new();
        for object in start {
            if object.index() < self.len() && reached.insert(object) {
                waiting.push(object.0);
            }
        }
        let mut some = Vec::with_capacity(OBJECTS);
        while !waiting.is_empty() {
            some.clear();
            some.extend(waiting.drain(waiting.len().saturating_sub(OBJECTS)..));
            self.look_at(&some);
            for &object in &some {
                for target in self.next(object as usize, through) {
                    if reached.insert(ObjectId(target)) {
                        waiting.push(target);
                    }
                }
            }
        }
        reached
    }
}
