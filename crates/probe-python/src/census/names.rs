//! Names of types as Python shows them.

use std::sync::Arc;

use target::memory::ReadMemory;

use super::rules::{Keys, Rules};
use crate::find::Difference;

/// The longest name of a type that is kept, bytes.
const LONGEST: usize = 256;
/// The most entries of a type's dictionary that are looked through for `__module__`.
const MOST_ENTRIES: u64 = 4096;

/// Reads names.
pub(crate) struct Names<'a, M> {
    pub(crate) rules: &'a Rules,
    pub(crate) memory: &'a M,
    /// How objects differ from what the rules say.
    pub(crate) difference: Difference,
}

impl<'a, M: ReadMemory> Names<'a, M> {
    /// Of objects with the usual header.
    pub(crate) fn new(rules: &'a Rules, memory: &'a M) -> Self {
        Self { rules, memory, difference: Difference::default() }
    }

    /// `module.qualname` of the type at an address; its address in words when it has no name.
    pub(crate) fn of(&self, address: u64) -> Arc<str> {
        let name = self.read(address).unwrap_or_else(|| format!("<type at {address:#x}>"));
        clean(&name, LONGEST).into()
    }

    fn read(&self, address: u64) -> Option<String> {
        let plain = self.memory.read_cstr(self.word(address + 24)?, LONGEST + 8).ok()?;
        let plain = String::from_utf8_lossy(&plain?).into_owned();
        let is_heap = self.word(address + 168)? >> 9 & 1 == 1;
        if !is_heap {
            return Some(if plain.contains('.') { plain } else { format!("builtins.{plain}") });
        }
        let qualified = self.word(address + self.rules.cached_keys - 8);
        let qualified = qualified.and_then(|at| self.text(at, LONGEST));
        let last = || plain.rsplit('.').next().unwrap_or_default().to_owned();
        let name = qualified.filter(|name| !name.is_empty()).unwrap_or_else(last);
        match self.module(address) {
            Some(module) => Some(format!("{module}.{name}")),
            None if plain.contains('.') => Some(plain),
            None => Some(format!("?.{name}")),
        }
    }

    fn word(&self, address: u64) -> Option<u64> {
        self.memory.read_u64(address).ok()
    }

    /// `__module__` in the type's dictionary.
    fn module(&self, address: u64) -> Option<String> {
        self.text(self.entry(address, "__module__")?, LONGEST)
    }

    /// The value of a key in the type's dictionary.
    pub(crate) fn entry(&self, address: u64, wanted: &str) -> Option<u64> {
        let dict = self.word(address.checked_add(264)?).filter(|&dict| dict != 0)?;
        let keys = self.word(dict.checked_add(32)?)?;
        let mut head = [0; 40];
        self.memory.read(keys, &mut head).ok()?;
        let word = |at: usize| head[at..].first_chunk().map(|bytes| u64::from_ne_bytes(*bytes));
        let (entries, first, step, key) = match self.rules.keys {
            Keys::Slots => {
                let slots = word(8).filter(|&slots| slots <= 1 << 32)?;
                let width = if slots <= 0xff {
                    1
                } else if slots <= 0xffff {
                    2
                } else {
                    4
                };
                (word(32)?, 40 + slots * width, 24, 8)
            }
            Keys::Log2 => {
                let indices = 1_u64.checked_shl(head[9].into()).filter(|&n| n <= 1 << 34)?;
                let (step, key) = if head[10] == 0 { (24, 8) } else { (16, 0) };
                (word(24)?, 32 + indices, step, key)
            }
        };
        (0..entries.min(MOST_ENTRIES)).find_map(|entry| {
            let at = keys.checked_add(first + entry * step + key)?;
            let name = self.word(at).filter(|&name| name != 0)?;
            (self.text(name, LONGEST)? == wanted).then(|| self.word(at.checked_add(8)?)).flatten()
        })
    }

    /// A text, cut behind `most` characters and one more.
    pub(crate) fn text(&self, address: u64, most: usize) -> Option<String> {
        let mut head = [0; 80];
        let address = address.checked_add(self.difference.header)?;
        self.memory.read_prefix(address, &mut head).ok().filter(|&read| read >= 64)?;
        let word = |at: u64| head[at as usize..].first_chunk().map(|b| u64::from_ne_bytes(*b));
        let state = u32::from_ne_bytes(*head[32..].first_chunk()?) >> self.difference.text_state;
        let (kind, is_compact, is_ascii) =
            (state >> 2 & 7, state >> 5 & 1 == 1, state >> 6 & 1 == 1);
        let form = &self.rules.text;
        let data = match (is_compact, is_ascii) {
            (true, true) => address.checked_add(form.ascii)?,
            (true, false) => address.checked_add(form.compact)?,
            (false, _) => word(form.compact)?,
        };
        let width = usize::try_from(kind).ok().filter(|width| [1, 2, 4].contains(width))?;
        let length = word(16).map_or(0, |length| length.min(most as u64 + 1)) as usize;
        let mut bytes = vec![0; length * width];
        self.memory.read(data, &mut bytes).ok()?;
        let character = |unit: &[u8]| {
            let code = unit.iter().rev().fold(0, |code, &byte| code << 8 | u32::from(byte));
            char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
        };
        Some(bytes.chunks_exact(width).map(character).collect())
    }
}

/// A name without control characters, and not longer than `most` bytes. The rest becomes an
/// ellipsis.
pub(crate) fn clean(name: &str, most: usize) -> String {
    let mut text = String::new();
    for character in name.chars() {
        if text.len() >= most {
            text.push('…');
            break;
        }
        if character.is_control() {
            text.extend(character.escape_default());
        } else {
            text.push(character);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_names_are_tamed() {
        assert_eq!(clean("a.B", LONGEST), "a.B");
        assert_eq!(clean("a\n\x1b[2J", LONGEST), "a\\n\\u{1b}[2J");
        assert!(clean(&"x".repeat(1 << 20), LONGEST).len() < LONGEST + 8);
    }
}
