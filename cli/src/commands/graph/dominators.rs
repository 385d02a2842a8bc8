//! `memprobe dominators`: the tree of what holds what alone.

use std::collections::HashMap;

use heap::{Dominator, Dominators, Graph, ObjectId, Retained, RootId, Through};
use serde_json::{Value, json};

use super::source::Source;
use super::told::{Answer, object, object_text, objects, size};
use crate::args::{DominatorsArgs, GlobalArgs};
use crate::exit::{Exit, Failure};

/// A line of the tree.
struct Line {
    depth: u32,
    what: Dominator,
    retained: u64,
}

/// What hangs below a vertex: those that retain most, and the rest in sum.
#[derive(Default)]
struct Below {
    most: Vec<(u64, Dominator)>,
    rest: (u64, u64),
}

impl Below {
    fn add(&mut self, retained: u64, what: Dominator, limit: usize) {
        self.most.push((retained, what));
        if self.most.len() > limit.saturating_mul(2).max(64) {
            self.cut(limit);
        }
    }

    fn cut(&mut self, limit: usize) {
        self.most.sort_by_key(|&(retained, _)| std::cmp::Reverse(retained));
        for (retained, _) in self.most.drain(limit.min(self.most.len())..) {
            self.rest.0 += 1;
            self.rest.1 = self.rest.1.saturating_add(retained);
        }
    }
}

/// Tells the tree.
///
/// # Errors
/// When there is no graph.
pub fn run(args: &DominatorsArgs, global: &GlobalArgs) -> Result<Exit, Failure> {
    let source = Source::get(&args.graph, global)?;
    let graph = &source.graph;
    let dominators = Dominators::new(graph, Through::Loose);
    let retained = Retained::new(graph, &dominators);
    let tree = Tree { graph, dominators, retained, limit: args.graph.told.rows };
    let levels = tree.levels(args.depth);
    let mut before =
        vec!["Each line alone holds what is below it; bytes: what would be freed.".into()];
    let mut nodes = Vec::new();
    tree.walk(&levels, |line, rest| {
        let indent = "  ".repeat(line.depth as usize);
        before.push(format!("{indent}{}  {}", size(line.retained), tree.text(line.what)));
        nodes.push(tree.json(&line));
        if let Some((count, bytes)) = rest {
            before.push(format!("{indent}  {} in {} more", size(bytes), objects(count)));
        }
    });
    let answer = Answer {
        name: "dominators",
        manifest: &source.manifest,
        issues: Vec::new(),
        before,
        tables: Vec::new(),
        after: Vec::new(),
        json: json!({ "nodes": nodes }),
    };
    answer.tell(&args.graph.told)
}

struct Tree<'a> {
    graph: &'a Graph,
    dominators: Dominators,
    retained: Retained,
    limit: usize,
}

/// What hangs below each vertex that is shown.
type Levels = HashMap<Dominator, Below>;

impl Tree<'_> {
    /// One pass over all objects for each level.
    fn levels(&self, depth: u32) -> Levels {
        let mut levels = Levels::new();
        let mut top = Below::default();
        for id in (0..self.graph.roots().len() as u32).map(RootId) {
            let bytes = self.retained.of_root(id);
            if bytes > 0 {
                top.add(bytes, Dominator::Root(id), self.limit);
            }
        }
        let mut open = Levels::from([(Dominator::Roots, top)]);
        for _ in 0..depth {
            for id in (0..self.graph.len() as u32).map(ObjectId) {
                if let Some(below) = open.get_mut(&self.dominators.of(id)) {
                    below.add(self.retained.of(id), Dominator::Object(id), self.limit);
                }
            }
            open.values_mut().for_each(|below| below.cut(self.limit));
            let next: Vec<Dominator> =
                open.values().flat_map(|below| below.most.iter().map(|&(_, what)| what)).collect();
            levels.extend(open.drain());
            open.extend(next.into_iter().map(|what| (what, Below::default())));
        }
        levels
    }

    /// Every line from the top down; of the last of its kind, what is not shown below it.
    fn walk(&self, levels: &Levels, mut visit: impl FnMut(Line, Option<(u64, u64)>)) {
        let below = |what: Dominator| levels.get(&what).map_or(&[][..], |below| &below.most);
        let mut waiting: Vec<Line> = Vec::new();
        let push = |waiting: &mut Vec<Line>, what, depth| {
            let lines = below(what).iter().rev();
            waiting.extend(lines.map(|&(retained, what)| Line { depth, what, retained }));
        };
        push(&mut waiting, Dominator::Roots, 0);
        while let Some(line) = waiting.pop() {
            push(&mut waiting, line.what, line.depth + 1);
            let rest = levels.get(&line.what).map(|below| below.rest).filter(|rest| rest.0 > 0);
            visit(line, rest);
        }
    }

    fn text(&self, what: Dominator) -> String {
        match what {
            Dominator::Object(id) => object_text(self.graph, id),
            Dominator::Root(id) => {
                let root = self.graph.root(id);
                format!("{} {}", root.kind.word(), root.name)
            }
            Dominator::Roots | Dominator::Unreachable => String::new(),
        }
    }

    fn json(&self, line: &Line) -> Value {
        let what = match line.what {
            Dominator::Object(id) => object(self.graph, id),
            other => json!({ "root": self.text(other) }),
        };
        json!({ "depth": line.depth, "retained": line.retained, "what": what })
    }
}
