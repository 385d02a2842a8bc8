//! What is written is for its owner alone: command lines and paths of a process may be secrets.

use std::fs::{File, OpenOptions};
use std::io;

/// New files are readable by their owner alone.
#[cfg(unix)]
pub(crate) fn private(options: &mut OpenOptions) {
    use std::os::unix::fs::OpenOptionsExt;
    options.mode(0o600);
}

/// The same for a file that is there.
#[cfg(unix)]
pub(crate) fn make_private(file: &File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(std::fs::Permissions::from_mode(0o600))
}

#[cfg(not(unix))]
pub(crate) fn private(_: &mut OpenOptions) {}

#[cfg(not(unix))]
pub(crate) fn make_private(_: &File) -> io::Result<()> {
    Ok(())
}
