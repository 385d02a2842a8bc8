//! Python objects that only reference cycles keep.

use probe::tables::{garbage, gc};
use probe::{Certainty, Finding, FindingKind, Snapshot, Step, Value, path_text};

use super::group::{Group, by_key};
use super::kinds::{TypeGrowth, named, ranked};
use super::{Scene, about_bytes};
use crate::curve::GRAIN_BYTES;
use crate::footprint::number;

/// What explains less than this share of the growth is not worth a finding.
const LEAST_SHARE: f64 = 0.03;

/// Cyclic garbage that took part in the growth, one finding for each process.
pub(super) fn find(scene: &Scene<'_>) -> Vec<Finding> {
    let looks = scene.lanes.of(garbage::TABLE);
    looks.filter_map(|kept| of_process(scene, scene.recent(kept))).collect()
}

fn of_process(scene: &Scene<'_>, looks: &[Snapshot]) -> Option<Finding> {
    let sum = |column: &'static str| {
        by_key(looks, garbage::TABLE, |table, row| Some(((), number(table, column, row)?)))
            .remove(&())
    };
    let (bytes, objects) = (sum(garbage::BYTES)?, sum(garbage::OBJECTS)?);
    let least = (LEAST_SHARE * scene.growth).max(GRAIN_BYTES);
    if bytes.points.len() < 2 || bytes.growth() < least {
        return None;
    }
    let types = types(looks);
    let subject = &types.first()?.name;
    let cause = Cause::of(scene, looks);
    let mut finding = about_bytes(FindingKind::CyclicGarbage, &bytes, scene);
    finding.growth.objects = Some(objects.growth());
    finding.growth.objects_per_s = Some(objects.per_s());
    finding.subject.clone_from(subject);
    finding.place = cycle(looks, subject);
    finding.certainty = cause.certainty(scene, &bytes);
    finding.evidence = evidence(&objects, &types, finding.place.as_deref(), &cause);
    finding.advice = cause.advice();
    Some(finding)
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

/// The cycle that is shown for a type, as a text.
fn cycle(looks: &[Snapshot], subject: &str) -> Option<String> {
    let steps = attribute(looks, garbage::CYCLE, |name| name == subject)
        .or_else(|| attribute(looks, garbage::CYCLE, |_| true))?;
    let steps: Vec<Step> = serde_json::from_str(&steps).ok()?;
    (!steps.is_empty()).then(|| path_text(&steps))
}

/// The newest value of a column of text, of a type that fits.
fn attribute(looks: &[Snapshot], column: &str, fits: impl Fn(&str) -> bool) -> Option<String> {
    let tables = looks.iter().rev().filter_map(|look| look.table(garbage::TABLE));
    tables
        .flat_map(|table| (0..table.rows()).map(move |row| (table, row)))
        .filter(|(table, row)| table.value(garbage::TYPE, *row).as_str().is_some_and(&fits))
        .find_map(|(table, row)| table.value(column, row).as_str().map(Into::into))
}

/// Why the collector does not take it.
enum Cause {
    /// It is switched off.
    Off,
    /// A type in the cycle does not tell it what it refers to.
    Blocked(String),
    /// It has not come to it yet.
    NotYet,
    /// How it stands is not known.
    Unknown,
}

impl Cause {
    fn of(scene: &Scene<'_>, looks: &[Snapshot]) -> Self {
        if let Some(by) = attribute(looks, garbage::BLOCKED_BY, |_| true) {
            return Self::Blocked(by);
        }
        let mut kept = scene.lanes.of(gc::TABLE);
        let table = kept.next().and_then(<[Snapshot]>::last).and_then(|look| look.table(gc::TABLE));
        match table.filter(|t| t.rows() > 0).map(|t| t.value(gc::ENABLED, 0)) {
            Some(Value::Bool(false)) => Self::Off,
            Some(Value::Bool(true)) => Self::NotYet,
            _ => Self::Unknown,
        }
    }

    /// Garbage that the collector will come to is no leak.
    fn certainty(&self, scene: &Scene<'_>, bytes: &Group) -> Certainty {
        let steady = scene.leak == Some(true) && bytes.rising() >= 0.8;
        match self {
            Self::Off | Self::Blocked(_) if steady => Certainty::Proved,
            Self::Off | Self::Blocked(_) => Certainty::Likely,
            Self::NotYet | Self::Unknown => Certainty::Possible,
        }
    }

    fn sentence(&self) -> String {
        match self {
            Self::Off => "the collector is switched off (gc.disable())".into(),
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
            Self::NotYet | Self::Unknown => {
                "Watch longer: it is no leak if a full collection takes them. If their number keeps \
                 rising over collections of the oldest generation, break the cycle."
                    .into()
            }
        }
    }
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
