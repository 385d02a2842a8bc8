//! The graph of objects as tables of a capture: columns go to files and come back equal.
//!
//! [`write_with_ways`] adds the ways in which objects are held, from which [`Lookup`] answers who
//! holds what without the graph.
//!
//! Nine tables: `objects` (ascending by address; `references` says how many rows of `edges` are
//! its own, in order), `edges`, `types`, `labels`, `roots`, `root_edges`, `names`, `slot_names`
//! and `adjustments`. Objects, types, labels and roots are numbered by their rows, from 0.

mod lookup;
mod read;
mod rows;
mod ways;
mod write;

use heap::{How, RootKind, Strength};

pub use lookup::{Found, Lookup, OfType};
pub use read::{has_graph, read};
pub use write::{write, write_with_ways};

/// Tables of the ways in which objects are held: not needed for the graph.
pub const WAYS: [&str; 3] = ["held", "shapes", "type_sums"];
/// The table of short contents, of captures for which they were asked.
pub const VALUES: &str = "values";

/// The tables that together are a graph.
pub const TABLES: [&str; 9] = [
    "objects",
    "edges",
    "types",
    "labels",
    "roots",
    "root_edges",
    "names",
    "slot_names",
    "adjustments",
];

/// What `names.kind` says of a name in code.
const TEXT: &str = "text";
/// What `names.kind` says of what an object is called.
const OWN_NAME: &str = "own name";

/// The word for a way of referring, one for each.
fn how_word(how: How) -> &'static str {
    if how == How::Namespace { "namespace" } else { how.word() }
}

fn how(word: &str) -> Option<How> {
    How::ALL.into_iter().find(|&how| how_word(how) == word)
}

fn strength(word: &str) -> Option<Strength> {
    Strength::ALL.into_iter().find(|strength| strength.word() == word)
}

fn root_kind(word: &str) -> Option<RootKind> {
    RootKind::ALL.into_iter().find(|kind| kind.word() == word)
}
