//! Writes the core of a process that stands still, as the kernel would: so that tests of core
//! files need no debugger.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::until;

const PAGE: u64 = 4096;
/// Places of registers in `elf_prstatus`: the stack pointer is the 20th on x86-64.
const REGISTERS: usize = 112;
const STACK_POINTER: usize = 19;

/// A mapping as `/proc/PID/smaps` shows it.
#[derive(Clone, Debug, Default)]
struct Area {
    start: u64,
    end: u64,
    perms: String,
    offset: u64,
    path: String,
    /// Bytes that are the process's own.
    anonymous: u64,
}

/// Writes the core of a process, when it waits in a system call: what it changes meanwhile would be
/// torn. Like the kernel (`vma_dump_size`, `coredump_filter` 0x33), it leaves out what can be read
/// from files, but for the first page of each ELF file.
///
/// # Panics
/// When the process cannot be read or the file not be written.
pub fn write_core(pid: u32, path: &Path) {
    until("the process waits", || stack_pointer(pid).is_some());
    let areas = areas(pid);
    let memory = File::open(format!("/proc/{pid}/mem")).unwrap();
    let dumped: Vec<u64> = areas.iter().map(|area| dumped(area, &memory)).collect();
    let notes = notes(pid, &areas);
    let count = areas.len() + 1;
    let first = (64 + 56 * count + notes.len()).next_multiple_of(PAGE as usize) as u64;
    let mut out = BufWriter::new(File::create(path).unwrap());
    out.write_all(&header(count)).unwrap();
    let place = 64 + 56 * count as u64;
    out.write_all(&program_header(4, 0, place, 0, notes.len() as u64, 0)).unwrap();
    let mut at = first;
    for (area, &size) in areas.iter().zip(&dumped) {
        let flag = |letter: char, bit: u32| if area.perms.contains(letter) { bit } else { 0 };
        let flags = flag('x', 1) | flag('w', 2) | flag('r', 4);
        let header = program_header(1, flags, at, area.start, size, area.end - area.start);
        out.write_all(&header).unwrap();
        at += size;
    }
    out.write_all(&notes).unwrap();
    out.write_all(&vec![0; (first - place) as usize - notes.len()]).unwrap();
    for (area, &size) in areas.iter().zip(&dumped) {
        for at in (area.start..area.start + size).step_by(PAGE as usize) {
            let mut page = [0; PAGE as usize];
            // What cannot be read is zero, as in a core of the kernel.
            let _ = memory.read_exact_at(&mut page, at);
            out.write_all(&page).unwrap();
        }
    }
    out.flush().unwrap();
}

fn areas(pid: u32) -> Vec<Area> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/smaps")).unwrap();
    let mut areas: Vec<Area> = Vec::new();
    for line in text.lines() {
        if let Some(value) = line.strip_prefix("Anonymous:") {
            let kib: u64 = value.trim().trim_end_matches(" kB").parse().unwrap();
            areas.last_mut().unwrap().anonymous = kib << 10;
        }
        let mut words = line.splitn(6, ' ');
        let Some((start, end)) = words.next().and_then(|range| range.split_once('-')) else {
            continue;
        };
        let hex = |text: &str| u64::from_str_radix(text, 16).unwrap();
        areas.push(Area {
            start: hex(start),
            end: hex(end),
            perms: words.next().unwrap().into(),
            offset: hex(words.next().unwrap()),
            path: words.nth(2).unwrap_or_default().trim().into(),
            anonymous: 0,
        });
    }
    areas.retain(|area| !["[vvar]", "[vvar_vclock]", "[vsyscall]"].contains(&area.path.as_str()));
    areas
}

/// The bytes of a mapping that the kernel would write.
fn dumped(area: &Area, memory: &File) -> u64 {
    let is_file = area.path.starts_with('/');
    if !area.perms.starts_with('r') && area.anonymous == 0 {
        0
    } else if area.anonymous > 0 || !is_file {
        area.end - area.start
    } else {
        let mut magic = [0; 4];
        let starts = area.offset == 0 && memory.read_exact_at(&mut magic, area.start).is_ok();
        if starts && magic == *b"\x7fELF" { PAGE } else { 0 }
    }
}

fn header(count: usize) -> Vec<u8> {
    let machine: u16 = if cfg!(target_arch = "aarch64") { 183 } else { 62 };
    let mut bytes = b"\x7fELF\x02\x01\x01".to_vec();
    bytes.resize(16, 0);
    for half in [4_u16, machine] {
        bytes.extend(half.to_le_bytes());
    }
    bytes.extend(1_u32.to_le_bytes());
    for word in [0_u64, 64, 0] {
        bytes.extend(word.to_le_bytes());
    }
    bytes.extend(0_u32.to_le_bytes());
    for half in [64_u16, 56, u16::try_from(count).unwrap(), 0, 0, 0] {
        bytes.extend(half.to_le_bytes());
    }
    bytes
}

fn program_header(
    kind: u32,
    flags: u32,
    at: u64,
    address: u64,
    size: u64,
    in_memory: u64,
) -> Vec<u8> {
    let mut bytes = [kind.to_le_bytes(), flags.to_le_bytes()].concat();
    for word in [at, address, 0, size, in_memory, if kind == 1 { PAGE } else { 4 }] {
        bytes.extend(word.to_le_bytes());
    }
    bytes
}

fn notes(pid: u32, areas: &[Area]) -> Vec<u8> {
    let mut status = vec![0; 336];
    status[32..36].copy_from_slice(&pid.to_le_bytes());
    if let Some(stack) = stack_pointer(pid) {
        let at = REGISTERS + 8 * STACK_POINTER;
        status[at..at + 8].copy_from_slice(&stack.to_le_bytes());
    }
    let mut info = vec![0; 136];
    info[24..28].copy_from_slice(&pid.to_le_bytes());
    let command = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap();
    for (to, from) in info[56..135].iter_mut().zip(command) {
        *to = if from == 0 { b' ' } else { from };
    }
    let files: Vec<&Area> = areas.iter().filter(|area| area.path.starts_with('/')).collect();
    let mut list = Vec::new();
    let mut word = |value: u64| list.extend(value.to_le_bytes());
    word(files.len() as u64);
    word(PAGE);
    for file in &files {
        [file.start, file.end, file.offset / PAGE].into_iter().for_each(&mut word);
    }
    for file in files {
        list.extend(file.path.as_bytes());
        list.push(0);
    }
    let auxv = std::fs::read(format!("/proc/{pid}/auxv")).unwrap();
    let all = [(1, &status), (3, &info), (6, &auxv), (0x4649_4c45, &list)];
    all.iter().flat_map(|(kind, bytes)| note(*kind, bytes)).collect()
}

fn note(kind: u32, bytes: &[u8]) -> Vec<u8> {
    let mut note = [5, bytes.len() as u32, kind].map(u32::to_le_bytes).concat();
    note.extend(b"CORE\0\0\0\0");
    note.extend(bytes);
    note.resize(note.len().next_multiple_of(4), 0);
    note
}

/// Of a process that waits: the last word but one of `/proc/PID/syscall`.
fn stack_pointer(pid: u32) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/syscall")).ok()?;
    let words: Vec<&str> = text.split_whitespace().collect();
    let stack = words.get(words.len().checked_sub(2)?)?;
    u64::from_str_radix(stack.strip_prefix("0x")?, 16).ok()
}
