//! Strongly connected components: Tarjan's algorithm with a stack of its own.

use crate::{Graph, Label, ObjectId, ObjectSet, Through};

/// The component of objects that were left out.
const NONE: u32 = u32::MAX;

/// The components of a part of a graph, numbered so that edges lead from higher to lower ones.
#[derive(Debug)]
pub struct Components {
    component: Vec<u32>,
    sizes: Vec<u32>,
}

impl Components {
    /// The components of the objects for which `within` holds.
    pub fn new(graph: &Graph, through: Through, within: impl Fn(ObjectId) -> bool) -> Self {
        let mut search = Tarjan {
            graph,
            through,
            index: vec![NONE; graph.len()],
            low: vec![0; graph.len()],
            next_index: 0,
            calls: Vec::new(),
            open: Vec::new(),
            closed: ObjectSet::new(graph.len()),
            found: Self { component: vec![NONE; graph.len()], sizes: Vec::new() },
        };
        for object in (0..graph.len() as u32).filter(|&object| within(ObjectId(object))) {
            if search.index[object as usize] == NONE {
                search.run(object, &within);
            }
        }
        search.found
    }

    /// The component of an object; `None` if it was left out.
    #[must_use]
    pub fn of(&self, object: ObjectId) -> Option<u32> {
        self.component.get(object.index()).copied().filter(|&component| component != NONE)
    }

    /// How many objects each component has.
    #[must_use]
    pub fn sizes(&self) -> &[u32] {
        &self.sizes
    }
}

struct Tarjan<'a> {
    graph: &'a Graph,
    through: Through,
    /// In which order objects were met.
    index: Vec<u32>,
    /// The earliest object that each is known to reach.
    low: Vec<u32>,
    next_index: u32,
    /// What recursion would keep: an object and its next edge.
    calls: Vec<(u32, u32)>,
    /// Objects whose component is not closed.
    open: Vec<u32>,
    closed: ObjectSet,
    found: Components,
}

impl Tarjan<'_> {
    fn run(&mut self, start: u32, within: &impl Fn(ObjectId) -> bool) {
        self.enter(start);
        while let Some(&mut (object, ref mut place)) = self.calls.last_mut() {
            let edge = *place as usize;
            if edge >= self.graph.edge_range(object as usize).end {
                self.leave(object);
                continue;
            }
            *place += 1;
            let target = self.graph.target[edge];
            let strength = self.graph.strength(Label(self.graph.label[edge]));
            if !self.through.follows(strength) || !within(ObjectId(target)) {
                continue;
            }
            if self.index[target as usize] == NONE {
                self.enter(target);
            } else if !self.closed.contains(ObjectId(target)) {
                self.lower(object, self.index[target as usize]);
            }
        }
    }

    fn enter(&mut self, object: u32) {
        self.index[object as usize] = self.next_index;
        self.low[object as usize] = self.next_index;
        self.next_index += 1;
        self.open.push(object);
        self.calls.push((object, self.graph.first_edge[object as usize]));
    }

    fn lower(&mut self, object: u32, to: u32) {
        let low = &mut self.low[object as usize];
        *low = (*low).min(to);
    }

    fn leave(&mut self, object: u32) {
        self.calls.pop();
        let low = self.low[object as usize];
        if let Some(&(caller, _)) = self.calls.last() {
            self.lower(caller, low);
        }
        if low != self.index[object as usize] {
            return;
        }
        let component = self.found.sizes.len() as u32;
        let mut size = 0;
        while let Some(member) = self.open.pop() {
            self.closed.insert(ObjectId(member));
            self.found.component[member as usize] = component;
            size += 1;
            if member == object {
                break;
            }
        }
        self.found.sizes.push(size);
    }
}
