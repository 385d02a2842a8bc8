//! Tables in which one row has a history, and the rule that reads each.

use probe::tables::{
    census, garbage, gc, handles, holders, malloc_arenas, mappings, native_blocks, private_memory,
    processes, refcounts,
};
use probe::{Column, FindingKind, Table, Unit, Values};

/// Process of which the tables are, and one of its children.
pub(super) const PID: u64 = 7;
const CHILD: u64 = 8;
/// A library that leaks beside the row.
pub(super) const CULPRIT: &str = "culprit.so+0x40";
/// Bytes of a block, of an object, of a thread's stack, and of what is opened with a handle.
const BLOCK: u64 = 248;
const OBJECT: u64 = 1000;
const STACK: u64 = 100_000;
const BEHIND_HANDLE: u64 = 20_000;
/// How the one step from a module to a list of objects is written.
const STEPS: &str = r#"[{"kind":"module global","name":"app.KEPT","type":"builtins.list"}]"#;
const MEMBER: &str = r#"[{"kind":"module global","name":"app.KEPT","type":"builtins.list"},{"kind":"value","name":"[*]","type":"app.Order"}]"#;

/// A row at a look.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Row {
    /// What it has.
    pub(super) bytes: u64,
    /// What it has given back so far.
    pub(super) given_back: u64,
    /// How often it gave something back.
    pub(super) times: u64,
}

/// How often a table is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pace {
    /// With the figures of the process.
    Always,
    /// Each two seconds.
    Often,
    /// At the start, in the middle and at the end.
    Rounds,
}

/// A rule, and the row that it is tried on.
#[derive(Clone, Copy)]
pub struct Rule {
    /// What it is, in a word or two.
    pub name: &'static str,
    pub(super) kind: FindingKind,
    /// What a finding about the row names, where others are of the same kind.
    pub(super) names: &'static str,
    pub(super) pace: Pace,
    /// Whether what the row has is memory of the process.
    pub(super) is_memory: bool,
    pub(super) tables: fn(Row) -> Vec<Table>,
}

impl Rule {
    /// Threads of the process: their stacks are what the row has.
    pub(super) fn threads(&self, row: Row) -> u64 {
        let is_threads = self.kind == FindingKind::ThreadGrowth;
        if is_threads { 1 + row.bytes / STACK } else { 1 }
    }
}

impl std::fmt::Debug for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.name)
    }
}

/// All of them.
pub const RULES: &[Rule] = &[
    rule("native-leak", FindingKind::NativeLeak, "", Pace::Rounds, lost),
    rule("native-growth", FindingKind::NativeGrowth, "fast.so", Pace::Rounds, held),
    rule("mapping: library", FindingKind::MappingGrowth, "fast.so", Pace::Rounds, mapped),
    rule("mapping: shared", FindingKind::MappingGrowth, "psm_", Pace::Often, shared),
    rule("thread-growth", FindingKind::ThreadGrowth, "", Pace::Always, |_| Vec::new()),
    Rule {
        is_memory: false,
        ..rule("handle-growth", FindingKind::HandleGrowth, "", Pace::Often, opened)
    },
    rule("child-growth", FindingKind::ChildGrowth, "", Pace::Always, child),
    rule("python: holder", FindingKind::PythonGrowth, "", Pace::Rounds, kept),
    rule("python: type", FindingKind::PythonGrowth, "", Pace::Rounds, counted),
    rule("garbage: gc off", FindingKind::CyclicGarbage, "", Pace::Rounds, |r| littered(r, false)),
    rule("garbage: gc on", FindingKind::CyclicGarbage, "", Pace::Rounds, |r| littered(r, true)),
    rule("refcount-leak", FindingKind::RefcountLeak, "", Pace::Rounds, referenced),
    rule("allocator-held", FindingKind::AllocatorHeld, "", Pace::Rounds, free),
];

const fn rule(
    name: &'static str,
    kind: FindingKind,
    names: &'static str,
    pace: Pace,
    tables: fn(Row) -> Vec<Table>,
) -> Rule {
    Rule { name, kind, names, pace, is_memory: true, tables }
}

fn level<const N: usize>(name: &str, unit: Unit, values: [u64; N]) -> Column {
    Column::level(name, unit, values.map(Some))
}

fn bytes<const N: usize>(name: &str, values: [u64; N]) -> Column {
    level(name, Unit::Bytes, values)
}

fn count<const N: usize>(name: &str, values: [u64; N]) -> Column {
    level(name, Unit::Count, values)
}

fn blocks(state: &str, holder: &str, blocks: u64) -> Table {
    use native_blocks as t;
    Table::new(
        t::TABLE,
        vec![
            Column::id_key(t::PID, [PID]),
            Column::text_key(t::ALLOCATOR, [t::MALLOC]),
            Column::id_key(t::SIZE_CLASS, [BLOCK]),
            Column::text_key(t::STATE, [state]),
            Column::text_key(t::HOLDER, [holder]),
            count(t::BLOCKS, [blocks]),
            bytes(t::RESIDENT, [blocks * BLOCK]),
            Column::text(t::CONTENT, [Some("other".to_owned())]),
            Column::text(t::CANDIDATES, [None]),
        ],
    )
}

/// What the library has that leaks beside the row.
pub(super) fn culprit(bytes: u64) -> Table {
    blocks(native_blocks::REACHABLE, CULPRIT, bytes / BLOCK)
}

fn lost(row: Row) -> Vec<Table> {
    vec![blocks(native_blocks::UNREACHABLE, "", row.bytes / BLOCK)]
}

fn held(row: Row) -> Vec<Table> {
    vec![blocks(native_blocks::REACHABLE, "fast.so+0x40", row.bytes / BLOCK)]
}

fn mapped(row: Row) -> Vec<Table> {
    use private_memory as t;
    vec![Table::new(
        t::TABLE,
        vec![
            Column::id_key(t::PID, [PID]),
            Column::text_key(t::PART, [t::MAPPED]),
            Column::text_key(t::NAME, ["fast.so+0x40"]),
            count(t::COUNT, [1]),
            bytes(t::RESIDENT, [row.bytes]),
        ],
    )]
}

fn shared(row: Row) -> Vec<Table> {
    use mappings as t;
    vec![Table::new(
        t::TABLE,
        vec![
            Column::id_key(t::PID, [PID]),
            Column::text_key(t::KIND, [t::SHARED]),
            Column::text_key(t::NAME, ["/dev/shm/psm_1a2b"]),
            bytes(t::RSS, [row.bytes]),
        ],
    )]
}

/// A process; the parent of its child, if it has one.
pub(super) fn process(pid: u64, bytes: f64, threads: u64) -> Table {
    use processes as t;
    Table::new(
        t::TABLE,
        vec![
            Column::id_key(t::PID, [pid]),
            self::bytes(t::RSS_ANON, [bytes as u64]),
            count(t::THREADS, [threads]),
        ],
    )
}

fn child(row: Row) -> Vec<Table> {
    vec![process(CHILD, row.bytes as f64, 1)]
}

fn opened(row: Row) -> Vec<Table> {
    use handles as t;
    vec![Table::new(
        t::TABLE,
        vec![
            Column::id_key(t::PID, [PID]),
            Column::text_key(t::KIND, ["file"]),
            count(t::COUNT, [row.bytes / BEHIND_HANDLE]),
            Column::text(t::EXAMPLE, [None]),
        ],
    )]
}

fn counted(row: Row) -> Vec<Table> {
    use census as t;
    vec![Table::new(
        t::TABLE,
        vec![
            Column::id_key(t::PID, [PID]),
            Column::text_key(t::TYPE, ["app.Order"]),
            count(t::OBJECTS, [row.bytes / OBJECT]),
            bytes(t::BYTES_ALLOCATED, [row.bytes]),
        ],
    )]
}

fn kept(row: Row) -> Vec<Table> {
    use holders as t;
    let objects = row.bytes / OBJECT;
    vec![Table::new(
        t::TABLE,
        vec![
            Column::id_key(t::PID, [PID, PID]),
            Column::text_key(t::PATH, ["app.KEPT", "app.KEPT[*]"]),
            count(t::OBJECTS, [1, objects]),
            bytes(t::BYTES, [8 * objects, row.bytes]),
            Column::text(t::STEPS, [STEPS, MEMBER].map(|steps| Some(steps.to_owned()))),
        ],
    )]
}

/// `is_on`: the collector. Where it is off, what is given back is by the program's own calls.
fn littered(row: Row, is_on: bool) -> Vec<Table> {
    let none: [&str; 0] = [];
    let held = Table::new(
        holders::TABLE,
        vec![
            Column::id_key(holders::PID, []),
            Column::text_key(holders::PATH, none),
            bytes(holders::BYTES, []),
            Column::text(holders::STEPS, []),
        ],
    );
    use garbage as t;
    let garbage = Table::new(
        t::TABLE,
        vec![
            Column::id_key(t::PID, [PID]),
            Column::text_key(t::TYPE, ["app.Node"]),
            count(t::OBJECTS, [row.bytes / OBJECT]),
            bytes(t::BYTES, [row.bytes]),
            Column::text(t::CYCLE, [None]),
            Column::text(t::BLOCKED_BY, [None]),
        ],
    );
    let mut enabled = Column::text(gc::ENABLED, [None]);
    enabled.values = Values::Bool(vec![Some(is_on); 3]);
    let counter = |name, last| Column::counter(name, Unit::Count, [Some(0), Some(0), Some(last)]);
    let collector = Table::new(
        gc::TABLE,
        vec![
            Column::text_key(gc::GENERATION, ["0", "1", "2"]),
            enabled,
            count(gc::THRESHOLD, [700, 10, 10]),
            count(gc::OBJECTS, [500, 1000, 200_000]),
            counter(gc::COLLECTIONS, row.times),
            counter(gc::COLLECTED, row.given_back / OBJECT),
        ],
    );
    vec![held, garbage, collector]
}

fn referenced(row: Row) -> Vec<Table> {
    use refcounts as t;
    let objects = row.bytes / OBJECT;
    vec![Table::new(
        t::TABLE,
        vec![
            Column::id_key(t::PID, [PID]),
            Column::text_key(t::TYPE, ["builtins.list"]),
            count(t::OBJECTS, [objects]),
            count(t::UNREFERENCED, [objects]),
            count(t::REFERENCES, [objects]),
            bytes(t::BYTES, [row.bytes]),
            count(t::HELD_OBJECTS, [0]),
            bytes(t::HELD_BYTES, [0]),
        ],
    )]
}

fn free(row: Row) -> Vec<Table> {
    use malloc_arenas as t;
    vec![Table::new(
        t::TABLE,
        vec![
            Column::id_key(t::PID, [PID]),
            Column::id_key(t::ARENA, [0x1000]),
            Column::text_key(t::KIND, ["main"]),
            bytes(t::FREE_RESIDENT, [row.bytes]),
        ],
    )]
}
