//! `/proc/PID/smaps`, `smaps_rollup` and `maps`.
//!
//! One grammar serves all three: a header line per mapping, then, in the first two, fields.
//! Every field is optional, because every kernel has its own set.

use std::borrow::Cow;
use std::io::{self, Read};

use super::text;

/// What the kernel counts for a mapping, or for all of them (`smaps_rollup`). Bytes.
///
/// A field is `None` where the kernel does not report it.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Address space (`Size`); in a header alone, the length of the mapping.
    pub size: Option<u64>,
    /// Resident.
    pub rss: Option<u64>,
    /// Proportional: each page divided by the number of its mappers.
    pub pss: Option<u64>,
    /// The dirty part of the proportional set (Linux 6.0 and up).
    pub pss_dirty: Option<u64>,
    /// The anonymous part of the proportional set (`smaps_rollup` since Linux 5.4).
    pub pss_anon: Option<u64>,
    /// The file part of the proportional set (`smaps_rollup` since Linux 5.4).
    pub pss_file: Option<u64>,
    /// The shared-memory part of the proportional set (`smaps_rollup` since Linux 5.4).
    pub pss_shmem: Option<u64>,
    /// Mapped by others too, unchanged.
    pub shared_clean: Option<u64>,
    /// Mapped by others too, changed.
    pub shared_dirty: Option<u64>,
    /// Mapped by this process alone, unchanged.
    pub private_clean: Option<u64>,
    /// Mapped by this process alone, changed.
    pub private_dirty: Option<u64>,
    /// Touched since the marks were last cleared.
    pub referenced: Option<u64>,
    /// Pages that belong to no file, copies of file pages included.
    pub anonymous: Option<u64>,
    /// Freed with `MADV_FREE` and not yet taken by the kernel.
    pub lazy_free: Option<u64>,
    /// Anonymous memory in transparent huge pages.
    pub anon_huge: Option<u64>,
    /// Shared memory in transparent huge pages.
    pub shmem_huge: Option<u64>,
    /// File pages in transparent huge pages.
    pub file_huge: Option<u64>,
    /// hugetlbfs pages mapped by others too; not part of the resident set.
    pub shared_hugetlb: Option<u64>,
    /// hugetlbfs pages of this process alone; not part of the resident set.
    pub private_hugetlb: Option<u64>,
    /// Swapped out.
    pub swap: Option<u64>,
    /// Proportional share of what is swapped out.
    pub swap_pss: Option<u64>,
    /// Locked into memory.
    pub locked: Option<u64>,
}

impl Counts {
    /// What only this process has mapped: the unique set, bytes.
    #[must_use]
    pub fn uss(&self) -> Option<u64> {
        Some(self.private_clean?.saturating_add(self.private_dirty?))
    }

    /// Huge pages of all kinds, bytes.
    #[must_use]
    pub fn huge(&self) -> Option<u64> {
        [self.anon_huge, self.shmem_huge, self.file_huge, self.shared_hugetlb, self.private_hugetlb]
            .into_iter()
            .flatten()
            .reduce(u64::saturating_add)
    }

    /// Adds another's figures; what neither has stays missing.
    pub fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.fields().into_iter().zip((*other).fields_by_value()) {
            if let Some(theirs) = theirs {
                *mine = Some(mine.unwrap_or(0).saturating_add(theirs));
            }
        }
    }

    fn fields(&mut self) -> [&mut Option<u64>; 22] {
        [
            &mut self.size,
            &mut self.rss,
            &mut self.pss,
            &mut self.pss_dirty,
            &mut self.pss_anon,
            &mut self.pss_file,
            &mut self.pss_shmem,
            &mut self.shared_clean,
            &mut self.shared_dirty,
            &mut self.private_clean,
            &mut self.private_dirty,
            &mut self.referenced,
            &mut self.anonymous,
            &mut self.lazy_free,
            &mut self.anon_huge,
            &mut self.shmem_huge,
            &mut self.file_huge,
            &mut self.shared_hugetlb,
            &mut self.private_hugetlb,
            &mut self.swap,
            &mut self.swap_pss,
            &mut self.locked,
        ]
    }

    fn fields_by_value(mut self) -> [Option<u64>; 22] {
        self.fields().map(|field| *field)
    }

    /// Takes a line `Name:  12 kB`; lines that are not known are left alone.
    fn take(&mut self, name: &[u8], value: &[u8]) {
        let field = match name {
            b"Size" => &mut self.size,
            b"Rss" => &mut self.rss,
            b"Pss" => &mut self.pss,
            b"Pss_Dirty" => &mut self.pss_dirty,
            b"Pss_Anon" => &mut self.pss_anon,
            b"Pss_File" => &mut self.pss_file,
            b"Pss_Shmem" => &mut self.pss_shmem,
            b"Shared_Clean" => &mut self.shared_clean,
            b"Shared_Dirty" => &mut self.shared_dirty,
            b"Private_Clean" => &mut self.private_clean,
            b"Private_Dirty" => &mut self.private_dirty,
            b"Referenced" => &mut self.referenced,
            b"Anonymous" => &mut self.anonymous,
            b"LazyFree" => &mut self.lazy_free,
            b"AnonHugePages" => &mut self.anon_huge,
            b"ShmemPmdMapped" => &mut self.shmem_huge,
            b"FilePmdMapped" => &mut self.file_huge,
            b"Shared_Hugetlb" => &mut self.shared_hugetlb,
            b"Private_Hugetlb" => &mut self.private_hugetlb,
            b"Swap" => &mut self.swap,
            b"SwapPss" => &mut self.swap_pss,
            b"Locked" => &mut self.locked,
            _ => return,
        };
        if let Some(bytes) = text::kib(value) {
            *field = Some(bytes);
        }
    }
}

/// What may be done with a mapping.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Perms {
    /// It can be read.
    pub read: bool,
    /// It can be written.
    pub write: bool,
    /// It can be executed.
    pub exec: bool,
    /// Writes reach the file and other processes.
    pub shared: bool,
}

/// A device number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Dev {
    /// Major number; 0 for file systems without a device.
    pub major: u32,
    /// Minor number.
    pub minor: u32,
}

/// A mapping: its header line, and what the kernel counts for it.
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mapping<'a> {
    /// First address.
    pub start: u64,
    /// Address behind the last.
    pub end: u64,
    /// What may be done with it.
    pub perms: Perms,
    /// Where in the file it begins, bytes.
    pub offset: u64,
    /// The file's device.
    pub dev: Dev,
    /// The file's inode; 0: no file.
    pub inode: u64,
    /// Path or label (`[heap]`), as the kernel gives it, ` (deleted)` included; empty for plain
    /// anonymous memory. What is not UTF-8 has become `U+FFFD`.
    pub path: Cow<'a, str>,
    /// What is in it. From `maps` only `size` is there.
    pub counts: Counts,
    /// `VmFlags`, such as `rd wr mr mw me ac`; empty where the kernel does not report them.
    pub vm_flags: Cow<'a, str>,
}

impl Mapping<'_> {
    /// The length of the mapping, bytes.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.end.saturating_sub(self.start)
    }

    /// Whether it has no length.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether it has this two-letter flag in `VmFlags`.
    #[must_use]
    pub fn has_flag(&self, flag: &str) -> bool {
        self.vm_flags.split(' ').any(|f| f == flag)
    }

    /// The same with texts of its own.
    #[must_use]
    pub fn into_owned(self) -> Mapping<'static> {
        Mapping {
            path: Cow::Owned(self.path.into_owned()),
            vm_flags: Cow::Owned(self.vm_flags.into_owned()),
            start: self.start,
            end: self.end,
            perms: self.perms,
            offset: self.offset,
            dev: self.dev,
            inode: self.inode,
            counts: self.counts,
        }
    }
}

/// The mappings in the text of `smaps` or `maps`. Lines that make no sense are left out.
pub fn parse(text: &[u8]) -> impl Iterator<Item = Mapping<'_>> {
    let mut lines = text::lines(text).peekable();
    std::iter::from_fn(move || {
        let mut mapping = lines.by_ref().find_map(header)?;
        while let Some(line) = lines.next_if(|line| is_field(line)) {
            take_field(&mut mapping, line);
        }
        Some(mapping)
    })
}

/// The sums in the text of `smaps_rollup`; `None` if there is not one field that is known.
#[must_use]
pub fn parse_rollup(text: &[u8]) -> Option<Counts> {
    let mut counts = Counts::default();
    for (name, value) in text::lines(text).filter_map(text::field) {
        counts.take(name, value);
    }
    (counts != Counts::default()).then_some(counts)
}

/// The sums over all mappings in the text of `smaps`: what `smaps_rollup` gives, for kernels
/// without it (before Linux 4.14). PSS is summed from rounded figures: up to 1 KiB less per
/// mapping.
#[must_use]
pub fn sum<'a>(mappings: impl IntoIterator<Item = Mapping<'a>>) -> Counts {
    let mut total = Counts::default();
    for mapping in mappings {
        total.add(&mapping.counts);
    }
    total
}

/// Hands over each mapping as it is read, keeping a small piece of the text only: a process
/// with 60000 mappings has 40 MB of `smaps`.
///
/// # Errors
/// Those of the reader. What was handed over before stands.
pub fn stream(mut from: impl Read, mut each: impl FnMut(Mapping<'_>)) -> io::Result<()> {
    let mut buffer = vec![0; 64 << 10];
    let mut filled = 0;
    loop {
        let read = match from.read(&mut buffer[filled..]) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            other => other?,
        };
        filled += read;
        let ended = read == 0;
        if !ended && filled < buffer.len() {
            continue;
        }
        // The last mapping may go on in what was not read yet.
        let whole = if ended { filled } else { last_header(&buffer[..filled]) };
        parse(&buffer[..whole]).for_each(&mut each);
        if ended {
            return Ok(());
        }
        if whole == 0 {
            // One mapping fills the buffer: no kernel writes that.
            return Err(io::Error::new(io::ErrorKind::InvalidData, "not a list of mappings"));
        }
        buffer.copy_within(whole..filled, 0);
        filled -= whole;
    }
}

/// Where the last header line begins; 0 if there is none but at the start.
fn last_header(text: &[u8]) -> usize {
    let mut end = text.len();
    while let Some(newline) = text[..end].iter().rposition(|&b| b == b'\n') {
        if text.get(newline + 1).is_some_and(|b| !b.is_ascii_uppercase()) {
            return newline + 1;
        }
        end = newline;
    }
    0
}

/// Fields begin with a capital letter, headers with a small hexadecimal digit.
fn is_field(line: &[u8]) -> bool {
    line.first().is_some_and(u8::is_ascii_uppercase)
}

fn take_field<'a>(mapping: &mut Mapping<'a>, line: &'a [u8]) {
    match text::field(line) {
        // The only field that is text.
        Some((b"VmFlags", flags)) => {
            mapping.vm_flags = String::from_utf8_lossy(flags);
        }
        Some((name, value)) => mapping.counts.take(name, value),
        None => {}
    }
}

/// `55db305ba000-55db305bc000 r-xp 00002000 fe:00 247282       /usr/bin/head`
fn header(line: &[u8]) -> Option<Mapping<'_>> {
    let mut rest = line;
    let (start, end) = split(word(&mut rest)?, b'-')?;
    let (start, end) = (text::hex(start)?, text::hex(end)?);
    let perms = match word(&mut rest)? {
        &[r, w, x, s] => {
            Perms { read: r == b'r', write: w == b'w', exec: x == b'x', shared: s == b's' }
        }
        _ => return None,
    };
    let offset = text::hex(word(&mut rest)?)?;
    let (major, minor) = split(word(&mut rest)?, b':')?;
    let dev = Dev {
        major: u32::try_from(text::hex(major)?).ok()?,
        minor: u32::try_from(text::hex(minor)?).ok()?,
    };
    let inode = text::number(word(&mut rest)?)?;
    // The path is all of the rest: it may have blanks.
    let path = match text::unescape(rest.trim_ascii_start()) {
        Cow::Borrowed(bytes) => String::from_utf8_lossy(bytes),
        Cow::Owned(bytes) => Cow::Owned(text::text(&bytes)),
    };
    let size = end.checked_sub(start)?;
    let counts = Counts { size: Some(size), ..Counts::default() };
    Some(Mapping { start, end, perms, offset, dev, inode, path, counts, ..Mapping::default() })
}

/// The next word, and `rest` behind it.
fn word<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let line = rest.trim_ascii_start();
    let end = line.iter().position(|&b| b == b' ').unwrap_or(line.len());
    let (word, after) = line.split_at(end);
    *rest = after;
    (!word.is_empty()).then_some(word)
}

fn split(bytes: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let place = bytes.iter().position(|&b| b == at)?;
    Some((&bytes[..place], &bytes[place + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &[u8] = b"\
55ca2b8ba000-55ca2b8bc000 r-xp 00002000 fe:01 247282                     /a path/with blanks\\012x (deleted)
Size:                  8 kB
Rss:                   4 kB
Private_Clean:         4 kB
Private_Dirty:         0 kB
THPeligible:           0
VmFlags: rd ex mr mw me
7f0000000000-7f0000100000 rw-p 00000000 00:00 0
Size:               1024 kB
Rss:                 512 kB
AnonHugePages:         0 kB
NewField:           oops
7ffe00000000-7ffe00021000 rw-p 00000000 00:00 0                          [stack]
";

    #[test]
    fn mappings_are_read_with_their_fields() {
        let all: Vec<_> = parse(TEXT).collect();
        assert_eq!(all.len(), 3);
        assert_eq!(all[0].path, "/a path/with blanks\nx (deleted)");
        assert_eq!((all[0].dev.major, all[0].dev.minor, all[0].inode), (0xfe, 1, 247_282));
        assert!(all[0].perms.exec && !all[0].perms.write && all[0].has_flag("ex"));
        assert_eq!(all[0].counts.uss(), Some(4096));
        assert_eq!((all[1].path.as_ref(), all[1].counts.rss), ("", Some(512 << 10)));
        assert_eq!(all[1].counts.huge(), Some(0));
        assert_eq!(all[1].counts.uss(), None, "no private fields, no unique set");
        assert_eq!((all[2].path.as_ref(), all[2].len()), ("[stack]", 0x21000));
        assert_eq!(all[2].counts.rss, None, "missing is not zero");
        let total = sum(all);
        assert_eq!(total.rss, Some(516 << 10));
    }

    /// Whatever the pieces in which the text arrives, the mappings are the same.
    #[test]
    fn streaming_gives_the_same() {
        let mut long = Vec::new();
        for _ in 0..2000 {
            long.extend_from_slice(TEXT);
        }
        struct Pieces<'a>(&'a [u8], usize);
        impl Read for Pieces<'_> {
            fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
                let n = self.1.min(into.len()).min(self.0.len());
                into[..n].copy_from_slice(&self.0[..n]);
                self.0 = &self.0[n..];
                Ok(n)
            }
        }
        for piece in [1, 777, 4096, usize::MAX] {
            let mut seen = Vec::new();
            stream(Pieces(&long, piece), |m| seen.push(m.into_owned())).unwrap();
            assert_eq!(seen.len(), 6000);
            assert!(parse(&long).eq(seen), "pieces of {piece}");
        }
    }

    /// Cut or changed anywhere: an answer, no panic.
    #[test]
    fn hostile_text_is_survived() {
        for cut in 0..TEXT.len() {
            assert!(parse(&TEXT[..cut]).count() <= 3);
            let mut changed = TEXT.to_vec();
            for byte in [0, b'-', b'\n', b'\\', 0xff] {
                changed[cut] = byte;
                let _ = parse(&changed).count();
                let _ = parse_rollup(&changed);
            }
        }
        assert_eq!(parse(b"ffffffffffffffff-0 rw-p 0 00:00 0\n").count(), 0, "ends before start");
        assert_eq!(parse_rollup(b"Something: 1\n"), None);
        let endless = io::repeat(b'A').take(1 << 20);
        assert!(stream(endless, |_| {}).is_err());
    }
}
