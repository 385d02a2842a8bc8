//! Retained size: what would be freed if something went.

use std::collections::BTreeMap;

use crate::dominators::ROOTS;
use crate::tree::{self, NONE};
use crate::{Dominator, Dominators, Graph, ObjectId, RootId, TypeId};

/// Retained bytes of every object and root.
#[derive(Debug)]
pub struct Retained {
    objects: usize,
    bytes: Vec<u64>,
}

/// What a group of objects retains together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Group {
    /// How many objects belong to it.
    pub objects: u64,
    /// Their own bytes.
    pub bytes: u64,
    /// Bytes that would be freed if all of them went, none counted twice; a lower bound, because
    /// what several of them hold only together is not in it.
    pub retained: u64,
}

impl Retained {
    /// Adds up the dominator tree.
    #[must_use]
    pub fn new(graph: &Graph, dominators: &Dominators) -> Self {
        let mut bytes = vec![0_u64; dominators.vertices];
        for (object, place) in bytes.iter_mut().take(graph.len()).enumerate() {
            *place = graph.objects.bytes(object);
        }
        for &vertex in dominators.order.iter().rev() {
            let holder = dominators.idom[vertex as usize];
            if holder < ROOTS {
                let own = bytes[vertex as usize];
                let sum = &mut bytes[holder as usize];
                *sum = sum.saturating_add(own);
            }
        }
        Self { objects: graph.len(), bytes }
    }

    /// What would be freed with an object, itself included. Of an unreachable one: its own bytes.
    #[must_use]
    pub fn of(&self, object: ObjectId) -> u64 {
        self.bytes.get(object.index()).copied().unwrap_or(0)
    }

    /// What only this root holds.
    #[must_use]
    pub fn of_root(&self, root: RootId) -> u64 {
        self.bytes.get(self.objects + root.index()).copied().unwrap_or(0)
    }

    /// The objects that retain most, most first.
    #[must_use]
    pub fn biggest(&self, count: usize) -> Vec<(ObjectId, u64)> {
        let mut best: Vec<u32> = (0..self.objects as u32).collect();
        let key = |&object: &u32| (std::cmp::Reverse(self.bytes[object as usize]), object);
        if best.len() > count {
            best.select_nth_unstable_by_key(count, key);
            best.truncate(count);
        }
        best.sort_unstable_by_key(key);
        best.into_iter().map(|object| (ObjectId(object), self.of(ObjectId(object)))).collect()
    }

    /// What each type retains, all of its objects together; most first.
    #[must_use]
    pub fn by_type(&self, graph: &Graph, dominators: &Dominators) -> Vec<(TypeId, Group)> {
        let types = &graph.objects.type_id;
        let groups = self.groups(graph, dominators, |object| Some(types[object.index()]));
        let mut groups: Vec<_> =
            groups.into_iter().map(|(id, group)| (TypeId(id), group)).collect();
        groups.sort_by_key(|&(id, group)| (std::cmp::Reverse(group.retained), id));
        groups
    }

    /// What groups of objects retain. An object inside of what another of its group retains adds
    /// nothing; unreachable objects count with their own bytes.
    pub fn groups(
        &self,
        graph: &Graph,
        dominators: &Dominators,
        group_of: impl Fn(ObjectId) -> Option<u32>,
    ) -> BTreeMap<u32, Group> {
        let mut sums = GroupSums::default();
        let group = |vertex: u32| {
            if (vertex as usize) < self.objects { group_of(ObjectId(vertex)) } else { None }
        };
        Tree::new(dominators).walk(dominators, |vertex, down| {
            if let Some(group) = group(vertex) {
                if down {
                    let object = ObjectId(vertex);
                    sums.enter(group, graph.objects.bytes(object.index()), self.of(object));
                } else {
                    sums.leave(group);
                }
            }
        });
        for object in (0..self.objects as u32).map(ObjectId) {
            if dominators.of(object) == Dominator::Unreachable
                && let Some(group) = group_of(object)
            {
                let bytes = graph.objects.bytes(object.index());
                sums.enter(group, bytes, bytes);
                sums.leave(group);
            }
        }
        sums.finish()
    }
}

/// Sums by group, and how many members of each are open on the way down. Group numbers are small.
#[derive(Default)]
struct GroupSums {
    sums: Vec<(Group, u32)>,
}

impl GroupSums {
    fn enter(&mut self, group: u32, bytes: u64, retained: u64) {
        if self.sums.len() <= group as usize {
            self.sums.resize(group as usize + 1, <(Group, u32)>::default());
        }
        let (sum, open) = &mut self.sums[group as usize];
        sum.objects += 1;
        sum.bytes = sum.bytes.saturating_add(bytes);
        if *open == 0 {
            sum.retained = sum.retained.saturating_add(retained);
        }
        *open += 1;
    }

    fn leave(&mut self, group: u32) {
        self.sums[group as usize].1 -= 1;
    }

    fn finish(self) -> BTreeMap<u32, Group> {
        let sums = self.sums.into_iter().enumerate();
        sums.filter(|(_, (sum, _))| sum.objects > 0)
            .map(|(group, (sum, _))| (group as u32, sum))
            .collect()
    }
}

/// Children in the dominator tree, as lists through all vertices.
struct Tree {
    first: Vec<u32>,
    next: Vec<u32>,
    tops: Vec<u32>,
}

impl Tree {
    fn new(dominators: &Dominators) -> Self {
        let none = || vec![NONE; dominators.vertices];
        let mut tree = Self { first: none(), next: none(), tops: Vec::new() };
        for &vertex in dominators.order.iter().rev() {
            match dominators.idom[vertex as usize] {
                ROOTS => tree.tops.push(vertex),
                holder => {
                    tree.next[vertex as usize] = tree.first[holder as usize];
                    tree.first[holder as usize] = vertex;
                }
            }
        }
        tree
    }

    /// Visits each vertex on the way down (`true`) and on the way up.
    fn walk(&self, dominators: &Dominators, mut visit: impl FnMut(u32, bool)) {
        for &top in &self.tops {
            tree::walk(top, &self.first, &self.next, &dominators.idom, &mut visit);
        }
    }
}
