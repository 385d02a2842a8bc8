//! What each native block is, told in every Python of the machine of an extension that loses and
//! keeps memory in planted numbers.
#![forbid(unsafe_code)]
#![allow(clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, OnceLock};

use memprobe_probe_python::{
    Allocator, BlockRow, Blocks, Content, Part, PartRow, Pointed, Python as Attached, PythonProbe,
    Sample, State,
};
use probe::tables::native_blocks;
use probe::{FrozenThread, Open, Probe, Request, Snapshot, Target};
use target::freeze::{Method, Options, freeze};
use test_support::{Python, Running, every_python};

/// How many blocks of each kind are planted.
const PLANTED: u64 = 20_000;

fn known() -> Vec<Python> {
    let wanted = std::env::var("ONLY").ok();
    let is_wanted = |python: &Python| {
        wanted.as_ref().is_none_or(|w| python.to_string().starts_with(w.as_str()))
    };
    every_python().into_iter().filter(is_wanted).collect()
}

/// What was built in this run, or why not: a file for each interpreter and extension.
type Built = Mutex<BTreeMap<(PathBuf, String), Arc<OnceLock<Option<PathBuf>>>>>;

/// Puts an extension for an interpreter into a folder; it is built once in a run. `false`, with a line
/// on why, where it cannot be.
pub(crate) fn build(python: &Python, name: &str, folder: &Path) -> bool {
    static BUILT: Built = Mutex::new(BTreeMap::new());
    let key = (python.exe.clone(), name.to_owned());
    let built = BUILT.lock().unwrap().entry(key).or_default().clone();
    let file = built.get_or_init(|| {
        let shelf = Path::new(env!("CARGO_TARGET_TMPDIR")).join("extensions");
        let own = shelf.join(python.exe.display().to_string().replace('/', "_"));
        std::fs::create_dir_all(&own).unwrap();
        build_in(python, name, &own)
    });
    let Some(file) = file else { return false };
    std::fs::copy(file, folder.join(file.file_name().unwrap())).unwrap();
    true
}

fn build_in(python: &Python, name: &str, folder: &Path) -> Option<PathBuf> {
    const WHERE: &str = "import sysconfig; print(sysconfig.get_path('include')); \
                         print(sysconfig.get_config_var('EXT_SUFFIX'))";
    let output = Command::new(&python.exe).args(["-c", WHERE]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let (include, suffix) = text.trim().split_once('\n').unwrap();
    if !Path::new(include).join("Python.h").exists() {
        eprintln!("skipped: {python} has no headers");
        return None;
    }
    let file = folder.join(format!("{name}{suffix}"));
    let unfinished = folder.join(format!("{}.{name}", std::process::id()));
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/{name}.c"));
    let compiled = Command::new("cc")
        .args(["-shared", "-fPIC", "-pthread", "-O1", "-fno-builtin", &format!("-I{include}")])
        // Where Debian has the part of the headers that is of one kind of machine.
        .args([&format!("-idirafter{include}/.."), "-o"])
        .arg(&unfinished)
        .arg(source)
        .output();
    let Ok(output) = compiled else {
        eprintln!("skipped: no C compiler");
        return None;
    };
    assert!(output.status.success(), "{python}: {}", String::from_utf8_lossy(&output.stderr));
    std::fs::rename(unfinished, &file).unwrap();
    Some(file)
}

/// A program that begins with some code and then does what it is told.
pub(crate) fn start(python: &Python, folder: &Path, begin: &str) -> Running {
    start_with(python, folder, begin, None)
}

/// The same with a variable of the environment.
fn start_with(
    python: &Python,
    folder: &Path,
    begin: &str,
    setting: Option<(&str, &str)>,
) -> Running {
    let code = format!(
        "import sys\n{begin}\nprint('ready')\n\
         for line in sys.stdin:\n    eval(line)\n    print('done')\n"
    );
    let mut command = Command::new(&python.exe);
    command.env("PYTHONPATH", folder).envs(setting);
    Running::start(command.args(["-u", "-c", &code]))
}

/// The thread of a process that waits in a system call, with its stack pointer as the kernel
/// tells it.
fn waiting(pid: u32) -> FrozenThread {
    loop {
        let text = std::fs::read_to_string(format!("/proc/{pid}/syscall")).unwrap();
        let words: Vec<&str> = text.split_whitespace().collect();
        if let ["0", "0x0", .., pointer, _] = words[..] {
            let mut registers = vec![0; 27];
            registers[19] = u64::from_str_radix(pointer.trim_start_matches("0x"), 16).unwrap();
            return FrozenThread { tid: pid, registers };
        }
        std::thread::yield_now();
    }
}

fn blocks(running: &Running) -> Blocks {
    let thread = waiting(running.pid());
    let python = Attached::attach(&Target::from_pid(running.pid())).unwrap();
    let (blocks, issues) = python.blocks(&[thread]).unwrap();
    assert!(issues.is_empty(), "{issues:?}");
    blocks
}

fn count(found: &Blocks, wanted: impl Fn(&BlockRow) -> bool) -> u64 {
    found.rows.iter().filter(|row| wanted(row)).map(|row| row.blocks).sum()
}

/// How many more there are, within 1 % of what was planted.
fn assert_more(python: &Python, what: &str, looks: &[Blocks; 2], is: impl Fn(&BlockRow) -> bool) {
    let [before, after] = [0, 1].map(|n| count(&looks[n], &is));
    let more = after as i64 - before as i64;
    println!("{python}: {what}: {more} more, {before} before");
    let near: Vec<_> = looks[1].rows.iter().filter(|r| r.blocks >= PLANTED / 2).collect();
    assert!(more.abs_diff(PLANTED as i64) <= PLANTED / 100, "{python}: {what}: {more}: {near:#?}");
}

fn unreachable(allocator: Allocator, size: u64) -> impl Fn(&BlockRow) -> bool {
    move |row| (row.state, row.allocator, row.size_class) == (State::Unreachable, allocator, size)
}

fn held_by(name: &'static str, size: u64) -> impl Fn(&BlockRow) -> bool {
    let holds = move |row: &BlockRow| row.holder.as_ref().is_some_and(|h| h.starts_with(name));
    move |row| row.state == State::Reachable && row.size_class == size && holds(row)
}

/// Held by a variable of an extension with this name.
fn held_in(variable: &'static str, size: u64) -> impl Fn(&BlockRow) -> bool {
    let holds = move |row: &BlockRow| {
        let holder = row.holder.as_deref().and_then(|holder| holder.split_once(".so:"));
        holder.is_some_and(|(_, name)| name == variable)
    };
    move |row| row.state == State::Reachable && row.size_class == size && holds(row)
}

#[test]
fn leaks_are_told_from_growth() {
    let folder = tempfile::tempdir().unwrap();
    for python in known() {
        if !build(&python, "leaky", folder.path()) {
            continue;
        }
        let mut running = start(&python, folder.path(), "import leaky\nitem = leaky.Item()");
        let before = blocks(&running);
        for call in [
            "lose_text(20000)",
            "lose_pymem(20000, 176)",
            "lose_pymem(20000, 600)",
            "lose_ring(20000)",
            "keep_list(20000)",
            "lose_references(20000)",
            "lose_mappings(10, 5 << 20)",
            "keep_mapping(30 << 20)",
        ] {
            running.ask(&format!("leaky.{call}"));
        }
        running.ask("item.add(20000)");
        let looks = [before, blocks(&running)];
        use Allocator::{Malloc, Pymalloc};
        let more = |what, is: &dyn Fn(&BlockRow) -> bool| assert_more(&python, what, &looks, is);
        more("text of strdup", &unreachable(Malloc, 40));
        more("small blocks of PyMem", &unreachable(Pymalloc, 176));
        more("large blocks of PyMem", &unreachable(Malloc, 600));
        more("blocks that point to each other", &unreachable(Malloc, 216));
        more("blocks that hold references", &unreachable(Malloc, 152));
        more("a list behind a variable", &held_in("kept", 120));
        more("a list behind an object", &held_by("object leaky.Item", 248));
        check_contents(&python, &looks[1]);
        check_samples(&python, &running, &looks[1]);
        let mapped = looks[1].rows.iter().filter(|row| row.bytes > 40 << 20);
        assert_eq!(mapped.count(), 0, "{python}: a mapping is no block");
        check_private(&python, &looks);
        assert!(running.is_running());
    }
}

/// Every block that `PYTHONMALLOC=debug` gives has words in front of it and behind: what is lost and
/// what is an object is told all the same, with these words among its bytes.
#[test]
fn blocks_of_debug_allocators_are_told() {
    let folder = tempfile::tempdir().unwrap();
    for python in known() {
        if !build(&python, "leaky", folder.path()) {
            continue;
        }
        let begin = "import leaky\nitem = leaky.Item()";
        let setting = Some(("PYTHONMALLOC", "debug"));
        let mut running = start_with(&python, folder.path(), begin, setting);
        let before = blocks(&running);
        for call in [
            "lose_pymem(20000, 176)",
            "lose_pymem(20000, 600)",
            "lose_text(20000)",
            "keep_list(20000)",
        ] {
            running.ask(&format!("leaky.{call}"));
        }
        running.ask("sys.__dict__.setdefault('more', [float(n) for n in range(20000)])");
        let looks = [before, blocks(&running)];
        // 3.6 has its debug allocator in front of `malloc`, all others in front of pymalloc.
        let lost = |sizes: std::ops::Range<u64>| {
            move |row: &BlockRow| row.state == State::Unreachable && sizes.contains(&row.size_class)
        };
        let more = |what, is: &dyn Fn(&BlockRow) -> bool| assert_more(&python, what, &looks, is);
        // Three or four words of a label for each allocator that the block went through.
        more("small blocks of PyMem", &lost(176 + 24..176 + 48));
        more("large blocks of PyMem", &lost(600 + 24..600 + 72));
        more("text of strdup", &lost(40..41));
        more("a list behind a variable", &held_in("kept", 120));
        // Some may lie in larger blocks that were free.
        let is_float = |row: &BlockRow| row.state == State::Object && row.size_class <= 64;
        let [floats, now] = [0, 1].map(|n| count(&looks[n], is_float));
        assert!(
            now - floats >= PLANTED - PLANTED / 100,
            "{python}: {floats} and {now} small objects"
        );
        let bytes = |state| -> u64 {
            looks[0].rows.iter().filter(|row| row.state == state).map(|row| row.bytes).sum()
        };
        let [lost, objects] = [State::Unreachable, State::Object].map(bytes);
        assert!(lost * 50 < objects, "{python}: {lost} lost beside {objects} of objects");
    }
}

/// The mappings are told apart, each byte is in one row, and the blocks are in the rows as well.
fn check_private(python: &Python, looks: &[Blocks; 2]) {
    let bytes = |look: &Blocks, part: Part, name: &str| -> u64 {
        let is = |row: &&PartRow| row.part == part && row.name.starts_with(name);
        look.private.iter().filter(is).map(|row| row.resident).sum()
    };
    let more = |part: Part, name: &str| {
        bytes(&looks[1], part, name).saturating_sub(bytes(&looks[0], part, name))
    };
    // Ten mappings: a word that an earlier call left in some place may by chance point into one or
    // two of them, and nothing tells such a word from a pointer that is used.
    let lost = more(Part::Unknown, "") >> 20;
    assert!((40..=51).contains(&lost), "{python}: {lost} MiB: {:#?}", looks[1].private);
    let kept = more(Part::Mapped, "leaky") >> 20;
    assert!((30..=40).contains(&kept), "{python}: {:#?}", looks[1].private);
    let lost = PLANTED * (40 + 176 + 600 + 216 + 152);
    let found = more(Part::Unreachable, "");
    assert!(found.abs_diff(lost) * 20 < lost, "{python}: {found} of {lost}");
    let held = PLANTED * (120 + 248);
    let found = more(Part::Reachable, "leaky") + more(Part::Reachable, "object leaky.Item");
    assert!(found.abs_diff(held) * 10 < held, "{python}: {found} of {held}");
}

/// Who asks for samples sees what the blocks hold.
fn check_samples(python: &Python, running: &Running, found: &Blocks) {
    let attached = Attached::attach(&Target::from_pid(running.pid())).unwrap();
    let samples = attached.samples(found);
    let of = |wanted: &dyn Fn(&BlockRow) -> bool| {
        let row = found.rows.iter().enumerate().filter(|(_, row)| wanted(row));
        let row = row.max_by_key(|(_, row)| row.blocks).unwrap().0;
        samples.iter().filter(move |sample| sample.row == row).collect::<Vec<_>>()
    };
    let texts = of(&unreachable(Allocator::Malloc, 40));
    assert_eq!(texts.len(), 3, "{python}");
    let is_text = |text: &&&Sample| text.bytes.starts_with(b"2008-09-08T22:47:31-07:00\0");
    // One of three may be another's block of that size.
    assert!(texts.iter().filter(is_text).count() >= 2, "{python}: {texts:?}");
    let kept = of(&held_in("kept", 120));
    assert!(kept.iter().all(|sample| sample.bytes.ends_with(b"xxxxxxxx")), "{python}: {kept:?}");
}

fn check_contents(python: &Python, found: &Blocks) {
    let largest = |is: &dyn Fn(&BlockRow) -> bool| {
        found.rows.iter().filter(|row| is(row)).max_by_key(|row| row.blocks).unwrap()
    };
    let text = largest(&unreachable(Allocator::Malloc, 40));
    assert_eq!((text.content, &text.holder), (Some(Content::Text), &None), "{python}");
    let zero = largest(&unreachable(Allocator::Pymalloc, 176));
    assert_eq!((zero.content, &zero.holder), (Some(Content::Zero), &None), "{python}");
    let ring = largest(&unreachable(Allocator::Malloc, 216));
    assert_eq!(ring.content, Some(Content::Code), "{python}");
    assert!(ring.holder.as_ref().unwrap().starts_with("leaky"), "{python}: {ring:?}");
    assert!(found.suspects.iter().any(|name| name.starts_with("leaky")), "{python}");
}

/// Blocks whose only pointer is not to their beginning are held by who has it, and objects that
/// nobody has a reference to are objects.
#[test]
fn unusual_pointers_count() {
    let folder = tempfile::tempdir().unwrap();
    for python in known() {
        if !build(&python, "native_leaky", folder.path()) {
            continue;
        }
        let mut running = start(&python, folder.path(), "import native_leaky\nhandles = []");
        let before = blocks(&running);
        for call in ["keep_inside", "keep_past", "keep_low", "keep_high", "keep_cookie"] {
            running.ask(&format!("native_leaky.{call}({PLANTED})"));
        }
        running.ask(&format!("native_leaky.lose_instances({PLANTED})"));
        running.ask(&format!("native_leaky.lose_objects({PLANTED})"));
        running.ask(&format!("handles.extend(native_leaky.addresses({PLANTED}))"));
        let looks = [before, blocks(&running)];
        let more = |what, is: &dyn Fn(&BlockRow) -> bool| assert_more(&python, what, &looks, is);
        more("pointers inside", &held_in("inside", 504));
        more("pointers past the end", &held_in("past", 520));
        more("marks in the lowest bits", &held_in("low", 536));
        more("marks in the highest bits", &held_in("high", 552));
        more("pointers behind a number", &held_in("cookie", 568));
        more("addresses kept as numbers", &held_by("object builtins.int", 616));
        more("instances that are lost", &unreachable(Allocator::Malloc, 584));
        let instance = |row: &&BlockRow| unreachable(Allocator::Malloc, 584)(row);
        let lost = looks[1].rows.iter().filter(instance).max_by_key(|row| row.blocks).unwrap();
        assert_eq!(lost.content, Some(Content::Code), "{python}");
        assert!(lost.holder.as_ref().unwrap().starts_with("native_leaky"), "{python}: {lost:?}");
        more("objects that are lost", &|row| row.state == State::Object && row.size_class == 2048);
        check_pointers(&python, &looks);
        running.ask("handles.clear()");
        let looks = [looks.into_iter().next_back().unwrap(), blocks(&running)];
        let lost = unreachable(Allocator::Malloc, 616);
        assert_more(&python, "addresses that nobody has any more", &looks, lost);
        assert!(running.is_running());
    }
}

/// What native blocks are while the program is held still, wherever it is.
fn look_frozen(running: &Running) -> Snapshot {
    let process = Target::from_pid(running.pid());
    let mut probe = PythonProbe::open(Default::default()).unwrap();
    let mut request = Request::new(process.clone(), &["blocks"]);
    let frozen = freeze(&process, Method::Auto, &Options::default()).unwrap();
    request.frozen = Some(frozen.frozen());
    let snapshot = probe.snapshot(&request).unwrap();
    frozen.release().unwrap();
    snapshot
}

/// Threads that never stop to take and give back blocks: each look has the heap in the middle of some
/// step. What was planted is told the same, and memory with advice to the kernel is read like all.
#[test]
fn a_heap_in_the_middle_of_its_work_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let known = known();
    for python in known.iter().step_by(known.len().div_ceil(2)).chain(known.last()) {
        if !build(python, "native_leaky", folder.path()) {
            continue;
        }
        let mut running = start(python, folder.path(), "import native_leaky");
        for call in ["keep_inside", "lose_instances", "keep_advised"] {
            running.ask(&format!("native_leaky.{call}({PLANTED})"));
        }
        running.ask("native_leaky.work(2)");
        for _ in 0..2 {
            let snapshot = look_frozen(&running);
            let blocks = snapshot.table(native_blocks::TABLE).unwrap();
            let text = |name, row| blocks.value(name, row).as_str().unwrap_or_default();
            let count = |state: &str, size, holder: &str| -> u64 {
                let is_one = |&row: &usize| {
                    text(native_blocks::STATE, row) == state
                        && blocks.value(native_blocks::SIZE_CLASS, row).as_u64() == Some(size)
                        && text(native_blocks::HOLDER, row).ends_with(holder)
                };
                let rows = (0..blocks.rows()).filter(is_one);
                rows.filter_map(|row| blocks.value(native_blocks::BLOCKS, row).as_u64()).sum()
            };
            for (what, blocks) in [
                ("pointers inside", count("reachable", 504, ".so:inside")),
                ("instances that are lost", count("unreachable", 584, "")),
                ("behind memory with advice", count("reachable", 600, "")),
            ] {
                let off = blocks.abs_diff(PLANTED);
                assert!(off <= PLANTED / 100, "{python}: {what}: {blocks}");
            }
        }
        assert!(running.is_running());
    }
}

/// Those of each kind are counted: what is said of a block rests on them.
fn check_pointers(python: &Python, looks: &[Blocks; 2]) {
    let more =
        |of: fn(&Pointed) -> u64| of(&looks[1].pointers).saturating_sub(of(&looks[0].pointers));
    for (what, more) in [
        ("inside", more(|p| p.inside)),
        ("past", more(|p| p.past)),
        ("marked", more(|p| p.marked) / 2),
    ] {
        println!("{python}: {what}: {more} more");
        assert!(more.abs_diff(PLANTED) < PLANTED / 10, "{python}: {what}: {more}");
    }
}

/// Arenas of the interpreter's allocator are no mappings of the interpreter beside it: they are
/// its own as far as nothing is in them, too.
fn check_arenas(python: &Python, found: &Blocks) {
    let is_interpreter = |row: &&PartRow| {
        row.part == Part::Mapped && row.name.starts_with(['p', 'l']) && row.name.contains("python")
    };
    let mapped: Vec<_> = found.private.iter().filter(is_interpreter).collect();
    let bytes: u64 = mapped.iter().map(|row| row.resident).sum();
    assert!(bytes < 256 << 10, "{python}: {mapped:#?}");
}

/// A program that only uses Python has next to no block that nothing points to, and what its
/// objects own is theirs.
#[test]
fn a_program_without_leaks_has_none() {
    const CODE: &str = "import collections, json, re, sqlite3, threading, decimal\n\
        data = [{'k%d' % i: [str(j) for j in range(i % 50)]} for i in range(20000)]\n\
        more = [set(range(i % 40)) for i in range(20000)]\n\
        ends = [collections.deque(range(i % 200)) for i in range(2000)]\n\
        raw = [bytearray(i) for i in range(2000)]\n\
        base = sqlite3.connect(':memory:')\n\
        lock = threading.Lock()\n\
        big = [bytes(100000) for i in range(50)]\n\
        print('ready')\ninput()";
    for python in known() {
        let running = Running::python(&python, CODE);
        let found = blocks(&running);
        let bytes = |state| {
            let rows = found.rows.iter().filter(move |row| row.state == state);
            rows.map(|row| row.bytes).sum::<u64>()
        };
        let [object, buffer, native, lost] =
            [State::Object, State::Buffer, State::Reachable, State::Unreachable].map(bytes);
        println!("{python}: objects {object}, buffers {buffer}, native {native}, lost {lost}");
        let all = object + buffer + native + lost;
        let largest: Vec<_> =
            found.rows.iter().filter(|row| row.state == State::Unreachable).take(8).collect();
        assert!(lost * 200 < all, "{python}: {lost} of {all}: {largest:#?}");
        assert!(buffer > 10 << 20, "{python}: {buffer}");
        assert!(object > 20 << 20, "{python}: {object}");
        check_arenas(&python, &found);
    }
}
