//! Python objects with references that nothing accounts for.

use std::collections::BTreeMap;

use diff::human;
use probe::tables::{native_blocks, refcounts};
use probe::{Certainty, Finding, FindingKind, Snapshot};

use super::group::{Group, by_key};
use super::kinds::TypeGrowth;
use super::merge::Told;
use super::{Scene, about_bytes, native};
use crate::curve::GRAIN_BYTES;
use crate::footprint::number;

/// What explains less than this share of the growth is not worth a finding.
const LEAST_SHARE: f64 = 0.03;
/// At most so many types are named.
const MOST: usize = 4;
/// Where no pointer exists to so few of them, native memory may own all.
const KEPT: f64 = 0.05;
/// Where no pointer exists to so many of them, that is what they are.
const UNREFERENCED: f64 = 0.95;

/// Types whose objects get ever more such references, most bytes first.
pub(super) fn find(scene: &Scene<'_>) -> Vec<Told> {
    let mut found = Vec::new();
    for kept in scene.lanes.of(refcounts::TABLE) {
        let looks = scene.recent(kept);
        for (name, columns) in types(looks) {
            if counts(scene, &columns) {
                let types = vec![TypeGrowth {
                    name: name.clone(),
                    bytes: columns.own.growth(),
                    objects: columns.objects.growth(),
                }];
                let refers_to = refers_to(looks, &name);
                found.push(Told { finding: finding(scene, name, &columns, refers_to), types });
            }
        }
    }
    let bytes = |told: &Told| told.finding.growth.bytes.unwrap_or(0.0);
    found.sort_by(|a, b| bytes(b).total_cmp(&bytes(a)));
    found.truncate(MOST);
    found
}

/// The columns of a type over time.
#[derive(Default)]
struct Columns {
    objects: Group,
    unreferenced: Group,
    references: Group,
    own: Group,
    held_objects: Group,
    held: Group,
}

impl Columns {
    /// What would go if the references were given back.
    fn bytes(&self) -> Group {
        let mut bytes = self.own.clone();
        bytes.add(&self.held);
        bytes
    }
}

fn types(looks: &[Snapshot]) -> BTreeMap<String, Columns> {
    let mut types: BTreeMap<String, Columns> = BTreeMap::new();
    let mut read = |column: &'static str, place: fn(&mut Columns) -> &mut Group| {
        let groups = by_key(looks, refcounts::TABLE, |table, row| {
            let name = table.value(refcounts::TYPE, row).as_str()?.to_owned();
            Some((name, number(table, column, row)?))
        });
        for (name, group) in groups {
            *place(types.entry(name).or_default()) = group;
        }
    };
    read(refcounts::OBJECTS, |c| &mut c.objects);
    read(refcounts::UNREFERENCED, |c| &mut c.unreferenced);
    read(refcounts::REFERENCES, |c| &mut c.references);
    read(refcounts::BYTES, |c| &mut c.own);
    read(refcounts::HELD_OBJECTS, |c| &mut c.held_objects);
    read(refcounts::HELD_BYTES, |c| &mut c.held);
    types
}

fn counts(scene: &Scene<'_>, columns: &Columns) -> bool {
    let least = (LEAST_SHARE * scene.growth).max(GRAIN_BYTES);
    columns.objects.points.len() >= 2
        && columns.objects.growth() > 0.0
        && columns.objects.mostly_rises()
        && columns.bytes().growth() >= least
}

/// What most of a type's objects refer to at the last look.
fn refers_to(looks: &[Snapshot], name: &str) -> Option<String> {
    let table = looks.last()?.table(refcounts::TABLE)?;
    let is_this = |&row: &usize| table.value(refcounts::TYPE, row).as_str() == Some(name);
    let row = (0..table.rows()).find(is_this)?;
    table.value(refcounts::REFERS_TO, row).as_str().map(str::to_owned)
}

fn finding(
    scene: &Scene<'_>,
    name: String,
    columns: &Columns,
    refers_to: Option<String>,
) -> Finding {
    let bytes = columns.bytes();
    let mut finding = about_bytes(FindingKind::RefcountLeak, &bytes, scene);
    finding.growth.objects = Some(columns.objects.growth());
    finding.growth.objects_per_s = Some(columns.objects.per_s());
    let alone = columns.unreferenced.growth() >= UNREFERENCED * columns.objects.growth();
    if alone && finding.certainty == Certainty::Likely {
        finding.certainty = Certainty::Proved;
    }
    finding.evidence = evidence(&name, columns, &bytes, alone);
    finding.evidence.extend(refers_to.map(|what| format!("most of them refer to {what}")));
    let mut native = scene.lanes.of(native_blocks::TABLE);
    let suspects = native.find_map(native::suspects);
    finding.evidence.extend(suspects.map(native::name_candidates));
    finding.advice = advice(&name, columns);
    finding.subject = name;
    finding
}

fn advice(name: &str, columns: &Columns) -> String {
    // Where native memory points to all of them, a list or pool of C code may own them.
    let may_be_kept = columns.unreferenced.growth() <= KEPT * columns.objects.growth();
    let what = if may_be_kept {
        format!(
            "C code keeps {name} objects in a list, cache or pool of its own that gets longer, or \
             takes references to them and does not give them back (a missing Py_DECREF)."
        )
    } else {
        format!(
            "C code takes references to {name} objects and does not give them back (a missing \
             Py_DECREF)."
        )
    };
    format!(
        "{what} Look for the extension that makes or is given them: call its functions one by one in \
         a loop, and `memprobe check` each."
    )
}

fn evidence(name: &str, columns: &Columns, bytes: &Group, alone: bool) -> Vec<String> {
    let mut evidence = vec![
        columns
            .objects
            .counted(&format!("{name} objects with more references than the process accounts for")),
        format!(
            "{} references too many, {} for each of them",
            human::count(columns.references.growth()),
            human::bytes(bytes.growth() / columns.objects.growth())
        ),
    ];
    evidence.push(if alone {
        "no pointer to them exists anywhere in the memory of the process".into()
    } else {
        let unreferenced = columns.unreferenced.growth().max(0.0);
        format!(
            "to {} of them no pointer exists anywhere in the process; to the others only native \
             memory has some, which may be stale",
            human::count(unreferenced)
        )
    });
    if columns.held_objects.growth() > 0.0 {
        evidence.push(format!(
            "they alone keep {} other objects, {}",
            human::count(columns.held_objects.growth()),
            human::bytes(columns.held.growth())
        ));
    }
    evidence
}
