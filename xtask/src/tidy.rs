//! What no compiler checks: who may depend on whom, what must not be in the sources, whether
//! documents still fit the code.
//!
//! Every check takes what was read and returns what is wrong; none stops at the first problem.

mod documents;
mod graph;
mod manifests;
mod rules;
mod sources;
mod tree;

use std::fmt;
use std::path::Path;

use graph::Graph;
use tree::Tree;

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Name of the check.
    pub check: &'static str,
    /// File, `file:line` or crate.
    pub place: String,
    /// What is wrong and what to do.
    pub message: String,
}

impl Problem {
    pub(crate) fn new(
        check: &'static str,
        place: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self { check, place: place.into(), message: message.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} [{}]", self.place, self.message, self.check)
    }
}

/// Runs every check on the workspace at `root`.
///
/// # Errors
/// When the workspace cannot be read at all, with the reason.
pub fn check(root: &Path) -> Result<Vec<Problem>, String> {
    let tree = Tree::read(root)?;
    let graph = Graph::read(root)?;
    let mut problems = rules::check(&graph);
    problems.extend(manifests::check(&tree, &graph));
    problems.extend(sources::check(&tree));
    problems.extend(documents::check(&tree));
    Ok(problems)
}
