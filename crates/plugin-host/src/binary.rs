//! What kind of file a library is, told from its first bytes, because the loader's own words
//! ("wrong ELF class") help nobody.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::Path;

use probe::{Error, ErrorKind, Result, ResultExt};

/// As much of an ELF header as says what the file is for.
const HEADER: usize = 20;

/// Refuses what cannot be a plugin for this program.
///
/// # Errors
/// [`ErrorKind::Incompatible`] or [`ErrorKind::InvalidData`] with what the file is instead.
pub(crate) fn check(path: &Path) -> Result<()> {
    let mut file = File::open(path).context("cannot be opened")?;
    let metadata = file.metadata().context("cannot be looked at")?;
    if !metadata.is_file() {
        return Err(Error::new(ErrorKind::InvalidInput, "is not a file"));
    }
    let mut header = Vec::with_capacity(HEADER);
    file.by_ref().take(HEADER as u64).read_to_end(&mut header).context("cannot be read")?;
    if cfg!(any(target_vendor = "apple", windows)) {
        return Ok(()); // Not ELF; the system's loader has the word.
    }
    check_elf(&header)?;
    check_whole(&file, metadata.len())
}

/// Refuses a file that ends before the parts that it is to be loaded from: the loader maps them
/// without looking, and touching a page beyond the end of a file kills the process.
fn check_whole(file: &File, size: u64) -> Result<()> {
    let cut = || {
        let message = format!("is cut off: it has {size} bytes, and its headers speak of more");
        Error::new(ErrorKind::InvalidData, message).with_hint("copy or build it again")
    };
    for (offset, length) in loaded_parts(file).ok_or_else(cut)? {
        if offset.checked_add(length).is_none_or(|end| end > size) {
            return Err(cut());
        }
    }
    Ok(())
}

/// Offset and length in the file of each part that is loaded. The file is of this machine's
/// class and byte order.
fn loaded_parts(file: &File) -> Option<Vec<(u64, u64)>> {
    const LOAD: u64 = 1;
    let is_64 = usize::BITS == 64;
    let wide = if is_64 { 8 } else { 4 };
    let number = |at: u64, bytes: usize| -> Option<u64> {
        let mut value = [0; 8];
        let place = if cfg!(target_endian = "big") { 8 - bytes } else { 0 };
        file.read_exact_at(value.get_mut(place..place + bytes)?, at).ok()?;
        Some(u64::from_ne_bytes(value))
    };
    let (table, size, count) = if is_64 { (32, 54, 56) } else { (28, 42, 44) };
    let (table, size, count) = (number(table, wide)?, number(size, 2)?, number(count, 2)?);
    let (offset, length) = if is_64 { (8, 32) } else { (4, 16) };
    let mut parts = Vec::new();
    for index in 0..count {
        let header = table.checked_add(index.checked_mul(size)?)?;
        if number(header, 4)? == LOAD {
            let at = |field: u64| number(header.checked_add(field)?, wide);
            parts.push((at(offset)?, at(length)?));
        }
    }
    Some(parts)
}

fn check_elf(header: &[u8]) -> Result<()> {
    const SHARED_OBJECT: u16 = 3;
    let hint = "a plugin is a shared library; build it with crate-type cdylib, or cc -shared";
    let Some((class, data, kind, machine)) = fields(header) else {
        let message = match header {
            [] => "is an empty file",
            [0x7f, b'E', b'L', b'F', ..] => "is cut off within its header",
            _ => "is no shared library (not an ELF file)",
        };
        return Err(Error::new(ErrorKind::InvalidData, message).with_hint(hint));
    };
    let ours = (std::env::consts::ARCH, usize::BITS as u8 / 32, host_data());
    let theirs = architecture(machine);
    if (theirs, class, data) != (ours.0, ours.1, ours.2) {
        let theirs =
            if theirs == "?" { format!("machine number {machine}") } else { theirs.into() };
        let bits = u32::from(class) * 32;
        let message = format!(
            "is built for {theirs} ({bits} bit, {}), and this program for {} ({} bit, {})",
            endianness(data),
            ours.0,
            usize::BITS,
            endianness(ours.2),
        );
        return Err(Error::new(ErrorKind::Incompatible, message)
            .with_hint("get or build the plugin for this machine"));
    }
    if kind != SHARED_OBJECT {
        let message = "is an ELF file, but no shared library";
        return Err(Error::new(ErrorKind::InvalidData, message).with_hint(hint));
    }
    Ok(())
}

/// Class (1: 32 bit, 2: 64 bit), byte order (1: little, 2: big), type and machine.
fn fields(header: &[u8]) -> Option<(u8, u8, u16, u16)> {
    let rest = header.strip_prefix(b"\x7fELF")?;
    let (class, data) = (*rest.first()?, *rest.get(1)?);
    let number = |at: usize| {
        let two: [u8; 2] = header.get(at..at + 2)?.try_into().ok()?;
        Some(if data == 2 { u16::from_be_bytes(two) } else { u16::from_le_bytes(two) })
    };
    Some((class, data, number(16)?, number(18)?))
}

fn host_data() -> u8 {
    if cfg!(target_endian = "big") { 2 } else { 1 }
}

fn endianness(data: u8) -> &'static str {
    match data {
        1 => "little-endian",
        2 => "big-endian",
        _ => "of unknown byte order",
    }
}

/// The name that Rust gives to an ELF machine number.
fn architecture(machine: u16) -> &'static str {
    match machine {
        3 => "x86",
        8 => "mips",
        20 => "powerpc",
        21 => "powerpc64",
        22 => "s390x",
        40 => "arm",
        43 => "sparc64",
        62 => "x86_64",
        183 => "aarch64",
        243 if usize::BITS == 32 => "riscv32",
        243 => "riscv64",
        258 => "loongarch64",
        _ => "?",
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    fn own() -> Vec<u8> {
        let path = std::env::current_exe().expect("this test runs from a file");
        std::fs::read(path).expect("readable")[..HEADER].to_vec()
    }

    /// A library that was cut anywhere is refused, not loaded until it kills us.
    #[test]
    fn a_cut_file_is_refused() {
        let whole = std::env::current_exe().and_then(std::fs::read).expect("readable");
        let path = std::env::temp_dir().join(format!("memprobe-cut-{}", std::process::id()));
        let itself = std::env::current_exe().and_then(File::open).expect("readable");
        let parts = loaded_parts(&itself).expect("a program has parts");
        // What follows the loaded parts (debug information) may be missing.
        let end = parts.iter().map(|(offset, length)| offset + length).max().expect("parts");
        for keep in [64, 100, 5000, end as usize - 1] {
            std::fs::write(&path, &whole[..keep]).expect("writable");
            let file = File::open(&path).expect("readable");
            let error = check_whole(&file, keep as u64).expect_err("refused");
            assert!(error.to_string().contains("cut off"), "{keep}: {error}");
        }
        std::fs::write(&path, &whole).expect("writable");
        let file = File::open(&path).expect("readable");
        assert!(check_whole(&file, whole.len() as u64).is_ok());
        std::fs::remove_file(&path).expect("there");
    }

    fn refusal(header: &[u8]) -> String {
        format!("{:#}", check_elf(header).expect_err("refused"))
    }

    /// A library of this machine passes, and each thing that is wrong is named.
    #[test]
    fn headers_are_told_apart() {
        let mut library = own();
        library[16..18].copy_from_slice(&3u16.to_ne_bytes());
        assert!(check_elf(&library).is_ok());

        let mut other = library.clone();
        let machine: u16 = if cfg!(target_arch = "aarch64") { 62 } else { 183 };
        other[18..20].copy_from_slice(&machine.to_ne_bytes());
        let message = refusal(&other);
        assert!(message.contains(architecture(machine)), "{message}");
        assert!(message.contains(std::env::consts::ARCH), "{message}");

        other[18..20].copy_from_slice(&9999u16.to_ne_bytes());
        assert!(refusal(&other).contains("machine number 9999"));

        let mut program = library.clone();
        program[16..18].copy_from_slice(&2u16.to_ne_bytes());
        assert_eq!(refusal(&program), "is an ELF file, but no shared library");

        assert_eq!(refusal(b""), "is an empty file");
        assert_eq!(refusal(b"#!/bin/sh\n"), "is no shared library (not an ELF file)");
        assert_eq!(refusal(&library[..10]), "is cut off within its header");
    }
}
