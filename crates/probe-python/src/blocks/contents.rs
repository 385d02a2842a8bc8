//! What blocks seem to hold.

use std::collections::HashMap;

use super::libraries::Libraries;
use super::{Content, NO_LIBRARY};

/// In the order of their values.
pub(super) const CONTENTS: [Content; 5] =
    [Content::Zero, Content::Text, Content::Pointers, Content::Code, Content::Other];
/// Libraries whose number stands with what a block holds: five bits are left.
const SHORT: usize = 30;
/// Stands for a library that is in a list.
const LISTED: usize = 31;

/// What a block seems to hold, and the library that it points into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Look {
    pub(super) content: Content,
    pub(super) library: u16,
}

/// That of neighbouring blocks, in a byte each.
#[derive(Debug, Default)]
pub(super) struct Looks {
    codes: Vec<u8>,
    /// Libraries that do not fit into it, by the number of the block.
    listed: HashMap<u32, u16>,
}

impl Looks {
    /// Adds the next block. `extensions`: the numbers of the libraries that are looked for.
    pub(super) fn push(&mut self, look: Look, extensions: &[u16]) {
        let short = || extensions.iter().take(SHORT).position(|&number| number == look.library);
        let library = match look.library {
            NO_LIBRARY => 0,
            _ => short().map_or(LISTED, |place| place + 1),
        };
        if library == LISTED {
            self.listed.insert(self.codes.len() as u32, look.library);
        }
        self.codes.push(look.content as u8 | (library as u8) << 3);
    }

    pub(super) fn get(&self, block: usize, extensions: &[u16]) -> Option<Look> {
        let code = *self.codes.get(block)?;
        let library = match usize::from(code >> 3) {
            0 => None,
            LISTED => self.listed.get(&(block as u32)),
            place => extensions.get(place - 1),
        };
        let content = *CONTENTS.get(usize::from(code & 7))?;
        Some(Look { content, library: library.copied().unwrap_or(NO_LIBRARY) })
    }

    pub(super) fn reserve(&mut self, blocks: usize) {
        self.codes.reserve_exact(blocks);
    }
}

/// The words of a block, counted.
#[derive(Debug, Default)]
pub(super) struct Contents {
    /// All of them.
    pub(super) words: u64,
    pub(super) zero: u64,
    pub(super) text: u64,
    pub(super) pointers: u64,
    /// Whether the first word leads into a library.
    starts_in: bool,
    extension: Option<u16>,
}

impl Contents {
    /// Looks at a word that leads to no block; `first`: it is the first one.
    pub(super) fn add(&mut self, word: u64, first: bool, libraries: &Libraries) {
        if is_text(word) {
            self.text += 1;
        } else if let Some((library, code)) = libraries.of(word) {
            self.starts_in |= first;
            if libraries.is_extension(library) && (self.extension.is_none() || code) {
                self.extension = Some(library);
            }
        }
    }

    pub(super) fn look(&self) -> Look {
        let content = if self.starts_in {
            Content::Code
        } else if self.zero == self.words {
            Content::Zero
        } else if 2 * self.text >= self.words - self.zero.min(self.words) {
            Content::Text
        } else if 4 * self.pointers >= self.words {
            Content::Pointers
        } else {
            Content::Other
        };
        Look { content, library: self.extension.unwrap_or(NO_LIBRARY) }
    }
}

/// Whether all bytes of a word are printable, or zero behind those that are; three at least.
#[inline]
pub(super) fn is_text(word: u64) -> bool {
    const HIGHEST: u64 = 0x8080_8080_8080_8080;
    word & HIGHEST == 0 && word >> 16 != 0 && is_printable(word)
}

fn is_printable(word: u64) -> bool {
    let bytes = word.to_le_bytes();
    let length = 8 - word.leading_zeros() as usize / 8;
    let printable = |byte: &u8| (0x20..0x7f).contains(byte) || (9..14).contains(byte);
    bytes[..length].iter().all(printable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_told_from_numbers() {
        for text in ["a-word::", "abc\0\0\0\0\0", "tab\tand\n"] {
            assert!(is_text(u64::from_le_bytes(text.as_bytes().try_into().unwrap())), "{text}");
        }
        for number in [0, 1, 0x41, 0x5555_5555_1230, u64::MAX, 0x6161_0061_6161_6161] {
            assert!(!is_text(number), "{number:#x}");
        }
    }

    #[test]
    fn looks_come_back() {
        let extensions: Vec<u16> = (0..100).map(|number| number * 7).collect();
        let libraries = [NO_LIBRARY, 0, 7, 29 * 7, 30 * 7, 99 * 7, 5];
        let all = CONTENTS.into_iter().flat_map(|content| {
            libraries.into_iter().map(move |library| Look { content, library })
        });
        let all: Vec<Look> = all.collect();
        let mut looks = Looks::default();
        all.iter().for_each(|&look| looks.push(look, &extensions));
        for (block, look) in all.iter().enumerate() {
            assert_eq!(looks.get(block, &extensions), Some(*look), "{block}");
        }
        assert_eq!(looks.get(all.len(), &extensions), None);
    }
}
