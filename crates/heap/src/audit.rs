//! The audit of reference counts: references that are counted and that nothing in the graph shows.

use std::collections::BTreeMap;

use crate::{Graph, IMMORTAL_COUNT, ObjectId, Strength, TypeId, flags};

/// An object whose count exceeds the references found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Excess {
    /// The object.
    pub object: ObjectId,
    /// References that nothing explains, even if all that may own one do; 0: it may be explained.
    pub low: u32,
    /// References that nothing certain explains.
    pub high: u32,
}

/// Excess of the objects of one type and size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExcessSum {
    /// Objects that nothing explains (`low` above 0).
    pub objects: u64,
    /// Their own bytes.
    pub bytes: u64,
    /// Their references that nothing explains.
    pub references: u64,
    /// Objects that only references which may own nothing explain (`low` 0, `high` above 0).
    pub doubtful: u64,
}

/// The outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audit {
    /// How many objects were audited.
    pub audited: u64,
    /// How many were left out: never freed, whatever their count, or torn.
    pub left_out: u64,
    /// Every object with excess, ascending.
    pub excess: Vec<Excess>,
    /// By type and own bytes, most bytes first.
    pub groups: Vec<((TypeId, u64), ExcessSum)>,
    /// Objects of which more references were found than are counted, by type: a reader's error, or
    /// an object that was about to be freed too early.
    pub over_counted: Vec<(TypeId, u64)>,
}

/// References found to each object.
pub(crate) struct Found {
    /// Of certain owners and adjustments.
    pub(crate) certain: Vec<i64>,
    /// Of those that may own one: words of objects, and of roots that are made to own.
    pub(crate) likely: Vec<u32>,
    /// Of those that seldom do: words of stacks and of native blocks.
    pub(crate) stale: Vec<u32>,
}

impl Audit {
    /// Compares counts with edges. A count is compared if it is not [`IMMORTAL_COUNT`] and the object
    /// neither immortal nor static nor torn.
    #[must_use]
    pub fn new(graph: &Graph) -> Self {
        let found = count(graph);
        let mut excess = Vec::new();
        let mut groups = BTreeMap::<(TypeId, u64), ExcessSum>::new();
        let mut over = BTreeMap::<TypeId, u64>::new();
        let mut audited = 0;
        for object in (0..graph.len() as u32).map(ObjectId) {
            let at = object.index();
            let count = graph.objects.refcount[at];
            let out = flags::IMMORTAL | flags::STATIC | flags::TORN;
            if count == IMMORTAL_COUNT || graph.objects.flags[at] & out != 0 {
                continue;
            }
            audited += 1;
            let high = i64::from(count).saturating_sub(found.certain[at]);
            let possible = i64::from(found.likely[at]) + i64::from(found.stale[at]);
            let low = high.saturating_sub(possible).max(0);
            if high < 0 {
                *over.entry(graph.type_of(object)).or_default() += 1;
            } else if high > 0 {
                let clamp = |references| u32::try_from(references).unwrap_or(u32::MAX);
                let one = Excess { object, low: clamp(low), high: clamp(high) };
                let bytes = graph.objects.bytes(at);
                groups.entry((graph.type_of(object), bytes)).or_default().add(one, bytes);
                excess.push(one);
            }
        }
        let mut groups: Vec<_> = groups.into_iter().collect();
        groups.sort_by_key(|&(key, sum)| (std::cmp::Reverse((sum.bytes, sum.doubtful)), key));
        let over_counted = over.into_iter().collect();
        let left_out = graph.len() as u64 - audited;
        Self { audited, left_out, excess, groups, over_counted }
    }
}

impl ExcessSum {
    fn add(&mut self, one: Excess, bytes: u64) {
        if one.low == 0 {
            self.doubtful += 1;
            return;
        }
        self.objects += 1;
        self.bytes = self.bytes.saturating_add(bytes);
        self.references = self.references.saturating_add(u64::from(one.low));
    }
}

pub(crate) fn count(graph: &Graph) -> Found {
    let none = vec![0; graph.len()];
    let mut found = Found { certain: vec![0; graph.len()], likely: none.clone(), stale: none };
    let edges = graph.target.iter().zip(&graph.label);
    let edges = edges.map(|(&target, &label)| (target, graph.strength[usize::from(label)], true));
    let roots = graph
        .root_edges
        .iter()
        .map(|edge| (edge.target.0, edge.strength, graph.root(edge.root).kind.owns()));
    for (target, strength, owns) in edges.chain(roots) {
        let at = target as usize;
        match (strength, owns) {
            (Strength::Strong, _) => found.certain[at] += 1,
            (Strength::Loose, true) => found.likely[at] = found.likely[at].saturating_add(1),
            (Strength::Loose, false) => found.stale[at] = found.stale[at].saturating_add(1),
            (Strength::Borrowed, _) => {}
        }
    }
    for &(object, references) in &graph.extra {
        let certain = &mut found.certain[object.index()];
        *certain = certain.saturating_add(i64::from(references));
    }
    found
}
