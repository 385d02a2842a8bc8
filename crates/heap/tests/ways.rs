//! Ways in columns say what the graph says.
#![forbid(unsafe_code)]

mod common;

use common::plan;
use memprobe_heap::{
    Dominators, Graph, ObjectId, Paths, Retained, Shapes, Step, Through, TypeId, Ways,
};
use proptest::prelude::*;

/// The steps to an object, from columns alone.
fn steps(ways: &Ways, object: ObjectId) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut at = object;
    while let Some((_, mut step)) = ways.shapes().last(ways.shape(at)) {
        if let Some(place) = ways.places()[at.index()].checked_sub(1) {
            step.name = format!("[{place}]").into();
        }
        steps.push(step);
        let before = ObjectId(ways.parents()[at.index()]);
        if before == at {
            break;
        }
        at = before;
    }
    steps.reverse();
    steps
}

fn group(graph: &Graph, shapes: &Shapes, shape: Option<u32>) -> u64 {
    let dominators = Dominators::new(graph, Through::Loose);
    let retained = Retained::new(graph, &dominators);
    let of = |object| (shapes.of(object) == shape).then_some(0);
    retained.groups(graph, &dominators, of).get(&0).map_or(0, |group| group.retained)
}

proptest! {
    #[test]
    fn ways_are_those_of_the_graph(plan in plan()) {
        let graph = plan.graph();
        let ways = Ways::new(&graph, Through::Loose);
        let (paths, shapes) =
            (Paths::new(&graph, Through::Loose), Shapes::new(&graph, Through::Loose));
        for object in (0..plan.objects).map(ObjectId) {
            prop_assert_eq!(steps(&ways, object), paths.steps(object));
            prop_assert_eq!(ways.shapes().of(object), shapes.of(object));
        }
    }

    /// Nothing that would be freed is missing in what is held, and each object counts once.
    #[test]
    fn what_is_held_is_a_bound(plan in plan()) {
        let graph = plan.graph();
        let ways = Ways::new(&graph, Through::Loose);
        let dominators = Dominators::new(&graph, Through::Loose);
        let retained = Retained::new(&graph, &dominators);
        let all: u64 = (0..plan.objects).map(|object| plan.size(object)).sum();
        for object in (0..plan.objects).map(ObjectId) {
            let held = ways.held()[object.index()];
            prop_assert!(retained.of(object) <= held && held <= all);
        }
        for (id, group) in retained.by_type(&graph, &dominators) {
            let sum = ways.of_type(id);
            prop_assert_eq!((sum.objects, sum.bytes), (group.objects, group.bytes));
            prop_assert!(group.retained <= sum.held && sum.held <= all);
        }
        let mut objects = 0;
        for (shape, sum) in (0_u32..).zip(ways.by_shape()).filter(|&(shape, _)| shape != 1) {
            objects += sum.objects;
            let shape = Some(shape).filter(|&shape| shape > 0);
            prop_assert!(group(&graph, ways.shapes(), shape) <= sum.held && sum.held <= all);
        }
        prop_assert_eq!(objects, u64::from(plan.objects));
        prop_assert_eq!(ways.of_type(TypeId(u32::MAX)).objects, 0);
    }
}
