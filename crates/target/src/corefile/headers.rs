//! The headers of a core file: `elf(5)`.

use std::fs::File;
use std::os::unix::fs::FileExt;

use probe::{Error, ErrorKind, Result};

/// The most program headers that are read: a process has one for each mapping, and
/// `vm.max_map_count` is rarely raised above this.
const MAX_HEADERS: u64 = 1 << 20;
/// Bytes of a program header of 64 bits.
const HEADER: u64 = 56;
/// Headers that are read at once.
const BATCH: u64 = 1024;
/// The number stands elsewhere: in the first section header.
const PN_XNUM: u64 = 0xffff;

/// What starts compressed files that programs which collect cores make, and what undoes it.
const COMPRESSED: [(&[u8], &str); 4] = [
    (b"\x28\xb5\x2f\xfd", "zstd -d"),
    (b"\x04\x22\x4d\x18", "lz4 -d"),
    (b"\x1f\x8b", "gzip -d"),
    (b"\xfd7zXZ", "xz -d"),
];
/// Machines by their number in `e_machine`.
const MACHINES: [(u16, &str); 6] = [
    (3, "x86"),
    (40, "arm"),
    (62, "x86_64"),
    (183, "aarch64"),
    (21, "powerpc64"),
    (243, "riscv64"),
];

/// A part of the file that a program header names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) kind: Kind,
    /// `PF_X` 1, `PF_W` 2, `PF_R` 4.
    pub(super) flags: u32,
    pub(super) offset: u64,
    pub(super) address: u64,
    pub(super) file_size: u64,
    pub(super) memory_size: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Memory.
    Load,
    /// What else is known.
    Note,
}

/// The headers for memory and for notes.
///
/// # Errors
/// [`ErrorKind::InvalidData`] when the file is no core file, [`ErrorKind::Unsupported`] when it
/// is one of another kind of machine.
pub(super) fn read(file: &File, length: u64) -> Result<Vec<Header>> {
    let mut head = [0; 64];
    let read = length.min(64) as usize;
    read_at(file, &mut head[..read], 0)?;
    let bytes = Fields(&head);
    check(bytes)?;
    let (at, size, mut count) = (bytes.word(32), u64::from(bytes.half(54)), bytes.half(56).into());
    if count == PN_XNUM {
        count = extended_count(file, bytes.word(40))?;
    }
    if size != HEADER || count > MAX_HEADERS {
        let message = format!("{count} program headers of {size} bytes: no sane core file");
        return Err(invalid(message));
    }
    let mut headers = Vec::new();
    let mut done = 0;
    let mut buffer = vec![0; (BATCH * HEADER) as usize];
    while done < count {
        let some = (count - done).min(BATCH);
        let batch = &mut buffer[..(some * HEADER) as usize];
        let place = (done * HEADER).checked_add(at).ok_or_else(|| invalid("headers nowhere"))?;
        read_at(file, batch, place)?;
        headers.extend(batch.chunks_exact(HEADER as usize).filter_map(header));
        done += some;
    }
    Ok(headers)
}

fn header(bytes: &[u8]) -> Option<Header> {
    let bytes = Fields(bytes);
    let kind = match bytes.int(0) {
        1 => Kind::Load,
        4 => Kind::Note,
        _ => return None,
    };
    Some(Header {
        kind,
        flags: bytes.int(4),
        offset: bytes.word(8),
        address: bytes.word(16),
        file_size: bytes.word(32),
        memory_size: bytes.word(40),
    })
}

/// `sh_info` of the first section header.
fn extended_count(file: &File, sections: u64) -> Result<u64> {
    let mut header = [0; 64];
    read_at(file, &mut header, sections)?;
    Ok(Fields(&header).int(44).into())
}

fn check(head: Fields<'_>) -> Result<()> {
    if !head.0.starts_with(b"\x7fELF") {
        let error = invalid("it is no core file: it does not begin as an ELF file");
        let packed = COMPRESSED.iter().find(|(magic, _)| head.0.starts_with(magic));
        return Err(match packed {
            Some((_, tool)) => error.with_hint(format!("it is compressed: `{tool}` it first")),
            None => error.with_hint("`gcore PID` makes one of a process that runs"),
        });
    }
    let (class, order, kind, machine) = (head.0[4], head.0[5], head.half(16), head.half(18));
    if class != 2 {
        return Err(foreign("it is of a process of 32 bits".into()));
    }
    if order != 1 {
        return Err(foreign("it is of a machine with the other byte order".into()));
    }
    if kind != 4 {
        let what = match kind {
            1 => "an object file",
            2 => "a program",
            3 => "a program or a library",
            _ => "an ELF file of another kind",
        };
        return Err(invalid(format!("it is no core file but {what}"))
            .with_hint("`gcore PID` makes one of a process that runs"));
    }
    let name = MACHINES.iter().find(|(number, _)| *number == machine).map(|(_, name)| *name);
    if name == Some(std::env::consts::ARCH) {
        return Ok(());
    }
    let name = name.map_or_else(|| format!("machine number {machine}"), Into::into);
    Err(foreign(format!("it is of {name}, and this program reads {}", std::env::consts::ARCH)))
}

fn foreign(message: String) -> Error {
    Error::new(ErrorKind::Unsupported, message).with_hint("read it on a machine of its own kind")
}

pub(super) fn invalid(message: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::InvalidData, message)
}

/// Fills a buffer, or says that the file ends.
pub(super) fn read_at(file: &File, buffer: &mut [u8], at: u64) -> Result<()> {
    file.read_exact_at(buffer, at).map_err(|error| match error.kind() {
        std::io::ErrorKind::UnexpectedEof | std::io::ErrorKind::InvalidInput => {
            invalid(format!("the file ends before byte {}", at.saturating_add(buffer.len() as u64)))
        }
        _ => Error::io(error, "cannot read the core file"),
    })
}

/// Numbers at places; 0 where there is no room for one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl Fields<'_> {
    fn array<const N: usize>(self, at: usize) -> [u8; N] {
        let bytes = self.0.get(at..).and_then(|rest| rest.first_chunk());
        bytes.copied().unwrap_or([0; N])
    }

    pub(super) fn half(self, at: usize) -> u16 {
        u16::from_le_bytes(self.array(at))
    }

    pub(super) fn int(self, at: usize) -> u32 {
        u32::from_le_bytes(self.array(at))
    }

    pub(super) fn word(self, at: usize) -> u64 {
        u64::from_le_bytes(self.array(at))
    }
}
