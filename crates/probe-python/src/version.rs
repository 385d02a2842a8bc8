//! The version of an interpreter, and the places that tell it.

use std::fmt;

/// The longest version that is believed: `3.15.10rc12+`.
const MAX_TEXT: usize = 16;

/// A version of CPython.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Version {
    /// 3.
    pub major: u32,
    /// 11.
    pub minor: u32,
    /// 7, and what follows: `7`, `0rc2`, `7+`. `None`: not known.
    pub rest: Option<String>,
}

impl Version {
    /// From the number that C code knows as `PY_VERSION_HEX`; `None` when it is none.
    #[must_use]
    pub fn from_hex(hex: u32) -> Option<Self> {
        let [major, minor, micro, last] = hex.to_be_bytes();
        let serial = last & 0xf;
        let suffix = match last >> 4 {
            0xa => format!("a{serial}"),
            0xb => format!("b{serial}"),
            0xc => format!("rc{serial}"),
            0xf => String::new(),
            _ => return None,
        };
        let rest = Some(format!("{micro}{suffix}"));
        (2..=4).contains(&major).then_some(Self { major: major.into(), minor: minor.into(), rest })
    }

    /// From the name of a program or library: `python3.9`, `libpython3.6m.so.1.0`. Such a name
    /// has no patch level.
    #[must_use]
    pub fn from_file_name(name: &str) -> Option<Self> {
        let tail = &name[name.find("python")? + "python".len()..];
        let (major, tail) = split_number(tail)?;
        let (minor, _) = split_number(tail.strip_prefix('.')?)?;
        Some(Self { major, minor, rest: None })
    }

    /// From the text that `sys.version` shows, found in the interpreter's data:
    /// `3.10.13 (main, May  9 2026, 07:34:36) [GCC 12.2.0]`.
    #[must_use]
    pub fn from_banner(data: &[u8]) -> Option<Self> {
        // The number is cheap to look for by what follows it.
        let mut from = 0;
        while let Some(at) = data[from..].windows(2).position(|w| w == b" (").map(|p| p + from) {
            let tail = &data[at..data.len().min(at + 200)];
            // Not farther back than a number is long: the data may be one endless text.
            let near = &data[at.saturating_sub(MAX_TEXT + 1)..at];
            let number = near.rsplit(|&b| b == 0).next().unwrap_or_default();
            if number.len() <= MAX_TEXT
                && tail.windows(3).any(|w| w == b") [" || w == b") \n")
                && let Some(version) = std::str::from_utf8(number).ok().and_then(Self::parse)
            {
                return Some(version);
            }
            from = at + 2;
        }
        None
    }

    /// From `3.11.7` and the like: at least three numbers.
    fn parse(text: &str) -> Option<Self> {
        let (major, tail) = split_number(text)?;
        let (minor, tail) = split_number(tail.strip_prefix('.')?)?;
        let rest = tail.strip_prefix('.')?;
        let sane = rest.starts_with(|c: char| c.is_ascii_digit())
            && rest.chars().all(|c| c.is_ascii_alphanumeric() || c == '+');
        let version = Self { major, minor, rest: Some(rest.to_owned()) };
        (sane && (2..=4).contains(&major)).then_some(version)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)?;
        self.rest.as_ref().map_or(Ok(()), |rest| write!(f, ".{rest}"))
    }
}

/// A leading number of at most three digits, and what follows.
fn split_number(text: &str) -> Option<(u32, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    (1..=3).contains(&end).then(|| text[..end].parse().ok().map(|n| (n, &text[end..])))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_source_is_read() {
        let text = |v: Option<Version>| v.map(|v| v.to_string());
        let is = |s: &str| Some(s.to_owned());
        assert_eq!(text(Version::from_hex(0x030b_07f0)), is("3.11.7"));
        assert_eq!(text(Version::from_hex(0x030f_00c2)), is("3.15.0rc2"));
        assert_eq!(text(Version::from_hex(0x0000_07f0)), None);
        assert_eq!(text(Version::from_hex(0x030b_0710)), None);
        assert_eq!(text(Version::from_file_name("libpython3.6m.so.1.0")), is("3.6"));
        assert_eq!(text(Version::from_file_name("python3.12")), is("3.12"));
        for none in ["python", "python3", "perl", "python99999.1", "libpython3.so"] {
            assert_eq!(text(Version::from_file_name(none)), None);
        }
        let banner = b"x\0y (a) [b\x003.9.18 (main, May  9 2026) [GCC 12.2.0]\0";
        assert_eq!(text(Version::from_banner(banner)), is("3.9.18"));
        let old = b"\x003.7.16+ (default, Dec  6 2022, 10:00:00) \n[GCC 12.2.0]\0";
        assert_eq!(text(Version::from_banner(old)), is("3.7.16+"));
        for none in [&b""[..], b" (", b"3.9.18", b"\0lib 3.9.18 (a) [b", b"3.9 (a) [b"] {
            assert_eq!(text(Version::from_banner(none)), None);
        }
    }
}
