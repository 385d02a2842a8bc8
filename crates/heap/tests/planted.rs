//! A small heap as a reader would hand it over, with things planted in it: what the analyses say.
#![forbid(unsafe_code)]

use std::sync::Arc;

use memprobe_heap::{
    Audit, Builder, Dominators, EdgeChunk, Garbage, Graph, How, IMMORTAL_COUNT, Keeper, Keepers,
    Label, LabelInfo, Object, ObjectId, Objects, Paths, Retained, RootInfo, RootKind, Shapes, Step,
    Strength, Summary, Through, TypeId, TypeInfo,
};

const KEY: u8 = 0;
const VALUE: u8 = 1;
const ITEM: u8 = 2;
const NAMESPACE: u8 = 3;
const WORD: u8 = 4;
const WEAK: u8 = 5;
const LOCAL: u8 = 6;
const SLOT: u8 = 64;

const TYPES: [&str; 8] = ["module", "dict", "str", "list", "app.Node", "type", "bytes", "frame"];

/// Objects and edges in any order; addresses are 64 bytes apart.
#[derive(Default)]
struct Heap {
    objects: Vec<(u32, u64, u32)>,
    edges: Vec<(u32, u32, u8)>,
    roots: Vec<(RootKind, u32, Option<&'static str>)>,
    text: Vec<(u32, &'static str)>,
    own_names: Vec<(u32, &'static str)>,
    extra: Vec<(u32, i32)>,
}

impl Heap {
    fn add(&mut self, type_name: &str, size: u64, refcount: u32) -> u32 {
        let id = TYPES.iter().position(|&name| name == type_name).expect("a type of the table");
        self.objects.push((id as u32, size, refcount));
        self.objects.len() as u32 - 1
    }

    fn edge(&mut self, from: u32, to: u32, label: u8) {
        self.edges.push((from, to, label));
    }

    /// A name in a namespace.
    fn set(&mut self, space: u32, name: &'static str, value: u32) {
        let key = self.add("str", 56, 1);
        self.text.push((key, name));
        self.edge(space, key, KEY);
        self.edge(space, value, VALUE);
    }

    /// A module and its namespace.
    fn module(&mut self, name: &'static str) -> u32 {
        let module = self.add("module", 72, 1);
        let space = self.add("dict", 232, 1);
        self.own_names.push((module, name));
        self.edge(module, space, NAMESPACE);
        // An interpreter owns it; that it is one of the modules is another name for that.
        self.roots.push((RootKind::Interpreter, module, None));
        self.roots.push((RootKind::SysModules, module, None));
        space
    }

    fn graph(&self) -> Graph {
        let mut objects = Objects::default();
        for (place, &(type_id, size, refcount)) in (1_u64..).zip(&self.objects) {
            objects.push(Object { address: place * 64, size, type_id, refcount, flags: 0 });
        }
        let types = TYPES.map(|name| TypeInfo {
            finalizer: name == "app.Node",
            entry: match name {
                "module" => Some("module global".into()),
                "type" => Some("class attribute".into()),
                _ => None,
            },
            ..TypeInfo::new(name, 0)
        });
        let strong = |name, how| LabelInfo::new(name, how, Strength::Strong);
        let labels = vec![
            strong("key", How::Key),
            strong("value", How::Value),
            strong("item", How::Item),
            strong("__dict__", How::Namespace),
            LabelInfo::new("word", How::Conservative, Strength::Loose),
            LabelInfo::new("weak", How::Weak, Strength::Borrowed),
            strong("local", How::Local),
        ];
        let mut builder = Builder::new(objects, types.into(), labels);
        for source in 0..self.objects.len() as u32 {
            let edges = self.edges.iter().filter(|edge| edge.0 == source);
            let (target, label): (Vec<u32>, Vec<u8>) = edges.map(|edge| (edge.1, edge.2)).unzip();
            let counts = vec![target.len() as u32];
            builder.push(&EdgeChunk { counts, target, label }).expect("sound edges");
        }
        for &(kind, target, name) in &self.roots {
            let info = RootInfo { kind, name: "app.main".into(), detail: "".into() };
            let root = builder.root(info);
            let strength = match kind {
                RootKind::SysModules => Strength::Loose,
                _ => Strength::Strong,
            };
            builder.root_edge(root, ObjectId(target), strength, name.map(Arc::from));
        }
        self.text.iter().for_each(|&(object, text)| builder.text(ObjectId(object), text.into()));
        for &(object, name) in &self.own_names {
            builder.own_name(ObjectId(object), name.into());
        }
        self.extra.iter().for_each(|&(object, count)| builder.extra(ObjectId(object), count));
        builder.slot_name(TypeId(4), Label(SLOT), "payload".into());
        builder.finish().expect("a sound graph")
    }
}

/// `app.CACHE = {key: Node(payload=bytes)}` with so many entries.
fn cache(entries: u32) -> Heap {
    let mut heap = Heap::default();
    let space = heap.module("app");
    let cache = heap.add("dict", 1000, 1);
    heap.set(space, "CACHE", cache);
    for _ in 0..entries {
        let (key, node) = (heap.add("str", 60, 1), heap.add("app.Node", 48, 1));
        let payload = heap.add("bytes", 500, 1);
        heap.edge(cache, key, KEY);
        heap.edge(cache, node, VALUE);
        heap.edge(node, payload, SLOT);
    }
    heap
}

fn shown(path: &[Step]) -> String {
    let step = |step: &Step| format!("{} {} {}", step.kind, step.name, step.type_name);
    path.iter().map(step).collect::<Vec<_>>().join(" > ")
}

/// Frames refer to the globals of their code, and are asked before the table of modules.
#[test]
fn a_namespace_is_named_by_its_module() {
    let mut heap = Heap::default();
    let space = heap.module("app");
    heap.roots.push((RootKind::Frame, space, Some("f_globals")));
    heap.roots.rotate_right(1);
    let graph = heap.graph();
    let expected = "module global app.__dict__ dict";
    let shapes = Shapes::new(&graph, Through::Loose);
    assert_eq!(shown(&shapes.path(shapes.of(ObjectId(space)).unwrap())), expected);
    assert_eq!(shown(&Paths::new(&graph, Through::Loose).steps(ObjectId(space))), expected);
    heap.roots.retain(|root| root.0 != RootKind::Frame);
    let graph = heap.graph();
    assert_eq!(shown(&Paths::new(&graph, Through::Loose).steps(ObjectId(space))), expected);
}

#[test]
fn a_cache_is_a_module_global() {
    let graph = cache(40).graph();
    let dominators = Dominators::new(&graph, Through::Loose);
    let retained = Retained::new(&graph, &dominators);
    let shapes = Shapes::new(&graph, Through::Loose);
    let bytes = |object| &**graph.type_name(object) == "bytes";
    let holders = shapes.holders(&graph, (&dominators, &retained), bytes, 10);
    let [holder] = holders.as_slice() else { panic!("one way: {holders:?}") };
    assert_eq!((holder.objects, holder.bytes, holder.retained), (40, 20_000, 20_000));
    assert_eq!(
        shown(&holder.path),
        "module global app.CACHE dict > value [*] app.Node > attribute payload bytes"
    );
    let payload = (0..graph.len() as u32).map(ObjectId).find(|&object| bytes(object));
    let steps = Paths::new(&graph, Through::Strong).steps(payload.expect("there is one"));
    assert_eq!(shown(&steps), shown(&holder.path));
}

/// Modules made as a program goes are numbered: how they are held is one way.
#[test]
fn numbered_modules_are_one_family() {
    let mut heap = Heap::default();
    let table = heap.add("dict", 1000, 2);
    heap.roots.push((RootKind::Interpreter, table, None));
    heap.roots.push((RootKind::SysModules, table, None));
    const NAMES: [&str; 17] = [
        "p_1", "p_2", "p_3", "p_4", "p_5", "p_6", "p_7", "p_8", "p_9", "p_10", "p_11", "p_12",
        "p_13", "p_14", "p_15", "p_16", "q_1",
    ];
    let mut modules = Vec::new();
    for name in NAMES {
        let (key, module) = (heap.add("str", 50, 1), heap.add("module", 72, 1));
        let space = heap.add("dict", 232, 1);
        heap.own_names.push((module, name));
        heap.edge(table, key, KEY);
        heap.edge(table, module, VALUE);
        heap.edge(module, space, NAMESPACE);
        let list = heap.add("list", 100, 1);
        heap.set(space, "rows", list);
        modules.push((module, list));
    }
    let graph = heap.graph();
    let shapes = Shapes::new(&graph, Through::Loose);
    let way = |object| shown(&shapes.path(shapes.of(ObjectId(object)).unwrap()));
    for &(module, list) in &modules[..16] {
        assert_eq!(way(module), "module p_* module");
        assert_eq!(way(list), "module global p_*.rows list");
    }
    assert_eq!(way(modules[16].1), "module global q_1.rows list");
}

/// What a module has beside its namespace, such as the state of C code, is known by its name.
#[test]
fn a_module_is_known_by_its_name() {
    let mut heap = Heap::default();
    let (table, module) = (heap.add("dict", 1000, 2), heap.add("module", 72, 1));
    let key = heap.add("str", 50, 1);
    heap.text.push((key, "fast"));
    heap.own_names.push((module, "fast"));
    heap.roots.push((RootKind::Interpreter, table, None));
    heap.roots.push((RootKind::SysModules, table, None));
    heap.edge(table, key, KEY);
    heap.edge(table, module, VALUE);
    let list = heap.add("list", 100, 1);
    heap.edge(module, list, ITEM);
    let graph = heap.graph();
    let steps = Paths::new(&graph, Through::Loose).steps(ObjectId(list));
    assert_eq!(shown(&steps), "module fast module > item [0] list");
}

#[test]
fn growth_names_the_container_and_explains_the_increase_only() {
    let (before, after) = (cache(40).graph(), cache(140).graph());
    let (before, after) = (Summary::new(&before), Summary::new(&after));
    let growth = Summary::diff(&before, &after);
    assert_eq!(&*growth.types[0].0, "bytes");
    assert_eq!((growth.types[0].1.objects, growth.types[0].1.bytes), (100, 50_000));
    let holder = growth.holders_of("bytes").next().expect("it has a holder");
    assert_eq!((holder.change.objects, holder.change.retained), (100, 50_000));
    let [container] = growth.containers.as_slice() else { panic!("{:?}", growth.containers) };
    assert_eq!(shown(&container.path), "module global app.CACHE dict");
    assert_eq!((container.references, container.retained), ((80, 280), 100 * 608));
    assert_eq!(Summary::diff(&after, &after), memprobe_heap::Growth::default());
    assert!(Summary::diff(&after, &before).shapes.is_empty(), "what shrinks is no growth");
    assert_eq!(Summary::only_growing(&[&before, &after, &after]).len(), 1);
    assert!(Summary::only_growing(&[&before, &after, &before]).is_empty());
}

#[test]
fn an_address_used_again_is_another_object() {
    let mut other = Heap::default();
    let space = other.module("app");
    let local = other.add("dict", 1000, 1);
    other.set(space, "OTHER", local);
    for _ in 0..80 {
        let value = other.add("app.Node", 48, 1);
        other.edge(local, value, ITEM);
    }
    let (before, after) = (Summary::new(&cache(40).graph()), Summary::new(&other.graph()));
    assert!(Summary::diff(&before, &after).containers.is_empty());
}

#[test]
fn what_two_share_is_held_by_the_better_known_and_divided_between_containers() {
    let mut heap = Heap::default();
    let space = heap.module("app");
    let (one, two) = (heap.add("list", 100, 1), heap.add("list", 100, 1));
    heap.set(space, "ONE", one);
    heap.roots.push((RootKind::Frame, two, Some("work")));
    for _ in 0..50 {
        let node = heap.add("app.Node", 48, 2);
        heap.edge(one, node, ITEM);
        heap.edge(two, node, ITEM);
    }
    let summary = Summary::new(&heap.graph());
    let paths: Vec<String> = summary.shapes.keys().map(|path| shown(path)).collect();
    assert!(paths.contains(&"module global app.ONE list > item [*] app.Node".to_owned()));
    assert!(paths.contains(&"frame local app.main.work list".to_owned()), "{paths:?}");
    let parts: Vec<_> = summary.containers.values().map(|it| (it.retained, it.shared)).collect();
    assert_eq!(parts, [(100, 50 * 24), (100, 50 * 24)]);
}

#[test]
fn garbage_is_what_only_cycles_keep() {
    let mut heap = cache(3);
    let nodes = [heap.add("app.Node", 48, 1), heap.add("app.Node", 48, 2)];
    let (tail, lone) = (heap.add("list", 88, 1), heap.add("list", 30, 1));
    heap.edge(nodes[0], nodes[1], SLOT);
    heap.edge(nodes[1], nodes[0], SLOT);
    heap.edge(nodes[1], tail, SLOT);
    heap.edge(lone, nodes[1], ITEM);
    // A weak reference from a root's object keeps nothing.
    heap.edge(0, nodes[0], WEAK);
    let graph = heap.graph();
    let garbage = Garbage::new(&graph);
    assert_eq!((garbage.cyclic.objects, garbage.cyclic.bytes), (3, 184));
    assert_eq!((garbage.on_cycles.objects, garbage.cycles), (2, 1));
    assert_eq!((garbage.unheld.objects, garbage.unheld.bytes), (1, 30));
    assert_eq!(garbage.finalizers[0].1.objects, 2);
    let names: Vec<u32> = garbage.example.iter().map(|&edge| graph.source(edge).0).collect();
    assert_eq!(names, nodes);

    // A word that may be a reference makes it no garbage for certain.
    heap.edge(0, nodes[0], WORD);
    assert_eq!(Garbage::new(&heap.graph()).cyclic.objects, 0);
}

#[test]
fn the_audit_finds_what_nobody_owns() {
    let mut heap = Heap::default();
    let space = heap.module("app");
    let all = heap.add("list", 100, 1);
    heap.set(space, "ALL", all);
    let leaked: Vec<u32> = (0..20).map(|_| heap.add("bytes", 500, 1)).collect();
    let doubtful = heap.add("bytes", 300, 1);
    heap.edge(all, doubtful, WORD);
    let adjusted = heap.add("bytes", 301, 3);
    heap.extra.push((adjusted, 3));
    let immortal = heap.add("bytes", 302, IMMORTAL_COUNT);
    let over = heap.add("list", 10, 1);
    for object in [immortal, over, over] {
        heap.edge(all, object, ITEM);
    }
    let graph = heap.graph();
    let audit = Audit::new(&graph);
    let objects: Vec<u32> = audit.excess.iter().map(|one| one.object.0).collect();
    assert_eq!(objects, [leaked, vec![doubtful]].concat());
    let (key, sum) = audit.groups[0];
    assert_eq!((key, sum.objects, sum.references), ((TypeId(6), 500), 20, 20));
    assert_eq!((audit.groups[1].1.objects, audit.groups[1].1.doubtful), (0, 1));
    assert_eq!(audit.over_counted, [(TypeId(3), 1)]);
    assert_eq!(audit.left_out, 1);

    let mut earlier = Heap::default();
    earlier.module("app");
    let growth = Summary::diff(&Summary::new(&earlier.graph()), &Summary::new(&graph));
    assert_eq!(growth.excess[0].0, (Arc::from("bytes"), 500));
    assert_eq!(growth.excess[0].1.objects, 20);
}

#[test]
fn locals_of_a_frame_object_are_named() {
    let mut heap = Heap::default();
    let frame = heap.add("frame", 400, 1);
    let held = heap.add("list", 100, 1);
    heap.edge(frame, held, LOCAL);
    heap.roots.push((RootKind::Frame, frame, None));
    let graph = heap.graph();
    let steps = Paths::new(&graph, Through::Strong).steps(ObjectId(held));
    assert_eq!(shown(&steps), "frame app.main frame > local local list");
}

#[test]
fn long_ways_keep_both_ends() {
    let mut heap = Heap::default();
    let space = heap.module("app");
    let types = ["list", "dict", "app.Node", "bytes", "str", "type", "frame"];
    let mut at = heap.add("list", 10, 1);
    heap.set(space, "DEEP", at);
    for place in 0..40 {
        let next = heap.add(types[place % types.len()], 10, 1);
        heap.edge(at, next, ITEM);
        at = next;
    }
    let shapes = Shapes::new(&heap.graph(), Through::Strong);
    let path = shapes.path(shapes.of(ObjectId(at)).expect("it is reached"));
    assert_eq!(path.len(), 13, "{}", shown(&path));
    assert_eq!(&*path[6].kind, "...");
    assert_eq!(&*path[0].name, "app.DEEP");
}

#[test]
fn what_makes_no_sense_is_an_error() {
    let objects = || {
        let mut objects = Objects::default();
        for address in [16, 32] {
            objects.push(Object { address, size: 16, type_id: 0, refcount: 1, flags: 0 });
        }
        objects
    };
    let builder = |objects| {
        let label = LabelInfo::new("item", How::Item, Strength::Strong);
        Builder::new(objects, vec![TypeInfo::new("t", 0)], vec![label])
    };
    let chunk = |counts: &[u32], target: &[u32], label: &[u8]| EdgeChunk {
        counts: counts.into(),
        target: target.into(),
        label: label.into(),
    };
    let pushed = |chunk| builder(objects()).push(&chunk);
    assert!(pushed(chunk(&[1, 0], &[1], &[0])).is_ok());
    for bad in [
        chunk(&[1, 0], &[2], &[0]),
        chunk(&[2, 0], &[1], &[0]),
        chunk(&[1, 0], &[1], &[]),
        chunk(&[1, 0], &[1], &[1]),
        chunk(&[0, 0, 0], &[], &[]),
        chunk(&[u32::MAX, u32::MAX], &[1], &[0]),
    ] {
        assert!(pushed(bad.clone()).is_err(), "{bad:?}");
    }
    assert!(builder(objects()).finish().is_err(), "no edges of any object");

    let finished = |change: &dyn Fn(&mut Objects), late: &dyn Fn(&mut Builder)| {
        let mut objects = objects();
        change(&mut objects);
        let mut builder = builder(objects);
        builder.push(&chunk(&[0, 0], &[], &[])).expect("no edges are sound");
        late(&mut builder);
        builder.finish().is_err()
    };
    assert!(!finished(&|_| {}, &|_| {}));
    assert!(finished(&|objects| objects.address.reverse(), &|_| {}));
    assert!(finished(&|objects| objects.type_id[1] = 1, &|_| {}));
    assert!(finished(&|objects| objects.flags.truncate(1), &|_| {}));
    assert!(finished(&|_| {}, &|builder| builder.extra(ObjectId(2), 1)));
    assert!(finished(&|_| {}, &|builder| builder.text(ObjectId(2), "x".into())));
    let lost = |builder: &mut Builder| {
        builder.root_edge(memprobe_heap::RootId(0), ObjectId(0), Strength::Strong, None);
    };
    assert!(finished(&|_| {}, &lost));
}

/// Every object has one keeper: a root, a reference that nobody owns, what hangs on that, a cycle.
#[test]
fn every_object_has_one_keeper() {
    let mut heap = Heap::default();
    let space = heap.module("app");
    let held = heap.add("list", 56, 1);
    heap.set(space, "HELD", held);
    let leaked = heap.add("list", 56, 2);
    let item = heap.add("str", 50, 1);
    heap.edge(leaked, item, ITEM);
    // Its one reference is a word of an object of unknown layout.
    let by_word = heap.add("bytes", 40, 1);
    heap.edge(held, by_word, WORD);
    let (a, b) = (heap.add("app.Node", 48, 1), heap.add("app.Node", 48, 1));
    heap.edge(a, b, SLOT);
    heap.edge(b, a, SLOT);
    let graph = heap.graph();
    let keepers = Keepers::new(&graph);
    let of = |object| keepers.of(ObjectId(object));
    assert_eq!((of(held), of(by_word)), (Keeper::Root, Keeper::Root));
    assert_eq!((of(leaked), of(item)), (Keeper::Excess, Keeper::ByExcess));
    assert_eq!((of(a), of(b)), (Keeper::Cycle, Keeper::Cycle));
    assert_eq!(keepers.unexplained(ObjectId(leaked)), 2);
    assert!(!keepers.is_pointed_to(ObjectId(leaked)) && keepers.is_pointed_to(ObjectId(item)));
    let mut pairs = Vec::new();
    keepers.held_by(&graph, [ObjectId(leaked)], |start, held| pairs.push((start.0, held.0)));
    assert_eq!(pairs, [(leaked, item)]);
    let lost = |object| keepers.of(object) == Keeper::Cycle;
    let garbage = Garbage::within(&graph, Through::Loose, lost);
    assert_eq!((garbage.cyclic.objects, garbage.cycles), (2, 1));
    let steps = graph.steps(&garbage.example);
    let names: Vec<&str> = steps.iter().map(|step| &*step.name).collect();
    assert_eq!(names, ["", "payload", "payload"]);
    assert!(graph.steps(&[]).is_empty());
}
