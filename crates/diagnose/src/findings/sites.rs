//! Where Python objects that grow are held.
//!
//! Every reachable object is held by one way from a root, and the ways make a tree. Where a
//! container keeps getting more of the same, its branch is cut off: that is one finding, about
//! the container and all that hangs on it.

use std::collections::BTreeMap;

use probe::tables::holders;
use probe::{FindingKind, Holder, Snapshot, Step, path_text};

use super::group::{Group, by_key};
use super::kinds::{MOST_NAMED, TypeGrowth, named, ranked};
use super::merge::Told;
use super::{Scene, about_bytes};
use crate::curve::GRAIN_BYTES;
use crate::footprint::number;

/// What explains less than this share of the growth is not worth a finding.
const LEAST_SHARE: f64 = 0.03;
/// At most so many containers are named.
const MOST: usize = 5;
/// Ways of holding that are kept of each finding.
const MOST_HOLDERS: usize = 8;
/// A node whose members make up this share of its growth is their container.
const BY_MEMBERS: f64 = 0.5;
/// A container that got fewer new members than this has not grown by its members.
const LEAST_MEMBERS: f64 = 3.0;
/// Longer ways are cut: their depth is a foreign figure.
const MOST_STEPS: usize = 64;

/// Containers that took part in the growth, most bytes first.
pub(super) fn find(scene: &Scene<'_>) -> Vec<Told> {
    let mut found = Vec::new();
    for kept in scene.lanes.of(holders::TABLE) {
        let tree = Tree::of(scene.recent(kept));
        found.extend(tree.sites(least(scene)).into_iter().map(|site| tree.finding(scene, site)));
    }
    let bytes = |told: &Told| told.finding.growth.bytes.unwrap_or(0.0);
    found.sort_by(|a, b| bytes(b).total_cmp(&bytes(a)));
    found.truncate(MOST);
    found
}

/// Whether it was looked at more than once who holds objects.
pub(super) fn counted(scene: &Scene<'_>) -> bool {
    scene.lanes.of(holders::TABLE).any(|kept| kept.len() >= 2)
}

fn least(scene: &Scene<'_>) -> f64 {
    (LEAST_SHARE * scene.growth).max(GRAIN_BYTES)
}

/// One step of a way, and what is held right there.
struct Node {
    step: Step,
    parent: usize,
    children: BTreeMap<(String, Option<String>, Option<String>), usize>,
    objects: Group,
    bytes: Group,
    /// Bytes of this node and all below it.
    total: Group,
}

struct Tree {
    /// The first stands above all roots. A node stands behind its parent.
    nodes: Vec<Node>,
}

impl Tree {
    fn of(looks: &[Snapshot]) -> Self {
        let measure = |column: &'static str| {
            by_key(looks, holders::TABLE, |table, row| {
                let path = table.value(holders::PATH, row).as_str()?;
                Some((path.to_owned(), number(table, column, row)?))
            })
        };
        let (mut objects, bytes) = (measure(holders::OBJECTS), measure(holders::BYTES));
        let mut ways = ways(looks);
        let mut tree = Self { nodes: vec![Node::new(Step::default(), 0)] };
        for (path, bytes) in bytes {
            let Some(steps) = ways.remove(&path) else { continue };
            let node = tree.insert(steps);
            let node = &mut tree.nodes[node];
            node.objects.add(&objects.remove(&path).unwrap_or_default());
            node.total.add(&bytes);
            node.bytes.add(&bytes);
        }
        for index in (1..tree.nodes.len()).rev() {
            let total = tree.nodes[index].total.clone();
            let parent = tree.nodes[index].parent;
            tree.nodes[parent].total.add(&total);
        }
        tree
    }

    fn insert(&mut self, steps: Vec<Step>) -> usize {
        let mut at = 0;
        for step in steps.into_iter().take(MOST_STEPS) {
            let key = (step.kind.clone(), step.name.clone(), step.type_name.clone());
            let next = self.nodes.len();
            let child = *self.nodes[at].children.entry(key).or_insert(next);
            if child == next {
                self.nodes.push(Node::new(step, at));
            }
            at = child;
        }
        at
    }

    /// Where branches are cut: the first node on each way whose members make up most of its
    /// growth, that is a member of nothing, or that grows itself.
    fn sites(&self, least: f64) -> Vec<usize> {
        let (mut sites, mut open) = (Vec::new(), vec![0]);
        while let Some(index) = open.pop() {
            let node = &self.nodes[index];
            if node.total.growth() < least {
                continue;
            }
            let by_members: f64 = self.members(index).map(|n| n.total.growth()).sum();
            let is_site = by_members >= BY_MEMBERS * node.total.growth()
                || node.is_member()
                || node.bytes.growth() >= least;
            if index != 0 && is_site && self.is_passing(index) {
                continue;
            }
            if index != 0 && is_site {
                sites.push(index);
            } else {
                open.extend(node.children.values());
            }
        }
        sites
    }

    /// Whether it is work in progress: variables of a function that happens to run at the look at
    /// which there was more.
    fn is_passing(&self, index: usize) -> bool {
        let total = &self.nodes[index].total;
        let root = self.path(index).into_iter().next();
        let in_frame = root.is_some_and(|step| step.kind.starts_with("frame"));
        in_frame && total.steps() >= 2 && total.rises() * 2 <= total.steps()
    }

    /// What a node gets ever more of.
    fn members(&self, index: usize) -> impl Iterator<Item = &Node> {
        let children = self.nodes[index].children.values().map(|&child| &self.nodes[child]);
        children.filter(|child| child.is_member())
    }

    fn path(&self, mut index: usize) -> Vec<Step> {
        let mut path = Vec::new();
        while index != 0 {
            path.push(self.nodes[index].step.clone());
            index = self.nodes[index].parent;
        }
        path.reverse();
        path
    }

    /// All nodes of a branch.
    fn branch(&self, site: usize) -> Vec<usize> {
        let mut branch = vec![site];
        let mut at = 0;
        while at < branch.len() {
            branch.extend(self.nodes[branch[at]].children.values());
            at += 1;
        }
        branch
    }

    fn finding(&self, scene: &Scene<'_>, site: usize) -> Told {
        let branch = self.branch(site);
        let node = &self.nodes[site];
        let container = self.path(site);
        let bytes = |node: &&Node| node.total.growth();
        let member = self.members(site).max_by(|a, b| bytes(a).total_cmp(&bytes(b)));
        let types = self.types(&branch);
        let mut finding = about_bytes(FindingKind::PythonGrowth, &node.total, scene);
        let objects = self.sum(&branch, |node| &node.objects);
        finding.growth.objects = Some(objects.growth());
        finding.growth.objects_per_s = Some(objects.per_s());
        finding.subject = types.first().map_or_else(|| "objects".into(), |t| t.name.clone());
        finding.evidence = evidence(node, member, &container, &types);
        finding.advice = advice(&container, member.map(Node::type_name), node.is_member());
        finding.holders = self.holders(&branch);
        finding.place = Some(path_text(&container));
        Told { finding, types }
    }

    fn sum(&self, branch: &[usize], what: fn(&Node) -> &Group) -> Group {
        let mut sum = Group::default();
        branch.iter().for_each(|&index| sum.add(what(&self.nodes[index])));
        sum
    }

    /// The types of a branch, those that grew by most bytes first.
    fn types(&self, branch: &[usize]) -> Vec<TypeGrowth> {
        let mut types: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
        for node in branch.iter().map(|&index| &self.nodes[index]) {
            let sums = types.entry(node.type_name()).or_default();
            sums.0 += node.bytes.growth();
            sums.1 += node.objects.growth();
        }
        let growth = |(name, (bytes, objects)): (&str, _)| TypeGrowth {
            name: name.to_owned(),
            bytes,
            objects,
        };
        ranked(types.into_iter().map(growth))
    }

    /// The ways within a branch, those that grew by most bytes first.
    fn holders(&self, branch: &[usize]) -> Vec<Holder> {
        let grown = |&&index: &&usize| self.nodes[index].bytes.growth() > 0.0;
        let mut grown: Vec<usize> = branch.iter().filter(grown).copied().collect();
        let growth = |index: usize| self.nodes[index].bytes.growth();
        grown.sort_by(|&a, &b| growth(b).total_cmp(&growth(a)));
        grown.truncate(MOST_HOLDERS);
        let holder = |index: usize| Holder {
            path: self.path(index),
            objects: Some(self.nodes[index].objects.growth()),
            bytes: Some(growth(index)),
        };
        grown.into_iter().map(holder).collect()
    }
}

/// What speaks for it: what the container gets more of, and what that brings with it.
fn evidence(
    node: &Node,
    member: Option<&Node>,
    container: &[Step],
    types: &[TypeGrowth],
) -> Vec<String> {
    let place = path_text(container);
    let first = match member {
        Some(member) => member.objects.counted(&format!("{} in {place}", member.type_name())),
        None if node.is_member() => node.objects.counted(&place),
        None => node.bytes.grew(&place),
    };
    let rest = types.len().saturating_sub(MOST_NAMED);
    let more = if rest > 0 { format!(", and {rest} more types") } else { String::new() };
    vec![first, format!("with all that hangs on it: +{}{more}", named(types).join(", +"))]
}

impl Node {
    fn new(step: Step, parent: usize) -> Self {
        let (children, nothing) = (BTreeMap::new(), Group::default());
        Self {
            step,
            parent,
            children,
            objects: nothing.clone(),
            bytes: nothing.clone(),
            total: nothing,
        }
    }

    fn type_name(&self) -> &str {
        self.step.type_name.as_deref().unwrap_or("objects of unknown type")
    }

    /// Whether it stands for ever more objects, and so for members of what holds them.
    fn is_member(&self) -> bool {
        self.objects.growth() >= LEAST_MEMBERS && self.objects.rising() >= 0.8
    }
}

/// The steps of every way that any look has.
fn ways(looks: &[Snapshot]) -> BTreeMap<String, Vec<Step>> {
    let mut ways = BTreeMap::new();
    for table in looks.iter().filter_map(|look| look.table(holders::TABLE)) {
        for row in 0..table.rows() {
            let path = table.value(holders::PATH, row);
            let steps = table.value(holders::STEPS, row);
            let (Some(path), Some(steps)) = (path.as_str(), steps.as_str()) else { continue };
            if !ways.contains_key(path)
                && let Ok(steps) = serde_json::from_str::<Vec<Step>>(steps)
            {
                ways.insert(path.to_owned(), steps);
            }
        }
    }
    ways
}

/// What to do about a container that keeps growing.
fn advice(container: &[Step], member: Option<&str>, is_member: bool) -> String {
    let place = path_text(container);
    let is = |what: &str| {
        let in_type = |step: &Step| step.type_name.as_deref().is_some_and(|t| t.contains(what));
        container.iter().any(in_type) || member.is_some_and(|member| member.contains(what))
    };
    if is("lru_cache") {
        return format!(
            "Give the functools.lru_cache a maxsize, and do not put it on methods: it keeps every \
             argument, `self` among them ({place})."
        );
    }
    if is("traceback") {
        return "One exception object is raised again and again, and each time its traceback gets \
                longer: raise a new exception, or clear `__traceback__` before."
            .into();
    }
    if container.first().is_some_and(|root| root.kind.starts_with("frame")) {
        return format!(
            "A function that is running keeps them in its variable {place}: see `memprobe stacks` \
             for where it stands."
        );
    }
    match member {
        Some(member) => format!(
            "Look at the code that adds {member} to {place}: bound it, or remove what is done with."
        ),
        None if is_member => format!(
            "Ever more objects have a {place} of their own: look at the code that makes them, and at \
             what keeps them."
        ),
        None => format!("Look at the code that makes {place} longer, and bound it."),
    }
}
