//! What the links in `/proc/PID/fd` say.

use std::borrow::Cow;

/// The kind of an open handle by the text of its link: `file`, `device`, `socket`, `pipe`,
/// `memfd`, `eventfd`, `epoll`, `timerfd`, `signalfd`, `inotify`, `pidfd`, `namespace`,
/// or whatever other name the kernel gives to a handle that is no file.
#[must_use]
pub fn kind(link: &str) -> Cow<'_, str> {
    if link.starts_with("/memfd:") {
        return "memfd".into();
    }
    if link.starts_with("/dev/") && !link.starts_with("/dev/shm/") {
        return "device".into();
    }
    if link.starts_with('/') {
        return "file".into();
    }
    // `socket:[123]`, `anon_inode:[eventfd]`, `anon_inode:inotify`
    let Some((class, rest)) = link.split_once(':') else { return "other".into() };
    let name = if class == "anon_inode" { rest.trim_matches(['[', ']']) } else { class };
    match name {
        "eventpoll" => "epoll".into(),
        "mnt" | "net" | "pid" | "user" | "uts" | "ipc" | "cgroup" | "time" => "namespace".into(),
        "" => "other".into(),
        name => name.into(),
    }
}

#[cfg(target_os = "linux")]
pub use io::*;

#[cfg(target_os = "linux")]
mod io {
    use probe::{Result, ResultExt};
    use rustix::fs::Dir;

    use super::super::process::ProcessDir;
    use super::super::text;

    /// How many handles a process has open.
    ///
    /// # Errors
    /// Those of [`ProcessDir::folder`]: this needs the rights of the process's user.
    pub fn count(process: &ProcessDir) -> Result<u64> {
        let folder = process.folder("fd")?;
        let stat = rustix::fs::fstat(&folder).map_err(|e| process.explain("fd", e.into()))?;
        // Linux 6.2 and up give the number as the size of the folder.
        if let Ok(size @ 1..) = u64::try_from(stat.st_size) {
            return Ok(size);
        }
        let entries = Dir::new(folder).map_err(|e| process.explain("fd", e.into()))?;
        let numbers = entries.flatten().filter(|e| !e.file_name().to_bytes().starts_with(b"."));
        Ok(numbers.count() as u64)
    }

    /// Hands over the number and the link's text of each open handle, in the order of the
    /// kernel, at most `most`; whether there were more. Handles closed meanwhile are left out.
    ///
    /// # Errors
    /// As [`count`].
    pub fn each(
        process: &ProcessDir,
        most: usize,
        mut hand: impl FnMut(u32, &str),
    ) -> Result<bool> {
        let folder = process.folder("fd")?;
        let mut entries = Dir::read_from(&folder)
            .map_err(std::io::Error::from)
            .with_context(|| format!("cannot list /proc/{}/fd", process.pid()))?;
        let mut seen = 0;
        let mut path = Vec::new();
        while let Some(entry) = entries.read() {
            let entry = entry.map_err(|e| process.explain("fd", e.into()))?;
            let name = entry.file_name();
            let number = text::number(name.to_bytes()).and_then(|n| u32::try_from(n).ok());
            let Some(number) = number else { continue };
            if seen == most {
                return Ok(true);
            }
            seen += 1;
            path.clear();
            if let Ok(link) = rustix::fs::readlinkat(&folder, name, std::mem::take(&mut path)) {
                hand(number, &String::from_utf8_lossy(link.as_bytes()));
                path = link.into_bytes();
            }
        }
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_told() {
        for (link, expected) in [
            ("/var/log/x: y", "file"),
            ("/dev/shm/psm_1", "file"),
            ("/dev/null", "device"),
            ("/memfd:x (deleted)", "memfd"),
            ("socket:[12]", "socket"),
            ("pipe:[12]", "pipe"),
            ("anon_inode:[eventfd]", "eventfd"),
            ("anon_inode:[eventpoll]", "epoll"),
            ("anon_inode:inotify", "inotify"),
            ("anon_inode:", "other"),
            ("net:[4026531840]", "namespace"),
            ("pidfd:[3]", "pidfd"),
            ("", "other"),
        ] {
            assert_eq!(kind(link), expected, "{link}");
        }
    }
}
