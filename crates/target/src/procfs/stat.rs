//! `/proc/PID/stat`, `statm` and `status`.

use super::text;

/// `/proc/PID/statm`, in pages. The kernel sums per-CPU counters loosely here: since Linux 6.2
/// each figure may be off by up to 64 pages for every CPU.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statm {
    /// Address space.
    pub size: u64,
    /// Resident.
    pub resident: u64,
    /// Resident file pages and shared memory.
    pub shared: u64,
}

impl Statm {
    /// Reads the text of `statm`.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let mut numbers = bytes.trim_ascii_end().split(|&b| b == b' ').map(text::number);
        let mut next = || numbers.next().flatten();
        Some(Self { size: next()?, resident: next()?, shared: next()? })
    }
}

/// What is of use in `/proc/PID/stat`.
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stat {
    /// PID.
    pub pid: u32,
    /// Short name; it may hold blanks, parentheses and line ends.
    pub comm: String,
    /// One letter: `R`, `S`, `D`, `Z`, `T`, `t`, `X`, `I`...
    pub state: char,
    /// PID of the parent; 0: none that can be seen from here.
    pub parent: u32,
    /// Flags of the kernel.
    pub flags: u64,
    /// Page faults that needed no I/O.
    pub minor_faults: u64,
    /// The same of all children that have ended and been waited for.
    pub children_minor_faults: u64,
    /// Page faults that needed I/O.
    pub major_faults: u64,
    /// CPU time in user mode, clock ticks.
    pub user_ticks: u64,
    /// CPU time in the kernel, clock ticks.
    pub system_ticks: u64,
    /// Threads.
    pub threads: u64,
    /// When it started, clock ticks since boot.
    pub start_ticks: u64,
    /// Address space, bytes.
    pub vsize: u64,
    /// Resident, pages, summed loosely; see [`Statm`].
    pub rss_pages: u64,
}

impl Stat {
    const KERNEL_THREAD: u64 = 0x0020_0000;

    /// Reads the text of `stat`.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        // The name may hold anything, `) R 1` too; nothing behind it holds a parenthesis.
        let open = bytes.iter().position(|&b| b == b'(')?;
        let close = bytes.iter().rposition(|&b| b == b')')?;
        let comm = bytes.get(open + 1..close)?;
        let pid = text::number(bytes[..open].trim_ascii())?;
        let mut fields = [&b""[..]; 22];
        for (field, word) in fields.iter_mut().zip(text::words(&bytes[close + 1..])) {
            *field = word;
        }
        // Field 3 of the manual page, the state, is the first behind the name.
        let at = |manual: usize| text::number(fields[manual - 3]);
        Some(Self {
            pid: u32::try_from(pid).ok()?,
            comm: text::text(comm),
            state: char::from(*fields[0].first()?),
            // A negative figure stands for "none" here.
            parent: at(4).and_then(|p| u32::try_from(p).ok()).unwrap_or(0),
            flags: at(9)?,
            minor_faults: at(10)?,
            children_minor_faults: at(11)?,
            major_faults: at(12)?,
            user_ticks: at(14)?,
            system_ticks: at(15)?,
            threads: at(20)?,
            start_ticks: at(22)?,
            vsize: at(23)?,
            rss_pages: at(24).unwrap_or(0),
        })
    }

    /// Whether the process has ended and only waits for its parent to ask for its status.
    #[must_use]
    pub fn is_zombie(&self) -> bool {
        matches!(self.state, 'Z' | 'X' | 'x')
    }

    /// Whether it is a thread of the kernel.
    #[must_use]
    pub fn is_kernel_thread(&self) -> bool {
        self.flags & Self::KERNEL_THREAD != 0
    }
}

/// What is of use in `/proc/PID/status`. Bytes; `None` where the kernel does not report it or
/// the process has no memory.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// PID of the process that this thread belongs to (`Tgid`).
    pub process: Option<u32>,
    /// Effective user.
    pub uid: Option<u32>,
    /// Highest address space so far.
    pub vm_peak: Option<u64>,
    /// Address space.
    pub vm_size: Option<u64>,
    /// Locked into memory.
    pub vm_locked: Option<u64>,
    /// Highest resident set so far.
    pub vm_hwm: Option<u64>,
    /// Resident; summed loosely, see [`Statm`].
    pub vm_rss: Option<u64>,
    /// Resident anonymous memory; summed loosely.
    pub rss_anon: Option<u64>,
    /// Resident file pages; summed loosely.
    pub rss_file: Option<u64>,
    /// Resident shared memory; summed loosely.
    pub rss_shmem: Option<u64>,
    /// Private memory that can be written: what `RLIMIT_DATA` limits.
    pub vm_data: Option<u64>,
    /// The main stack.
    pub vm_stack: Option<u64>,
    /// Page tables.
    pub vm_pte: Option<u64>,
    /// Swapped out.
    pub vm_swap: Option<u64>,
    /// hugetlbfs pages.
    pub hugetlb: Option<u64>,
    /// Threads.
    pub threads: Option<u64>,
    /// Slots in the table of open files; at least as many as are open.
    pub fd_size: Option<u64>,
}

impl Status {
    /// Reads the text of `status`; what is not known is left out.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Self {
        let mut status = Self::default();
        for (name, value) in text::lines(bytes).filter_map(text::field) {
            status.take(name, value);
        }
        status
    }

    fn take(&mut self, name: &[u8], value: &[u8]) {
        let small = |word: Option<&[u8]>| u32::try_from(text::number(word?)?).ok();
        let size = match name {
            b"Tgid" => return self.process = small(Some(value)),
            // Real, effective, saved, file system.
            b"Uid" => {
                return self.uid = small(value.split(|b| matches!(b, b' ' | b'\t')).nth(1));
            }
            b"Threads" => return self.threads = text::number(value),
            b"FDSize" => return self.fd_size = text::number(value),
            b"VmPeak" => &mut self.vm_peak,
            b"VmSize" => &mut self.vm_size,
            b"VmLck" => &mut self.vm_locked,
            b"VmHWM" => &mut self.vm_hwm,
            b"VmRSS" => &mut self.vm_rss,
            b"RssAnon" => &mut self.rss_anon,
            b"RssFile" => &mut self.rss_file,
            b"RssShmem" => &mut self.rss_shmem,
            b"VmData" => &mut self.vm_data,
            b"VmStk" => &mut self.vm_stack,
            b"VmPTE" => &mut self.vm_pte,
            b"VmSwap" => &mut self.vm_swap,
            b"HugetlbPages" => &mut self.hugetlb,
            _ => return,
        };
        *size = text::kib(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: &[u8] = b"77 (a) R 1 (b\n) S 12 77 77 0 -1 4194304 94 5 3 6 11 12 7 8 20 0 4 0 \
        123456 5505024 1222 18446744073709551615 1 1 0\n";

    /// The name is up to the target: it may look like the fields behind it.
    #[test]
    fn a_name_that_lies_does_not_shift_the_fields() {
        let stat = Stat::parse(STAT).unwrap();
        assert_eq!((stat.pid, stat.comm.as_str(), stat.state), (77, "a) R 1 (b\n", 'S'));
        assert_eq!((stat.parent, stat.threads, stat.start_ticks), (12, 4, 123_456));
        assert_eq!((stat.minor_faults, stat.major_faults), (94, 3));
        assert_eq!(stat.children_minor_faults, 5);
        assert_eq!((stat.user_ticks, stat.system_ticks), (11, 12));
        assert_eq!((stat.vsize, stat.rss_pages), (5_505_024, 1222));
        assert!(!stat.is_zombie() && !stat.is_kernel_thread());
        let kthread = b"2 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0 0 0 0 0 0 20 0 1 0 24 0 0 1";
        assert!(Stat::parse(kthread).unwrap().is_kernel_thread());
    }

    #[test]
    fn statm_and_status_are_read() {
        let statm = Statm::parse(b"1346 500 300 5 0 118 0\n");
        assert_eq!(statm, Some(Statm { size: 1346, resident: 500, shared: 300 }));
        let status = Status::parse(
            b"Name:\tx\nTgid:\t9\nUid:\t1000\t1001\t1002\t1003\nVmHWM:\t  20 kB\n\
              RssAnon:\t 4 kB\nVmPTE:\t 8 kB\nThreads:\t3\nVmRSS:\tlots\n",
        );
        assert_eq!((status.process, status.uid, status.threads), (Some(9), Some(1001), Some(3)));
        assert_eq!((status.vm_hwm, status.rss_anon), (Some(20 << 10), Some(4 << 10)));
        assert_eq!((status.vm_pte, status.vm_rss, status.vm_swap), (Some(8 << 10), None, None));
    }

    #[test]
    fn hostile_text_is_survived() {
        for cut in 0..STAT.len() {
            let _ = Stat::parse(&STAT[..cut]);
            let mut changed = STAT.to_vec();
            for byte in [0, b'(', b')', b' ', b'-', 0xff] {
                changed[cut] = byte;
                let _ = Stat::parse(&changed);
                let _ = Statm::parse(&changed);
                let _ = Status::parse(&changed);
            }
        }
        assert_eq!(Stat::parse(b")("), None);
        assert_eq!(Statm::parse(b"1 2"), None);
    }
}
