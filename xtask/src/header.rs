//! The C header of the plugin ABI, generated from the Rust structures.

use std::fs;
use std::path::{Path, PathBuf};

/// The folder of the crate whose header it is.
fn crate_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/plugin")
}

/// Writes the header, or only checks that it is as it would be written.
///
/// # Errors
/// A sentence that says what failed, or how the header differs.
pub(crate) fn run(check: bool) -> Result<(), String> {
    let path = crate_folder().join("include/memprobe_plugin.h");
    let wanted = generate(&crate_folder())?;
    if !check {
        return fs::write(&path, wanted).map_err(|e| format!("cannot write the header: {e}"));
    }
    let found = fs::read_to_string(&path).map_err(|e| format!("cannot read the header: {e}"))?;
    match difference(&wanted, &found) {
        None => Ok(()),
        Some(line) => Err(format!(
            "crates/plugin/include/memprobe_plugin.h is out of date at line {line}: \
             run `cargo xtask header`"
        )),
    }
}

fn generate(folder: &Path) -> Result<String, String> {
    let failed = |e: &dyn std::fmt::Display| format!("cannot generate the header: {e}");
    let config =
        cbindgen::Config::from_file(folder.join("cbindgen.toml")).map_err(|e| failed(&e))?;
    let bindings = cbindgen::Builder::new()
        .with_config(config)
        .with_src(folder.join("src/abi.rs"))
        .generate()
        .map_err(|e| failed(&e))?;
    let mut text = Vec::new();
    bindings.write(&mut text);
    let text = String::from_utf8(text).map_err(|e| failed(&e))?;
    Ok(polish(&text))
}

/// Takes out what is Rust's way of writing comments, spaces at line ends and empty lines in a row,
/// and puts a comment of one line on one line.
fn polish(text: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines().map(str::trim_end) {
        let bare = line.trim_start_matches([' ', '*']);
        let twice_empty = line.is_empty() && lines.last().is_some_and(String::is_empty);
        if bare.starts_with("```") || twice_empty {
            continue;
        }
        if line.trim() == "*/"
            && let [.., open, only] = lines.as_slice()
            && open.trim() == "/**"
        {
            let joined = format!("{open} {} */", only.trim_start_matches([' ', '*']));
            lines.truncate(lines.len() - 2);
            lines.push(joined);
            continue;
        }
        lines.push(line.to_owned());
    }
    let start = lines.iter().position(|line| !line.is_empty()).unwrap_or(0);
    lines[start..].join("\n") + "\n"
}

/// The first line in which two texts differ, from 1.
fn difference(a: &str, b: &str) -> Option<usize> {
    if a == b {
        return None;
    }
    let same = a.lines().zip(b.lines()).take_while(|(x, y)| x == y).count();
    Some(same + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The committed header is the generated one.
    #[test]
    fn the_header_is_up_to_date() {
        run(true).unwrap();
    }

    /// Comments read as if a person had written them for C.
    #[test]
    fn comments_are_polished() {
        let raw =
            "\n/**\n * One.\n */\nint a;  \n\n\n/**\n * Two.\n * ```text\n * 2\n * ```\n */\n";
        assert_eq!(polish(raw), "/** One. */\nint a;\n\n/**\n * Two.\n * 2\n */\n");
    }

    /// A difference is found where it is, a missing end included.
    #[test]
    fn differences_are_located() {
        assert_eq!(difference("a\nb\n", "a\nb\n"), None);
        assert_eq!(difference("a\nb\n", "a\nc\n"), Some(2));
        assert_eq!(difference("a\nb\n", "a\n"), Some(2));
    }
}
