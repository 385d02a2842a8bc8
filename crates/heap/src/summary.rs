//! What is kept of a graph to explain later growth: sums by name, no object but big containers.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::held::both;
use crate::{
    Audit, Dominator, Dominators, Garbage, Graph, Group, Held, Label, ObjectId, Retained, Step,
    Strength, Sum, Through,
};

/// From how many references on an object counts as a container.
pub const CONTAINER: usize = 32;

/// How many containers are kept, the longest.
const MAX_CONTAINERS: usize = 20_000;

/// The way that something is held, from a root to it.
pub type Path = Arc<[Step]>;

/// An object with many references.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Container {
    /// How it is held; its last step has its type.
    pub path: Path,
    /// How many references it has.
    pub references: u64,
    /// Bytes that it alone holds.
    pub retained: u64,
    /// Bytes of what it refers to and does not hold alone, divided by all who refer to it.
    pub shared: u64,
}

/// Excess of the audit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExcessTotal {
    /// Objects, and own bytes, with references that nothing explains.
    pub sum: Sum,
    /// Objects that only references which may own nothing explain.
    pub doubtful: u64,
}

/// A graph in short. Names instead of numbers, so that two can be compared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// By type.
    pub types: BTreeMap<Arc<str>, Sum>,
    /// By the way in which objects are held.
    pub shapes: BTreeMap<Path, Group>,
    /// Objects with at least [`CONTAINER`] references, by address and type.
    pub containers: BTreeMap<(u64, Arc<str>), Container>,
    /// Cyclic garbage by type.
    pub garbage: BTreeMap<Arc<str>, Sum>,
    /// Excess of reference counts by type and own bytes.
    pub excess: BTreeMap<(Arc<str>, u64), ExcessTotal>,
}

impl Summary {
    /// Sums up a graph. Runs all analyses, by two threads if there are: they take about 30 bytes per
    /// object and 4 per edge beside the graph, and up to 600 per shape.
    #[must_use]
    pub fn new(graph: &Graph) -> Self {
        let held = Held::new(graph, Through::Loose);
        let lost = || (Garbage::new(graph), Audit::new(graph));
        let ((garbage, audit), mut summary) = both(lost, || Self::of_ways(graph, &held));
        summary.add_types(graph);
        summary.add_garbage(graph, &garbage);
        summary.add_excess(graph, &audit);
        summary
    }

    /// What is held in which way.
    fn of_ways(graph: &Graph, held: &Held) -> Self {
        let shapes = &held.shapes;
        let paths: Vec<Path> =
            (0..shapes.count() as u32).map(|shape| shapes.path(shape).into()).collect();
        let groups = held.retained.groups(graph, &held.dominators, |object| shapes.of(object));
        let mut summary = Self::default();
        for (shape, group) in groups {
            summary.add_shape(Arc::clone(&paths[shape as usize]), group);
        }
        summary.add_containers(graph, (&held.dominators, &held.retained), |object| {
            shapes.of(object).map(|shape| Arc::clone(&paths[shape as usize]))
        });
        summary
    }

    /// Several types may share a name, and so several shapes a path.
    fn add_shape(&mut self, path: Path, group: Group) {
        let sum = self.shapes.entry(path).or_default();
        sum.objects += group.objects;
        sum.bytes = sum.bytes.saturating_add(group.bytes);
        sum.retained = sum.retained.saturating_add(group.retained);
    }

    fn add_types(&mut self, graph: &Graph) {
        let mut sums = vec![Sum::default(); graph.types.len()];
        for (object, &type_id) in graph.objects.type_id.iter().enumerate() {
            sums[type_id as usize].add(graph.objects.bytes(object));
        }
        for (info, sum) in graph.types.iter().zip(sums).filter(|(_, sum)| sum.objects > 0) {
            self.types.entry(Arc::clone(&info.name)).or_default().join(sum);
        }
    }

    fn add_garbage(&mut self, graph: &Graph, garbage: &Garbage) {
        for &(id, sum) in &garbage.types {
            let name = Arc::clone(&graph.types[id.index()].name);
            self.garbage.entry(name).or_default().join(sum);
        }
    }

    fn add_excess(&mut self, graph: &Graph, audit: &Audit) {
        for &((id, bytes), group) in &audit.groups {
            let name = Arc::clone(&graph.types[id.index()].name);
            let total = self.excess.entry((name, bytes)).or_default();
            total.sum.join(Sum { objects: group.objects, bytes: group.bytes });
            total.doubtful += group.doubtful;
        }
    }

    fn add_containers(
        &mut self,
        graph: &Graph,
        held: (&Dominators, &Retained),
        path: impl Fn(ObjectId) -> Option<Path>,
    ) {
        let length = |object: &ObjectId| graph.edge_range(object.index()).len();
        let mut long: Vec<ObjectId> = (0..graph.len() as u32).map(ObjectId).collect();
        long.retain(|object| length(object) >= CONTAINER);
        long.sort_by_key(|object| (std::cmp::Reverse(length(object)), *object));
        long.truncate(MAX_CONTAINERS);
        if long.is_empty() {
            return;
        }
        let referrers = referrer_counts(graph);
        for object in long {
            let Some(path) = path(object) else { continue };
            let container = Container {
                path,
                references: length(&object) as u64,
                retained: held.1.of(object),
                shared: shared(graph, held, &referrers, object),
            };
            let address = graph.objects.address[object.index()];
            let type_name = Arc::clone(graph.type_name(object));
            self.containers.insert((address, type_name), container);
        }
    }
}

impl Sum {
    pub(crate) fn join(&mut self, other: Self) {
        self.objects += other.objects;
        self.bytes = self.bytes.saturating_add(other.bytes);
    }
}

fn referrer_counts(graph: &Graph) -> Vec<u32> {
    let mut counts = vec![0_u32; graph.len()];
    for (&target, &label) in graph.target.iter().zip(&graph.label) {
        if Through::Loose.follows(graph.strength(Label(label))) {
            counts[target as usize] += 1;
        }
    }
    counts
}

/// The part that a container has in what others hold as well.
fn shared(
    graph: &Graph,
    (dominators, retained): (&Dominators, &Retained),
    referrers: &[u32],
    object: ObjectId,
) -> u64 {
    let owning =
        graph.edges(object).filter(|edge| graph.strength(edge.label) != Strength::Borrowed);
    let parts = owning
        .filter(|edge| dominators.of(edge.target) != Dominator::Object(object))
        .map(|edge| retained.of(edge.target) / u64::from(referrers[edge.target.index()].max(1)));
    parts.fold(0, u64::saturating_add)
}
