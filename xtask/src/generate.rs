//! What is generated from the definition of the command line: completions, the manual page and
//! the reference.

use std::path::Path;

use memprobe_cli::commands::generated;

use crate::root;

/// Writes the generated files, or compares them with what is there.
///
/// # Errors
/// One sentence: which file is out of date, or cannot be written.
pub(crate) fn run(check: bool) -> Result<(), String> {
    let folder = root().join("docs");
    let mut outdated = Vec::new();
    for (name, text) in files()? {
        let path = folder.join(name);
        if check {
            if std::fs::read(&path).ok().as_deref() != Some(&text) {
                outdated.push(format!("docs/{name}"));
            }
        } else {
            write(&path, &text)?;
        }
    }
    if outdated.is_empty() {
        return Ok(());
    }
    Err(format!("out of date, run `cargo xtask generate`: {}", outdated.join(", ")))
}

fn files() -> Result<Vec<(&'static str, Vec<u8>)>, String> {
    use clap_complete::Shell::{Bash, Fish, Zsh};
    Ok(vec![
        ("generated/memprobe.bash", generated::completions_text(Bash)),
        ("generated/_memprobe", generated::completions_text(Zsh)),
        ("generated/memprobe.fish", generated::completions_text(Fish)),
        ("generated/memprobe.1", generated::man_text().map_err(|e| e.to_string())?),
        ("reference.md", generated::reference().into_bytes()),
    ])
}

fn write(path: &Path, text: &[u8]) -> Result<(), String> {
    let failed = |e: std::io::Error| format!("cannot write {}: {e}", path.display());
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    std::fs::write(path, text).map_err(failed)
}
