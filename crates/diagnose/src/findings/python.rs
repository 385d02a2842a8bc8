//! Which types of Python objects grow.

use diff::human;
use probe::tables::census;
use probe::{FindingKind, Table};

use super::group::{Group, by_key};
use super::kinds::TypeGrowth;
use super::merge::{Told, left_of, take_in_rest};
use super::{Scene, about_bytes};
use crate::curve::GRAIN_BYTES;
use crate::footprint::number;

/// What explains less than this share of the growth is not worth a finding.
const LEAST_SHARE: f64 = 0.03;
/// At most so many types are named.
const MOST: usize = 5;

/// Types that took part in the growth, most bytes first, less what is told of them already.
pub(super) fn find(scene: &Scene<'_>, told: &mut [Told]) -> Vec<Told> {
    let mut found = Vec::new();
    for kept in scene.lanes.of(census::TABLE) {
        let looks = scene.recent(kept);
        let by_type = |measure: fn(&Table, usize) -> Option<f64>| {
            by_key(looks, census::TABLE, |table, row| {
                let name = table.value(census::TYPE, row).as_str()?;
                let named = name != census::OTHERS;
                named.then_some(())?;
                Some((name.to_owned(), measure(table, row)?))
            })
        };
        let objects = by_type(|table, row| number(table, census::OBJECTS, row));
        for (name, bytes) in by_type(taken) {
            if let Some(objects) = objects.get(&name)
                && counts(scene, &bytes, objects)
            {
                found.extend(growing(scene, told, name, &bytes, objects));
            }
        }
    }
    let bytes = |told: &Told| told.finding.growth.bytes.unwrap_or(0.0);
    found.sort_by(|a, b| bytes(b).total_cmp(&bytes(a)));
    found.truncate(MOST);
    found
}

/// Own blocks and the buffers that belong to the objects alone.
fn taken(table: &Table, row: usize) -> Option<f64> {
    let own = number(table, census::BYTES_ALLOCATED, row)?;
    Some(own + number(table, census::BYTES_BUFFERS, row).unwrap_or(0.0))
}

fn least(scene: &Scene<'_>) -> f64 {
    (LEAST_SHARE * scene.growth).max(GRAIN_BYTES)
}

fn counts(scene: &Scene<'_>, bytes: &Group, objects: &Group) -> bool {
    bytes.points.len() >= 2 && bytes.growth() >= least(scene) && objects.growth() > 0.0
}

fn growing(
    scene: &Scene<'_>,
    told: &mut [Told],
    name: String,
    bytes: &Group,
    objects: &Group,
) -> Option<Told> {
    let left = left_of(told, &name, bytes.growth(), objects.growth());
    if left.0 < least(scene) || take_in_rest(told, &name, left, objects.growth(), scene.growth) {
        return None;
    }
    let each = bytes.growth() / objects.growth();
    let mut finding = about_bytes(FindingKind::PythonGrowth, bytes, scene);
    let part = left.0 / bytes.growth();
    finding.growth.objects = Some(left.1);
    finding.growth.objects_per_s = Some(objects.per_s() * left.1 / objects.growth());
    finding.growth.bytes = Some(left.0);
    finding.growth.bytes_per_s = finding.growth.bytes_per_s.map(|rate| rate * part);
    finding.share = finding.share.map(|share| share * part);
    finding.evidence = vec![
        objects.counted(&format!("live objects of type {name}")),
        format!("{} each, with the buffers that belong to them", human::bytes(each)),
    ];
    finding.advice = format!(
        "Look for where {name} objects are kept: a cache, registry or list without a bound. \
         No single holder of them stands out."
    );
    if part < 1.0 {
        let rest = bytes.growth() - left.0;
        finding
            .evidence
            .push(format!("another {} of this type is told by other findings", human::bytes(rest)));
    }
    let types = vec![TypeGrowth { name: name.clone(), bytes: left.0, objects: left.1 }];
    finding.subject = name;
    Some(Told { finding, types })
}
