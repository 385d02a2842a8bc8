//! What a core file says besides memory: threads and registers, the process, mapped files.
//!
//! The layouts are those of Linux on 64 bits: `struct elf_prstatus` and `struct elf_prpsinfo`
//! (`include/linux/elfcore.h`, `include/uapi/linux/elfcore.h`), `fill_files_note` in
//! `fs/binfmt_elf.c`.

use std::collections::BTreeMap;
use std::fs::File;
use std::ops::Range;

use probe::Result;
use probe::target::FrozenThread;

use super::headers::{Fields, read_at};

/// The most notes that are looked at: a thread has some eight.
const MAX_NOTES: usize = 1 << 20;
/// The most threads that are kept.
const MAX_THREADS: usize = 1 << 16;
/// The longest list of mapped files that is read, bytes: 300 000 mappings.
const MAX_FILES_NOTE: u64 = 32 << 20;
/// The largest other note that is read.
const MAX_NOTE: u64 = 64 << 10;

const NT_PRSTATUS: u32 = 1;
const NT_PRPSINFO: u32 = 3;
const NT_AUXV: u32 = 6;
const NT_FILE: u32 = 0x4649_4c45;
/// The registers in `elf_prstatus`, and how many there are.
const REGISTERS: usize = 112;
const COUNT: usize = if cfg!(target_arch = "aarch64") { 34 } else { 27 };

/// A mapping of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FileMapping {
    pub(super) range: Range<u64>,
    /// Where in the file it begins, bytes.
    pub(super) offset: u64,
    /// Which file: index into `Notes::paths`.
    pub(super) path: usize,
}

/// All that was found.
#[derive(Clone, Debug, Default)]
pub(super) struct Notes {
    pub(super) pid: u32,
    /// Command line, as far as the kernel keeps it: 79 bytes.
    pub(super) command: String,
    /// The thread for which the core was made stands first.
    pub(super) threads: Vec<FrozenThread>,
    /// In order of address, without overlaps.
    pub(super) files: Vec<FileMapping>,
    pub(super) paths: Vec<String>,
    /// The address at which the program began: `AT_ENTRY`.
    pub(super) entry: Option<u64>,
}

impl Notes {
    /// Adds the notes of one part of the file.
    ///
    /// # Errors
    /// When the file cannot be read. Notes that make no sense are left out.
    pub(super) fn add(&mut self, file: &File, part: Range<u64>) -> Result<()> {
        let mut at = part.start;
        for _ in 0..MAX_NOTES {
            let mut head = [0; 12];
            let Some(name_at) = at.checked_add(12).filter(|&end| end <= part.end) else { break };
            read_at(file, &mut head, at)?;
            let [names, size] = [0, 4].map(|at| u64::from(Fields(&head).int(at)));
            let start = name_at + names.next_multiple_of(4);
            let end = start + size;
            if end > part.end {
                break;
            }
            let kind = Fields(&head).int(8);
            let most = if kind == NT_FILE { MAX_FILES_NOTE } else { MAX_NOTE };
            let wanted = [NT_PRSTATUS, NT_PRPSINFO, NT_AUXV, NT_FILE].contains(&kind);
            if wanted && size <= most && is_of_core(file, name_at, names)? {
                let mut bytes = vec![0; size as usize];
                read_at(file, &mut bytes, start)?;
                self.note(kind, &bytes);
            }
            at = end.next_multiple_of(4);
        }
        Ok(())
    }

    fn note(&mut self, kind: u32, bytes: &[u8]) {
        let fields = Fields(bytes);
        match kind {
            NT_PRSTATUS => self.thread(bytes),
            NT_PRPSINFO => {
                self.pid = fields.int(24);
                self.command = text(bytes.get(56..136).unwrap_or_default());
            }
            NT_AUXV => self.entry = entry(bytes),
            NT_FILE => self.file_list(bytes),
            _ => {}
        }
    }

    fn thread(&mut self, status: &[u8]) {
        if status.len() < REGISTERS + 8 * COUNT || self.threads.len() >= MAX_THREADS {
            return;
        }
        let fields = Fields(status);
        let registers = (0..COUNT).map(|n| fields.word(REGISTERS + 8 * n)).collect();
        self.threads.push(FrozenThread { tid: fields.int(32), registers });
    }

    /// The count, the unit of offsets, ranges, and as many paths.
    fn file_list(&mut self, bytes: &[u8]) {
        let fields = Fields(bytes);
        let (count, unit) = (fields.word(0), fields.word(8));
        let room = (bytes.len() / 24) as u64;
        let count = count.min(room) as usize;
        let Some(names) = bytes.get(16 + 24 * count..) else { return };
        let mut known = BTreeMap::new();
        let mut files: Vec<FileMapping> = Vec::new();
        for (index, name) in names.split(|&b| b == 0).take(count).enumerate() {
            let at = 16 + 24 * index;
            let range = fields.word(at)..fields.word(at + 8);
            let Some(offset) = fields.word(at + 16).checked_mul(unit) else { continue };
            let free = files.last().is_none_or(|last| last.range.end <= range.start);
            if range.start < range.end && free {
                let new = known.len();
                let path = *known.entry(name).or_insert(new);
                files.push(FileMapping { range, offset, path });
            }
        }
        let mut paths = vec![String::new(); known.len()];
        for (name, index) in known {
            paths[index] = String::from_utf8_lossy(name).into_owned();
        }
        (self.files, self.paths) = (files, paths);
    }

    /// The mapping of a file that an address lies in.
    pub(super) fn file_at(&self, address: u64) -> Option<&FileMapping> {
        let after = self.files.partition_point(|file| file.range.start <= address);
        let file = self.files.get(after.checked_sub(1)?)?;
        file.range.contains(&address).then_some(file)
    }
}

/// Notes of other names have kinds of their own.
fn is_of_core(file: &File, at: u64, length: u64) -> Result<bool> {
    let mut name = [0; 5];
    if !(4..=5).contains(&length) {
        return Ok(false);
    }
    read_at(file, &mut name[..length as usize], at)?;
    Ok(name.starts_with(b"CORE"))
}

fn entry(auxv: &[u8]) -> Option<u64> {
    const AT_ENTRY: u64 = 9;
    let pairs = auxv.chunks_exact(16).map(|pair| (Fields(pair).word(0), Fields(pair).word(8)));
    pairs.take_while(|&(kind, _)| kind != 0).find(|&(kind, _)| kind == AT_ENTRY).map(|pair| pair.1)
}

fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|&b| b == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).trim_end().to_owned()
}
