//! A process by its folder in `/proc`: opened once, and never another process by mistake.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;

use probe::{Error, ErrorKind, Result, Target};
use rustix::fs::{Mode, OFlags, openat};

use super::{clock, host, smaps, stat::Stat, stat::Status, text};

/// The largest file of `/proc` that is read as a whole: 60000 mappings have 40 MB of `smaps`.
const MAX_FILE: u64 = 256 << 20;
/// The longest command line that is kept, bytes.
const MAX_COMMAND: usize = 4096;

/// The open folder `/proc/PID`.
///
/// The kernel ties it to the process and not to the number: when the process has ended, every
/// access through it fails, even when the PID belongs to another process by then.
#[derive(Debug)]
pub struct ProcessDir {
    pid: u32,
    start_ticks: u64,
    dir: OwnedFd,
}

impl ProcessDir {
    /// Opens the folder of a process of any kind; zombies and kernel threads too.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] when there is no such process or `/proc` hides it,
    /// [`ErrorKind::InvalidInput`] when it is the number of a thread, and
    /// [`ErrorKind::PermissionDenied`] when `/proc` is mounted so that it shows nothing of it.
    pub fn open(pid: u32) -> Result<Self> {
        let path = format!("/proc/{pid}");
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let dir = rustix::fs::open(path, flags, Mode::empty()).map_err(|e| gone(pid, e.into()))?;
        let mut process = Self { pid, start_ticks: 0, dir };
        process.start_ticks = process.stat()?.start_ticks;
        let owner = process.status()?.process;
        if let Some(owner) = owner.filter(|&owner| owner != pid) {
            let message = format!("{pid} is a thread of process {owner}, not a process");
            return Err(Error::new(ErrorKind::InvalidInput, message)
                .with_hint(format!("give the PID of the process: {owner}")));
        }
        Ok(process)
    }

    /// Opens the folder of a process whose memory can be asked about.
    ///
    /// # Errors
    /// Those of [`ProcessDir::open`]; [`ErrorKind::TargetEnded`] for a zombie or when the PID
    /// now belongs to another process than the one meant; [`ErrorKind::Unsupported`] for a
    /// kernel thread.
    pub fn open_target(target: &Target) -> Result<Self> {
        let process = Self::open(target.pid)?;
        let (pid, meant, found) = (target.pid, target.start_id, process.start_ticks);
        if meant != 0 && meant != found {
            let message = format!(
                "process {pid} has ended: the PID now belongs to another process, \
                 started at tick {found} and not at {meant}"
            );
            return Err(Error::new(ErrorKind::TargetEnded, message));
        }
        process.refuse_without_memory()?;
        Ok(process)
    }

    /// Fails when the process is one that has no memory.
    fn refuse_without_memory(&self) -> Result<()> {
        let (pid, stat) = (self.pid, self.stat()?);
        if stat.is_zombie() {
            let message = format!(
                "process {pid} ({}) has ended and waits for its parent, process {}, to collect \
                 its exit status (a zombie): it has no memory any more",
                stat.comm, stat.parent
            );
            return Err(Error::new(ErrorKind::TargetEnded, message)
                .with_hint("look at the parent, or start the program again"));
        }
        if stat.is_kernel_thread() {
            let message = format!(
                "process {pid} ({}) is a kernel thread: it has no memory of its own",
                stat.comm
            );
            return Err(Error::new(ErrorKind::Unsupported, message).with_hint(
                "give the PID of a program; `ps -ef` shows kernel threads in brackets",
            ));
        }
        Ok(())
    }

    /// The PID.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// When the process started, clock ticks since boot: what makes the PID an identity.
    #[must_use]
    pub fn start_ticks(&self) -> u64 {
        self.start_ticks
    }

    /// Opens a file of the folder, to be kept and read again with [`read_again`].
    ///
    /// # Errors
    /// [`ErrorKind::TargetEnded`] when the process has ended, [`ErrorKind::PermissionDenied`]
    /// with what to do, [`ErrorKind::NotFound`] when this kernel has no such file.
    pub fn file(&self, name: &str) -> Result<File> {
        self.try_file(name).map_err(|e| self.explain(name, e))
    }

    fn try_file(&self, name: &str) -> io::Result<File> {
        self.try_open(name, OFlags::RDONLY)
    }

    /// The memory, to be written.
    #[cfg(feature = "remote")]
    pub(crate) fn memory_to_write(&self) -> io::Result<File> {
        self.try_open("mem", OFlags::RDWR)
    }

    fn try_open(&self, name: &str, flags: OFlags) -> io::Result<File> {
        Ok(openat(&self.dir, name, flags | OFlags::CLOEXEC, Mode::empty())?.into())
    }

    /// Opens a folder of the folder: `fd`, `task`, `root/dev/shm`.
    ///
    /// # Errors
    /// As [`ProcessDir::file`].
    pub fn folder(&self, name: &str) -> Result<OwnedFd> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        openat(&self.dir, name, flags, Mode::empty()).map_err(|e| self.explain(name, e.into()))
    }

    /// The whole of a file.
    ///
    /// # Errors
    /// As [`ProcessDir::file`]; [`ErrorKind::InvalidData`] over 256 MiB.
    pub fn read(&self, name: &str) -> Result<Vec<u8>> {
        // Most files fit: without room to begin with, the reads would be tiny at first.
        let mut bytes = Vec::with_capacity(8 << 10);
        let mut read = || self.try_file(name)?.take(MAX_FILE).read_to_end(&mut bytes);
        let length = read().map_err(|e| self.explain(name, e))?;
        if length as u64 >= MAX_FILE {
            let message = format!("/proc/{}/{name} is longer than {MAX_FILE} bytes", self.pid);
            return Err(Error::new(ErrorKind::InvalidData, message));
        }
        Ok(bytes)
    }

    /// Where a symbolic link of the folder leads, such as `exe` or `fd/3`.
    ///
    /// # Errors
    /// As [`ProcessDir::file`].
    pub fn link(&self, name: &str) -> Result<String> {
        rustix::fs::readlinkat(&self.dir, name, Vec::new())
            .map(|path| text::text(path.as_bytes()))
            .map_err(|e| self.explain(name, e.into()))
    }

    /// `stat`.
    ///
    /// # Errors
    /// As [`ProcessDir::file`]; [`ErrorKind::InvalidData`] when it makes no sense.
    pub fn stat(&self) -> Result<Stat> {
        let bytes = self.read("stat")?;
        Stat::parse(&bytes).ok_or_else(|| self.nonsense("stat"))
    }

    /// `status`.
    ///
    /// # Errors
    /// As [`ProcessDir::file`].
    pub fn status(&self) -> Result<Status> {
        Ok(Status::parse(&self.read("status")?))
    }

    /// The mappings, one after the other, from `smaps`; on kernels without it from `maps`,
    /// which has no figures but the size.
    ///
    /// # Errors
    /// As [`ProcessDir::file`].
    pub fn mappings(&self, mut each: impl FnMut(smaps::Mapping<'_>)) -> Result<()> {
        let (name, file) = match self.try_file("smaps") {
            Err(e) if e.kind() == io::ErrorKind::NotFound && self.is_alive() => {
                ("maps", self.file("maps")?)
            }
            other => ("smaps", other.map_err(|e| self.explain("smaps", e))?),
        };
        smaps::stream(file, &mut each).map_err(|e| self.explain(name, e))
    }

    /// Whether the process is still there: not ended, not a zombie.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.stat().is_ok_and(|stat| !stat.is_zombie())
    }

    /// The command line, arguments joined by blanks; the short name in brackets when there is
    /// none. Cut behind 4096 bytes.
    #[must_use]
    pub fn command(&self) -> String {
        let bytes = self.read("cmdline").unwrap_or_default();
        let arguments = bytes.split(|&b| b == 0).map(String::from_utf8_lossy);
        let joined = arguments.collect::<Vec<_>>().join(" ");
        let mut command = joined.trim_end().to_owned();
        if command.is_empty() {
            return self.stat().map(|s| format!("[{}]", s.comm)).unwrap_or_default();
        }
        if command.len() > MAX_COMMAND {
            command.truncate(command.floor_char_boundary(MAX_COMMAND));
            command.push('…');
        }
        command
    }

    /// Who this is, for snapshots.
    #[must_use]
    pub fn target(&self) -> Target {
        Target {
            pid: self.pid,
            start_id: self.start_ticks,
            started_unix_ns: clock::unix_ns_of_ticks(self.start_ticks),
            command: self.command(),
            exe: self.link("exe").ok(),
            python: None,
        }
    }

    /// The error of an access: what it means for a process.
    #[must_use]
    pub fn explain(&self, name: &str, error: io::Error) -> Error {
        let pid = self.pid;
        let message = format!("cannot read /proc/{pid}/{name}");
        let code = error.raw_os_error().map(rustix::io::Errno::from_raw_os_error);
        match code {
            Some(rustix::io::Errno::SRCH) => self.ended(name, error),
            // A file that is not there: the process has ended, or the kernel has no such file.
            Some(rustix::io::Errno::NOENT) if !self.has_entry("stat") => self.ended(name, error),
            Some(rustix::io::Errno::ACCESS | rustix::io::Errno::PERM) => {
                Error::new(ErrorKind::PermissionDenied, message)
                    .with_source(error)
                    .with_hint(permission_hint(name))
            }
            _ => Error::io(error, message),
        }
    }

    fn ended(&self, name: &str, error: io::Error) -> Error {
        let pid = self.pid;
        // The folder stays with the process: who ended is known although the number may be
        // in use again.
        Error::new(ErrorKind::TargetEnded, format!("process {pid} has ended"))
            .with_source(error)
            .context(format!("cannot read /proc/{pid}/{name}"))
    }

    fn has_entry(&self, name: &str) -> bool {
        rustix::fs::statat(&self.dir, name, rustix::fs::AtFlags::empty()).is_ok()
    }

    fn nonsense(&self, name: &str) -> Error {
        let message = format!("/proc/{}/{name} makes no sense", self.pid);
        Error::new(ErrorKind::InvalidData, message)
    }
}

/// Reads a file of `/proc` that is kept open, from its beginning, into `buffer`; one `pread`.
///
/// # Errors
/// Those of the system: `ESRCH` when the process has ended.
pub fn read_again<'b>(file: &File, buffer: &'b mut [u8]) -> io::Result<&'b [u8]> {
    let length = file.read_at(buffer, 0)?;
    Ok(&buffer[..length])
}

/// Who has this PID now.
///
/// # Errors
/// Those of [`ProcessDir::open_target`]: no such process, a thread, a zombie, a kernel thread.
pub fn identify(pid: u32) -> Result<Target> {
    Ok(ProcessDir::open_target(&Target::from_pid(pid))?.target())
}

/// All mappings of a process, with what is in them.
///
/// # Errors
/// Those of [`ProcessDir::open_target`] and [`ProcessDir::file`].
pub fn read_smaps(pid: u32) -> Result<Vec<smaps::Mapping<'static>>> {
    let mut all = Vec::new();
    let process = ProcessDir::open_target(&Target::from_pid(pid))?;
    process.mappings(|mapping| all.push(mapping.into_owned()))?;
    Ok(all)
}

/// The error when the folder itself cannot be opened.
fn gone(pid: u32, error: io::Error) -> Error {
    if error.kind() == io::ErrorKind::PermissionDenied {
        return Error::io(error, format!("cannot look at process {pid}"))
            .with_hint(permission_hint("stat"));
    }
    if error.kind() != io::ErrorKind::NotFound {
        return Error::io(error, format!("cannot open /proc/{pid}"));
    }
    let hint = if host::hides_processes() {
        "/proc is mounted with hidepid, which hides the processes of other users: run as the same \
         user or as root, or check the PID"
    } else {
        "check the PID with `ps -ef`; inside a container only its own processes have a number"
    };
    Error::new(ErrorKind::NotFound, format!("there is no process {pid}")).with_hint(hint)
}

fn permission_hint(name: &str) -> &'static str {
    match name {
        "stat" | "status" | "statm" | "cmdline" if host::hides_processes() => {
            "/proc is mounted with hidepid, which hides the processes of other users: run as the \
             same user or as root"
        }
        _ => "run as the same user as the process, as root, or with CAP_SYS_PTRACE",
    }
}
