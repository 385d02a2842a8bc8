//! Who holds whom in a made graph.

/// What graph to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// 2.5 edges per object, three fifths to neighbours and two fifths to anywhere: more scattered
    /// than a real heap.
    Mixed,
    /// As in a heap of a program: records in a list and an index, each an instance with a string, a
    /// float and a dict of a number and a list; they share keys, a class and each other.
    Records,
    /// Each object holds the next.
    LinkedList,
    /// One object holds all others, as keys and values.
    OneDict,
    /// All objects hold the first.
    OneTarget,
    /// Each object holds a string and the next: lists in lists.
    Nested,
    /// Each object holds the next, one far before and one far behind.
    BackEdges,
    /// A long list whose last object holds all others; the first holds them too, but later.
    DeepShared,
    /// As mixed; every tenth object is held by a root of its own.
    ManyRoots,
}

/// Objects of one record.
const FIELDS: u32 = 10;
/// Objects of a made heap that belong to no record.
const SHARED: u32 = 16;

impl Kind {
    /// Every kind, with the word for it.
    pub const ALL: [(&'static str, Self); 9] = [
        ("mixed", Self::Mixed),
        ("records", Self::Records),
        ("linked-list", Self::LinkedList),
        ("one-dict", Self::OneDict),
        ("one-target", Self::OneTarget),
        ("nested", Self::Nested),
        ("back-edges", Self::BackEdges),
        ("deep-shared", Self::DeepShared),
        ("many-roots", Self::ManyRoots),
    ];

    /// The edges of an object, as targets and labels.
    pub(crate) fn edges(
        self,
        object: u32,
        count: u32,
        random: &mut Random,
        mut edge: impl FnMut(u32, u8),
    ) {
        match self {
            Self::Mixed | Self::ManyRoots => {
                edge(object.saturating_add(1 + random.below(64)), 0);
                edge(random.below(count), 1);
                if object.is_multiple_of(2) {
                    edge(object.saturating_sub(random.below(1000)), 0);
                }
            }
            Self::Records => record(object, count, random, edge),
            Self::LinkedList if object + 1 < count => edge(object + 1, 1),
            Self::OneDict if object == 0 => (1..count).for_each(|at| edge(at, 2 + (at % 2) as u8)),
            Self::OneTarget => edge(0, 0),
            Self::Nested if object + 2 < count && object.is_multiple_of(2) => {
                edge(object + 2, 0);
                edge(object + 1, 0);
            }
            Self::BackEdges => {
                edge(object.saturating_add(1), 1);
                edge(object - random.below(object + 1), 0);
                edge(object.saturating_add(random.below(count - object)), 0);
            }
            Self::DeepShared => deep(object, count, edge),
            Self::LinkedList | Self::OneDict | Self::Nested => {}
        }
    }

    /// Which root holds which object.
    pub(crate) fn roots(self, count: u32) -> Vec<(u32, u32)> {
        let spread = |place: u32| (u64::from(place) * u64::from(count) / 1000) as u32;
        match self {
            Self::Mixed => {
                (0..1000).map(|place| (u32::from(place % 10 > 0), spread(place))).collect()
            }
            Self::OneTarget => {
                (0..count).map(|object| (u32::from(object % 10 > 0), object)).collect()
            }
            Self::ManyRoots => (0..count / 10).map(|root| (root, root * 10)).collect(),
            _ => vec![(0, 0)],
        }
    }

    /// The number of a type.
    pub(crate) fn type_of(self, object: u32, count: u32, random: &mut Random) -> u32 {
        match self {
            Self::Records if object >= SHARED => field(object, count).0,
            Self::Records => FIELDS + object,
            Self::Mixed | Self::ManyRoots => random.below(u32::MAX),
            _ => 0,
        }
    }
}

/// Which field of which record an object is. Fields of a size lie side by side, as in pools.
fn field(object: u32, count: u32) -> (u32, u32) {
    let records = records(count);
    ((object - SHARED) / records, (object - SHARED) % records)
}

fn records(count: u32) -> u32 {
    (count.saturating_sub(SHARED) / FIELDS).max(1)
}

/// Object 0 is a module's namespace, 1 a list of all records, 2 an index by name, 3 their class;
/// strings and numbers that all share follow.
fn record(object: u32, count: u32, random: &mut Random, mut edge: impl FnMut(u32, u8)) {
    let all = records(count);
    let at = |field: u32, record: u32| SHARED + field * all + record;
    match object {
        0 => (1..SHARED).for_each(|shared| edge(shared, 2 + (shared % 2) as u8)),
        1 => (0..all).for_each(|record| edge(at(0, record), 0)),
        2 => (0..all).for_each(|record| {
            edge(at(1, record), 2);
            edge(at(0, record), 3);
        }),
        _ if object < SHARED => {}
        _ => {
            let (field, record) = field(object, count);
            let ends: &[(u32, u8)] = match field {
                0 => &[
                    (3, 1),
                    (4 + random.below(4), 1),
                    (at(1, record), 1),
                    (at(2, record), 1),
                    (at(3, record), 1),
                    (at(0, random.below(record + 1)), 1),
                ],
                3 => &[(8, 2), (at(4, record), 3), (9, 2), (at(5, record), 3)],
                5 => &[(at(6, record), 0), (at(7, record), 0), (at(0, record), 0)],
                7 => &[(at(8, record), 0), (at(9, record), 0), (10, 0)],
                _ => &[],
            };
            ends.iter().for_each(|&(target, label)| edge(target, label));
        }
    }
}

fn deep(object: u32, count: u32, mut edge: impl FnMut(u32, u8)) {
    let end = count / 2;
    if object + 1 < end {
        edge(object + 1, 1);
    }
    if object == 0 || object + 1 == end {
        (end..count).for_each(|target| edge(target, 0));
    }
}

/// A random sequence: Marsaglia's xorshift.
pub(crate) struct Random(u64);

impl Default for Random {
    fn default() -> Self {
        Self(0x9e37_79b9_7f4a_7c15)
    }
}

impl Random {
    pub(crate) fn below(&mut self, limit: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (((self.0 >> 32) * u64::from(limit)) >> 32) as u32
    }
}
