//! Native blocks that grow: those that nothing points to, and those that something holds.
//!
//! Blocks that are Python objects or buffers of them are other rules' business.

use std::collections::BTreeMap;

use diff::human;
use probe::tables::{census, native_blocks};
use probe::{Certainty, Finding, FindingKind, Snapshot, Table};

use super::group::{Group, by_key};
use super::merge::{Told, take_in};
use super::places::{Places, library_of};
use super::{Scene, about_bytes};
use crate::curve::GRAIN_BYTES;
use crate::footprint::number;

/// What explains less than this share of the growth is not worth a finding.
const LEAST_SHARE: f64 = 0.03;
/// At most so many findings of each kind.
const MOST: usize = 4;
/// Bytes that `malloc` adds to a block of its own.
const HEADER: u64 = 8;
/// Numbers of blocks and of objects keep in step if their growth differs by no more.
const APART: f64 = 0.2;
/// So many suspects fit into a sentence.
const FEW: usize = 3;
/// What holds the blocks of a row, where an object does.
const OBJECT: &str = "object ";
/// Objects that hold blocks only as numbers.
const NUMBER: &str = "builtins.int";

/// Blocks of one size that nothing points to, most bytes first.
pub(super) fn leaks(scene: &Scene<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for kept in scene.lanes.of(native_blocks::TABLE) {
        let looks = scene.recent(kept);
        let sizes = rows(looks, native_blocks::UNREACHABLE, |row| {
            (row.allocator, row.size_class, row.holder)
        });
        let mut rest = Columns::default();
        let mut others = 0;
        for ((allocator, size, library), columns) in sizes {
            if counts(scene, &columns) {
                let kind = Leaking { allocator: &allocator, size, library: &library };
                found.push(kind.finding(scene, &columns, looks));
            } else if columns.bytes.growth() > 0.0 {
                rest.add(&columns);
                others += 1;
            }
        }
        if counts(scene, &rest) {
            found.push(scattered(scene, &rest, others, looks));
        }
    }
    largest(found)
}

/// Blocks by who holds them, most bytes first. `told`: what was found about Python objects, to
/// which the native memory behind them belongs.
pub(super) fn growth(scene: &Scene<'_>, told: &mut [Told]) -> Vec<Finding> {
    let mut found = Vec::new();
    for kept in scene.lanes.of(native_blocks::TABLE) {
        let looks = scene.recent(kept);
        let holders = rows(looks, native_blocks::REACHABLE, |row| row.holder);
        let mut places: BTreeMap<String, Places> = BTreeMap::new();
        for (holder, columns) in holders {
            if !counts(scene, &columns) {
                if let Some(library) = library_of(&holder) {
                    places.entry(library.to_owned()).or_default().add(&holder, &columns);
                }
                continue;
            }
            let taken = |name| {
                let (bytes, blocks) = (columns.bytes.growth(), columns.blocks.growth());
                let all = objects(looks, scene, name);
                let each = all.is_some_and(|all| in_step(&columns.blocks, &all));
                take_in(told, name, (bytes, blocks, each), scene.growth)
            };
            if !holder.strip_prefix(OBJECT).is_some_and(taken) {
                let is_this = |name: &str| name == holder;
                found.push(holding(scene, &holder, &columns, (looks, &is_this)));
            }
        }
        let growing = places.into_iter().filter(|(_, places)| counts(scene, &places.columns));
        found.extend(growing.map(|(library, places)| places.finding(scene, &library, looks)));
    }
    largest(found)
}

fn largest(mut found: Vec<Finding>) -> Vec<Finding> {
    let bytes = |f: &Finding| f.growth.bytes.unwrap_or(0.0);
    found.sort_by(|a, b| bytes(b).total_cmp(&bytes(a)));
    found.truncate(MOST);
    found
}

/// A row of the table.
struct Row {
    allocator: String,
    size_class: u64,
    holder: String,
}

impl Row {
    fn of(table: &Table, row: usize, state: &str) -> Option<Self> {
        use native_blocks as t;
        let text = |name| table.value(name, row).as_str().map(str::to_owned);
        (text(t::STATE)? == state).then_some(())?;
        let size_class = table.value(t::SIZE_CLASS, row).as_u64()?;
        let holder = text(t::HOLDER).unwrap_or_default();
        Some(Self { allocator: text(t::ALLOCATOR)?, size_class, holder })
    }
}

/// Blocks and bytes of some rows over time.
#[derive(Default)]
pub(super) struct Columns {
    blocks: Group,
    bytes: Group,
}

impl Columns {
    pub(super) fn add(&mut self, other: &Self) {
        self.blocks.add(&other.blocks);
        self.bytes.add(&other.bytes);
    }
}

/// The rows of one state, summed.
fn rows<K: Ord + Clone>(
    looks: &[Snapshot],
    state: &str,
    key: impl Fn(Row) -> K,
) -> BTreeMap<K, Columns> {
    let column = |name: &str| {
        by_key(looks, native_blocks::TABLE, |table, row| {
            Some((key(Row::of(table, row, state)?), number(table, name, row)?))
        })
    };
    let mut blocks = column(native_blocks::BLOCKS);
    let bytes = column(native_blocks::RESIDENT).into_iter();
    let columns = bytes.map(|(key, bytes)| {
        let blocks = blocks.remove(&key).unwrap_or_default();
        (key, Columns { blocks, bytes })
    });
    columns.collect()
}

fn counts(scene: &Scene<'_>, columns: &Columns) -> bool {
    let least = (LEAST_SHARE * scene.growth).max(GRAIN_BYTES);
    columns.bytes.points.len() >= 2
        && columns.bytes.growth() >= least
        && columns.bytes.mostly_rises()
}

fn about(scene: &Scene<'_>, kind: FindingKind, columns: &Columns) -> Finding {
    let mut finding = about_bytes(kind, &columns.bytes, scene);
    finding.growth.objects = Some(columns.blocks.growth());
    finding.growth.objects_per_s = Some(columns.blocks.per_s());
    if kind == FindingKind::NativeLeak && finding.certainty == Certainty::Likely {
        finding.certainty = Certainty::Proved;
    }
    finding
}

/// Blocks that nothing points to.
struct Leaking<'a> {
    allocator: &'a str,
    size: u64,
    /// Where they point to; empty where that is not known.
    library: &'a str,
}

impl Leaking<'_> {
    fn subject(&self) -> String {
        let Self { allocator, size, library } = self;
        let is_exact = *size <= 1032;
        let size = match *allocator {
            native_blocks::MALLOC if is_exact => {
                format!("{size}-byte ({} with header)", size + HEADER)
            }
            _ if is_exact => format!("{size}-byte"),
            _ => format!("up to {size}-byte"),
        };
        let of =
            if library.is_empty() { String::new() } else { format!(" that lead to {library}") };
        format!("{size} blocks of {allocator}{of}")
    }

    fn finding(&self, scene: &Scene<'_>, columns: &Columns, looks: &[Snapshot]) -> Finding {
        let mut finding = about(scene, FindingKind::NativeLeak, columns);
        finding.subject = self.subject();
        finding.place = (!self.library.is_empty()).then(|| self.library.to_owned());
        let content = self.attribute(looks, native_blocks::CONTENT);
        let content = content.and_then(|content| contents(&content, self.library));
        finding.evidence = lost(&finding.subject, columns, content);
        let candidates = self.attribute(looks, native_blocks::CANDIDATES);
        finding.evidence.extend(candidates.as_deref().map(name_candidates));
        finding.advice = advice(self.library, candidates.as_deref());
        finding
    }

    /// A cell of this row at the last look.
    fn attribute(&self, looks: &[Snapshot], name: &str) -> Option<String> {
        let table = looks.last()?.table(native_blocks::TABLE)?;
        let is_this = |&row: &usize| {
            Row::of(table, row, native_blocks::UNREACHABLE).is_some_and(|found| {
                found.allocator == self.allocator
                    && found.size_class == self.size
                    && found.holder == self.library
            })
        };
        let row = (0..table.rows()).find(is_this)?;
        table.value(name, row).as_str().map(str::to_owned)
    }
}

fn lost(subject: &str, columns: &Columns, content: Option<String>) -> Vec<String> {
    let mut evidence = vec![
        columns.blocks.counted(subject),
        "no register, stack, variable, Python object or block that is in use points to them".into(),
        format!(
            "{} each, {} blocks per second",
            human::bytes(columns.bytes.growth() / columns.blocks.growth().max(1.0)),
            human::count(columns.blocks.per_s())
        ),
    ];
    evidence.extend(content);
    evidence
}

pub(super) fn name_candidates(names: &str) -> String {
    format!("libraries in the process that may have taken them: {names}")
}

fn advice(library: &str, candidates: Option<&str>) -> String {
    let whose = match candidates {
        _ if !library.is_empty() => library.to_owned(),
        Some(names) if names.split(", ").count() > FEW => "one of these libraries".into(),
        Some(names) => format!("one of these: {names}"),
        None => "C code".into(),
    };
    format!(
        "Memory that was taken and then lost: a missing free() or PyMem_Free(), most likely in \
         {whose}. Call the functions of a suspect one by one in a loop, and `memprobe check` each."
    )
}

/// Blocks of many sizes that nothing points to.
fn scattered(scene: &Scene<'_>, columns: &Columns, sizes: usize, looks: &[Snapshot]) -> Finding {
    let mut finding = about(scene, FindingKind::NativeLeak, columns);
    finding.subject = format!("native blocks of {sizes} sizes");
    finding.evidence = lost(&finding.subject, columns, None);
    let candidates = suspects(looks);
    finding.evidence.extend(candidates.map(name_candidates));
    finding.advice = advice("", candidates);
    finding
}

/// Libraries that may have lost something, where any block tells.
pub(super) fn suspects(looks: &[Snapshot]) -> Option<&str> {
    let table = looks.last()?.table(native_blocks::TABLE)?;
    (0..table.rows()).find_map(|row| table.value(native_blocks::CANDIDATES, row).as_str())
}

/// Looks, and which holders are meant.
pub(super) type Meant<'a> = (&'a [Snapshot], &'a dyn Fn(&str) -> bool);

/// Blocks that something holds.
pub(super) fn holding(
    scene: &Scene<'_>,
    holder: &str,
    columns: &Columns,
    meant: Meant<'_>,
) -> Finding {
    let mut finding = about(scene, FindingKind::NativeGrowth, columns);
    let of_type = holder.strip_prefix(OBJECT);
    let who = match of_type {
        Some(NUMBER) => "addresses that Python code keeps as int objects".into(),
        Some(name) => format!("{name} objects"),
        None if holder.is_empty() => "something that is not known".into(),
        None => holder.to_owned(),
    };
    finding.subject = format!("native blocks held by {who}");
    finding.place = (!holder.is_empty()).then(|| holder.to_owned());
    finding.evidence = vec![
        columns.bytes.grew(&format!("native memory that {who} lead to")),
        columns.blocks.counted("the number of these blocks"),
    ];
    finding.evidence.extend(main_size(meant));
    let counted = of_type.filter(|name| *name != NUMBER);
    finding.evidence.extend(counted.and_then(|name| {
        let group = objects(meant.0, scene, name)?;
        Some(group.counted(&format!("the number of {name} objects")))
    }));
    finding.evidence.extend(whose(meant).as_deref().map(name_candidates));
    finding.advice = match of_type {
        Some(name) => format!(
            "Native memory behind {name} objects grows: look for what is put into them, or done \
             with them, again and again, and for a way to clear, close or make them anew."
        ),
        None => format!(
            "Native memory behind {who} grows: a cache, registry or list of C code without a \
             bound. Look for a function of that library that clears it."
        ),
    };
    finding
}

/// Whose the blocks may be, where their holder does not tell.
fn whose((looks, is_meant): Meant<'_>) -> Option<String> {
    let table = looks.last()?.table(native_blocks::TABLE)?;
    let is_this = |row: usize| {
        let found = Row::of(table, row, native_blocks::REACHABLE);
        found.is_some_and(|found| is_meant(&found.holder))
    };
    let cell = |row| table.value(native_blocks::CANDIDATES, row).as_str();
    (0..table.rows()).filter(|&row| is_this(row)).find_map(cell).map(str::to_owned)
}

/// The size that grew most, and what these blocks hold.
fn main_size((looks, is_meant): Meant<'_>) -> Option<String> {
    let sizes = rows(looks, native_blocks::REACHABLE, |row| {
        is_meant(&row.holder).then_some((row.allocator, row.size_class))
    });
    let named = sizes.into_iter().filter_map(|(key, columns)| Some((key?, columns)));
    let ((allocator, size), columns) =
        named.max_by(|a, b| a.1.bytes.growth().total_cmp(&b.1.bytes.growth()))?;
    let kind = Leaking { allocator: &allocator, size, library: "" };
    let mut words = format!(
        "most of it in {}: {} more, {}",
        kind.subject(),
        human::count(columns.blocks.growth()),
        human::bytes(columns.bytes.growth())
    );
    let table = looks.last()?.table(native_blocks::TABLE)?;
    let is_this = |&row: &usize| {
        Row::of(table, row, native_blocks::REACHABLE).is_some_and(|found| {
            found.allocator == allocator && found.size_class == size && is_meant(&found.holder)
        })
    };
    let content = (0..table.rows())
        .find(is_this)
        .and_then(|row| contents(table.value(native_blocks::CONTENT, row).as_str()?, ""));
    if let Some(content) = content {
        words = format!("{words}; {content}");
    }
    Some(words)
}

/// What blocks hold, in words. `library`: where they lead to, where that is known.
fn contents(content: &str, library: &str) -> Option<String> {
    Some(match content {
        "zero" => "they hold nothing but zeros".into(),
        "text" => "they hold text".into(),
        "pointers" => "they hold pointers to other blocks".into(),
        "code pointer" if library.is_empty() => {
            "they begin with a pointer to code or a table of functions".into()
        }
        "code pointer" => {
            format!("they begin with a pointer to code or a table of functions of {library}")
        }
        _ => return None,
    })
}

/// Whether blocks became more as the objects did that hold them: each has its own, and is no
/// container of ever more.
fn in_step(blocks: &Group, objects: &Group) -> bool {
    let times = |group: &Group| {
        let first = group.points.first().map_or(0.0, |p| p.1);
        group.last() / first.max(1.0)
    };
    let (blocks, objects) = (times(blocks), times(objects));
    objects >= 1.0 + APART && (blocks / objects - 1.0).abs() <= APART
}

/// How many objects there are of a type that holds blocks.
fn objects(looks: &[Snapshot], scene: &Scene<'_>, name: &str) -> Option<Group> {
    let first = looks.first()?.target.pid;
    let kept = scene
        .lanes
        .of(census::TABLE)
        .find(|kept| kept.first().is_some_and(|snapshot| snapshot.target.pid == first))?;
    let mut groups = by_key(scene.recent(kept), census::TABLE, |table, row| {
        let is_this = table.value(census::TYPE, row).as_str() == Some(name);
        is_this.then_some(())?;
        Some(((), number(table, census::OBJECTS, row)?))
    });
    groups.remove(&())
}
