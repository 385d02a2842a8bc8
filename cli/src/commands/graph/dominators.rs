//! `memprobe dominators`: the tree of what holds what alone.

use std::collections::HashMap;

use diff::human;
use heap::{Dominator, Dominators, Graph, ObjectId, Retained, RootId, Shapes, Through, TypeId};
use serde_json::{Value, json};

use super::source::Source;
use super::told::{Answer, object, object_text, short, size};
use crate::args::{DominatorsArgs, GlobalArgs};
use crate::exit::{Exit, Failure};

/// A line of the tree.
struct Line {
    depth: u32,
    what: Dominator,
    retained: u64,
}

/// Lines below a line, of how many at its top.
const FEWER: usize = 3;
/// What retains less than this part of the heap is told together with others of its type.
const SMALL: u64 = 500;
/// Types that are told of what is not told one by one.
const TYPES: usize = 3;

/// Objects of a type together; of roots, and of types that are not told, no type.
type Rest = (Option<TypeId>, u64, u64);

/// What hangs below a vertex: those that retain most, and the rest by type.
#[derive(Default)]
struct Below {
    most: Vec<(u64, Dominator)>,
    rest: HashMap<Option<TypeId>, (u64, u64)>,
    limit: usize,
    /// What retains less is of the rest.
    least: u64,
}

impl Below {
    fn new(limit: usize, least: u64) -> Self {
        Self { limit, least, ..Self::default() }
    }

    fn add(&mut self, retained: u64, what: Dominator, graph: &Graph) {
        if retained < self.least {
            return self.put_together(retained, what, graph);
        }
        self.most.push((retained, what));
        if self.most.len() > self.limit.saturating_mul(2).max(64) {
            self.cut(graph);
        }
    }

    fn put_together(&mut self, retained: u64, what: Dominator, graph: &Graph) {
        let type_id = match what {
            Dominator::Object(id) => Some(graph.type_of(id)),
            _ => None,
        };
        let (objects, bytes) = self.rest.entry(type_id).or_default();
        *objects += 1;
        *bytes = bytes.saturating_add(retained);
    }

    fn cut(&mut self, graph: &Graph) {
        self.most.sort_by_key(|&(retained, _)| std::cmp::Reverse(retained));
        let few = self.most.split_off(self.limit.min(self.most.len()));
        few.into_iter().for_each(|(retained, what)| self.put_together(retained, what, graph));
    }

    /// The rest by the types that retain most, and all others.
    fn rest(&self) -> Vec<Rest> {
        let mut rest: Vec<Rest> =
            self.rest.iter().map(|(&id, &(objects, bytes))| (id, objects, bytes)).collect();
        rest.sort_by_key(|&(id, _, bytes)| (std::cmp::Reverse(bytes), id));
        let others = rest.split_off(TYPES.min(rest.len()));
        let sum = others.iter().fold((0, 0), |sum, one| (sum.0 + one.1, sum.1 + one.2));
        rest.extend((sum.0 > 0).then_some((None, sum.0, sum.1)));
        rest
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
    let shapes = Shapes::new(graph, Through::Loose);
    let tree = Tree { graph, dominators, retained, shapes, limit: args.graph.told.rows };
    let levels = tree.levels(args.depth);
    let mut before =
        vec!["Each line alone holds what is below it; bytes: what would be freed.".into()];
    let (mut nodes, mut last) = (Vec::new(), String::new());
    tree.walk(&levels, |line, rest| {
        let indent = "  ".repeat(line.depth as usize + 1);
        before.push(format!("{indent}{}  {}", size(line.retained), tree.line_text(&line)));
        nodes.push(tree.json(&line));
        for one in rest {
            before.push(format!("{indent}  {}", tree.rest_text(one)));
            nodes.push(tree.rest_json(line.depth + 1, one));
        }
        if let Dominator::Object(id) = line.what {
            last = format!("{:#x}", graph.objects().address[id.index()]);
        }
    });
    let after = match last.is_empty() {
        true => Vec::new(),
        false => vec!["`memprobe holders --object ADDRESS` tells who holds one of them.".into()],
    };
    let answer = Answer {
        name: "dominators",
        manifest: &source.manifest,
        issues: Vec::new(),
        before,
        tables: Vec::new(),
        after,
        json: json!({ "nodes": nodes }),
    };
    answer.tell(&args.graph.told)
}

struct Tree<'a> {
    graph: &'a Graph,
    dominators: Dominators,
    retained: Retained,
    shapes: Shapes,
    limit: usize,
}

/// What hangs below each vertex that is shown.
type Levels = HashMap<Dominator, Below>;

impl Tree<'_> {
    /// One pass over all objects for each level.
    fn levels(&self, depth: u32) -> Levels {
        let mut levels = Levels::new();
        let mut top = Below::new(self.limit, 0);
        for id in (0..self.graph.roots().len() as u32).map(RootId) {
            let bytes = self.retained.of_root(id);
            if bytes > 0 {
                top.add(bytes, Dominator::Root(id), self.graph);
            }
        }
        let all = (0..self.graph.len()).map(|object| self.graph.objects().bytes(object));
        let least = all.fold(0, u64::saturating_add) / SMALL;
        let fewer = self.limit.div_ceil(FEWER);
        let mut open = Levels::from([(Dominator::Roots, top)]);
        for _ in 0..depth {
            for id in (0..self.graph.len() as u32).map(ObjectId) {
                if let Some(below) = open.get_mut(&self.dominators.of(id)) {
                    below.add(self.retained.of(id), Dominator::Object(id), self.graph);
                }
            }
            open.values_mut().for_each(|below| below.cut(self.graph));
            let next: Vec<Dominator> =
                open.values().flat_map(|below| below.most.iter().map(|&(_, what)| what)).collect();
            levels.extend(open.drain());
            open.extend(next.into_iter().map(|what| (what, Below::new(fewer, least))));
        }
        levels
    }

    /// Every line from the top down; with each, what is not shown below it.
    fn walk(&self, levels: &Levels, mut visit: impl FnMut(Line, &[Rest])) {
        let below = |what: Dominator| levels.get(&what).map_or(&[][..], |below| &below.most);
        let mut waiting: Vec<Line> = Vec::new();
        let push = |waiting: &mut Vec<Line>, what, depth| {
            let lines = below(what).iter().rev();
            waiting.extend(lines.map(|&(retained, what)| Line { depth, what, retained }));
        };
        push(&mut waiting, Dominator::Roots, 0);
        while let Some(line) = waiting.pop() {
            push(&mut waiting, line.what, line.depth + 1);
            let rest = levels.get(&line.what).map(Below::rest).unwrap_or_default();
            visit(line, &rest);
        }
    }

    /// An object by its way; below another, by its last step.
    fn line_text(&self, line: &Line) -> String {
        let Dominator::Object(id) = line.what else { return self.text(line.what) };
        let steps = self.shapes.of(id).map(|shape| self.shapes.path(shape)).unwrap_or_default();
        if self.graph.own_name(id).is_some() || steps.is_empty() {
            return object_text(self.graph, id);
        }
        let from = if line.depth == 0 { 0 } else { steps.len() - 1 };
        let address = self.graph.objects().address[id.index()];
        let text = short(&steps[from..]);
        format!("{} at {address:#x}", text.trim_start_matches('.'))
    }

    fn text(&self, what: Dominator) -> String {
        match what {
            Dominator::Object(id) => object_text(self.graph, id),
            Dominator::Root(id) => {
                let root = self.graph.root(id);
                format!("{} {}", root.kind.word(), root.name).trim_end().to_owned()
            }
            Dominator::Roots | Dominator::Unreachable => String::new(),
        }
    }

    fn type_name(&self, id: Option<TypeId>) -> &str {
        id.map_or("", |id| &self.graph.types()[id.index()].name)
    }

    fn rest_text(&self, &(id, count, bytes): &Rest) -> String {
        let of = self.type_name(id);
        let of = if of.is_empty() { "others" } else { of };
        format!("{} in {} more: {of}", size(bytes), human::count(count as f64))
    }

    fn rest_json(&self, depth: u32, &(id, objects, retained): &Rest) -> Value {
        let of = Some(self.type_name(id)).filter(|name| !name.is_empty());
        json!({ "depth": depth, "retained": retained, "more": { "objects": objects, "type": of } })
    }

    fn json(&self, line: &Line) -> Value {
        let what = match line.what {
            Dominator::Object(id) => object(self.graph, id),
            other => json!({ "root": self.text(other) }),
        };
        json!({ "depth": line.depth, "retained": line.retained, "what": what })
    }
}
