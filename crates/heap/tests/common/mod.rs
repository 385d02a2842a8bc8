//! Random small graphs.
#![allow(dead_code, unreachable_pub, reason = "shared by the tests of this folder")]

use std::sync::Arc;

use memprobe_heap::{
    Builder, EdgeChunk, Graph, How, LabelInfo, Object, ObjectId, Objects, RootInfo, RootKind,
    Strength, Through, TypeInfo,
};
use proptest::collection::vec;
use proptest::prelude::*;

#[derive(Clone, Copy, Debug)]
pub struct Line {
    pub from: u32,
    pub to: u32,
    /// 0 strong, 1 loose, 2 borrowed.
    pub label: u8,
}

impl Line {
    pub fn follows(self, through: Through) -> bool {
        self.label == 0 || self.label == 1 && through == Through::Loose
    }
}

/// A graph to be; `from` of a root edge is its root.
#[derive(Clone, Debug)]
pub struct Plan {
    pub objects: u32,
    pub edges: Vec<Line>,
    pub roots: Vec<Line>,
}

const ROOTS: u32 = 3;
const TYPES: u32 = 4;

pub fn strength(label: u8) -> Strength {
    [Strength::Strong, Strength::Loose, Strength::Borrowed][usize::from(label)]
}

fn line(from: u32, to: u32) -> impl Strategy<Value = Line> {
    let label = prop_oneof![8 => Just(0_u8), 1 => Just(1), 1 => Just(2)];
    (0..from, 0..to, label).prop_map(|(from, to, label)| Line { from, to, label })
}

pub fn plan() -> impl Strategy<Value = Plan> {
    (1..30_u32).prop_flat_map(|objects| {
        let edges = vec(line(objects, objects), 0..80);
        let roots = vec(line(ROOTS, objects), 0..5);
        (edges, roots).prop_map(move |(mut edges, roots)| {
            edges.sort_by_key(|edge| edge.from);
            Plan { objects, edges, roots }
        })
    })
}

impl Plan {
    pub fn size(&self, object: u32) -> u64 {
        u64::from(object % 7 * 16 + 16)
    }

    pub fn type_of(&self, object: u32) -> u32 {
        object % TYPES
    }

    pub fn graph(&self) -> Graph {
        let mut objects = Objects::with_capacity(self.objects as usize);
        for object in 0..self.objects {
            objects.push(Object {
                address: 0x1000 + u64::from(object) * 16,
                size: self.size(object),
                type_id: self.type_of(object),
                refcount: object % 5,
                flags: 0,
            });
        }
        let types = (0..TYPES).map(|id| TypeInfo::new(format!("t{id}"), 0)).collect();
        let label = |label| LabelInfo::new("items", How::Item, strength(label));
        let mut builder = Builder::new(objects, types, (0..3).map(label).collect());
        for object in 0..self.objects {
            let edges = self.edges.iter().filter(|edge| edge.from == object);
            let (target, label): (Vec<u32>, Vec<u8>) =
                edges.map(|edge| (edge.to, edge.label)).unzip();
            builder
                .push(&EdgeChunk { counts: vec![target.len() as u32], target, label })
                .expect("the plan is a graph");
        }
        let kinds = [RootKind::SysModules, RootKind::Frame, RootKind::Stack];
        let roots = kinds.map(|kind| {
            builder.root(RootInfo { kind, name: Arc::from(kind.word()), detail: Arc::from("") })
        });
        for edge in &self.roots {
            let root = roots[edge.from as usize];
            builder.root_edge(root, ObjectId(edge.to), strength(edge.label), None);
        }
        builder.finish().expect("the plan is a graph")
    }
}
