//! What must not be in the sources: unsafe code outside three crates, unfinished work, paths of
//! someone's machine, files and functions that have grown too long.

use super::tree::File;
use super::{Problem, Tree};

/// Folders whose crates may have unsafe code, and why.
const UNSAFE_FOLDERS: &[(&str, &str)] = &[
    ("crates/target/", "system calls that read and freeze another process"),
    ("crates/plugin/", "the C ABI, the plugin's side"),
    ("crates/plugin-host/", "the C ABI, the host's side"),
    ("plugins/misbehaving/", "breaks the ABI's rules on purpose, so that tests see what happens"),
];

/// Files over [`FILE_LINES`] that stay so, and why.
const LONG_FILES: &[(&str, &str)] = &[];

/// Lines of a file with logic, its tests at the end not counted.
const FILE_LINES: usize = 400;

/// Lines of a function.
const FUNCTION_LINES: usize = 80;

/// Marks of unfinished work. Written in two parts, so that this file does not hold them.
const UNFINISHED: &[&str] = &[
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
    concat!("FI", "LL"),
    concat!("to", "do!"),
    concat!("unimpl", "emented!"),
];

/// Kinds of files that people write.
const WRITTEN: &[&str] = &["rs", "toml", "py", "c", "h", "md", "sh", "run", "yml", "yaml"];

/// Where home folders are; and names that stand for anybody's.
const HOMES: &[&str] = &["/home/", "/root/", "/Users/"];
const ANYBODY: &[&str] = &["user", "app", "me", "you", "alice"];

/// Looks through all files.
pub(crate) fn check(tree: &Tree) -> Vec<Problem> {
    let root = tree.root.display().to_string();
    let mut problems = Vec::new();
    for file in &tree.files {
        problems.extend(finished(file));
        problems.extend(nobodys_home(file, &root));
        if file.kind() == "rs" {
            problems.extend(safe(file));
            problems.extend(short(file));
        }
    }
    problems
}

fn finished(file: &File) -> Vec<Problem> {
    if !WRITTEN.contains(&file.kind()) {
        return Vec::new();
    }
    let marks = |line: &str| UNFINISHED.iter().find(|mark| has_word(line, mark)).copied();
    file.lines()
        .filter_map(|(number, line)| Some((number, marks(line)?)))
        .map(|(number, mark)| {
            Problem::new("unfinished", file.at(number), format!("`{mark}`: finish it or drop it"))
        })
        .collect()
}

fn has_word(line: &str, word: &str) -> bool {
    let part_of_word = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        !before.is_some_and(part_of_word) && !after.is_some_and(part_of_word)
    })
}

fn nobodys_home(file: &File, root: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (number, line) in file.lines() {
        if names_a_home(line) || (root.len() > 1 && line.contains(root)) {
            let message = "a path of one machine: make it relative";
            problems.push(Problem::new("home", file.at(number), message));
        }
    }
    problems
}

fn names_a_home(line: &str) -> bool {
    HOMES.iter().any(|home| {
        line.match_indices(home).any(|(at, _)| {
            // `/proc/PID/root/` is the root of a container, not a home.
            let inside = |c: char| c.is_alphanumeric() || "_-.*}>)]$/".contains(c);
            let rest = &line[at + home.len()..];
            let part_of_name = |c: char| c.is_alphanumeric() || "._-".contains(c);
            let end = rest.find(|c| !part_of_name(c)).unwrap_or(rest.len());
            let name = &rest[..end];
            !line[..at].ends_with(inside) && !name.is_empty() && !ANYBODY.contains(&name)
        })
    })
}

fn safe(file: &File) -> Vec<Problem> {
    if UNSAFE_FOLDERS.iter().any(|(folder, _)| file.path.starts_with(folder)) {
        return Vec::new();
    }
    let mut problems = Vec::new();
    let forbids = file.lines().any(|(_, line)| line == "#![forbid(unsafe_code)]");
    if is_crate_root(&file.path) && !forbids {
        let message = "the crate lacks `#![forbid(unsafe_code)]`";
        problems.push(Problem::new("unsafe", &file.path, message));
    }
    for (number, line) in file.lines() {
        let code = line.split("//").next().unwrap_or_default().trim_start();
        let kinds = ["unsafe {", "unsafe fn ", "unsafe impl ", "unsafe extern "];
        if kinds.iter().any(|kind| code.contains(kind)) && !code.contains('"') {
            let message = "unsafe code outside the crates that are made for it";
            problems.push(Problem::new("unsafe", file.at(number), message));
        }
    }
    problems
}

fn is_crate_root(path: &str) -> bool {
    path.ends_with("src/lib.rs") || path.ends_with("src/main.rs") || path.contains("src/bin/")
}

fn short(file: &File) -> Vec<Problem> {
    let is_test = file.path.contains("/tests/") || file.path.ends_with("/tests.rs");
    if is_test {
        return Vec::new();
    }
    let lines: Vec<&str> = logic(&file.text);
    let mut problems = Vec::new();
    let excused = LONG_FILES.iter().any(|(path, _)| file.path == *path);
    if lines.len() > FILE_LINES && !excused {
        let message = format!("{} lines of logic, over {FILE_LINES}: split it", lines.len());
        problems.push(Problem::new("length", &file.path, message));
    }
    for (start, length) in functions(&lines).filter(|(_, length)| *length > FUNCTION_LINES) {
        let message = format!("a function of {length} lines, over {FUNCTION_LINES}: split it");
        problems.push(Problem::new("length", file.at(start + 1), message));
    }
    problems
}

/// The lines before the tests at the end of a file.
fn logic(text: &str) -> Vec<&str> {
    let lines: Vec<&str> = text.lines().collect();
    let tests =
        lines.windows(2).position(|pair| pair[0] == "#[cfg(test)]" && pair[1].starts_with("mod "));
    lines[..tests.unwrap_or(lines.len())].to_vec()
}

/// Index of the first line and number of lines of each function, by the way rustfmt lays them
/// out: the brace that ends it stands below the first letter.
fn functions<'a>(lines: &'a [&'a str]) -> impl Iterator<Item = (usize, usize)> {
    lines.iter().enumerate().filter(|(_, line)| starts_function(line)).filter_map(
        move |(start, line)| {
            let indent = line.len() - line.trim_start().len();
            let end = format!("{}}}", " ".repeat(indent));
            let body = lines[start..].iter().position(|line| line.ends_with(['{', ';', '}']))?;
            let opens = lines[start + body].ends_with('{');
            let length = lines[start..].iter().position(|line| *line == end)? + 1;
            opens.then_some((start, length))
        },
    )
}

fn starts_function(line: &str) -> bool {
    let mut words = line.split_whitespace();
    words
        .find(|word| {
            let before = ["pub", "const", "async", "unsafe", "extern", "\"C\"", "\"C-unwind\""];
            !before.contains(word) && !word.starts_with("pub(")
        })
        .is_some_and(|word| word == "fn")
}
