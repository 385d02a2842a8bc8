//! Which version an allocator is of, as its file says.

use std::io::Read;

use target::images::Image;
use target::procfs::ProcessDir;

/// The most bytes of a file that are searched.
const MOST: u64 = 16 << 20;
/// The longest version.
const LONGEST: usize = 24;
/// Instructions of a function that are looked at.
const CODE: usize = 16;

/// Whether a file that is called `libc.so`, as several C libraries are, is musl's.
pub(crate) fn is_musl(process: &ProcessDir, image: &Image) -> bool {
    image.file_name() == "libc.so"
        && contents(process, image).is_some_and(|bytes| find(&bytes, b"musl libc (").is_some())
}

/// The version of an allocator: what its file says in a text or in code, else the file's name.
pub(crate) fn version(name: &str, process: &ProcessDir, image: &Image) -> Option<String> {
    let bytes = || contents(process, image);
    let said = match name {
        "glibc" => bytes().and_then(|bytes| glibc(&bytes)),
        "musl" => bytes().and_then(|bytes| alone(&bytes, b"\0")),
        "jemalloc" => bytes().and_then(|bytes| alone(&bytes, b"-0-g")),
        "tcmalloc" => bytes().and_then(|bytes| behind(&bytes, b"gperftools ")),
        "mimalloc" => bytes().and_then(|bytes| mimalloc(process, image, &bytes)),
        _ => None,
    };
    said.or_else(|| in_file_name(image.file_name()))
}

fn contents(process: &ProcessDir, image: &Image) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    image.open(process).ok()?.take(MOST).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

fn find(bytes: &[u8], text: &[u8]) -> Option<usize> {
    bytes.windows(text.len()).position(|window| window == text)
}

/// The number at the beginning: digits with points between them.
fn number(bytes: &[u8]) -> Option<String> {
    let is_part = |byte: &&u8| byte.is_ascii_digit() || **byte == b'.';
    let text: String =
        bytes.iter().take(LONGEST).take_while(is_part).map(|&b| char::from(b)).collect();
    let text = text.trim_end_matches('.');
    text.starts_with(|c: char| c.is_ascii_digit()).then(|| text.to_owned())
}

fn behind(bytes: &[u8], text: &[u8]) -> Option<String> {
    number(&bytes[find(bytes, text)? + text.len()..])
}

/// The number in `GNU C Library (...) stable release version 2.36.`
fn glibc(bytes: &[u8]) -> Option<String> {
    let banner = find(bytes, b"GNU C Library ")?;
    behind(&bytes[banner..bytes.len().min(banner + 200)], b"release version ")
}

/// A number of three parts that is a text of its own up to an end: `5.3.0-0-g...`.
fn alone(bytes: &[u8], end: &[u8]) -> Option<String> {
    let starts = (1..bytes.len()).filter(|&at| bytes[at - 1] == 0 && bytes[at].is_ascii_digit());
    let mut versions = starts.filter_map(|at| {
        let version = number(&bytes[at..])?;
        let is_one = version.bytes().filter(|&b| b == b'.').count() == 2;
        (is_one && bytes[at + version.len()..].starts_with(end)).then_some(version)
    });
    versions.next()
}

/// What the function `mi_version` returns: 209 for 2.0.9, 30600 for 3.6.0.
fn mimalloc(process: &ProcessDir, image: &Image, bytes: &[u8]) -> Option<String> {
    let elf = image.elf(process).ok()?;
    let [function] = elf.symbols(["mi_version"]).ok()?;
    let function = function?;
    let holds = |s: &&target::elf::Segment| {
        (s.vaddr..s.vaddr.saturating_add(s.file_size)).contains(&function)
    };
    let segment = elf.segments.iter().find(holds)?;
    let at = usize::try_from(segment.offset.checked_add(function - segment.vaddr)?).ok()?;
    returned(bytes.get(at..)?.get(..CODE)?).map(digits)
}

/// The number that a function of x86-64 returns that does nothing else.
fn returned(code: &[u8]) -> Option<u32> {
    let code = code.strip_prefix(b"\xf3\x0f\x1e\xfa").unwrap_or(code);
    let number = code.strip_prefix(b"\xb8")?.first_chunk::<4>()?;
    (code.get(5) == Some(&0xc3)).then(|| u32::from_le_bytes(*number))
}

fn digits(version: u32) -> String {
    let base = if version < 10_000 { 10 } else { 100 };
    format!("{}.{}.{}", version / base / base, version / base % base, version % base)
}

/// `libc-2.31.so`, `libmimalloc.so.3.6`, `libasan.so.8.0.0`. A single number is that of an
/// interface, which says little.
fn in_file_name(file: &str) -> Option<String> {
    let tail = file.split_once(".so.").map(|(_, tail)| tail);
    let tail = tail.or_else(|| file.strip_suffix(".so")?.rsplit_once('-').map(|(_, tail)| tail))?;
    number(tail.as_bytes()).filter(|version| version == tail && version.contains('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read() {
        let banner =
            b"\0\0GNU C Library (Debian GLIBC 2.36-9+deb12u10) stable release version 2.36.\n";
        assert_eq!(glibc(banner).as_deref(), Some("2.36"));
        for none in [&b""[..], b"GNU C Library ", b"GNU C Library (x) release version x"] {
            assert_eq!(glibc(none), None);
        }
        let text = b"\x001.2\x005.3.0-0-g54eaed1\x001.2.6\0";
        assert_eq!(alone(text, b"-0-g").as_deref(), Some("5.3.0"));
        assert_eq!(alone(text, b"\0").as_deref(), Some("1.2.6"));
        assert_eq!(alone(b"\x001.2.6", b"\0"), None);
        assert_eq!(behind(b"..gperftools 2.10\0", b"gperftools ").as_deref(), Some("2.10"));
    }

    #[test]
    fn code_is_read() {
        let plain = [0xb8, 0xd1, 0, 0, 0, 0xc3];
        assert_eq!(returned(&plain).map(digits).as_deref(), Some("2.0.9"));
        let guarded = [0xf3, 0x0f, 0x1e, 0xfa, 0xb8, 0x88, 0x77, 0, 0, 0xc3];
        assert_eq!(returned(&guarded).map(digits).as_deref(), Some("3.6.0"));
        for other in [&[][..], &[0xb8, 1], &[0xb8, 1, 0, 0, 0, 0x90], &[0xc3; 16]] {
            assert_eq!(returned(other), None);
        }
    }

    #[test]
    fn file_names_are_read() {
        for (file, version) in [
            ("libc-2.31.so", Some("2.31")),
            ("libmimalloc.so.3.6", Some("3.6")),
            ("libasan.so.8.0.0", Some("8.0.0")),
            ("libjemalloc.so.2", None),
            ("libc.so.6", None),
            ("libx-.so", None),
        ] {
            assert_eq!(in_file_name(file).as_deref(), version, "{file}");
        }
    }
}
