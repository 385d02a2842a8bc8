//! Which folders are trusted: none that strangers can write to.

use std::path::{Path, PathBuf};

use probe::{Error, ErrorKind, Result};

/// The real path of a folder or file, if nobody but its owner and group can put something else
/// in its place.
///
/// # Errors
/// [`ErrorKind::NotFound`], or [`ErrorKind::PermissionDenied`] with who could write where.
pub(crate) fn trusted(path: &Path) -> Result<PathBuf> {
    let real = std::fs::canonicalize(path).map_err(|e| {
        let missing = e.kind() == std::io::ErrorKind::NotFound;
        if missing {
            Error::new(ErrorKind::NotFound, "does not exist")
        } else {
            Error::io(e, "cannot be reached")
        }
    })?;
    // Where strangers could put the library itself, the sticky bit does not help.
    let folder = if real.is_dir() { Some(&*real) } else { real.parent() };
    for place in real.ancestors() {
        if open_to_all(place, place == real || Some(place) == folder)? {
            let message = if place == real {
                "can be written by everybody".to_owned()
            } else {
                format!("is below `{}`, which can be written by everybody", place.display())
            };
            return Err(Error::new(ErrorKind::PermissionDenied, message)
                .with_hint(format!("chmod o-w '{}'", place.display())));
        }
    }
    Ok(real)
}

/// Whether everybody can put something else in place of what is looked for. Higher up, a sticky
/// folder such as /tmp lets nobody rename what is another's.
#[cfg(unix)]
fn open_to_all(path: &Path, near: bool) -> Result<bool> {
    use std::os::unix::fs::PermissionsExt;
    const OTHERS_WRITE: u32 = 0o002;
    const STICKY: u32 = 0o1000;
    let metadata = std::fs::metadata(path).map_err(|e| Error::io(e, "cannot be looked at"))?;
    let mode = metadata.permissions().mode();
    Ok(mode & OTHERS_WRITE != 0 && (near || mode & STICKY == 0))
}

#[cfg(not(unix))]
fn open_to_all(_: &Path, _: bool) -> Result<bool> {
    Ok(false)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::fs::{Permissions, create_dir, set_permissions, write};
    use std::os::unix::fs::PermissionsExt;

    fn mode(path: &Path, mode: u32) {
        set_permissions(path, Permissions::from_mode(mode)).expect("own file");
    }

    /// Folders and files are refused if everybody can write to them or replace them.
    #[test]
    fn what_everybody_can_write_is_refused() {
        let root = tempfile::tempdir().expect("temporary folder");
        let inner = root.path().join("inner");
        create_dir(&inner).expect("own folder");
        let file = inner.join("file");
        write(&file, "").expect("own file");
        assert!(trusted(&inner).is_ok() && trusted(&file).is_ok());

        mode(&file, 0o666);
        assert_eq!(trusted(&file).unwrap_err().to_string(), "can be written by everybody");
        mode(&file, 0o644);

        for (place, bits) in [(&inner, 0o777), (&inner, 0o1777)] {
            mode(place, bits);
            assert_eq!(trusted(&inner).unwrap_err().kind(), ErrorKind::PermissionDenied);
            let error = trusted(&file).unwrap_err();
            assert!(error.to_string().contains("which can be written by everybody"), "{error}");
            assert!(error.hint().is_some_and(|h| h.starts_with("chmod o-w")));
            mode(place, 0o755);
        }
        mode(root.path(), 0o777);
        assert!(trusted(&file).is_err(), "two levels up, without the sticky bit");
        mode(root.path(), 0o1777);
        assert!(trusted(&file).is_ok(), "two levels up, with the sticky bit, as in /tmp");
        mode(root.path(), 0o700);

        assert_eq!(trusted(&inner.join("none")).unwrap_err().kind(), ErrorKind::NotFound);
    }
}
