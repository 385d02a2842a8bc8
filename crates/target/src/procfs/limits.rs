//! `/proc/PID/limits`.

use super::text;

/// A resource limit; `None`: unlimited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rlimit {
    /// The limit that holds.
    pub soft: Option<u64>,
    /// How far the process may raise it.
    pub hard: Option<u64>,
}

/// The limits of a process that have to do with memory and handles. `None`: not reported.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rlimits {
    /// `RLIMIT_AS`: address space, bytes.
    pub address_space: Option<Rlimit>,
    /// `RLIMIT_DATA`: private memory that can be written, bytes.
    pub data: Option<Rlimit>,
    /// `RLIMIT_STACK`: the main stack, and the size of new thread stacks, bytes.
    pub stack: Option<Rlimit>,
    /// `RLIMIT_MEMLOCK`: locked memory, bytes.
    pub locked: Option<Rlimit>,
    /// `RLIMIT_NOFILE`: open files, one more than the highest number.
    pub open_files: Option<Rlimit>,
    /// `RLIMIT_NPROC`: processes and threads of the user.
    pub processes: Option<Rlimit>,
}

impl Rlimits {
    /// Reads the text of `limits`; what is not known is left out.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Self {
        let mut limits = Self::default();
        for line in text::lines(bytes) {
            let row = |name: &str| line.strip_prefix(name.as_bytes()).and_then(values);
            limits.address_space = limits.address_space.or_else(|| row("Max address space "));
            limits.data = limits.data.or_else(|| row("Max data size "));
            limits.stack = limits.stack.or_else(|| row("Max stack size "));
            limits.locked = limits.locked.or_else(|| row("Max locked memory "));
            limits.open_files = limits.open_files.or_else(|| row("Max open files "));
            limits.processes = limits.processes.or_else(|| row("Max processes "));
        }
        limits
    }
}

/// `1024     unlimited     files`
fn values(rest: &[u8]) -> Option<Rlimit> {
    let mut words = text::words(rest).map(|word| match word {
        b"unlimited" => Some(None),
        number => text::number(number).map(Some),
    });
    Some(Rlimit { soft: words.next()??, hard: words.next()?? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read() {
        let limits = Rlimits::parse(
            b"Limit                     Soft Limit           Hard Limit           Units     \n\
              Max data size             unlimited            unlimited            bytes     \n\
              Max stack size            8388608              unlimited            bytes     \n\
              Max open files            1024                 524288               files     \n\
              Max address space         oops                 unlimited            bytes     \n",
        );
        assert_eq!(limits.data, Some(Rlimit::default()));
        assert_eq!(limits.stack, Some(Rlimit { soft: Some(8 << 20), hard: None }));
        assert_eq!(limits.open_files.and_then(|l| l.hard), Some(524_288));
        assert_eq!((limits.address_space, limits.processes), (None, None));
    }
}
