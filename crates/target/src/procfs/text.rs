//! The small grammar that all files of `/proc` share: lines, words, decimal and hexadecimal
//! numbers, `kB`. Everything here accepts any bytes and never panics.

use std::borrow::Cow;

/// A decimal number and nothing else.
pub(super) fn number(bytes: &[u8]) -> Option<u64> {
    if bytes.is_empty() {
        return None;
    }
    bytes.iter().try_fold(0_u64, |sum, &byte| {
        let digit = byte.checked_sub(b'0').filter(|&d| d < 10)?;
        sum.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

/// A hexadecimal number in lower case, without `0x`, and nothing else.
pub(super) fn hex(bytes: &[u8]) -> Option<u64> {
    if bytes.is_empty() || bytes.len() > 16 {
        return None;
    }
    bytes.iter().try_fold(0_u64, |sum, &byte| {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            _ => return None,
        };
        Some(sum << 4 | u64::from(digit))
    })
}

/// `1234 kB`, with blanks around, in bytes. One pass: a big `smaps` has a million of these.
pub(super) fn kib(bytes: &[u8]) -> Option<u64> {
    let bytes = bytes.trim_ascii();
    let mut value = 0_u64;
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'0'..=b'9' => value = value.checked_mul(10)?.checked_add(u64::from(byte - b'0'))?,
            _ if at > 0 && &bytes[at..] == b" kB" => return value.checked_mul(1024),
            _ => return None,
        }
    }
    None
}

/// Lines without their ends. A last line without an end counts.
pub(super) fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split(|&b| b == b'\n').filter(|line| !line.is_empty())
}

/// What stands between blanks.
pub(super) fn words(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split(|b| matches!(b, b' ' | b'\t')).filter(|word| !word.is_empty())
}

/// `name: value` split at the first colon.
pub(super) fn field(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = line.iter().position(|&b| b == b':')?;
    Some((&line[..colon], line[colon + 1..].trim_ascii()))
}

/// Text for people and for table cells: what is not UTF-8 becomes `U+FFFD`.
pub(super) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Undoes the kernel's `\040` for characters that would break the line or the field.
pub(super) fn unescape(bytes: &[u8]) -> Cow<'_, [u8]> {
    if !bytes.contains(&b'\\') {
        return Cow::Borrowed(bytes);
    }
    let mut plain = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let [first, tail @ ..] = rest {
        match (first, tail) {
            (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', after @ ..]) => {
                plain.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
                rest = after;
            }
            _ => {
                plain.push(*first);
                rest = tail;
            }
        }
    }
    Cow::Owned(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers are whole or nothing: no sign, no overflow, no stray letter.
    #[test]
    fn numbers_are_strict() {
        assert_eq!(number(b"18446744073709551615"), Some(u64::MAX));
        for bad in [&b""[..], b"18446744073709551616", b"-1", b"+1", b"1a", b" 1"] {
            assert_eq!(number(bad), None, "{bad:?}");
        }
        assert_eq!(hex(b"ffffffffff600000"), Some(0xffff_ffff_ff60_0000));
        for bad in [&b""[..], b"0x1", b"g", b"10000000000000000"] {
            assert_eq!(hex(bad), None, "{bad:?}");
        }
        assert_eq!(kib(b"     12 kB"), Some(12 << 10));
        assert_eq!(kib(b"18446744073709551615 kB"), None);
        for bad in [&b""[..], b"12", b"kB", b" kB", b"1 kBx", b"1 MB", b"-1 kB", b"1  kB"] {
            assert_eq!(kib(bad), None, "{bad:?}");
        }
    }

    /// Escapes of three octal digits are undone; anything that only looks like one stays.
    #[test]
    fn escapes_are_undone() {
        assert_eq!(&*unescape(br"/a\040b\134c"), br"/a b\c");
        assert_eq!(&*unescape(br"\9\04\777\"), br"\9\04\777\");
    }
}
