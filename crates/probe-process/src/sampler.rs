//! One process: its files are opened once and read again and again.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;

use probe::{Error, ErrorKind, Result, Target};
use target::procfs::smaps::{self, Counts};
use target::procfs::stat::{Stat, Statm, Status};
use target::procfs::{ProcessDir, clock, fd, read_again};

use crate::figures::{HandleGroup, Handles, Memory, Rss, Source};
use crate::mappings::{MappingGroup, group_mappings};
use crate::stacks::Stacks;

/// Room for a `stat` or `status`.
const BUFFER: usize = 16 << 10;

/// Measures one process. Costs the target nothing but the kernel's work for the answers.
///
/// ```no_run
/// # fn main() -> probe::Result<()> {
/// let mut sampler = probe_process::ProcessSampler::attach(1234)?;
/// println!("{} bytes resident", sampler.rss()?.rss);
/// println!("{:?} bytes of its own", sampler.memory()?.uss);
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct ProcessSampler {
    dir: ProcessDir,
    target: Target,
    parent: Option<u32>,
    keep: bool,
    statm: Option<File>,
    rollup: Option<File>,
    stat: Option<File>,
    status: Option<File>,
    buffer: Vec<u8>,
    page: u64,
    tick_ns: u64,
    stacks: Stacks,
}

impl ProcessSampler {
    /// Attaches to the process that has this PID now.
    ///
    /// # Errors
    /// When there is no such process, it has ended, or it is a kernel thread.
    pub fn attach(pid: u32) -> Result<Self> {
        Self::attach_to(&Target::from_pid(pid))
    }

    /// Attaches to a process that is known already.
    ///
    /// # Errors
    /// As [`ProcessSampler::attach`]; [`ErrorKind::TargetEnded`] when its PID belongs to another
    /// process by now.
    pub fn attach_to(target: &Target) -> Result<Self> {
        let mut sampler = Self::new(ProcessDir::open_target(target)?, None, true);
        sampler.target.python.clone_from(&target.python);
        Ok(sampler)
    }

    pub(crate) fn new(dir: ProcessDir, parent: Option<u32>, keep: bool) -> Self {
        Self {
            target: dir.target(),
            dir,
            parent,
            keep,
            statm: None,
            rollup: None,
            stat: None,
            status: None,
            buffer: Vec::new(),
            page: clock::page_size(),
            tick_ns: clock::tick_ns(),
            stacks: Stacks::default(),
        }
    }

    /// The process.
    #[must_use]
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// The PID.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.target.pid
    }

    /// PID of the parent as it was when the process was found; `None` for the root of a tree.
    #[must_use]
    pub fn parent(&self) -> Option<u32> {
        self.parent
    }

    /// The process's folder in `/proc`.
    #[must_use]
    pub fn dir(&self) -> &ProcessDir {
        &self.dir
    }

    /// Resident set and address space: one `pread` of a file that is kept open.
    ///
    /// # Errors
    /// [`ErrorKind::TargetEnded`] when the process has ended or is a zombie.
    pub fn rss(&mut self) -> Result<Rss> {
        let mut buffer = [0; 160];
        let opened;
        let file = match &self.statm {
            Some(file) => file,
            None => {
                opened = self.dir.file("statm")?;
                if self.keep { self.statm.insert(opened) } else { &opened }
            }
        };
        let text = read_again(file, &mut buffer).map_err(|e| self.dir.explain("statm", e))?;
        let statm = Statm::parse(text).ok_or_else(|| self.nonsense("statm"))?;
        if statm.size == 0 {
            // No address space: it is about to end, or has.
            ProcessDir::open_target(&self.target)?;
        }
        Ok(Rss {
            rss: statm.resident.saturating_mul(self.page),
            rss_anon: Some(statm.resident.saturating_sub(statm.shared).saturating_mul(self.page)),
            vss: statm.size.saturating_mul(self.page),
        })
    }

    /// All figures, exact: `smaps_rollup`, `stat`, `status` and the number of open files.
    ///
    /// What cannot be had is missing in the answer; its `source` says how good it is.
    ///
    /// # Errors
    /// [`ErrorKind::TargetEnded`] when the process has ended.
    pub fn memory(&mut self) -> Result<Memory> {
        let stat = self.stat()?;
        if stat.is_zombie() {
            return Ok(zombie(stat, self.tick_ns));
        }
        let (counts, mut source) = self.counts()?;
        let status = self.status()?;
        if counts.rss.is_none() {
            source = Source::Status;
        }
        let mut memory = from_stat(stat, self.tick_ns);
        memory.source = source;
        memory.handles = fd::count(&self.dir).ok();
        memory.cpu_waited_ns = self.waited();
        fill(&mut memory, &counts, &status);
        Ok(memory)
    }

    fn stat(&mut self) -> Result<Stat> {
        let file = kept(&mut self.stat, &self.dir, "stat")?;
        self.buffer.resize(BUFFER, 0);
        let text = read_again(file, &mut self.buffer).map_err(|e| self.dir.explain("stat", e))?;
        let stat = Stat::parse(text);
        self.close_unless_kept();
        stat.ok_or_else(|| self.nonsense("stat"))
    }

    /// The time on a queue for a core: the second figure of `schedstat`, which kernels without
    /// statistics of their scheduler do not have.
    fn waited(&self) -> Option<u64> {
        let text = self.dir.read("schedstat").ok()?;
        let figure = text.split(|byte| byte.is_ascii_whitespace()).nth(1)?;
        std::str::from_utf8(figure).ok()?.parse().ok()
    }

    fn status(&mut self) -> Result<Status> {
        let file = kept(&mut self.status, &self.dir, "status")?;
        self.buffer.resize(BUFFER, 0);
        let text = read_again(file, &mut self.buffer).map_err(|e| self.dir.explain("status", e))?;
        // A user in thousands of groups fills the buffer with their list.
        let status = (text.len() < BUFFER).then(|| Status::parse(text));
        self.close_unless_kept();
        status.map_or_else(|| self.dir.status(), Ok)
    }

    fn close_unless_kept(&mut self) {
        if !self.keep {
            (self.stat, self.status) = (None, None);
        }
    }

    /// The sums over all mappings, from the best source there is.
    fn counts(&mut self) -> Result<(Counts, Source)> {
        match self.rollup() {
            Ok(counts) => Ok((counts, Source::Rollup)),
            Err(error) => match error.kind() {
                ErrorKind::NotFound | ErrorKind::InvalidData => {
                    let mut total = Counts::default();
                    self.dir.mappings(|mapping| total.add(&mapping.counts))?;
                    Ok((total, Source::Smaps))
                }
                ErrorKind::PermissionDenied => Ok((Counts::default(), Source::Status)),
                _ => Err(error),
            },
        }
    }

    fn rollup(&mut self) -> Result<Counts> {
        let mut buffer = [0; 2048];
        if let Some(file) = &self.rollup {
            match read_again(file, &mut buffer) {
                Ok(text) => return self.parse_rollup(text),
                // The file speaks of the memory that the process had when it was opened: a
                // process that has started another program (`exec`) has new memory.
                Err(error) if is_gone(&error) => self.after_exec(),
                Err(error) => return Err(self.dir.explain("smaps_rollup", error)),
            }
        }
        let file = self.dir.file("smaps_rollup")?;
        let text =
            read_again(&file, &mut buffer).map_err(|e| self.dir.explain("smaps_rollup", e))?;
        let counts = self.parse_rollup(text)?;
        self.rollup = self.keep.then_some(file);
        Ok(counts)
    }

    fn after_exec(&mut self) {
        self.rollup = None;
        self.target = Target { python: self.target.python.take(), ..self.dir.target() };
    }

    fn parse_rollup(&self, text: &[u8]) -> Result<Counts> {
        smaps::parse_rollup(text).ok_or_else(|| self.nonsense("smaps_rollup"))
    }

    /// The mappings grouped by kind and name, largest resident set first, at most `most` of
    /// them: the others are summed in one more.
    ///
    /// # Errors
    /// [`ErrorKind::TargetEnded`] or [`ErrorKind::PermissionDenied`].
    pub fn mappings(&mut self, most: usize) -> Result<Vec<MappingGroup>> {
        let pointers = self.stacks.look(&self.dir);
        group_mappings(&self.dir, &pointers, most)
    }

    /// The open handles by kind; at most `most` are looked at.
    ///
    /// # Errors
    /// [`ErrorKind::TargetEnded`] or [`ErrorKind::PermissionDenied`].
    pub fn handles(&self, most: usize) -> Result<Handles> {
        let mut groups: BTreeMap<String, (u64, u32, String)> = BTreeMap::new();
        let cut = fd::each(&self.dir, most, |number, link| {
            let kind = fd::kind(link);
            if !groups.contains_key(&*kind) {
                groups.insert(kind.clone().into_owned(), (0, 0, String::new()));
            }
            if let Some((count, highest, example)) = groups.get_mut(&*kind) {
                *count += 1;
                if number >= *highest {
                    *highest = number;
                    example.clear();
                    example.push_str(link);
                }
            }
        })?;
        let group = |(kind, (count, _, example))| HandleGroup { kind, count, example };
        let mut groups: Vec<_> = groups.into_iter().map(group).collect();
        groups.sort_by_key(|group| std::cmp::Reverse(group.count));
        Ok(Handles { groups, cut })
    }

    fn nonsense(&self, name: &str) -> Error {
        let message = format!("/proc/{}/{name} makes no sense", self.target.pid);
        Error::new(ErrorKind::InvalidData, message)
    }
}

/// The file, opened if it is not open yet.
fn kept<'f>(file: &'f mut Option<File>, dir: &ProcessDir, name: &str) -> Result<&'f File> {
    match file {
        Some(file) => Ok(file),
        none => Ok(none.insert(dir.file(name)?)),
    }
}

fn is_gone(error: &io::Error) -> bool {
    const ESRCH: i32 = 3;
    error.raw_os_error() == Some(ESRCH)
}

fn from_stat(stat: Stat, tick_ns: u64) -> Memory {
    Memory {
        state: Some(stat.state),
        name: Some(stat.comm),
        vss: Some(stat.vsize),
        threads: Some(stat.threads),
        minor_faults: Some(stat.minor_faults),
        major_faults: Some(stat.major_faults),
        cpu_user_ns: stat.user_ticks.checked_mul(tick_ns),
        cpu_system_ns: stat.system_ticks.checked_mul(tick_ns),
        ..Memory::default()
    }
}

/// A zombie has a number and an exit status, and no memory: its zeros are known.
fn zombie(stat: Stat, tick_ns: u64) -> Memory {
    let zero = Some(0);
    Memory {
        source: Source::Zombie,
        rss: zero,
        rss_anon: zero,
        rss_file: zero,
        rss_shmem: zero,
        pss: zero,
        pss_anon: zero,
        pss_file: zero,
        pss_shmem: zero,
        uss: zero,
        swap: zero,
        swap_pss: zero,
        huge: zero,
        lazy_free: zero,
        page_tables: zero,
        handles: zero,
        ..from_stat(stat, tick_ns)
    }
}

fn fill(memory: &mut Memory, counts: &Counts, status: &Status) {
    memory.rss = counts.rss.or(status.vm_rss);
    memory.rss_anon = counts.anonymous.or(status.rss_anon);
    memory.rss_shmem = status.rss_shmem;
    // No file reports this part exactly; the difference makes the parts add up.
    memory.rss_file = parts(memory.rss, memory.rss_anon, memory.rss_shmem).or(status.rss_file);
    memory.peak_rss = status.vm_hwm.max(memory.rss);
    memory.pss = counts.pss;
    memory.pss_anon = counts.pss_anon;
    memory.pss_file = counts.pss_file;
    memory.pss_shmem = counts.pss_shmem;
    memory.uss = counts.uss();
    memory.swap = counts.swap.or(status.vm_swap);
    memory.swap_pss = counts.swap_pss;
    memory.huge = counts.anon_huge;
    memory.lazy_free = counts.lazy_free;
    memory.page_tables = status.vm_pte;
    memory.threads = memory.threads.or(status.threads);
}

fn parts(whole: Option<u64>, one: Option<u64>, two: Option<u64>) -> Option<u64> {
    Some(whole?.saturating_sub(one?).saturating_sub(two?))
}
