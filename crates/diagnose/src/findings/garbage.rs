//! Python objects that only reference cycles keep.

use probe::tables::{garbage, gc};
use probe::{Certainty, FindingKind, Snapshot, Step, Value};

use super::group::{Group, by_key};
use super::kinds::{TypeGrowth, named, ranked};
use super::merge::Told;
use super::{Scene, about_bytes};
use crate::curve::GRAIN_BYTES;
use crate::footprint::number;
use crate::lanes::Lanes;

/// What explains less than this share of the growth is not worth a finding.
const LEAST_SHARE: f64 = 0.03;

/// Cyclic garbage that took part in the growth, one finding for each process.
pub(super) fn find(scene: &Scene<'_>) -> Vec<Told> {
    let looks = scene.lanes.of(garbage::TABLE);
    looks.filter_map(|kept| of_process(scene, scene.recent(kept))).collect()
}

fn of_process(scene: &Scene<'_>, looks: &[Snapshot]) -> Option<Told> {
    let garbage = Garbage::of(scene.lanes, looks);
    let (bytes, objects) = (&garbage.bytes, &garbage.objects);
    let least = (LEAST_SHARE * scene.growth).max(GRAIN_BYTES);
    if bytes.points.len() < 2 || bytes.growth() < least {
        return None;
    }
    let types = types(looks);
    let cycle = cycle(looks);
    let subject = subject(&types, &cycle)?;
    let cause = &garbage.cause;
    let mut finding = about_bytes(FindingKind::CyclicGarbage, bytes, scene);
    finding.growth.objects = Some(objects.growth());
    finding.growth.objects_per_s = Some(objects.per_s());
    finding.subject = subject.to_owned();
    finding.place = cycle_text(&cycle);
    finding.certainty = cause.certainty(scene, bytes);
    finding.evidence = evidence(objects, &types, finding.place.as_deref(), cause);
    finding.advice = cause.advice();
    Some(Told { finding, types })
}

/// Cyclic garbage of a process over time.
pub(super) struct Garbage<'a> {
    bytes: Group,
    objects: Group,
    cause: Cause,
    gc: &'a [Snapshot],
}

impl<'a> Garbage<'a> {
    pub(super) fn of(lanes: &'a Lanes, looks: &[Snapshot]) -> Self {
        let sum = |column: &'static str| {
            by_key(looks, garbage::TABLE, |table, row| Some(((), number(table, column, row)?)))
                .remove(&())
                .unwrap_or_default()
        };
        let pid = looks.first().map(|look| look.target.pid);
        let is_of = |kept: &&[Snapshot]| kept.first().map(|look| look.target.pid) == pid;
        let gc = lanes.of(gc::TABLE).find(is_of).unwrap_or_default();
        let objects = sum(garbage::OBJECTS);
        let cause = Cause::of(gc, looks, objects.growth());
        Self { bytes: sum(garbage::BYTES), objects, cause, gc }
    }

    /// Bytes that the collector never takes.
    pub(super) fn lost(self) -> Group {
        match self.cause {
            Cause::Off | Cause::Frozen | Cause::Blocked(_) => self.bytes,
            Cause::ByHand | Cause::NotYet | Cause::Unknown => Group::default(),
        }
    }

    pub(super) fn growth(&self) -> f64 {
        self.bytes.growth()
    }

    /// By how much there were more at an earlier look than at the last, bytes.
    pub(super) fn taken(&self) -> f64 {
        let most = self.bytes.points.iter().map(|p| p.1).fold(0.0, f64::max);
        most - self.bytes.last()
    }

    /// Whether the collector takes it sooner or later: it is on, there are no more of them than
    /// may wait for a full collection, and full collections did not leave them where they were.
    pub(super) fn is_taken(&self) -> bool {
        let is_left = grew(self.gc, Some("2"), gc::COLLECTIONS) >= 2.0
            && grew(self.gc, None, gc::COLLECTED) < 0.5 * self.objects.growth();
        self.cause == Cause::NotYet
            && !is_left
            && self.objects.last() <= 2.0 * most_waiting(self.gc)
    }
}

/// By how much a counter of the collector grew: of one generation, or of all.
fn grew(gc: &[Snapshot], generation: Option<&str>, column: &'static str) -> f64 {
    let groups = by_key(gc, gc::TABLE, |table, row| {
        let name = table.value(gc::GENERATION, row).as_str()?;
        generation.is_none_or(|wanted| wanted == name).then_some(())?;
        Some(((), number(table, column, row)?))
    });
    groups.get(&()).map_or(0.0, Group::growth)
}

/// How many objects may wait for a full collection: as many as the thresholds let be made, and a
/// quarter of those that have survived one (`long_lived_pending`, `Modules/gcmodule.c`).
fn most_waiting(looks: &[Snapshot]) -> f64 {
    let Some(table) = looks.last().and_then(|look| look.table(gc::TABLE)) else { return 0.0 };
    let (mut made, mut objects) = (1.0, 0.0);
    for row in 0..table.rows() {
        objects += number(table, gc::OBJECTS, row).unwrap_or(0.0);
        made *= number(table, gc::THRESHOLD, row).unwrap_or(1.0).max(1.0);
    }
    made + objects / 4.0
}

/// Types with the growth of their bytes and objects, most bytes first.
fn types(looks: &[Snapshot]) -> Vec<TypeGrowth> {
    let by_type = |column: &'static str| {
        by_key(looks, garbage::TABLE, |table, row| {
            let name = table.value(garbage::TYPE, row).as_str()?.to_owned();
            Some((name, number(table, column, row)?))
        })
    };
    let objects = by_type(garbage::OBJECTS);
    let growth = |(name, bytes): (String, Group)| {
        let objects = objects.get(&name).map_or(0.0, Group::growth);
        TypeGrowth { name, bytes: bytes.growth(), objects }
    };
    ranked(by_type(garbage::BYTES).into_iter().map(growth))
}

/// The cycle that is shown, as an example.
fn cycle(looks: &[Snapshot]) -> Vec<Step> {
    let steps = attribute(looks, garbage::CYCLE);
    steps.and_then(|steps| serde_json::from_str(&steps).ok()).unwrap_or_default()
}

/// Whose cycles they are: of the types that grew and stand in the cycle, the program's own before
/// built-in ones; what merely hangs on it may have more bytes.
fn subject<'a>(types: &'a [TypeGrowth], cycle: &[Step]) -> Option<&'a str> {
    let is_in = |name: &str| cycle.iter().any(|step| step.type_name.as_deref() == Some(name));
    let grew = types.iter().filter(|growth| growth.objects > 0.0);
    let mut inside: Vec<&str> =
        grew.map(|growth| growth.name.as_str()).filter(|&name| is_in(name)).collect();
    inside.sort_by_key(|name| name.starts_with("builtins."));
    inside.first().copied().or(types.first().map(|growth| growth.name.as_str()))
}

/// A cycle with every step and what it leads to: `app.Node.parent -> app.Tree.nodes -> ...`.
fn cycle_text(cycle: &[Step]) -> Option<String> {
    let (first, rest) = cycle.split_first()?;
    let name = |step: &Step| step.name.clone().filter(|name| !name.is_empty());
    let kind = |step: &Step| step.type_name.clone().unwrap_or_else(|| step.kind.clone());
    let mut text = match name(first) {
        Some(name) => format!("{name} ({})", kind(first)),
        None => kind(first),
    };
    for step in rest {
        let via = name(step).unwrap_or_else(|| step.kind.clone());
        let via = if via.starts_with('[') { via } else { format!(".{via}") };
        text.push_str(&format!("{via} -> {}", kind(step)));
    }
    Some(text)
}

/// The newest value of a column of text, which is the same for all types.
fn attribute(looks: &[Snapshot], column: &str) -> Option<String> {
    let tables = looks.iter().rev().filter_map(|look| look.table(garbage::TABLE));
    tables
        .flat_map(|table| (0..table.rows()).map(move |row| (table, row)))
        .find_map(|(table, row)| table.value(column, row).as_str().map(Into::into))
}

/// Why the collector does not take it.
#[derive(Debug, PartialEq, Eq)]
enum Cause {
    /// It is switched off.
    Off,
    /// It is switched off, and the program has it run itself: what is there is newer than that.
    ByHand,
    /// Objects are set aside again and again, where it does not look.
    Frozen,
    /// A type in the cycle does not tell it what it refers to.
    Blocked(String),
    /// It has not come to it yet.
    NotYet,
    /// How it stands is not known.
    Unknown,
}

impl Cause {
    /// `objects`: by how many there were more in the end.
    fn of(gc: &[Snapshot], looks: &[Snapshot], objects: f64) -> Self {
        if let Some(by) = attribute(looks, garbage::BLOCKED_BY) {
            return Self::Blocked(by);
        }
        let table = gc.last().and_then(|look| look.table(gc::TABLE)).filter(|t| t.rows() > 0);
        let Some(table) = table else { return Self::Unknown };
        let young = (0..table.rows())
            .find(|&row| table.value(gc::GENERATION, row).as_str() == Some("0"))
            .and_then(|row| number(table, gc::THRESHOLD, row));
        let is_off = young == Some(0.0) || table.value(gc::ENABLED, 0) == Value::Bool(false);
        match table.value(gc::ENABLED, 0) {
            _ if is_off && grew(gc, Some("2"), gc::COLLECTIONS) > 0.0 => Self::ByHand,
            _ if is_off => Self::Off,
            Value::Bool(true) if objects > 0.0 && frozen(gc) >= 0.5 * objects => Self::Frozen,
            Value::Bool(true) => Self::NotYet,
            _ => Self::Unknown,
        }
    }

    /// Garbage that the collector will come to is no leak.
    fn certainty(&self, scene: &Scene<'_>, bytes: &Group) -> Certainty {
        match self {
            Self::NotYet | Self::Unknown | Self::ByHand => Certainty::Possible,
            _ if !bytes.is_steady() => Certainty::Possible,
            Self::Off | Self::Blocked(_) if scene.leak == Some(true) => Certainty::Proved,
            Self::Off | Self::Frozen | Self::Blocked(_) => Certainty::Likely,
        }
    }

    fn sentence(&self) -> String {
        match self {
            Self::Off => {
                "the collector is switched off (gc.disable(), or a threshold of 0)".into()
            }
            Self::ByHand => "the collector is switched off, and the program runs full collections \
                             itself: these are newer than the last"
                .into(),
            Self::Frozen => {
                "objects are set aside again and again (gc.freeze()), where the collector does not look"
                    .into()
            }
            Self::Blocked(by) => format!(
                "{by} does not tell the collector what it refers to, so a cycle through it is never \
                 found"
            ),
            Self::NotYet => "the collector is on and has not come to them yet".into(),
            Self::Unknown => "whether the collector is on is not known".into(),
        }
    }

    fn advice(&self) -> String {
        match self {
            Self::Off => "Switch the collector on again (gc.enable()), call gc.collect() where it \
                          suits, or break the cycle: use a weak reference for one of its steps."
                .into(),
            Self::Blocked(by) => format!(
                "Break the cycle by hand, or use a weak reference for what is given to {by}; a \
                 version of it with support for the collector mends it (Py_TPFLAGS_HAVE_GC, \
                 tp_traverse)."
            ),
            Self::Frozen => "Call gc.freeze() once, after gc.collect(); gc.unfreeze() gives the collector back \
                             what was set aside."
                .into(),
            Self::ByHand | Self::NotYet | Self::Unknown => {
                "Watch longer: it is no leak if a full collection takes them. If their number keeps \
                 rising over collections of the oldest generation, break the cycle."
                    .into()
            }
        }
    }
}

/// By how many objects that are set aside there were more in the end.
fn frozen(gc: &[Snapshot]) -> f64 {
    let groups = by_key(gc, gc::TABLE, |table, row| {
        (table.value(gc::GENERATION, row).as_str() == Some("permanent")).then_some(())?;
        Some(((), number(table, gc::OBJECTS, row)?))
    });
    groups.get(&()).map_or(0.0, Group::growth)
}

fn evidence(
    objects: &Group,
    types: &[TypeGrowth],
    cycle: Option<&str>,
    cause: &Cause,
) -> Vec<String> {
    let mut evidence = vec![
        objects.counted("objects that no root leads to"),
        format!("of these grew: {}", named(types).join(", ")),
        cause.sentence(),
    ];
    evidence.extend(cycle.map(|cycle| format!("a cycle, as an example: {cycle}")));
    evidence
}
