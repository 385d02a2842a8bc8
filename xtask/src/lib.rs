//! Chores of this workspace that its tests run too.
#![forbid(unsafe_code)]

pub mod tidy;

use std::path::{Path, PathBuf};

/// The root of this workspace.
#[must_use]
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}
