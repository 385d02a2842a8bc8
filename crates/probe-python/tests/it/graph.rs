//! References of every Python of the machine, read from outside and compared with what the
//! collector of the interpreter says of each object.
#![forbid(unsafe_code)]
#![allow(clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use crate::referents::{
    Row, Rows, by_type, compare_with, graph, program, summary, title, total, wait_until_blocked,
    write,
};
use heap::{Graph, ObjectId, Strength};
use test_support::{Python, Running, debug_pythons, every_python};

fn known() -> Vec<Python> {
    every_python()
}

/// What issue and documentation name, with the types that it is in which versions (from, to).
/// Every reference of them that is to an object is found.
const KINDS: &[(&str, u32, u32)] = &[
    ("builtins.list", 0, 99),
    ("builtins.tuple", 0, 99),
    // Dictionaries of every layout, instances with their own, with inline values, with slots.
    ("builtins.dict", 0, 99),
    ("builtins.frozendict", 15, 99),
    ("__main__.OwnDict", 0, 99),
    ("graph_kinds.Few", 0, 99),
    ("graph_kinds.Attributes", 0, 99),
    ("graph_kinds.DictSlot", 0, 99),
    ("__main__.Slotted", 0, 99),
    ("__main__.Both", 0, 99),
    ("__main__.OwnList", 0, 99),
    ("__main__.OwnTuple", 0, 99),
    ("__main__.OwnInt", 0, 99),
    ("__main__.OwnStr", 0, 99),
    ("__main__.OwnBytes", 0, 99),
    ("__main__.OwnSet", 0, 99),
    ("builtins.set", 0, 99),
    ("builtins.frozenset", 0, 99),
    ("collections.deque", 0, 99),
    ("collections.defaultdict", 0, 99),
    ("collections.OrderedDict", 0, 99),
    ("builtins.function", 0, 99),
    ("builtins.cell", 0, 99),
    ("builtins.method", 0, 99),
    ("builtins.builtin_function_or_method", 0, 99),
    ("builtins.method-wrapper", 0, 99),
    ("builtins.module", 0, 99),
    ("builtins.type", 0, 99),
    ("__main__.Meta", 0, 99),
    ("abc.ABCMeta", 0, 99),
    ("builtins.property", 0, 99),
    ("builtins.classmethod", 0, 99),
    ("builtins.staticmethod", 0, 99),
    ("builtins.member_descriptor", 0, 99),
    ("builtins.getset_descriptor", 0, 99),
    ("builtins.method_descriptor", 0, 99),
    ("builtins.wrapper_descriptor", 0, 99),
    ("builtins.classmethod_descriptor", 0, 99),
    ("builtins.super", 0, 99),
    ("builtins.generator", 0, 99),
    ("builtins.coroutine", 0, 99),
    ("builtins.coroutine_wrapper", 0, 99),
    ("builtins.async_generator", 0, 99),
    ("builtins.async_generator_asend", 8, 99),
    ("builtins.async_generator_athrow", 10, 99),
    ("builtins.frame", 0, 99),
    ("builtins.traceback", 0, 99),
    ("__main__.OwnError", 0, 99),
    ("builtins.ImportError", 0, 99),
    ("builtins.SyntaxError", 0, 99),
    ("builtins.UnicodeDecodeError", 0, 99),
    ("builtins.StopIteration", 0, 99),
    ("builtins.ExceptionGroup", 11, 99),
    ("builtins.weakref", 0, 9),
    ("weakref.ReferenceType", 10, 99),
    ("weakref.WeakMethod", 0, 99),
    ("functools._lru_cache_wrapper", 0, 99),
    ("functools.partial", 0, 99),
    ("functools.KeyWrapper", 10, 99),
    ("itertools.chain", 0, 99),
    ("itertools.cycle", 0, 99),
    ("itertools.islice", 0, 99),
    ("itertools.product", 0, 99),
    ("itertools.permutations", 0, 99),
    ("itertools.combinations", 0, 99),
    ("itertools.combinations_with_replacement", 0, 99),
    ("itertools.starmap", 0, 99),
    ("itertools.groupby", 0, 99),
    ("itertools._grouper", 0, 99),
    ("itertools._tee", 0, 99),
    ("itertools._tee_dataobject", 0, 99),
    ("itertools.zip_longest", 0, 99),
    ("itertools.accumulate", 0, 99),
    ("itertools.pairwise", 10, 99),
    ("itertools.batched", 12, 99),
    ("builtins.list_iterator", 0, 99),
    ("builtins.tuple_iterator", 0, 99),
    ("builtins.set_iterator", 0, 99),
    ("builtins.dict_itemiterator", 0, 99),
    ("builtins.iterator", 0, 99),
    ("builtins.callable_iterator", 0, 99),
    ("builtins.odict_iterator", 0, 99),
    ("builtins.enumerate", 0, 99),
    ("builtins.zip", 0, 99),
    ("builtins.map", 0, 99),
    ("builtins.filter", 0, 99),
    ("builtins.mappingproxy", 0, 99),
    ("types.SimpleNamespace", 0, 99),
    ("types.GenericAlias", 9, 99),
    ("typing.TypeVar", 0, 99),
    ("typing.TypeAliasType", 12, 99),
    ("builtins.hamt", 7, 99),
    ("builtins.hamt_bitmap_node", 7, 99),
    ("builtins.hamt_array_node", 7, 99),
    ("builtins.Context", 7, 9),
    ("builtins.ContextVar", 7, 9),
    ("builtins.Token", 7, 9),
    ("_contextvars.Context", 10, 99),
    ("_contextvars.ContextVar", 10, 99),
    ("_contextvars.Token", 10, 99),
    ("_asyncio.Task", 0, 99),
    ("_asyncio.Future", 0, 99),
    ("_asyncio.FutureIter", 0, 99),
    ("builtins.memoryview", 0, 99),
    ("builtins.managedbuffer", 0, 99),
    ("graph_kinds.CStructure", 0, 99),
    ("graph_kinds.CUnion", 0, 99),
    ("graph_kinds.CStructure_Array_3", 0, 99),
    ("graph_kinds.py_object_Array_3", 0, 99),
    ("ctypes.CFUNCTYPE.<locals>.CFunctionType", 0, 99),
    ("_ctypes.CThunkObject", 0, 99),
    ("time.struct_time", 0, 99),
    ("os.stat_result", 0, 99),
    ("sys.flags", 0, 99),
    ("_queue.SimpleQueue", 7, 99),
    ("_pickle.Pickler", 0, 99),
    ("_pickle.Unpickler", 0, 99),
    ("pyexpat.xmlparser", 0, 99),
    ("xml.etree.ElementTree.Element", 0, 99),
    ("zoneinfo.ZoneInfo", 12, 99),
    ("_thread._local", 0, 99),
    ("sqlite3.Connection", 10, 99),
];

/// The kinds of which nothing was compared, or references are missing.
fn lacking(python: &Python, rows: &Rows) -> Vec<String> {
    let minor = python.version.1;
    let asked = KINDS.iter().filter(|(_, from, to)| (*from..=*to).contains(&minor));
    let row = |name: &str| rows.get(name).copied().unwrap_or_default();
    let lacks = |row: Row| row.edges == 0 || row.missed() > row.unknown;
    let lacking = asked.filter(|(name, ..)| lacks(row(name)));
    lacking.map(|(name, ..)| format!("{python}: {name}: {:?}", row(name))).collect()
}

/// Compares programs, given with their arguments, and writes their tables to a file that an
/// environment variable names.
fn compare_all(file: &str, arguments: &[&str], kinds: bool) {
    let (mut every, mut failures) = (Vec::new(), Vec::new());
    for python in known().into_iter().chain(debug_pythons()) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dump");
        let mut command = Command::new(&python.exe);
        command.args(["-u", "-W", "ignore"]).arg(program(file)).args(arguments).arg(&path);
        println!("{python}");
        let (graph, rows) = compare_with(&Running::start(&mut command), &path);
        let all = total(&rows);
        println!("{python}: {:.4} % of {all:?}; {} objects", all.share(), graph.len());
        for (name, row) in rows.iter().filter(|(_, row)| row.found < row.edges) {
            println!("   not in it {:6} {name}: {row:?}", row.edges - row.found);
        }
        if kinds {
            failures.extend(lacking(&python, &rows));
        }
        if all.edges < 100_000 || all.share() < 99.95 {
            failures.push(format!("{python}: {:.4} % of {}", all.share(), all.edges));
        }
        every.push((title(&python), rows));
    }
    let names: BTreeSet<&str> = KINDS.iter().map(|kind| kind.0).collect();
    let names: Vec<&str> = if kinds { names.into_iter().collect() } else { Vec::new() };
    write(file, &(summary(&every) + &by_type(&every, &names)));
    assert!(failures.is_empty(), "{failures:#?}");
}

/// At least 99.95 % of what the collector says is found, on every Python, and all of each kind.
#[test]
fn references_are_those_of_the_collector() {
    compare_all("graph_program.py", &["100"], true);
}

/// The same of a server that has loaded the standard library.
#[test]
fn references_of_a_server_are_those_of_the_collector() {
    compare_all("library_program.py", &[], false);
}

/// References that nothing in the graph accounts for, by object; where it is to be strict, not
/// even a word that may own one. And how many objects are accounted for more often than they say.
fn excess(graph: &Graph, strict: bool) -> (Vec<(ObjectId, i64)>, usize) {
    let (mut held, mut maybe) = (vec![0_i64; graph.len()], vec![0_i64; graph.len()]);
    let mut count = |target: ObjectId, strength| match strength {
        Strength::Strong => held[target.index()] += 1,
        Strength::Loose => maybe[target.index()] += 1,
        Strength::Borrowed => {}
    };
    for source in 0..graph.len() {
        for edge in graph.edges(ObjectId(source as u32)) {
            count(edge.target, graph.strength(edge.label));
        }
    }
    graph.root_edges().iter().for_each(|edge| count(edge.target, edge.strength));
    for &(object, references) in graph.extra() {
        held[object.index()] += i64::from(references);
    }
    let (mut excess, mut over) = (Vec::new(), 0);
    for (id, held) in held.into_iter().enumerate() {
        let count = graph.objects().refcount[id];
        if count == heap::IMMORTAL_COUNT {
            continue;
        }
        let left = i64::from(count) - held;
        if left > if strict { maybe[id] } else { 0 } {
            excess.push((ObjectId(id as u32), left));
        }
        over += usize::from(left < 0);
    }
    (excess, over)
}

fn types_of(graph: &Graph, list: &[(ObjectId, i64)]) -> BTreeMap<String, usize> {
    let mut map = BTreeMap::new();
    for (object, _) in list {
        *map.entry(graph.type_name(*object).to_string()).or_default() += 1;
    }
    map
}

/// What a program that leaks nothing leaves unaccounted is a handful of objects, and references
/// taken and never given back are all found.
#[test]
fn planted_references_are_found() {
    const LEAK: &str = "
import ctypes, gc, sys
class Leaky:
    def __init__(self): self.it = 1
def leak(make):
    for n in range(100):
        it = make(n)
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(it))
        del it
if len(sys.argv) > 1:
    leak(lambda n: 'leaked text %d' % n)
    leak(lambda n: {n: n})
    leak(lambda n: b'leaked bytes %d' % n)
    leak(lambda n: 10**9 + n)
    leak(lambda n: [n])
    leak(lambda n: Leaky())
gc.collect()
print('ready', flush=True)
sys.stdin.readline()";
    let mut failures = Vec::new();
    for python in known() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("leak.py");
        std::fs::write(&file, LEAK).unwrap();
        let clean = Running::script(&python, &program("graph_program.py"), &["30"]);
        wait_until_blocked(clean.pid());
        let whole = graph(clean.pid());
        let (list, over) = excess(&whole, true);
        println!(
            "{python}: clean: {} of {}: {:?}; over {over}",
            list.len(),
            whole.len(),
            types_of(&whole, &list)
        );
        let leaking = Running::script(&python, &file, &["leak"]);
        wait_until_blocked(leaking.pid());
        let whole = graph(leaking.pid());
        let (found, _) = excess(&whole, false);
        let found = types_of(&whole, &found);
        println!("{python}: leaking: {found:?}");
        for name in [
            "builtins.str",
            "builtins.dict",
            "builtins.bytes",
            "builtins.int",
            "builtins.list",
            "__main__.Leaky",
        ] {
            assert!(found.get(name).is_some_and(|&n| n >= 100), "{python}: {name}");
        }
        if list.len() >= 10 {
            failures.push(format!("{python}: {} more than accounted for", list.len()));
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
}
