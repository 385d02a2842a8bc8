//! Columns as a broken or hostile reader would hand them over: an error, or a graph that every
//! analysis can take.
#![forbid(unsafe_code)]

use std::sync::Arc;

use memprobe_heap::{
    Audit, Builder, Components, Dominators, EdgeChunk, Garbage, Graph, Held, How, Keeper, Keepers,
    Label, LabelInfo, Object, ObjectId, Objects, Paths, Referrers, RootId, RootInfo, RootKind,
    Strength, Summary, Through, TypeId, TypeInfo,
};
use proptest::collection::vec;
use proptest::prelude::*;

/// Numbers that nearly always fit: a graph is made of some dozen.
fn below(limit: u32) -> impl Strategy<Value = u32> {
    prop_oneof![200 => 0..limit, 1 => Just(u32::MAX), 1 => any::<u32>()]
}

#[derive(Clone, Debug)]
struct Columns {
    objects: Vec<(u64, u32, u32, u8)>,
    types: Vec<Option<&'static str>>,
    labels: Vec<(usize, usize)>,
    edges: Vec<Vec<(u32, u32)>>,
    /// How many edges more the first object claims than there are.
    lie: u32,
    root_edges: Vec<(u32, u32)>,
    others: Vec<(u32, i32)>,
}

fn columns() -> impl Strategy<Value = Columns> {
    let object = (any::<u64>(), below(3), any::<u32>(), any::<u8>());
    let lie = prop_oneof![50 => Just(0_u32), 1 => any::<u32>()];
    (
        vec(object, 3..6),
        vec(prop_oneof![Just(None), Just(Some("module global"))], 3..6),
        vec((0..How::ALL.len(), 0..3_usize), 6),
        vec(vec((below(3), below(6)), 0..4), 6),
        lie,
        vec((below(2), below(3)), 0..3),
        vec((below(3), any::<i32>()), 0..3),
    )
        .prop_map(|(objects, types, labels, edges, lie, root_edges, others)| Columns {
            objects,
            types,
            labels,
            edges,
            lie,
            root_edges,
            others,
        })
}

impl Columns {
    fn graph(&self) -> Option<Graph> {
        let mut objects = Objects::default();
        for (place, &(size, type_id, refcount, flags)) in self.objects.iter().enumerate() {
            let address = place as u64 * 16;
            objects.push(Object { address, size, type_id, refcount, flags });
        }
        let info = |&entry: &Option<&'static str>| {
            let mut info = TypeInfo::new("t", 0);
            info.entry = entry.map(Arc::from);
            info
        };
        let types = self.types.iter().map(info).collect();
        let strength = [Strength::Strong, Strength::Loose, Strength::Borrowed];
        let label =
            |&(how, owns): &(usize, usize)| LabelInfo::new("x", How::ALL[how], strength[owns]);
        let mut builder = Builder::new(objects, types, self.labels.iter().map(label).collect());
        let edges = &self.edges[..self.objects.len()];
        let mut chunk = EdgeChunk {
            counts: edges.iter().map(|edges| edges.len() as u32).collect(),
            target: edges.iter().flatten().map(|edge| edge.0).collect(),
            label: edges.iter().flatten().map(|edge| edge.1 as u8).collect(),
        };
        if let Some(count) = chunk.counts.first_mut() {
            *count = count.wrapping_add(self.lie);
        }
        builder.push(&chunk).ok()?;
        for kind in [RootKind::SysModules, RootKind::Stack] {
            builder.root(RootInfo { kind, name: "r".into(), detail: "".into() });
        }
        for &(root, object) in &self.root_edges {
            builder.root_edge(RootId(root), ObjectId(object), Strength::Loose, None);
        }
        for &(object, references) in &self.others {
            builder.extra(ObjectId(object), references);
            builder.text(ObjectId(object), "text".into());
            builder.own_name(ObjectId(object), "name".into());
            builder.slot_name(TypeId(object), Label(object as u8), "slot".into());
        }
        builder.finish().ok()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn an_error_or_a_graph_for_every_analysis(columns in columns()) {
        let graph = columns.graph();
        // Fails if most are errors.
        prop_assume!(graph.is_some());
        let Some(graph) = graph else { return Ok(()) };
        let all = || (0..graph.len() as u32).map(ObjectId);
        let held = Held::new(&graph, Through::Loose);
        let objects: u64 = held.holders(&graph, |_| true, usize::MAX).iter().map(|way| way.objects).sum();
        prop_assert_eq!(objects, graph.len() as u64);
        let counted: u64 = held.shapes.sums(&graph, |_| true).iter().map(|(_, sum)| sum.objects).sum();
        prop_assert_eq!(counted, graph.len() as u64);
        let audit = Audit::new(&graph);
        prop_assert_eq!(audit.audited + audit.left_out, graph.len() as u64);
        let referrers = Referrers::new(&graph);
        prop_assert_eq!(all().map(|object| referrers.of(object).count()).sum::<usize>(), graph.edge_count());
        let lost = |object| !graph.reachable(Through::Loose).contains(object);
        let garbage = Garbage::within(&graph, Through::Loose, lost);
        prop_assert_eq!(
            garbage.cyclic.objects + garbage.unheld.objects,
            all().filter(|&object| lost(object)).count() as u64
        );
        let components = Components::new(&graph, Through::Strong, |_| true);
        prop_assert_eq!(components.sizes().iter().sum::<u32>() as usize, graph.len());
        let summary = Summary::new(&graph);
        prop_assert_eq!(summary.types.values().map(|sum| sum.objects).sum::<u64>(), graph.len() as u64);
        let keepers = Keepers::new(&graph);
        let paths = Paths::new(&graph, Through::Loose);
        let dominators = Dominators::new(&graph, Through::Strong);
        for object in all() {
            let is_excess = keepers.of(object) == Keeper::Excess;
            prop_assert!(!is_excess || keepers.unexplained(object) > 0);
            prop_assert_eq!(paths.steps(object).is_empty(), held.shapes.of(object).is_none());
            prop_assert!(dominators.path(object).count() <= graph.len() + 2);
        }
    }
}
