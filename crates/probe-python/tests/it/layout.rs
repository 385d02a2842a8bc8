//! The tables of offsets against the headers of every Python of the machine that has them.
#![forbid(unsafe_code)]
#![allow(clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use memprobe_probe_python::census::rules::RULES;
use memprobe_probe_python::free_lists::rules::{Lists, RULES as FREE_LISTS, TUPLES};
use memprobe_probe_python::layout::{
    CollectorTable, DebuggerEntries, Entries, Layout, Offsets, Place, StatisticsPlace, TABLES,
};
use memprobe_probe_python::stacks::rules::{FRAMES, Places, Told as FrameOffsets};
use test_support::{Python, every_python};

/// What C says of one interpreter: name of a field -> offset.
type Told = BTreeMap<String, u64>;

/// Compiles and runs `layout.c` against the interpreter's headers; `None` with a line on why.
fn ask_headers(python: &Python, folder: &Path) -> Option<Told> {
    const WHERE: &str = "import sysconfig; print(sysconfig.get_path('include'))";
    // Where a header in the folder of the version leads to one in a folder of the machine's kind.
    let around = |include: &str| Path::new(include).parent().unwrap().to_path_buf();
    let output = Command::new(&python.exe).args(["-c", WHERE]).output().unwrap();
    let include = String::from_utf8(output.stdout).unwrap().trim().to_owned();
    // 3.6 has none and needs none.
    if python.version >= (3, 7, 0) && !Path::new(&include).join("internal").exists() {
        eprintln!("skipped: {python} has no internal headers");
        return None;
    }
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/layout.c");
    let program = folder.join("layout");
    let compiled = Command::new("cc")
        .arg(format!("-I{include}"))
        .arg(format!("-I{include}/internal"))
        .arg("-idirafter")
        .arg(around(&include))
        .arg("-o")
        .args([&program, &source])
        .output();
    match compiled {
        Ok(output) => {
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
        Err(error) => {
            eprintln!("skipped: no C compiler ({error})");
            return None;
        }
    }
    let text = String::from_utf8(Command::new(&program).output().unwrap().stdout).unwrap();
    let pair = |line: &str| {
        let (name, value) = line.rsplit_once(' ')?;
        Some((name.to_owned(), value.parse().ok()?))
    };
    Some(text.lines().map(|line| pair(line).unwrap()).collect())
}

#[test]
fn the_tables_are_those_of_the_headers() {
    let folder = tempfile::tempdir().unwrap();
    for python in every_python() {
        let row = TABLES.iter().find(|t| (3, t.minor) == (python.version.0, python.version.1));
        let Some(row) = row else { continue };
        let Some(told) = ask_headers(&python, folder.path()) else { continue };
        assert!(row.verified, "{python}: mark this row as verified");
        compare_objects(&python, &told);
        compare_free_lists(&python, &told);
        if python.version < (3, 7, 0) {
            let Offsets::Fixed(layout) = &row.offsets else { panic!("{row:?}") };
            compare_states(&python, layout, &told);
            continue;
        }
        let later = row.later_collector.filter(|t| told["gc.generations"] == t.generations);
        compare_collector(&python, &later.unwrap_or(row.collector), &told);
        compare_frames(&python, &told);
        match &row.offsets {
            Offsets::Fixed(layout) => compare_layout(&python, layout, &told),
            Offsets::InRuntime(entries) => compare_entries(&python, entries, &told),
        }
    }
}

fn compare(python: &Python, told: &Told, pairs: &[(&str, u64)]) {
    for (name, value) in pairs {
        assert_eq!(told.get(*name), Some(value), "{python}: {name}");
    }
}

/// Where free lists are.
fn compare_free_lists(python: &Python, told: &Told) {
    let rules = FREE_LISTS.iter().find(|rules| rules.minor == python.version.1);
    assert_eq!(rules.is_some(), told.contains_key("free.float"), "{python}");
    let Some(rules) = rules else { return };
    let base = rules.base;
    compare(python, told, &[("free.float", base)]);
    match rules.lists {
        Lists::Own { tuple_heads, tuples, others, .. } => {
            let tuples = [("free.tuple heads", base + tuple_heads), ("free.tuples", base + tuples)];
            compare(python, told, &tuples);
            for list in others {
                compare(python, told, &[(&format!("free.{}", list.kind), base + list.count)]);
            }
        }
        Lists::Pairs { before_tuples, after_tuples } => {
            let tuples = base + 16 * before_tuples.len() as u64;
            let last = tuples + 16 * (TUPLES + after_tuples.len() as u64 - 1);
            compare(python, told, &[("free.tuples", tuples), ("free.last", last)]);
        }
    }
}

/// Where objects keep what the census reads.
fn compare_objects(python: &Python, told: &Told) {
    let rules = RULES.iter().find(|rules| rules.minor == python.version.1).unwrap();
    assert!(rules.verified, "{python}: mark these rules as verified");
    compare(
        python,
        told,
        &[
            ("type.bytes", rules.type_bytes),
            ("type.heap_bytes", rules.heap_type_bytes),
            ("type.cached_keys", rules.cached_keys),
            ("type.qualname", rules.cached_keys - 8),
            ("type.name", 24),
            ("type.basicsize", 32),
            ("type.itemsize", 40),
            ("type.flags", 168),
            ("type.base", 256),
            ("type.dict", 264),
            ("type.mro", 344),
            ("object.gc_head", rules.gc_head),
            ("tuple.items", rules.tuple_items),
            ("text.ascii", rules.text.ascii),
            ("text.compact", rules.text.compact),
            ("text.full", rules.text.full),
            ("dict.keys", 32),
            ("dict.values", 40),
            ("list.items", 24),
            ("list.allocated", 32),
            ("set.mask", 32),
            ("set.table", 40),
            ("set.small", 64),
            ("bytearray.allocated", 24),
        ],
    );
}

fn compare_collector(python: &Python, table: &CollectorTable, told: &Told) {
    compare(
        python,
        told,
        &[
            ("gc.enabled", table.enabled),
            ("gc.generations", table.generations),
            ("gc.generation_size", table.generation_size),
            ("gc.threshold", table.threshold),
            ("gc.count", table.threshold + 4),
            ("gc.permanent", table.permanent),
            ("gc.collecting", table.collecting.unwrap()),
            ("gc.garbage", table.garbage.unwrap()),
        ],
    );
    let rings = match table.statistics {
        StatisticsPlace::Inside(at) => return compare(python, told, &[("gc.statistics", at)]),
        StatisticsPlace::Behind(rings) => rings,
    };
    compare(
        python,
        told,
        &[
            ("gc.statistics", rings.pointer),
            ("ring.item", rings.item),
            ("ring.collections", rings.collections),
            ("ring.items0", rings.items[0]),
            ("ring.items1", rings.items[1]),
            ("ring.items1", rings.items[2]),
            ("ring.index0", rings.items[0] * rings.item),
            ("ring.bytes0", rings.items[0] * rings.item + 8),
        ],
    );
}

/// Where stacks are read from.
fn compare_frames(python: &Python, told: &Told) {
    let rules = FRAMES.iter().find(|rules| rules.minor == python.version.1).unwrap();
    assert!(rules.verified, "{python}: mark these rules as verified");
    compare(python, told, &[("bytes.data", 32)]);
    match &rules.told {
        FrameOffsets::Fixed(places) => compare_frame_places(python, places, told),
        FrameOffsets::InRuntime(entries) => compare_frame_entries(python, entries, told),
    }
}

fn compare_frame_places(python: &Python, places: &Places, told: &Told) {
    let gil = told.get("runtime.gil").or(told.get("interpreter.gil")).unwrap();
    compare(
        python,
        told,
        &[
            ("thread.frame", places.thread_frame),
            ("frame.back", places.back),
            ("frame.code", places.code),
            ("frame.instruction", places.instruction),
            ("code.filename", places.filename),
            ("code.name", places.name),
            ("code.lines", places.lines),
            ("code.firstline", places.first_line),
            ("gil.holder", places.gil_holder - gil),
            ("gil.locked", places.gil_locked - gil),
        ],
    );
    assert_eq!(told.get("thread.inner_frame").copied(), places.inner_frame, "{python}");
    assert_eq!(told.get("frame.owner").copied(), places.owner, "{python}");
    assert_eq!(told.get("code.instructions").copied(), places.instructions, "{python}");
}

fn compare_frame_entries(python: &Python, entries: &Places, told: &Told) {
    compare(
        python,
        told,
        &[
            ("entry.thread_frame", entries.thread_frame),
            ("entry.back", entries.back),
            ("entry.code", entries.code),
            ("entry.instruction", entries.instruction),
            ("entry.owner", entries.owner.unwrap()),
            ("entry.filename", entries.filename),
            ("entry.name", entries.name),
            ("entry.lines", entries.lines),
            ("entry.firstline", entries.first_line),
            ("entry.instructions", entries.instructions.unwrap()),
            ("entry.holder", entries.gil_holder),
            ("entry.locked", entries.gil_locked),
        ],
    );
}

fn compare_layout(python: &Python, layout: &Layout, told: &Told) {
    let (name, place) = match layout.collector {
        Place::Runtime(at) => ("runtime.gc", at),
        Place::Interpreter(at) => ("interpreter.gc", at),
        Place::Unknown => panic!("{python}: no place of the collector"),
    };
    compare(
        python,
        told,
        &[
            ("runtime.interpreters_head", layout.interpreters_head),
            ("interpreter.id", layout.interpreter_id.unwrap()),
            (name, place),
        ],
    );
    compare_states(python, layout, told);
}

/// What 3.6 has too.
fn compare_states(python: &Python, layout: &Layout, told: &Told) {
    compare(
        python,
        told,
        &[
            ("interpreter.next", layout.interpreter_next),
            ("interpreter.threads_head", layout.threads_head),
            ("thread.next", layout.thread_next),
            ("thread.interpreter", layout.thread_interpreter),
            ("thread.handle", layout.thread_handle),
        ],
    );
    assert_eq!(told.get("thread.native").copied(), layout.thread_native, "{python}");
}

fn compare_entries(python: &Python, entries: &Entries, told: &Told) {
    compare(
        python,
        told,
        &[
            ("entry.interpreters_head", entries.interpreters_head),
            ("entry.interpreter_id", entries.interpreter_id),
            ("entry.interpreter_next", entries.interpreter_next),
            ("entry.threads_head", entries.threads_head),
            ("entry.collector", entries.collector),
            ("entry.thread_next", entries.thread_next),
            ("entry.thread_interpreter", entries.thread_interpreter),
            ("entry.thread_handle", entries.thread_handle),
            ("entry.thread_native", entries.thread_native),
        ],
    );
    let debugger = DebuggerEntries::of(python.version.1);
    assert_eq!(debugger.is_some(), told.contains_key("entry.eval_breaker"), "{python}");
    let Some(debugger) = debugger else { return };
    let first = debugger.eval_breaker;
    compare(
        python,
        told,
        &[
            ("entry.threads_main", debugger.threads_main),
            ("entry.eval_breaker", first),
            ("entry.debugger_support", first + 8),
            ("entry.debugger_enabled", first + 16),
            ("entry.debugger_pending", first + 24),
            ("entry.script_path", first + 32),
            ("entry.script_path_size", first + 40),
        ],
    );
}
