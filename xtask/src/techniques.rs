//! Writes into `docs/techniques.md` what its commands answer now.

use std::process::Command;

use crate::root;

/// Runs the test that holds the document, which writes it then.
///
/// # Errors
/// One sentence, when it could not be run, or what a technique is said to show did not show.
pub(crate) fn run() -> Result<(), String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .current_dir(root())
        .args(["test", "--locked", "-p", "memprobe", "--test", "it", "--", "techniques::"])
        .env("MEMPROBE_WRITE_TECHNIQUES", "1")
        .status()
        .map_err(|e| format!("cannot run the tests: {e}"))?;
    status.success().then_some(()).ok_or_else(|| format!("not all was shown: {status}"))
}
