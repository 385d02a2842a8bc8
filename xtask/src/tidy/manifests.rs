//! What every crate says about itself, and what no profile may say.

use super::{Graph, Problem, Tree};

/// Compares the manifests with what they must and must not say.
pub(crate) fn check(tree: &Tree, graph: &Graph) -> Vec<Problem> {
    let mut problems = described(graph);
    problems.extend(kept(tree, graph));
    problems.extend(unwinds(tree));
    problems
}

/// Who looks a crate up finds what it is, under which terms, for which compiler.
fn described(graph: &Graph) -> Vec<Problem> {
    let mut problems = Vec::new();
    for member in &graph.members {
        let facts = [
            ("description", &member.description),
            ("license", &member.license),
            ("rust-version", &member.rust_version),
        ];
        for (name, fact) in facts {
            if fact.as_deref().is_none_or(|text| text.trim().is_empty()) {
                let message = format!("the package has no `{name}`");
                problems.push(Problem::new("manifest", &member.manifest, message));
            }
        }
    }
    problems
}

/// A crate that git ignores is not in a clone, and nothing here would show it.
fn kept(tree: &Tree, graph: &Graph) -> Vec<Problem> {
    let lost = graph.members.iter().filter(|member| !tree.paths.contains(&member.manifest));
    lost.map(|member| {
        let message = "the crate is not among the files that git keeps: see .gitignore";
        Problem::new("manifest", &member.manifest, message)
    })
    .collect()
}

/// A panic in a plugin must stay in the plugin, which takes unwinding, in every profile.
fn unwinds(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    let settings = tree.files.iter().filter(|file| file.kind() == "toml");
    for file in settings {
        for (number, line) in file.lines() {
            let said = line.split('#').next().unwrap_or_default();
            let said: String = said.chars().filter(|c| !c.is_whitespace() && *c != '\'').collect();
            let said = said.replace('"', "");
            if said.contains("panic=abort") || said.contains("panic=immediate-abort") {
                let message = "aborting panics take the host down with a plugin: leave `unwind`";
                problems.push(Problem::new("panic", file.at(number), message));
            }
        }
    }
    problems
}
