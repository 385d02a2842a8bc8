//! Every analysis against the plainest way to compute the same, on random graphs.
#![forbid(unsafe_code)]

mod common;

use std::collections::BTreeSet;

use common::{Plan, plan};
use memprobe_heap::{Components, Dominator, Dominators, ObjectId, Referrers, Retained, Through};
use proptest::prelude::*;

/// What is reached without ever touching `without`.
fn reached(plan: &Plan, through: Through, without: Option<u32>) -> BTreeSet<u32> {
    let mut found = BTreeSet::new();
    let mut waiting: Vec<u32> =
        plan.roots.iter().filter(|edge| edge.follows(through)).map(|edge| edge.to).collect();
    while let Some(object) = waiting.pop() {
        if Some(object) != without && found.insert(object) {
            let edges = plan.edges.iter().filter(|edge| edge.from == object);
            waiting.extend(edges.filter(|edge| edge.follows(through)).map(|edge| edge.to));
        }
    }
    found
}

fn reaches(plan: &Plan, from: u32, to: u32) -> bool {
    let mut found = BTreeSet::from([from]);
    let mut waiting = vec![from];
    while let Some(object) = waiting.pop() {
        for edge in &plan.edges {
            if edge.from == object && edge.follows(Through::Strong) && found.insert(edge.to) {
                waiting.push(edge.to);
            }
        }
    }
    found.contains(&to)
}

proptest! {
    #[test]
    fn what_is_reached(plan in plan()) {
        let graph = plan.graph();
        for through in [Through::Strong, Through::Loose] {
            let set = graph.reachable(through);
            let expected = reached(&plan, through, None);
            let got: BTreeSet<u32> =
                (0..plan.objects).filter(|&object| set.contains(ObjectId(object))).collect();
            prop_assert_eq!(set.count(), expected.len() as u64);
            prop_assert_eq!(got, expected);
        }
    }

    #[test]
    fn who_refers(plan in plan()) {
        let graph = plan.graph();
        let referrers = Referrers::new(&graph);
        for object in (0..plan.objects).map(ObjectId) {
            let got: Vec<u32> = referrers.of(object).map(|edge| graph.source(edge).0).collect();
            let mut expected: Vec<u32> = plan.edges.iter()
                .filter(|edge| edge.to == object.0).map(|edge| edge.from).collect();
            expected.sort_unstable();
            prop_assert_eq!(got, expected);
        }
    }

    /// a dominates b if b is not reached without a; retained is what is not reached without it.
    #[test]
    fn who_holds_alone(plan in plan()) {
        let graph = plan.graph();
        let dominators = Dominators::new(&graph, Through::Loose);
        let retained = Retained::new(&graph, &dominators);
        let all = reached(&plan, Through::Loose, None);
        let mut expected = vec![BTreeSet::new(); plan.objects as usize];
        for &object in &all {
            let rest = reached(&plan, Through::Loose, Some(object));
            let lost: Vec<u32> = all.difference(&rest).copied().collect();
            let bytes: u64 = lost.iter().map(|&lost| plan.size(lost)).sum();
            prop_assert_eq!(retained.of(ObjectId(object)), bytes);
            lost.iter().for_each(|&lost| { expected[lost as usize].insert(object); });
        }
        for object in 0..plan.objects {
            let path: BTreeSet<u32> = dominators.path(ObjectId(object)).filter_map(|at| match at {
                Dominator::Object(object) => Some(object.0),
                _ => None,
            }).collect();
            if all.contains(&object) {
                prop_assert_eq!(&path, &expected[object as usize]);
            } else {
                prop_assert_eq!(dominators.of(ObjectId(object)), Dominator::Unreachable);
            }
        }
    }

    #[test]
    fn what_a_type_retains(plan in plan()) {
        let graph = plan.graph();
        let dominators = Dominators::new(&graph, Through::Loose);
        let retained = Retained::new(&graph, &dominators);
        for (id, group) in retained.by_type(&graph, &dominators) {
            let members: Vec<u32> =
                (0..plan.objects).filter(|&object| plan.type_of(object) == id.0).collect();
            let held: BTreeSet<u32> = (0..plan.objects).filter(|&object| {
                dominators.path(ObjectId(object)).any(
                    |at| matches!(at, Dominator::Object(at) if members.contains(&at.0)))
            }).collect();
            prop_assert_eq!(group.objects, members.len() as u64);
            prop_assert_eq!(group.retained, held.iter().map(|&held| plan.size(held)).sum::<u64>());
        }
    }

    #[test]
    fn components_reach_each_other(plan in plan()) {
        let graph = plan.graph();
        let components = Components::new(&graph, Through::Strong, |_| true);
        for one in 0..plan.objects {
            for other in 0..plan.objects {
                let same = components.of(ObjectId(one)) == components.of(ObjectId(other));
                prop_assert_eq!(same, reaches(&plan, one, other) && reaches(&plan, other, one));
            }
        }
        let total: u32 = components.sizes().iter().sum();
        prop_assert_eq!(total, plan.objects);
    }
}
