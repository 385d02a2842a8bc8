//! What keeps each object alive.

use crate::audit::count;
use crate::{Graph, IMMORTAL_COUNT, ObjectId, ObjectSet, Strength, Through, flags};

/// What keeps an object alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeper {
    /// A root that owns what it points to leads to it; or it is never freed.
    Root,
    /// References are counted that nothing owns.
    Excess,
    /// An object of which that is true leads to it, and no root does.
    ByExcess,
    /// Its references are all known and none comes from a root: a cycle, or what hangs on one.
    Cycle,
}

/// What keeps each object of a graph alive. Words of stacks and native blocks keep nothing alive
/// here: an object that only they point to has a count that nothing owns.
#[derive(Debug)]
pub struct Keepers {
    of: Vec<Keeper>,
    unexplained: Vec<u32>,
    pointed: ObjectSet,
}

impl Keepers {
    /// Looks for all.
    #[must_use]
    pub fn new(graph: &Graph) -> Self {
        let found = count(graph);
        let owned = graph.root_edges.iter().filter(|edge| {
            let owns = graph.root(edge.root).kind.owns();
            edge.strength == Strength::Strong || owns && edge.strength == Strength::Loose
        });
        let held = graph.reachable_from(owned.map(|edge| edge.target), Through::Loose);
        let all = || (0..graph.len() as u32).map(ObjectId);
        let mut unexplained = vec![0; graph.len()];
        let mut pointed = ObjectSet::new(graph.len());
        for object in all() {
            let at = object.index();
            let count = graph.objects.refcount[at];
            let kept = flags::IMMORTAL | flags::STATIC | flags::TORN;
            let is_kept = graph.objects.flags[at] & kept != 0;
            if count != IMMORTAL_COUNT && !is_kept {
                let owned = found.certain[at].saturating_add(i64::from(found.likely[at]));
                let rest = i64::from(count).saturating_sub(owned).max(0);
                unexplained[at] = u32::try_from(rest).unwrap_or(u32::MAX);
            }
            if found.certain[at] > 0 || found.likely[at] > 0 || found.stale[at] > 0 {
                pointed.insert(object);
            }
        }
        let lost = |object: &ObjectId| !held.contains(*object);
        let excess = |object: &ObjectId| lost(object) && unexplained[object.index()] > 0;
        let by_excess = graph.reachable_from(all().filter(excess), Through::Loose);
        let kept = flags::IMMORTAL | flags::STATIC;
        let keeper = |object: ObjectId| match object {
            _ if held.contains(object) => Keeper::Root,
            _ if excess(&object) => Keeper::Excess,
            _ if by_excess.contains(object) => Keeper::ByExcess,
            _ if graph.objects.flags[object.index()] & kept != 0 => Keeper::Root,
            _ => Keeper::Cycle,
        };
        Self { of: all().map(keeper).collect(), unexplained, pointed }
    }

    /// What keeps an object alive.
    #[must_use]
    pub fn of(&self, object: ObjectId) -> Keeper {
        self.of.get(object.index()).copied().unwrap_or(Keeper::Root)
    }

    /// References to an object that are counted and that nothing owns.
    #[must_use]
    pub fn unexplained(&self, object: ObjectId) -> u32 {
        self.unexplained.get(object.index()).copied().unwrap_or(0)
    }

    /// Whether a pointer to an object was found at all.
    #[must_use]
    pub fn is_pointed_to(&self, object: ObjectId) -> bool {
        self.pointed.contains(object)
    }

    /// What only an object with references too many leads to, itself excluded: calls `visit` for
    /// each, once, for the first of `starts` that leads to it.
    pub fn held_by(
        &self,
        graph: &Graph,
        starts: impl IntoIterator<Item = ObjectId>,
        mut visit: impl FnMut(ObjectId, ObjectId),
    ) {
        let mut seen = ObjectSet::new(graph.len());
        let mut waiting = Vec::new();
        for start in starts {
            waiting.push(start.0);
            while let Some(object) = waiting.pop() {
                for target in graph.next(object as usize, Through::Loose).map(ObjectId) {
                    if self.of(target) == Keeper::ByExcess && seen.insert(target) {
                        visit(start, target);
                        waiting.push(target.0);
                    }
                }
            }
        }
    }
}
