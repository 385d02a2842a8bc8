//! The graph of objects as tables of a capture: columns go to files and come back equal.
//!
//! Nine tables: `objects` (ascending by address; `references` says how many rows of `edges` are
//! its own, in order), `edges`, `types`, `labels`, `roots`, `root_edges`, `names`, `slot_names`
//! and `adjustments`. Objects, types, labels and roots are numbered by their rows, from 0.

mod read;
mod write;

use heap::{How, RootKind, Strength};

pub use read::{has_graph, read};
pub use write::write;

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
