//! Text from strangers, made harmless and short.
//!
//! A command line may hold escape sequences that clear the screen, set the clipboard or write
//! "no leak" over the verdict; a type name may hold characters that reverse the direction of
//! what follows, or nothing visible at all.

use std::borrow::Cow;
use std::fmt::Write;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Makes text harmless: control characters, terminal escapes, line ends, and characters that are
/// invisible or change the direction of writing become visible escapes such as `\x1b`.
///
/// Doing it twice changes nothing more.
#[must_use]
pub fn clean(text: &str) -> Cow<'_, str> {
    escape_where(text, is_hostile)
}

/// The same, and everything beyond ASCII becomes an escape as well.
pub(crate) fn clean_ascii(text: &str) -> Cow<'_, str> {
    escape_where(text, |c| !c.is_ascii() || is_hostile(c))
}

fn escape_where(text: &str, hostile: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&hostile) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        // Writing to a string cannot fail.
        let _ = match c {
            '\n' => out.write_str("\\n"),
            '\r' => out.write_str("\\r"),
            '\t' => out.write_str("\\t"),
            c if !hostile(c) => out.write_char(c),
            c if c.is_ascii() => write!(out, "\\x{:02x}", c as u32),
            c => write!(out, "\\u{{{:x}}}", c as u32),
        };
    }
    Cow::Owned(out)
}

/// Whether a character may do more, or show less, than an honest letter.
pub(crate) fn is_hostile(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{3164}' | '\u{feff}'
            | '\u{ffa0}'
            // Zero width, marks of direction, separators of lines, overrides of direction.
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            // Interlinear annotation, tags.
            | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// Columns that clean text takes on a terminal.
pub(crate) fn columns(text: &str) -> usize {
    text.width()
}

/// Cuts the middle out of clean text so that it takes at most `width` columns: both ends of a
/// path or a command line say more than its middle.
pub(crate) fn shorten(text: &str, width: usize, ascii: bool) -> Cow<'_, str> {
    // Marks that take no column of their own must not make it endless.
    let short_enough = columns(text) <= width && text.len() <= width.saturating_mul(8).max(64);
    if short_enough {
        return Cow::Borrowed(text);
    }
    let dots = if ascii { "..." } else { "…" };
    let room = width.saturating_sub(columns(dots));
    // The end says a little more than the beginning: the file of a path, the script's arguments.
    let head_room = room * 2 / 5;
    let head = prefix(text.chars(), head_room);
    let tail: Vec<char> = prefix(text.chars().rev(), room - head_room).chars().rev().collect();
    Cow::Owned(format!("{head}{dots}{}", String::from_iter(tail)))
}

/// As many characters as fit into `room` columns.
fn prefix(chars: impl Iterator<Item = char>, room: usize) -> String {
    let mut used = 0;
    let mut out = String::new();
    for c in chars.take(room.saturating_mul(4)) {
        used += c.width().unwrap_or(0);
        if used > room {
            break;
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Escapes, line ends, bells, direction overrides and invisible characters become visible.
    #[test]
    fn hostile_text_becomes_visible() {
        for (hostile, harmless) in [
            ("plain é 漢字", "plain é 漢字"),
            ("\u{1b}[2J\u{7}", "\\x1b[2J\\x07"),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("a\r\nb\tc\0", "a\\r\\nb\\tc\\x00"),
            ("x\u{202e}cod.exe", "x\\u{202e}cod.exe"),
            ("a\u{200b}b\u{2028}", "a\\u{200b}b\\u{2028}"),
        ] {
            assert_eq!(clean(hostile), harmless);
        }
        assert_eq!(clean_ascii("é\u{1b}"), "\\u{e9}\\x1b");
    }

    /// The middle goes, both ends stay, and wide characters count as what they take.
    #[test]
    fn the_middle_goes() {
        assert_eq!(shorten("short", 5, false), "short");
        assert_eq!(shorten("/usr/lib/python3/app.py", 11, false), "/usr…app.py");
        assert_eq!(shorten("/usr/lib/python3/app.py", 11, true), "/us...pp.py");
        assert_eq!(shorten("漢字漢字漢字", 5, false), "…字");
        assert_eq!(shorten("abc", 1, false), "…");
        let marks = format!("a{}", "\u{301}".repeat(100_000));
        assert!(shorten(&marks, 20, false).len() < 200);
    }

    proptest! {
        /// Whatever the text: nothing hostile is left, twice is as good as once, and what was
        /// shortened fits.
        #[test]
        fn always_harmless(text in ".{0,60}|\\PC*|[\\x00-\\x1f\u{7f}-\u{9f}a-c]{0,40}", width in 3usize..50) {
            let once = clean(&text).into_owned();
            prop_assert!(!once.contains(is_hostile));
            prop_assert_eq!(&*clean(&once), &*once);
            prop_assert!(clean_ascii(&text).is_ascii());
            prop_assert!(columns(&shorten(&once, width, false)) <= width);
        }
    }
}
