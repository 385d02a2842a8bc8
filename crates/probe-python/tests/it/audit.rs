//! The audit of reference counts on real programs of every Python: what is lost is found to the
//! object, and nothing else is.
#![forbid(unsafe_code)]
#![allow(clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::blocks::{build, start};
use heap::{Audit, Graph};
use memprobe_probe_python::{GraphOptions, Python as Attached, PythonProbe};
use probe::tables::refcounts;
use probe::{Open, Probe, Request, Snapshot, Target};
use target::freeze::{Method, Options, freeze};
use test_support::{
    Python, Running, debug_pythons, every_python, until_it_reads as wait_until_blocked,
};

/// How many objects of a kind are lost.
const LOST: i64 = 3000;

fn known() -> Vec<Python> {
    let wanted = std::env::var("ONLY").ok();
    let is_wanted = |python: &Python| {
        wanted.as_ref().is_none_or(|w| python.to_string().starts_with(w.as_str()))
    };
    let mut known = every_python();
    // Debug builds of older versions lay out their interpreters in another way.
    known.extend(debug_pythons().into_iter().filter(|python| python.version >= (3, 13, 0)));
    known.into_iter().filter(is_wanted).collect()
}

/// One look at a frozen program.
fn look(program: &Running) -> Snapshot {
    let process = Target::from_pid(program.pid());
    let mut probe = PythonProbe::open(Default::default()).unwrap();
    let mut request = Request::new(process.clone(), &["audit"]);
    let frozen = freeze(&process, Method::Auto, &Options::default()).unwrap();
    request.frozen = Some(frozen.frozen());
    let snapshot = probe.snapshot(&request).unwrap();
    frozen.release().unwrap();
    snapshot
}

/// A column by type.
fn column(snapshot: &Snapshot, column: &str) -> BTreeMap<String, i64> {
    let table = snapshot.table(refcounts::TABLE).unwrap();
    let name = |row| table.value(refcounts::TYPE, row).as_str().unwrap().to_owned();
    let value = |row| table.value(column, row).as_u64().unwrap() as i64;
    (0..table.rows()).map(|row| (name(row), value(row))).collect()
}

/// What a column has more in the second look, by type, where it is not the same.
fn more(looks: [&Snapshot; 2], name: &str) -> BTreeMap<String, i64> {
    let [before, after] = looks.map(|look| column(look, name));
    let mut more = after;
    for (name, value) in before {
        *more.entry(name).or_default() -= value;
    }
    more.retain(|_, value| *value != 0);
    more
}

/// Kind, size, type.
type Kind = (&'static str, usize, &'static str);

/// The larger ones live in blocks of `malloc`.
const KINDS: [Kind; 12] = [
    ("str", 20, "builtins.str"),
    ("str", 3000, "builtins.str"),
    ("bytes", 20, "builtins.bytes"),
    ("bytes", 3000, "builtins.bytes"),
    ("bytes", 300_000, "builtins.bytes"),
    ("int", 0, "builtins.int"),
    ("list", 3, "builtins.list"),
    ("list", 500, "builtins.list"),
    ("dict", 1, "builtins.dict"),
    ("instance", 0, "__main__.Leaked"),
    ("tuple", 3, "builtins.tuple"),
    ("tuple", 500, "builtins.tuple"),
];

/// Those of which native memory has the pointers, in a second run.
const BURIED: [Kind; 3] =
    [("str", 20, "builtins.str"), ("list", 3, "builtins.list"), ("tuple", 500, "builtins.tuple")];

/// Each kind is found with its type and to the object, and nothing else is; that no pointer to
/// it exists is seen, and that one does where there is one.
#[test]
fn what_is_lost_is_found_to_the_object() {
    let folder = tempfile::tempdir().unwrap();
    for python in known().iter().filter(|python| build(python, "leaky", folder.path())) {
        let mut program = start(python, folder.path(), "import leaky\nclass Leaked: pass");
        // What a first call of each function leaves behind.
        program.ask("[f('int', 1, 0, Leaked) for f in (leaky.lose_objects, leaky.bury_objects)]");
        wait_until_blocked(program.pid());
        let mut before = look(&program);
        let ways = [("lose_objects", &KINDS[..]), ("bury_objects", &BURIED)];
        for (way, kinds) in ways {
            for &one in kinds {
                let (kind, size, _) = one;
                let lost = lost(size);
                program.ask(&format!("leaky.{way}('{kind}', {lost}, {size}, Leaked)"));
                wait_until_blocked(program.pid());
                let after = look(&program);
                let what = format!("{python}: {way} {kind} of {size}");
                assert_found(one, [&before, &after], way == "lose_objects", &what);
                before = after;
            }
        }
        assert!(program.is_running(), "{python}");
        println!("{python}: {} kinds, each to the object", KINDS.len());
    }
}

/// How many objects of a size are lost.
fn lost(size: usize) -> i64 {
    if size > 100_000 { LOST / 100 } else { LOST }
}

/// Those and no others are found between two looks.
fn assert_found((kind, size, name): Kind, looks: [&Snapshot; 2], unreferenced: bool, what: &str) {
    let lost = lost(size);
    let wanted = BTreeMap::from([(name.to_owned(), lost)]);
    assert_eq!(more(looks, refcounts::OBJECTS), wanted, "{what}");
    assert_eq!(more(looks, refcounts::REFERENCES), wanted, "{what}");
    let alone = more(looks, refcounts::UNREFERENCED).get(name).copied().unwrap_or(0);
    // Words that were left behind somewhere lead to some, now or before.
    let stale = lost / 20;
    let enough = if unreferenced { lost - stale..=lost + stale } else { -stale..=stale };
    println!("  {what}: {alone} alone");
    assert!(enough.contains(&alone), "{what}: {alone}");
    let bytes = more(looks, refcounts::BYTES)[name];
    // A list's items are a block of their own.
    let own = if kind == "list" { 40 } else { size as i64 };
    assert!(bytes >= lost * own.max(16), "{what}: {bytes}");
}

fn program() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/graph_program.py")
}

fn graph(program: &Running) -> Graph {
    let process = Target::from_pid(program.pid());
    let frozen = freeze(&process, Method::Stop, &Options::default()).unwrap();
    let python = Attached::attach(&process).unwrap();
    let options = GraphOptions { threads: frozen.frozen().threads, ..GraphOptions::default() };
    let (graph, issues) = python.graph(&options).unwrap();
    assert!(issues.is_empty(), "{issues:?}");
    graph
}

/// Of a program with objects of every built-in kind that leaks nothing, hardly any object is
/// accounted for more often than it says, and hardly any less often.
#[test]
fn counts_of_a_clean_program_add_up() {
    const MOST_OVER: u64 = 100;
    const MOST_UNEXPLAINED: usize = 10;
    const MOST_IN_DEBUG_BUILDS: usize = 60;
    for python in known() {
        let graph = graph(&Running::script(&python, &program(), &["30"]));
        let audit = Audit::new(&graph);
        let over: u64 = audit.over_counted.iter().map(|&(_, objects)| objects).sum();
        let excess = audit.excess.iter().filter(|excess| excess.low > 0).count();
        println!(
            "{python}: of {} audited {over} over, {excess} unexplained, {} doubtful",
            audit.audited,
            audit.excess.len() - excess
        );
        let of_type = |&(id, objects): &(heap::TypeId, u64)| {
            (graph.types()[id.index()].name.to_string(), objects)
        };
        let types: Vec<_> = audit.over_counted.iter().map(of_type).collect();
        assert!(over <= MOST_OVER, "{python}: {types:?}");
        let most = if python.is_debug() { MOST_IN_DEBUG_BUILDS } else { MOST_UNEXPLAINED };
        assert!(excess <= most, "{python}");
        assert!(audit.audited > 90_000, "{python}");
    }
}

/// Starts a program that works for ever; `None` with a line on why where it cannot.
fn start_clean(python: &Python, name: &str) -> Option<Running> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/clean/{name}.py"));
    let mut command = Command::new(&python.exe);
    command.args(["-u", "-W", "ignore"]).arg(file);
    if name == "tables" {
        let folders = std::env::var_os("MEMPROBE_TEST_PACKAGES").unwrap_or_default();
        let folder = std::env::split_paths(&folders).find(|folder| {
            let mut import = Command::new(&python.exe);
            import.args(["-c", "import pandas"]).env("PYTHONPATH", folder).stderr(Stdio::null());
            import.status().unwrap().success()
        });
        let Some(folder) = folder else {
            eprintln!("skipped: {python} has no pandas in MEMPROBE_TEST_PACKAGES");
            return None;
        };
        command.env("PYTHONPATH", folder);
    }
    Some(Running::start(&mut command))
}

/// What grew in looks at a program that works meanwhile, as a finding would have it: types with
/// more objects at each look than at the one before, and more bytes than findings speak of.
fn grown(program: &mut Running, what: &str) -> Vec<(String, i64)> {
    const LOOKS: usize = 4;
    const LEAST_BYTES: i64 = 64 << 10;
    let mut looks = Vec::new();
    for _ in 0..LOOKS {
        assert_eq!(program.ask("go on"), "done");
        looks.push(look(program));
    }
    let bytes = |look: &Snapshot| {
        let mut bytes = column(look, refcounts::BYTES);
        for (name, held) in column(look, refcounts::HELD_BYTES) {
            *bytes.entry(name).or_default() += held;
        }
        bytes
    };
    let objects: Vec<_> = looks.iter().map(|look| column(look, refcounts::OBJECTS)).collect();
    let (first, last) = (bytes(&looks[0]), bytes(&looks[LOOKS - 1]));
    let sums: Vec<i64> = objects.iter().map(|look| look.values().sum()).collect();
    println!("{what}: objects with references too many, look by look: {sums:?}");
    let of = |map: &BTreeMap<String, i64>, name: &str| map.get(name).copied().unwrap_or(0);
    let rises = |name: &str| objects.windows(2).all(|p| of(&p[1], name) > of(&p[0], name));
    let more = last.keys().map(|name| (name.clone(), of(&last, name) - of(&first, name)));
    more.filter(|(name, bytes)| rises(name) && *bytes >= LEAST_BYTES).collect()
}

/// Programs that leak nothing, looked at while they work: no finding.
#[test]
fn clean_programs_have_no_references_too_many() {
    for python in known() {
        for name in ["library", "server", "tables"] {
            let Some(mut program) = start_clean(&python, name) else { continue };
            let what = format!("{python}: {name}");
            let found = grown(&mut program, &what);
            assert!(found.is_empty(), "{what}: {found:?}");
            assert!(program.is_running(), "{what}");
        }
    }
}
