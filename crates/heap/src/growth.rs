//! What grew between two summaries. The increase is explained, not the total.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::summary::{Path, Summary};
use crate::{Group, Sum};

/// A difference, later less earlier.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Objects; of containers: references.
    pub objects: i64,
    /// Own bytes.
    pub bytes: i64,
    /// Bytes that would be freed; own bytes where that was not asked.
    pub retained: i64,
}

/// A way of holding that grew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShapeGrowth {
    /// From a root to the objects.
    pub path: Path,
    /// By how much.
    pub change: Change,
}

/// A container that has more references than before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerGrowth {
    /// From a root to it.
    pub path: Path,
    /// Where it is.
    pub address: u64,
    /// References before and after.
    pub references: (u64, u64),
    /// Bytes that it alone holds, more than before.
    pub retained: i64,
    /// Its part of what it shares with others, more than before.
    pub shared: i64,
}

/// What changed. Lists begin with the largest increase, and say only what changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Growth {
    /// By type, decreases last.
    pub types: Vec<(Arc<str>, Change)>,
    /// Ways of holding by which more is held.
    pub shapes: Vec<ShapeGrowth>,
    /// Containers with more references.
    pub containers: Vec<ContainerGrowth>,
    /// Cyclic garbage by type.
    pub garbage: Vec<(Arc<str>, Change)>,
    /// Reference counts that nothing explains, by type and own bytes.
    pub excess: Vec<((Arc<str>, u64), Change)>,
}

impl Summary {
    /// What changed from one to the other. Objects are matched by type and path; containers by
    /// address, type and path together, because addresses are used again.
    #[must_use]
    pub fn diff(earlier: &Self, later: &Self) -> Growth {
        let excess = |summary: &Self| -> BTreeMap<(Arc<str>, u64), Sum> {
            summary.excess.iter().map(|(key, total)| (key.clone(), total.sum)).collect()
        };
        let shapes = changes(&earlier.shapes, &later.shapes, |group| *group);
        let shapes =
            shapes.into_iter().filter(|(_, change)| change.bytes > 0 || change.objects > 0);
        Growth {
            types: changes(&earlier.types, &later.types, plain),
            shapes: shapes.map(|(path, change)| ShapeGrowth { path, change }).collect(),
            containers: containers(&[earlier, later]),
            garbage: changes(&earlier.garbage, &later.garbage, plain),
            excess: changes(&excess(earlier), &excess(later), plain),
        }
    }

    /// Containers that never lost and at last have gained references, over a whole series.
    #[must_use]
    pub fn only_growing(series: &[&Self]) -> Vec<ContainerGrowth> {
        containers(series)
    }
}

impl Growth {
    /// The ways by which more objects of a type are held than before, most first.
    pub fn holders_of<'a>(&'a self, type_name: &'a str) -> impl Iterator<Item = &'a ShapeGrowth> {
        let ends = move |shape: &&ShapeGrowth| {
            shape.path.last().is_some_and(|step| &*step.type_name == type_name)
        };
        self.shapes.iter().filter(ends)
    }
}

fn plain(sum: &Sum) -> Group {
    Group { objects: sum.objects, bytes: sum.bytes, retained: sum.bytes }
}

fn less(later: u64, earlier: u64) -> i64 {
    let clamp = |value| i64::try_from(value).unwrap_or(i64::MAX);
    clamp(later).saturating_sub(clamp(earlier))
}

fn changes<K: Ord + Clone, V>(
    earlier: &BTreeMap<K, V>,
    later: &BTreeMap<K, V>,
    group: impl Fn(&V) -> Group,
) -> Vec<(K, Change)> {
    let keys = later.keys().chain(earlier.keys().filter(|key| !later.contains_key(key)));
    let change = |key: &K| {
        let of = |map: &BTreeMap<K, V>| map.get(key).map(&group).unwrap_or_default();
        let (before, after) = (of(earlier), of(later));
        Change {
            objects: less(after.objects, before.objects),
            bytes: less(after.bytes, before.bytes),
            retained: less(after.retained, before.retained),
        }
    };
    let mut changes: Vec<_> = keys.map(|key| (key.clone(), change(key))).collect();
    changes.retain(|(_, change)| *change != Change::default());
    // Stable: what is equal stays in the order of names.
    changes.sort_by_key(|(_, change)| std::cmp::Reverse((change.bytes, change.objects)));
    changes
}

fn containers(series: &[&Summary]) -> Vec<ContainerGrowth> {
    let (Some(first), Some(last)) = (series.first(), series.last()) else { return Vec::new() };
    let mut found = Vec::new();
    for (key, after) in &last.containers {
        let seen: Option<Vec<_>> = series
            .iter()
            .map(|summary| summary.containers.get(key).filter(|was| was.path == after.path))
            .collect();
        // A container that was short before is one that grew from a length that is not known.
        let born = series.len() == 2 && !first.containers.contains_key(key);
        let before = match &seen {
            Some(seen) if seen.windows(2).all(|pair| pair[0].references <= pair[1].references) => {
                (seen[0].references, seen[0].retained, seen[0].shared)
            }
            None if born => (0, 0, 0),
            _ => continue,
        };
        if after.references > before.0 {
            found.push(ContainerGrowth {
                path: Arc::clone(&after.path),
                address: key.0,
                references: (before.0, after.references),
                retained: less(after.retained, before.1),
                shared: less(after.shared, before.2),
            });
        }
    }
    let rank = |growth: &ContainerGrowth| {
        let share = growth.retained.saturating_add(growth.shared);
        std::cmp::Reverse((share, growth.references.1 - growth.references.0))
    };
    found.sort_by_key(rank);
    found
}
