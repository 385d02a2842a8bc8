//! Documents that still fit the code: links lead somewhere, excerpts are excerpts, and every
//! table and column that the probes fill is described.

use std::collections::BTreeSet;

use super::tree::File;
use super::{Problem, Tree};

/// The names of tables and columns, and the document that describes them.
const NAMES: &str = "crates/probe/src/tables";
const NAMES_DOCUMENT: &str = "docs/tables.md";

/// The tutorial: all of its code is compiled.
const TUTORIAL: &str = "docs/write-a-probe.md";

/// Looks through all documents.
pub(crate) fn check(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for file in tree.files.iter().filter(|file| file.kind() == "md") {
        problems.extend(links(tree, file));
        problems.extend(excerpts(tree, file));
    }
    problems.extend(tables(tree));
    problems
}

/// Links to files, and to headings of files.
fn links(tree: &Tree, file: &File) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (number, line) in prose(file) {
        for link in targets(&line) {
            if let Err(why) = follow(tree, &file.path, link) {
                problems.push(Problem::new("link", file.at(number), format!("`{link}`: {why}")));
            }
        }
    }
    problems
}

/// The lines outside of code blocks, without code in the line.
fn prose(file: &File) -> Vec<(usize, String)> {
    let mut lines = Vec::new();
    let mut in_code = false;
    for (number, line) in file.lines() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        } else if !in_code {
            // Every second part between backticks is code.
            let text: Vec<&str> = line.split('`').step_by(2).collect();
            lines.push((number, text.join("")));
        }
    }
    lines
}

fn targets(line: &str) -> Vec<&str> {
    let starts = line.match_indices("](").map(|(at, _)| &line[at + 2..]);
    starts.filter_map(|rest| rest.split([')', ' ']).next()).collect()
}

fn follow(tree: &Tree, from: &str, link: &str) -> Result<(), String> {
    if link.contains("://") || link.starts_with("mailto:") {
        return Ok(());
    }
    let (path, heading) = link.split_once('#').unwrap_or((link, ""));
    let path = if path.is_empty() { from.to_owned() } else { resolve(from, path)? };
    if !path.is_empty() && !tree.paths.contains(&path) {
        return Err("there is no such file".into());
    }
    match tree.file(&path) {
        Some(file) if !heading.is_empty() && file.kind() == "md" => {
            let known = headings(file).contains(heading);
            known.then_some(()).ok_or_else(|| "there is no such heading".into())
        }
        _ => Ok(()),
    }
}

/// A link's path, seen from the root.
fn resolve(from: &str, link: &str) -> Result<String, String> {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in link.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop().ok_or("it leads out of the project")?;
            }
            name => parts.push(name),
        }
    }
    Ok(parts.join("/"))
}

/// The headings as links name them: lower case, punctuation dropped, `-` for spaces.
fn headings(file: &File) -> BTreeSet<String> {
    let titles = file.lines().filter_map(|(_, line)| {
        let title = line.trim_start_matches('#');
        (title.len() < line.len() && title.starts_with(' ')).then(|| title.trim())
    });
    titles
        .map(|title| {
            let kept = title.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
            kept.collect::<String>().to_lowercase().replace(' ', "-")
        })
        .collect()
}

/// A code block below `<!-- from: PATH -->` stands in that file; the tutorial has no other code.
fn excerpts(tree: &Tree, file: &File) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut source = None;
    let mut lines = file.lines();
    while let Some((number, line)) = lines.next() {
        if let Some(path) = line.strip_prefix("<!-- from: ") {
            source = path.strip_suffix(" -->").map(str::trim);
        } else if let Some(language) = line.strip_prefix("```") {
            let block: Vec<&str> =
                lines.by_ref().map(|(_, line)| line).take_while(|line| *line != "```").collect();
            let must = ["rust", "c"].contains(&language) && file.path == TUTORIAL;
            let outcome = match source.take() {
                Some(path) => stands_in(tree, path, &block),
                None if must => {
                    Err("no `<!-- from: PATH -->` above it: nothing compiles it".into())
                }
                None => Ok(()),
            };
            if let Err(why) = outcome {
                problems.push(Problem::new("excerpt", file.at(number), why));
            }
        } else if !line.trim().is_empty() && source.is_some() {
            let message = "`<!-- from: PATH -->` is not followed by a code block";
            problems.push(Problem::new("excerpt", file.at(number), message));
            source = None;
        }
    }
    problems
}

/// Whether the lines stand in the file one after the other, all indented by as much.
fn stands_in(tree: &Tree, path: &str, block: &[&str]) -> Result<(), String> {
    let file = tree.file(path).ok_or_else(|| format!("there is no file `{path}`"))?;
    let lines: Vec<&str> = file.text.lines().collect();
    let fits = |window: &[&str]| {
        let extra = window[0].len().checked_sub(block[0].len());
        extra.is_some_and(|extra| {
            let indent = " ".repeat(extra);
            let same = |(line, part): (&&str, &&str)| match part.is_empty() {
                true => line.is_empty(),
                false => line.strip_prefix(indent.as_str()) == Some(*part),
            };
            window.iter().zip(block).all(same)
        })
    };
    let stands = !block.is_empty() && lines.windows(block.len()).any(fits);
    stands.then_some(()).ok_or_else(|| format!("these lines do not stand in `{path}`"))
}

/// Every table and column of the vocabulary is in the document, under the heading of its table.
fn tables(tree: &Tree) -> Vec<Problem> {
    let mut names = tree.files.iter().filter(|file| file.path.starts_with(NAMES)).peekable();
    if names.peek().is_none() {
        return Vec::new();
    }
    let Some(document) = tree.file(NAMES_DOCUMENT) else {
        return vec![Problem::new("tables", NAMES_DOCUMENT, "there is no such document")];
    };
    let mut problems = Vec::new();
    let mut table = "";
    for (_, line) in names.flat_map(File::lines) {
        let Some((name, value)) = constant(line) else { continue };
        if name == "TABLE" {
            table = value;
        }
        let heading = format!("## `{table}`");
        let mut section = document.text.split(heading.as_str()).skip(1);
        let section = section.next().and_then(|text| text.split("\n## ").next());
        let known = name == "TABLE" && section.is_some()
            || section.is_some_and(|text| text.contains(&format!("`{value}`")));
        if !known {
            let message = format!("`{value}` of table `{table}` is not described");
            problems.push(Problem::new("tables", NAMES_DOCUMENT, message));
        }
    }
    problems
}

/// Name and value of `pub const NAME: &str = "value";`.
fn constant(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.trim().strip_prefix("pub const ")?.split_once(": &str = \"")?;
    Some((name, value.strip_suffix("\";")?))
}
