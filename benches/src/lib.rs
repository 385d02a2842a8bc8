//! Graphs for the benchmarks of `heap`: made, the same in every run.
#![forbid(unsafe_code)]

use heap::{
    Builder, EdgeChunk, Graph, How, LabelInfo, Object, ObjectId, Objects, RootInfo, RootKind,
    Strength, TypeInfo,
};
use probe::Result;

/// What graph to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// 2.5 edges per object, most to neighbours, as in a heap that was filled in one go.
    Mixed,
    /// Each object holds the next.
    LinkedList,
    /// One object holds all others, as keys and values.
    OneDict,
    /// All objects hold the first.
    OneTarget,
}

impl Kind {
    /// Every kind, with the word for it.
    pub const ALL: [(&'static str, Self); 4] = [
        ("mixed", Self::Mixed),
        ("linked-list", Self::LinkedList),
        ("one-dict", Self::OneDict),
        ("one-target", Self::OneTarget),
    ];

    fn edges(self, object: u32, count: u32, random: &mut Random, chunk: &mut EdgeChunk) {
        let before = chunk.target.len();
        let mut edge = |target: u32, label: u8| {
            chunk.target.push(target % count);
            chunk.label.push(label);
        };
        match self {
            Self::Mixed => {
                edge(object.saturating_add(1 + random.below(64)), 0);
                edge(random.below(count), 1);
                if object.is_multiple_of(2) {
                    edge(object.saturating_sub(random.below(1000)), 0);
                }
            }
            Self::LinkedList if object + 1 < count => edge(object + 1, 1),
            Self::OneDict if object == 0 => (1..count).for_each(|at| edge(at, 2 + (at % 2) as u8)),
            Self::OneTarget => edge(0, 0),
            Self::LinkedList | Self::OneDict => {}
        }
        chunk.counts.push((chunk.target.len() - before) as u32);
    }
}

/// A random sequence: Marsaglia's xorshift.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (((self.0 >> 32) * u64::from(limit)) >> 32) as u32
    }
}

/// Makes a graph of this many objects.
///
/// # Errors
/// If there are too many.
pub fn graph(kind: Kind, count: u32) -> Result<Graph> {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut objects = Objects::with_capacity(count as usize);
    for object in 0..count {
        objects.push(Object {
            address: 0x1_0000 + u64::from(object) * 48,
            size: u64::from(32 + random.below(20) * 8),
            type_id: random.below(200),
            refcount: 1 + random.below(4),
            flags: 0,
        });
    }
    let types = (0..200).map(|id| TypeInfo::new(format!("module.Type{id}"), id)).collect();
    let ways = [("item", How::Item), ("next", How::Member), ("k", How::Key), ("v", How::Value)];
    let label = |(name, how)| LabelInfo::new(name, how, Strength::Strong);
    let mut builder = Builder::new(objects, types, ways.map(label).into());
    builder.reserve(count as usize * if kind == Kind::Mixed { 5 } else { 2 } / 2);
    let mut object = 0;
    while object < count {
        let mut chunk = EdgeChunk::default();
        for _ in 0..10_000.min(count - object) {
            kind.edges(object, count, &mut random, &mut chunk);
            object += 1;
        }
        builder.push(&chunk)?;
    }
    let mut root = |kind: RootKind| {
        builder.root(RootInfo { kind, name: kind.word().into(), detail: "".into() })
    };
    let (modules, frame) = (root(RootKind::SysModules), root(RootKind::Frame));
    let held = if kind == Kind::OneTarget { count } else { 1000.min(count) };
    for place in 0..held {
        let target = ObjectId((u64::from(place) * u64::from(count) / u64::from(held)) as u32);
        let root = if place % 10 == 0 { modules } else { frame };
        if place == 0 || matches!(kind, Kind::Mixed | Kind::OneTarget) {
            builder.root_edge(root, target, Strength::Strong, None);
        }
    }
    builder.finish()
}
