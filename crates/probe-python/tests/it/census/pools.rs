//! Pools, arenas and free lists against what the interpreter prints.

use std::collections::BTreeMap;

use memprobe_probe_python::pymalloc::Pymalloc;
use memprobe_probe_python::{Survey, Wanted};
use test_support::{Python, Running, debug_pythons};

use super::target::{known, run, start, survey, wait_until_blocked};

/// What `sys._debugmallocstats()` prints.
struct Printed {
    /// Size, pools, blocks in use and free.
    classes: Vec<[u64; 4]>,
    /// The lines below that say "name = number".
    totals: BTreeMap<String, u64>,
    /// Free lists: kind and items, how many.
    free: BTreeMap<(String, u64), u64>,
}

impl Printed {
    fn parse(lines: &[String]) -> Self {
        let mut printed =
            Self { classes: Vec::new(), totals: BTreeMap::new(), free: BTreeMap::new() };
        for line in lines {
            let words: Vec<&str> = line.split_whitespace().collect();
            let numbers: Vec<u64> = words.iter().map_while(|w| w.parse().ok()).collect();
            if let [_, size, pools, used, free] = numbers[..] {
                printed.classes.push([size, pools, used, free]);
            }
            if let [count, "free", what, ..] = words[..] {
                let sized = what.strip_suffix("-sized");
                let size = sized.map_or(0, |size| size.parse().unwrap());
                let kind = if sized.is_some() { words[3] } else { what };
                printed.free.insert((kind.to_owned(), size), count.parse().unwrap());
            } else if let Some((name, value)) = line.split_once('=')
                && let Ok(value) = value.trim().replace(',', "").parse()
            {
                printed.totals.entry(name.trim().to_owned()).or_insert(value);
            }
        }
        printed
    }

    /// The number behind the line whose name has these words in it.
    fn total(&self, name: &str) -> u64 {
        let found = self.totals.iter().find(|(line, _)| line.contains(name));
        *found.unwrap_or_else(|| panic!("{name}: {:?}", self.totals)).1
    }
}

/// What makes pools: nothing, many, many of which most are empty again, and many that are gone.
const MAKES: [&str; 4] = [
    "pass",
    "kept = [[str(n), n * 1.5, (n,)] for n in range(30000)]",
    "kept = [b'x' * (n % 500) for n in range(200000)]\nkept = kept[::100]",
    "kept = [b'x' * (n % 500) for n in range(100000)]\nkept = None",
];

/// A survey of a process that stands still, and what it prints then.
fn survey_and_print(program: &mut Running) -> (Survey, Printed) {
    assert_eq!(program.ask("stand_and_print()"), "ready");
    wait_until_blocked(program.pid());
    let found = survey(program, Wanted::Pools);
    let mut lines = vec![program.ask("go")];
    while lines.last().unwrap() != "done" {
        lines.push(program.line().expect("the target has ended"));
    }
    (found, Printed::parse(&lines))
}

/// Pools, arenas, blocks in use and free ones, and free lists are those that the interpreter
/// prints, to the last block but the one of the call itself.
#[test]
fn pools_are_those_that_the_interpreter_prints() {
    for python in known().iter().chain(&debug_pythons()) {
        for make in MAKES {
            let mut program = start(python, &[]);
            run(&mut program, make);
            let (found, printed) = survey_and_print(&mut program);
            let what = format!("{python} {make}");
            compare_classes(&what, &found.pymalloc, &printed);
            compare_totals(&what, &found.pymalloc, &printed);
            compare_free_lists(python, &found, &printed);
        }
    }
}

fn compare_classes(what: &str, found: &Pymalloc, printed: &Printed) {
    assert!(printed.classes.len() > 10, "{what}: {:?}", printed.classes);
    let mut apart = Vec::new();
    for &[size, pools, used, free] in &printed.classes {
        let class = found.classes.iter().find(|class| class.block == size).unwrap();
        if [class.pools, class.used, class.free] != [pools, used, free] {
            assert!(class.used.abs_diff(used) <= 1 && class.pools == pools, "{what} {class:?}");
            apart.push(format!("{class:?} {pools} {used} {free}"));
        }
    }
    println!("{what}: {apart:?} of {}", found.blocks());
    assert_eq!(found.torn_pools, 0);
    // One block of the call itself may be in use, or free again.
    assert!(apart.len() <= 1, "{what}: {apart:#?}");
}

fn compare_totals(what: &str, found: &Pymalloc, printed: &Printed) {
    let state = found.state.unwrap_or_else(|| panic!("{what}: no state"));
    let counters = state.counters.unwrap_or_else(|| panic!("{what}: no counters"));
    assert_eq!(found.arenas, printed.total("# arenas allocated current"), "{what}");
    assert_eq!(counters.arenas_taken, printed.total("# arenas allocated total"), "{what}");
    assert_eq!(counters.arenas_highwater, printed.total("# arenas highwater mark"), "{what}");
    assert_eq!(found.header_bytes(), printed.total("# bytes lost to pool headers"), "{what}");
    assert_eq!(found.quantisation_bytes(), printed.total("# bytes lost to quantization"));
    assert_eq!(state.alignment_bytes, printed.total("# bytes lost to arena alignment"), "{what}");
    let unused = state.unused_pools * found.geometry.pool;
    assert_eq!(unused, printed.total("unused pools"), "{what}");
    assert_eq!(found.unused_bytes(), unused + state.alignment_bytes, "{what}");
    assert_eq!(found.arena_bytes(), printed.total("Total"), "{what}");
    let parts = found.used_bytes()
        + found.free_bytes()
        + unused
        + found.header_bytes()
        + found.quantisation_bytes()
        + state.alignment_bytes;
    assert_eq!(parts, found.arena_bytes(), "{what}");
    // The call that prints has some of its own.
    let allocated = printed.total("getallocatedblocks");
    println!("{what}: {counters:?}, {allocated} allocated");
    assert!(counters.blocks.abs_diff(allocated) <= 4, "{what}: {counters:?} {allocated}");
}

/// What the interpreter calls the kinds that it prints.
const PRINTED: [(&str, &str); 6] = [
    ("float", "PyFloatObjects"),
    ("tuple", "PyTupleObjects"),
    ("list", "PyListObjects"),
    ("dict", "PyDictObjects"),
    ("dict keys", "PyDictKeysObjects"),
    ("frame", "PyFrameObjects"),
];

fn compare_free_lists(python: &Python, found: &Survey, printed: &Printed) {
    if python.version < (3, 10, 0) {
        assert!(found.free_lists.is_empty(), "{python}");
        return;
    }
    let lists = &found.free_lists[0].lists;
    let (mut compared, mut apart, mut kept) = (0, Vec::new(), 0);
    for list in lists {
        let Some((_, name)) = PRINTED.iter().find(|(kind, _)| *kind == list.kind) else { continue };
        // 3.10 to 3.12 do not print tables of keys.
        let Some(&told) = printed.free.get(&((*name).to_owned(), list.size)) else { continue };
        compared += 1;
        kept += told;
        if list.objects != told {
            apart.push(format!("{list:?} {told}"));
        }
        let least = list.objects * if list.kind == "float" { 24 } else { 32 };
        assert!(list.bytes.unwrap() >= least, "{python} {list:?}");
    }
    println!("{python}: {compared} free lists of {kept} objects, apart: {apart:?}");
    assert!(compared >= 22 && kept > 10, "{python}: {lists:?} {:?}", printed.free);
    // The calls that wake it and print take and give some.
    assert!(apart.len() <= 3, "{python}: {apart:#?}");
}

/// The free lists have what was planted there.
#[test]
fn free_lists_have_what_was_freed() {
    // `run` collects behind the code, which empties the lists: this is done afterwards.
    const FREE: &str = "
def free():
    lists = [[n] for n in range(70)]
    floats = [n + 0.5 for n in range(90)]
    tuples = [(n, n, n, n, n, n, n) for n in range(60)]
    del lists, floats, tuples
    stand_and_print()
";
    for python in known().iter().filter(|python| python.version >= (3, 10, 0)) {
        let mut program = start(python, &[]);
        run(&mut program, FREE);
        assert_eq!(program.ask("free()"), "ready");
        wait_until_blocked(program.pid());
        let found = survey(&program, Wanted::Pools);
        let lists = &found.free_lists[0].lists;
        for (kind, size, least) in [("list", 0, 70), ("float", 0, 90), ("tuple", 7, 60)] {
            let list = lists.iter().find(|list| (list.kind, list.size) == (kind, size)).unwrap();
            assert!((least..=least + 40).contains(&list.objects), "{python}: {list:?}");
        }
    }
}

/// Arenas of which little is left in use are counted with what they hold and do not use. How
/// many were taken, and how much of them lives on, is told by the target itself.
#[test]
fn fragmentation_is_counted() {
    // A block of 512 bytes each: the number of arenas follows from their number.
    const MANY: &str = "kept = [bytes(479) for n in range(40000)]";
    const THIN: &str = "kept = kept[::100]\nprint(len(kept) * 512)";
    for python in known() {
        let mut program = start(&python, &[]);
        let (before, printed) = survey_and_print(&mut program);
        let arenas_before = printed.total("# arenas allocated current");
        run(&mut program, MANY);
        let (full, printed) = survey_and_print(&mut program);
        let taken = printed.total("# arenas allocated current") - arenas_before;
        let alive: u64 = run(&mut program, THIN)[0].parse().unwrap();
        let (thin, printed) = survey_and_print(&mut program);
        assert_eq!(printed.total("# arenas allocated current") - arenas_before, taken);
        let [before, full, thin] = [before, full, thin].map(|survey| survey.pymalloc);
        println!(
            "{python}: {taken} arenas for {alive} bytes: {} sparse ({}), {} when full",
            thin.sparse_arenas, thin.sparse_bytes, full.sparse_arenas
        );
        assert!(taken >= 19, "{python}: {taken}");
        assert!(full.sparse_arenas <= before.sparse_arenas + 1, "{python}: {full:?}");
        // The first and the last of them are shared with others.
        let sparse = thin.sparse_arenas - before.sparse_arenas;
        assert!(sparse.abs_diff(taken) <= 2, "{python}: {sparse} of {taken}");
        let cost = thin.sparse_bytes - before.sparse_bytes;
        let wanted = taken * thin.geometry.arena - alive;
        assert!(cost.abs_diff(wanted) <= 2 * thin.geometry.arena, "{python}: {cost} of {wanted}");
    }
}
