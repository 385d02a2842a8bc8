//! Where the interpreter's state has its free lists: one row per minor version, of distances from
//! the count of free floats, which comes first.
//!
//! Sources: `Include/internal/pycore_interp.h` (3.10), `pycore_{floatobject,tuple,list,context}.h`,
//! `pycore_genobject.h` and `pycore_dict.h` (3.11) or `pycore_dict_state.h` (3.12),
//! `pycore_freelist.h` (3.13), `pycore_freelist_state.h` (3.14 and up). A test compares them with
//! the headers of every Python of the machine. To 3.9 the lists are in static variables that no
//! symbol names.

use crate::version::Version;

/// One version's row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// The minor version: 11 for 3.11.
    pub minor: u32,
    /// Interpreter: the first of the lists. Other patch releases and builds may have it elsewhere;
    /// then it is looked for.
    pub base: u64,
    /// The lists.
    pub lists: Lists,
}

/// How a version keeps its lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lists {
    /// To 3.13: each kind in its own way, with an `int` that counts.
    Own {
        /// Twenty heads of lists of tuples.
        tuple_heads: u64,
        /// Twenty counts of tuples.
        tuples: u64,
        /// Items of the tuples in the first of those lists.
        first_tuple: u64,
        /// All others.
        others: &'static [Own],
    },
    /// From 3.14 on: pairs of a pointer and a count of a word each.
    Pairs {
        /// Those in front of the twenty of tuples.
        before_tuples: &'static [&'static str],
        /// Those behind.
        after_tuples: &'static [&'static str],
    },
}

/// A list that keeps itself in its own way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Own {
    /// What is kept.
    pub kind: &'static str,
    /// Its count.
    pub count: u64,
    /// The most that are kept.
    pub most: u64,
    /// Where the address of one that is kept stands, if any is.
    pub first: u64,
}

/// How many lists of tuples there are.
pub const TUPLES: u64 = 20;

const fn own(kind: &'static str, count: u64, most: u64, first: u64) -> Own {
    Own { kind, count, most, first }
}

const VALUES: &str = "async generator value";
const SENDS: &str = "async generator send";

/// Every version whose lists can be read, oldest first.
pub const RULES: [Rules; 6] = [
    Rules {
        minor: 10,
        base: 9776,
        lists: Lists::Own {
            tuple_heads: 24,
            tuples: 184,
            first_tuple: 0,
            others: &[
                own("float", 0, 100, 8),
                own("list", 904, 80, 264),
                own("dict", 1552, 80, 912),
                own("dict keys", 2200, 80, 1560),
                own("frame", 2216, 200, 2208),
                own(VALUES, 2864, 80, 2224),
                own(SENDS, 3512, 80, 2872),
                own("context", 3528, 255, 3520),
            ],
        },
    },
    Rules {
        minor: 11,
        base: 3608,
        lists: Lists::Own {
            tuple_heads: 24,
            tuples: 184,
            first_tuple: 1,
            others: &[
                own("float", 0, 100, 8),
                own("list", 904, 80, 264),
                own("dict", 1552, 80, 912),
                own("dict keys", 2200, 80, 1560),
                own(VALUES, 2848, 80, 2208),
                own(SENDS, 3496, 80, 2856),
                own("context", 3512, 255, 3504),
            ],
        },
    },
    Rules {
        minor: 12,
        base: 267_408,
        lists: Lists::Own {
            tuple_heads: 2424,
            tuples: 2584,
            first_tuple: 1,
            others: &[
                own("float", 0, 100, 8),
                own("list", 3304, 80, 2664),
                own("dict", 4608, 80, 3328),
                own("dict keys", 4612, 80, 3968),
                own(VALUES, 5320, 80, 4680),
                own(SENDS, 5968, 80, 5328),
                own("context", 5984, 255, 5976),
            ],
        },
    },
    Rules {
        minor: 13,
        base: 10_952,
        lists: Lists::Own {
            tuple_heads: 16,
            tuples: 176,
            first_tuple: 1,
            others: &[
                own("float", 0, 100, 8),
                own("list", 896, 80, 256),
                own("dict", 1544, 80, 904),
                own("dict keys", 2192, 80, 1552),
                own("context", 2216, 255, 2208),
                own(VALUES, 2864, 80, 2224),
                own(SENDS, 3512, 80, 2872),
            ],
        },
    },
    Rules {
        minor: 14,
        base: 11_120,
        lists: Lists::Pairs {
            before_tuples: &["float", "int"],
            after_tuples: &[
                "list",
                "list iterator",
                "tuple iterator",
                "dict",
                "dict keys",
                "slice",
                "range",
                "range iterator",
                "context",
                VALUES,
                SENDS,
                "future iterator",
                "object stack chunk",
                "text writer",
                "C function",
                "C method",
                "method",
            ],
        },
    },
    Rules {
        minor: 15,
        base: 11_096,
        lists: Lists::Pairs {
            before_tuples: &["float", "complex", "int"],
            after_tuples: &[
                "list",
                "list iterator",
                "tuple iterator",
                "dict",
                "dict keys",
                "slice",
                "range",
                "range iterator",
                "context",
                VALUES,
                SENDS,
                "future iterator",
                "object stack chunk",
                "text writer",
                "bytes writer",
                "C function",
                "C method",
                "method",
            ],
        },
    },
];

/// The row of a version; `None` where the lists cannot be found.
#[must_use]
pub fn rules(version: &Version) -> Option<&'static Rules> {
    RULES.iter().find(|rules| version.major == 3 && rules.minor == version.minor)
}
